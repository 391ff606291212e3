// Package solid makes one brotli stream of several programs, so that what they have in common
// is stored once: Go programs of one processor for Linux, macOS and Windows together take little
// more than one alone. Brotli is what every Node can decode without a library.
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
	var offset int64
	for _, program := range programs {
		archive.Offsets = append(archive.Offsets, offset)
		offset += int64(len(program))
	}
	cached := p.cached(programs)
	if data, err := os.ReadFile(cached); err == nil && verify(data, programs) == nil {
		archive.Data = data
		return archive, nil
	}
	data, err := p.compress(ctx, programs)
	if err != nil {
		return Archive{}, err
	}
	if err := verify(data, programs); err != nil {
		return Archive{}, fmt.Errorf("the compressor is broken: %w", err)
	}
	if cached != "" {
		if err := keep(cached, data); err != nil {
			return Archive{}, fmt.Errorf("keeping a compressed archive: %w", err)
		}
	}
	archive.Data = data
	return archive, nil
}

// piece is how much is compressed between two looks at the context.
const piece = 1 << 18

func (p Packer) compress(ctx context.Context, programs [][]byte) ([]byte, error) {
	var out bytes.Buffer
	w := brotli.NewWriterOptions(&out, brotli.WriterOptions{Quality: p.Quality, LGWin: window})
	for part := range slices.Chunk(slices.Concat(programs...), piece) {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("compressing: %w", err)
		}
		if _, err := w.Write(part); err != nil {
			return nil, fmt.Errorf("compressing: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compressing: %w", err)
	}
	return out.Bytes(), nil
}

// verify says whether data decodes to the programs, and to nothing more.
func verify(data []byte, programs [][]byte) error {
	r := brotli.NewReader(bytes.NewReader(data))
	for i, program := range programs {
		got := make([]byte, len(program))
		if _, err := io.ReadFull(r, got); err != nil {
			return fmt.Errorf("decoding program %d: %w", i+1, err)
		}
		if !bytes.Equal(got, program) {
			return fmt.Errorf("program %d does not decode to what was compressed", i+1)
		}
	}
	if n, err := io.Copy(io.Discard, r); n != 0 || err != nil {
		return errors.Join(fmt.Errorf("%d bytes after the last program", n), err)
	}
	return nil
}

// cached returns the file an archive of the programs is kept in; "" without a cache. All that
// decides about the compressed bytes is in its name.
func (p Packer) cached(programs [][]byte) string {
	if p.Cache == "" {
		return ""
	}
	hash := sha256.New()
	fmt.Fprintf(hash, "brotli %s quality %d window %d\n", libraryVersion(), p.Quality, window)
	for _, program := range programs {
		fmt.Fprintf(hash, "%d %x\n", len(program), sha256.Sum256(program))
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
