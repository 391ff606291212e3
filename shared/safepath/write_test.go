package safepath

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := []string{}
	for _, e := range entries {
		found = append(found, e.Name())
	}
	return found
}

func TestWriteFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, tc := range map[string]struct {
		old, data string
		perm      fs.FileMode
	}{
		"new":          {"", "hello", 0o644},
		"replaced":     {"old and longer", "new", 0o600},
		"empty":        {"old", "", 0o644},
		"executable":   {"", "#!", 0o755},
		"group writes": {"", "x", 0o664}, // an umask would take that away
		"read-only":    {"", "x", 0o444},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
			if tc.old != "" {
				if err := os.WriteFile(path, []byte(tc.old), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := WriteFile(path, []byte(tc.data), tc.perm); err != nil {
				t.Fatalf("WriteFile(%q): %v", path, err)
			}
			got, err := os.ReadFile(path)
			if err != nil || string(got) != tc.data {
				t.Errorf("after WriteFile(%q, %q): got %q, %v", path, tc.data, got, err)
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if runtime.GOOS != "windows" && info.Mode().Perm() != tc.perm {
				t.Errorf("WriteFile(%q, %v) made a file with %v", path, tc.perm, info.Mode().Perm())
			}
		})
	}
}

func TestWriteFileLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(dir string) (path string, err error){
		"target is a full folder": func(dir string) (string, error) {
			return filepath.Join(dir, "there"), os.MkdirAll(filepath.Join(dir, "there", "inside"), 0o755)
		},
		"no such folder": func(dir string) (string, error) {
			return filepath.Join(dir, "missing", "file"), nil
		},
		"name too long": func(dir string) (string, error) {
			return filepath.Join(dir, strings.Repeat("x", 300)), nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path, err := prepare(dir)
			if err != nil {
				t.Fatal(err)
			}
			before := names(t, dir)
			err = WriteFile(path, []byte("data"), 0o644)
			if err == nil || !strings.Contains(err.Error(), "writing ") {
				t.Errorf("WriteFile(%q) = %v, want an error that says what was being written", path, err)
			}
			if diff := cmp.Diff(before, names(t, dir)); diff != "" {
				t.Errorf("WriteFile(%q) left something behind (-before +after):\n%s", path, diff)
			}
		})
	}
}

func TestWriteFileReplacesLinkNotTarget(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := os.WriteFile(target, []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	if err := WriteFile(link, []byte("new"), 0o644); err != nil {
		t.Fatalf("WriteFile(link): %v", err)
	}
	if got, err := os.ReadFile(target); err != nil || string(got) != "precious" {
		t.Errorf("WriteFile followed the link: target is %q, %v", got, err)
	}
}

func TestReadersSeeWholeFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	a, b := bytes.Repeat([]byte("a"), 1<<16), bytes.Repeat([]byte("b"), 1<<16)
	if err := WriteFile(path, a, 0o644); err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for _, data := range [][]byte{a, b} {
		writers.Go(func() {
			for range 30 {
				if err := WriteFile(path, data, 0o644); err != nil {
					t.Errorf("WriteFile: %v", err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { writers.Wait(); close(done) }()
	for reading := true; reading; {
		select {
		case <-done:
			reading = false
		default:
		}
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, a) && !bytes.Equal(got, b) {
			t.Fatalf("a reader saw %d bytes, %v: want one of the two files, whole", len(got), err)
		}
	}
}
