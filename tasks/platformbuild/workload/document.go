package workload

import (
	"bytes"
	"errors"
	"io"
	"path"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// What one file may come to. A node takes some 200 bytes of memory.
const (
	maxMarks = 3_000_000
	maxNodes = 1_000_000 // with aliases written out
	maxDepth = 100
)

var (
	errNotYAML    = errors.New("it is not YAML that can be read")
	errTooMany    = errors.New("it has too many values")
	errDirective  = errors.New("it defines tags by %TAG, which no manifest needs")
	errNeverEnds  = errors.New("it is nested too deeply, or its aliases come to too much")
	surrogateForm = regexp.MustCompile(`\\u[dD][89a-fA-F][0-9a-fA-F]{2}`)
	lineForm      = regexp.MustCompile(`^yaml: line (\d+): `)
	fromZeroForm  = regexp.MustCompile(`^did not find expected (?:key|node content|'-' indicator|',' or|<)`)
)

// parse returns the documents of a file that can be read, and why no more can be.
func parse(name string, data []byte) (docs []*yaml.Node, err error) {
	if marks(data) > maxMarks {
		return nil, errTooMany
	}
	// What a tag directive defines is written out for every tag that uses it.
	if bytes.HasPrefix(data, []byte("%TAG")) || bytes.Contains(data, []byte("\n%TAG")) {
		return nil, errDirective
	}
	if path.Ext(name) == ".json" {
		// JSON writes a character beyond the first 65,536 as two halves, which YAML does not know. No name has one.
		data = surrogateForm.ReplaceAll(data, []byte(`\u003f`))
	}
	defer func() {
		// The library panics on a file that it cannot make sense of.
		if recover() != nil {
			err = errNotYAML
		}
	}()
	in := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var doc yaml.Node
		switch err := in.Decode(&doc); {
		case errors.Is(err, io.EOF):
			return docs, nil
		case err != nil:
			return docs, err
		}
		if len(doc.Content) > 0 {
			docs = append(docs, doc.Content[0])
		}
	}
}

// marks is the most nodes that data can have.
func marks(data []byte) int {
	n := 0
	for _, c := range data {
		switch c {
		case ',', ':', '-', '[', '{', '?', '\n', '\r':
			n++
		}
	}
	return n
}

// lineOf is the line that an error of the library names, or 0. For what its parser finds, and not its scanner, it
// counts from 0.
func lineOf(err error) int {
	m := lineForm.FindStringSubmatch(err.Error())
	if m == nil {
		return 0
	}
	line, _ := strconv.Atoi(m[1])
	if fromZeroForm.MatchString(err.Error()[len(m[0]):]) {
		line++
	}
	return line
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
	r.problem(Use{Path: name, Line: lineOf(err)}, hint, "it looks like a manifest, but cannot be read: %s",
		plainError(err))
}

// plainError is what the library says, which may quote the file.
func plainError(err error) string {
	text := lineForm.ReplaceAllString(err.Error(), "")
	return clean(strings.TrimPrefix(text, "yaml: "))
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
