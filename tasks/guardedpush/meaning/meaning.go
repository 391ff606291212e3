// Package meaning compares files by what they mean: bytes first, then documents.
//
// Two documents mean the same if they hold the same scalars in the same places:
//   - anchors, aliases and merge keys are carried out; the order of keys, comments, blank
//     lines, line ends, quotes and block styles do not count;
//   - a scalar is its text and its type: 2.0 is neither 2 nor "2.0", and yes, which is a
//     boolean for some programs and a text for others, is not "yes"; all nulls are one;
//   - the order of a list counts, except that of a pod's containers and of the images of a
//     kustomization, which have names. That of initContainers counts: they run in it;
//   - a document without content does not count;
//   - comments that programs read are no comments: a file with directives of Helm or markers
//     of Flux or kpt in them is compared by its bytes, and the quotes around a template count;
//   - what is ignored is as if it were not there, see [Defaults].
//
// When in doubt, files differ: a commit too many is harmless, as the next run finds
// nothing to do; one too few is a deployment that never comes. So a file that is no
// document, or that cannot be read as one, means the same only if its bytes are the same.
//
// Same is about whether a change is worth a commit. Once it is for one file, the others
// that were changed belong into that commit, too: the checksum in a pod's annotations,
// ignored when it is alone, rolls the pod when the file it is of has changed.
package meaning

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/guardrails-ci/guardrails/tasks/guardedpush/document"
)

// Same reports whether a file means the same in both versions. One that is empty, or not
// there, in only one of them does not.
func Same(name string, before, after []byte, ignore Ignore) bool {
	if bytes.Equal(before, after) {
		return true
	}
	if len(before) == 0 || len(after) == 0 || !document.Is(name) || speaks(before) || speaks(after) {
		return false
	}
	was, ok := digests(name, before, ignore)
	if !ok {
		return false
	}
	is, ok := digests(name, after, ignore)
	return ok && slices.Equal(was, is)
}

// spoken finds what a program reads although no document has it: a directive in a comment,
// which Helm carries out; the marker behind a value that Flux or kpt sets; one half of a
// character in two parts, which in a document is the same as any other.
var spoken = regexp.MustCompile(`#.*(?:\{\{|\$imagepolicy|\$openapi|kpt-set:)|\\(?:u|U0000)[dD][89a-fA-F]`)

func speaks(data []byte) bool { return spoken.Match(data) }

// digests returns those of the documents that count.
func digests(name string, data []byte, ignore Ignore) ([]digest, bool) {
	f, err := document.Parse(name, data)
	if err != nil {
		return nil, false
	}
	docs, ignored, err := ignore.find(f)
	if err != nil {
		return nil, false
	}
	var all []digest
	for _, doc := range docs {
		if doc == nil {
			continue
		}
		h := hasher{ignored: ignored, defaults: !ignore.noDefaults, kind: kindOf(name, doc)}
		if sum, counts := h.sum(doc, trail{}); counts {
			all = append(all, sum)
		}
	}
	return all, true
}

// kind is what a document is for.
type kind int

const (
	plain kind = iota
	kubernetes
	kustomization
)

func kindOf(name string, doc *yaml.Node) kind {
	version, resource := text(doc, "apiVersion"), text(doc, "kind")
	base := strings.ToLower(path.Base(name))
	switch {
	case strings.HasPrefix(version, "kustomize.config.k8s.io/"),
		// Both may be left out in a file of this name.
		version == "" && (base == "kustomization" || base == "kustomization.yaml" || base == "kustomization.yml"):
		return kustomization
	case version != "" && resource != "":
		return kubernetes
	}
	return plain
}

// value returns what a mapping has for a key, nil for nothing.
func value(mapping *yaml.Node, key string) *yaml.Node {
	for _, f := range document.Fields(mapping) {
		if f.Key.Value == key {
			return document.Resolve(f.Value)
		}
	}
	return nil
}

// text returns the scalar that a mapping has for a key, "" for none or null.
func text(mapping *yaml.Node, key string) string {
	n := value(mapping, key)
	if n == nil || n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		return ""
	}
	return n.Value
}
