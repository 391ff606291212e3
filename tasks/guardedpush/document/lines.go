package document

import (
	"sort"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// lineStarts returns where lines begin. YAML 1.1, and the library with it, takes more
// than LF for the end of one: CR, CR LF, NEL, LS and PS.
func lineStarts(data []byte) []int {
	starts := []int{0}
	if bom(data) > 0 {
		starts[0] = bom(data) // which has no column
	}
	for i := starts[0]; i < len(data); {
		if c := data[i]; c > '\r' && c < 0xC2 {
			i++
			continue
		}
		width := lineBreak(data[i:])
		if width == 0 {
			i++
			continue
		}
		i += width
		starts = append(starts, i)
	}
	return starts
}

// lineBreak is how many bytes the line break takes that text starts with, or 0.
func lineBreak(text []byte) int {
	switch text[0] {
	case '\n':
		return 1
	case '\r':
		if len(text) > 1 && text[1] == '\n' {
			return 2
		}
		return 1
	case 0xC2:
		if len(text) > 1 && text[1] == 0x85 {
			return 2
		}
	case 0xE2:
		if len(text) > 2 && text[1] == 0x80 && (text[2] == 0xA8 || text[2] == 0xA9) {
			return 3
		}
	}
	return 0
}

func bom(data []byte) int {
	if len(data) >= 3 && data[0] == 0xEF && data[1] == 0xBB && data[2] == 0xBF {
		return 3
	}
	return 0
}

// cursor remembers a place, so that many nodes of one long line are not each counted
// from its beginning.
type cursor struct{ line, column, offset int }

// Offset returns the byte at which a node of the file begins: an anchor or tag before
// a scalar belongs to it. It is -1 for a node of another file. Not for concurrent use.
func (f *File) Offset(n *yaml.Node) int {
	if n.Line < 1 || n.Line > len(f.lines) || n.Column < 1 {
		return -1
	}
	c := cursor{n.Line, 1, f.lines[n.Line-1]}
	if f.cursor.line == n.Line && f.cursor.column <= n.Column {
		c = f.cursor
	}
	for c.column < n.Column {
		if c.offset >= len(f.data) {
			return -1
		}
		_, size := utf8.DecodeRune(f.data[c.offset:])
		c.offset += size
		c.column++
	}
	f.cursor = c
	return c.offset
}

// places tells lines and columns for offsets that only grow.
type places struct {
	data  []byte
	lines []int
	at    cursor
}

func (p *places) of(offset int) (line, column int) {
	if p.at.line == 0 || p.at.line < len(p.lines) && offset >= p.lines[p.at.line] {
		line := sort.SearchInts(p.lines, offset+1)
		p.at = cursor{line, 1, p.lines[line-1]}
	}
	p.at.column += utf8.RuneCount(p.data[p.at.offset:offset])
	p.at.offset = offset
	return p.at.line, p.at.column
}
