package dockerfile

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// expansion fills variables into a text and takes its quotes away, as a shell does.
type expansion struct {
	text   []rune
	at     int
	escape rune
	lookup func(name string) (value string, ok bool)

	keep      bool // quotes, and variables that are not set
	keepUnset bool // those only
	depth     int
}

// expand fills in the variables.
func expand(text string, escape rune, lookup func(string) (string, bool)) (string, error) {
	e := expansion{text: []rune(text), escape: escape, lookup: lookup}
	result, _, err := e.until(0, false)
	return result, err
}

func (e *expansion) end() bool { return e.at >= len(e.text) }

// peek is the next character, 0 at the end.
func (e *expansion) peek() rune {
	if e.end() {
		return 0
	}
	return e.text[e.at]
}

func (e *expansion) take() rune {
	c := e.peek()
	e.at = min(e.at+1, len(e.text))
	return c
}

// words are split at spaces that are not quoted.
type words struct {
	all []string
	b   strings.Builder
}

func (w *words) add(text string) {
	for _, c := range text {
		if !unicode.IsSpace(c) {
			w.b.WriteRune(c)
		} else if w.b.Len() > 0 {
			w.all = append(w.all, w.b.String())
			w.b.Reset()
		}
	}
}

func (w *words) raw(text string) { w.b.WriteString(text) }

func (w *words) list() []string {
	if w.b.Len() > 0 {
		w.all = append(w.all, w.b.String())
		w.b.Reset()
	}
	return w.all
}

const maxDepth = 100

var errOpen = errors.New("a quote or a brace is not closed")

// until reads up to a character that stands outside of quotes, or to the end. Escapes can be kept.
func (e *expansion) until(stop rune, keepEscapes bool) (string, []string, error) {
	var result strings.Builder
	var w words
	if e.depth++; e.depth > maxDepth {
		return "", nil, errors.New("variables are nested too deeply")
	}
	defer func() { e.depth-- }()
	for !e.end() {
		c := e.peek()
		if stop != 0 && c == stop {
			e.at++
			return result.String(), w.list(), nil
		}
		piece, add, err := e.piece(c, keepEscapes)
		if err != nil {
			return "", nil, err
		}
		result.WriteString(piece)
		if add {
			w.add(piece)
		} else {
			w.raw(piece)
		}
	}
	if stop != 0 {
		return "", nil, errOpen
	}
	return result.String(), w.list(), nil
}

// piece reads the next character and what belongs to it; add says that spaces in it part words.
func (e *expansion) piece(c rune, keepEscapes bool) (piece string, add bool, err error) {
	switch c {
	case '\'':
		piece, err = e.single()
		return piece, false, err
	case '"':
		piece, err = e.double(keepEscapes)
		return piece, false, err
	case '$':
		piece, err = e.dollar()
		return piece, true, err
	case '<':
		return e.document(), false, nil
	}
	e.at++
	if c != e.escape {
		return string(c), true, nil
	}
	if keepEscapes {
		piece = string(c)
	}
	if !e.end() {
		piece += string(e.take())
	}
	return piece, false, nil
}

func (e *expansion) single() (string, error) {
	start := e.at
	e.at++
	for !e.end() {
		if e.take() == '\'' {
			if e.keep {
				return string(e.text[start:e.at]), nil
			}
			return string(e.text[start+1 : e.at-1]), nil
		}
	}
	return "", errOpen
}

func (e *expansion) double(keepEscapes bool) (string, error) {
	var b strings.Builder
	quote := ""
	if e.keep {
		quote = `"`
	}
	e.at++
	for !e.end() {
		switch c := e.peek(); {
		case c == '"':
			e.at++
			return quote + b.String() + quote, nil
		case c == '$':
			value, err := e.dollar()
			if err != nil {
				return "", err
			}
			b.WriteString(value)
		case c == e.escape:
			b.WriteString(e.escaped(keepEscapes))
		default:
			b.WriteRune(e.take())
		}
	}
	return "", errOpen
}

// escaped reads an escape character within double quotes: before a character that means nothing, it stands for itself.
func (e *expansion) escaped(keep bool) string {
	escape := e.take()
	next := e.peek()
	switch {
	case e.end():
		return ""
	case next != '"' && next != '$' && next != e.escape:
		return string(escape)
	case keep:
		return string([]rune{escape, e.take()})
	}
	return string(e.take())
}

// document keeps the spaces between << and the word that follows.
func (e *expansion) document() string {
	e.at++
	if e.peek() != '<' {
		return "<"
	}
	start := e.at
	e.at++
	for c := e.peek(); c == ' ' || c == '\t' || c == '\r'; c = e.peek() {
		e.at++
	}
	return "<" + string(e.text[start:e.at])
}

// name reads a variable's name: letters, digits and _; or digits; or one of the shell's own.
func (e *expansion) name() string {
	start := e.at
	if unicode.IsDigit(e.peek()) {
		for unicode.IsDigit(e.peek()) {
			e.at++
		}
		return string(e.text[start:e.at])
	}
	if !e.end() && strings.ContainsRune("@*#?-$!0", e.peek()) {
		return string(e.take())
	}
	for c := e.peek(); unicode.IsLetter(c) || unicode.IsDigit(c) || c == '_'; c = e.peek() {
		e.at++
	}
	return string(e.text[start:e.at])
}

func (e *expansion) value(name string) (string, bool) {
	if e.lookup == nil {
		return "", false
	}
	return e.lookup(name)
}

// dollar reads a variable and returns what stands in its place.
func (e *expansion) dollar() (string, error) {
	start := e.at
	e.at++
	var set bool
	var value string
	var err error
	if e.peek() != '{' {
		name := e.name()
		value, set = e.value(name)
		if name == "" {
			return "$", nil
		}
	} else {
		value, set, err = e.braced()
	}
	if err == nil && !set && (e.keep || e.keepUnset) {
		value = string(e.text[start:e.at])
	}
	return value, err
}

// braced reads from the opening brace on.
func (e *expansion) braced() (value string, set bool, err error) {
	e.at++
	if c := e.peek(); e.end() || c == '{' || c == '}' || c == ':' {
		return "", false, errors.New("what stands in ${} is no variable")
	}
	name := e.name()
	value, set = e.value(name)
	value, err = e.braces(name, value, set)
	return value, set, err
}

// braces reads what follows the name in ${name...}.
func (e *expansion) braces(name, value string, set bool) (string, error) {
	if e.end() {
		return "", errOpen
	}
	form := e.take()
	colon := form == ':'
	if colon {
		form = e.take()
	}
	if strings.ContainsRune("-+?", form) {
		word, _, err := e.until('}', false)
		if err != nil {
			return "", err
		}
		return e.choose(form, name, [2]string{value, word}, set && (value != "" || !colon))
	}
	if colon {
		form = 0 // there are no others with a colon
	}
	switch form {
	case '}':
		return value, nil
	case '#', '%':
		pattern, _, err := e.until('}', true)
		return trim(value, form, pattern, e.escape), err
	case '/':
		return "", e.replace(name, set)
	}
	return "", fmt.Errorf("this form of ${%.60s...} is not known", name)
}

// choose is the outcome of ${name-word}, ${name+word} and ${name?word}; good says that the variable's value counts.
func (e *expansion) choose(form rune, name string, valueAndWord [2]string, good bool) (string, error) {
	switch {
	case form == '+' && good, form == '-' && !good:
		return valueAndWord[1], nil
	case form == '+':
		return "", nil
	case form == '?' && !good && !e.keep && !e.keepUnset:
		return "", fmt.Errorf("the argument %s must be given", show(name))
	}
	return valueAndWord[0], nil
}

// replace goes past ${name/pattern/text}, which is not filled in here.
func (e *expansion) replace(name string, set bool) error {
	if e.peek() == '/' {
		e.at++
	}
	for _, stop := range "/}" {
		if _, _, err := e.until(stop, true); err != nil {
			return err
		}
	}
	if set || !e.keep && !e.keepUnset {
		return fmt.Errorf("${%.60s/...} is not understood before a build; use another ARG", name)
	}
	return nil
}

// trim takes the shortest (or with two #, the longest) match of a pattern off the beginning; with % off the end.
func trim(value string, form rune, pattern string, escape rune) string {
	star := ".*?"
	if strings.HasPrefix(pattern, string(form)) {
		pattern, star = pattern[1:], ".*"
	}
	parts := parts(pattern, star, escape)
	runes := []rune(value)
	if form == '%' { // the end of the value is the beginning of its reverse
		slices.Reverse(parts)
		slices.Reverse(runes)
	}
	match := regexp.MustCompile("^" + strings.Join(parts, "")).FindString(string(runes))
	runes = runes[utf8.RuneCountInString(match):]
	if form == '%' {
		slices.Reverse(runes)
	}
	return string(runes)
}

// parts are the characters of a pattern as regular expressions.
func parts(pattern, star string, escape rune) (all []string) {
	runes := []rune(pattern)
	for i := 0; i < len(runes); i++ {
		switch c := runes[i]; {
		case c == '*':
			all = append(all, star)
		case c == '?':
			all = append(all, ".")
		case c == escape && i+1 < len(runes):
			i++
			all = append(all, regexp.QuoteMeta(string(runes[i])))
		default:
			all = append(all, regexp.QuoteMeta(string(c)))
		}
	}
	return all
}
