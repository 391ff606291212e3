// Package solid makes one brotli stream of several programs, so that what they have in common
// is stored once: Go programs of one processor for Linux, macOS and Windows together take little
// more than one alone. Brotli is what every Node can decode without a library. Programs are folded first (see package
// fold), which makes what they have in common the same bytes.
//
// An archive is decoded and compared with what went in before it is handed out, also when it
// comes from the cache.
package solid

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"

	"github.com/andybalholm/brotli"

	"github.com/guardrails-ci/guardrails/build/pack/fold"
	"github.com/guardrails-ci/guardrails/shared/safepath"
)

// MinQuality and MaxQuality are the ends of brotli's scale: fast, and small.
const (
	MinQuality = 0
	MaxQuality = 11
)

// window is brotli's largest standard window, 2^24 bytes: it must span a whole program to find
// it again in the next one.
const window = 24

// Archive is a compressed sequence of programs.
type Archive struct {
	Data []byte
	// Offsets says where in the decoded stream each program begins.
	Offsets []int64
	// Folds says how each program is unfolded: nil if it is in the stream as it is.
	Folds []*fold.Map
}

// Packer compresses at a quality. Archives are kept in the folder Cache, by content, if it is set.
type Packer struct {
	Quality int
	Cache   string
}

// Pack compresses the programs, one after the other. It can be cancelled: at the highest quality
// it takes minutes.
func (p Packer) Pack(ctx context.Context, programs ...[]byte) (Archive, error) {
	if p.Quality < MinQuality || p.Quality > MaxQuality {
		return Archive{}, fmt.Errorf("brotli has no quality %d; choose %d to %d", p.Quality, MinQuality, MaxQuality)
	}
	var archive Archive
	var parts [][]byte
	var offset int64
	for _, folded := range fold.Programs(programs...) {
		archive.Offsets = append(archive.Offsets, offset)
		archive.Folds = append(archive.Folds, folded.Map)
		parts = append(parts, folded.Data)
		offset += int64(len(folded.Data))
	}
	var err error
	archive.Data, err = p.stream(ctx, parts)
	return archive, err
}

// stream returns the parts compressed, from the cache if they are in it.
func (p Packer) stream(ctx context.Context, parts [][]byte) ([]byte, error) {
	cached := p.cached(parts)
	if data, err := os.ReadFile(cached); err == nil && verify(data, parts) == nil {
		return data, nil
	}
	data, err := p.compress(ctx, parts)
	if err != nil {
		return nil, err
	}
	if err := verify(data, parts); err != nil {
		return nil, fmt.Errorf("the compressor is broken: %w", err)
	}
	if cached != "" {
		if err := keep(cached, data); err != nil {
			return nil, fmt.Errorf("keeping a compressed archive: %w", err)
		}
	}
	return data, nil
}

// piece is how much is compressed between two looks at the context.
const piece = 1 << 18

func (p Packer) compress(ctx context.Context, parts [][]byte) ([]byte, error) {
	var out bytes.Buffer
	w := brotli.NewWriterOptions(&out, brotli.WriterOptions{Quality: p.Quality, LGWin: window})
	for some := range slices.Chunk(slices.Concat(parts...), piece) {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("compressing: %w", err)
		}
		if _, err := w.Write(some); err != nil {
			return nil, fmt.Errorf("compressing: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compressing: %w", err)
	}
	return out.Bytes(), nil
}

// verify says whether data decodes to the parts, and to nothing more.
func verify(data []byte, parts [][]byte) error {
	r := brotli.NewReader(bytes.NewReader(data))
	for i, part := range parts {
		got := make([]byte, len(part))
		if _, err := io.ReadFull(r, got); err != nil {
			return fmt.Errorf("decoding program %d: %w", i+1, err)
		}
		if !bytes.Equal(got, part) {
			return fmt.Errorf("program %d does not decode to what was compressed", i+1)
		}
	}
	if n, err := io.Copy(io.Discard, r); n != 0 || err != nil {
		return errors.Join(fmt.Errorf("%d bytes after the last program", n), err)
	}
	return nil
}

// cached returns the file an archive of the parts is kept in; "" without a cache. All that
// decides about the compressed bytes is in its name.
func (p Packer) cached(parts [][]byte) string {
	if p.Cache == "" {
		return ""
	}
	hash := sha256.New()
	fmt.Fprintf(hash, "brotli %s quality %d window %d\n", libraryVersion(), p.Quality, window)
	for _, part := range parts {
		fmt.Fprintf(hash, "%d %x\n", len(part), sha256.Sum256(part))
	}
	return filepath.Join(p.Cache, hex.EncodeToString(hash.Sum(nil))+".br")
}

func libraryVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if dep.Path == "github.com/andybalholm/brotli" {
				return dep.Version
			}
		}
	}
	return "unknown"
}

// keep writes a cache file whole or not at all: two commands may run at once.
func keep(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return safepath.WriteFile(path, data, 0o644)
}
