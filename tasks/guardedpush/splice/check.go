package splice

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/guardrails-ci/guardrails/tasks/guardedpush/document"
)

// check reads what came out and compares it with what went in: the scalars that were to
// change must be what was asked for, and all else what it was.
func (a *applier) check(out []byte) error {
	after, err := document.Parse(a.file.Name, out)
	if err != nil {
		return fmt.Errorf("%s could not be edited: %w", document.Quote(a.file.Name), err)
	}
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
		if differs := a.compare(before, after.Docs[i]); differs != nil {
			return a.unsure(differs.Line)
		}
	}
	return nil
}

func (a *applier) unsure(line int) error {
	return fmt.Errorf("%s: the edits would change more than what they name, near line %d: write the values there in "+
		"one line each, or change the file in the checkout instead", document.Quote(a.file.Name), line)
}

// compare returns the node that is not what it should be, or nil. Aliases have the same
// names, and so have the anchors before them: they still stand for the same.
func (a *applier) compare(before, after *yaml.Node) *yaml.Node {
	if c := a.wanted[before]; c != nil {
		if !c.done(before, after) {
			return before
		}
		return nil
	}
	if !alike(before, after) {
		return before
	}
	for i, child := range before.Content {
		if differs := a.compare(child, after.Content[i]); differs != nil {
			return differs
		}
	}
	return nil
}

func alike(before, after *yaml.Node) bool {
	return before.Kind == after.Kind && before.Tag == after.Tag && before.Value == after.Value &&
		before.Style == after.Style && before.Anchor == after.Anchor && len(before.Content) == len(after.Content)
}

func (c *change) done(before, after *yaml.Node) bool {
	return after.Kind == yaml.ScalarNode && after.Value == c.want && after.ShortTag() == c.tag &&
		after.Anchor == before.Anchor && after.Style&yaml.TaggedStyle == before.Style&yaml.TaggedStyle
}
