package document

import "go.yaml.in/yaml/v3"

// Resolve returns what an alias stands for, and any other node itself.
func Resolve(n *yaml.Node) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// Field is an entry of a mapping.
type Field struct {
	Key   *yaml.Node // a scalar
	Value *yaml.Node // as it stands there: it may be an alias
	// Merged: it came in by a merge key (<<).
	Merged bool
}

// Fields returns what a mapping holds with its merge keys carried out: its own entries
// in their order, then those it merges in and does not have itself. Nil for any other
// node. An alias to a mapping is seen through.
func Fields(n *yaml.Node) []Field {
	n = Resolve(n)
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	fields := make([]Field, 0, len(n.Content)/2)
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		if isMerge(n.Content[i]) {
			merges = append(merges, n.Content[i+1])
			continue
		}
		fields = append(fields, Field{Key: Resolve(n.Content[i]), Value: n.Content[i+1]})
	}
	if merges == nil {
		return fields
	}
	return merge(fields, merges)
}

func merge(fields []Field, from []*yaml.Node) []Field {
	have := map[string]bool{}
	for _, f := range fields {
		have[f.Key.Value] = true
	}
	for _, source := range sources(from) {
		for _, f := range Fields(source) {
			if !have[f.Key.Value] {
				have[f.Key.Value] = true
				fields = append(fields, Field{Key: f.Key, Value: f.Value, Merged: true})
			}
		}
	}
	return fields
}

// sources are the mappings that merge keys name; of two the first wins.
func sources(merges []*yaml.Node) []*yaml.Node {
	var all []*yaml.Node
	for _, n := range merges {
		if n = Resolve(n); n.Kind == yaml.SequenceNode {
			all = append(all, n.Content...)
		} else {
			all = append(all, n)
		}
	}
	return all
}

func isMerge(key *yaml.Node) bool { return key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge" }
