package entry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/guardrails-ci/guardrails/tasks/safecache/store"
	"github.com/klauspost/compress/zstd"
)

// fetch returns a pack, whose hash it has checked: before anything looks into it.
// buf is memory that may be used.
func (r Repository) fetch(ctx context.Context, name string, p pack, buf []byte) ([]byte, error) {
	if r.Local != nil {
		if data := r.fetchLocal(ctx, name, p, buf); data != nil {
			return data, nil
		}
	}
	data, err := r.Store.Get(ctx, name, buf[:0])
	if errors.Is(err, fs.ErrNotExist) {
		return nil, rejected(name, KindMissing, "the pack is not there any more")
	}
	if err != nil {
		return nil, err
	}
	if reason := p.differs(data); reason != "" {
		return nil, rejected(name, KindTampered, "%s", reason)
	}
	if r.Local != nil {
		if err := r.Local.Put(ctx, name, data); err != nil && !errors.Is(err, fs.ErrExist) && ctx.Err() == nil {
			r.note("no local copy is kept of %s: %s", name, err)
		}
	}
	return data, nil
}

// fetchLocal returns the local copy of a pack, if there is a good one.
func (r Repository) fetchLocal(ctx context.Context, name string, p pack, buf []byte) []byte {
	data, err := r.Local.Get(ctx, name, buf[:0])
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		r.note("the local copy of %s cannot be read: %s", name, err)
		return nil
	}
	reason := p.differs(data)
	if reason == "" {
		return data
	}
	r.note("the local copy of %s is deleted: %s", name, reason)
	if err := r.Local.Delete(ctx, name); err != nil {
		r.note("it cannot be deleted: %s", err)
	}
	return nil
}

// differs returns how data is not the pack.
func (p pack) differs(data []byte) string {
	if int64(len(data)) != p.Size {
		return fmt.Sprintf("the pack has %d bytes, not %d", len(data), p.Size)
	}
	sum := sha256.Sum256(data)
	if got := hex.EncodeToString(sum[:]); got != p.SHA256 {
		return fmt.Sprintf("the pack's SHA-256 begins with %.12s, not %.12s", got, p.SHA256)
	}
	return ""
}

// localAge is how long a local copy is kept.
const localAge = 14 * 24 * time.Hour

// pruneLocal deletes local copies that have been there for long: all of them, as
// nobody comes again for those of a branch that is gone. Where there are manifests,
// the packs are not copies, but those of a store.
func (r Repository) pruneLocal(ctx context.Context) {
	if r.Local == nil {
		return
	}
	objects, err := r.Local.List(ctx, "")
	if err != nil {
		r.note("local copies cannot be listed: %s", err)
	}
	if slices.ContainsFunc(objects, func(o store.Object) bool { return generationOf(o.Name) > 0 }) {
		return
	}
	for _, o := range objects {
		if shaOfPack(o.Name) != "" && r.Now().Sub(o.Modified) > localAge {
			if err := r.Local.Delete(ctx, o.Name); err != nil {
				r.note("the local copy of %s cannot be deleted: %s", o.Name, err)
			}
		}
	}
}

// newDecoder returns a decoder of frames, which takes a bounded amount of memory
// whatever it is given. The hashes of files are its checksums.
func newDecoder() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxFrame),
		zstd.WithDecoderMaxWindow(maxFrame), zstd.WithDecodeAllCapLimit(true), zstd.IgnoreChecksum(true))
}

// expand returns a frame's raw contents, of which it takes stored. buf has room
// for every frame.
func (f frame) expand(decoder *zstd.Decoder, stored, buf []byte) ([]byte, string) {
	if f.Stored == f.Raw {
		return stored, ""
	}
	raw, err := decoder.DecodeAll(stored, buf[:0:f.Raw])
	switch {
	case err != nil:
		return nil, "cannot be decompressed: " + err.Error()
	case int64(len(raw)) != f.Raw:
		return nil, fmt.Sprintf("has %d bytes, not %d", len(raw), f.Raw)
	}
	return raw, ""
}

// memory is used again and again: frames to decompress, files to hash, packs.
var (
	frameMemory = sync.Pool{New: func() any { b := make([]byte, maxFrame); return &b }}
	packMemory  = sync.Pool{New: func() any { b := make([]byte, 0, packTarget+maxFrame); return &b }}
)
