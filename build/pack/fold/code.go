package fold

// site is a field in the code that refers to a place: where it lies, and the place, both as offsets in the file.
// The offset of a place in another section than the code is off by a constant, which does not matter.
type site struct {
	at     int
	target uint32
}

// coder knows the instructions of a processor. Which bytes are sites must be told from bytes that folding does not
// change, so that unfolding, which goes through the code in the same order, finds the same.
type coder interface {
	sites(d []byte, img *image) []site
	set(d []byte, at, number int)
	unfold(d []byte, list []uint32, m Map)
}

var coders = map[string]coder{"amd64": amd64{}, "arm64": arm64{}}

const pageSize = 1 << 12

// amd64 instructions have no fixed size, and finding where they begin takes a table of all. It is not needed: where
// the bytes look like an instruction and are none, the field usually is no place in the program and stays as it is,
// and if it is one by chance, it gets a label of its own.
type amd64 struct{}

const call = 0xe8

// relative are the second to last bytes of instructions that have an address relative to the next instruction, by
// far the most frequent in Go programs: lea, mov, cmp, movzx, xadd and movups.
var relative = [256]bool{
	0x10: true, 0x39: true, 0x80: true, 0x83: true, 0x89: true,
	0x8b: true, 0x8d: true, 0xb6: true, 0xc1: true, 0xc7: true,
}

// field returns where the address begins of the instruction at i; 0 if there is none.
func (amd64) field(d []byte, i int) int {
	if d[i] == call {
		return i + 1
	}
	if relative[d[i]] && d[i+1]&0xc7 == 0x05 { // whatever register, and an address relative to the next instruction
		return i + 2
	}
	return 0
}

func (c amd64) each(d []byte, text [2]int, visit func(at int)) {
	for i := text[0]; i+6 <= text[1]; {
		at := c.field(d, i)
		if at == 0 {
			i++
			continue
		}
		visit(at)
		i = at + 4
	}
}

func (c amd64) sites(d []byte, img *image) []site {
	var found []site
	c.each(d, [2]int{img.text, img.end}, func(at int) {
		if target := le.Uint32(d[at:]) + uint32(at+4); inMemory(target) {
			found = append(found, site{at, target})
		}
	})
	return found
}

// inMemory says whether a program may have anything there: behind what is in the file lies what it begins with as
// zeros. Any address so near that its bytes could be taken for the number of a label is in it.
func inMemory(target uint32) bool { return target < maxSize+1<<26 }

func (amd64) set(d []byte, at, number int) { le.PutUint32(d[at:], uint32(number)) }

func (c amd64) unfold(d []byte, list []uint32, m Map) {
	c.each(d, m.Text, func(at int) {
		if number := le.Uint32(d[at:]); number < uint32(len(list)) {
			le.PutUint32(d[at:], list[number]-uint32(at+4))
		}
	})
}

// arm64 instructions are words. A call has the distance in 26 bits. Any other place takes two instructions: adrp has
// the distance between the two pages of memory in 21 bits, of which the highest marks a label here, and the next one,
// an addition, a load or a store, has the place in the page.
type arm64 struct{}

const (
	callBits = 1<<26 - 1
	mark     = 1 << 20
	offset12 = 0xfff << 10
)

func isCall(word uint32) bool { return word>>26 == 0x25 }
func isPage(word uint32) bool { return word&0x9f000000 == 0x90000000 }

// scale returns by how many bits the place in the page is shifted in the instruction.
func scale(word uint32) (bits uint32, ok bool) {
	switch {
	case word&0xffc00000 == 0x91000000: // add
		return 0, true
	case word&0x3b000000 == 0x39000000: // load and store
		if word&0x04800000 == 0x04800000 { // of 16 bytes
			return 4, true
		}
		return word >> 30, true
	}
	return 0, false
}

func page(word uint32) uint32 { return word>>5&0x7ffff<<2 | word>>29&3 }

func withPage(word, page uint32) uint32 {
	return word&0x9f00001f | page>>2&0x7ffff<<5 | page&3<<29
}

func (arm64) sites(d []byte, img *image) []site {
	var found []site
	for i := img.text; i+8 <= img.end; i += 4 {
		word, next := le.Uint32(d[i:]), le.Uint32(d[i+4:])
		var target uint32
		if isCall(word) {
			target = uint32(i) + uint32(int32(word<<6)>>4)
		} else if bits, ok := scale(next); ok && isPage(word) && next&offset12>>10<<bits < pageSize {
			pages := (i+img.page)/pageSize + int(int32(page(word)<<11)>>11)
			if pages < 0 || pages >= 1<<32/pageSize {
				continue // 4 GB away: in 32 bits it would look near
			}
			target = uint32(pages*pageSize) + next&offset12>>10<<bits - uint32(img.page)
		} else {
			continue
		}
		if inMemory(target) {
			found = append(found, site{i, target})
		}
	}
	return found
}

func (arm64) set(d []byte, at, number int) {
	word, next := le.Uint32(d[at:]), le.Uint32(d[at+4:])
	if isCall(word) {
		le.PutUint32(d[at:], word&^callBits|uint32(number))
		return
	}
	le.PutUint32(d[at:], withPage(word, mark|uint32(number)))
	le.PutUint32(d[at+4:], next&^offset12)
}

func (arm64) unfold(d []byte, list []uint32, m Map) {
	for i := m.Text[0]; i+8 <= m.Text[1]; i += 4 {
		word, next := le.Uint32(d[i:]), le.Uint32(d[i+4:])
		if number := word & callBits; isCall(word) && number < uint32(len(list)) {
			le.PutUint32(d[i:], word&^callBits|(list[number]-uint32(i))>>2&callBits)
			continue
		}
		number := page(word) ^ mark
		bits, ok := scale(next)
		if !ok || !isPage(word) || number >= uint32(len(list)) {
			continue
		}
		place := list[number] + uint32(m.Page)
		le.PutUint32(d[i:], withPage(word, place/pageSize-uint32(i+m.Page)/pageSize))
		le.PutUint32(d[i+4:], next&^offset12|place%pageSize>>bits<<10)
	}
}
