package document

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ohler55/ojg/jp"
)

// Path is a place, or several, in a document: JSONPath such as
// $.images[?(@.name == 'web')].newTag. The "$." may be left out. A name after a dot
// may hold whatever is no blank and none of . [ ] = ' " so that $.metadata.app-name
// works; others are written ['like this'].
type Path struct {
	text  string
	frags []jp.Frag
}

const maxPath = 4096

// ParsePath reads a path.
func ParsePath(text string) (Path, error) {
	p, rest, err := CutPath(text)
	if err != nil {
		return Path{}, err
	}
	if rest != "" {
		return Path{}, fmt.Errorf("the path %s: %s is no part of a path: write a key that holds such "+
			"characters as ['key']", Quote(text), Quote(rest))
	}
	return p, nil
}

// CutPath reads the path that text begins with and returns what comes after it and the
// blanks that follow: nothing, or what begins with a character that cannot be in a path.
func CutPath(text string) (Path, string, error) {
	r := pathReader{rest: strings.TrimSpace(text)}
	if err := checkPathText(r.rest); err != nil {
		return Path{}, "", fmt.Errorf("the path %s: %w", Quote(text), err)
	}
	whole := r.rest
	if err := r.read(); err != nil {
		return Path{}, "", fmt.Errorf("the path %s: %w", Quote(text), err)
	}
	p := Path{text: strings.TrimSpace(whole[:len(whole)-len(r.rest)]), frags: r.frags}
	return p, strings.TrimSpace(r.rest), nil
}

func checkPathText(text string) error {
	switch {
	case text == "" || text[0] == '=':
		return errors.New("it is empty: name a place, such as spec.replicas")
	case !utf8.ValidString(text):
		return errors.New("it is not UTF-8")
	case text[0] == '@':
		return errors.New("a path begins at the root ($), not at @")
	}
	return nil
}

// String is the path as it was written.
func (p Path) String() string { return p.text }

type pathReader struct {
	rest  string
	frags []jp.Frag
}

func (r *pathReader) read() error {
	whole := len(r.rest)
	if name, ok := strings.CutPrefix(r.rest, "$"); ok {
		r.rest = name
	} else if r.rest[0] != '.' && r.rest[0] != '[' {
		r.rest = "." + r.rest
		whole++
	}
	for r.rest != "" && (r.rest[0] == '.' || r.rest[0] == '[') {
		if err := r.segment(); err != nil {
			return err
		}
		if whole-len(r.rest) > maxPath {
			return fmt.Errorf("it is longer than %d bytes", maxPath)
		}
	}
	if n := len(r.frags); n > 0 {
		if _, open := r.frags[n-1].(jp.Descent); open {
			return errors.New("something has to follow the two dots")
		}
	}
	return nil
}

func (r *pathReader) segment() error {
	if r.rest[0] == '[' {
		return r.bracket()
	}
	r.rest = r.rest[1:]
	if strings.HasPrefix(r.rest, ".") {
		r.rest = r.rest[1:]
		r.frags = append(r.frags, jp.Descent('.'))
		if strings.HasPrefix(r.rest, "[") {
			return r.bracket()
		}
	}
	end := strings.IndexFunc(r.rest, endsName)
	if end < 0 {
		end = len(r.rest)
	}
	name := r.rest[:end]
	r.rest = r.rest[end:]
	switch name {
	case "":
		return errors.New("a name is missing after a dot")
	case "*":
		r.frags = append(r.frags, jp.Wildcard('*'))
	default:
		r.frags = append(r.frags, jp.Child(name))
	}
	return nil
}

func endsName(c rune) bool {
	return strings.ContainsRune(`.[]='"`, c) || unicode.IsSpace(c) || unicode.IsControl(c)
}

// bracket leaves what is in the brackets to the library.
func (r *pathReader) bracket() error {
	end := closing(r.rest)
	if end < 0 {
		return errors.New("a bracket or a quote is not closed")
	}
	text := r.rest[:end]
	r.rest = r.rest[end:]
	expr, err := jp.ParseString("$" + text)
	if err != nil || len(expr) != 2 {
		return fmt.Errorf("%s cannot be understood: use ['key'], [0], [*], [1:3] or [?(@.name == 'web')]", Quote(text))
	}
	switch frag := expr[1].(type) {
	case jp.Child, jp.Nth, jp.Wildcard, jp.Slice, jp.Union:
	case *jp.Filter:
		if err := checkFilter(frag); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%s is not supported", Quote(text))
	}
	r.frags = append(r.frags, expr[1])
	return nil
}

// closing returns where the bracket ends that text begins with.
func closing(text string) int {
	depth := 0
	var quote byte
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quote != 0:
			if c == '\\' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '[':
			depth++
		case c == ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}
