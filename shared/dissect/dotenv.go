package dissect

import "strings"

// dotenv takes in the assignments of a text. A value in quotes may go on over lines.
func (f *finder) dotenv(text string) {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	for text != "" {
		line, rest, _ := strings.Cut(text, "\n")
		s, ok := assignment(line)
		switch {
		case !ok:
			f.line("", strings.TrimSpace(line))
		case s.raw != "" && strings.IndexByte("'\"`", s.raw[0]) >= 0:
			rest = f.quotedLeaf(s, text[len(line)-len(s.raw):], rest)
		case !opensBlock(s.raw):
			s.raw = strings.TrimSpace(s.raw)
			f.leaf(s, s.name)
			f.shortLeaf(s, strings.TrimSpace(line))
		}
		text = rest
	}
}

// quotedLeaf takes in the assignment s, whose value text starts with. The line ends
// before rest; quotedLeaf returns what follows the value.
func (f *finder) quotedLeaf(s setting, text, rest string) string {
	// Of each kind of quote, only the last can be open: no time is lost here.
	end := closing(text)
	behind, after := "", ""
	if end > 0 {
		behind, after, _ = strings.Cut(text[end+1:], "\n")
		behind = strings.TrimSpace(behind)
	}
	s.raw = strings.TrimSpace(s.raw)
	switch {
	case end > 0 && (behind == "" || strings.IndexByte("#,;)]}", behind[0]) >= 0 || strings.HasPrefix(behind, "//")):
		s.raw = text[1:end]
		s.value = unquote(s.raw, text[0])
		f.leaf(s, s.name)
		if len(behind) >= shortestLine {
			f.line(s.name, behind)
		}
		return after
	case len(s.raw) >= 2 && s.raw[len(s.raw)-1] == s.raw[0]: // YAML's 'it''s'
		quote := s.raw[:1]
		s.raw = s.raw[1 : len(s.raw)-1]
		s.value = strings.ReplaceAll(s.raw, quote+quote, quote)
	}
	f.leaf(s, s.name)
	return rest
}

// shortLeaf takes in the line of an assignment: it can be hidden, if its value cannot,
// and nobody is told, as of a password.
func (f *finder) shortLeaf(s setting, line string) {
	isShort := s.value != "" && len(s.value) < shortestValue
	if isShort && len(line) >= shortestLine && secretKind(s.name) == "" && !openly(s) {
		f.part(Part{"field", s.name, line, ""})
	}
}

// opensBlock reports whether a value stands in the lines that follow: the block of a
// YAML or HCL document.
func opensBlock(raw string) bool {
	raw = strings.TrimSpace(raw)
	if name, ok := strings.CutPrefix(raw, "<<"); ok {
		return strings.Trim(name, "-ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == ""
	}
	return raw != "" && len(raw) < shortestValue && strings.IndexByte("|>{[(", raw[0]) >= 0 &&
		strings.Trim(raw, "|>+-{[()]}0123456789") == ""
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
	value = strings.TrimSpace(strings.TrimRight(strings.TrimSpace(value), ";,"))
	if !isName(name, value) {
		return setting{}, false
	}
	return setting{name, value, raw}, true
}

// isName reports whether name is one, and not the rest of a line that ends as base64
// does, or an entry of a list such as h:5432:db:user:password.
func isName(name, value string) bool {
	if strings.Count(name, ":") >= 3 && !strings.HasPrefix(name, "//") {
		return false
	}
	if value == "" {
		return !tokenLike(strings.NewReplacer(":", "", "/", "").Replace(name))
	}
	return strings.Trim(value, "=") != ""
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
