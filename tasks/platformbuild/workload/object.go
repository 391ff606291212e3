package workload

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// image is a use with its place in the object.
type image struct {
	Use
	list      string // such as initContainers
	index     int    // in the list
	container string // its name
}

// object is what a part of a document belongs to.
type object struct{ kind, name string }

// containerLists are the keys below which images to run stand: those of a pod's spec, and of Tekton's tasks.
var containerLists = []string{"containers", "initContainers", "ephemeralContainers", "steps", "sidecars"}

// containerKeys hold a single container: Argo Workflows and Tekton have them.
var containerKeys = []string{"container", "script", "stepTemplate"}

// walker collects the images of one file.
type walker struct {
	path    string
	left    int // nodes
	endless bool
	images  []image
}

// field is an entry of a mapping.
type field struct {
	key   string
	value *yaml.Node // as it stands there: maybe an alias
	note  string     // the comment behind the key
}

func (w *walker) walk(n *yaml.Node, in object, depth int) {
	n = w.enter(n, depth)
	if n == nil {
		return
	}
	if n.Kind == yaml.SequenceNode {
		for _, item := range n.Content {
			w.walk(item, in, depth+1)
		}
		return
	}
	fields := w.fields(n, depth)
	if kind, name, ok := w.objectOf(fields, depth); ok {
		group, _, _ := strings.Cut(text(fields, "apiVersion"), "/")
		if kind == "CustomResourceDefinition" || strings.HasPrefix(group, "kustomize.") {
			return // a schema; or read as what it is
		}
		if strings.HasPrefix(text(fields, "apiVersion"), "kyverno.io/") {
			return // a policy, such as ours: its images are patterns
		}
		in = object{kind, name}
	}
	if in.kind != "" {
		w.podSpec(fields, in, depth)
	}
	for _, f := range fields {
		w.walk(f.value, in, depth+1)
	}
}

// enter returns what a node stands for; nil if that is neither a mapping nor a sequence, or too much in all.
func (w *walker) enter(n *yaml.Node, depth int) *yaml.Node {
	if n = resolve(n); n == nil || n.Kind != yaml.MappingNode && n.Kind != yaml.SequenceNode {
		return nil
	}
	if w.left -= 1 + len(n.Content); w.left < 0 || depth > maxDepth {
		w.endless = true
		return nil
	}
	return n
}

// resolve returns what an alias stands for.
func resolve(n *yaml.Node) *yaml.Node {
	for hops := 0; n != nil && n.Kind == yaml.AliasNode; hops++ {
		if n = n.Alias; hops > maxDepth {
			return nil
		}
	}
	return n
}

// fields returns what a mapping holds: its own entries, those of a key that is there twice included, then those that
// it merges in and does not have itself.
func (w *walker) fields(n *yaml.Node, depth int) []field {
	fields := make([]field, 0, len(n.Content)/2)
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := resolve(n.Content[i])
		switch {
		case key == nil || key.Kind != yaml.ScalarNode:
		case key.ShortTag() == "!!merge":
			merged = append(merged, n.Content[i+1])
		default:
			fields = append(fields, field{key.Value, n.Content[i+1], key.LineComment})
		}
	}
	for _, source := range merged {
		fields = w.merge(fields, source, depth+1)
	}
	return fields
}

func (w *walker) merge(fields []field, source *yaml.Node, depth int) []field {
	n := w.enter(source, depth)
	if n == nil {
		return fields
	}
	if n.Kind == yaml.SequenceNode {
		for _, item := range n.Content {
			fields = w.merge(fields, item, depth+1)
		}
		return fields
	}
	have := map[string]bool{}
	for _, f := range fields {
		have[f.key] = true
	}
	for _, f := range w.fields(n, depth) {
		if !have[f.key] {
			fields = append(fields, f)
		}
	}
	return fields
}

// values are the values of a key: hostile files have it twice.
func values(fields []field, key string) []*yaml.Node {
	var all []*yaml.Node
	for _, f := range fields {
		if f.key == key {
			all = append(all, f.value)
		}
	}
	return all
}

// text is the scalar at a key, or "".
func text(fields []field, key string) string {
	for _, n := range values(fields, key) {
		if n = resolve(n); n != nil && n.Kind == yaml.ScalarNode {
			return n.Value
		}
	}
	return ""
}

// mapping returns the entries of the mapping at a path of keys.
func (w *walker) mapping(fields []field, depth int, keys ...string) []field {
	for _, key := range keys {
		var inner []field
		for _, n := range values(fields, key) {
			if n = w.enter(n, depth); n != nil && n.Kind == yaml.MappingNode {
				inner = append(inner, w.fields(n, depth)...)
			}
		}
		fields = inner
	}
	return fields
}

// items are the elements of the sequences at a key.
func (w *walker) items(fields []field, key string, depth int) []*yaml.Node {
	var all []*yaml.Node
	for _, n := range values(fields, key) {
		if n = w.enter(n, depth); n != nil && n.Kind == yaml.SequenceNode {
			all = append(all, n.Content...)
		}
	}
	return all
}

func (w *walker) objectOf(fields []field, depth int) (kind, name string, ok bool) {
	kind = text(fields, "kind")
	if kind == "" || text(fields, "apiVersion") == "" {
		return "", "", false
	}
	metadata := w.mapping(fields, depth, "metadata")
	if name = text(metadata, "name"); name == "" {
		name = text(metadata, "generateName")
	}
	return kind, name, true
}

// podSpec collects the images that stand directly in a mapping.
func (w *walker) podSpec(fields []field, in object, depth int) {
	var selector map[string]string
	before := len(w.images)
	for _, list := range containerLists {
		for i, item := range w.items(fields, list, depth) {
			w.container(item, image{Use: in.use(w.path), list: list, index: i}, depth+1)
		}
	}
	for _, key := range containerKeys {
		for _, n := range values(fields, key) {
			w.container(n, image{Use: in.use(w.path), list: key}, depth+1)
		}
	}
	for i, item := range w.items(fields, "volumes", depth) {
		if n := w.enter(item, depth+1); n != nil && n.Kind == yaml.MappingNode {
			volume := w.mapping(w.fields(n, depth), depth, "image")
			w.add(volume, "reference", image{Use: in.use(w.path), list: "volumes", index: i})
		}
	}
	if len(w.images) > before {
		selector = w.selector(fields, depth)
	}
	for i := range w.images[before:] {
		w.images[before+i].Selector = selector
	}
}

func (o object) use(path string) Use { return Use{Path: path, Kind: o.kind, Name: o.name} }

func (w *walker) container(n *yaml.Node, im image, depth int) {
	if n = w.enter(n, depth); n == nil || n.Kind != yaml.MappingNode {
		return
	}
	fields := w.fields(n, depth)
	im.container = text(fields, "name")
	w.add(fields, "image", im)
}

// add adds the images at a key.
func (w *walker) add(fields []field, key string, im image) {
	for _, f := range fields {
		n := resolve(f.value)
		if f.key != key || n == nil {
			continue
		}
		im.Line, im.Column, im.Image = f.value.Line, f.value.Column, n.Value
		switch {
		case n.Kind != yaml.ScalarNode:
			im.Image = "{{ }}" // what a template leaves: YAML reads {{ .image }} as mappings
		case n.ShortTag() == "!!null" && strings.HasPrefix(f.note, "#{"):
			im.Image = f.note // a token: YAML reads #{image}# as a comment
		case n.ShortTag() == "!!null" || n.Value == "":
			continue // to be filled in by the cluster; nothing runs as it is
		}
		w.images = append(w.images, im)
	}
}

// The labels that nodes have for what they are, and what they were called before Kubernetes 1.14.
const (
	archLabel = "kubernetes.io/arch"
	osLabel   = "kubernetes.io/os"
)

// selector is what a pod's spec asks of the nodes.
func (w *walker) selector(spec []field, depth int) map[string]string {
	found := map[string]string{}
	plain := w.mapping(spec, depth, "nodeSelector")
	system := text(w.mapping(spec, depth, "os"), "name")
	required := w.mapping(spec, depth, "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
	terms := w.items(required, "nodeSelectorTerms", depth)
	for _, label := range []string{archLabel, osLabel} {
		want := set{}
		for _, key := range []string{label, "beta." + label} {
			want = want.and(text(plain, key))
		}
		if label == osLabel {
			want = want.and(system)
		}
		want = want.and(w.anyOf(terms, label, depth)...)
		if want.some {
			found[label] = strings.Join(want.values, ",")
		}
	}
	if len(found) == 0 {
		return nil
	}
	return found
}

// anyOf are the values that one of the terms asks for; none if a term takes nodes of any value.
func (w *walker) anyOf(terms []*yaml.Node, label string, depth int) []string {
	var all []string
	for _, term := range terms {
		want := set{}
		n := w.enter(term, depth)
		if n == nil || n.Kind != yaml.MappingNode {
			continue
		}
		for _, item := range w.items(w.fields(n, depth), "matchExpressions", depth) {
			if n = w.enter(item, depth); n == nil || n.Kind != yaml.MappingNode {
				continue
			}
			expression := w.fields(n, depth)
			key := strings.TrimPrefix(text(expression, "key"), "beta.")
			if key == label && text(expression, "operator") == "In" {
				var values []string
				for _, v := range w.items(expression, "values", depth) {
					if v = resolve(v); v != nil {
						values = append(values, v.Value)
					}
				}
				want = want.and(values...)
			}
		}
		if !want.some {
			return nil
		}
		all = append(all, want.values...)
	}
	return all
}

// set is what a label may be; the zero value is anything.
type set struct {
	some   bool
	values []string
}

// and leaves what is also among the values; no values, or an empty one, mean anything.
func (s set) and(values ...string) set {
	if len(values) == 0 || values[0] == "" {
		return s
	}
	var both []string
	for _, v := range values {
		if !s.some || slices.Contains(s.values, v) {
			both = append(both, v)
		}
	}
	slices.Sort(both)
	return set{true, slices.Compact(both)}
}
