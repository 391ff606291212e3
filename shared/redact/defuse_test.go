package redact

import (
	"strings"
	"testing"
)

func TestDefuse(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ in, want string }{
		"nothing":             {"text # with ## hashes", "text # with ## hashes"},
		"empty":               {"", ""},
		"command":             {"##vso[task.complete]", "**vso[task.complete]"},
		"decoration":          {"##[error]x", "**[error]x"},
		"in the line":         {"text ##vso[a.b]c", "text **vso[a.b]c"},
		"twice":               {"##vso[a.b]##vso[c.d]", "**vso[a.b]**vso[c.d]"},
		"upper case":          {"##VSO[a.b]", "**VSO[a.b]"},
		"mixed case":          {"##vSo[a.b]", "**vSo[a.b]"},
		"hash before":         {"###vso[a.b]", "#**vso[a.b]"},
		"hashes before":       {"#####[x]", "###**[x]"},
		"several lines":       {"a\n##vso[a.b]\n##[group]", "a\n**vso[a.b]\n**[group]"},
		"not across lines":    {"##\n[x] ##vso\n[ #\n#[", "##\n[x] ##vso\n[ #\n#["},
		"not across returns":  {"##\r[x]", "##\r[x]"},
		"prefix alone":        {"##vso", "##vso"},
		"prefix at the end":   {"x ##", "x ##"},
		"other words":         {"##version[", "##version["},
		"space is visible":    {"## [x] ##vso [", "## [x] ##vso ["},
		"zero width space":    {"##\u200bvso[a.b]", "**\u200bvso[a.b]"},
		"zero width all over": {"#\u200b#\u200cv\u200ds\u2060o\ufeff[a.b]", "*\u200b*\u200cv\u200ds\u2060o\ufeff[a.b]"},
		"soft hyphen":         {"##v\u00adso[", "**v\u00adso["},
		"variation selector":  {"##\ufe0f[x]", "**\ufe0f[x]"},
		"NUL":                 {"##\x00vso[", "**\x00vso["},
		"backspace":           {"#x\b#vso[", "#x\b#vso["},
		"colour":              {"##\x1b[31mx", "**\x1b[31mx"},
		"long s":              {"##v\u017fo[", "**v\u017fo["},
		"invalid UTF-8":       {"##\xffvso[ \xff##vso[", "##\xffvso[ \xff**vso["},
		"as many as we see":   {"##" + strings.Repeat("\u200b", 8) + "[", "**" + strings.Repeat("\u200b", 8) + "["},
		"more than we see":    {"##" + strings.Repeat("\u200b", 9) + "[", "##" + strings.Repeat("\u200b", 9) + "["},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := Defuse(tc.in); got != tc.want {
				t.Errorf("Defuse(%q) = %q, want %q", tc.in, got, tc.want)
			}
		})
	}
}

func FuzzDefuse(f *testing.F) {
	f.Add("##vso[a.b]##[x]")
	f.Add("#\u200b##\u00adV\u017fO[")
	f.Fuzz(func(t *testing.T, text string) {
		got := Defuse(text)
		if lower := strings.ToLower(got); strings.Contains(lower, "##vso[") || strings.Contains(lower, "##[") {
			t.Errorf("Defuse(%q) = %q still holds a prefix", text, got)
		}
		if again := Defuse(got); again != got {
			t.Errorf("Defuse(%q) = %q, and once more %q", text, got, again)
		}
		if len(got) != len(text) || strings.ReplaceAll(got, "*", "#") != strings.ReplaceAll(text, "*", "#") {
			t.Errorf("Defuse(%q) = %q changes more than hashes", text, got)
		}
	})
}
