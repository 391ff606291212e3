// Package document reads YAML and JSON files as trees that know where in the text each
// node stands, and finds places in them by JSONPath.
//
// Both kinds become yaml.Nodes: a file is a list of documents. Scalars keep their text:
// 2.0 is not 2. Aliases are there as such; [Resolve] and [Fields] see through them.
//
// What it reads is hostile: the size of a file, its depth and what its aliases come to
// are bounded, so that whoever walks a tree that was read comes to an end soon. A file
// that other programs could understand in another way is refused: one that is not
// UTF-8, holds a key twice, or has a mapping as a key.
package document

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/yamltree"
)

// What a file may come to.
const (
	maxBytes = 10 << 20
	maxDepth = 200
	maxNodes = 1_000_000
)

// File is a file that was read. Its trees must not be changed.
type File struct {
	Name string
	JSON bool
	Docs []*yaml.Node // the content of each document, no DocumentNode; nil for an empty one

	data   []byte
	lines  []int // where each begins
	cursor cursor
}

// Is reports whether a file of this name is read as a document.
func Is(name string) bool { return isJSON(name) || isYAML(name) }

func isJSON(name string) bool { return strings.EqualFold(path.Ext(name), ".json") }

// kustomize takes three names, of which one has no extension.
func isYAML(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	return ext == ".yaml" || ext == ".yml" || path.Base(name) == "Kustomization"
}

// Parse reads a file, as JSON or YAML by its name. It keeps data, which must not be
// changed afterwards. The error is one line that names the file and where it is wrong.
func Parse(name string, data []byte) (*File, error) {
	f := &File{Name: name, JSON: isJSON(name), data: data}
	if err := f.parse(); err != nil {
		return nil, fmt.Errorf("%s: %w", Quote(name), err)
	}
	return f, nil
}

func (f *File) parse() error {
	if len(f.data) > maxBytes {
		return fmt.Errorf("it has %d bytes, and %d is the most that is read", len(f.data), maxBytes)
	}
	if at := invalidUTF8(f.data); at >= 0 {
		return fmt.Errorf("it is not UTF-8 (byte %d): save it as UTF-8", at+1)
	}
	f.lines = lineStarts(f.data)
	if f.JSON {
		root, err := parseJSON(f.data, f.lines)
		if err != nil {
			return err
		}
		f.Docs = []*yaml.Node{root}
		return nil
	}
	if err := checkDirectives(f.data, f.lines); err != nil {
		return err
	}
	docs, err := parseYAML(f.data)
	if err != nil {
		return err
	}
	f.Docs = docs
	return checkTrees(docs)
}

func invalidUTF8(data []byte) int {
	if utf8.Valid(data) {
		return -1
	}
	for i := 0; i < len(data); {
		c, size := utf8.DecodeRune(data[i:])
		if c == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// checkDirectives bounds %TAG: what it defines is written out for every tag that uses
// it, so that a small file could come to any size.
func checkDirectives(data []byte, lines []int) error {
	const most = 1000
	for i, start := range lines {
		end := len(data)
		if i+1 < len(lines) {
			end = lines[i+1]
		}
		if end-start > most && data[start] == '%' {
			return fmt.Errorf("line %d: it begins with %% and has more than %d bytes: shorten it", i+1, most)
		}
	}
	return nil
}

// parseYAML returns the content of each document.
func parseYAML(data []byte) (docs []*yaml.Node, err error) {
	all, err := yamltree.Read(data)
	switch {
	case errors.Is(err, yamltree.ErrTooMany):
		return nil, fmt.Errorf("it may have more than %d nodes, and more are not read: split it", maxNodes)
	case errors.Is(err, yamltree.ErrNotYAML):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("it is not YAML: %s", plainError(err))
	}
	for _, doc := range all {
		docs = append(docs, content(doc))
	}
	return docs, nil
}

func content(doc *yaml.Node) *yaml.Node {
	if len(doc.Content) == 0 {
		return nil
	}
	n := doc.Content[0]
	if n.Kind == yaml.ScalarNode && n.Value == "" && n.Style == 0 && n.Anchor == "" {
		return nil
	}
	return n
}

// plainError is what the library says, which may quote the file.
func plainError(err error) string {
	return redact.Line(strings.TrimPrefix(err.Error(), "yaml: "))
}

// Quote shows a name or text of a file in one short line.
func Quote(text string) string {
	const most = 80
	if len(text) > most {
		return fmt.Sprintf("%q...", strings.ToValidUTF8(text[:most], ""))
	}
	return fmt.Sprintf("%q", text)
}

// checkTrees bounds what a walk over the documents of a file comes to.
func checkTrees(docs []*yaml.Node) error {
	c := checker{expanded: map[*yaml.Node]int{}}
	total := 0
	for _, doc := range docs {
		if doc == nil {
			continue
		}
		n, err := c.check(doc, 1)
		if err != nil {
			return err
		}
		if total += n; total > maxNodes {
			return errTooMany
		}
	}
	return nil
}

var errTooMany = fmt.Errorf("it has more than %d nodes with its aliases written out: split it", maxNodes)

// checker counts nodes as if each alias were written out. It keeps the numbers of those
// that have an anchor, as only they are met twice. One that is being counted has the
// number 0: an alias to it is a circle.
type checker struct{ expanded map[*yaml.Node]int }

func (c checker) check(n *yaml.Node, depth int) (int, error) {
	if depth > maxDepth {
		return 0, fmt.Errorf("line %d: it is nested more than %d deep", n.Line, maxDepth)
	}
	switch n.Kind {
	case yaml.ScalarNode:
		return 1, nil
	case yaml.AliasNode:
		return c.check(n.Alias, depth+1)
	case yaml.MappingNode:
		if err := checkKeys(n); err != nil {
			return 0, err
		}
	}
	if n.Anchor == "" {
		return c.children(n, depth)
	}
	if total, ok := c.expanded[n]; ok {
		if total == 0 {
			return 0, fmt.Errorf("line %d: an alias stands inside of what it is an alias for", n.Line)
		}
		return total, nil
	}
	c.expanded[n] = 0
	total, err := c.children(n, depth)
	c.expanded[n] = total
	return total, err
}

func (c checker) children(n *yaml.Node, depth int) (int, error) {
	total := 1
	for _, child := range n.Content {
		sub, err := c.check(child, depth+1)
		if err != nil {
			return 0, err
		}
		if total += sub; total > maxNodes {
			return 0, errTooMany
		}
	}
	return total, nil
}

func checkKeys(mapping *yaml.Node) error {
	// Few are compared faster than put into a map.
	const few = 8
	var seen map[string]bool
	if len(mapping.Content) > 2*few {
		seen = make(map[string]bool, len(mapping.Content)/2)
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, line := Resolve(mapping.Content[i]), mapping.Content[i].Line
		if key.Kind != yaml.ScalarNode {
			return fmt.Errorf("line %d: a key is a mapping or a list, as in a template: that cannot be read", line)
		}
		if seen[key.Value] || seen == nil && hasKey(mapping.Content[:i], key.Value) {
			return fmt.Errorf("line %d: the key %s is there twice: remove one", line, Quote(key.Value))
		}
		if seen != nil {
			seen[key.Value] = true
		}
	}
	return nil
}

func hasKey(content []*yaml.Node, key string) bool {
	for i := 0; i < len(content); i += 2 {
		if Resolve(content[i]).Value == key {
			return true
		}
	}
	return false
}
