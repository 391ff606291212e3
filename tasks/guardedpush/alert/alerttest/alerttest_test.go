package alerttest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/tasks/guardedpush/alert/alerttest"
)

var formats = []string{"teams", "slack", "pagerduty", "generic"}

// document is what package alert sends.
func document(t *testing.T, format string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "testdata", format+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestValidateTakesWhatIsRight(t *testing.T) {
	t.Parallel()
	right := map[string]string{
		"slack":     `{"text":"a <https://x.example/?a=1&amp;b=2|link> &lt;"}`,
		"pagerduty": `{"routing_key":"0123456789abcdef0123456789abcdef","event_action":"resolve","dedup_key":"k"}`,
		"generic":   `{"version":1,"kind":"reset","key":"k","title":"t"}`,
		"teams": `{"type":"message","attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","content":` +
			`{"type":"AdaptiveCard","version":"1.2","body":[{"type":"Container","items":[{"type":"TextBlock","text":"x","wrap":true}]},` +
			`{"type":"FactSet","facts":[{"title":"a","value":"b"}]}]}}]}`,
	}
	for _, format := range formats {
		for _, body := range []string{document(t, format), right[format]} {
			if err := alerttest.Validate(format, []byte(body)); err != nil {
				t.Errorf("Validate(%q, %s): %v", format, body, err)
			}
		}
	}
}

// TestValidateRefusesWhatIsWrong: each case replaces a part of a right document.
func TestValidateRefusesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ format, old, new, want string }{
		"unknown format":           {"irc", "", "", "no receiver"},
		"an old card for Teams":    {"teams", `"type": "message"`, `"@type": "MessageCard"`, `no type`},
		"no attachments":           {"teams", `"attachments"`, `"attachment"`, "no attachments"},
		"attachments are null":     {"teams", `"attachments": [`, `"attachments": null, "x": [`, "$"},
		"another kind of content":  {"teams", "card.adaptive", "card.hero", "contentType"},
		"an address of the card":   {"teams", `"contentUrl": null`, `"contentUrl": "x"`, "not null"},
		"too new a card":           {"teams", `"1.4"`, `"1.6"`, "version"},
		"unknown element":          {"teams", `"RichTextBlock"`, `"Carousel"`, `unknown type "Carousel"`},
		"unknown property":         {"teams", `"spacing"`, `"spaceing"`, `unknown field "spaceing"`},
		"unknown color":            {"teams", `"Attention"`, `"Red"`, "color"},
		"empty run":                {"teams", `"Run: "`, `""`, "0 characters"},
		"a script to open":         {"teams", `"https://dev.azure.com/contoso/shop/_build`, `"javascript:`, "url"},
		"too large a card":         {"teams", `"Run: "`, `"` + strings.Repeat(" ", 28<<10) + `"`, "bytes"},
		"mention":                  {"teams", `"width": "Full"`, `"entities": []`, "entities"},
		"long header":              {"slack", `"Circuit breaker tripped: shop-deploy"`, `"` + strings.Repeat("x", 151) + `"`, "151 characters"},
		"markup in a header":       {"slack", `"type": "plain_text"`, `"type": "mrkdwn"`, "type"},
		"mention of a channel":     {"slack", "4 runs", "<!channel>", "not escaped"},
		"ampersand":                {"slack", "4 runs", "a & b", "not escaped"},
		"unknown block":            {"slack", `"section"`, `"sektion"`, `unknown type "sektion"`},
		"section without text":     {"slack", `"fields"`, `"felder"`, "felder"},
		"no text":                  {"slack", `"text": "Circuit breaker tripped: shop-deploy: 4 runs`, `"txt": "4 runs`, "no text"},
		"long section":             {"slack", "4 runs", strings.Repeat("x", 3001), "characters"},
		"unknown field in Slack":   {"slack", `"mrkdwn": false`, `"username": "x"`, "username"},
		"short key of PagerDuty":   {"pagerduty", "0123456789abcdef0123456789ABCDEF", "0123", "routing_key"},
		"unknown action":           {"pagerduty", `"trigger"`, `"explode"`, "$"},
		"unknown severity":         {"pagerduty", `"critical"`, `"fatal"`, "severity"},
		"long summary":             {"pagerduty", `"summary": "`, `"summary": "` + strings.Repeat("x", 1024), "summary"},
		"long key of the incident": {"pagerduty", `"dedup_key": "`, `"dedup_key": "` + strings.Repeat("x", 255), "dedup_key"},
		"no source":                {"pagerduty", `"source"`, `"sauce"`, "source"},
		"details that are a text":  {"pagerduty", `"custom_details": {`, `"custom_details": "x", "x": {`, "$"},
		"resolve without its key": {
			"pagerduty", `"event_action": "trigger"`, `"event_action": "resolve"`, "$",
		},
		"not a time":         {"pagerduty", `"timestamp": "2026-11-22T12:00:00Z"`, `"timestamp": "today"`, "timestamp"},
		"another version":    {"generic", `"version": 1`, `"version": 2`, "version"},
		"unknown kind":       {"generic", `"tripped"`, `"slipped"`, "kind"},
		"no key":             {"generic", `"key": "contoso/shop/7"`, `"key": ""`, "key"},
		"no list of actions": {"generic", `"actions": [`, `"actions": 1, "fix": [`, "$"},
		"control characters": {"generic", "shop-deploy", `shop\u001b`, "control"},
		"unknown field":      {"generic", `"fix"`, `"fixes"`, "fixes"},
		"no JSON":            {"generic", `"version"`, `version`, "no JSON"},
		"two documents":      {"generic", "{\n", "{}{\n", "after"},
		"not UTF-8":          {"generic", "shop", "\xff", "UTF-8"},
		"a list":             {"generic", "{\n", "[]\n//", ""},
	} {
		var body string
		if tc.format != "irc" {
			body = document(t, tc.format)
			changed := strings.Replace(body, tc.old, tc.new, 1)
			if changed == body {
				t.Errorf("%s: %q is not in the document", name, tc.old)
				continue
			}
			body = changed
		}
		err := alerttest.Validate(tc.format, []byte(body))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: Validate(%q, ...) = %v, want an error with %q", name, tc.format, err, tc.want)
		}
	}
}
