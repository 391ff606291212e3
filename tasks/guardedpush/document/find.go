package document

import (
	"fmt"
	"slices"

	"github.com/ohler55/ojg/jp"
	"go.yaml.in/yaml/v3"

	"github.com/guardrails-ci/guardrails/shared/redact"
)

// maxSteps bounds what a path may look at: several ".." in one multiply.
const maxSteps = 3_000_000

// Find returns the places that a path names in all documents, in the order of the
// file, and none if it names none. Aliases and merge keys are followed.
func (f *File) Find(p Path) ([]Match, error) {
	found, _, err := f.find(p)
	return matches(found), err
}

// Reach says how far a path leads that names nothing: the last places that there are,
// and what of the path was not found there, as a text for people.
func (f *File) Reach(p Path) (reached []Match, missing string) {
	_, last, err := f.find(p)
	if err != nil {
		return nil, ""
	}
	var b []byte
	for _, frag := range p.frags[last.used:] {
		b = frag.Append(b, true, false)
	}
	return matches(last.found), redact.Line(string(b))
}

// reach is the last step of a path that found something.
type reach struct {
	used  int
	found []*place
}

func (f *File) find(p Path) (found []*place, last reach, err error) {
	defer func() {
		// The library's filters compare what they are given, of whatever type.
		if recover() != nil {
			err = fmt.Errorf("the path %s cannot be applied to %s", Quote(p.text), Quote(f.Name))
		}
	}()
	w := walker{values: map[*yaml.Node]any{}, sizes: map[*yaml.Node]int{}}
	found = f.roots()
	last = reach{0, found}
	for i, frag := range p.frags {
		found = w.apply(frag, found)
		if w.steps > maxSteps {
			return nil, last, fmt.Errorf("the path %s looks at too many places in %s: make it more exact",
				Quote(p.text), Quote(f.Name))
		}
		if len(found) == 0 {
			break
		}
		last = reach{i + 1, found}
	}
	return found, last, nil
}

func (f *File) roots() []*place {
	var roots []*place
	for i, doc := range f.Docs {
		if doc != nil {
			roots = append(roots, &place{doc: i, node: doc})
		}
	}
	return roots
}

type walker struct {
	steps  int
	values map[*yaml.Node]any // for filters
	sizes  map[*yaml.Node]int
}

func (w *walker) apply(frag jp.Frag, to []*place) []*place {
	var found []*place
	for _, m := range to {
		if w.steps > maxSteps {
			return nil
		}
		found = append(found, w.step(frag, m)...)
	}
	return found
}

func (w *walker) step(frag jp.Frag, m *place) []*place {
	switch frag := frag.(type) {
	case jp.Child:
		return w.child(m, string(frag))
	case jp.Nth:
		return w.nth(m, int(frag))
	case jp.Union:
		return w.union(m, frag)
	case jp.Slice:
		return w.slice(m, frag)
	case jp.Wildcard:
		return w.children(m)
	case jp.Descent:
		return w.descend(m)
	case *jp.Filter:
		var found []*place
		for _, child := range w.children(m) {
			if w.matches(frag, child.node) {
				found = append(found, child)
			}
		}
		return found
	}
	return nil
}

func (w *walker) union(m *place, union jp.Union) []*place {
	var found []*place
	for _, part := range union {
		switch part := part.(type) {
		case string:
			found = append(found, w.child(m, part)...)
		case int64:
			found = append(found, w.nth(m, int(part))...)
		}
	}
	return found
}

// child looks a key up. A mapping's own entry goes before those it merges in.
func (w *walker) child(m *place, key string) []*place {
	if m.node.Kind != yaml.MappingNode {
		return nil
	}
	merges := false
	for i := 0; i+1 < len(m.node.Content); i += 2 {
		w.steps++
		if k := Resolve(m.node.Content[i]); isMerge(m.node.Content[i]) {
			merges = true
		} else if k.Value == key {
			return []*place{m.into(Field{Key: k, Value: m.node.Content[i+1]})}
		}
	}
	if !merges {
		return nil
	}
	fields := w.fields(m.node)
	if i := slices.IndexFunc(fields, func(f Field) bool { return f.Key.Value == key }); i >= 0 {
		return []*place{m.into(fields[i])}
	}
	return nil
}

func (w *walker) fields(mapping *yaml.Node) []Field {
	fields := Fields(mapping)
	w.steps += len(fields)
	return fields
}

func (w *walker) nth(m *place, i int) []*place {
	if m.node.Kind != yaml.SequenceNode {
		return nil
	}
	w.steps++
	if i < 0 {
		i += len(m.node.Content)
	}
	if i < 0 || i >= len(m.node.Content) {
		return nil
	}
	return []*place{m.item(i)}
}

func (w *walker) children(m *place) []*place {
	var found []*place
	switch m.node.Kind {
	case yaml.MappingNode:
		for _, f := range w.fields(m.node) {
			found = append(found, m.into(f))
		}
	case yaml.SequenceNode:
		w.steps += len(m.node.Content)
		for i := range m.node.Content {
			found = append(found, m.item(i))
		}
	}
	return found
}

// descend returns m and all that is in it.
func (w *walker) descend(m *place) []*place {
	found := []*place{m}
	for i := 0; i < len(found); i++ {
		found = append(found, w.children(found[i])...)
	}
	return found
}

// slice takes [start:end:step] as RFC 9535 says (2.3.4.2).
func (w *walker) slice(m *place, s jp.Slice) []*place {
	if m.node.Kind != yaml.SequenceNode {
		return nil
	}
	n := len(m.node.Content)
	at := func(i, unset int) int {
		if i >= len(s) || s[i] == jp.SliceNotSet {
			return unset
		}
		if s[i] < 0 {
			return s[i] + n
		}
		return s[i]
	}
	step := 1
	if len(s) > 2 && s[2] != jp.SliceNotSet {
		step = s[2]
	}
	var found []*place
	switch {
	case step > 0:
		for i := max(at(0, 0), 0); i >= 0 && i < min(at(1, n), n); i += step {
			found = append(found, m.item(i))
		}
	case step < 0:
		for i := min(at(0, n-1), n-1); i >= 0 && i > max(at(1, -1), -1); i += step {
			found = append(found, m.item(i))
		}
	}
	w.steps += len(found)
	return found
}
