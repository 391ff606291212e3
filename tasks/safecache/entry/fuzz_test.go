package entry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/shared/archive"
	"github.com/klauspost/compress/zstd"
)

// FuzzManifest reads any manifest, and restores it if it is taken for one. Whatever
// it says: nothing is written outside, and what is written has its hash.
func FuzzManifest(f *testing.F) {
	in := newMemory()
	r := newRepository(in)
	saved := save(f, r, with(one, "b/c", strings.Repeat("two ", 2000), "#", "#!", "d/", "", "e", ""), draft("1", "k"))
	good := string(encode(saved.Manifest))
	f.Add(good)
	f.Add(strings.ReplaceAll(good, `"b/c"`, `"../c"`))
	f.Add(strings.ReplaceAll(good, `"offset":0`, `"offset":-1`))
	f.Add("{}")
	f.Add(`{"files":[{"path":"/"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		stored := newMemory()
		stored.objects = map[string][]byte{}
		for name, object := range in.objects {
			stored.objects[name] = object
		}
		stored.write(t, saved.Name, text, nil)
		restoreAnything(t, newRepository(stored))
	})
}

// FuzzPack reads any pack of which the manifest has the right hash.
func FuzzPack(f *testing.F) {
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(encoder.EncodeAll([]byte(strings.Repeat("two ", 2000)), nil), int64(0), int64(8000), int64(0), int64(8000))
	f.Add([]byte("stored"), int64(0), int64(6), int64(1), int64(4))
	f.Add([]byte("stored"+"\x28\xb5\x2f\xfd"), int64(6), int64(4), int64(0), int64(1))
	f.Add([]byte{}, int64(-1), int64(1)<<40, int64(-5), int64(1)<<62)
	f.Fuzz(func(t *testing.T, data []byte, stored, raw, offset, length int64) {
		in := newMemory()
		r := newRepository(in)
		saved := save(t, r, one, draft("1", "k"))
		m := clone(t, saved.Manifest)
		sum := sha256.Sum256(data)
		m.Packs[0].SHA256, m.Packs[0].Size = hex.EncodeToString(sum[:]), int64(len(data))
		m.Packs[0].Frames = []frame{{stored, stored}, {int64(len(data)) - stored, raw}}
		m.Files = append(m.Files, m.Files[0])
		m.Files[0].Size, m.Files[0].Extents = length, []extent{{0, 1, offset, length}}
		m.Files[1].Path, m.Files[1].Size = "b", length+3
		m.Files[1].Extents = []extent{{0, 1, offset, length}, {0, 0, 0, 3}}
		m.Totals, m.Content = m.total(), m.content()
		in.objects[mainScope.packName(m.Packs[0].SHA256)] = data
		in.write(t, saved.Name, string(encode(m)), nil)
		restoreAnything(t, r)
	})
}

func restoreAnything(t *testing.T, r Repository) {
	t.Helper()
	outside := t.TempDir()
	parent := filepath.Join(outside, "parent")
	if err := os.Mkdir(parent, 0o755); err != nil {
		t.Fatal(err)
	}
	r.Limits = archive.Limits{Files: 1000, Bytes: 16 << 20}
	e, err := r.Find(context.Background(), mainScope, []string{"k"})
	if err == nil {
		_, err = r.Restore(context.Background(), e, filepath.Join(parent, "dst"), RestoreOptions{})
	}
	onlyEntry(t, outside, "parent")
	if err != nil {
		var path *fs.PathError
		if !isRejected(err) && !errors.As(err, &path) { // a path can be too long for the disk
			t.Errorf("error %T %v, want a *RejectedError", err, err)
		}
		onlyEntry(t, parent)
		return
	}
	onlyEntry(t, parent, "dst")
	for _, f := range e.Manifest.Files {
		text, err := os.ReadFile(filepath.Join(parent, "dst", filepath.FromSlash(f.Path)))
		sum := sha256.Sum256(text)
		if err != nil || int64(len(text)) != f.Size || hex.EncodeToString(sum[:]) != f.SHA256 {
			t.Errorf("%q has %d bytes with SHA-256 %x, %v, want %d and %s", f.Path, len(text), sum, err, f.Size, f.SHA256)
		}
	}
}
