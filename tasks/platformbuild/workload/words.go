package workload

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/guardrails-ci/guardrails/shared/redact"
)

// maxText is as much of a text of somebody else's as a finding repeats.
const maxText = 120

// clean is a text of somebody else's in one harmless line.
func clean(text string) string {
	return redact.Line(cut(strings.Join(strings.Fields(text), " ")))
}

// quote is a name of somebody else's in quotes.
func quote(text string) string {
	return redact.Defuse(strconv.Quote(cut(strings.ToValidUTF8(text, "?"))))
}

func cut(text string) string {
	if utf8.RuneCountInString(text) > maxText {
		return string([]rune(text)[:maxText]) + "..."
	}
	return text
}
