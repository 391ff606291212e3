package meaning

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/guardrails-ci/guardrails/tasks/guardedpush/document"
)

// Image is a container image that a document names. No text of it is trusted.
type Image struct {
	Place string // such as "Deployment web, container web", or "images[web]"
	Ref   string // such as registry.example.com/web:1.2.3
}

// ImageChange is an image that was changed, added ("" before) or removed.
type ImageChange struct{ Place, Before, After string }

// What is told of a file: it is for people.
const (
	mostImages = 10_000
	longest    = 512 // bytes of a text
)

// Images lists the images that Kubernetes manifests, kustomizations and Helm values name,
// in the order of the file:
//   - of containers in pods, at any depth, and so also in a CronJob or a List;
//   - of a list images as kustomizations have it, Flux's too;
//   - mappings with a repository and a tag or digest, as Helm values have them, also within
//     manifests such as a HelmRelease;
//   - kustomize.images, as Argo CD's applications have them.
//
// A file that cannot be read has none.
func Images(name string, data []byte) []Image {
	if !document.Is(name) {
		return nil
	}
	f, err := document.Parse(name, data)
	if err != nil {
		return nil
	}
	var l lister
	for _, doc := range f.Docs {
		if doc == nil {
			continue
		}
		l.walk(doc, spot{anonymous: kindOf(name, doc) == kustomization})
	}
	return l.images
}

// Changes compares two lists of images, place by place. References are compared as texts.
func Changes(before, after []Image) []ImageChange {
	was := map[string][]string{}
	for _, image := range before {
		was[image.Place] = append(was[image.Place], image.Ref)
	}
	var changes []ImageChange
	note := func(place, before, after string) {
		if before != after {
			changes = append(changes, ImageChange{place, before, after})
		}
	}
	for _, image := range after {
		old := ""
		if refs := was[image.Place]; len(refs) > 0 {
			old, was[image.Place] = refs[0], refs[1:]
		}
		note(image.Place, old, image.Ref)
	}
	for _, image := range before {
		// What is left has gone; of several in a place, the last ones.
		if refs := was[image.Place]; len(refs) > 0 {
			was[image.Place] = nil
			for _, ref := range refs {
				note(image.Place, ref, "")
			}
		}
	}
	return changes
}

type lister struct{ images []Image }

func (l *lister) add(place, ref string) {
	if ref != "" && len(l.images) < mostImages {
		l.images = append(l.images, Image{short(place), short(ref)})
	}
}

// spot is where the lister is: in which object, and by which keys in it.
type spot struct {
	object, path string
	anonymous    bool // a kustomization, which has no name and is alone in its file
}

func (s spot) key(key string) spot {
	if s.path != "" {
		key = s.path + "." + key
	}
	return spot{s.object, short(key), false}
}

func (s spot) item(name string) spot { return spot{s.object, short(s.path + "[" + name + "]"), false} }

func (s spot) String() string {
	if s.object != "" && s.path != "" {
		return s.object + ", " + s.path
	}
	return s.object + s.path
}

// containers are the lists of a pod, with what one in them is called.
var containers = map[string]string{
	"containers": "container", "initContainers": "init container", "ephemeralContainers": "ephemeral container",
}

func (l *lister) walk(n *yaml.Node, at spot) {
	n = document.Resolve(n)
	switch n.Kind {
	case yaml.SequenceNode:
		for i, child := range n.Content {
			l.walk(child, at.item(strconv.Itoa(i)))
		}
	case yaml.MappingNode:
		if object := objectOf(n); object != "" && !at.anonymous {
			at = spot{object: object}
		}
		l.add(at.String(), chartImage(n))
		for _, f := range document.Fields(n) {
			l.field(f.Key.Value, f.Value, at)
		}
	}
}

func (l *lister) field(key string, value *yaml.Node, at spot) {
	n := document.Resolve(value)
	if n.Kind == yaml.ScalarNode {
		return
	}
	if n.Kind == yaml.SequenceNode {
		switch what := containers[key]; {
		case what != "":
			l.pod(n, what, at.key(key))
		case key == "images":
			l.transformed(n, at.key(key))
		}
	}
	l.walk(n, at.key(key))
}

// pod lists the images of containers.
func (l *lister) pod(list *yaml.Node, what string, at spot) {
	for i, item := range list.Content {
		name := text(item, "name")
		if name == "" {
			name = strconv.Itoa(i)
		}
		place := at.item(name).String()
		if at.object != "" {
			place = at.object + ", " + what + " " + name
		}
		l.add(place, text(item, "image"))
	}
}

// transformed lists what kustomize makes of images: mappings in its own file, and
// texts, [old=]new, in Argo CD's applications.
func (l *lister) transformed(list *yaml.Node, at spot) {
	for _, item := range list.Content {
		item = document.Resolve(item)
		if item.Kind == yaml.ScalarNode {
			if strings.HasSuffix(at.path, "kustomize.images") {
				l.override(item.Value, at)
			}
			continue
		}
		name, to := text(item, "name"), text(item, "newName")
		tag, digest := text(item, "newTag"), text(item, "digest")
		if name == "" || to == "" && tag == "" && digest == "" {
			continue
		}
		if to == "" {
			to = name
		}
		l.add(at.item(name).String(), reference(to, tag, digest))
	}
}

func (l *lister) override(image string, at spot) {
	name, ref, ok := strings.Cut(image, "=")
	if !ok {
		name, ref = nameOf(image), image
	}
	l.add(at.item(name).String(), ref)
}

// nameOf is a reference without tag and digest.
func nameOf(ref string) string {
	name, _, _ := strings.Cut(ref, "@")
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name = name[:i]
	}
	return name
}

// chartImage returns the image that a mapping is as charts have it, "" for none. One with
// an address is a source, such as a Git repository with a tag.
func chartImage(n *yaml.Node) string {
	repository := text(n, "repository")
	tag, digest := value(n, "tag"), value(n, "digest")
	if repository == "" || strings.Contains(repository, "://") || tag == nil && digest == nil {
		return ""
	}
	if registry := text(n, "registry"); registry != "" {
		repository = registry + "/" + repository
	}
	return reference(repository, text(n, "tag"), text(n, "digest"))
}

func reference(name, tag, digest string) string {
	if name != "" && tag != "" {
		name += ":" + tag
	}
	if name != "" && digest != "" {
		name += "@" + digest
	}
	return name
}

// objectOf names a Kubernetes object, "" for what is none.
func objectOf(n *yaml.Node) string {
	fields := document.Fields(n)
	has := func(key string) bool {
		return slices.ContainsFunc(fields, func(f document.Field) bool { return f.Key.Value == key })
	}
	if !has("apiVersion") || !has("kind") {
		return ""
	}
	kind, metadata := text(n, "kind"), value(n, "metadata")
	name := text(metadata, "name")
	if name == "" {
		name = text(metadata, "generateName")
	}
	if namespace := text(metadata, "namespace"); namespace != "" {
		name = namespace + "/" + name
	}
	return short(strings.TrimSpace(kind + " " + name))
}

// short cuts what is too long to be told.
func short(text string) string {
	if len(text) <= longest {
		return text
	}
	end := longest - len("...")
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "..."
}
