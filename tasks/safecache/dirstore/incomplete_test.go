package dirstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/shared/archive"
)

// Somebody deletes entries with a tool that does so file by file. What is left of
// one is no entry, and stands in nobody's way.
func TestIncompleteEntry(t *testing.T) {
	t.Parallel()
	for _, file := range []string{dataName, indexName, manifestName} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			s := newStore(t.TempDir())
			var skipped []string
			s.Skipped = func(e *IncompleteError) { skipped = append(skipped, filepath.Base(e.Entry)+"/"+e.File) }
			save(t, s, "older", manifest("1", "a", "1"))
			s.Now = noon.Add(time.Hour)
			save(t, s, "newer", manifest("2", "a", "2"))
			if err := os.Remove(filepath.Join(s.dir(), entryName([]string{"a", "2"}), file)); err != nil {
				t.Fatal(err)
			}
			if e, err := s.Find([]string{"a", "2"}); e != nil || err != nil {
				t.Errorf("Find of an incomplete entry = %v, %v, want nothing", e, err)
			}
			if want := entryName([]string{"a", "2"}) + "/" + file; len(skipped) != 1 || skipped[0] != want {
				t.Errorf("Find told of %q, want %q", skipped, want)
			}
			e, err := s.FindPrefix(context.Background(), []string{"a"})
			if err != nil || e == nil || e.Manifest.Fingerprint != "a|1" {
				t.Errorf("FindPrefix beside an incomplete entry = %v, %v, want the older one", e, err)
			}
			save(t, s, "again", manifest("3", "a", "2"))
			if e, err = s.Find([]string{"a", "2"}); err != nil || e == nil {
				t.Fatalf("Find after Save = %v, %v", e, err)
			}
			if got := restored(t, e); got != "again" {
				t.Errorf("Restore after Save gave %q, want %q", got, "again")
			}
			noTmp(t, s)
		})
	}
}

// An entry can go while it is being read.
func TestEntryDeletedBeforeRestore(t *testing.T) {
	t.Parallel()
	for _, file := range []string{dataName, indexName} {
		s := newStore(t.TempDir())
		save(t, s, "x", manifest("1", "a"))
		e, err := s.Find([]string{"a"})
		if err != nil || os.Remove(filepath.Join(e.Dir, file)) != nil {
			t.Fatal(err)
		}
		parent := t.TempDir()
		var incomplete *IncompleteError
		if err := e.Restore(context.Background(), filepath.Join(parent, "dst")); !errors.As(err, &incomplete) {
			t.Errorf("Restore without %s: error %v, want an *IncompleteError", file, err)
		}
		if left, err := os.ReadDir(parent); err != nil || len(left) != 0 {
			t.Errorf("Restore left %v, %v", left, err)
		}
	}
}

// Two savers replace an incomplete entry; the second must not throw away what the
// first has published.
func TestSetAsideOfACompleteEntry(t *testing.T) {
	t.Parallel()
	s := newStore(t.TempDir())
	save(t, s, "x", manifest("1", "a"))
	if err := s.setAside(filepath.Join(s.dir(), entryName([]string{"a"}))); err != nil {
		t.Fatal(err)
	}
	if e, err := s.Find([]string{"a"}); err != nil || e == nil || restored(t, e) != "x" {
		t.Errorf("after setAside of a complete entry Find = %v, %v, want the entry", e, err)
	}
	noTmp(t, s)
}

// An index with more in it than we know is not one that we wrote.
func TestUnknownFieldInIndex(t *testing.T) {
	t.Parallel()
	s := newStore(t.TempDir())
	save(t, s, "x", manifest("1", "a"))
	e, err := s.Find([]string{"a"})
	if err != nil {
		t.Fatal(err)
	}
	index, err := os.ReadFile(filepath.Join(e.Dir, indexName))
	if err != nil {
		t.Fatal(err)
	}
	index = []byte(strings.Replace(string(index), "{", `{"owner":"root",`, 1))
	sum := sha256.Sum256(index)
	e.Manifest.Index = archive.Stream{SHA256: hex.EncodeToString(sum[:]), Size: int64(len(index))}
	text, err := json.Marshal(e.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{indexName: index, manifestName: text} {
		if err := os.WriteFile(filepath.Join(e.Dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if e, err = s.Find([]string{"a"}); err != nil {
		t.Fatal(err)
	}
	var tampered *TamperedError
	err = e.Restore(context.Background(), filepath.Join(t.TempDir(), "dst"))
	if !errors.As(err, &tampered) || tampered.File != indexName {
		t.Errorf("Restore with an unknown field: error %v, want a *TamperedError of %s", err, indexName)
	}
}

// What a private folder held stays private in the store.
func TestStoreIsPrivate(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such permissions")
	}
	above := filepath.Join(t.TempDir(), "tools")
	s := newStore(filepath.Join(above, "cache"))
	save(t, s, "x", manifest("1", "a"))
	err := filepath.WalkDir(s.Dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		want := fs.FileMode(0o600)
		if entry.IsDir() {
			want = 0o700
		}
		if err == nil && info.Mode().Perm() != want {
			t.Errorf("%s has permissions %v, want %v", name, info.Mode().Perm(), want)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	usual := filepath.Join(t.TempDir(), "usual")
	if err := os.MkdirAll(usual, 0o755); err != nil {
		t.Fatal(err)
	}
	want, err := os.Stat(usual)
	got, err2 := os.Stat(above)
	if errors.Join(err, err2) != nil || got.Mode() != want.Mode() {
		t.Errorf("the folder above the store has mode %v, want the usual %v", got.Mode(), want.Mode())
	}
}
