package ordinal_test

import (
	"testing"

	"github.com/guardrails-ci/guardrails/build/localagent/ordinal"
)

func TestUpper(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":              "",
		"build.number":  "BUILD.NUMBER",
		"größe":         "GRÖßE", // no expansion to SS: one character stays one
		"\u0131s\u017F": "\u0131S\u017F",
		"i":             "I", // as VariablesL0.cs Constructor_SetsOrdinalIgnoreCaseComparer: never the Turkish İ
	} {
		if got := ordinal.Upper(in); got != want {
			t.Errorf("Upper(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestEqual(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		a, b string
		want bool
	}{
		"same":                {"a.b", "a.b", true},
		"case":                {"Agent.TempDirectory", "AGENT.TEMPDIRECTORY", true},
		"non-ASCII case":      {"straße", "STRAßE", true},
		"space matters":       {" issecret", "issecret", false},
		"kelvin sign":         {"\u212A", "k", false},
		"long s":              {"i\u017F\u017Fecret", "issecret", false},
		"dotless i":           {"\u0131ssecret", "issecret", false},
		"different":           {"a", "b", false},
		"different length":    {"a", "aa", false},
		"ss is not sharp s":   {"strasse", "straße", false},
		"nothing and nothing": {"", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := ordinal.Equal(tc.a, tc.b); got != tc.want {
				t.Errorf("Equal(%q, %q) = %v, want %v", tc.a, tc.b, got, tc.want)
			}
		})
	}
}
