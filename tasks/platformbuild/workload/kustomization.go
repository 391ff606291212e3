package workload

import (
	"path"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/guardrails-ci/guardrails/shared/yamltree"
)

// kustomizationFiles are the names that kustomize looks for.
var kustomizationFiles = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

// kustomization is what we carry out of one.
type kustomization struct {
	path       string
	resources  []entry // files and folders
	components []entry
	patches    []patch
	images     []replacement
}

// entry is a path that a kustomization names.
type entry struct {
	name string
	line int
}

// readKustomization reads that of a folder; nil if there is none.
func (r *reader) readKustomization(dir string) *kustomization {
	if k, ok := r.kustomizations[dir]; ok {
		return k
	}
	r.kustomizations[dir] = nil
	for _, base := range kustomizationFiles {
		if name := path.Join(dir, base); r.exists(name) {
			r.kustomizations[dir] = r.parseKustomization(name)
			return r.kustomizations[dir]
		}
	}
	return nil
}

func (r *reader) parseKustomization(name string) *kustomization {
	k := &kustomization{path: name}
	data, ok := r.file(name)
	if !ok {
		return k
	}
	docs, err := parse(name, data)
	if err != nil || len(docs) != 1 || docs[0].Kind != yaml.MappingNode {
		if err == nil {
			err = yamltree.ErrNotYAML
		}
		r.broken(name, err, false)
		return k
	}
	w := &walker{left: maxNodes}
	fields := w.fields(docs[0], 0)
	for _, key := range []string{"resources", "bases"} {
		k.resources = append(k.resources, w.entries(fields, key)...)
	}
	k.components = w.entries(fields, "components")
	for _, item := range w.items(fields, "images", 0) {
		f := w.mappingOf(item)
		k.images = append(k.images, replacement{
			form: imageForm(text(f, "name")), newName: text(f, "newName"), newTag: text(f, "newTag"),
			digest: text(f, "digest"), suffix: text(f, "tagSuffix"),
		})
	}
	r.patchesOf(k, w, fields)
	r.beyond(k, fields)
	if w.endless {
		r.problem(Use{Path: name}, "write it out", "%s", errNeverEnds)
	}
	return k
}

// entries are the texts of a list.
func (w *walker) entries(fields []field, key string) []entry {
	var all []entry
	for _, item := range w.items(fields, key, 0) {
		if n := resolve(item); n != nil && n.Kind == yaml.ScalarNode && n.Value != "" {
			all = append(all, entry{n.Value, item.Line})
		}
	}
	return all
}

// mappingOf are the entries of a node that is a mapping.
func (w *walker) mappingOf(n *yaml.Node) []field {
	if n = w.enter(n, 0); n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	return w.fields(n, 0)
}

// beyond tells what changes images, or adds some, in ways that we do not carry out.
func (r *reader) beyond(k *kustomization, fields []field) {
	for _, f := range fields {
		at := Use{Path: k.path, Line: f.value.Line}
		const hint = "scan the output of kustomize build as well"
		switch n := resolve(f.value); {
		case n == nil || len(n.Content) == 0:
		case f.key == "helmCharts" || f.key == "helmChartInflationGenerator" || f.key == "generators":
			r.problem(at, hint, "what %s of a kustomization adds is not looked at", f.key)
		case f.key == "transformers" || f.key == "replacements" || f.key == "vars":
			r.problem(at, hint, "what %s of a kustomization change is not looked at", f.key)
			r.problems[len(r.problems)-1].Warn = true
		}
	}
}

// kustomized returns the images that the kustomizations in folders come to: those of each that no other one builds
// upon. The files that they apply are claimed: what stands there is not what runs.
func (r *reader) kustomized(dirs []string) []image {
	b := &builder{reader: r, used: map[string]bool{}, left: 10_000}
	built := map[string][]image{}
	for _, dir := range dirs {
		built[dir] = b.build(dir, nil)
	}
	var all []image
	for _, dir := range dirs {
		if !b.used[dir] {
			all = append(all, built[dir]...)
		}
	}
	return all
}

// builder carries kustomizations out.
type builder struct {
	*reader
	used map[string]bool // folders that a kustomization builds upon
	left int             // kustomizations that may still be built
}

// build returns the images of the kustomization in a folder. above are those that it is built for.
func (b *builder) build(dir string, above []string) []image {
	k := b.readKustomization(dir)
	if k == nil || !b.enterKustomization(k, dir, above, nil) {
		return nil
	}
	return b.extend(k, dir, append(above, dir), nil)
}

func (b *builder) enterKustomization(k *kustomization, dir string, above []string, images []image) bool {
	for _, d := range above {
		if d == dir {
			b.problem(Use{Path: k.path}, "remove one of the references", "the kustomization builds upon itself")
			return false
		}
	}
	if b.left -= 1 + len(images)/100; b.left < 0 || len(above) > maxDepth {
		b.problem(Use{Path: k.path}, "scan the output of kustomize build", "the kustomizations come to too much")
		return false
	}
	return b.ctx.Err() == nil
}

// extend applies a kustomization to the images that are there already: a component has those of who uses it.
func (b *builder) extend(k *kustomization, dir string, above []string, images []image) []image {
	for _, e := range k.resources {
		images = append(images, b.resource(k, dir, above, e)...)
	}
	for _, e := range k.components {
		folder, ok := b.local(k, dir, e)
		if !ok {
			continue
		}
		component := b.readKustomization(folder)
		if component == nil {
			b.missing(k, e, "there is no kustomization in the component's folder")
			continue
		}
		b.used[folder] = true
		if b.enterKustomization(component, folder, above, images) {
			images = b.extend(component, folder, append(above, folder), images)
		}
	}
	for _, p := range k.patches {
		images = b.patch(p, images)
	}
	for i := range images {
		images[i] = rename(images[i], k.images)
	}
	if len(images) > maxImages {
		b.counted(k.path, images)
		return nil
	}
	return images
}

// resource returns the images of an entry of resources, in a slice of their own.
func (b *builder) resource(k *kustomization, dir string, above []string, e entry) []image {
	name, ok := b.local(k, dir, e)
	switch {
	case !ok:
		return nil
	case !b.isFolder(name):
		if !b.exists(name) {
			b.missing(k, e, "there is no such file")
			return nil
		}
		b.claimed[name] = true
		return append([]image(nil), b.manifest(name)...)
	case b.readKustomization(name) == nil:
		b.missing(k, e, "there is no kustomization in the folder")
		return nil
	}
	b.used[name] = true
	return b.build(name, above)
}

// local is the path from the root of what a kustomization names.
func (b *builder) local(k *kustomization, dir string, e entry) (name string, ok bool) {
	name = path.Join(dir, e.name)
	switch {
	case (isRemote(e.name)) && !b.exists(name) && !b.isFolder(name):
		b.problem(Use{Path: k.path, Line: e.line},
			"scan the output of kustomize build, or keep a copy in the repository",
			"%s is fetched from elsewhere, and cannot be looked at", quote(e.name))
	case path.IsAbs(e.name), name == "..", strings.HasPrefix(name, "../"):
		b.problem(Use{Path: k.path, Line: e.line}, "scan from a folder that has both in it",
			"%s is outside of what is scanned", quote(e.name))
	default:
		return name, true
	}
	return "", false
}

// isRemote reports whether kustomize would fetch an entry if there is no such file: an address, or a host with a path.
func isRemote(name string) bool {
	host, _, slash := strings.Cut(name, "/")
	return strings.Contains(name, "://") || strings.Contains(name, "?ref=") || strings.HasPrefix(name, "git@") ||
		strings.Contains(name, "::") || slash && strings.Contains(strings.Trim(host, "."), ".")
}

func (b *builder) missing(k *kustomization, e entry, why string) {
	b.problem(Use{Path: k.path, Line: e.line}, "correct the name, or add what is missing", "%s: %s", quote(e.name), why)
}
