// Package document writes what an audit found in the forms that other programs read:
// JUnit for the run's Tests tab, CycloneDX for inventories.
//
// It promises that no text of a package or an advisory changes a document's form, and
// that the same facts make the same bytes, in whatever order they come.
package document

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean returns text without what XML cannot hold (XML 1.0, 2.2), what steers a
// terminal, and what is no UTF-8; each of it becomes U+FFFD. Line ends and tabs stay.
func clean(text string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\n' || c == '\t':
			return c
		case unicode.IsControl(c), unicode.Is(unicode.Bidi_Control, c), c == 0xFFFE, c == 0xFFFF:
			return utf8.RuneError
		}
		return c
	}, strings.ReplaceAll(text, "\r\n", "\n"))
}

// line is a clean text in one line.
func line(text string) string {
	return strings.Join(strings.Fields(clean(text)), " ")
}
