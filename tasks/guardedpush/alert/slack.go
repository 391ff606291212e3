package alert

import "strings"

// Slack's limits.
const (
	slackHeader  = 150
	slackField   = 2000
	slackSection = 3000
)

// slack is a message with blocks. Its texts are plain_text, in which nothing is markup;
// only the link is not, and that is ours.
func (n news) slack() any {
	blocks := []object{{"type": "header", "text": slackText(n.title, slackHeader)}}
	section := func(text string) {
		if text != "" {
			blocks = append(blocks, object{"type": "section", "text": slackText(text, slackSection)})
		}
	}
	section(plain(n.Reason, maxReason))
	var fields []object
	for _, f := range n.facts() {
		fields = append(fields, slackText(f.name+": "+f.value, slackField))
	}
	blocks = append(blocks, object{"type": "section", "fields": fields}) // there is a key always
	if actions := n.actions(); len(actions) > 0 {
		text := object{"type": "plain_text", "text": slackList("What was done:", actions), "emoji": false}
		blocks = append(blocks, object{"type": "section", "text": text})
	}
	if fix := plain(n.Fix, maxReason); fix != "" {
		section("What to do: " + fix)
	}
	if address := webAddress(n.RunURL); address != "" {
		link := "<" + strings.ReplaceAll(address, "&", "&amp;") + "|Open the run>"
		blocks = append(blocks, object{"type": "context", "elements": []object{
			{"type": "mrkdwn", "text": link, "verbatim": true},
		}})
	}
	return object{
		"text": escaped(n.summary(), slackSection), "mrkdwn": false, "blocks": blocks,
		"unfurl_links": false, "unfurl_media": false,
	}
}

func slackText(text string, most int) object {
	return object{"type": "plain_text", "text": escaped(text, most), "emoji": false}
}

// slackList is a text of several lines. Escapes make lines longer; one that there is no
// room for is left out whole.
func slackList(text string, lines []string) string {
	const more = "\n..."
	for _, line := range lines {
		line = "\n• " + escaped(line, slackSection)
		if units(text)+units(line)+len(more) > slackSection {
			return text + more
		}
		text += line
	}
	return text
}

// summary is the event in one line.
func (n news) summary() string {
	if reason := plain(n.Reason, maxReason); reason != "" {
		return n.title + ": " + reason
	}
	return n.title
}
