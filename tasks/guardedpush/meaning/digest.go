package meaning

import (
	"bytes"
	"crypto/sha256"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/guardrails-ci/guardrails/tasks/guardedpush/document"
)

// digest stands for the meaning of a node: two nodes mean the same if theirs are equal.
// Those of children go into that of their parent, so that a tree is walked once, and
// entries are sorted without a look at what is below them.
type digest [sha256.Size]byte

func hash(of []byte) digest { return sha256.Sum256(of) }

// trail is where a node stands: under which key, and under which one the mapping that has
// it; "" for the elements of a list, and above the root.
type trail struct {
	key, parent string
	depth       int // 0 for the root
}

func (t trail) down(key string) trail { return trail{key, t.key, t.depth + 1} }

type hasher struct {
	ignored  map[*yaml.Node]bool
	defaults bool // these are ignored, too
	kind     kind
}

// sum returns the digest of a node. One that does not count is no part of its parent:
// ignored, or a mapping or list of which everything is.
func (h *hasher) sum(n *yaml.Node, at trail) (sum digest, counts bool) {
	n = document.Resolve(n)
	if h.ignored[n] {
		return digest{}, false
	}
	switch n.Kind {
	case yaml.MappingNode:
		return h.mapping(n, at)
	case yaml.SequenceNode:
		return h.sequence(n, at)
	}
	return scalar(n), true
}

func (h *hasher) mapping(n *yaml.Node, at trail) (digest, bool) {
	fields := document.Fields(n)
	entries := make([][2]digest, 0, len(fields))
	for _, f := range fields {
		if h.defaults && isDefault(at, f) {
			continue
		}
		if sum, counts := h.sum(f.Value, at.down(f.Key.Value)); counts {
			entries = append(entries, [2]digest{scalar(f.Key), sum})
		}
	}
	if len(entries) == 0 && len(fields) > 0 {
		return digest{}, false
	}
	slices.SortFunc(entries, func(a, b [2]digest) int { return bytes.Compare(a[0][:], b[0][:]) })
	whole := append(make([]byte, 0, 16+2*sha256.Size*len(entries)), "mapping"+tagOf(n)...)
	for _, e := range entries {
		whole = append(append(whole, e[0][:]...), e[1][:]...)
	}
	return hash(whole), true
}

func (h *hasher) sequence(n *yaml.Node, at trail) (digest, bool) {
	items := make([]digest, 0, len(n.Content))
	for _, child := range n.Content {
		if sum, counts := h.sum(child, at.down("")); counts {
			items = append(items, sum)
		}
	}
	if len(items) == 0 && len(n.Content) > 0 {
		return digest{}, false
	}
	form := "list"
	if h.anyOrder(n, at) {
		form = "names"
		slices.SortFunc(items, func(a, b digest) int { return bytes.Compare(a[:], b[:]) })
	}
	whole := append(make([]byte, 0, 16+sha256.Size*len(items)), form+tagOf(n)...)
	for _, item := range items {
		whole = append(whole, item[:]...)
	}
	return hash(whole), true
}

// tagOf is a tag of the user's own, such as !Sub, which means something to somebody.
func tagOf(n *yaml.Node) string {
	if tag := n.ShortTag(); tag != "!!map" && tag != "!!seq" {
		return " " + tag + "\x00"
	}
	return "\x00"
}

// anyOrder reports whether a list is one of things that have names, so that their order
// does not count.
func (h *hasher) anyOrder(n *yaml.Node, at trail) bool {
	switch {
	case h.kind == kubernetes && (at.key == "containers" || at.key == "ephemeralContainers"):
		return named(n) != nil
	case h.kind == kustomization && at.key == "images" && at.depth == 1:
		names := named(n)
		// They are applied one after the other: one may rename what the next one finds.
		return names != nil && !slices.ContainsFunc(n.Content, func(item *yaml.Node) bool {
			to := text(item, "newName")
			return names[to] && to != text(item, "name")
		})
	}
	return false
}

// named returns the names of what is listed; nil unless all have one of their own.
func named(list *yaml.Node) map[string]bool {
	names := map[string]bool{}
	for _, item := range list.Content {
		name := text(item, "name")
		if name == "" || names[name] {
			return nil
		}
		names[name] = true
	}
	return names
}

// scalar returns the digest of a scalar: its type and its text.
func scalar(n *yaml.Node) digest {
	tag := n.ShortTag()
	switch {
	case tag == "!!null":
		return hash([]byte(tag)) // ~, null and nothing
	case tag == "!!str" && n.Style == 0 && otherwise.MatchString(n.Value):
		tag = "!!str or not"
	}
	if strings.Contains(n.Value, "{{") { // what a template puts there is read by its quotes
		tag += " " + strconv.Itoa(int(n.Style))
	}
	return hash([]byte("scalar " + tag + "\x00" + n.Value))
}

// otherwise finds what is a text without quotes in YAML 1.2, but a boolean, a number to
// the base of 60 or a special value in YAML 1.1, which kubectl and Helm read.
var otherwise = regexp.MustCompile(`^(?:[yYnN]|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF|=|` +
	`[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?)$`)
