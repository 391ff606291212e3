package dissect

import "strings"

// withoutComments replaces the comments of a JSON document, and commas too much, by
// spaces, so that all else keeps its place: appsettings.json has both, and .NET reads
// it all the same.
func withoutComments(text string) string {
	if text[0] == '"' {
		return text
	}
	b := []byte(text)
	comma := -1 // the last one, if only white space follows it
	for i := 0; i < len(b); i++ {
		end, isComment := spanEnd(text, i)
		switch {
		case isComment:
			for ; i < end; i++ {
				b[i] = ' '
			}
			b[end] = ' '
		case b[i] == ',':
			comma = i
		case isSpace(b[i]):
		default:
			if comma >= 0 && (b[i] == '}' || b[i] == ']') {
				b[comma] = ' '
			}
			comma = -1
		}
		i = end
	}
	return string(b)
}

// spanEnd returns the last byte of the string or comment that starts at text[i:], or i.
// What is not closed goes on to the end, but is no comment.
func spanEnd(text string, i int) (end int, isComment bool) {
	rest := text[i:]
	switch {
	case rest[0] == '"':
		if length := closing(rest); length > 0 {
			return i + length, false
		}
		return len(text) - 1, false
	case strings.HasPrefix(rest, "//"):
		return i + indexByte(rest, '\n') - 1, true
	case strings.HasPrefix(rest, "/*"):
		if length := strings.Index(rest[2:], "*/"); length >= 0 {
			return i + length + 3, true
		}
		return len(text) - 1, false
	}
	return i, false
}
