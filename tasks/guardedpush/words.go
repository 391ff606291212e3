package guardedpush

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/guardrails-ci/guardrails/shared/redact"
)

// clean is a text of somebody else's, fit for a line.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > 200 {
		text = string(runes[:200]) + "..."
	}
	return redact.Defuse(text)
}

// some lists names, the first ones if they are many.
func some(names []string) string {
	const most = 10
	var shown []string
	for _, name := range names[:min(len(names), most)] {
		shown = append(shown, clean(name))
	}
	text := strings.Join(shown, ", ")
	if len(names) > most {
		text += fmt.Sprintf(" and %d more", len(names)-most)
	}
	return text
}

// count is "1 file" or "2 files".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// short is a commit as people write it.
func short[T ~string](id T) string { return string(id[:min(len(id), 10)]) }
