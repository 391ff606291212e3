package workload

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// patch is the images that one patch of a kustomization sets.
type patch struct {
	target  target
	changes []change
}

// change is an image that a patch sets: for the container of a name (strategic merge) or a place (JSON patch).
type change struct {
	image
	byPlace, added bool
}

// target is the objects that a patch is for.
type target struct {
	kind, name *regexp.Regexp // nil is what the patch itself says
	vague      bool           // there is more to it, which we do not look at: labels, namespaces
}

// patchesOf reads the patches of a kustomization, in the order in which kustomize applies them.
func (r *reader) patchesOf(k *kustomization, w *walker, fields []field) {
	for _, item := range w.items(fields, "patchesStrategicMerge", 0) {
		n := resolve(item)
		if n == nil || n.Kind != yaml.ScalarNode {
			continue
		}
		if strings.Contains(n.Value, "\n") {
			r.inline(k, target{}, n)
		} else {
			r.patchFile(k, target{}, entry{n.Value, n.Line})
		}
	}
	for _, key := range []string{"patches", "patchesJson6902"} {
		for _, item := range w.items(fields, key, 0) {
			f := w.mappingOf(item)
			to := targetOf(w, f)
			if file := text(f, "path"); file != "" {
				r.patchFile(k, to, entry{file, item.Line})
			}
			for _, n := range values(f, "patch") {
				if n = resolve(n); n != nil && n.Kind == yaml.ScalarNode {
					r.inline(k, to, n)
				}
			}
		}
	}
}

func targetOf(w *walker, fields []field) target {
	var t target
	for _, f := range w.mapping(fields, 0, "target") {
		n := resolve(f.value)
		if n == nil || n.Kind != yaml.ScalarNode || n.Value == "" {
			continue
		}
		switch f.key {
		case "kind":
			t.kind = anchored(n.Value)
		case "name":
			t.name = anchored(n.Value)
		case "group", "version":
		default:
			t.vague = true
		}
	}
	// With a target that names no kind or no name, every one is meant.
	if t.kind != nil || t.name != nil || t.vague {
		if t.kind == nil {
			t.kind = anchored(".*")
		}
		if t.name == nil {
			t.name = anchored(".*")
		}
	}
	return t
}

// anchored is a pattern as kustomize reads it; one that is none matches nothing.
func anchored(pattern string) *regexp.Regexp {
	form, err := regexp.Compile("^(?:" + pattern + ")$")
	if err != nil {
		return regexp.MustCompile(`$.`)
	}
	return form
}

// patchFile reads a patch of a file. Without a target, kustomize takes what a name says for YAML if there is no such
// file; that has lines, so it has been dealt with.
func (r *reader) patchFile(k *kustomization, to target, e entry) {
	name := path.Join(path.Dir(k.path), e.name)
	if name == ".." || strings.HasPrefix(name, "../") || path.IsAbs(e.name) {
		r.problem(Use{Path: k.path, Line: e.line}, "scan from a folder that has both in it",
			"%s is outside of what is scanned", quote(e.name))
		return
	}
	r.claimed[name] = true
	data, ok := r.file(name)
	if !ok {
		return
	}
	docs, err := parse(name, data)
	if err != nil {
		r.broken(name, err, false)
	}
	r.addPatch(k, to, name, docs, 0)
}

// inline reads a patch that is written in the kustomization.
func (r *reader) inline(k *kustomization, to target, n *yaml.Node) {
	before := len(k.patches)
	docs, err := parse("", []byte(n.Value))
	if err != nil {
		r.broken(k.path, err, false)
	}
	line := n.Line - 1
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		line++ // the text begins below the "|"
	}
	r.addPatch(k, to, k.path, docs, line)
	// Where a line of the text begins in the file is not known.
	for _, p := range k.patches[before:] {
		for i := range p.changes {
			p.changes[i].Column = 0
		}
	}
}

func (r *reader) addPatch(k *kustomization, to target, name string, docs []*yaml.Node, line int) {
	for _, doc := range docs {
		w := &walker{path: name, left: maxNodes}
		p := patch{target: to}
		n := w.enter(doc, 0)
		switch {
		case n == nil:
		case n.Kind == yaml.SequenceNode:
			for _, op := range n.Content {
				p.changes = append(p.changes, w.operation(w.mappingOf(op))...)
			}
		default:
			w.walk(n, object{kind: "patch"}, 0)
			for _, im := range w.images {
				p.changes = append(p.changes, change{image: im})
			}
		}
		if w.endless {
			r.problem(Use{Path: name}, "write it out, or split it", "%s", errNeverEnds)
		}
		for i := range p.changes {
			p.changes[i].Line += line
		}
		k.patches = append(k.patches, p)
	}
}

// operation returns the images that an operation of a JSON patch (RFC 6902) sets.
func (w *walker) operation(op []field) []change {
	keys := strings.Split(text(op, "path"), "/")
	at := len(keys) - 1
	for at >= 0 && !slices.Contains(containerLists, keys[at]) {
		at--
	}
	before := len(w.images)
	in := object{kind: "patch"}
	byPlace := at >= 0 && len(keys) > at+1
	for _, value := range values(op, "value") {
		switch {
		case at < 0, len(keys) == at+1:
			// A list of containers stands below its key, wherever that is.
			list := &yaml.Node{Kind: yaml.ScalarNode, Value: keys[len(keys)-1]}
			w.walk(&yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{list, value}}, in, 0)
		default:
			im := image{Use: in.use(w.path), list: keys[at]}
			im.index, _ = strconv.Atoi(keys[at+1])
			if len(keys) == at+2 {
				w.container(value, im, 0)
			} else if len(keys) == at+3 && keys[at+2] == "image" {
				w.add([]field{{key: "image", value: value}}, "image", im)
			}
		}
	}
	var changes []change
	for _, im := range w.images[before:] {
		added := len(keys) == at+2 && text(op, "op") == "add"
		changes = append(changes, change{image: im, byPlace: byPlace, added: added})
	}
	return changes
}

// patch carries a patch out. An image that it sets in no container that we know is an image of its own.
func (b *builder) patch(p patch, images []image) []image {
	var more []image
	for _, c := range p.changes {
		known := false
		for i, im := range images {
			if !p.sets(c, im) {
				continue
			}
			known = true
			images[i].Path, images[i].Line, images[i].Column, images[i].Image = c.Path, c.Line, c.Column, c.Image
		}
		if !known {
			more = append(more, c.image)
		}
	}
	for _, added := range more {
		images = appendAnywhere(images, added, p.target.kind != nil)
	}
	return images
}

// appendAnywhere adds an image that may stand before the others of its list: what a later patch says of a place there
// may mean any of them.
func appendAnywhere(images []image, added image, anyObject bool) []image {
	alone := true
	for i, im := range images {
		if im.list == added.list && (anyObject || added.Kind == im.Kind && added.Name == im.Name) {
			images[i].index, alone = -1, false
		}
	}
	if !alone {
		added.index = -1
	}
	return append(images, added)
}

// sets reports whether a change replaces an image.
func (p patch) sets(c change, im image) bool {
	if p.target.vague || c.added || c.list != im.list {
		return false
	}
	if c.byPlace && c.index != im.index || !c.byPlace && (c.container != im.container || c.container == "") {
		return false
	}
	if p.target.kind != nil {
		return p.target.kind.MatchString(im.Kind) && p.target.name.MatchString(im.Name)
	}
	return c.Kind == im.Kind && c.Name == im.Name
}
