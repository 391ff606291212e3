package condition

import (
	"fmt"
	"strings"
)

// maxLength is the longest expression Azure Pipelines takes.
const maxLength = 21000

type tokenKind int

const (
	endToken    tokenKind = iota
	punctuation           // ( ) [ ] , .
	stringToken
	numberToken
	nameToken
)

// token is one piece of the expression; text is decoded for strings.
type token struct {
	kind   tokenKind
	text   string
	column int
}

func (t token) String() string {
	if t.kind == endToken {
		return "the end of the condition"
	}
	return fmt.Sprintf("%q", t.text)
}

func (t token) errorf(format string, args ...any) error {
	return fmt.Errorf("condition, column %d: %s", t.column, fmt.Sprintf(format, args...))
}

func (t token) is(text string) bool { return t.kind == punctuation && t.text == text }

// scan cuts the expression into tokens; the last one is the end.
func scan(expr string) ([]token, error) {
	if len(expr) > maxLength {
		return nil, fmt.Errorf("condition is %d characters long, at most %d are allowed", len(expr), maxLength)
	}
	s := scanner{text: []rune(expr)}
	var tokens []token
	for {
		t, err := s.next()
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
		if t.kind == endToken {
			return tokens, nil
		}
		s.last = t
	}
}

type scanner struct {
	text []rune
	pos  int
	last token
}

func (s *scanner) next() (token, error) {
	for s.pos < len(s.text) && strings.ContainsRune(" \t\r\n", s.text[s.pos]) {
		s.pos++
	}
	t := token{column: s.pos + 1}
	if s.pos == len(s.text) {
		return t, nil
	}
	switch c := s.text[s.pos]; {
	case c == '\'':
		return s.quoted(t)
	case c == '.' && s.afterValue(), strings.ContainsRune("()[],", c):
		s.pos++
		t.kind, t.text = punctuation, string(c)
		return t, nil
	case strings.ContainsRune("-.0123456789", c):
		t.kind = numberToken
		t.text = s.take(func(c rune) bool { return !strings.ContainsRune(" \t\r\n()[],", c) })
		return t, nil
	case isNameStart(c):
		t.kind = nameToken
		t.text = s.take(func(c rune) bool { return isNameStart(c) || '0' <= c && c <= '9' })
		return t, nil
	default:
		return t, t.errorf("unexpected %q%s", c, hint(c))
	}
}

// afterValue reports whether a dot now would follow a value: then it picks a
// property, else it starts a number such as .5.
func (s *scanner) afterValue() bool {
	return s.last.kind == nameToken || s.last.is(")") || s.last.is("]")
}

func (s *scanner) quoted(t token) (token, error) {
	var text strings.Builder
	for s.pos++; s.pos < len(s.text); s.pos++ {
		if s.text[s.pos] != '\'' {
			text.WriteRune(s.text[s.pos])
			continue
		}
		if s.pos+1 == len(s.text) || s.text[s.pos+1] != '\'' {
			s.pos++
			t.kind, t.text = stringToken, text.String()
			return t, nil
		}
		text.WriteByte('\'')
		s.pos++
	}
	return t, t.errorf("the string that starts here has no closing '; write '' for a quote inside it")
}

func (s *scanner) take(while func(rune) bool) string {
	start := s.pos
	for s.pos < len(s.text) && while(s.text[s.pos]) {
		s.pos++
	}
	return string(s.text[start:s.pos])
}

func isNameStart(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_'
}

// hint is what people mean who write c here.
func hint(c rune) string {
	switch c {
	case '"':
		return "; strings are written '...'"
	case '$':
		return "; write variables['name'] for the value of a variable"
	case '=', '!', '&', '|', '<', '>':
		return "; there are no operators, write " + functionNames()
	default:
		return ""
	}
}
