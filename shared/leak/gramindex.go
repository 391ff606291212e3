package leak

import (
	"encoding/binary"
	"math/bits"
	"strings"
)

// gramIndex finds forms of about one length. Of the text, it looks at every step-th
// position only: each form has a gram of four bytes at one of them. A table says for
// most positions that no form has the gram, a bitmap for most of the others that no form
// has it with what stands before or after.
type gramIndex struct {
	step   int // 0 if there are no forms
	short  bool
	shift  uint
	first  table // bytes for short forms, which is faster; bits for long ones, of which there are many
	second table // bits
	alone  bool  // forms are so short that nothing stands before or after a gram of theirs
	slots  []int32
	grams  []gramAt
}

// The table fits into the second-level cache of a processor.
const tableBits = 19

type table [1 << tableBits]byte

func (t *table) setBit(h uint32) { t[h>>3] |= 1 << (h & 7) }

// bit has its lowest bit set if h is.
func (t *table) bit(h uint32) byte { return t[h>>3&(1<<tableBits-1)] >> (h & 7) }

// gramAt says that form has gram at offset. Those with the same hash are chained.
type gramAt struct {
	gram   uint32
	form   int32
	offset int32
	next   int32 // index+1
}

const (
	gramSize = 4
	slotBits = 16
	multiply = 0x9E3779B1
	// closest is the longest step at which two grams are in eight bytes.
	closest = 4
	// farthest is the step from which there would be more grams, but no more speed.
	farthest = 64
)

// compile builds the tables for the forms of a length from least to less than limit.
func (x *gramIndex) compile(forms []form, least, limit int) {
	step, n := longestForm, 0
	for _, f := range forms {
		if least <= len(f.text) && len(f.text) < limit {
			step, n = min(step, len(f.text)-gramSize+1), n+1
		}
	}
	if n == 0 {
		return
	}
	// One entry in 32 is set at most, unless there are very many.
	if x.short = limit <= longFrom; x.short {
		step = min(step, closest)
		x.shift = uint(32 - min(max(bits.Len(uint(n*step*64)), 12), tableBits))
	} else {
		step = min(step, farthest)
		x.shift = uint(32 - min(max(bits.Len(uint(n*step*32)), 16), tableBits+3))
	}
	x.step, x.slots = step, make([]int32, 1<<slotBits)
	for i, f := range forms {
		if least <= len(f.text) && len(f.text) < limit {
			start := rarest(f.text, step)
			for offset := start; offset < start+step; offset++ {
				x.add(i, []byte(f.text), offset)
			}
		}
	}
}

// add adds the gram of a form at offset.
func (x *gramIndex) add(form int, text []byte, offset int) {
	gram := binary.LittleEndian.Uint32(text[offset:])
	if h := gram * multiply >> x.shift; x.short {
		x.first[h] = 1
	} else {
		x.first.setBit(h)
	}
	switch {
	case offset+2*gramSize <= len(text):
		x.second.setBit(wideHash(binary.LittleEndian.Uint64(text[offset:])))
	case offset >= gramSize:
		x.second.setBit(wideHash(binary.LittleEndian.Uint64(text[offset-gramSize:])))
	default:
		x.second.setBit(wideHash(uint64(gram)))
		x.alone = true
	}
	slot := gram * multiply >> (32 - slotBits)
	x.grams = append(x.grams, gramAt{gram, int32(form), int32(offset), x.slots[slot]})
	x.slots[slot] = int32(len(x.grams))
}

func wideHash(v uint64) uint32 { return uint32(v * 0x9E3779B97F4A7C15 >> (64 - tableBits - 3)) }

// rarest returns where in text a window of step grams stands that is not in every
// log, such as "https://" is: the one with the most digits, capitals and symbols.
func rarest(text string, step int) int {
	width, best, at := step+gramSize-1, -1, 0
	for start := 0; start+width <= len(text); start++ {
		score := 0
		for i := start; i < start+width; i++ {
			if c := text[i]; c < 'a' || c > 'z' {
				score += 2
				if strings.IndexByte(" :/=.-_\"", c) >= 0 {
					score--
				}
			}
		}
		if score > best {
			best, at = score, start
		}
	}
	return at
}

// search calls found for each form that may stand at start, as it has a gram in
// data[from:to].
func (x *gramIndex) search(data []byte, from, to int, found func(form, start int)) {
	if x.step == 0 {
		return
	}
	to = min(to, len(data)-gramSize+1)
	i := from
	if x.short {
		i = x.searchClose(data, from, to, found)
	} else {
		i = x.searchFar(data, from, to, found)
	}
	for ; i < to; i += x.step {
		x.verify(data, i, found) // without the table: there are few
	}
}

// searchFar looks at four positions at a time: most often none of them is in the table.
// It returns where it ended.
func (x *gramIndex) searchFar(data []byte, from, to int, found func(form, start int)) int {
	step, shift := x.step, x.shift&31
	i, end := from, to-3*step
	for ; i < end; i += 4 * step {
		a := binary.LittleEndian.Uint32(data[i:]) * multiply >> shift
		b := binary.LittleEndian.Uint32(data[i+step:]) * multiply >> shift
		c := binary.LittleEndian.Uint32(data[i+2*step:]) * multiply >> shift
		d := binary.LittleEndian.Uint32(data[i+3*step:]) * multiply >> shift
		if (x.first.bit(a)|x.first.bit(b)|x.first.bit(c)|x.first.bit(d))&1 == 0 {
			continue
		}
		for j, h := range [4]uint32{a, b, c, d} {
			if x.first.bit(h)&1 != 0 {
				x.verify(data, i+j*step, found)
			}
		}
	}
	return i
}

// searchClose is searchFar for short steps: it reads two grams at once.
func (x *gramIndex) searchClose(data []byte, from, to int, found func(form, start int)) int {
	const mask, window = 1<<tableBits - 1, 2*closest + 8
	step, shift, width := x.step, x.shift&31, uint(8*x.step)&63
	i, end := from, min(to-3*step, len(data)-window+1)
	for ; i < end; i += 4 * step {
		w := data[i : i+window : i+window]
		v, u := binary.LittleEndian.Uint64(w), binary.LittleEndian.Uint64(w[2*step:])
		a, b := uint32(v)*multiply>>shift, uint32(v>>width)*multiply>>shift
		c, d := uint32(u)*multiply>>shift, uint32(u>>width)*multiply>>shift
		if x.first[a&mask]|x.first[b&mask]|x.first[c&mask]|x.first[d&mask] == 0 {
			continue
		}
		for j, h := range [4]uint32{a, b, c, d} {
			if x.first[h&mask] != 0 {
				x.verify(data, i+j*step, found)
			}
		}
	}
	return i
}

// verify calls found for the forms that have the gram at i.
func (x *gramIndex) verify(data []byte, i int, found func(form, start int)) {
	gram := binary.LittleEndian.Uint32(data[i:])
	if !x.fits(data, i, gram) {
		return
	}
	for next := x.slots[gram*multiply>>(32-slotBits)]; next != 0; next = x.grams[next-1].next {
		if g := &x.grams[next-1]; g.gram == gram {
			found(int(g.form), i-int(g.offset))
		}
	}
}

// fits reports whether a form may have the gram at i with what stands after or before
// it.
func (x *gramIndex) fits(data []byte, i int, gram uint32) bool {
	return i+2*gramSize <= len(data) && x.second.bit(wideHash(binary.LittleEndian.Uint64(data[i:])))&1 != 0 ||
		i >= gramSize && x.second.bit(wideHash(binary.LittleEndian.Uint64(data[i-gramSize:])))&1 != 0 ||
		x.alone && x.second.bit(wideHash(uint64(gram)))&1 != 0
}
