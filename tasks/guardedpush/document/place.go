package document

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Match is a place that a path names.
type Match struct {
	Doc  int
	Node *yaml.Node // never an alias: what it stands for
	Path string     // normalised, such as $['images'][0]['newTag']
	// Aliased: an alias or merge key is on the way to it.
	Aliased bool
	// Within are the nodes on the way to it, the document first, aliases resolved.
	Within []*yaml.Node
}

// place is where a path has come. Its Match is made when the path is at its end: on the
// way there may be many.
type place struct {
	doc     int
	node    *yaml.Node // never an alias
	from    *place     // nil for the root
	key     string     // in a mapping
	index   int        // in a sequence
	aliased bool
}

func (m *place) into(f Field) *place {
	p := m.down(f.Value)
	p.key = f.Key.Value
	p.aliased = p.aliased || f.Merged
	return p
}

func (m *place) item(i int) *place {
	p := m.down(m.node.Content[i])
	p.index = i
	return p
}

func (m *place) down(to *yaml.Node) *place {
	return &place{doc: m.doc, node: Resolve(to), from: m, aliased: m.aliased || to.Kind == yaml.AliasNode}
}

func (m *place) match() Match {
	var steps []string
	var within []*yaml.Node
	for at := m; at.from != nil; at = at.from {
		within = append(within, at.from.node)
		if at.from.node.Kind == yaml.MappingNode {
			steps = append(steps, "['"+escapeKey.Replace(at.key)+"']")
		} else {
			steps = append(steps, "["+strconv.Itoa(at.index)+"]")
		}
	}
	slices.Reverse(steps)
	slices.Reverse(within)
	return Match{m.doc, m.node, "$" + strings.Join(steps, ""), m.aliased, within}
}

// matches sorts places by where they stand. One that a path names twice counts once.
func matches(places []*place) []Match {
	if len(places) == 0 {
		return nil
	}
	all := make([]Match, len(places))
	for i, p := range places {
		all[i] = p.match()
	}
	slices.SortStableFunc(all, func(a, b Match) int {
		return cmp.Or(cmp.Compare(a.Doc, b.Doc), cmp.Compare(a.Node.Line, b.Node.Line),
			cmp.Compare(a.Node.Column, b.Node.Column), cmp.Compare(a.Path, b.Path))
	})
	return slices.CompactFunc(all, func(a, b Match) bool { return a.Doc == b.Doc && a.Path == b.Path })
}

// escapeKey writes a key as a normalised path has it (RFC 9535, 2.7).
var escapeKey = func() *strings.Replacer {
	pairs := []string{`'`, `\'`, `\`, `\\`, "\b", `\b`, "\t", `\t`, "\n", `\n`, "\f", `\f`, "\r", `\r`}
	for c := range rune(0x20) {
		if !strings.ContainsRune("\b\t\n\f\r", c) {
			pairs = append(pairs, string(c), fmt.Sprintf(`\u%04x`, c))
		}
	}
	return strings.NewReplacer(pairs...)
}()
