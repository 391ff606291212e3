package meaning

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"go.yaml.in/yaml/v3"

	"github.com/guardrails-ci/guardrails/tasks/guardedpush/document"
)

// Defaults are the places that never count, in every document and at any depth, as the
// keys that lead to a scalar. An asterisk stands for any characters, and case does not
// count. The line "!defaults" among those to be ignored lets them count.
var Defaults = []string{
	"metadata.annotations.*timestamp*",
	"metadata.annotations.*checksum*",
	"metadata.labels.*timestamp*",
	"metadata.labels.*checksum*",
	"metadata.creationTimestamp",
	"generatedAt",
}

// Ignore is what does not count as a change. Its zero value are the [Defaults].
type Ignore struct {
	rules      []rule
	noDefaults bool
}

type rule struct {
	glob string // of files, "" for all
	path document.Path
}

// ParseIgnore reads lines of the form "path" or "glob: path"; see [document.Path]. A glob
// with a slash is of the whole name of a file, one without is of its last part. A path that
// has a colon and a blank in it begins with $. The [Defaults] are part of it. All wrong
// lines are told at once.
func ParseIgnore(lines []string) (Ignore, error) {
	var ignore Ignore
	var wrong []error
	for i, line := range lines {
		line = strings.TrimSpace(line)
		switch line {
		case "":
			continue
		case "!defaults":
			ignore.noDefaults = true
			continue
		}
		r, err := parseRule(line)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("line %d: %w", i+1, err))
			continue
		}
		ignore.rules = append(ignore.rules, r)
	}
	return ignore, errors.Join(wrong...)
}

func parseRule(line string) (rule, error) {
	var glob string
	place := line
	// The blank after the colon may have been cut off with the path.
	if before, after, ok := strings.Cut(line+" ", ": "); ok && !strings.HasPrefix(line, "$") {
		glob, place = strings.TrimSpace(before), strings.TrimSpace(after)
		if glob == "" || !doublestar.ValidatePattern(glob) {
			return rule{}, fmt.Errorf("%s is no pattern for files; write pattern: path, such as *.yaml: spec.replicas",
				document.Quote(glob))
		}
	}
	p, err := document.ParsePath(place)
	return rule{glob, p}, err
}

func (r rule) isFor(name string) bool {
	if r.glob == "" {
		return true
	}
	if !strings.Contains(r.glob, "/") {
		name = path.Base(name)
	}
	return doublestar.MatchUnvalidated(strings.TrimPrefix(r.glob, "/"), name)
}

// find returns the documents of a file and the nodes in them that are ignored. If some
// are, no node is in two places of a document.
func (i Ignore) find(f *document.File) ([]*yaml.Node, map[*yaml.Node]bool, error) {
	ignored := map[*yaml.Node]bool{}
	apart := false
	for _, r := range i.rules {
		if !r.isFor(f.Name) {
			continue
		}
		if !apart {
			f, apart = writeOut(f), true
		}
		matches, err := f.Find(r.path)
		if err != nil {
			return nil, nil, err
		}
		for _, m := range matches {
			ignored[m.Node] = true
		}
	}
	return f.Docs, ignored, nil
}

// writeOut carries aliases out in documents that have some: what is ignored in one place
// counts in another one that has it by an alias. [document.Parse] bounds what they come to.
func writeOut(f *document.File) *document.File {
	written := &document.File{Name: f.Name, JSON: f.JSON}
	for _, doc := range f.Docs {
		if doc != nil && aliased(doc) {
			doc = copyOf(doc)
		}
		written.Docs = append(written.Docs, doc)
	}
	return written
}

func aliased(n *yaml.Node) bool {
	for _, child := range n.Content {
		if child.Kind == yaml.AliasNode || aliased(child) {
			return true
		}
	}
	return false
}

func copyOf(n *yaml.Node) *yaml.Node {
	n = document.Resolve(n)
	c := &yaml.Node{Kind: n.Kind, Style: n.Style, Tag: n.Tag, Value: n.Value, Line: n.Line, Column: n.Column}
	if n.Kind == yaml.SequenceNode {
		for _, child := range n.Content {
			c.Content = append(c.Content, copyOf(child))
		}
	}
	for _, f := range document.Fields(n) {
		c.Content = append(c.Content, f.Key, copyOf(f.Value))
	}
	return c
}

// byDefault are the Defaults, read.
var byDefault = func() (all []pattern) {
	for _, d := range Defaults {
		keys := strings.Split(strings.ToLower(d), ".")
		last := keys[len(keys)-1]
		p := pattern{part: strings.Trim(last, "*"), whole: !strings.HasPrefix(last, "*")}
		if keys = keys[:len(keys)-1]; len(keys) > 0 {
			p.key = keys[len(keys)-1]
		}
		if len(keys) > 1 {
			p.parent = keys[len(keys)-2]
		}
		all = append(all, p)
	}
	return all
}()

// pattern is one of the Defaults: a key that is part, or has it in it, in a mapping that
// is under key, in one that is under parent. "" is anything.
type pattern struct {
	part, key, parent string
	whole             bool
}

// isDefault reports whether an entry of the mapping at a place is one of the Defaults.
func isDefault(at trail, f document.Field) bool {
	if document.Resolve(f.Value).Kind != yaml.ScalarNode {
		return false
	}
	name := f.Key.Value
	for _, p := range byDefault {
		if p.key != "" && !strings.EqualFold(p.key, at.key) ||
			p.parent != "" && !strings.EqualFold(p.parent, at.parent) {
			continue
		}
		if p.whole && strings.EqualFold(name, p.part) || !p.whole && strings.Contains(strings.ToLower(name), p.part) {
			return true
		}
	}
	return false
}
