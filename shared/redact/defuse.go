package redact

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// DefuseReach is the length in bytes of the longest text that Defuse looks at to
// decide about one byte. Who feeds a long line to it piece by piece keeps back
// this many bytes of each piece.
const DefuseReach = 256

// maxIgnored is how many invisible characters Defuse sees through at one place:
// 5 places * 8 characters * 4 bytes + 7 bytes is less than DefuseReach.
const maxIgnored = 8

// Defuse takes the power out of text that an Azure Pipelines agent would obey or
// render: "##vso[" becomes "**vso[" and "##[" becomes "**[", wherever it stands
// in the line, in any mixture of cases. The agent looks for its prefix anywhere
// in a line (Command.cs), on stdout and stderr alike, and does not ask who wrote
// it; and it looks with a culture-sensitive search, which sees through invisible
// characters, so Defuse does too. The result has the length of the text.
//
// Line ends are left alone: a bare CR ends a line for the agent, and a caller
// that prints text as one line has to deal with that.
func Defuse(text string) string {
	if strings.IndexByte(text, '#') < 0 {
		return text
	}
	b := []byte(text)
	DefuseBytes(b)
	return string(b)
}

// DefuseBytes is Defuse in place.
func DefuseBytes(text []byte) {
	// Whether a prefix begins at a position depends on the next DefuseReach bytes
	// alone, and two prefixes never share a '#'. So they can be dealt with one by
	// one, and it does not matter where a text is cut, if those bytes are there.
	for i := 0; i < len(text); i++ {
		next := bytes.IndexByte(text[i:], '#')
		if next < 0 {
			break
		}
		i += next
		if second, ok := prefix(text, i); ok {
			text[i], text[second] = '*', '*'
		}
	}
}

// prefix reports whether a command prefix begins at text[i], and where its
// second '#' is.
func prefix(text []byte, i int) (second int, ok bool) {
	second, c := visible(text, i+1)
	if c != '#' {
		return 0, false
	}
	i, c = visible(text, second+1)
	if c == '[' {
		return second, true
	}
	for _, want := range "vso[" {
		if c != want {
			return 0, false
		}
		if want != '[' {
			i, c = visible(text, i+width(text, i))
		}
	}
	return second, true
}

// visible returns the first visible character at or after i, in lower case; 0 at
// the end of the text or when there are too many invisible ones.
func visible(text []byte, i int) (int, rune) {
	for n := 0; n <= maxIgnored && i < len(text); n++ {
		c, size := utf8.DecodeRune(text[i:])
		if !ignorable(c) {
			return i, fold(c)
		}
		i += size
	}
	return i, 0
}

func width(text []byte, i int) int {
	_, size := utf8.DecodeRune(text[i:])
	return size
}

// fold maps to lower case, and U+017F (long s) to s as case-insensitive
// comparisons do.
func fold(c rune) rune {
	if c == 'ſ' {
		return 's'
	}
	return unicode.ToLower(c)
}

// ignorable reports whether a collation gives no weight to c.
func ignorable(c rune) bool {
	switch {
	case c == '\n' || c == '\r' || c == '\t':
		return false
	case c < 0x80:
		return c < 0x20 || c == 0x7f
	}
	return unicode.IsControl(c) || unicode.Is(unicode.Cf, c) ||
		unicode.Is(unicode.Variation_Selector, c) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, c)
}
