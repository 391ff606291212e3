package archive

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func scan(t testing.TB, root string) *Tree {
	t.Helper()
	tree, err := Scan(context.Background(), root)
	if err != nil {
		t.Fatalf("Scan(%s): %v", root, err)
	}
	t.Cleanup(func() {
		if err := tree.Close(); err != nil {
			t.Error(err)
		}
	})
	return tree
}

func TestScan(t *testing.T) {
	t.Parallel()
	tree := scan(t, plant(t, map[string]string{"b": "two", "a/x": "#!", "a-b": "", "e/": "", "d/e/": ""}))
	want := []File{{"a-b", 0, false}, {"a/x", 2, runtime.GOOS != "windows"}, {"b", 3, false}}
	if diff := cmp.Diff(want, tree.Files); diff != "" {
		t.Errorf("Scan: files (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"d/e", "e"}, tree.EmptyDirs); diff != "" {
		t.Errorf("Scan: empty folders (-want +got):\n%s", diff)
	}
	if len(tree.Special) != 0 {
		t.Errorf("Scan: special %v, want none", tree.Special)
	}
	if tree.ModTime("b").IsZero() || !tree.ModTime("e").IsZero() {
		t.Errorf("ModTime of a file and of no file: %v and %v", tree.ModTime("b"), tree.ModTime("e"))
	}
}

// What is neither a file nor a folder is named, not followed, and not lent out.
func TestScanOfSpecialFiles(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("such a tree cannot be made on Windows")
	}
	outside := plant(t, map[string]string{"secret": "x"})
	root := plant(t, map[string]string{"a/b": "x"})
	err := errors.Join(os.Symlink("b", filepath.Join(root, "a", "file")), os.Symlink("..", filepath.Join(root, "a", "up")),
		os.Symlink(outside, filepath.Join(root, "out")), os.Symlink("nowhere", filepath.Join(root, "dangling")))
	if err != nil {
		t.Fatal(err)
	}
	want := []Special{
		{"a/file", "a symbolic link"}, {"a/up", "a symbolic link"}, {"dangling", "a symbolic link"}, {"out", "a symbolic link"},
	}
	if exec.Command("mkfifo", filepath.Join(root, "pipe")).Run() == nil {
		want = append(want, Special{"pipe", "a named pipe"})
	}
	tree := scan(t, root)
	if diff := cmp.Diff(want, tree.Special); diff != "" {
		t.Errorf("Scan: special (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]File{{"a/b", 1, false}}, tree.Files); diff != "" {
		t.Errorf("Scan: files (-want +got):\n%s", diff)
	}
	for _, s := range want {
		if _, err := tree.Open(s.Path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Open(%q), %s: error %v, want fs.ErrNotExist", s.Path, s.What, err)
		}
	}
	if text, err := fs.ReadFile(tree.FS(), "out/secret"); err == nil {
		t.Errorf("FS read %q through a link out of the folder", text)
	}
}

func TestScanFails(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "no")
	if _, err := Scan(context.Background(), missing); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Scan(%s): error %v, want fs.ErrNotExist", missing, err)
	}
	if _, err := Scan(context.Background(), filepath.Join(plant(t, sample), "b")); err == nil {
		t.Error("Scan of a file succeeded")
	}
	if _, err := Scan(cancelled(), plant(t, sample)); !errors.Is(err, context.Canceled) {
		t.Errorf("Scan when cancelled: error %v, want context.Canceled", err)
	}
	tree := scan(t, plant(t, sample))
	for _, names := range [][]string{nil, {"b"}} {
		if err := tree.Unchanged(cancelled(), names); !errors.Is(err, context.Canceled) {
			t.Errorf("Unchanged(%q) when cancelled: error %v, want context.Canceled", names, err)
		}
	}
}

// A folder that cannot be read is an error, and not an empty one.
func TestScanOfAnUnreadableFolder(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" || os.Getuid() == 0 {
		t.Skip("nothing is unreadable for this account")
	}
	root := plant(t, map[string]string{"a": "x", "locked/b": "x"})
	locked := filepath.Join(root, "locked")
	if err := os.Chmod(locked, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Chmod(locked, 0o700); err != nil {
			t.Error(err)
		}
	})
	if _, err := Scan(context.Background(), root); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("Scan of an unreadable folder: error %v, want fs.ErrPermission", err)
	}
}

func TestChangesAreNoticed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(root string) error
		// Which of the three looks notice: opening "a", asking about "a", asking about all.
		open, named, all bool
	}{
		"nothing":    {func(string) error { return nil }, false, false, false},
		"other file": {func(r string) error { return os.WriteFile(filepath.Join(r, "z"), []byte("longer"), 0o600) }, false, false, true},
		"file added": {func(r string) error { return os.WriteFile(filepath.Join(r, "new"), nil, 0o600) }, false, false, true},
		"other gone": {func(r string) error { return os.Remove(filepath.Join(r, "z")) }, false, false, true},
		"longer":     {func(r string) error { return os.WriteFile(filepath.Join(r, "a"), []byte("longer"), 0o600) }, true, true, true},
		"shorter":    {func(r string) error { return os.Truncate(filepath.Join(r, "a"), 0) }, true, true, true},
		"mode":       {func(r string) error { return os.Chmod(filepath.Join(r, "a"), 0o400) }, true, true, true},
		"gone":       {func(r string) error { return os.Remove(filepath.Join(r, "a")) }, true, true, true},
		"replaced":   {func(r string) error { return os.Rename(filepath.Join(r, "z"), filepath.Join(r, "a")) }, true, true, true},
		"a folder": {func(r string) error {
			return errors.Join(os.Remove(filepath.Join(r, "a")), os.Mkdir(filepath.Join(r, "a"), 0o700))
		}, true, true, true},
		"a link to itself, moved": {func(r string) error {
			if runtime.GOOS == "windows" {
				return os.Remove(filepath.Join(r, "a"))
			}
			return errors.Join(os.Rename(filepath.Join(r, "a"), filepath.Join(r, "b")), os.Symlink("b", filepath.Join(r, "a")))
		}, true, true, true},
		"a pipe": {func(r string) error {
			err := os.Remove(filepath.Join(r, "a"))
			_ = exec.Command("mkfifo", filepath.Join(r, "a")).Run() // or it is just gone
			return err
		}, true, true, true},
		"time set back": {func(r string) error {
			if runtime.GOOS == "windows" {
				return os.Remove(filepath.Join(r, "a"))
			}
			name := filepath.Join(r, "a")
			info, err := os.Stat(name)
			return errors.Join(err, os.WriteFile(name, []byte("A"), 0o600), os.Chtimes(name, time.Time{}, info.ModTime()))
		}, true, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := plant(t, map[string]string{"a": "a", "y": "y", "z": "z"})
			tree := scan(t, root)
			waitForTheClock(t, root)
			if err := tc.change(root); err != nil {
				t.Fatal(err)
			}
			file, openErr := tree.Open("a")
			if openErr == nil {
				if err := file.Close(); err != nil {
					t.Error(err)
				}
			}
			for look, got := range map[string]struct {
				err    error
				notice bool
			}{
				"Open(a)":        {openErr, tc.open},
				"Unchanged(a)":   {tree.Unchanged(context.Background(), []string{"a"}), tc.named},
				"Unchanged(nil)": {tree.Unchanged(context.Background(), nil), tc.all},
			} {
				if got.notice && !errors.Is(got.err, ErrChanged) || !got.notice && got.err != nil {
					t.Errorf("%s: error %v, want ErrChanged: %v", look, got.err, got.notice)
				}
			}
		})
	}
}

// waitForTheClock returns when a new file gets another time than those in root:
// file systems' clocks tick every few milliseconds.
func waitForTheClock(t *testing.T, root string) {
	t.Helper()
	info, err := os.Stat(filepath.Join(root, "a"))
	if err != nil {
		t.Fatal(err)
	}
	probe := filepath.Join(t.TempDir(), "probe")
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if err := os.WriteFile(probe, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if now, err := os.Stat(probe); err == nil && now.ModTime().After(info.ModTime()) {
			return
		}
	}
	t.Fatal("the clock of the file system stands still")
}

// A file is lent out as it was scanned, and what is written to it meanwhile shows.
func TestChangeWhileAFileIsRead(t *testing.T) {
	t.Parallel()
	root := plant(t, map[string]string{"a": "content"})
	tree := scan(t, root)
	file, err := tree.Open("a")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() // only read from
	waitForTheClock(t, root)
	if err := os.Truncate(filepath.Join(root, "a"), 3); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(file); err != nil || string(text) != "con" {
		t.Errorf("reading a file cut short gave %q, %v", text, err)
	}
	if err := tree.Unchanged(context.Background(), []string{"a"}); !errors.Is(err, ErrChanged) {
		t.Errorf("Unchanged of a file cut short: error %v, want ErrChanged", err)
	}
	if err := tree.Unchanged(context.Background(), []string{"nowhere"}); !errors.Is(err, ErrChanged) {
		t.Errorf("Unchanged of a file that was never there: error %v, want ErrChanged", err)
	}
}
