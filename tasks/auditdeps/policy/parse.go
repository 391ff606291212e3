package policy

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/guardrails-ci/guardrails/shared/yamltree"
)

const (
	// maxSize is how large a file may be. Thousands of exceptions are no policy.
	maxSize = 1 << 20
	// maxDays is how far ahead an exception may end: who accepts a risk looks at it again
	// once a year at least.
	maxDays = 366
	// maxText is how long a value may be.
	maxText = 4 << 10
	// maxProblems is how many are told.
	maxProblems = 50
)

// validID is what ids of advisories and rules are made of. A pattern is not among it: it
// would accept what nobody has looked at.
var validID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$`)

// Parse reads a policy file; name is for messages, now for how far ahead an exception may
// end. The error is a *Error with everything that is wrong.
func Parse(name string, data []byte, now time.Time) (Policy, error) {
	r := &reader{now: now.UTC()}
	r.file(data)
	if len(r.problems) == 0 {
		return r.policy, nil
	}
	slices.SortStableFunc(r.problems, func(a, b Problem) int { return a.Line - b.Line })
	problems := r.problems
	if more := len(problems) - maxProblems; more > 0 {
		problems = append(problems[:maxProblems:maxProblems], Problem{Text: fmt.Sprintf("and %d more problems", more)})
	}
	return Policy{}, &Error{Name: name, Problems: problems}
}

// reader collects a policy and what is wrong with it.
type reader struct {
	now      time.Time
	policy   Policy
	problems []Problem
}

func (r *reader) problem(line int, fix, text string, args ...any) {
	r.problems = append(r.problems, Problem{Line: line, Text: fmt.Sprintf(text, args...), Fix: fix})
}

const (
	form    = "write version: 1, and allow: with a list of entries"
	several = "the file has several documents, or ends in something that is no YAML"
)

func (r *reader) file(data []byte) {
	if len(data) > maxSize {
		r.problem(0, "remove what is not needed any more", "the file is larger than %d bytes", maxSize)
		return
	}
	docs, err := yamltree.Read(data)
	switch {
	case len(docs) > 1:
		r.problem(docs[1].Line, "remove what follows the first document", several)
	case len(docs) == 1 && err != nil:
		r.problem(0, "remove what follows the first document", several)
	case err != nil:
		line, _ := yamltree.Explain(err)
		last := 1 + bytes.Count(bytes.TrimRight(data, "\n"), []byte("\n"))
		r.problem(min(line, last), "see https://yaml.org for the form", "the file is no YAML")
		return
	case len(docs) == 0:
		r.problem(0, form, "the file is empty")
		return
	}
	if r.plain(docs[0], 0) {
		r.top(docs[0].Content[0])
	}
}

// plain reports whether there is nothing in a document that would make it mean something
// else than what it looks like.
func (r *reader) plain(n *yaml.Node, depth int) bool {
	before := len(r.problems)
	switch {
	case depth > 8:
		r.problem(n.Line, form, "nested too deeply")
		return false
	case n.Kind == yaml.AliasNode:
		r.problem(n.Line, "write the value out", "aliases are not understood here")
	case n.Anchor != "":
		r.problem(n.Line, "remove it, and write the value out where it is needed", "anchors are not understood here")
	case n.Style&yaml.TaggedStyle != 0:
		r.problem(n.Line, "remove it", "tags are not understood here")
	}
	for _, child := range n.Content {
		r.plain(child, depth+1)
	}
	return len(r.problems) == before
}

func (r *reader) top(n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		r.problem(n.Line, form, "the file has another form than a policy")
		return
	}
	keys := r.mapping(n, "version", "allow")
	if v := keys["version"]; v == nil {
		r.problem(n.Line, "add version: 1", "the version of the form is missing")
	} else if v.Kind != yaml.ScalarNode || v.Value != "1" {
		r.problem(v.Line, "write version: 1", "the version of the form is not 1, which is the only one that is known")
	}
	list := keys["allow"]
	switch {
	case list == nil || isNull(list):
	case list.Kind != yaml.SequenceNode:
		r.problem(list.Line, `begin each entry with "- id:"`, "allow is no list")
	default:
		for _, item := range list.Content {
			r.entry(item)
		}
	}
}

// mapping returns the values of a mapping, of which it knows every key.
func (r *reader) mapping(n *yaml.Node, known ...string) map[string]*yaml.Node {
	values := make(map[string]*yaml.Node)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case key.Kind != yaml.ScalarNode || !slices.Contains(known, key.Value):
			r.problem(key.Line, "use one of "+strings.Join(known, ", "), "unknown key %s", shown(key.Value))
		case values[key.Value] != nil:
			r.problem(key.Line, "remove one of them", "%s is there twice, first in line %d",
				key.Value, values[key.Value].Line)
		default:
			values[key.Value] = n.Content[i+1]
		}
	}
	return values
}

func (r *reader) entry(n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		r.problem(n.Line, "give it id, reason and expires", "an entry of allow is no mapping")
		return
	}
	keys := r.mapping(n, "id", "package", "path", "reason", "expires", "owner")
	text := func(key, missing string) string {
		value, fix := r.text(keys[key], key)
		if value == "" && missing != "" && fix == "" {
			r.problem(n.Line, missing, "an entry has no %s", key)
		}
		return value
	}
	a := Allow{
		ID:      text("id", "add the id of the advisory or rule, such as GHSA-xvch-5gv4-984h"),
		Package: text("package", ""),
		Path:    text("path", ""),
		Reason:  text("reason", "say why it is accepted"),
		Owner:   text("owner", ""),
		Line:    n.Line,
	}
	if a.ID != "" && !validID.MatchString(a.ID) {
		r.problem(keys["id"].Line, "write one id of an advisory or rule; patterns are not allowed here",
			"%s is not an id", shown(a.ID))
	}
	if a.Path != "" && strings.Contains(a.ID, "/") {
		r.problem(keys["path"].Line, "name the package instead",
			"a path accepts vulnerabilities, and %s is a rule", shown(a.ID))
	}
	if a.Path != "" && slices.Contains(segments(a.Path), "") {
		r.problem(keys["path"].Line, "write it as in the report, such as root > * > minimist, with ** for any number",
			"the path %s has an empty part", shown(a.Path))
	}
	if date := text("expires", "add the last day on which it holds, such as "+r.day(90)); date != "" {
		a.Expires = r.expires(keys["expires"].Line, date)
	}
	r.policy.Allow = append(r.policy.Allow, a)
}

// text returns a value without needless white space. If something is wrong with it, that
// is a problem, and wrong is not "".
func (r *reader) text(n *yaml.Node, key string) (value, wrong string) {
	if n == nil || isNull(n) {
		return "", ""
	}
	value = strings.Join(strings.Fields(n.Value), " ")
	switch {
	case n.Kind != yaml.ScalarNode:
		wrong = "write one text"
	case len(value) > maxText:
		wrong = fmt.Sprintf("write at most %d bytes", maxText)
	case strings.ContainsFunc(value, func(c rune) bool { return !unicode.IsGraphic(c) }):
		wrong = "remove the control or invisible characters"
	}
	if wrong != "" {
		r.problem(n.Line, wrong, "%s cannot be read", key)
		return "", wrong
	}
	return value, ""
}

// expires returns the end of the last day on which an entry holds, in UTC.
func (r *reader) expires(line int, date string) time.Time {
	day, err := time.Parse(time.DateOnly, date)
	switch today := r.now.Truncate(24 * time.Hour); {
	case err != nil:
		r.problem(line, "write the last day on which it holds, such as "+r.day(90), "%s is no date", shown(date))
	case day.After(today.AddDate(0, 0, maxDays)):
		r.problem(line, "write "+r.day(maxDays)+" or earlier", "%s is more than %d days ahead", date, maxDays)
	}
	return day.AddDate(0, 0, 1)
}

// day is a date some days ahead.
func (r *reader) day(ahead int) string { return r.now.AddDate(0, 0, ahead).Format(time.DateOnly) }

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }
