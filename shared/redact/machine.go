package redact

import (
	"encoding/binary"
	"slices"
)

// machine finds all forms at once (Aho and Corasick, 1975). A log is written by
// strangers, so the time per byte must not depend on what is in it: comparing
// candidate by candidate would be quadratic for "aaaa...".
//
// Nodes are numbered breadth first, which makes the children of a node
// neighbours: a node needs 16 bytes, not a table of 256 entries. Before the
// automaton starts, a filter over the first four bytes of all forms skips the
// positions where no form can begin, which is nearly all of an ordinary log.
type machine struct {
	nodes  []node
	labels []byte // labels[n] leads from n's parent to n
	grams  [1 << (gramBits - 6)]uint64
}

type node struct {
	fail  int32 // node of the longest proper suffix that is a prefix of a form
	child int32 // first child
	depth int32
	out   int32  // length of the longest form that ends here, 0 if none
	count uint16 // number of children, at most 256
}

const (
	root     = 0
	gramSize = MinLength // no form is shorter, so each has a first gram
	gramBits = 18        // 32 KiB of bits: fits the first-level cache
)

func gramHash(b []byte) uint32 {
	return binary.LittleEndian.Uint32(b) * 0x9E3779B1 >> (32 - gramBits)
}

// compile builds the automaton. The forms must be distinct and at least
// MinLength long.
func compile(forms []string) *machine {
	slices.Sort(forms)
	m := &machine{}
	for _, form := range forms {
		h := gramHash([]byte(form[:gramSize]))
		m.grams[h>>6] |= 1 << (h & 63)
	}
	// groups[n] is the range of forms that share node n's path.
	type group struct{ lo, hi int }
	groups := []group{{0, len(forms)}}
	m.nodes = []node{{}}
	m.labels = []byte{0}
	for n := 0; n < len(groups); n++ {
		lo, hi, depth := groups[n].lo, groups[n].hi, int(m.nodes[n].depth)
		if lo < hi && len(forms[lo]) == depth {
			m.nodes[n].out = int32(depth)
			lo++
		} else if n != root {
			m.nodes[n].out = m.nodes[m.nodes[n].fail].out
		}
		m.nodes[n].child = int32(len(groups))
		for lo < hi {
			label := forms[lo][depth]
			end := lo + 1
			for end < hi && forms[end][depth] == label {
				end++
			}
			fail := int32(root)
			if n != root {
				fail = m.step(m.nodes[n].fail, label)
			}
			m.nodes = append(m.nodes, node{fail: fail, depth: int32(depth) + 1})
			m.labels = append(m.labels, label)
			m.nodes[n].count++
			groups = append(groups, group{lo, end})
			lo = end
		}
	}
	return m
}

// step returns the state after reading c in state n.
func (m *machine) step(n int32, c byte) int32 {
	for {
		if next := m.descend(n, c); next >= 0 {
			return next
		}
		if n == root {
			return root
		}
		n = m.nodes[n].fail
	}
}

// descend returns the child of n labelled c, or -1.
func (m *machine) descend(n int32, c byte) int32 {
	first, count := m.nodes[n].child, int32(m.nodes[n].count)
	if count == 1 { // nearly every node
		if m.labels[first] == c {
			return first
		}
		return -1
	}
	if at, ok := slices.BinarySearch(m.labels[first:first+count], c); ok {
		return first + int32(at)
	}
	return -1
}

// skip returns the first position from i on where a form may begin. The last
// gramSize-1 positions always may: what decides is not there yet.
func (m *machine) skip(data []byte, i int) int {
	for ; i+gramSize <= len(data); i++ {
		h := gramHash(data[i:])
		if m.grams[h>>6]&(1<<(h&63)) != 0 {
			break
		}
	}
	return i
}
