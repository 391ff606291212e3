package lockfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"
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
	values  map[string]any
	problem *error
}

func (f fields) wrong(key, want string) {
	if *f.problem == nil {
		*f.problem = &FormatError{f.file, fmt.Sprintf("%q in %q is not %s", key, f.where, want)}
	}
}

// has reports whether there is a value that is not null.
func (f fields) has(key string) bool { return f.values[key] != nil }

// text returns a string or number as it is written.
func (f fields) text(key string) string {
	v, ok := f.values[key].(string)
	if !ok && f.has(key) {
		f.wrong(key, "a string")
	}
	return v
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
	inner := fields{file: f.file, where: key, problem: f.problem}
	switch v := f.values[key].(type) {
	case nil:
	case map[string]any:
		inner.values = v
	default:
		f.wrong(key, "an object")
	}
	return inner
}

// texts returns an object whose values are all strings.
func (f fields) texts(key string) map[string]string {
	inner := f.fields(key)
	texts := make(map[string]string, len(inner.values))
	for _, name := range inner.keys() {
		texts[name] = inner.text(name)
	}
	return texts
}

// list returns a list of strings.
func (f fields) list(key string) []string {
	v, ok := f.values[key].([]any)
	if !ok && f.has(key) {
		f.wrong(key, "a list")
	}
	texts := make([]string, 0, len(v))
	for _, item := range v {
		text, ok := item.(string)
		if !ok {
			f.wrong(key, "a list of strings")
		}
		texts = append(texts, text)
	}
	return texts
}

// keys are sorted, so that the first problem is always the same.
func (f fields) keys() []string { return slices.Sorted(maps.Keys(f.values)) }

func document(file string, root any) (fields, error) {
	values, ok := root.(map[string]any)
	if !ok {
		return fields{}, &FormatError{file, "it is not an object"}
	}
	return fields{file: file, where: file, values: values, problem: new(error)}, nil
}

// parseJSON parses the JSON of a file into fields.
func parseJSON(file string, data []byte) (fields, error) {
	return readJSON(file, jsonReader{rest: string(data)})
}

func readJSON(file string, reader jsonReader) (fields, error) {
	var syntax *json.SyntaxError
	if err := json.Unmarshal([]byte(reader.rest), new(json.RawMessage)); errors.As(err, &syntax) {
		return fields{}, &FormatError{file, fmt.Sprintf("it is not JSON: wrong at byte %d", syntax.Offset)}
	} else if err != nil {
		return fields{}, &FormatError{file, "it is not JSON"}
	}
	root, err := reader.value(maxDepth)
	if err != nil {
		return fields{}, &FormatError{file, err.Error()}
	}
	return document(file, root)
}

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
	// The parser is not ours and has panicked before (CVE-2022-28948).
	defer func() {
		if recover() != nil {
			docs, err = nil, &FormatError{file, "it is not YAML"}
		}
	}()
	d := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var node yaml.Node
		if err := d.Decode(&node); errors.Is(err, io.EOF) {
			return docs, nil
		} else if err != nil {
			return nil, &FormatError{file, "it is not YAML"}
		}
		root, err := yamlValue(&node, maxDepth)
		if err != nil {
			return nil, &FormatError{file, err.Error()}
		}
		doc, err := document(file, root)
		if err != nil {
			return nil, err
		}
		docs = append(docs, doc)
	}
}

func yamlValue(node *yaml.Node, depth int) (any, error) {
	if depth == 0 {
		return nil, errDeep
	}
	switch node.Kind {
	case yaml.DocumentNode:
		return yamlValue(node.Content[0], depth)
	case yaml.ScalarNode:
		if node.ShortTag() == "!!null" {
			return nil, nil
		}
		return node.Value, nil
	case yaml.SequenceNode:
		list := make([]any, len(node.Content))
		for i, item := range node.Content {
			v, err := yamlValue(item, depth-1)
			if err != nil {
				return nil, err
			}
			list[i] = v
		}
		return list, nil
	case yaml.MappingNode:
		return yamlObject(node, depth-1)
	case yaml.AliasNode:
		if node.Alias.Kind == yaml.ScalarNode {
			return yamlValue(node.Alias, depth)
		}
	}
	return alias{}, nil
}

// alias is a value of YAML that is not expanded; it is of a wrong type for everything.
type alias struct{}

func yamlObject(node *yaml.Node, depth int) (any, error) {
	object := make(map[string]any, len(node.Content)/2)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		if key.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("line %d has a key that is not a string", key.Line)
		}
		if _, ok := object[key.Value]; ok {
			return nil, duplicate(key.Value)
		}
		v, err := yamlValue(node.Content[i+1], depth)
		if err != nil {
			return nil, err
		}
		object[key.Value] = v
	}
	return object, nil
}
