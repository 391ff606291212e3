package document

import (
	"errors"
	"strconv"
	"strings"

	"github.com/ohler55/ojg/jp"
	"go.yaml.in/yaml/v3"
)

// checkFilter refuses what a filter cannot be asked here: something about the whole
// document, of which the library is only shown the element.
func checkFilter(f *jp.Filter) error {
	if !withinElement(inspect(f), 0) {
		return errors.New("a filter can only ask about the element itself (@), not about the root ($)")
	}
	return nil
}

// inspect takes a filter apart. The library panics on one without an operator, such as
// [?(@.name)], so that each gets one.
func inspect(f *jp.Filter) any {
	text := strings.TrimSuffix(strings.TrimPrefix(f.String(), "[?"), "]")
	whole, err := jp.NewFilter("[?((" + text + ") && true)]")
	if err != nil {
		return jp.Expr{jp.Root('$')}
	}
	return whole.Inspect()
}

func withinElement(v any, depth int) bool {
	if depth > maxDepth {
		return false
	}
	switch v := v.(type) {
	case *jp.Form:
		return withinElement(v.Left, depth+1) && withinElement(v.Right, depth+1)
	case jp.Expr:
		for _, frag := range v {
			switch frag := frag.(type) {
			case jp.Root, *jp.Proc:
				return false
			case *jp.Filter:
				if !withinElement(inspect(frag), depth+1) {
					return false
				}
			}
		}
	}
	return true
}

// matches asks a filter about an element. That costs as many steps as it has nodes:
// so many the filter may look at.
func (w *walker) matches(f *jp.Filter, n *yaml.Node) bool {
	if w.steps += w.size(n); w.steps > maxSteps {
		return false
	}
	return f.Match(w.value(n))
}

func (w *walker) size(n *yaml.Node) int {
	n = Resolve(n)
	if n.Kind == yaml.ScalarNode {
		return 1
	}
	if size, ok := w.sizes[n]; ok {
		return size
	}
	size := 1
	for _, child := range n.Content {
		size += w.size(child)
	}
	w.sizes[n] = size
	return size
}

// value is a node as filters see it. Nodes that have several aliases are shared.
func (w *walker) value(n *yaml.Node) any {
	n = Resolve(n)
	if n.Kind == yaml.ScalarNode {
		return scalar(n)
	}
	if v, ok := w.values[n]; ok {
		return v
	}
	var v any
	if n.Kind == yaml.MappingNode {
		entries := map[string]any{}
		for _, f := range Fields(n) {
			entries[f.Key.Value] = w.value(f.Value)
		}
		v = entries
	} else {
		items := make([]any, len(n.Content))
		for i, child := range n.Content {
			items[i] = w.value(child)
		}
		v = items
	}
	w.values[n] = v
	return v
}

// scalar is typed by its tag: newTag: 2.0 is a number, and not equal to '2.0'. What
// cannot be told is a text.
func scalar(n *yaml.Node) any {
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!int":
		if i, err := strconv.ParseInt(strings.ReplaceAll(n.Value, "_", ""), 0, 64); err == nil {
			return i
		}
	case "!!float":
		if x, err := strconv.ParseFloat(strings.ReplaceAll(n.Value, "_", ""), 64); err == nil {
			return x
		}
	}
	return n.Value
}
