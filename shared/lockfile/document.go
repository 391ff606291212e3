package lockfile

import (
	"bytes"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/guardrails-ci/guardrails/shared/yamltree"
)

const (
	// maxDepth bounds how deep a document nests; a lock file of npm 6, the deepest,
	// reaches 20 or so.
	maxDepth = 100
	// maxYAML is the largest YAML that is parsed: the parser makes 150 bytes of
	// each byte at worst. Real lock files reach 3 MB.
	maxYAML = 8 << 20
)

// fields are an object of a JSON document or a mapping of a YAML document. What is
// absent or null reads as empty. What is of a wrong type reads as empty, too, and
// is remembered in the document's problem: ask for it before any result is used.
//
// Keys mean what they mean to the package managers: upper and lower case differ
// (encoding/json alone would take "Packages" for "packages"), and a key that is
// there twice is refused, as parsers disagree about which one counts. Only in a
// package.json, which people write, the last one counts, as it does for npm.
type fields struct {
	file    string
	where   string // within the file, for messages
	object  *object
	problem *error
}

func (f fields) wrong(key, want string) {
	if *f.problem == nil {
		*f.problem = &FormatError{f.file, fmt.Sprintf("%q in %q is not %s", key, f.where, want)}
	}
}

// has reports whether there is a value that is not null.
func (f fields) has(key string) bool { return f.object.get(key).kind != isNull }

// isObject reports whether a value is an object or mapping.
func (f fields) isObject(key string) bool { return f.object.get(key).kind == isObject }

// line is where in the file the key is, 1-based; 0 if there is no such key.
func (f fields) line(key string) int { return int(f.object.get(key).line) }

// text returns a string or number as it is written.
func (f fields) text(key string) string {
	v := f.object.get(key)
	if v.kind != isText && v.kind != isNull {
		f.wrong(key, "a string")
	}
	return v.text
}

// flag returns a truth value. They are strings here, like everything that is no
// object or list: nothing depends on which it is.
func (f fields) flag(key string) bool {
	v := f.text(key)
	if v != "" && v != "true" && v != "false" {
		f.wrong(key, "true or false")
	}
	return v == "true"
}

func (f fields) fields(key string) fields {
	v := f.object.get(key)
	v.key = key
	return f.inner(&v)
}

// inner is an object within f.
func (f fields) inner(n *node) fields {
	inner := fields{file: f.file, where: n.key, problem: f.problem}
	switch n.kind {
	case isNull:
	case isObject:
		inner.object = n.inner
	default:
		f.wrong(n.key, "an object")
	}
	return inner
}

// texts returns an object whose values are all strings.
func (f fields) texts(key string) map[string]string {
	inner := f.fields(key)
	texts := make(map[string]string, len(inner.object.all()))
	for _, name := range inner.keys() {
		texts[name] = inner.text(name)
	}
	return texts
}

// list returns a list of strings.
func (f fields) list(key string) []string {
	items := f.items(key)
	texts := make([]string, 0, len(items))
	for _, item := range items {
		if item.kind != isText {
			f.wrong(key, "a list of strings")
		}
		texts = append(texts, item.text)
	}
	return texts
}

// objects returns a list of objects; what is none of them reads as an empty one.
func (f fields) objects(key string) []fields {
	items := f.items(key)
	objects := make([]fields, 0, len(items))
	for _, item := range items {
		objects = append(objects, fields{file: f.file, where: key, object: item.inner, problem: f.problem})
	}
	return objects
}

func (f fields) items(key string) []node {
	v := f.object.get(key)
	if v.kind != isList && v.kind != isNull {
		f.wrong(key, "a list")
	}
	return v.inner.all()
}

// keys are sorted, so that the first problem is always the same.
func (f fields) keys() []string {
	keys := f.names()
	slices.Sort(keys)
	return keys
}

// names are the keys in the order of the file.
func (f fields) names() []string {
	all := f.object.all()
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].key
	}
	return names
}

// within returns an object with f as its only value.
func (f fields) within(key string) fields {
	outer := f
	outer.object = &object{nodes: []node{{key: key, kind: isObject, inner: f.object}}}
	return outer
}

// without returns a copy of f that lacks a key.
func (f fields) without(key string) fields {
	less := f
	less.object = newObject(slices.DeleteFunc(slices.Clone(f.object.all()), func(n node) bool { return n.key == key }))
	return less
}

func document(file string, root node) (fields, error) {
	if root.kind != isObject {
		return fields{}, &FormatError{file, "it is not an object"}
	}
	return fields{file: file, where: file, object: root.inner, problem: new(error)}, nil
}

// parseJSON parses the JSON of a file into fields.
func parseJSON(file string, data []byte) (fields, error) { return readJSON(file, data, false) }

// duplicate and errDeep are in words that can be shown.
func duplicate(key string) error { return fmt.Errorf("the key %.200q is there twice", key) }

var errDeep = fmt.Errorf("it nests deeper than %d levels", maxDepth)

// parseYAML parses the documents of a YAML file. Scalars stay strings, as Yarn
// reads them (js-yaml's FAILSAFE_SCHEMA): a version 1.10 is no number 1.1.
//
// Aliases stand for the one text that they name, as a catalog may have it, and else
// for nothing: no package manager writes them, and a few of them can stand for
// gigabytes. In a file that people write they may be, in parts that are not asked for.
func parseYAML(file string, data []byte) (docs []fields, err error) {
	if len(data) > maxYAML {
		return nil, &FormatError{file, fmt.Sprintf("larger than %d MiB", maxYAML>>20)}
	}
	if bytes.Count(data, []byte(","))+bytes.Count(data, []byte("\n")) > maxNodes {
		return nil, &FormatError{file, fmt.Sprintf("it has more than %d values", maxNodes)}
	}
	if roots, ok := readYAMLFast(string(data)); ok {
		for _, root := range roots {
			docs = append(docs, fields{file: file, where: file, object: root.inner, problem: new(error)})
		}
		return docs, nil
	}
	return parseAnyYAML(file, data)
}

// parseAnyYAML parses YAML of all kinds.
func parseAnyYAML(file string, data []byte) (docs []fields, err error) {
	all, err := yamltree.Read(data)
	if err != nil {
		return nil, &FormatError{file, "it is not YAML"}
	}
	for _, tree := range all {
		root, err := yamlValue(tree, maxDepth)
		if err != nil {
			return nil, &FormatError{file, err.Error()}
		}
		doc, err := document(file, root)
		if err != nil {
			return nil, err
		}
		docs = append(docs, doc)
	}
	return docs, nil
}

func yamlValue(n *yaml.Node, depth int) (node, error) {
	if depth == 0 {
		return node{}, errDeep
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return yamlValue(n.Content[0], depth)
	case yaml.ScalarNode:
		if n.ShortTag() == "!!null" {
			return node{}, nil
		}
		return node{kind: isText, text: n.Value}, nil
	case yaml.SequenceNode:
		list := make([]node, len(n.Content))
		for i, item := range n.Content {
			v, err := yamlValue(item, depth-1)
			if err != nil {
				return node{}, err
			}
			list[i] = v
		}
		return node{kind: isList, inner: newObject(list)}, nil
	case yaml.MappingNode:
		return yamlObject(n, depth-1)
	case yaml.AliasNode:
		if n.Alias.Kind == yaml.ScalarNode {
			return yamlValue(n.Alias, depth)
		}
	}
	return node{kind: isAlias}, nil
}

func yamlObject(n *yaml.Node, depth int) (node, error) {
	nodes := make([]node, 0, len(n.Content)/2)
	seen := make(map[string]bool, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			return node{}, fmt.Errorf("line %d has a key that is not a string", key.Line)
		}
		if seen[key.Value] {
			return node{}, duplicate(key.Value)
		}
		seen[key.Value] = true
		v, err := yamlValue(n.Content[i+1], depth)
		if err != nil {
			return node{}, err
		}
		v.key, v.line = key.Value, int32(key.Line)
		nodes = append(nodes, v)
	}
	return node{kind: isObject, inner: newObject(nodes)}, nil
}
