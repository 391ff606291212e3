package leak

// Base64 has three characters that do not stay as they are: in a URL they are %2B, %2F
// and %3D, in a URL inside a URL %252B, and .NET writes a + as \u002B into JSON.

// spellings are how the literal of a key may be written.
func spellings(literal string) []string {
	out := []string{literal}
	if literal[0] == '+' {
		for _, plus := range []string{"%2B", "%2b", "%252B", "%252b", `\u002B`, `\u002b`} {
			out = append(out, plus+literal[1:])
		}
	}
	return out
}

// unescaped is the character of base64 with these two hexadecimal digits; 0 if they
// are another's.
func unescaped(high, low byte) byte {
	switch {
	case high == '2' && lower(low) == 'b':
		return '+'
	case high == '2' && lower(low) == 'f':
		return '/'
	case high == '3' && lower(low) == 'd':
		return '='
	}
	return 0
}

// escapes are what stands before the digits of an escape.
var escapes = []string{"%", "%25", `\u00`}

// charAt reads the character at text[i:], which may be escaped, and its width.
func charAt(text []byte, i int) (c byte, width int) {
	if i == len(text) {
		return 0, 0
	}
	if text[i] != '%' && text[i] != '\\' {
		return text[i], 1
	}
	for _, e := range escapes {
		n := len(e)
		if len(text)-i >= n+2 && string(text[i:i+n]) == e {
			if c := unescaped(text[i+n], text[i+n+1]); c != 0 {
				return c, n + 2
			}
		}
	}
	return text[i], 1
}

// charBefore reads the character that ends at i, which may be escaped.
func charBefore(text []byte, i int) (c byte, width int) {
	if i == 0 {
		return 0, 0
	}
	if i >= 3 {
		if c := unescaped(text[i-2], text[i-1]); c != 0 {
			for _, e := range escapes {
				if n := len(e); i >= n+2 && string(text[i-2-n:i-2]) == e {
					return c, n + 2
				}
			}
		}
	}
	return text[i-1], 1
}

// runChars is run for characters that may be escaped: the end of at most most
// characters from i, how many they are, and the last.
func (c *class) runChars(text []byte, i, most int) (end, n int, last byte) {
	for n < most {
		b, width := charAt(text, i)
		if width == 0 || !c[b] {
			break
		}
		i, n, last = i+width, n+1, b
	}
	return i, n, last
}

// runCharsBack returns where n characters of the class begin that end at i; false if
// they do not.
func (c *class) runCharsBack(text []byte, i, n int) (start int, ok bool) {
	for ; n > 0; n-- {
		b, width := charBefore(text, i)
		if width == 0 || !c[b] {
			return 0, false
		}
		i -= width
	}
	return i, true
}

// skipChars returns where suffix ends that stands at i, escaped or not; false if it
// does not.
func skipChars(text []byte, i int, suffix string) (end int, ok bool) {
	for j := range len(suffix) {
		b, width := charAt(text, i)
		if width == 0 || b != suffix[j] {
			return 0, false
		}
		i += width
	}
	return i, true
}
