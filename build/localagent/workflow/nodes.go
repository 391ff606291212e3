package workflow

import (
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/guardrails-ci/guardrails/build/localagent/ordinal"
)

// entry is one key of a mapping with its value. Both are free of aliases.
type entry struct {
	key, value *yaml.Node
}

// entries returns the entries of a mapping that can be used; it records the others:
// keys that are not text, keys that come twice (Azure compares them without case),
// and anchors, aliases and tags, which Azure does not take either.
func (r *reader) entries(n *yaml.Node) []entry {
	var entries []entry
	seen := make(map[string]int)
	for i := 0; i+1 < len(n.Content); i += 2 {
		e := entry{n.Content[i], n.Content[i+1]}
		if !r.plain(e.key) || !r.plain(e.value) {
			continue
		}
		if e.key.Kind != yaml.ScalarNode {
			r.failf(e.key, "want a name as key, got %s", describe(e.key))
			continue
		}
		if strings.Contains(e.key.Value, "${{") {
			r.template(e.key)
			continue
		}
		if line, twice := seen[ordinal.Upper(e.key.Value)]; twice {
			r.failf(e.key, "key %q is used twice, first in line %d", e.key.Value, line)
			continue
		}
		seen[ordinal.Upper(e.key.Value)] = e.key.Line
		entries = append(entries, e)
	}
	return entries
}

// plain reports whether n is a node that Azure Pipelines reads.
func (r *reader) plain(n *yaml.Node) bool {
	switch {
	case n.Kind == yaml.AliasNode:
		r.failf(n, "YAML aliases (*%s) are not supported; write the value", n.Value)
	case n.Anchor != "":
		r.failf(n, "YAML anchors (&%s) are not supported; write the value where it is used", n.Anchor)
	case n.Style&yaml.TaggedStyle != 0:
		r.failf(n, "YAML tags (%q) are not supported", n.Tag)
	default:
		return true
	}
	return false
}

func (r *reader) template(n *yaml.Node) {
	r.failf(n, "template expressions ${{ }} are not supported; write the value, or $(name) for a variable")
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// describe names what n is, for "want ..., got ...".
func describe(n *yaml.Node) string {
	switch {
	case isNull(n):
		return "nothing"
	case n.Kind == yaml.ScalarNode:
		return strconv.Quote(shorten(n.Value))
	case n.Kind == yaml.SequenceNode && len(n.Content) == 0:
		return "an empty list"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.MappingNode && len(n.Content) == 0:
		return "an empty mapping"
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	default:
		return "an alias"
	}
}

func shorten(s string) string {
	const most = 60
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return s
}

// scalar reads a plain value as the text that stands in the file. Azure knows no
// other type here: 1.10 stays 1.10. Nothing is the empty text.
func (r *reader) scalar(n *yaml.Node, what string) (string, bool) {
	switch {
	case !r.plain(n):
		return "", false
	case n.Kind != yaml.ScalarNode:
		r.failf(n, "%s: want text, got %s", what, describe(n))
		return "", false
	case strings.Contains(n.Value, "${{"):
		r.template(n)
		return "", false
	case isNull(n):
		return "", true
	default:
		return n.Value, true
	}
}

func (r *reader) text(e entry) (string, bool) { return r.scalar(e.value, e.key.Value) }

// boolean reads Azure's booleans, in any case and also when quoted.
func (r *reader) boolean(e entry) (value, ok bool) {
	text, ok := r.text(e)
	if !ok {
		return false, false
	}
	switch strings.ToLower(text) {
	case "true", "yes", "y", "on":
		return true, true
	case "false", "no", "n", "off":
		return false, true
	default:
		r.failf(e.value, "%s: want true or false, got %s%s", e.key.Value, describe(e.value), macroHint(text))
		return false, false
	}
}

var decimal = regexp.MustCompile(`^[0-9]{1,9}(\.[0-9]{1,9})?$`)

// number reads a number from 0 to most.
func (r *reader) number(e entry, most int) float64 {
	text, ok := r.text(e)
	if !ok {
		return 0
	}
	f, err := strconv.ParseFloat(text, 64)
	if !decimal.MatchString(text) || err != nil || f > float64(most) {
		r.failf(e.value, "%s: want a number from 0 to %d, got %s%s",
			e.key.Value, most, describe(e.value), macroHint(text))
		return 0
	}
	return f
}

// count reads a whole number from 0 to most.
func (r *reader) count(e entry, most int) int {
	text, ok := r.text(e)
	if !ok {
		return 0
	}
	i, err := strconv.Atoi(text)
	if !decimal.MatchString(text) || err != nil || i > most {
		r.failf(e.value, "%s: want a whole number from 0 to %d, got %s%s",
			e.key.Value, most, describe(e.value), macroHint(text))
		return 0
	}
	return i
}

// macroHint explains why a variable cannot stand where a value is needed at once.
func macroHint(text string) string {
	if strings.Contains(text, "$(") {
		return "; a variable cannot be used here"
	}
	return ""
}
