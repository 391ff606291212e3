package lockfile

import "strings"

// shellWords splits a line as a shell would (Python's shlex.split); false if a quote has no
// end.
func shellWords(line string) ([]string, bool) {
	var s shellWord
	for _, r := range line {
		s.next(r)
	}
	s.end()
	return s.words, s.quote == 0 && !s.escaped
}

// shellWord is where the splitting of a line is.
type shellWord struct {
	words          []string
	word           strings.Builder
	begun, escaped bool
	quote          rune // that the word is in, 0 if it is in none
}

func (s *shellWord) next(r rune) {
	switch {
	case s.escaped:
		if s.quote == '"' && r != '"' && r != '\\' {
			s.word.WriteByte('\\')
		}
		s.add(r)
		s.escaped = false
	case r == '\\' && s.quote != '\'':
		s.begun, s.escaped = true, true
	case s.quote != 0:
		s.quoted(r)
	case r == '"' || r == '\'':
		s.begun, s.quote = true, r
	case strings.ContainsRune(" \t\r\n", r):
		s.end()
	default:
		s.add(r)
	}
}

func (s *shellWord) quoted(r rune) {
	if r == s.quote {
		s.quote = 0
		return
	}
	s.add(r)
}

func (s *shellWord) add(r rune) {
	s.word.WriteRune(r)
	s.begun = true
}

func (s *shellWord) end() {
	if s.begun {
		s.words = append(s.words, s.word.String())
	}
	s.word.Reset()
	s.begun = false
}
