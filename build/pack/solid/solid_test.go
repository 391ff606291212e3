package solid

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/google/go-cmp/cmp"
)

// noise cannot be compressed, so what a second copy of it costs shows what the window finds.
func noise(seed uint64, size int) []byte {
	var key [32]byte
	key[0] = byte(seed)
	out := make([]byte, size)
	rand.NewChaCha8(key).Read(out)
	return out
}

func TestPackDecodesToTheProgramsAtTheirOffsets(t *testing.T) {
	t.Parallel()
	programs := [][]byte{noise(1, 1000), {}, noise(2, 3000), []byte("end")}
	archive, err := Packer{Quality: 5}.Pack(t.Context(), programs...)
	if err != nil {
		t.Fatalf("Pack: %v", err)
	}
	if diff := cmp.Diff([]int64{0, 1000, 1000, 4000}, archive.Offsets); diff != "" {
		t.Errorf("Offsets (-want +got):\n%s", diff)
	}
	plain, err := io.ReadAll(brotli.NewReader(bytes.NewReader(archive.Data)))
	if err != nil {
		t.Fatalf("decoding the archive: %v", err)
	}
	for i, program := range programs {
		got := plain[archive.Offsets[i]:][:len(program)]
		if !bytes.Equal(got, program) {
			t.Errorf("program %d at %d decodes to other bytes", i, archive.Offsets[i])
		}
	}
}

func TestPackStoresWhatProgramsShareOnce(t *testing.T) {
	t.Parallel()
	shared := noise(3, 6<<20) // larger than brotli's default window of 4 MB
	archive, err := Packer{Quality: 9}.Pack(t.Context(), shared, shared, shared)
	if err != nil {
		t.Fatalf("Pack: %v", err)
	}
	if limit := len(shared) * 5 / 4; len(archive.Data) > limit {
		t.Errorf("Pack of three times the same %d bytes = %d bytes, want at most %d", len(shared), len(archive.Data), limit)
	}
}

func TestPackIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	first, err := Packer{Quality: 11}.Pack(t.Context(), noise(4, 20000), noise(5, 20000))
	if err != nil {
		t.Fatalf("Pack: %v", err)
	}
	second, err := Packer{Quality: 11}.Pack(t.Context(), noise(4, 20000), noise(5, 20000))
	if err != nil {
		t.Fatalf("Pack: %v", err)
	}
	if !bytes.Equal(first.Data, second.Data) {
		t.Error("Pack of the same programs gave different bytes")
	}
}

func TestPackUsesTheCache(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "cache")
	packer := Packer{Quality: 4, Cache: dir}
	programs := [][]byte{noise(6, 5000)}
	// An archive of another quality is a right answer that Pack would not compute: seeing it
	// again shows that the cache was read.
	other, err := Packer{Quality: 11}.Pack(t.Context(), programs...)
	if err != nil {
		t.Fatal(err)
	}
	marked := append([]byte{}, other.Data...)
	if err := keep(packer.cached(programs), marked); err != nil {
		t.Fatal(err)
	}
	got, err := packer.Pack(t.Context(), programs...)
	if err != nil {
		t.Fatalf("Pack: %v", err)
	}
	if !bytes.Equal(got.Data, marked) {
		t.Error("Pack did not use the archive in the cache")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("the cache holds %v, %v; want one file", entries, err)
	}
	for name, changed := range map[string]string{
		"quality":  Packer{Quality: 5, Cache: dir}.cached(programs),
		"programs": packer.cached([][]byte{noise(7, 5000)}),
		"borders":  packer.cached([][]byte{programs[0][:100], programs[0][100:]}),
	} {
		if changed == packer.cached(programs) {
			t.Errorf("another %s has the same name in the cache", name)
		}
	}
}

func TestPackReplacesADamagedCacheFile(t *testing.T) {
	t.Parallel()
	packer := Packer{Quality: 4, Cache: t.TempDir()}
	programs := [][]byte{noise(8, 5000), noise(9, 10)}
	want, err := packer.Pack(t.Context(), programs...)
	if err != nil {
		t.Fatalf("Pack: %v", err)
	}
	more, err := Packer{Quality: 4}.Pack(t.Context(), append(programs, []byte("more"))...)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(want.Data)
	flipped[len(flipped)/2] ^= 1
	for name, damaged := range map[string][]byte{
		"empty": {}, "cut": want.Data[:100], "flipped": flipped, "too long": more.Data,
	} {
		if err := os.WriteFile(packer.cached(programs), damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := packer.Pack(t.Context(), programs...)
		if err != nil || !bytes.Equal(got.Data, want.Data) {
			t.Errorf("%s cache file: Pack gave other bytes or %v", name, err)
		}
		if kept, err := os.ReadFile(packer.cached(programs)); err != nil || !bytes.Equal(kept, want.Data) {
			t.Errorf("%s cache file was not replaced (%v)", name, err)
		}
	}
}

func TestPackCanBeCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	packer := Packer{Quality: 11, Cache: t.TempDir()}
	programs := [][]byte{noise(10, 1000)}
	if _, err := packer.Pack(ctx, programs...); !errors.Is(err, context.Canceled) {
		t.Errorf("Pack with a cancelled context: got %v, want %v", err, context.Canceled)
	}
	if _, err := os.Stat(packer.cached(programs)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a cancelled Pack left a file in the cache (%v)", err)
	}
}

func TestPackRefusesUnknownQualities(t *testing.T) {
	t.Parallel()
	for _, quality := range []int{-1, 12} {
		if _, err := (Packer{Quality: quality}).Pack(t.Context()); err == nil || !strings.Contains(err.Error(), "choose 0 to 11") {
			t.Errorf("Pack at quality %d: got %v, want the qualities there are", quality, err)
		}
	}
}
