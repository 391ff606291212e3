package workload

import (
	"bytes"
	"errors"
	"path"
	"regexp"

	"go.yaml.in/yaml/v3"

	"github.com/guardrails-ci/guardrails/shared/yamltree"
)

// What one file may come to.
const (
	maxNodes = 1_000_000 // with aliases written out
	maxDepth = 100
)

var (
	errDirective  = errors.New("it defines tags by %TAG, which no manifest needs")
	errNeverEnds  = errors.New("it is nested too deeply, or its aliases come to too much")
	surrogateForm = regexp.MustCompile(`\\u[dD][89a-fA-F][0-9a-fA-F]{2}`)
)

// parse returns the documents of a file that can be read, and why no more can be.
func parse(name string, data []byte) (docs []*yaml.Node, err error) {
	// What a tag directive defines is written out for every tag that uses it.
	if bytes.HasPrefix(data, []byte("%TAG")) || bytes.Contains(data, []byte("\n%TAG")) {
		return nil, errDirective
	}
	if path.Ext(name) == ".json" {
		// JSON writes a character beyond the first 65,536 as two halves, which YAML does not know. No name has one.
		data = surrogateForm.ReplaceAll(data, []byte(`\u003f`))
	}
	all, err := yamltree.Read(data)
	for _, doc := range all {
		if len(doc.Content) > 0 {
			docs = append(docs, doc.Content[0])
		}
	}
	return docs, err
}

var (
	versionForm = regexp.MustCompile(`(?m)^[ \t-]*["']?apiVersion["']?[ \t]*:`)
	kindForm    = regexp.MustCompile(`(?m)^[ \t-]*["']?kind["']?[ \t]*:`)
)

// looksLikeManifest reports whether a file that cannot be read was meant to be a manifest.
func looksLikeManifest(data []byte) bool { return versionForm.Match(data) && kindForm.Match(data) }

// manifest returns the images of a file.
func (r *reader) manifest(name string) []image {
	if images, ok := r.parsed[name]; ok {
		return images
	}
	r.parsed[name] = nil
	data, ok := r.file(name)
	if !ok || !mayHold(data) {
		return nil
	}
	docs, err := parse(name, data)
	if err != nil && looksLikeManifest(data) {
		r.broken(name, err, bytes.Contains(data, []byte("{{")))
	}
	r.parsed[name] = r.objects(name, docs)
	return r.parsed[name]
}

func (r *reader) broken(name string, err error, template bool) {
	hint := "correct it, or leave it out with a pattern that begins with !"
	if template {
		hint = "it looks like a template: scan what is made of it, and leave it out with a pattern that begins with !"
	}
	line, text := yamltree.Explain(err)
	r.problem(Use{Path: name, Line: line}, hint, "it looks like a manifest, but cannot be read: %s",
		clean(text)) // it may quote the file
}

// objects returns the images of the objects in documents of a file.
func (r *reader) objects(name string, docs []*yaml.Node) []image {
	w := &walker{path: name, left: maxNodes}
	for _, doc := range docs {
		w.walk(doc, object{}, 0)
	}
	if w.endless {
		r.problem(Use{Path: name}, "write it out, or split it", "%s", errNeverEnds)
	}
	return r.counted(name, w.images)
}

// counted keeps to the number of images that a scan may come to.
func (r *reader) counted(name string, images []image) []image {
	if r.images += len(images); r.images > maxImages {
		r.problem(Use{Path: name}, "scan fewer files at once",
			"there are more than %d images: the rest is not looked at", maxImages)
		return nil
	}
	return images
}
