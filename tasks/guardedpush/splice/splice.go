// Package splice changes scalars of YAML and JSON files in their text: comments, order,
// blank lines and all other bytes stay as they are.
//
// What a scalar looks like stays, too: a text in quotes keeps its quotes, a number stays
// one, and a text stays a text even if the new one looks like a number (newTag: "2.0").
// See [Apply] for the rules, which the README repeats.
//
// The last guard is in here: what comes out is read again, and unless just the scalars
// that were to change have changed, to what was asked for, there is an error instead.
package splice

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/guardrails-ci/guardrails/tasks/guardedpush/document"
)

// Applied is what an edit did.
type Applied struct {
	Edit Edit
	Path string // normalised
	Line int    // in the file
	// Old and New are the texts, equal if nothing was to do. If only the kind changes,
	// from a number to a text, New has the quotes.
	Old, New string
}

// maxPlaces is how many scalars the edits of a file may change.
const maxPlaces = 10_000

// Apply makes edits of one file, all or none.
//
// Each path must name at least one scalar, and nothing that is none. What it names
// gets the edit's value:
//
//   - what is in quotes keeps them; a block scalar (| or >) stays one, ends as before,
//     and is written in double quotes if it cannot hold the value;
//   - a plain text stays plain if the value can be written so and is read as a text by
//     YAML 1.1 as well as 1.2, and gets double quotes otherwise: 2.0, true, null, 1e3, on,
//     012, 2024-01-01;
//   - what is plain and no text (a number, a bool, a date, nothing) becomes what the
//     value looks like, unless [Edit.Text] is set;
//   - in JSON a text stays a text, and any other scalar becomes a number, true, false or
//     null if the value is one, and a text otherwise;
//   - anchors and tags stay.
//
// A scalar that stands in several places of the document, because an alias or a merge
// key leads to it or to what it is in, is refused: the edit would change the others.
func Apply(name string, data []byte, edits []Edit) ([]byte, []Applied, error) {
	f, err := document.Parse(name, data)
	if err != nil {
		return nil, nil, err
	}
	a := applier{file: f, data: data, aliased: aliased(f), wanted: map[*yaml.Node]*change{}}
	for _, e := range edits {
		a.add(e)
	}
	if len(a.errs) > 0 {
		return nil, nil, problems(a.errs)
	}
	a.write()
	if len(a.errs) > 0 {
		return nil, nil, problems(a.errs)
	}
	out := a.spliced()
	if err := a.check(out); err != nil {
		return nil, nil, err
	}
	return out, a.applied(), nil
}

// problems are several errors in one line.
func problems(errs []error) error {
	const most = 5
	var texts []string
	for _, err := range errs[:min(len(errs), most)] {
		texts = append(texts, err.Error())
	}
	if more := len(errs) - most; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return errors.New(strings.Join(texts, "; "))
}

// change is a scalar that an edit names.
type change struct {
	edit  Edit
	match document.Match
	at    int  // the byte at which it begins
	flow  bool // it is in {...} or [...]

	want string // what is to be read afterwards
	tag  string // and of what kind
	cuts []cut  // none if nothing is to do
}

// cut is a piece of the file and what takes its place.
type cut struct {
	start, end int
	text       string
}

type applier struct {
	file    *document.File
	data    []byte
	aliased map[*yaml.Node]int // the line of an alias to it
	wanted  map[*yaml.Node]*change
	changes []*change
	errs    []error
}

func (a *applier) fail(e Edit, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	a.errs = append(a.errs, fmt.Errorf("line %d: %s: %s", e.Line, document.Quote(a.file.Name), what))
}

// add finds what an edit is to change.
func (a *applier) add(e Edit) {
	if !utf8.ValidString(e.Value) {
		a.fail(e, "the value is not UTF-8")
		return
	}
	matches, err := a.file.Find(e.Path)
	switch {
	case err != nil:
		a.errs = append(a.errs, fmt.Errorf("line %d: %w", e.Line, err))
	case len(matches) == 0:
		a.fail(e, "%s", a.missing(e.Path))
	case len(a.changes)+len(matches) > maxPlaces:
		a.fail(e, "the edits name more than %d places: make them more exact", maxPlaces)
	default:
		for _, m := range matches {
			if reason := a.refused(m); reason != "" {
				a.fail(e, "%s", reason)
				return
			}
			a.want(e, m)
		}
	}
}

func (a *applier) want(e Edit, m document.Match) {
	if other := a.wanted[m.Node]; other != nil {
		if other.edit.Value != e.Value || other.edit.Text != e.Text {
			a.fail(e, "%s gets another value in line %d: take one of them out", place(m.Path), other.edit.Line)
		}
		return
	}
	c := &change{edit: e, match: m, at: a.file.Offset(m.Node), flow: slices.ContainsFunc(m.Within, isFlow)}
	a.wanted[m.Node] = c
	a.changes = append(a.changes, c)
}

func isFlow(n *yaml.Node) bool { return n.Style&yaml.FlowStyle != 0 }

// refused says why a place cannot be changed.
func (a *applier) refused(m document.Match) string {
	switch {
	case m.Aliased:
		return fmt.Sprintf("%s comes from an alias or a merge key (line %d): edit it where it is written, "+
			"or write it out here", place(m.Path), m.Node.Line)
	case m.Node.Kind == yaml.MappingNode:
		return fmt.Sprintf("%s is a mapping%s: name one of its values", place(m.Path), keys(m.Node))
	case m.Node.Kind == yaml.SequenceNode:
		return fmt.Sprintf("%s is a list of %d: name a value in it, such as [0]", place(m.Path), len(m.Node.Content))
	}
	for _, n := range append(m.Within[:len(m.Within):len(m.Within)], m.Node) {
		if line := a.aliased[n]; line > 0 {
			return fmt.Sprintf("%s is used in line %d, too, by the alias *%.40s: write the value out there, "+
				"or the edit would change both", place(m.Path), line, n.Anchor)
		}
	}
	return ""
}

// dotted is a number that was written as a name, with a dot before it (images.0.newTag), as
// other tools have it.
var dotted = regexp.MustCompile(`^\['([0-9]{1,9})'\]`)

// missing says how far a path leads that names nothing.
func (a *applier) missing(p document.Path) string {
	reached, missing := a.file.Reach(p)
	if len(reached) == 0 {
		return fmt.Sprintf("the path %s names nothing: the file is empty", document.Quote(p.String()))
	}
	m := reached[0]
	what := "is a single value"
	switch m.Node.Kind {
	case yaml.MappingNode:
		what = "is a mapping" + keys(m.Node)
	case yaml.SequenceNode:
		what = fmt.Sprintf("is a list of %d", len(m.Node.Content))
		if at := dotted.FindStringSubmatch(missing); at != nil {
			what += ": write [" + at[1] + "]"
		}
	}
	return fmt.Sprintf("the path %s names nothing: there is no %s in %s, which %s",
		document.Quote(p.String()), missing, place(m.Path), what)
}

// keys lists some keys of a mapping.
func keys(n *yaml.Node) string {
	const most = 6
	var names []string
	for _, f := range document.Fields(n) {
		if len(names) == most {
			names = append(names, "...")
			break
		}
		names = append(names, place(f.Key.Value))
	}
	if names == nil {
		return " without keys"
	}
	return " with the keys " + strings.Join(names, ", ")
}

// place shows a normalised path or a key, which are a stranger's.
func place(text string) string {
	const most = 100
	shown := text
	if len(text) > most || !isPrintable(text) {
		shown = document.Quote(text)
	}
	return strings.ReplaceAll(shown, "##", "# #")
}

// aliased are the nodes that have an alias.
func aliased(f *document.File) map[*yaml.Node]int {
	lines := map[*yaml.Node]int{}
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		if n.Kind == yaml.AliasNode && lines[n.Alias] == 0 {
			lines[n.Alias] = n.Line
		}
		for _, child := range n.Content {
			walk(child)
		}
	}
	for _, doc := range f.Docs {
		if doc != nil {
			walk(doc)
		}
	}
	return lines
}

// write decides what the text of each scalar becomes.
func (a *applier) write() {
	slices.SortStableFunc(a.changes, func(x, y *change) int { return cmp.Compare(x.at, y.at) })
	for _, c := range a.changes {
		write := a.writeYAML
		if a.file.JSON {
			write = a.writeJSON
		}
		if err := write(c); err != nil {
			a.fail(c.edit, "%s (line %d): %s", place(c.match.Path), c.match.Node.Line, err)
		}
	}
}

// spliced is the file with the cuts made.
func (a *applier) spliced() []byte {
	out := make([]byte, 0, len(a.data)+256)
	at := 0
	for _, c := range a.changes {
		for _, cut := range c.cuts {
			out = append(append(out, a.data[at:cut.start]...), cut.text...)
			at = cut.end
		}
	}
	return append(out, a.data[at:]...)
}

func (a *applier) applied() []Applied {
	var all []Applied
	for _, c := range a.changes {
		did := Applied{Edit: c.edit, Path: c.match.Path, Line: c.match.Node.Line, Old: c.match.Node.Value, New: c.want}
		if did.Old == did.New && len(c.cuts) > 0 {
			did.New = quoteDouble(c.want)
		}
		all = append(all, did)
	}
	return all
}
