package redact_test

import (
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/shared/redact"
)

func TestLine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"plain":        {"deploy/values.yaml", "deploy/values.yaml"},
		"line ends":    {"a\r\nb\u2028c", "a??b?c"},
		"bidi":         {"a\u202eb", "a?b"},
		"escape":       {"\x1b[31mred", "?[31mred"},
		"command":      {"##vso[task.complete]", redact.Defuse("##vso[task.complete]")},
		"200 is whole": {strings.Repeat("é", 200), strings.Repeat("é", 200)},
		"201 is cut":   {strings.Repeat("é", 201), strings.Repeat("é", 200) + "..."},
	} {
		if got := redact.Line(c.text); got != c.want {
			t.Errorf("%s: Line(%q) = %q, want %q", name, c.text, got, c.want)
		}
	}
	if got := redact.Line("##vso[task.complete]"); strings.Contains(got, "##vso[") {
		t.Errorf("Line lets a command through: %q", got)
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	if got, want := redact.Lines([]string{"a", "b\n"}), "a, b?"; got != want {
		t.Errorf("Lines = %q, want %q", got, want)
	}
	if got := redact.Lines(strings.Split("a b c d e f g h i j k l", " ")); !strings.HasSuffix(got, "i, j and 2 more") {
		t.Errorf("Lines of twelve = %q", got)
	}
}
