package alerttest

import (
	"fmt"
	"regexp"
	"strings"
)

// teams is a message with one Adaptive Card, up to version 1.4, as Workflows want it. An
// old MessageCard has no attachments, and the flow fails.
func teams() rule {
	var element rule
	nested := func(path string, v any) error { return element(path, v) }
	words, spacing := text(1, 4000), one("None", "Small", "Default", "Medium", "Large", "ExtraLarge", "Padding")
	style := fields{
		"size": one("Small", "Default", "Medium", "Large", "ExtraLarge"), "weight": one("Lighter", "Default", "Bolder"),
		"color":    one("Default", "Dark", "Light", "Accent", "Good", "Warning", "Attention"),
		"isSubtle": boolean, "fontType": one("Default", "Monospace"),
	}
	block := fields{"spacing": spacing, "separator": boolean}
	run := object(fields{"type": one("TextRun"), "text": words},
		joined(style, fields{"italic": boolean, "strikethrough": boolean, "highlight": boolean}))
	fact := object(fields{"title": words, "value": words}, nil)
	element = kinds(map[string]rule{
		"TextBlock": object(fields{"type": one("TextBlock"), "text": words},
			joined(style, block, fields{"wrap": boolean})),
		"RichTextBlock": object(fields{"type": one("RichTextBlock"), "inlines": list(1, 100, run)}, block),
		"FactSet":       object(fields{"type": one("FactSet"), "facts": list(1, 100, fact)}, block),
		"Container":     object(fields{"type": one("Container"), "items": list(1, 100, nested)}, block),
	})
	action := object(fields{"type": one("Action.OpenUrl"), "url": address(2000)}, fields{"title": text(1, 100)})
	card := object(
		fields{
			"type": one("AdaptiveCard"), "version": one("1.0", "1.1", "1.2", "1.3", "1.4"),
			"body": list(1, 200, element),
		},
		fields{
			"$schema": one("http://adaptivecards.io/schemas/adaptive-card.json"), "fallbackText": words,
			"actions": list(0, 6, action), "msteams": object(nil, fields{"width": one("Full")}),
		})
	attachment := object(
		fields{"contentType": one("application/vnd.microsoft.card.adaptive"), "content": card},
		fields{"contentUrl": null})
	return object(fields{"type": one("message"), "attachments": list(1, 1, attachment)}, nil)
}

// slack is a message of an incoming webhook with blocks.
func slack() rule {
	plain := func(most int) rule {
		return object(fields{"type": one("plain_text"), "text": markup(most)}, fields{"emoji": boolean})
	}
	either := func(most int) rule {
		return kinds(map[string]rule{
			"plain_text": plain(most),
			"mrkdwn":     object(fields{"type": one("mrkdwn"), "text": markup(most)}, fields{"verbatim": boolean}),
		})
	}
	section := func(path string, v any) error {
		err := object(fields{"type": one("section")},
			fields{"text": either(3000), "fields": list(1, 10, either(2000))})(path, v)
		if o, ok := v.(map[string]any); err == nil && ok && o["text"] == nil && o["fields"] == nil {
			err = fmt.Errorf("%s has neither text nor fields", path)
		}
		return err
	}
	block := kinds(map[string]rule{
		"header":  object(fields{"type": one("header"), "text": plain(150)}, nil),
		"section": section,
		"context": object(fields{"type": one("context"), "elements": list(1, 10, either(3000))}, nil),
		"divider": object(fields{"type": one("divider")}, nil),
	})
	return object(fields{"text": markup(40_000)}, fields{
		"blocks": list(1, 50, block), "mrkdwn": boolean, "unfurl_links": boolean, "unfurl_media": boolean,
	})
}

var (
	slackLink   = regexp.MustCompile(`<https?://[^<>|\s]+(\|[^<>|]+)?>`)
	slackEntity = regexp.MustCompile(`&(amp|lt|gt);`)
)

// markup is a text in which & < > are escaped, but for those of links: anything else
// would be a mention, or is not what was meant.
func markup(most int) rule {
	return func(path string, v any) error {
		if err := text(1, most)(path, v); err != nil {
			return err
		}
		bare := slackLink.ReplaceAllString(slackEntity.ReplaceAllString(v.(string), ""), "")
		if strings.ContainsAny(bare, "&<>") {
			return fmt.Errorf("%s has & < or > that are not escaped", path)
		}
		return nil
	}
}

func joined(all ...fields) fields {
	sum := fields{}
	for _, f := range all {
		for name, rule := range f {
			sum[name] = rule
		}
	}
	return sum
}
