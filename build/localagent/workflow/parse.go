package workflow

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/guardrails-ci/guardrails/build/localagent/ordinal"
)

// maxSize is the largest file read. Azure's own limit for an expanded pipeline is
// 4 MB; one job written by hand is far smaller.
const maxSize = 1 << 20

// Parse reads the pipeline in data; file is its name in messages. The error joins
// an [*Error] for each problem, in the order of the file.
func Parse(file string, data []byte) (*Pipeline, error) {
	r := &reader{file: file, data: data}
	root := r.document(data)
	if root == nil {
		return nil, join(r.problems)
	}
	p := r.pipeline(root)
	if len(r.problems) > 0 {
		return nil, join(r.problems)
	}
	return p, nil
}

// reader collects the problems of one file.
type reader struct {
	file     string
	data     []byte
	problems []*Error
}

func (r *reader) failf(n *yaml.Node, format string, args ...any) {
	r.failAt(n.Line, n.Column, format, args...)
}

func (r *reader) failAt(line, column int, format string, args ...any) {
	r.problems = append(r.problems, &Error{
		File: r.file, Line: max(line, 1), Column: max(column, 1), Msg: fmt.Sprintf(format, args...),
	})
}

// document returns the root of the only YAML document in data, or nil after
// recording why there is none.
func (r *reader) document(data []byte) *yaml.Node {
	if len(data) > maxSize {
		r.failAt(1, 1, "file is %d bytes long, at most %d are read", len(data), maxSize)
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	if err := decoder.Decode(&doc); errors.Is(err, io.EOF) {
		r.failAt(1, 1, "file is empty, want steps")
		return nil
	} else if err != nil {
		r.syntax(err)
		return nil
	}
	if err := decoder.Decode(&second); err == nil {
		r.failf(&second, "a second YAML document starts here; a pipeline is one document")
		return nil
	} else if !errors.Is(err, io.EOF) {
		r.syntax(err)
		return nil
	}
	return doc.Content[0]
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntax records an error of the YAML library, which knows the line at best.
func (r *reader) syntax(err error) {
	msg := err.Error()
	line := 1
	if m := yamlLine.FindStringSubmatch(msg); m != nil {
		msg = strings.TrimPrefix(msg, m[0])
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = n
		}
	}
	if strings.Contains(msg, "cannot start any token") && r.hasTab(line) {
		msg += ": there is a tab, YAML is indented with spaces"
	}
	r.failAt(line, 1, "not valid YAML: %s", msg)
}

// hasTab reports whether the line is indented with a tab.
func (r *reader) hasTab(line int) bool {
	lines := bytes.SplitN(r.data, []byte("\n"), line+1)
	if line > len(lines) {
		return false
	}
	text := lines[line-1]
	return bytes.ContainsRune(text[:len(text)-len(bytes.TrimLeft(text, " \t"))], '\t')
}

// elsewhere says why a top-level key of Azure Pipelines is not supported.
var elsewhere = map[string]string{
	"stages":     "one job is run; put its steps at the top level",
	"jobs":       "one job is run; put its steps at the top level",
	"extends":    "templates are not supported",
	"parameters": "parameters need templates, which are not supported; use variables",
	"resources":  "nothing is fetched for a local run",
	"container":  "steps run on this machine",
}

const topLevel = "variables, steps (and, ignored: name, trigger, pr, pool)"

func (r *reader) pipeline(root *yaml.Node) *Pipeline {
	p := &Pipeline{}
	if !r.plain(root) {
		return p
	}
	if root.Kind != yaml.MappingNode {
		r.failf(root, "want a mapping with %s, got %s", topLevel, describe(root))
		return p
	}
	var hasSteps, strange bool
	for _, e := range r.entries(root) {
		switch key := e.key.Value; key {
		case "variables":
			p.Variables = r.variables(e.value)
		case "steps":
			hasSteps = true
			p.Steps = r.steps(e.value)
		case "name", "trigger", "pr", "pool":
			p.Ignored = append(p.Ignored, key)
			if key == "name" && e.value.Kind == yaml.ScalarNode {
				p.Name = e.value.Value
			}
		default:
			r.unknown(e.key, elsewhere[key], topLevel)
			strange = true
		}
	}
	if !hasSteps && !strange { // a strange key, such as jobs, says enough
		r.failf(root, "there are no steps; want %s", topLevel)
	}
	return p
}

// unknown records a key that is not supported, with a reason when there is one.
func (r *reader) unknown(key *yaml.Node, reason, supported string) {
	if reason != "" {
		r.failf(key, "%q is not supported: %s", key.Value, reason)
		return
	}
	for name := range strings.FieldsFuncSeq(supported, func(c rune) bool { return !isLetter(c) }) {
		if strings.EqualFold(name, key.Value) {
			r.failf(key, "unknown key %q, did you mean %q", key.Value, name)
			return
		}
	}
	r.failf(key, "unknown key %q; supported are %s", key.Value, supported)
}

func isLetter(c rune) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

// variables reads the mapping form and the list form.
func (r *reader) variables(n *yaml.Node) []Variable {
	var vars []Variable
	switch {
	case isNull(n):
	case n.Kind == yaml.MappingNode:
		for _, e := range r.entries(n) {
			if strings.TrimSpace(e.key.Value) == "" {
				r.failf(e.key, "a variable needs a name")
			} else if value, ok := r.variableValue(e.value); ok {
				vars = append(vars, Variable{Name: e.key.Value, Value: value, Line: e.key.Line})
			}
		}
	case n.Kind == yaml.SequenceNode:
		seen := make(map[string]bool)
		for _, item := range n.Content {
			if v, ok := r.listed(item, seen); ok {
				vars = append(vars, v)
			}
		}
	default:
		r.failf(n, "variables: want a mapping or a list of name and value, got %s", describe(n))
	}
	return vars
}

// listed reads one item of the list form; seen holds the names before it.
func (r *reader) listed(item *yaml.Node, seen map[string]bool) (v Variable, ok bool) {
	v.Line = item.Line
	if !r.plain(item) {
		return v, false
	}
	if item.Kind != yaml.MappingNode {
		r.failf(item, "variables: want name and value, got %s", describe(item))
		return v, false
	}
	hasValue := false
	for _, e := range r.entries(item) {
		if !r.attribute(&v, e) {
			return v, false
		}
		hasValue = hasValue || e.key.Value == "value"
	}
	switch {
	case strings.TrimSpace(v.Name) == "" || !hasValue:
		r.failf(item, "a variable needs a name and a value")
	case seen[ordinal.Upper(v.Name)]:
		r.failf(item, "variable %q is set twice; names are compared without case", v.Name)
	default:
		seen[ordinal.Upper(v.Name)] = true
		return v, true
	}
	return v, false
}

// attribute reads one key of an item of the list form.
func (r *reader) attribute(v *Variable, e entry) (ok bool) {
	switch e.key.Value {
	case "name":
		v.Name, ok = r.text(e)
	case "value":
		v.Value, ok = r.variableValue(e.value)
	case "readonly":
		v.ReadOnly, ok = r.boolean(e)
	case "group":
		r.failf(e.key, `"group" is not supported: variable groups live on the server; pass their values to the command`)
	default:
		r.unknown(e.key, "", "name, value, readonly")
	}
	return ok
}

func (r *reader) variableValue(n *yaml.Node) (string, bool) {
	value, ok := r.scalar(n, "a variable's value")
	if trimmed := strings.TrimSpace(value); ok && strings.HasPrefix(trimmed, "$[") && strings.HasSuffix(trimmed, "]") {
		r.failf(n, "runtime expressions $[ ] are not supported; write the value, or $(name) for another variable")
		return "", false
	}
	return value, ok
}
