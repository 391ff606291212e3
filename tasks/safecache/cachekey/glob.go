package cachekey

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
)

// pattern is one absolute glob, compiled as Minimatch (the .NET port that the
// agent uses) reads it with Dot, NoBrace and, except on Linux, NoCase.
//
// A library or a translation to regexp was not an option: Minimatch turns !(x)
// into a look-ahead, works on UTF-16 units, and has its own idea of "**"; Go's
// regexp has no look-ahead. Matching here walks all possibilities side by side,
// so it is quick whatever the pattern is.
type pattern struct {
	parts    []part
	foldCase bool
	system   system
}

// part is what stands between two separators: "**", or a sequence of nodes.
type part struct {
	anyDepth bool
	nodes    []node
}

func (o system) compile(glob string) (pattern, error) {
	p := pattern{foldCase: o.ignoresCase(), system: o}
	for _, text := range o.globParts(strings.TrimSpace(glob)) {
		if text == "**" {
			p.parts = append(p.parts, part{anyDepth: true})
			continue
		}
		parser := globParser{text: utf16.Encode([]rune(text)), unclosed: map[int]bool{}}
		nodes, err := parser.sequence()
		if err != nil {
			return pattern{}, fmt.Errorf("pattern %q: %w", glob, err)
		}
		p.parts = append(p.parts, part{nodes: nodes})
	}
	return p, nil
}

// globParts splits at runs of separators, so an absolute path starts with "".
func (o system) globParts(path string) []string {
	if o == windows {
		path = strings.ReplaceAll(path, `\`, "/")
	}
	all := strings.Split(path, "/")
	parts := all[:1:1]
	for i, name := range all[1:] {
		if name != "" || i == len(all)-2 {
			parts = append(parts, name)
		}
	}
	return parts
}

// match reports whether the absolute path of a file fits. at holds, for every
// number of leading names of the path, whether the parts so far can take them.
func (p pattern) match(path string) bool {
	names := p.system.globParts(path)
	at := make(set, len(names)+1)
	at[0] = true
	for i, part := range p.parts {
		next := make(set, len(names)+1)
		for n := range names {
			switch {
			case part.anyDepth && (at[n] || next[n]):
				// A last "**" takes one name at least, another one also none.
				next[n] = i < len(p.parts)-1
				next[n+1] = names[n] != "." && names[n] != ".."
			case !part.anyDepth && at[n]:
				next[n+1] = p.matchName(part.nodes, names[n])
			}
		}
		if part.anyDepth && at[len(names)] && i < len(p.parts)-1 {
			next[len(names)] = true
		}
		at = next
	}
	return at[len(names)]
}

func (p pattern) matchName(nodes []node, name string) bool {
	if name == "" {
		return len(nodes) == 0
	}
	m := matcher{name: utf16.Encode([]rune(name)), foldCase: p.foldCase}
	start := make(set, len(m.name)+1)
	start[0] = true
	return m.sequence(nodes, start)[len(m.name)]
}

// set holds positions.
type set []bool

func (s set) empty() bool { return !slices.Contains(s, true) }

// from is every position at or after the first of s.
func (s set) from() set {
	all := make(set, len(s))
	if first := slices.Index(s, true); first >= 0 {
		for i := first; i < len(all); i++ {
			all[i] = true
		}
	}
	return all
}

// add puts others into s and reports whether that made a difference.
func (s set) add(others set) (grew bool) {
	for i, yes := range others {
		if yes && !s[i] {
			s[i], grew = true, true
		}
	}
	return grew
}

// matcher runs nodes over one name. Its functions take the positions where a
// match may start and return those where it may end.
type matcher struct {
	name     []uint16
	foldCase bool
}

func (m matcher) sequence(nodes []node, at set) set {
	for _, n := range nodes {
		at = m.node(n, at)
	}
	return at
}

func (m matcher) node(n node, at set) set {
	switch n.kind {
	case star:
		return at.from()
	case group:
		return m.group(n, at)
	}
	next := make(set, len(at))
	for i, yes := range at[:len(m.name)] {
		next[i+1] = yes && m.unit(n, m.name[i])
	}
	return next
}

func (m matcher) group(n node, at set) set {
	switch n.unit {
	case '!': // (?:(?!x)[^/]*?): anything, from where no alternative starts
		free := make(set, len(at))
		for i, yes := range at {
			one := make(set, len(at))
			one[i] = true
			free[i] = yes && m.alternatives(n, one).empty()
		}
		return free.from()
	case '@':
		return m.alternatives(n, at)
	}
	once := m.alternatives(n, at)
	all := slices.Clone(once)
	for more := n.unit != '?'; more; {
		more = all.add(m.alternatives(n, all))
	}
	if n.unit != '+' {
		all.add(at)
	}
	return all
}

func (m matcher) alternatives(n node, at set) set {
	all := make(set, len(at))
	for _, alternative := range n.alternatives {
		all.add(m.sequence(alternative, at))
	}
	return all
}

func (m matcher) unit(n node, u uint16) bool {
	if n.accepts(u) {
		return !n.negated
	}
	if m.foldCase {
		upper, lower := unicode.ToUpper(rune(u)), unicode.ToLower(rune(u))
		if n.accepts(uint16(upper)) || n.accepts(uint16(lower)) {
			return !n.negated
		}
	}
	return n.negated
}
