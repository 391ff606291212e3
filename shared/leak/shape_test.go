package leak

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

// places are where tokens stand: after the = of an assignment, in URLs, in JSON.
var places = map[string]func(token string) string{
	"assigned":          func(s string) string { return "X=" + s },
	"assigned, colours": func(s string) string { return "X=\x1b[33;1m" + s + "\x1b[0m" },
	"in a query":        func(s string) string { return "GET /?x=" + s + "&y=1" },
	"escaped":           func(s string) string { return "GET /?x=" + url.QueryEscape(s) + "&y=1" },
	"escaped, lower":    func(s string) string { return "GET /?x=" + lowerEscapes.Replace(url.QueryEscape(s)) },
	"escaped twice":     func(s string) string { return "?u=" + url.QueryEscape("?x="+url.QueryEscape(s)+"&y=1") },
	"the = escaped":     func(s string) string { return "x%3D" + url.QueryEscape(s) + "%26y%3D1" },
	"JSON":              func(s string) string { return `{"x":"` + s + `"}` },
	"JSON of .NET":      func(s string) string { return `{"x":"` + strings.ReplaceAll(s, "+", `\u002B`) + `"}` },
	"JSON in JSON":      func(s string) string { return `{\"x\":\"` + s + `\"}` },
}

var lowerEscapes = strings.NewReplacer("%2B", "%2b", "%2F", "%2f", "%3D", "%3d")

func TestTokensAreFoundInAllPlaces(t *testing.T) {
	t.Parallel()
	e := testEngine(t)
	tried := 0
	for name, templates := range finds {
		for _, template := range templates {
			token := expand(template)
			alone := e.String(token, "x", Log)
			if len(alone) != 1 || alone[0].Secret.Reveal() != token || strings.ContainsAny(token, " \n:%") {
				continue // no token, or one with something around it
			}
			tried++
			for place, write := range places {
				text := write(token)
				if got := ids(e.String(text, "x", Log)); !slices.Equal(got, []string{"leak/" + name}) {
					t.Errorf("%s: String(%q) found %v, want leak/%s", place, text, got, name)
				}
			}
		}
	}
	if tried < 60 {
		t.Errorf("tried %d tokens only", tried)
	}
}

// TestKeysMayBeEscaped: each character of base64 that a URL changes, at each place of
// a key.
func TestKeysMayBeEscaped(t *testing.T) {
	t.Parallel()
	e := testEngine(t)
	for template, want := range map[string]string{
		"AccountKey%3D{9b}%2B{9b}%2F{66b}%3D%3D%3B": "leak/azure-account-key",
		"AccountKey={20b}%252B{65b}%253D%253D":      "leak/azure-account-key",
		`"SharedAccessKey=\u002B{42b}="`:            "leak/azure-shared-access-key",
		"?code={9a}%2F{44a}%3D%3D&x=1":              "leak/azure-function-code",
		`AWS_SECRET_ACCESS_KEY={20b}\u002B{19b}`:    "leak/aws-secret-key",
		"%2B%2F{74b}%2BA¦St{5b}A%3D%3D":             "leak/azure-storage-key",
		"{42b}%2BA¦CRC{5b}":                         "leak/azure-registry-key",
	} {
		text := expand(template)
		if got := ids(e.String(text, "x", Log)); !slices.Equal(got, []string{want}) {
			t.Errorf("String(%q) found %v, want %s", text, got, want)
		}
	}
	for _, template := range []string{
		"{77b}%2BA¦St{5b}A%3D%3D",      // one too long
		"%2B{76b}%2BA¦St{5b}A%3D%3D",   // one too long, escaped
		"{76b}%2BA¦St{5b}A%3D",         // one = too few
		"{42b}%2BA¦CRC{5b}%2F",         // one too long at the end
		"AccountKey={86b}%3D%3D%3D%3D", // no key
	} {
		text := expand(template)
		for _, f := range e.String(text, "x", Log) {
			if f.Severity == Critical {
				t.Errorf("String(%q) found %s: %q", text, f.Rule, f.Secret.Reveal())
			}
		}
	}
}
