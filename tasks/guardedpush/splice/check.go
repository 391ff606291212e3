package splice

import (
	"fmt"

	"github.com/guardrails-ci/guardrails/tasks/guardedpush/document"
	"go.yaml.in/yaml/v3"
)

// check reads what came out and compares it with what went in: the scalars that were to
// change must be what was asked for, and all else what it was.
func (a *applier) check(out []byte) error {
	after, err := document.Parse(a.file.Name, out)
	if err != nil {
		return fmt.Errorf("%s could not be edited: %w", document.Quote(a.file.Name), err)
	}
	c := comparer{wanted: a.wanted, same: map[*yaml.Node]*yaml.Node{}}
	if len(after.Docs) != len(a.file.Docs) {
		return a.unsure(1)
	}
	for i, before := range a.file.Docs {
		if (before == nil) != (after.Docs[i] == nil) {
			return a.unsure(1)
		}
		if before == nil {
			continue
		}
		if differs := c.compare(before, after.Docs[i]); differs != nil {
			return a.unsure(differs.Line)
		}
	}
	return nil
}

func (a *applier) unsure(line int) error {
	return fmt.Errorf("%s: the edits would change more than what they name, near line %d: "+
		"write the values there in one line each, or change the file in the checkout instead", document.Quote(a.file.Name), line)
}

type comparer struct {
	wanted map[*yaml.Node]*change
	same   map[*yaml.Node]*yaml.Node // of those with an anchor, what has become of them
}

// compare returns the node that is not what it should be, or nil.
func (c *comparer) compare(before, after *yaml.Node) *yaml.Node {
	if before.Anchor != "" {
		c.same[before] = after
	}
	if change := c.wanted[before]; change != nil {
		if !change.done(before, after) {
			return before
		}
		return nil
	}
	if before.Kind != after.Kind || before.Tag != after.Tag || before.Value != after.Value ||
		before.Style != after.Style || before.Anchor != after.Anchor || len(before.Content) != len(after.Content) {
		return before
	}
	if before.Kind == yaml.AliasNode && c.same[before.Alias] != after.Alias {
		return before
	}
	for i, child := range before.Content {
		if differs := c.compare(child, after.Content[i]); differs != nil {
			return differs
		}
	}
	return nil
}

func (c *change) done(before, after *yaml.Node) bool {
	return after.Kind == yaml.ScalarNode && after.Value == c.want && after.ShortTag() == c.tag &&
		after.Anchor == before.Anchor && after.Style&yaml.TaggedStyle == before.Style&yaml.TaggedStyle
}
