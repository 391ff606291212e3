package attack_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/tasks/safecache/entry"
	"github.com/guardrails-ci/guardrails/tasks/safecache/seal"
	"github.com/klauspost/compress/zstd"
)

// A few bytes that become very many fill the agent's disk: as old as 42.zip, and
// nothing in tar, gzip or zstd stands in the way.
func TestBombAsAnArchive(t *testing.T) {
	t.Parallel()
	needsTar(t)
	root := t.TempDir()
	must(t, os.WriteFile(filepath.Join(root, "zeros"), make([]byte, 64<<20), 0o644))
	var small bytes.Buffer
	w := gzip.NewWriter(&small)
	if _, err := w.Write([]byte(read(t, archived(t, root)))); err != nil {
		t.Fatal(err)
	}
	must(t, w.Close())
	name := filepath.Join(t.TempDir(), "cache.tgz")
	must(t, os.WriteFile(name, small.Bytes(), 0o644))
	dst := t.TempDir()
	command(t, dst, "tar", "-xzPf", name)
	info, err := os.Stat(filepath.Join(dst, "zeros"))
	must(t, err)
	if info.Size() < 500*int64(small.Len()) {
		t.Errorf("%d bytes became %d, want a bomb", small.Len(), info.Size())
	}
}

// pack puts a pack of one frame, which says that it becomes raw bytes, and an entry
// of one file of as many.
func (c *cache) pack(stored []byte, raw int64) {
	c.t.Helper()
	saved := c.save(map[string]string{"a": "a"}, draft(mainScope, "k"))
	sum := sha256.Sum256(stored)
	sha := hex.EncodeToString(sum[:])
	folder, _, _ := strings.Cut(c.objects(".pack")[0], "/p/")
	c.put(folder+"/p/"+sha[:2]+"/"+sha+".pack", stored)
	c.forge(saved, func(m *entry.Manifest) {
		p := &m.Packs[0]
		p.SHA256, p.Size = sha, int64(len(stored))
		p.Frames[0].Stored, p.Frames[0].Raw = p.Size, raw
		m.Files[0].Size, m.Files[0].Extents[0].Length = raw, raw
	}, nil)
}

// zeros are so many of them, compressed.
func zeros(t *testing.T, size int64) []byte {
	t.Helper()
	var small bytes.Buffer
	w, err := zstd.NewWriter(&small, zstd.WithWindowSize(1<<20))
	must(t, err)
	some := make([]byte, 1<<20)
	for ; size > 0; size -= int64(len(some)) {
		if _, err := w.Write(some); err != nil {
			t.Fatal(err)
		}
	}
	must(t, w.Close())
	return small.Bytes()
}

// hash is a hash that nobody can shorten.
func hash(i int) string {
	sum := sha256.Sum256([]byte(strconv.Itoa(i)))
	return hex.EncodeToString(sum[:])
}

// bombs are stores, each with an entry that must not be restored.
var bombs = map[string]struct {
	plant func(*cache)
	want  string
}{
	"a frame that becomes 512 times what it says": {func(c *cache) {
		c.pack(zeros(c.t, 512<<20), 1<<20)
	}, "its frame 0"},
	"a frame that becomes more than any": {func(c *cache) {
		c.pack(zeros(c.t, 512<<20), 4<<20)
	}, "its frame 0"},
	"a frame that says that it becomes 512 MiB": {func(c *cache) {
		c.pack(zeros(c.t, 512<<20), 512<<20)
	}, "has a frame of"},
	"a frame that asks for a window of 2 GiB": {func(c *cache) {
		// Magic number, no content size, window of 2^31, one last raw block of 4 bytes.
		c.pack([]byte{0x28, 0xb5, 0x2f, 0xfd, 0, 21 << 3, 4<<3 | 1, 0, 0, 'E', 'V', 'I', 'L'}, 1<<20)
	}, "its frame 0"},
	"a frame that has no end": {func(c *cache) {
		block := []byte{3<<3 | 2<<1, 0, 0, 'E'} // run of zeros, not the last one
		c.pack(append([]byte{0x28, 0xb5, 0x2f, 0xfd, 0, 10 << 3}, bytes.Repeat(block, 1<<20-2)...), 4<<20)
	}, "its frame 0"},
	"one frame, used a thousand times": {func(c *cache) {
		saved := c.save(map[string]string{"a": strings.Repeat("\x00", 4<<20)}, draft(mainScope, "k"))
		c.forge(saved, func(m *entry.Manifest) {
			f := &m.Files[0]
			for range 1000 {
				f.Extents = append(f.Extents, f.Extents[0])
				f.Size += f.Extents[0].Length
			}
		}, nil)
	}, "times as many"},
	"a file of 4 EiB": {func(c *cache) {
		saved := c.save(map[string]string{"a": "a"}, draft(mainScope, "k"))
		c.forge(saved, func(m *entry.Manifest) { m.Files[0].Size = 1 << 62 }, nil)
	}, "bytes together"},
	"files that add up to less than nothing": {func(c *cache) {
		c.forge(c.save(map[string]string{"a": "a", "b": "b"}, draft(mainScope, "k")), func(m *entry.Manifest) {
			m.Files[0].Size, m.Files[1].Size = 1<<63-1, 1<<63-1
		}, nil)
	}, "bytes together"},
	"totals that are not those of the files": {func(c *cache) {
		saved := c.save(map[string]string{"a": "a"}, draft(mainScope, "k"))
		saved.Manifest.Totals.Bytes = 1 << 62
		c.forgeText(saved.Name, jsonOf(c.t, saved.Manifest), nil)
	}, "totals"},
	"millions of files": {func(c *cache) {
		saved := c.save(map[string]string{"a": ""}, draft(mainScope, "k"))
		saved.Manifest.Files = nil
		var files strings.Builder
		for i := range 1_000_001 {
			fmt.Fprintf(&files, `,{"path":"%07d","size":0,"sha256":"%s"}`, i, hash(i))
		}
		before, after, _ := strings.Cut(string(jsonOf(c.t, saved.Manifest)), `"files":null`)
		c.forgeText(saved.Name, []byte(before+`"files":[`+files.String()[1:]+"]"+after), nil)
	}, "more than 1000000 files"},
	"a manifest of zeros": {func(c *cache) {
		saved := c.save(map[string]string{"a": "a"}, draft(mainScope, "k"))
		c.put(saved.Name, seal.Seal(payloadType, zeros(c.t, 512<<20), nil))
	}, "manifest"},
	"a manifest that nests": {func(c *cache) {
		saved := c.save(map[string]string{"a": "a"}, draft(mainScope, "k"))
		c.forgeText(saved.Name, append([]byte(`{"files":`), bytes.Repeat([]byte("["), 1<<20)...), nil)
	}, "manifest"},
	"an object that is larger than any": {func(c *cache) {
		saved := c.save(map[string]string{"a": "a"}, draft(mainScope, "k"))
		must(c.t, os.Truncate(c.object(saved.Name), 8<<30)) // sparse
	}, ""},
}

// maxMemory is what a restore of any entry may take, in MiB: the largest object, the
// largest manifest as text and in parts, and packs and frames.
const maxMemory = 1024

// peakOf is the memory that a child says it has taken, in MiB; 0 where that is not
// known. (Its usage as the parent sees it has the parent's in it, from before exec.)
func peakOf(t *testing.T, out string) int {
	t.Helper()
	_, rest, found := strings.Cut(out, "VmHWM:")
	if !found {
		return 0
	}
	kB, err := strconv.Atoi(strings.Fields(rest)[0])
	must(t, err)
	t.Logf("%d MiB: %.200s", kB>>10, out)
	return kB >> 10
}

// Each in a process of its own, whose memory is measured.
func TestBombs(t *testing.T) {
	t.Parallel()
	for name, tc := range bombs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCache(t)
			tc.plant(c)
			dst := filepath.Join(t.TempDir(), "dst")
			out, err := run("", []string{childVariable + "=restore"}, os.Args[0], c.dir, dst)
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != refusedStatus || !strings.Contains(out, tc.want) {
				t.Errorf("restore: %v, %.500s, want status %d and %q", err, out, refusedStatus, tc.want)
			}
			if memory := peakOf(t, out); memory > maxMemory*memoryFactor {
				t.Errorf("it took %d MiB of memory, want at most %d", memory, maxMemory*memoryFactor)
			}
			nothingIn(t, filepath.Dir(dst))
		})
	}
}

// What a plain entry takes, and that the limits are not what refuses it.
func TestNoBomb(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	files := map[string]string{"zeros": strings.Repeat("\x00", 16<<20), "noise": noise(3, 16<<20), "empty": ""}
	c.save(files, draft(mainScope, "k"))
	dst := filepath.Join(t.TempDir(), "dst")
	out, err := run("", []string{childVariable + "=restore"}, os.Args[0], c.dir, dst)
	if err != nil {
		t.Fatalf("restore: %v, %s", err, out)
	}
	peakOf(t, out)
	same(t, dst, files)
}

// A tree that grows while it is saved, or has more than anybody caches, is not saved.
func TestTooMuchToSave(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	d := draft(mainScope, "k")
	d.MaxBytes = 1000
	if _, err := c.Save(context.Background(), tree(t, map[string]string{"a": strings.Repeat("a", 1001)}), d); err == nil {
		t.Error("1001 bytes are saved, where 1000 are the most")
	}
	root := tree(t, map[string]string{"a": "a"})
	must(t, os.Truncate(filepath.Join(root, "a"), 1<<40)) // sparse: no bytes on the disk
	if _, err := c.Save(context.Background(), root, draft(mainScope, "k")); err == nil {
		t.Error("1 TiB is saved")
	}
	if left := c.objects(""); len(left) != 0 {
		t.Errorf("the store holds %q, want nothing", left)
	}
}
