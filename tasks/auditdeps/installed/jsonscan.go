package installed

import (
	"encoding/json"
	"errors"
	"fmt"
)

// scanner walks through JSON (RFC 8259) and keeps nothing: of a package.json, most is
// never looked at, and the reader of shared/lockfile, which keeps every value with its line,
// takes seven times as long for it and forty times the memory. Unlike encoding/json it
// tells keys apart by their case, as the programs do that a package.json is for.
type scanner struct {
	data []byte
	at   int
}

// maxDepth bounds how deep values are within each other.
const maxDepth = 200

var (
	errSyntax = errors.New("is not JSON")
	errDeep   = fmt.Errorf("has more than %d levels", maxDepth)
)

// whole calls read with a scanner at the document's only value, which it must consume.
func whole(data []byte, read func(s *scanner) error) error {
	s := &scanner{data: data}
	if err := read(s); err != nil {
		return err
	}
	if s.next(); s.at < len(s.data) {
		return errSyntax
	}
	return nil
}

// next returns the next byte that is not white space, or 0 at the end.
func (s *scanner) next() byte {
	for ; s.at < len(s.data); s.at++ {
		switch c := s.data[s.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// accept consumes this byte, if it is the next one.
func (s *scanner) accept(c byte) bool {
	if s.next() != c || s.at >= len(s.data) {
		return false
	}
	s.at++
	return true
}

// object visits the keys of an object in their order. A visit must consume the value.
func (s *scanner) object(depth int, visit func(key string) error) error {
	if depth == 0 {
		return errDeep
	}
	if !s.accept('{') {
		return errSyntax
	}
	if s.accept('}') {
		return nil
	}
	for {
		key, err := s.text()
		if err != nil {
			return err
		}
		if !s.accept(':') {
			return errSyntax
		}
		if err := visit(key); err != nil {
			return err
		}
		if s.accept('}') {
			return nil
		}
		if !s.accept(',') {
			return errSyntax
		}
	}
}

// list visits the values of a list. A visit must consume the value.
func (s *scanner) list(depth int, visit func() error) error {
	if depth == 0 {
		return errDeep
	}
	if !s.accept('[') {
		return errSyntax
	}
	if s.accept(']') {
		return nil
	}
	for {
		if err := visit(); err != nil {
			return err
		}
		if s.accept(']') {
			return nil
		}
		if !s.accept(',') {
			return errSyntax
		}
	}
}

// skip consumes a value of any kind.
func (s *scanner) skip(depth int) error {
	switch c := s.next(); {
	case c == '"':
		_, err := s.quoted()
		return err
	case c == '{':
		return s.members(depth)
	case c == '[':
		return s.list(depth, func() error { return s.skip(depth - 1) })
	case c == '-' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z':
		return s.word()
	}
	return errSyntax
}

// members consumes an object.
func (s *scanner) members(depth int) error {
	return s.object(depth, func(string) error { return s.skip(depth - 1) })
}

// word consumes a number or true, false or null.
func (s *scanner) word() error {
	start := s.at
	for s.at < len(s.data) {
		c := s.data[s.at]
		if c != '-' && c != '+' && c != '.' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			break
		}
		s.at++
	}
	if !json.Valid(s.data[start:s.at]) {
		return errSyntax
	}
	return nil
}

// isText reports whether the next value is a text.
func (s *scanner) isText() bool { return s.next() == '"' }

// text consumes a text.
func (s *scanner) text() (string, error) {
	quoted, err := s.quoted()
	if err != nil {
		return "", err
	}
	inner := quoted[1 : len(quoted)-1]
	for _, c := range inner {
		if c == '\\' || c < 0x20 || c >= 0x80 {
			var text string
			if json.Unmarshal(quoted, &text) != nil {
				return "", errSyntax
			}
			return text, nil
		}
	}
	return string(inner), nil
}

// quoted consumes a text, and returns it as it is written.
func (s *scanner) quoted() ([]byte, error) {
	if s.next() != '"' || s.at >= len(s.data) {
		return nil, errSyntax
	}
	for i := s.at + 1; i < len(s.data); i++ {
		switch s.data[i] {
		case '"':
			quoted := s.data[s.at : i+1]
			s.at = i + 1
			return quoted, nil
		case '\\':
			i++
		case '\n':
			return nil, errSyntax
		}
	}
	return nil, errSyntax
}
