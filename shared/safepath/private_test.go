package safepath

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func checkPrivate(t *testing.T, path string) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("%s has the mode %v, want -rw-------", path, info.Mode())
	}
}

func TestPrivateFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), strings.Repeat("é", 120)) // no room for a longer name
	data := bytes.Repeat([]byte("secret\x00\n"), 1<<17)
	if err := WritePrivate(path, data); err != nil {
		t.Fatalf("WritePrivate(%q): %v", path, err)
	}
	checkPrivate(t, path)
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, data) {
		t.Errorf("WritePrivate wrote %d bytes, %v; want %d", len(got), err, len(data))
	}
	if err := RemovePrivate(path); err != nil {
		t.Errorf("RemovePrivate(%q): %v", path, err)
	}
	if left := names(t, filepath.Dir(path)); len(left) > 0 {
		t.Errorf("RemovePrivate left %q", left)
	}
}

func TestPrivateFilesReplaceNothing(t *testing.T) {
	t.Parallel()
	for name, there := range map[string]func(path string) error{
		"file":             func(path string) error { return os.WriteFile(path, []byte("old"), 0o644) },
		"folder":           func(path string) error { return os.Mkdir(path, 0o755) },
		"link to a file":   func(path string) error { return os.Symlink(filepath.Join("..", "target"), path) },
		"link to nothing":  func(path string) error { return os.Symlink(filepath.Join("..", "nothing"), path) },
		"link to a folder": func(path string) error { return os.Symlink("..", path) },
		"link to itself":   func(path string) error { return os.Symlink(filepath.Base(path), path) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := t.TempDir()
			path := filepath.Join(base, "sub", "file")
			err := errors.Join(os.Mkdir(filepath.Dir(path), 0o755),
				os.WriteFile(filepath.Join(base, "target"), []byte("precious"), 0o644), there(path))
			if err != nil {
				t.Skipf("cannot make a %s here: %v", name, err)
			}
			if err := WritePrivate(path, []byte("secret")); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), path) {
				t.Errorf("WritePrivate over a %s = %v, want an error that names it", name, err)
			}
			if diff := cmp.Diff([]string{"file"}, names(t, filepath.Dir(path))); diff != "" {
				t.Errorf("WritePrivate over a %s changed the folder (-want +got):\n%s", name, diff)
			}
			if got, err := os.ReadFile(filepath.Join(base, "target")); err != nil || string(got) != "precious" {
				t.Errorf("WritePrivate over a %s: the other file is %q, %v", name, got, err)
			}
			if diff := cmp.Diff([]string{"sub", "target"}, names(t, base)); diff != "" {
				t.Errorf("WritePrivate over a %s made something (-want +got):\n%s", name, diff)
			}
		})
	}
}

func TestOneOfManyGetsThePrivateFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	var winners atomic.Int32
	var winner atomic.Value
	var writers sync.WaitGroup
	for i := range 24 {
		writers.Go(func() {
			data := bytes.Repeat([]byte{byte('a' + i)}, 1<<16)
			switch err := WritePrivate(path, data); {
			case err == nil:
				winners.Add(1)
				winner.Store(data)
			case !errors.Is(err, fs.ErrExist):
				t.Errorf("WritePrivate: %v", err)
			}
		})
	}
	writers.Wait()
	if winners.Load() != 1 {
		t.Fatalf("%d of the writers were told that the file is theirs, want 1", winners.Load())
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, winner.Load().([]byte)) {
		t.Errorf("the file is not the winner's: %d bytes, %v", len(got), err)
	}
	if diff := cmp.Diff([]string{"file"}, names(t, filepath.Dir(path))); diff != "" {
		t.Errorf("the losers left something (-want +got):\n%s", diff)
	}
}

// Somebody makes the file while it is being written: theirs stays, ours goes.
func TestWritePrivateReplacesNothingInTheLastMoment(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	err := writePrivate(path, []byte("secret"), func(step string) {
		if step == "closed" {
			if err := os.WriteFile(path, []byte("theirs"), 0o644); err != nil {
				t.Error(err)
			}
		}
	})
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("WritePrivate over a file that came late = %v, want %v", err, fs.ErrExist)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "theirs" {
		t.Errorf("WritePrivate replaced it: %q, %v", got, err)
	}
	if diff := cmp.Diff([]string{"file"}, names(t, filepath.Dir(path))); diff != "" {
		t.Errorf("WritePrivate left something (-want +got):\n%s", diff)
	}
}

const childVariable = "SAFEPATH_TEST_KILL"

// TestKilledWriter is the program that TestKillLeavesNoFile kills.
func TestKilledWriter(t *testing.T) {
	last, path, isChild := strings.Cut(os.Getenv(childVariable), " ")
	if !isChild {
		t.Skip("it is run by TestKillLeavesNoFile")
	}
	err := writePrivate(path, []byte("secret"), func(step string) {
		if step == last {
			self, _ := os.FindProcess(os.Getpid())
			_ = self.Kill()
			time.Sleep(time.Hour)
		}
	})
	t.Fatalf("the process outlived its end before %q: %v", last, err)
}

func TestKillLeavesNoFile(t *testing.T) {
	t.Parallel()
	for step, whole := range map[string]bool{"created": false, "written": false, "closed": false, "named": true} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "file")
			child := exec.Command(os.Args[0], "-test.run=^TestKilledWriter$")
			child.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s", childVariable, step, path))
			if out, err := child.CombinedOutput(); err == nil || strings.Contains(string(out), "outlived") {
				t.Fatalf("the writer was not killed: %v\n%s", err, out)
			}
			got, err := os.ReadFile(path)
			switch {
			case whole && string(got) != "secret":
				t.Errorf("killed after the last step: %q, %v; want the whole file", got, err)
			case !whole && !errors.Is(err, fs.ErrNotExist):
				t.Errorf("killed when %s: the file is there: %q, %v", step, got, err)
			}
			for _, left := range names(t, dir) {
				checkPrivate(t, filepath.Join(dir, left))
			}
			if !whole && len(names(t, dir)) != 1 {
				t.Errorf("killed when %s: it left %q, want one unfinished file", step, names(t, dir))
			}
			if err := RemovePrivate(path); err != nil {
				t.Errorf("RemovePrivate(%q): %v", path, err)
			}
			if left := names(t, dir); len(left) > 0 {
				t.Errorf("RemovePrivate left %q", left)
			}
		})
	}
}

func TestRemovePrivateRemovesNothingElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	others := []string{".private-0123456789abcdef-XYZ.partial", "file.partial", "file2", "target"}
	for _, name := range others {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("other"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "file")
	if err := os.Symlink("target", path); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	for range 2 { // the second time there is nothing to remove
		if err := RemovePrivate(path); err != nil {
			t.Errorf("RemovePrivate(%q): %v", path, err)
		}
	}
	if diff := cmp.Diff(others, names(t, dir)); diff != "" {
		t.Errorf("RemovePrivate(%q) left (-want +got):\n%s", path, diff)
	}
	if err := RemovePrivate(filepath.Join(dir, "no", "such", "folder")); err != nil {
		t.Errorf("RemovePrivate in a missing folder: %v", err)
	}
	full := filepath.Join(dir, "full")
	if err := os.MkdirAll(filepath.Join(full, "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := RemovePrivate(full); err == nil {
		t.Errorf("RemovePrivate of a full folder says that it is gone")
	}
}
