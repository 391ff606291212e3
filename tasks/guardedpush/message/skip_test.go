package message

import (
	"strings"
	"testing"
)

func TestSkipsKnowsTheDocumentedTokens(t *testing.T) {
	t.Parallel()
	for _, token := range []string{
		"[skip ci]", "[ci skip]", "skip-checks: true", "skip-checks:true", "[skip azurepipelines]", "[azurepipelines skip]",
		"[skip azpipelines]", "[azpipelines skip]", "[skip azp]", "[azp skip]", "***NO_CI***", "[Skip CI]", "***no_ci***",
		"Skip-Checks: True",
	} {
		for _, m := range []string{token, "Fix " + token, token + "\n\nbody", "a\n\nb (" + token + ") c\n\nX: y", "[[" + token + "]]"} {
			if got, ok := Skips(m); !ok || got != token {
				t.Errorf("Skips(%q) = %q, %v; want %q, true", m, got, ok, token)
			}
		}
	}
	if got, _ := Skips("a [azp skip] b [skip ci]"); got != "[azp skip]" {
		t.Errorf("Skips of two = %q, want the first", got)
	}
}

func TestSkipsKnowsNoOthers(t *testing.T) {
	t.Parallel()
	for _, m := range []string{
		"", "skip ci", "[skip]", "[skip  ci]", "[skip\nci]", "[ci-skip]", "[no ci]", "[skip actions]", "**NO_CI**", "NO_CI",
		"skip-checks:  true", "skip-checks:\ntrue", "skip-checks: false", "[skip azure]", "[skip ci", "[azp skip azp]",
	} {
		if got, ok := Skips(m); ok || got != "" {
			t.Errorf("Skips(%q) = %q, %v; want none", m, got, ok)
		}
	}
}

func FuzzSkips(f *testing.F) {
	for _, m := range []string{"a [skip ci]", "skip-checks:true", "***NO_CI***", "[SKIP AZP]", "[ſkip ci]"} {
		f.Add(m)
	}
	f.Fuzz(func(t *testing.T, m string) {
		got, ok := Skips(m)
		want := false
		for _, token := range []string{
			"[skip ci]", "[ci skip]", "skip-checks: true", "skip-checks:true", "***no_ci***",
			"[skip azurepipelines]", "[azurepipelines skip]", "[skip azpipelines]", "[azpipelines skip]", "[skip azp]", "[azp skip]",
		} {
			// The Kelvin sign and the long s are letters k and s in another case, too.
			lower := strings.NewReplacer("\u212a", "k", "\u017f", "s").Replace(asciiLower(m))
			want = want || strings.Contains(lower, token)
		}
		if ok != want || ok != (got != "") || !strings.Contains(m, got) {
			t.Errorf("Skips(%q) = %q, %v; want %v", m, got, ok, want)
		}
	})
}

func asciiLower(s string) string {
	return strings.Map(func(c rune) rune {
		if 'A' <= c && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}, s)
}
