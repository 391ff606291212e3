// Package ordinal compares names the way .NET's OrdinalIgnoreCase does: each
// character is upper-cased by itself, with no culture and no full Unicode case
// folding. The agent uses this rule for variables, inputs and command properties.
//
// [strings.EqualFold] is wider (it also joins K with U+212A, the Kelvin sign), so a
// program under test could pass here and be missed by the real agent.
package ordinal

import (
	"strings"
	"unicode"
)

// Upper is .NET's ToUpperInvariant.
func Upper(s string) string {
	return strings.Map(upperRune, s)
}

// Equal reports whether a and b differ at most in the case of their characters.
func Equal(a, b string) bool {
	return a == b || Upper(a) == Upper(b)
}

// upperRune leaves the dotless i and the long s alone, as the invariant culture
// does: neither may become an ASCII letter.
func upperRune(r rune) rune {
	if r == '\u0131' || r == '\u017F' {
		return r
	}
	return unicode.ToUpper(r)
}
