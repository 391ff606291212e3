package splice

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/guardrails-ci/guardrails/tasks/guardedpush/document"
)

// Edit is a change that is asked for.
type Edit struct {
	Line  int    // of the input, from 1
	File  string // slash-separated, checked
	Path  document.Path
	Value string
	Text  bool // the value was written in quotes: it is a text, whatever it looks like
}

const (
	maxEdits = 1000
	maxLine  = 64 << 10
)

// ParseEdits reads lines of the form
//
//	deploy/values.yaml: $.image.tag = 1.2.3
//
// The file's name ends at the first colon with a blank after it, the path at the first
// equals sign that is not in brackets. The value is the rest, as it stands; in quotes it
// is read as YAML reads it, and is a text. Blank lines are skipped. There are no comments:
// one that is meant as such would end up in the file, and is refused. All wrong lines are
// told at once, in an error of one line.
func ParseEdits(lines []string) ([]Edit, error) {
	var edits []Edit
	var errs []error
	for i, line := range lines {
		if strings.TrimSpace(line) == "" {
			continue
		}
		e, err := parseEdit(line)
		if err != nil {
			errs = append(errs, fmt.Errorf("line %d: %w", i+1, err))
			continue
		}
		e.Line = i + 1
		edits = append(edits, e)
	}
	if len(edits) > maxEdits {
		errs = append(errs, fmt.Errorf("there are %d edits, and %d is the most", len(edits), maxEdits))
	}
	if len(errs) > 0 {
		return nil, problems(errs)
	}
	return edits, nil
}

func parseEdit(line string) (Edit, error) {
	switch {
	case len(line) > maxLine:
		return Edit{}, fmt.Errorf("it has %d bytes, and %d is the most", len(line), maxLine)
	case !utf8.ValidString(line):
		return Edit{}, errors.New("it is not UTF-8")
	case strings.HasPrefix(strings.TrimSpace(line), "#"):
		return Edit{}, errors.New(`it begins with "#": edits have no comments; take the line out`)
	}
	colon := strings.Index(strings.ReplaceAll(line, "\t", " "), ": ")
	if colon < 0 {
		return Edit{}, errors.New("there is no colon with a blank after it: write file.yaml: path = value")
	}
	file, err := checkFile(strings.TrimSpace(line[:colon]))
	if err != nil {
		return Edit{}, err
	}
	path, rest, err := document.CutPath(line[colon+1:])
	if err != nil {
		return Edit{}, err
	}
	value, ok := strings.CutPrefix(rest, "=")
	if !ok {
		return Edit{}, fmt.Errorf("there is no = after the path %s: write file.yaml: path = value",
			document.Quote(path.String()))
	}
	e := Edit{File: file, Path: path}
	e.Value, e.Text, err = parseValue(value)
	return e, err
}

// checkFile returns the name of a file of a repository.
func checkFile(name string) (string, error) {
	name = strings.TrimPrefix(name, "./")
	bad := func(reason string) (string, error) {
		return "", fmt.Errorf("the file %s %s", document.Quote(name), reason)
	}
	switch {
	case name == "":
		return "", errors.New("there is no file before the colon: write file.yaml: path = value")
	case strings.ContainsRune(name, '\\'):
		return bad("has a backslash: write / between folders")
	case name[0] == '/' || len(name) > 1 && name[1] == ':':
		return bad("is absolute: name it from the repository's root")
	case strings.ContainsFunc(name, isHidden):
		return bad("has a character that cannot be seen")
	case !document.Is(name):
		return bad("is neither YAML nor JSON by its name: edits are for .yaml, .yml and .json")
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || part == ".." {
			return bad("is not plain: name it from the repository's root, without . and ..")
		}
		if isGit(part) {
			return bad("is in git's own folder")
		}
	}
	return name, nil
}

func isHidden(c rune) bool { return unicode.IsControl(c) || unicode.Is(unicode.Cf, c) }

// isGit reports whether some system takes the name for .git: Windows drops what is at
// the end, and has short names and streams.
func isGit(name string) bool {
	name, _, _ = strings.Cut(strings.ToLower(name), ":")
	name = strings.TrimRight(name, " .")
	return name == ".git" || name == "git~1"
}

// unset is a variable that the agent has not replaced, because there is none.
var unset = regexp.MustCompile(`\$\([A-Za-z_][A-Za-z0-9_.]*\)`)

// comment is what begins one in YAML, and what a text in quotes alone may hold.
var comment = regexp.MustCompile(`[ \t]#`)

// parseValue reads what stands after the equals sign, blanks and all: where a variable is
// empty, they are all that comes before a comment.
func parseValue(rest string) (value string, inQuotes bool, err error) {
	text := strings.TrimSpace(rest)
	if text == "" {
		return "", false, errors.New(`there is no value after the =: a variable may be empty; write "" for an empty text`)
	}
	if name := unset.FindString(text); name != "" {
		return "", false, fmt.Errorf("the value holds %s, a variable that is not set: set it, or write \"\\x24(...)\" "+
			"if the text is meant", document.Quote(name))
	}
	quote := text[0]
	if quote != '"' && quote != '\'' {
		if comment.MatchString(rest) {
			return "", false, errors.New(`the value holds " #": edits have no comments; take it out, ` +
				"or put the value in quotes")
		}
		return text, false, nil
	}
	if comment.MatchString(afterQuotes(text)) {
		return "", false, errors.New(`after the value comes " #": edits have no comments; take it out`)
	}
	if len(text) > 1 && text[len(text)-1] == quote {
		if n := onlyScalar(text); n != nil && n.Style&quoted != 0 && utf8.ValidString(n.Value) {
			return n.Value, true, nil
		}
	}
	return "", false, errors.New("the value begins with a quote and is no text in quotes: write \"...\" or '...'")
}

// afterQuotes is what comes after a text in quotes, with which the given one begins.
func afterQuotes(text string) string {
	quote := text[0]
	for i := 1; i < len(text); i++ {
		switch {
		case quote == '"' && text[i] == '\\', quote == '\'' && strings.HasPrefix(text[i:], "''"):
			i++
		case text[i] == quote:
			return text[i+1:]
		}
	}
	return ""
}

// onlyScalar reads a text that is one scalar of YAML, and nothing else, not even a comment.
func onlyScalar(text string) *yaml.Node {
	f, err := document.Parse("value.yaml", []byte(text))
	if err != nil || len(f.Docs) != 1 || f.Docs[0] == nil {
		return nil
	}
	n := f.Docs[0]
	a := applier{file: f, data: []byte(text)}
	s, err := a.span(&change{match: document.Match{Node: n}})
	if n.Kind != yaml.ScalarNode || err != nil || s.start != 0 || s.end != len(text) {
		return nil
	}
	return n
}
