package index

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"iter"
	"slices"
	"sync"

	"github.com/guardrails-ci/guardrails/tasks/auditdeps/advisory"
)

// chunkSize is by how much a Builder grows.
const chunkSize = 1 << 20

// Builder collects the advisories of an ecosystem, packed: 217,000 take 40 MB. It may be
// used by several goroutines.
type Builder struct {
	ecosystem string

	mu     sync.Mutex
	chunk  []byte // the last one, in which there is room
	items  []item
	names  map[string]byte // of vulnerabilities: the worst severity under this name
	wanted []wanted
	buf    []byte
}

// item is an advisory as it will stand in the file.
type item struct {
	hash uint32
	name int32  // bytes of data that are the package's name
	data []byte // name, advisory
}

func (i item) pkg() []byte  { return i.data[:i.name] }
func (i item) body() []byte { return i.data[i.name:] }

// wanted is an advisory without a severity, and the names it may have one under.
type wanted struct {
	body  []byte
	names []string
}

// NewBuilder returns a Builder for an ecosystem.
func NewBuilder(ecosystem string) *Builder {
	return &Builder{ecosystem: ecosystem, names: map[string]byte{}}
}

// Add adds an advisory. One that is of no use for this index is an error.
func (b *Builder) Add(a advisory.Advisory) error {
	severity, ok := codeOf(a.Severity)
	switch {
	case a.Ecosystem != b.ecosystem:
		return fmt.Errorf("advisory %.100q is of %.100q, not of %s", a.ID, a.Ecosystem, b.ecosystem)
	case a.ID == "" || a.Package == "":
		return fmt.Errorf("advisory %.100q of package %.100q: both need a name", a.ID, a.Package)
	case !ok:
		return fmt.Errorf("advisory %.100q has the severity %.100q, which is none", a.ID, a.Severity)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf = appendAdvisory(append(b.buf[:0], a.Package...), a, severity)
	if len(b.buf) > maxBlock/2 {
		return fmt.Errorf("advisory %.100q has more than %d bytes", a.ID, maxBlock/2)
	}
	i := item{hash: hashOf(a.Package), name: int32(len(a.Package)), data: b.keep(b.buf)}
	b.items = append(b.items, i)
	b.remember(a, severity, i)
	return nil
}

// keep copies data to where it stays.
func (b *Builder) keep(data []byte) []byte {
	if len(data) > cap(b.chunk)-len(b.chunk) {
		b.chunk = make([]byte, 0, max(chunkSize, len(data)))
	}
	from := len(b.chunk)
	b.chunk = append(b.chunk, data...)
	return b.chunk[from:len(b.chunk):len(b.chunk)]
}

// remember keeps what join needs. Malicious packages have their severity, and are
// nothing that a record of another kind would be about.
func (b *Builder) remember(a advisory.Advisory, severity byte, i item) {
	switch {
	case a.Malicious || a.Informational: // their severity is about something else
	case severity == 0 && len(a.Aliases) > 0:
		b.wanted = append(b.wanted, wanted{i.body(), append([]string{a.ID}, a.Aliases...)})
	case severity > 0:
		b.names[a.ID] = max(b.names[a.ID], severity)
		for _, alias := range a.Aliases {
			b.names[alias] = max(b.names[alias], severity)
		}
	}
}

// join gives advisories without a severity the worst one that records with a name in
// common have. Most of Go's and Python's own records have none, and the GitHub ones of
// the same vulnerabilities do.
func (b *Builder) join() {
	for _, w := range b.wanted {
		worst := byte(0)
		for _, name := range w.names {
			worst = max(worst, b.names[name])
		}
		if worst > 0 {
			w.body[0], w.body[1] = worst, w.body[1]|joined
		}
	}
	b.wanted = nil
}

// Bytes returns the index file. The Builder is of no use afterwards.
func (b *Builder) Bytes(info Info) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if info.Ecosystem != b.ecosystem {
		return nil, fmt.Errorf("the index is for %s, not for %s", b.ecosystem, info.Ecosystem)
	}
	b.join()
	slices.SortFunc(b.items, func(x, y item) int {
		return cmp.Or(cmp.Compare(x.hash, y.hash), bytes.Compare(x.pkg(), y.pkg()), compareBodies(x.body(), y.body()))
	})
	b.items = slices.CompactFunc(b.items, func(x, y item) bool {
		return x.name == y.name && bytes.Equal(x.data, y.data)
	})
	total := headerSize
	for _, i := range b.items {
		total += len(i.data) + 2*slotSize
	}
	file, table := make([]byte, headerSize, total+maxInfo/64), make([]byte, 0, slotSize*len(b.items))
	for group := range packages(b.items) {
		table = binary.LittleEndian.AppendUint32(table, group[0].hash)
		table = binary.LittleEndian.AppendUint32(table, uint32(len(file)))
		begin := len(file)
		file = appendBlock(file, group)
		if len(file)-begin > maxBlock || len(file) > 1<<32-1 {
			return nil, fmt.Errorf("there are too many advisories, such as for %.100q", group[0].pkg())
		}
	}
	return finish(file, table, info)
}

// compareBodies orders by id, which comes after severity and flags; by the rest if
// a record is there twice.
func compareBodies(x, y []byte) int {
	id := func(b []byte) []byte {
		length, n := binary.Uvarint(b[2:])
		return b[2+n:][:length]
	}
	return cmp.Or(bytes.Compare(id(x), id(y)), bytes.Compare(x, y))
}

// packages cuts sorted items into those of one package each.
func packages(items []item) iter.Seq[[]item] {
	return func(yield func([]item) bool) {
		for len(items) > 0 {
			n := 1
			for n < len(items) && bytes.Equal(items[n].pkg(), items[0].pkg()) {
				n++
			}
			if !yield(items[:n]) {
				return
			}
			items = items[n:]
		}
	}
}

func appendBlock(file []byte, group []item) []byte {
	begin := len(file)
	file = append(file, make([]byte, sumSize)...)
	file = appendText(file, string(group[0].pkg()))
	file = binary.AppendUvarint(file, uint64(len(group)))
	for _, i := range group {
		file = append(file, i.body()...)
	}
	binary.LittleEndian.PutUint32(file[begin:], crc32.Checksum(file[begin+sumSize:], castagnoli))
	return file
}

// finish makes a file of header room and blocks, with what belongs before and behind them.
func finish(file, table []byte, info Info) ([]byte, error) {
	about, err := json.Marshal(info)
	if err != nil || len(about) > maxInfo || len(table) > maxTail {
		return nil, errors.Join(errors.New("what the index says of itself is too much"), err)
	}
	return seal(file, table, about), nil
}

func seal(file, table, about []byte) []byte {
	h := header{table: int64(len(file)), slots: int64(len(table) / slotSize), info: int64(len(about))}
	file = append(append(file, table...), about...)
	h.size, h.sum = int64(len(file)), crc32.Checksum(file[h.table:], castagnoli)
	copy(file, h.bytes())
	return file
}

// Bytes returns an index file that is a copy of this one, but says other things of itself.
func (x *Index) Bytes(info Info) ([]byte, error) {
	file := make([]byte, x.blocks, x.blocks+int64(len(x.table))+maxInfo/64)
	if n, err := x.file.ReadAt(file, 0); int64(n) < x.blocks {
		return nil, damaged("it cannot be read: %v", err)
	}
	return finish(file, x.table, info)
}
