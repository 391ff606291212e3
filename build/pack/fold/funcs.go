package fold

import (
	"errors"
	"fmt"
)

// The table of functions (cmd/link/internal/ld/pcln.go, runtime._func): first, for each function, where its code
// begins and where its record lies, and where the last one ends; then the records, one after the other. A record has
// 11 words, then as many as its word 7 says, then as many as the last byte of its word 10 says.
const (
	entryWord    = 0
	nameWord     = 1
	firstTables  = 4 // words 4, 5 and 6, and those after word 10, are offsets into one table
	lastTables   = 6
	countWord    = 7
	countByte    = 4*10 + 3
	recordWords  = 11
	maxVariables = 1 << 10
)

var errNotFuncs = errors.New("this is no table of functions")

// record is the description of a function: its bytes, and how many words there are of the two variable kinds.
type record struct {
	data         []byte
	pair         []byte // its line in the first part
	place        int    // where it lies, as the first part has it
	first, other int
}

func (r record) word(k int) uint32         { return le.Uint32(r.data[4*k:]) }
func (r record) setWord(k int, new uint32) { le.PutUint32(r.data[4*k:], new) }

// records calls visit with each record. It reads the two counts of a record, which are never folded, and nothing else.
func records(d []byte, funcs [2]int, visit func(record) error) error {
	start, count := funcs[0], funcs[1]
	if start < 0 || count < 0 || start > len(d) || count > (len(d)-start)/8 {
		return fmt.Errorf("%w: %d functions at %d in %d bytes", errNotFuncs, count, start, len(d))
	}
	table := d[start:]
	place := align(8*count + 4)
	for i := range count {
		if place+4*recordWords > len(table) {
			return errNotFuncs
		}
		r := record{pair: table[8*i:], place: place, first: int(le.Uint32(table[place+4*countWord:])),
			other: int(table[place+countByte])}
		size := 4 * (recordWords + r.first + r.other)
		if r.first > maxVariables || place+size > len(table) {
			return errNotFuncs
		}
		r.data = table[place : place+size]
		if err := visit(r); err != nil {
			return err
		}
		place = align(place + size)
	}
	return nil
}

func align(n int) int { return (n + 7) &^ 7 }

// column is a kind of word: what it was in all records so far, and the greatest so far. Numbers are signed, since
// "none" is -1.
type column struct {
	seen []int32
	last map[int32]int // where in seen a value stands last
	top  *int32
}

type columns map[int]*column

// of returns the column of a record's word; nil if the word is no offset. All offsets into the one table share a top:
// what is new there was appended to it.
func (c columns) of(r record, k int) *column {
	key, shared := k, k >= firstTables && k <= lastTables
	switch {
	case k == 2 || k == 3 || k == countWord || k == 9 || k == 10:
		return nil
	case k >= recordWords+r.first:
		key = recordWords + 1 + 2*(k-recordWords-r.first)
	case k >= recordWords:
		key, shared = recordWords+2*(k-recordWords), true
	}
	if c[key] == nil {
		c[key] = &column{last: map[int32]int{}, top: new(int32)}
	}
	if shared && key != firstTables {
		c[key].top = c.of(r, firstTables).top
	}
	return c[key]
}

// fold returns what stands for a value: below zero, how far back the column has it last; else, in 31 bits, its
// distance to the top.
func (c *column) fold(value int32) int32 {
	code := (value - *c.top) & 0x7fffffff
	if i, ok := c.last[value]; ok {
		code = int32(i - len(c.seen))
	}
	c.keep(value)
	return code
}

func (c *column) unfold(code int32) (int32, error) {
	value := *c.top + code<<1>>1
	if code < 0 {
		i := len(c.seen) + int(code)
		if i < 0 {
			return 0, errNotFuncs
		}
		value = c.seen[i]
	}
	c.keep(value)
	return value, nil
}

func (c *column) keep(value int32) {
	c.last[value] = len(c.seen)
	c.seen = append(c.seen, value)
	*c.top = max(*c.top, value)
}

func foldFuncs(d []byte, funcs [2]int) error {
	all := columns{}
	return records(d, funcs, func(r record) error {
		// A record says again where the code begins, and where it lies itself follows from the sizes before it.
		le.PutUint32(r.pair, le.Uint32(r.pair)-r.word(entryWord))
		le.PutUint32(r.pair[4:], le.Uint32(r.pair[4:])-uint32(r.place))
		for k := range len(r.data) / 4 {
			if c := all.of(r, k); c != nil {
				r.setWord(k, uint32(c.fold(int32(r.word(k)))))
			}
		}
		return nil
	})
}

func unfoldFuncs(d []byte, funcs [2]int) error {
	all := columns{}
	return records(d, funcs, func(r record) error {
		for k := range len(r.data) / 4 {
			c := all.of(r, k)
			if c == nil {
				continue
			}
			value, err := c.unfold(int32(r.word(k)))
			if err != nil {
				return err
			}
			r.setWord(k, uint32(value))
		}
		le.PutUint32(r.pair, le.Uint32(r.pair)+r.word(entryWord))
		le.PutUint32(r.pair[4:], le.Uint32(r.pair[4:])+uint32(r.place))
		return nil
	})
}
