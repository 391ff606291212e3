package rootfs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// budget counts for all layers of an image, which may be read at the same time.
type budget struct {
	limits                               Limits
	downloaded, unpacked, entries, names atomic.Int64
}

func newBudget(l Limits) *budget {
	if l.Download == 0 {
		l.Download = 8 << 30
	}
	if l.Unpacked == 0 {
		l.Unpacked = 32 << 30
	}
	if l.Entries == 0 {
		l.Entries = 1_000_000
	}
	if l.Names == 0 {
		l.Names = 128 << 20
	}
	return &budget{limits: l}
}

func (b *budget) entry(name string) error {
	if b.entries.Add(1) > int64(b.limits.Entries) {
		return &BudgetError{"entries", int64(b.limits.Entries)}
	}
	return b.text(len(name))
}

// text counts what a layer makes us keep.
func (b *budget) text(size int) error {
	if b.names.Add(int64(size)) > b.limits.Names {
		return &BudgetError{"names", b.limits.Names}
	}
	return nil
}

// counter is a reader that stops at a limit, and when ctx does. It keeps the first error of its own or
// of its source's: what unpacks it may hide it in one that says the data is broken.
type counter struct {
	io.Reader
	ctx   context.Context
	sum   *atomic.Int64
	limit BudgetError
	err   error
}

func (c *counter) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	if c.err = c.ctx.Err(); c.err != nil {
		return 0, c.err
	}
	n, err := c.Reader.Read(p)
	if c.sum.Add(int64(n)) > c.limit.Max {
		err = &c.limit
	}
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

// stream is a layer's tar while it is read.
type stream struct {
	raw      io.ReadCloser
	stored   *counter
	unpacked *counter
	end      func()
}

// maxWindow is the memory that a zstd stream may ask for: that of `zstd --long`.
const maxWindow = 128 << 20

func open(ctx context.Context, source Layer, b *budget) (*stream, error) {
	raw, err := source.Open(ctx)
	if err != nil {
		return nil, err
	}
	s := &stream{raw: raw, end: func() {}}
	s.stored = &counter{Reader: raw, ctx: ctx, sum: &b.downloaded, limit: BudgetError{"download", b.limits.Download}}
	plain, err := s.unpack(bufio.NewReaderSize(s.stored, 32<<10))
	if err != nil {
		return nil, errors.Join(s.cause(err), s.close())
	}
	s.unpacked = &counter{Reader: plain, ctx: ctx, sum: &b.unpacked, limit: BudgetError{"unpacked", b.limits.Unpacked}}
	return s, nil
}

// unpack goes by the first bytes, not by the media type: the runtimes do, too.
func (s *stream) unpack(in *bufio.Reader) (io.Reader, error) {
	magic, err := in.Peek(4)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, err
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		return gzip.NewReader(in)
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}),
		len(magic) == 4 && magic[0]&0xf0 == 0x50 && bytes.Equal(magic[1:], []byte{0x2a, 0x4d, 0x18}): // to skip
		d, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		s.end = d.Close
		return d, nil
	}
	return in, nil
}

// cause is what really ended the reading.
func (s *stream) cause(err error) error {
	if s.stored.err != nil {
		return s.stored.err
	}
	if s.unpacked != nil && s.unpacked.err != nil {
		var limit *BudgetError
		if errors.As(s.unpacked.err, &limit) || s.unpacked.ctx.Err() != nil {
			return s.unpacked.err
		}
	}
	return &brokenError{err}
}

// drain reads to the end of the layer, where the reader compares its digest.
func (s *stream) drain() error {
	_, err := io.Copy(io.Discard, s.stored)
	return err
}

func (s *stream) close() error {
	s.end()
	return s.raw.Close()
}

// brokenError is for errors that are the layer's own fault.
type brokenError struct{ error }

func (e *brokenError) Unwrap() error { return e.error }
