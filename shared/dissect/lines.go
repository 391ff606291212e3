package dissect

import (
	"fmt"
	"strings"
)

func isLineEnd(c rune) bool { return c == '\n' || c == '\r' }

// quoted looks into a text in quotes; JSON has seen to the double ones.
func (f *finder) quoted(text string) string {
	if n := len(text); n < 3 || text[0] != text[n-1] || strings.IndexByte("'`\"", text[0]) < 0 {
		return ""
	}
	inner := dissect(text[1:len(text)-1], f.depth+1)
	f.include("", inner)
	return unnamed + inner.Format
}

// lines reads a text of several lines: an environment or properties file, or a list.
func (f *finder) lines(text string) string {
	if strings.IndexFunc(text, isLineEnd) < 0 {
		return ""
	}
	assignments, others := 0, 0
	for line := range strings.FieldsFuncSeq(text, isLineEnd) {
		switch _, ok := assignment(line); {
		case ok:
			assignments++
		case !isComment(line):
			others++
		}
	}
	if assignments > 0 && assignments >= others {
		f.dotenv(text)
		return "dotenv"
	}
	number := 0
	for line := range strings.FieldsFuncSeq(text, isLineEnd) {
		number++
		if line = strings.TrimSpace(line); line != "" && !isBoundary(line) {
			name := fmt.Sprintf("line %d", number)
			f.part(Part{"line", name, line, ""})
			f.include(name, dissect(line, f.depth+1))
		}
	}
	return unnamed
}

// isBoundary reports whether a line belongs to PEM, whole or broken; no secret is in it.
func isBoundary(line string) bool { return strings.HasPrefix(line, "-----") }

// isComment reports whether a line of an environment file says nothing.
func isComment(line string) bool {
	line = strings.TrimSpace(line)
	return line == "" || strings.IndexByte("#;![", line[0]) >= 0 || strings.HasPrefix(line, "//") || isBoundary(line)
}

// dotenv takes in the assignments of a text. A value in quotes may go on over lines.
func (f *finder) dotenv(text string) {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	for text != "" {
		line, rest, _ := strings.Cut(text, "\n")
		s, ok := assignment(line)
		if ok && s.raw != "" && strings.IndexByte("'\"`", s.raw[0]) >= 0 {
			// Of each kind of quote, only the last can be open: no time is lost here.
			start := len(line) - len(s.raw)
			if end := closing(text[start:]); end > 0 {
				s.raw = text[start+1 : start+end]
				s.value = unquote(s.raw, text[start])
				_, rest, _ = strings.Cut(text[start+end:], "\n")
			}
		}
		if ok {
			s.raw = strings.TrimSpace(s.raw)
			f.leaf(s, s.name)
		} else if line = strings.TrimSpace(line); !isComment(line) {
			f.part(Part{"line", "", line, ""})
		}
		text = rest
	}
}

// closing returns where the quote that text starts with is closed, 0 if it is not.
func closing(text string) int {
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && text[0] == '"':
			i++
		case text[i] == text[0]:
			return i
		}
	}
	return 0
}

// unquote decodes what stood in quotes: escapes count in double ones only.
func unquote(raw string, quote byte) string {
	if quote != '"' {
		return raw
	}
	return strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n", `\r`, "\r", `\t`, "\t", `\$`, "$").Replace(raw)
}

// assignment reads NAME=value, export NAME=value, or name: value. The raw value ends
// the line.
func assignment(line string) (setting, bool) {
	line = strings.TrimLeft(line, " \t")
	line = strings.TrimLeft(strings.TrimPrefix(line, "export "), " \t")
	end := 0
	for end < len(line) && (isWord(line[end]) || strings.IndexByte("-./:@", line[end]) >= 0) {
		end++
	}
	name := line[:end]
	at := skipSpace(line, end)
	switch {
	case name == "" || name[0] == '-' || strings.Contains(name, schemeEnd):
		return setting{}, false
	case at < len(line) && line[at] == '=':
		at++
	case strings.HasSuffix(name, ":"): // YAML, Java properties
		name = strings.TrimSuffix(name, ":")
	default:
		return setting{}, false
	}
	raw := line[skipSpace(line, at):]
	value, _, _ := strings.Cut(raw, " #")
	return setting{name, strings.TrimSpace(value), raw}, true
}

// assignment reads one NAME=value whose name says that the value is a secret.
func (f *finder) assignment(text string) string {
	s, ok := assignment(text)
	if !ok || secretKind(s.name) == "" || strings.Contains(text, ";") {
		return ""
	}
	f.dotenv(text)
	return "dotenv"
}

// header reads what stands in an HTTP header: "Bearer token".
func (f *finder) header(text string) string {
	scheme, token, ok := strings.Cut(text, " ")
	if !ok || strings.ContainsAny(token, " \t") {
		return ""
	}
	switch strings.ToLower(strings.TrimSuffix(scheme, ":")) {
	case "bearer", "basic", "token":
		f.part(Part{"token", "", token, ""})
		return unnamed
	}
	return ""
}

// words looks for URLs in a text that is none itself.
func (f *finder) words(text string) string {
	if !strings.Contains(text, schemeEnd) || !strings.ContainsAny(text, " \t\"'<>") {
		return ""
	}
	for word := range strings.FieldsFuncSeq(text, func(c rune) bool { return strings.ContainsRune(" \t\"'<>", c) }) {
		if scheme, rest, ok := cutScheme(word); ok {
			f.location(scheme, rest)
		}
	}
	return unnamed
}
