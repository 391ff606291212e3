package entry

import (
	"cmp"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// packTarget is the size at which a pack is complete. The last one may be smaller.
const packTarget = 8 << 20

// unitSize is how much of small files one goroutine reads at a time.
const unitSize = 8 << 20

// unit is work for one goroutine: small files, or one big one.
type unit struct {
	files  []int
	frames chan packedFrame // in order
}

// packedFrame is a frame before it has a pack.
type packedFrame struct {
	stored []byte
	raw    int
	parts  []part
	memory *[]byte // of stored, for others to use
}

// part is a piece of a file in a frame.
type part struct {
	file   int
	offset int
	length int
}

// pack puts the contents that are in no pack yet into new ones, and those into the
// store. The same files make the same packs, whoever reads faster.
func (s *saving) pack(ctx context.Context) error {
	units := s.units()
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false),
		zstd.WithWindowSize(maxFrame))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var readers sync.WaitGroup
	readers.Go(func() {
		if err := each(ctx, workers(), len(units), func(ctx context.Context, i int) error {
			defer close(units[i].frames)
			return (&packing{saving: s, encoder: encoder, to: units[i].frames}).unit(ctx, units[i])
		}); err != nil {
			cancel(err)
		}
	})
	out := newPackWriter(ctx, cancel, s)
	for _, u := range units {
		if !out.drain(u.frames) {
			break
		}
	}
	out.finish()
	readers.Wait()
	return errors.Join(context.Cause(ctx), encoder.Close())
}

// units divides the work. Big files come first: they take longest.
func (s *saving) units() []unit {
	var big, small []int
	for i, f := range s.files {
		switch {
		case len(f.extents) > 0 || f.sameAs >= 0 || f.Size == 0:
		case f.Size > maxFrame:
			big = append(big, i)
		default:
			small = append(small, i)
		}
	}
	slices.SortStableFunc(big, func(a, b int) int { return cmp.Compare(s.files[b].Size, s.files[a].Size) })
	var units []unit
	for _, i := range big {
		units = append(units, unit{[]int{i}, make(chan packedFrame, 1)})
	}
	size := int64(unitSize)
	for _, i := range small {
		if size += s.files[i].Size; size > unitSize {
			units = append(units, unit{nil, make(chan packedFrame, 1)})
			size = s.files[i].Size
		}
		last := &units[len(units)-1]
		last.files = append(last.files, i)
	}
	return units
}

// packing is the work on one unit. Contents that are compressed already go into
// frames of their own, which are stored as they are.
type packing struct {
	*saving
	encoder *zstd.Encoder
	to      chan<- packedFrame
	open    [2]building
}

// building is a frame that is being filled.
type building struct {
	memory *[]byte
	used   int
	parts  []part
}

const (
	shrinks = iota
	dense
)

func (p *packing) unit(ctx context.Context, u unit) error {
	for _, i := range u.files {
		f := &p.files[i]
		if err := ctx.Err(); err != nil {
			return err
		}
		var err error
		if f.Size > maxFrame {
			err = p.big(ctx, i, f)
		} else {
			err = p.small(ctx, i, f)
		}
		if err != nil {
			return err
		}
	}
	return errors.Join(p.flush(ctx, shrinks), p.flush(ctx, dense))
}

// small reads a file into a frame, and checks it there.
func (p *packing) small(ctx context.Context, i int, f *source) error {
	file, err := p.tree.Open(f.Path)
	if err != nil {
		return err
	}
	defer file.Close() // only read from
	// Most are compressed. If this one is not, it moves.
	if err := p.room(ctx, dense, int(f.Size)); err != nil {
		return err
	}
	b := &p.open[dense]
	data := (*b.memory)[b.used : b.used+int(f.Size)]
	if err := f.read(file, data); err != nil {
		return err
	}
	if err := f.verify(bytesHash(data)); err != nil {
		return err
	}
	if !isDense(data) {
		if err := p.room(ctx, shrinks, int(f.Size)); err != nil {
			return err
		}
		b = &p.open[shrinks]
		copy((*b.memory)[b.used:], data)
	}
	b.parts = append(b.parts, part{i, b.used, int(f.Size)})
	b.used += int(f.Size)
	return nil
}

// read fills data, which is as long as the file was.
func (f *source) read(file io.Reader, data []byte) error {
	_, err := io.ReadFull(file, data)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return f.changed()
	}
	return err
}

// room makes sure that so much fits into a frame.
func (p *packing) room(ctx context.Context, kind, size int) error {
	b := &p.open[kind]
	if b.used+size > maxFrame {
		if err := p.flush(ctx, kind); err != nil {
			return err
		}
	}
	if b.memory == nil {
		b.memory = frameMemory.Get().(*[]byte)
	}
	return nil
}

// flush sends off a frame.
func (p *packing) flush(ctx context.Context, kind int) error {
	b := p.open[kind]
	p.open[kind] = building{}
	if b.memory == nil {
		return nil
	}
	return p.send(ctx, b, kind)
}

func (p *packing) send(ctx context.Context, b building, kind int) error {
	if len(b.parts) == 0 {
		frameMemory.Put(b.memory)
		return nil
	}
	f := packedFrame{stored: (*b.memory)[:b.used], raw: b.used, parts: b.parts, memory: b.memory}
	if kind == shrinks {
		memory := frameMemory.Get().(*[]byte)
		small := p.encoder.EncodeAll(f.stored, (*memory)[:0])
		// What is won must be worth the time that decompressing takes.
		if len(small) < b.used-b.used/32 && cap(small) == cap(*memory) {
			frameMemory.Put(b.memory)
			f.stored, f.memory = small, memory
		} else {
			frameMemory.Put(memory)
		}
	}
	select {
	case p.to <- f:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// big reads a file of several frames.
func (p *packing) big(ctx context.Context, i int, f *source) error {
	file, err := p.tree.Open(f.Path)
	if err != nil {
		return err
	}
	defer file.Close() // only read from
	sums := newSums(crypto.SHA256)
	if !f.hashed {
		sums = newSums(crypto.SHA256, f.claim.Hash)
	}
	kind := dense
	for left := f.Size; left > 0; {
		n := int(min(left, maxFrame))
		b := building{frameMemory.Get().(*[]byte), n, []part{{i, 0, n}}}
		data := (*b.memory)[:n]
		if err := f.read(file, data); err != nil {
			return err
		}
		if _, err := sums.Write(data); err != nil {
			return err
		}
		if left == f.Size && !isDense(data) {
			kind = shrinks
		}
		left -= int64(n)
		if err := p.send(ctx, b, kind); err != nil {
			return err
		}
	}
	return f.verify(sums.get)
}

// isDense reports whether contents are compressed already, by how they begin: gzip,
// zip, zstd, xz, bzip2.
func isDense(data []byte) bool {
	for _, magic := range []string{"\x1f\x8b", "PK\x03\x04", "\x28\xb5\x2f\xfd", "\xfd7zXZ\x00", "BZh"} {
		if len(data) >= len(magic) && string(data[:len(magic)]) == magic {
			return true
		}
	}
	return false
}

// packWriter cuts frames into packs and puts them, a few at a time.
type packWriter struct {
	ctx    context.Context
	fail   context.CancelCauseFunc
	saving *saving
	memory *[]byte
	frames []frame
	free   chan struct{} // one for each pack that may be on its way
	puts   sync.WaitGroup
	mu     sync.Mutex // of saving.packs and saved
}

// Packs on their way at once, which bounds the memory that they take.
const packsAtOnce = 3

func newPackWriter(ctx context.Context, fail context.CancelCauseFunc, s *saving) *packWriter {
	return &packWriter{ctx: ctx, fail: fail, saving: s, free: make(chan struct{}, packsAtOnce)}
}

// drain takes a unit's frames; false if there is no point in going on.
func (w *packWriter) drain(frames <-chan packedFrame) bool {
	for {
		select {
		case f, more := <-frames:
			if !more {
				return w.ctx.Err() == nil
			}
			w.add(f)
		case <-w.ctx.Done():
			return false
		}
	}
}

func (w *packWriter) add(f packedFrame) {
	if w.memory == nil {
		w.memory = packMemory.Get().(*[]byte)
	}
	for _, p := range f.parts {
		file := &w.saving.files[p.file]
		file.extents = append(file.extents, extent{w.number(), len(w.frames), int64(p.offset), int64(p.length)})
	}
	*w.memory = append(*w.memory, f.stored...)
	w.frames = append(w.frames, frame{int64(len(f.stored)), int64(f.raw)})
	frameMemory.Put(f.memory)
	if len(*w.memory) >= packTarget {
		w.flush()
	}
}

// number is the place of the pack that is being filled.
func (w *packWriter) number() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.saving.packs)
}

// flush puts a pack, in the background.
func (w *packWriter) flush() {
	memory, frames := w.memory, w.frames
	if memory == nil {
		return
	}
	w.memory, w.frames = nil, nil
	w.mu.Lock()
	at := len(w.saving.packs)
	w.saving.packs = append(w.saving.packs, pack{})
	w.mu.Unlock()
	select {
	case w.free <- struct{}{}:
	case <-w.ctx.Done():
		return
	}
	w.puts.Go(func() {
		defer func() { <-w.free }()
		p := pack{Created: w.saving.now, Frames: frames}
		isNew, err := w.saving.put(w.ctx, &p, memory)
		if err != nil {
			w.fail(fmt.Errorf("saving a pack: %w", err))
			return
		}
		w.mu.Lock()
		w.saving.packs[at] = p
		if isNew {
			w.saving.saved.NewBytes += p.Size
		}
		w.mu.Unlock()
		*memory = (*memory)[:0]
		packMemory.Put(memory)
	})
}

func (w *packWriter) finish() {
	w.flush()
	w.puts.Wait()
}
