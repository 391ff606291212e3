package dockerfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/guardrails-ci/guardrails/shared/redact"
)

var (
	blanks        = regexp.MustCompile(`[\t\v\f\r ]+`)
	directiveForm = regexp.MustCompile(`^([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$`)
)

// keywords are all instructions there are.
var keywords = []string{
	"ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD",
	"RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
}

// instruction is one of them, with its continuation lines.
type instruction struct {
	line    int
	keyword string // in upper case; "" is the end of the file
	flags   []string
	rest    string
}

// reader goes through the lines.
type reader struct {
	lines      []string
	at         int // the next one
	escape     rune
	directives directives
}

func newReader(text string) *reader {
	lines := strings.SplitAfter(strings.TrimPrefix(text, "\ufeff"), "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return &reader{lines: lines, escape: '\\'}
}

// line takes the next line, without its end.
func (r *reader) line() (string, bool) {
	if r.at == len(r.lines) {
		return "", false
	}
	r.at++
	return strings.TrimRight(r.lines[r.at-1], "\r\n"), true
}

// next reads an instruction and what stands in its here-documents.
func (r *reader) next() (instruction, error) {
	for {
		text, ok := r.line()
		if !ok {
			return instruction{line: r.at}, nil
		}
		text = strings.TrimLeftFunc(text, unicode.IsSpace)
		if err := r.directive(text); err != nil {
			return instruction{line: r.at}, err
		}
		start := r.at
		text, more := r.continues(uncommented(text))
		if text == "" && !more {
			continue
		}
		for more {
			next, ok := r.line()
			if !ok {
				break
			}
			if isComment(next) || strings.TrimSpace(next) == "" {
				continue
			}
			next, more = r.continues(next)
			text += next
		}
		in, err := split(text, r.escape)
		in.line = start
		if err == nil {
			err = r.skipDocuments(in, text)
		}
		return in, err
	}
}

// continues cuts off an escape character at the end of the line, unless that is escaped itself.
func (r *reader) continues(line string) (string, bool) {
	text, ok := strings.CutSuffix(strings.TrimRight(line, " \t"), string(r.escape))
	if !ok || strings.HasSuffix(text, string(r.escape)) {
		return line, false
	}
	return text, true
}

func isComment(line string) bool {
	return strings.HasPrefix(strings.TrimLeftFunc(line, unicode.IsSpace), "#")
}

func uncommented(line string) string {
	if isComment(line) {
		return ""
	}
	return line
}

// directives are the "# name=value" at the beginning. The first line that is none ends them.
type directives struct {
	done bool
	seen []string
}

var errTwice = errors.New("there are two directives of one name")

func (d *directives) read(line string) (name, value string, err error) {
	text, ok := strings.CutPrefix(line, "#")
	match := directiveForm.FindStringSubmatch(strings.TrimLeftFunc(text, unicode.IsSpace))
	if d.done || !ok || match == nil {
		d.done = true
		return "", "", nil
	}
	name = strings.ToLower(match[1])
	switch {
	case !slices.Contains([]string{"syntax", "escape", "check"}, name):
		d.done = true
		return "", "", nil
	case slices.Contains(d.seen, name):
		return "", "", errTwice
	}
	d.seen = append(d.seen, name)
	return name, match[2], nil
}

// directive minds the one that changes how lines are read.
func (r *reader) directive(line string) error {
	name, value, err := r.directives.read(line)
	if err != nil || name != "escape" {
		return err
	}
	if value != "`" && value != `\` {
		return fmt.Errorf("the escape character must be \\ or `, not %s", show(value))
	}
	r.escape = rune(value[0])
	return nil
}

// syntaxOf finds the image of the program that reads the Dockerfile in BuildKit's place. Unlike the other directives,
// it may stand below a line that begins with #!.
func syntaxOf(text string) string {
	text = strings.TrimPrefix(text, "\ufeff")
	if strings.HasPrefix(text, "#!") {
		_, text, _ = strings.Cut(text, "\n")
	}
	var d directives
	for line := range strings.Lines(text) {
		name, value, err := d.read(strings.TrimRight(line, "\r\n"))
		if d.done || err != nil {
			break
		}
		if name == "syntax" {
			image, _, _ := strings.Cut(value, " ")
			return image
		}
	}
	return ""
}

// split tells keyword, flags and the rest.
func split(line string, escape rune) (instruction, error) {
	parts := blanks.Split(strings.TrimSpace(line), 2)
	in := instruction{keyword: strings.ToUpper(parts[0])}
	if !slices.Contains(keywords, in.keyword) {
		return in, fmt.Errorf("unknown instruction %s%s", show(parts[0]), meant(in.keyword))
	}
	if len(parts) == 2 {
		in.flags, in.rest = flags(parts[1], escape)
		in.rest = strings.TrimSpace(in.rest)
	}
	return in, nil
}

// meant asks whether another word was meant: one with the same letters, or with one more, less or other.
func meant(word string) string {
	for _, keyword := range keywords {
		first := 0
		for first < min(len(word), len(keyword)) && word[first] == keyword[first] {
			first++
		}
		a, b := word[first:], keyword[first:]
		if sorted(word) == sorted(keyword) || cut(a) == b || a == cut(b) || cut(a) == cut(b) {
			return ": did you mean " + keyword + "?"
		}
	}
	return ""
}

func cut(text string) string { return text[min(1, len(text)):] }

func sorted(text string) string {
	all := []byte(text)
	slices.Sort(all)
	return string(all)
}

// trigger is the instruction of an ONBUILD.
func (in instruction) trigger(escape rune) (instruction, error) {
	inner, err := split(in.rest, escape)
	inner.line = in.line
	if err == nil && slices.Contains([]string{"ONBUILD", "FROM", "MAINTAINER"}, inner.keyword) {
		err = fmt.Errorf("%s cannot stand behind ONBUILD", inner.keyword)
	}
	return inner, err
}

// list is the JSON list that the rest is, if it is one.
func (in instruction) list() (words []string, ok bool, err error) {
	if !strings.HasPrefix(in.rest, "[") {
		return nil, false, nil
	}
	var values []any
	if json.Unmarshal([]byte(in.rest), &values) != nil {
		return nil, false, nil
	}
	for _, value := range values {
		word, isText := value.(string)
		if !isText {
			return nil, false, errors.New("a list in brackets must hold texts only")
		}
		words = append(words, word)
	}
	return words, true, nil
}

var documentForm = regexp.MustCompile(`^(\d*)<<(-?)\s*([^<]*)$`)

// skipDocuments goes past the here-documents of an instruction that may have some.
func (r *reader) skipDocuments(in instruction, line string) error {
	if in.keyword == "ONBUILD" {
		var err error
		if in, err = in.trigger(r.escape); err != nil {
			return err
		}
	}
	if _, isList, err := in.list(); isList || err != nil {
		return err
	}
	if !slices.Contains([]string{"ADD", "COPY", "RUN"}, in.keyword) || !strings.Contains(line, "<<") {
		return nil
	}
	for _, word := range documentWords(line) {
		match := documentForm.FindStringSubmatch(word)
		if match == nil || match[3] == "" {
			continue
		}
		end, ok, err := documentEnd(match[3])
		if err != nil {
			return err
		}
		if ok && !r.skipTo(end, match[2] == "-") {
			return fmt.Errorf("the here-document %s does not end", show(end))
		}
	}
	return nil
}

func (r *reader) skipTo(end string, chomp bool) bool {
	for {
		line, ok := r.line()
		if !ok {
			return false
		}
		if chomp {
			line = strings.TrimLeft(line, "\t")
		}
		if line == end {
			return true
		}
	}
}

// show quotes a part of the file for an error.
func show(text string) string {
	const most = 60
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "..."
	}
	return redact.Defuse(strconv.QuoteToGraphic(text))
}
