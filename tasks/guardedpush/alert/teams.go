package alert

import "strings"

// object is one of JSON.
type object map[string]any

// teams is a message with an Adaptive Card. Version 1.4 is the newest that Workflows and
// all clients of Teams show.
func (n news) teams() any {
	card := object{
		"$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
		"type":    "AdaptiveCard", "version": "1.4",
		"fallbackText": cardText(n.title),
		"body":         n.cardBody(),
		"msteams":      object{"width": "Full"},
	}
	if address := webAddress(n.RunURL); address != "" {
		card["actions"] = []object{{"type": "Action.OpenUrl", "title": "Open the run", "url": address}}
	}
	return object{
		"type": "message",
		"attachments": []object{{
			"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": nil, "content": card,
		}},
	}
}

func (n news) cardBody() []object {
	color := map[Kind]string{Tripped: "Attention", Overridden: "Warning", Reset: "Good"}[n.Kind]
	title := run(n.title)
	title["size"], title["weight"], title["color"] = "Large", "Bolder", color
	body := []object{paragraph(title)}
	if reason := plain(n.Reason, maxReason); reason != "" {
		body = append(body, paragraph(run(reason)))
	}
	for _, f := range n.facts() {
		body = append(body, tight(paragraph(bold(f.name+": "), run(f.value))))
	}
	if actions := n.actions(); len(actions) > 0 {
		body = append(body, paragraph(bold("What was done")))
		for _, line := range actions {
			body = append(body, tight(paragraph(run("• "+line))))
		}
	}
	if fix := plain(n.Fix, maxReason); fix != "" {
		body = append(body, paragraph(bold("What to do: "), run(fix)))
	}
	return body
}

// paragraph is a text of runs, and not a TextBlock: that one reads Markdown, with links.
func paragraph(runs ...object) object { return object{"type": "RichTextBlock", "inlines": runs} }

func run(text string) object { return object{"type": "TextRun", "text": cardText(text)} }

func bold(text string) object {
	r := run(text)
	r["weight"] = "Bolder"
	return r
}

func tight(p object) object {
	p["spacing"] = "Small"
	return p
}

// cardText keeps {{DATE(...)}} and ${...} from being filled in.
func cardText(text string) string {
	for strings.Contains(text, "{{") {
		text = strings.ReplaceAll(text, "{{", "{ {")
	}
	return strings.ReplaceAll(text, "${", "$ {")
}
