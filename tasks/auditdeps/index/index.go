// Package index is a file of an ecosystem's advisories in which those of a package are
// found without reading the rest.
//
// It promises that a file which was cut, changed or made by another version is an error
// and not an empty index. It does not protect from somebody who may write the file: that
// one can write another.
package index

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"os"
	"time"

	"github.com/guardrails-ci/guardrails/tasks/auditdeps/advisory"
)

// The file:
//
//	header | blocks, one a package | table, 8 bytes a block | Info as JSON
//
// The table is sorted by the hash of a package's name, and so are the blocks: one ends
// where the next one begins. It is small (1.7 MB for 217,000 packages) and read when the
// file is opened; a block is read when its package is asked for, and checked then.
const (
	magic      = "GRADVIX1" // the last byte is the version of the format
	headerSize = 48
	slotSize   = 8
	sumSize    = 4
	maxBlock   = 64 << 20
	maxTail    = 512 << 20
	maxInfo    = 1 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrDamaged is in the errors about a file that is not, or not any more, an index that
// this version has made.
var ErrDamaged = errors.New("the index is damaged or of another version")

// Info is what an index says of itself.
type Info struct {
	Ecosystem string
	Source    string    // where the records are from, fit for the log
	AsOf      time.Time // how things were when
	Checked   time.Time // when the source was last asked for news
	Complete  time.Time // when the whole was last read, and not only what had changed
	Newest    time.Time // the latest change that is in it
	ETag      string    // of the download, "" if unknown
	Records   int       // OSV records that were read
	Bad       int       // records that could not be understood
	BadNames  []string  // the first of them
}

// Index is an open file. It may be used by several goroutines.
type Index struct {
	file   io.ReaderAt
	close  func() error
	info   Info
	blocks int64  // where they end
	table  []byte // slots of hash and offset, little endian
}

// Open opens an index file.
func Open(path string) (*Index, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening an index: %w", err)
	}
	stat, err := f.Stat()
	if err != nil || !stat.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("opening index %s: %w: it is not a file", path, ErrDamaged), err, f.Close())
	}
	x, err := open(f, stat.Size())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening index %s: %w", path, err), f.Close())
	}
	x.close = f.Close
	return x, nil
}

func damaged(format string, a ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, a...))
}

// open reads all but the blocks.
func open(file io.ReaderAt, size int64) (*Index, error) {
	head := make([]byte, headerSize)
	if n, err := file.ReadAt(head, 0); n < headerSize {
		return nil, damaged("it is too short: %v", err)
	}
	h, err := parseHeader(head)
	if err != nil {
		return nil, err
	}
	if h.size != size {
		return nil, damaged("it has %d bytes, and should have %d", size, h.size)
	}
	tail := make([]byte, size-h.table)
	if n, err := file.ReadAt(tail, h.table); n < len(tail) {
		return nil, damaged("its table cannot be read: %v", err)
	}
	if crc32.Checksum(tail, castagnoli) != h.sum {
		return nil, damaged("its table has changed")
	}
	x := &Index{file: file, blocks: h.table, table: tail[:h.slots*slotSize]}
	if err := json.Unmarshal(tail[h.slots*slotSize:], &x.info); err != nil {
		return nil, damaged("what it says of itself is not understood")
	}
	return x, nil
}

type header struct {
	size, table int64 // of the file, and where the table begins
	slots, info int64
	sum         uint32 // of table and info
}

func (h header) bytes() []byte {
	b := append(make([]byte, 0, headerSize), magic...)
	for _, n := range []int64{h.size, h.table, h.slots, h.info} {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	b = binary.LittleEndian.AppendUint32(b, h.sum)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func parseHeader(b []byte) (header, error) {
	if string(b[:len(magic)]) != magic {
		return header{}, damaged("it does not begin as one")
	}
	number := func(i int) int64 { return int64(binary.LittleEndian.Uint64(b[len(magic)+8*i:])) }
	h := header{size: number(0), table: number(1), slots: number(2), info: number(3)}
	h.sum = binary.LittleEndian.Uint32(b[headerSize-8:])
	if crc32.Checksum(b[:headerSize-4], castagnoli) != binary.LittleEndian.Uint32(b[headerSize-4:]) {
		return header{}, damaged("its header has changed")
	}
	const maxSlots = maxTail / slotSize
	if h.slots < 0 || h.slots > maxSlots || h.info < 0 || h.info > maxInfo || h.table < headerSize ||
		h.size != h.table+h.slots*slotSize+h.info {
		return header{}, damaged("its header contradicts itself")
	}
	return h, nil
}

// Info returns what the index says of itself.
func (x *Index) Info() Info { return x.info }

// Close closes the file.
func (x *Index) Close() error {
	if x.close == nil {
		return nil
	}
	return x.close()
}

func (x *Index) slots() int { return len(x.table) / slotSize }

func (x *Index) hash(slot int) uint32 { return binary.LittleEndian.Uint32(x.table[slot*slotSize:]) }

// bounds returns where a slot's block is.
func (x *Index) bounds(slot int) (begin, end int64, err error) {
	offset := func(slot int) int64 { return int64(binary.LittleEndian.Uint32(x.table[slot*slotSize+4:])) }
	begin, end = offset(slot), x.blocks
	if slot+1 < x.slots() {
		end = offset(slot + 1)
	}
	if begin < headerSize || end > x.blocks || end-begin < sumSize || end-begin > maxBlock {
		return 0, 0, damaged("block %d cannot be from %d to %d", slot, begin, end)
	}
	return begin, end, nil
}

// first returns the first slot with this hash or a greater one. Hashes are spread evenly,
// so it is looked for around where it should be.
func (x *Index) first(hash uint32) int {
	low, high := 0, x.slots()
	guess, reach := int(uint64(hash)*uint64(high)>>32), 1024
	if from := guess - reach; from > low && x.hash(from) < hash {
		low = from
	}
	if to := guess + reach; to < high && x.hash(to) >= hash {
		high = to
	}
	for low < high {
		middle := int(uint(low+high) >> 1)
		if x.hash(middle) < hash {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

// Lookup returns the advisories of a package, whose name is in the form that
// advisory.Normalize gives it, by id. It is nil if there are none.
func (x *Index) Lookup(name string) ([]advisory.Advisory, error) {
	hash := hashOf(name)
	for slot := x.first(hash); slot < x.slots() && x.hash(slot) == hash; slot++ {
		text, err := x.block(slot)
		if err != nil {
			return nil, err
		}
		r := reader{rest: text, ecosystem: x.info.Ecosystem}
		if r.text() != name {
			if r.failed {
				return nil, damaged("block %d is not understood", slot)
			}
			continue
		}
		found := r.advisories(name)
		if r.failed {
			return nil, damaged("block %d is not understood", slot)
		}
		return found, nil
	}
	return nil, nil
}

// block returns what is in a block, once it is found to be as it was written.
func (x *Index) block(slot int) (string, error) {
	begin, end, err := x.bounds(slot)
	if err != nil {
		return "", err
	}
	buf := make([]byte, end-begin)
	if n, err := x.file.ReadAt(buf, begin); n < len(buf) {
		return "", damaged("block %d cannot be read: %v", slot, err)
	}
	if crc32.Checksum(buf[sumSize:], castagnoli) != binary.LittleEndian.Uint32(buf) {
		return "", damaged("block %d has changed", slot)
	}
	return string(buf[sumSize:]), nil
}

// All returns every advisory, for making a newer index: severities are the records' own
// ones again.
func (x *Index) All() iter.Seq2[advisory.Advisory, error] {
	return func(yield func(advisory.Advisory, error) bool) {
		for slot := range x.slots() {
			text, err := x.block(slot)
			r := reader{rest: text, ecosystem: x.info.Ecosystem, own: true}
			found := r.advisories(r.text())
			if err == nil && r.failed {
				err = damaged("block %d is not understood", slot)
			}
			if err != nil {
				yield(advisory.Advisory{}, err)
				return
			}
			for _, a := range found {
				if !yield(a, nil) {
					return
				}
			}
		}
	}
}

// hashOf is FNV-1a, stirred: https://en.wikipedia.org/wiki/Fowler-Noll-Vo_hash_function
func hashOf(name string) uint32 {
	h := uint64(14695981039346656037)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	h = (h ^ h>>32) * 0xd6e8feb86659fd93
	return uint32(h >> 32)
}
