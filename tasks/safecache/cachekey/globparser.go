package cachekey

import (
	"errors"
	"slices"
)

type kind int

const (
	class kind = iota // one unit of ranges
	star              // any number of units
	group             // alternatives, with unit as the operator before "("
)

// node is one piece of a glob's part.
type node struct {
	kind         kind
	ranges       [][2]uint16
	negated      bool
	unit         uint16
	alternatives [][]node
}

func (n node) accepts(u uint16) bool {
	return slices.ContainsFunc(n.ranges, func(r [2]uint16) bool { return r[0] <= u && u <= r[1] })
}

func literal(u uint16) node { return node{ranges: [][2]uint16{{u, u}}} }

// maxNesting bounds the time a hostile pattern takes; each level multiplies it.
const maxNesting = 4

// globParser reads one part of a glob.
type globParser struct {
	text  []uint16
	at    int
	depth int
	// unclosed remembers operators whose group has no end, as each nested one
	// would otherwise be tried again for every one around it.
	unclosed map[int]bool
}

// sequence reads up to the end, or in a group up to "|" or ")".
func (p *globParser) sequence() ([]node, error) {
	var nodes []node
	for p.at < len(p.text) {
		u := p.text[p.at]
		if p.depth > 0 && (u == '|' || u == ')') {
			return nodes, nil
		}
		n, err := p.next(u)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

func (p *globParser) next(u uint16) (node, error) {
	switch u {
	case '\\':
		if p.at+1 < len(p.text) {
			p.at++
		}
	case '*', '?', '+', '@', '!':
		if n, ok, err := p.group(u); ok || err != nil {
			return n, err
		}
		switch u {
		case '*':
			p.at++
			return node{kind: star}, nil
		case '?':
			p.at++
			return node{negated: true}, nil // not one of none
		}
	case '[':
		if n, ok, err := p.class(); ok || err != nil {
			return n, err
		}
	}
	u = p.text[p.at]
	p.at++
	return literal(u), nil
}

// group reads an operator and its parentheses; without a closing one they are
// plain characters.
func (p *globParser) group(operator uint16) (node, bool, error) {
	if p.at+1 >= len(p.text) || p.text[p.at+1] != '(' || p.unclosed[p.at] {
		return node{}, false, nil
	}
	if p.depth == maxNesting {
		return node{}, false, errors.New("groups are nested too deeply")
	}
	inner := globParser{text: p.text, at: p.at + 2, depth: p.depth + 1, unclosed: p.unclosed}
	n := node{kind: group, unit: operator}
	for {
		alternative, err := inner.sequence()
		if err != nil {
			return node{}, false, err
		}
		if inner.at == len(inner.text) {
			p.unclosed[p.at] = true
			return node{}, false, nil
		}
		n.alternatives = append(n.alternatives, alternative)
		inner.at++
		if inner.text[inner.at-1] == ')' {
			p.at = inner.at
			return n, true, nil
		}
	}
}

// class reads [...]; without a closing bracket the first is a plain character.
func (p *globParser) class() (node, bool, error) {
	n := node{}
	i := p.at + 1
	if i < len(p.text) && (p.text[i] == '!' || p.text[i] == '^') {
		n.negated = true
		i++
	}
	backwards := false
	for first := i; i < len(p.text); i++ {
		if p.text[i] == ']' && i > first {
			if backwards {
				return node{}, false, errors.New("a range in [...] runs backwards")
			}
			p.at = i + 1
			return n, true, nil
		}
		low := p.classUnit(&i)
		high := low
		if i+2 < len(p.text) && p.text[i+1] == '-' && p.text[i+2] != ']' {
			i += 2
			high = p.classUnit(&i)
		}
		backwards = backwards || high < low
		n.ranges = append(n.ranges, [2]uint16{low, high})
	}
	return node{}, false, nil
}

func (p *globParser) classUnit(i *int) uint16 {
	if p.text[*i] == '\\' && *i+1 < len(p.text) {
		*i++
	}
	return p.text[*i]
}
