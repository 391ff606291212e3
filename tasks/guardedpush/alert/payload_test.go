package alert_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/tasks/guardedpush/alert"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/alert/alerttest"
)

const routingKey = "0123456789abcdef0123456789ABCDEF"

var (
	formats = []alert.Format{alert.Teams, alert.Slack, alert.PagerDuty, alert.Generic}
	kinds   = []alert.Kind{alert.Tripped, alert.Overridden, alert.Reset}
)

func event() alert.Event {
	return alert.Event{
		Kind: alert.Tripped, Time: time.Date(2026, 11, 22, 13, 0, 0, 0, time.FixedZone("", 3600)),
		Key: "contoso/shop/7", Pipeline: "shop-deploy", Run: "20261122.4",
		RunURL:     "https://dev.azure.com/contoso/shop/_build/results?buildId=104&view=results",
		Repository: "https://dev.azure.com/contoso/shop/_git/config", Branch: "main",
		Reason:  "4 runs of this pipeline within 10 minutes, the limit is 3",
		Actions: []string{"run 103 was cancelled", "the pipeline was not disabled: the permission Edit build pipeline is missing"},
		Fix:     "Find out what starts the pipeline again, then reset the breaker.",
	}
}

func with(edit func(*alert.Event)) alert.Event {
	e := event()
	edit(&e)
	return e
}

func payload(t *testing.T, f alert.Format, e alert.Event) []byte {
	t.Helper()
	body, err := alert.Payload(f, e, routingKey)
	if err != nil {
		t.Fatalf("Payload(%s, %+v): %v", f, e, err)
	}
	return body
}

// indented is a document for people to compare.
func indented(t *testing.T, body []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("%s is no JSON: %v", body, err)
	}
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + "\n"
}

// TestPayloads compares with files that are there to be read, too.
func TestPayloads(t *testing.T) {
	t.Parallel()
	for _, f := range formats {
		got := indented(t, payload(t, f, event()))
		file := filepath.Join("testdata", string(f)+".json")
		if os.Getenv("UPDATE") != "" {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatalf("%v; UPDATE=1 go test writes it", err)
		}
		if diff := cmp.Diff(strings.ReplaceAll(string(want), "\r\n", "\n"), got); diff != "" {
			t.Errorf("Payload(%s) (-%s +got):\n%s", f, file, diff)
		}
	}
}

// nasty are texts that mean something to one of the receivers, or to a log.
var nasty = map[string]string{
	"markdown":      "[click](https://evil.example) **b** _i_ `c` ![p](https://evil.example/p.png) # h",
	"slack":         "<!channel> <@U123> <https://evil.example|click> *b* :tada: &lt; & &amp;",
	"card":          "<at>All</at> {{{DATE(2026-11-22T12:00:00Z,SHORT)}}} ${x} @{body()} {{{{",
	"HTML":          `<script>alert(1)</script><img src=x onerror=y> "quoted" 'x'`,
	"log":           "##vso[task.setvariable variable=x]y\r\n##[error]z",
	"control":       "a\x00b\x1b[31mc\u202ed\u200be\ufefff\u2028g\x7f",
	"not UTF-8":     "a\xff\xfeb\xc3",
	"JSON":          `","x":"` + "\\\"\\u0000",
	"long":          strings.Repeat("word ", 20_000),
	"long, one":     strings.Repeat("x", 100_000),
	"long, escapes": strings.Repeat("&<>", 20_000),
	"long, wide":    strings.Repeat("漢", 20_000),
	"long, emoji":   strings.Repeat("🚀", 20_000),
	"long, braces":  strings.Repeat("{", 20_000),
	"long, quotes":  strings.Repeat(`"\`, 20_000),
	"blank":         " \t\n ",
	"empty":         "",
}

func filled(text string) alert.Event {
	return alert.Event{
		Kind: alert.Tripped, Time: event().Time, Key: "k" + text, Pipeline: text, Run: text, RunURL: text, Repository: text,
		Branch: text, Reason: text, Actions: slicesOf(100, text), Fix: text,
	}
}

func slicesOf(n int, text string) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = text
	}
	return all
}

// TestReceiversTakeEveryEvent: whatever the texts are, each receiver takes the document.
func TestReceiversTakeEveryEvent(t *testing.T) {
	t.Parallel()
	events := map[string]alert.Event{
		"whole": event(), "bare": {Key: "k"}, "odd address": with(func(e *alert.Event) {
			e.RunURL = "https://tfs.example:8080/tfs/c/p|x>/_build?a=<b>&c=|d|\"'(e)#f"
		}),
		"long address": with(func(e *alert.Event) { e.RunURL = "https://x.example/" + strings.Repeat("a", 3000) }),
	}
	for name, text := range nasty {
		events[name] = filled(text)
	}
	for name, e := range events {
		for _, f := range formats {
			for _, e.Kind = range kinds {
				body := payload(t, f, e)
				if err := alerttest.Validate(string(f), body); err != nil {
					t.Errorf("%s, %s, %s: the receiver refuses it: %v\n%.300s", name, f, e.Kind, err, body)
				}
			}
		}
	}
}

// each calls visit with all texts of a document, and the names of the fields they are in.
func each(v any, name string, visit func(name, text string)) {
	switch v := v.(type) {
	case map[string]any:
		for name, item := range v {
			each(item, name, visit)
		}
	case []any:
		for _, item := range v {
			each(item, name, visit)
		}
	case string:
		visit(name, v)
	}
}

// TestTextsStayTexts: nothing of an event becomes a link, a mention or markup.
func TestTextsStayTexts(t *testing.T) {
	t.Parallel()
	for name, text := range nasty {
		for _, f := range formats {
			var document any
			if err := json.Unmarshal(payload(t, f, filled(text)), &document); err != nil {
				t.Fatal(err)
			}
			each(document, "", func(field, shown string) {
				if strings.ContainsFunc(shown, func(r rune) bool {
					return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar)
				}) {
					t.Errorf("%s, %s: %s has invisible characters: %.200q", name, f, field, shown)
				}
				if f == alert.Slack && (field == "text" || field == "fields") && strings.ContainsAny(shown, "<>") {
					t.Errorf("%s, %s: %s has markup: %.200q", name, f, field, shown)
				}
				if f == alert.Teams && (strings.Contains(shown, "{{") || strings.Contains(shown, "${")) {
					t.Errorf("%s, %s: %s has something to fill in: %.200q", name, f, field, shown)
				}
			})
			for _, kind := range []string{`"TextBlock"`, `"FactSet"`, `"entities"`, `"mrkdwn"`} { // those read markup
				if body := payload(t, f, filled(text)); strings.Contains(string(body), `"type":`+kind) {
					t.Errorf("%s, %s: there is a %s: %.300s", name, f, kind, body)
				}
			}
		}
	}
}

func TestLinkToTheRun(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ address, want string }{
		"as it is":     {"https://dev.azure.com/o/p/_build/results?buildId=1&x=%20y", "https://dev.azure.com/o/p/_build/results?buildId=1&x=%20y"},
		"own server":   {"http://tfs:8080/tfs/c/p/_build?x=1", "http://tfs:8080/tfs/c/p/_build?x=1"},
		"blanks":       {"https://x.example/my project/", "https://x.example/my%20project/"},
		"markup":       {"https://x.example/?a=|b>c<d\"e'f`g", "https://x.example/?a=%7Cb%3Ec%3Cd%22e%27f%60g"},
		"other letter": {"https://x.example/?a=ü", "https://x.example/?a=%C3%BC"},
		"script":       {"javascript:alert(1)", ""},
		"script, host": {"javascript://x.example/%0aalert(1)", ""},
		"file":         {"file:///etc/passwd", ""},
		"other scheme": {"ftp://x.example/", ""},
		"user":         {"https://user:hunter2@x.example/", ""},
		"no host":      {"https:///x", ""},
		"relative":     {"/x", ""},
		"control":      {"https://x.example/\n", ""},
		"long":         {"https://x.example/" + strings.Repeat("a", 1000), ""},
	} {
		var got struct{ RunURL string }
		body := payload(t, alert.Generic, with(func(e *alert.Event) { e.RunURL = tc.address }))
		if err := json.Unmarshal(body, &got); err != nil || got.RunURL != tc.want {
			t.Errorf("%s: the address %q becomes %q, %v, want %q", name, tc.address, got.RunURL, err, tc.want)
		}
		for _, f := range formats {
			body := string(payload(t, f, with(func(e *alert.Event) { e.RunURL = tc.address })))
			shown := strings.Contains(body, tc.want) || strings.Contains(strings.ReplaceAll(body, "&amp;", "&"), tc.want)
			if tc.want != "" && !shown || tc.want == "" && strings.Contains(body, "Open the run") {
				t.Errorf("%s, %s: the link is not %q: %s", name, f, tc.want, body)
			}
		}
	}
}

// TestOneIncidentAPipeline: a reset resolves what a trip has opened, and pipelines with
// long names are not taken for one another.
func TestOneIncidentAPipeline(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300)
	keys := map[string]string{}
	for _, key := range []string{"contoso/shop/7", "contoso/shop/8", long + "/7", long + "/8", strings.Repeat("漢", 100) + "/7"} {
		for _, kind := range kinds {
			var got struct {
				Dedup  string `json:"dedup_key"`
				Action string `json:"event_action"`
			}
			body := payload(t, alert.PagerDuty, with(func(e *alert.Event) { e.Key, e.Kind = key, kind }))
			if err := json.Unmarshal(body, &got); err != nil {
				t.Fatal(err)
			}
			if (got.Action == "resolve") != (kind == alert.Reset) {
				t.Errorf("%s of %.20q: the action is %q", kind, key, got.Action)
			}
			if before, ok := keys[got.Dedup]; ok && before != key {
				t.Errorf("%.20q and %.20q have the same dedup_key", before, key)
			}
			keys[got.Dedup] = key
		}
	}
	if len(keys) != 5 {
		t.Errorf("5 pipelines have %d incidents: %q", len(keys), keys)
	}
}

func TestManyActionsAreCounted(t *testing.T) {
	t.Parallel()
	var got struct{ Actions []string }
	body := payload(t, alert.Generic, with(func(e *alert.Event) { e.Actions = slicesOf(50, strings.Repeat("x", 500)) }))
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	want := append(slicesOf(10, strings.Repeat("x", 297)+"..."), "... and 40 more")
	if diff := cmp.Diff(want, got.Actions); diff != "" {
		t.Errorf("50 long actions (-want +got):\n%s", diff)
	}
}

func TestPayloadRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		format alert.Format
		edit   func(*alert.Event)
		want   string
	}{
		"unknown format": {"irc\n", func(*alert.Event) {}, "choose teams, slack"},
		"no format":      {"", func(*alert.Event) {}, "choose teams, slack"},
		"unknown kind":   {alert.Teams, func(e *alert.Event) { e.Kind = "x" }, "kind"},
		"no key":         {alert.Teams, func(e *alert.Event) { e.Key = " \u200b\n" }, "no key"},
	} {
		body, err := alert.Payload(tc.format, with(tc.edit), routingKey)
		if err == nil || body != nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: Payload = %.100q, %v, want an error with %q", name, body, err, tc.want)
		}
	}
}

func FuzzPayload(f *testing.F) {
	for _, text := range nasty {
		text = text[:min(len(text), 400)] // the whole ones are in the tests above; the fuzzer is quicker with short ones
		f.Add(text, text)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		e := alert.Event{
			Kind: alert.Overridden, Time: event().Time, Key: "k/" + b, Pipeline: a, Run: b, RunURL: "https://x.example/" + a,
			Repository: b, Branch: a, Reason: a + b, Actions: []string{a, b, a + b}, Fix: b + a,
		}
		for _, format := range formats {
			body, err := alert.Payload(format, e, routingKey)
			if err != nil {
				t.Fatalf("Payload(%s): %v", format, err)
			}
			if err := alerttest.Validate(string(format), body); err != nil {
				t.Errorf("%s: %v\n%.300s", format, err, body)
			}
		}
	})
}
