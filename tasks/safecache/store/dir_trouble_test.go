package store

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func put(t *testing.T, d Dir, name, data string) {
	t.Helper()
	if err := d.Put(t.Context(), name, []byte(data)); err != nil {
		t.Fatalf("Put(%s): %v", name, err)
	}
}

// left returns the files that writers have left.
func left(t *testing.T, d Dir) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(d.path, tmpFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// What a build downloads may be private.
func TestDirIsPrivate(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such permissions")
	}
	above := filepath.Join(t.TempDir(), "tools")
	d := NewDir(filepath.Join(above, "cache"))
	put(t, d, "v1/t/x", "data")
	err := filepath.WalkDir(d.path, func(name string, entry fs.DirEntry, err error) error {
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
	if info, err := os.Stat(above); err != nil || info.Mode().Perm()&0o055 == 0 {
		t.Errorf("the folder above the store has mode %v, %v, want a usual one", info.Mode(), err)
	}
}

func TestStaleFilesAreRemoved(t *testing.T) {
	t.Parallel()
	d := NewDir(t.TempDir())
	for name, age := range map[string]time.Duration{"old": 25 * time.Hour, "new": 23 * time.Hour} {
		file := filepath.Join(d.path, tmpFolder, name)
		when := time.Now().Add(-age)
		err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, nil, 0o600), os.Chtimes(file, when, when))
		if err != nil {
			t.Fatal(err)
		}
	}
	put(t, d, "v1/x", "data")
	if names := left(t, d); len(names) != 1 || names[0] != "new" {
		t.Errorf("after Put there are %q, want only what is not a day old", names)
	}
	if objects, err := d.List(t.Context(), ""); err != nil || len(objects) != 1 {
		t.Errorf("List beside unfinished files = %v, %v, want the object", objects, err)
	}
}

// What is no plain file is no object, wherever it leads to.
func TestThingsThatAreNoObjects(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := NewDir(t.TempDir())
	put(t, d, "v1/real", "data")
	for name, make := range map[string]func(string) error{
		"v1/folder": func(p string) error { return os.Mkdir(p, 0o700) },
		"v1/link":   func(p string) error { return os.Symlink(outside, p) },
		"v1/inside": func(p string) error { return os.Symlink("real", p) },
		"v1/broken": func(p string) error { return os.Symlink("none", p) },
		"v1/pipe":   makePipe,
	} {
		if err := make(filepath.Join(d.path, filepath.FromSlash(name))); err != nil {
			t.Logf("%s cannot be made here: %v", name, err)
			continue
		}
		if got, err := d.Get(t.Context(), name, nil); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Get(%s) = %q, %v, want a refusal", name, got, err)
		}
		if err := d.Put(t.Context(), name, []byte("x")); !errors.Is(err, fs.ErrExist) {
			t.Errorf("Put(%s) over it: error %v, want fs.ErrExist", name, err)
		}
	}
	if err := os.Symlink(filepath.Dir(outside), filepath.Join(d.path, "out")); err == nil {
		if got, err := d.Get(t.Context(), "out/outside", nil); err == nil {
			t.Errorf("Get through a folder that leads out = %q", got)
		}
		if err := d.Put(t.Context(), "out/new", nil); err == nil {
			t.Error("Put through a folder that leads out succeeded")
		}
		if err := d.Delete(t.Context(), "out/outside"); err == nil {
			t.Error("Delete through a folder that leads out succeeded")
		}
	}
	objects, err := d.List(t.Context(), "")
	if err != nil || len(objects) != 1 || objects[0].Name != "v1/real" {
		t.Errorf("List = %v, %v, want the one object", objects, err)
	}
	if text, err := os.ReadFile(outside); err != nil || string(text) != "secret" {
		t.Errorf("the file outside holds %q, %v", text, err)
	}
}

func TestFileThatIsTooLarge(t *testing.T) {
	t.Parallel()
	d := NewDir(t.TempDir())
	put(t, d, "x", "")
	if err := os.Truncate(filepath.Join(d.path, "x"), MaxObject+1); err != nil { // no bytes on the disk
		t.Fatal(err)
	}
	if _, err := d.Get(t.Context(), "x", nil); err == nil || !strings.Contains(err.Error(), "is the most") {
		t.Errorf("Get of more than MaxObject: error %v, want a refusal", err)
	}
}

func TestDirThatCannotBeMade(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(file, "below")} {
		d := NewDir(path)
		var failed *MakeError
		if err := d.Put(t.Context(), "x", nil); !errors.As(err, &failed) || failed.Dir != path {
			t.Errorf("Put below a file: error %v, want a *MakeError", err)
		}
		if _, err := d.Get(t.Context(), "x", nil); err == nil {
			t.Error("Get below a file succeeded")
		}
		if _, err := d.List(t.Context(), ""); err == nil {
			t.Error("List below a file succeeded")
		}
	}
}

// Folders that a Delete leaves empty go, while others put objects into them.
func TestPutBesideDelete(t *testing.T) {
	t.Parallel()
	d := NewDir(t.TempDir())
	var group sync.WaitGroup
	for _, name := range []string{"v1/a/b/one", "v1/a/b/two", "v1/a/three"} {
		group.Go(func() {
			for range 200 {
				if err := d.Put(t.Context(), name, []byte(name)); err != nil {
					t.Errorf("Put(%s): %v", name, err)
					return
				}
				got, err := d.Get(t.Context(), name, nil)
				if err != nil || string(got) != name {
					t.Errorf("Get(%s) = %q, %v", name, got, err)
				}
				if err := d.Delete(t.Context(), name); err != nil {
					t.Errorf("Delete(%s): %v", name, err)
				}
			}
		})
	}
	for range 50 {
		if _, err := d.List(t.Context(), "v1/"); err != nil {
			t.Errorf("List: %v", err)
		}
	}
	group.Wait()
	if entries, err := os.ReadDir(d.path); err != nil || len(entries) != 1 {
		t.Errorf("afterwards there are %v, %v, want only the folder of unfinished files", entries, err)
	}
	if names := left(t, d); len(names) != 0 {
		t.Errorf("unfinished files were left: %q", names)
	}
}

// Where files cannot have a second link, a rename that does not replace does it.
func TestRenameThatDoesNotReplace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	err := rename(write("one", "1"), filepath.Join(dir, "to"))
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("not on this file system")
	}
	if err != nil {
		t.Fatalf("renaming to a new name: %v", err)
	}
	if err := rename(write("two", "2"), filepath.Join(dir, "to")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("renaming to a name that is taken: error %v, want fs.ErrExist", err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "to")); err != nil || !bytes.Equal(text, []byte("1")) {
		t.Errorf("the file holds %q, %v, want that of the first", text, err)
	}
	if err := rename(filepath.Join(dir, "two"), filepath.Join(dir, "none", "to")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("renaming into a folder that is gone: error %v, want fs.ErrNotExist", err)
	}
}

// NFS asks again when the answer to a link was lost, and then hears that it exists.
func TestLinkWhoseAnswerWasLost(t *testing.T) {
	t.Parallel()
	d := NewDir(t.TempDir())
	root, err := d.makeRoot()
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	tmp, err := writeTemp(t.Context(), root, []byte("ours"))
	if err != nil {
		t.Fatal(err)
	}
	if err := root.Link(tmp, "x"); err != nil {
		t.Skipf("no links here: %v", err)
	}
	put(t, d, "y", "another's")
	if err := d.publish(root, tmp, "x"); err != nil {
		t.Errorf("publishing what is published: %v", err)
	}
	if err := d.publish(root, tmp, "y"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("publishing over another's: error %v, want fs.ErrExist", err)
	}
}
