package workspace

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/safepath"
)

// folder is a folder of a test.
type folder struct {
	t    *testing.T
	root string
}

func newFolder(t *testing.T) folder {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return folder{t, root}
}

func (f folder) path(name string) string { return filepath.Join(f.root, filepath.FromSlash(name)) }

func (f folder) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f folder) write(name, text string) {
	f.t.Helper()
	f.must(os.MkdirAll(filepath.Dir(f.path(name)), 0o755))
	f.must(os.WriteFile(f.path(name), []byte(text), 0o600))
}

func (f folder) git(args ...string) {
	f.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = f.root
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example")
	if out, err := cmd.CombinedOutput(); err != nil {
		f.t.Fatalf("git %q: %v\n%s", args, err, out)
	}
}

// found are the names of the files that Changed finds, with "*" behind dependencies.
func (f folder) found(since time.Time) []string {
	f.t.Helper()
	got, err := Changed(f.t.Context(), f.root, since)
	f.must(err)
	if len(got.Unread) > 0 {
		f.t.Errorf("Changed could not look at %v", got.Unread)
	}
	var names []string
	for _, file := range got.Files {
		name, err := safepath.Rel(f.root, file.Path)
		f.must(err)
		if strings.HasPrefix(name, ".git/") {
			continue // git's own business
		}
		if file.Committed {
			continue
		}
		if file.Dependency {
			name += "*"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// TestOnlyWhatTheJobChanged has real checkouts of every form of index.
func TestOnlyWhatTheJobChanged(t *testing.T) {
	t.Parallel()
	for name, setup := range map[string]func(f folder){
		"version 2": func(f folder) { f.git("init", "-q") },
		"version 3": func(f folder) { f.git("init", "-q") }, // an entry below has a flag of version 3
		"version 4": func(f folder) { f.git("init", "-q"); f.git("config", "index.version", "4") },
		"SHA-256":   func(f folder) { f.git("init", "-q", "--object-format=sha256") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t)
			setup(f)
			for _, path := range []string{"a.txt", "b/c.txt", "b/changed.txt", "b/cc.txt", "same-size.txt"} {
				f.write(path, "committed "+path)
			}
			f.git("add", ".")
			f.git("commit", "-q", "-m", "x")
			f.git("status") // refreshes the index's times
			f.write("new.txt", "n")
			if name == "version 3" {
				f.git("add", "--intent-to-add", "new.txt")
			}
			f.write("b/changed.txt", "changed")
			f.write("node_modules/x/index.js", "x")
			// The same size and modification time as git remembers: only the change time tells.
			info, err := os.Stat(f.path("same-size.txt"))
			f.must(err)
			f.write("same-size.txt", "C0mmitted same-size.txt")
			f.must(os.Chtimes(f.path("same-size.txt"), info.ModTime(), info.ModTime()))
			want := []string{"b/changed.txt", "new.txt", "node_modules/x/index.js*", "same-size.txt"}
			if runtime.GOOS == "windows" {
				want = want[:3]
			}
			if diff := cmp.Diff(want, f.found(time.Now().Add(-time.Hour))); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOlderThanTheJob(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.write("a.txt", "left by the last job")
	if got := f.found(time.Now().Add(time.Hour)); len(got) > 0 {
		t.Errorf("found %q, which is older than the job", got)
	}
	// npm and tar set times back; the change time shows that the file is new.
	old := time.Date(1985, 10, 26, 8, 15, 0, 0, time.UTC)
	f.must(os.Chtimes(f.path("a.txt"), old, old))
	if diff := cmp.Diff([]string{"a.txt"}, f.found(time.Now().Add(-time.Minute))); diff != "" {
		t.Errorf("a new file with an old date (-want +got):\n%s", diff)
	}
}

func TestAnIndexThatIsBrokenHidesNothing(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.git("init", "-q")
	f.write("a.txt", "committed")
	f.git("add", ".")
	data, err := os.ReadFile(f.path(".git/index"))
	f.must(err)
	for name, broken := range map[string][]byte{
		"cut": data[:len(data)-40], "empty": {}, "other": []byte("DIRC\x00\x00\x00\x09\x00\x00\x00\x01"),
	} {
		f.write(".git/index", string(broken))
		if diff := cmp.Diff([]string{"a.txt"}, f.found(time.Now().Add(-time.Hour))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestWhatCannotBeReadIsSaid(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" || os.Geteuid() == 0 {
		t.Skip("NOT TESTED: root reads everything, and Windows has other permissions")
	}
	f := newFolder(t)
	f.write("dir/a.txt", "a")
	f.must(os.Chmod(f.path("dir"), 0))
	t.Cleanup(func() { _ = os.Chmod(f.path("dir"), 0o700) })
	got, err := Changed(t.Context(), f.root, time.Time{})
	f.must(err)
	want := Found{Unread: []Unread{{f.path("dir"), "the agent's user may not read it"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Changed (-want +got):\n%s", diff)
	}
}

func TestLinksAreNotFollowed(t *testing.T) {
	t.Parallel()
	f, other := newFolder(t), newFolder(t)
	other.write("secret.txt", "s")
	if err := os.Symlink(other.path("secret.txt"), f.path("file")); err != nil {
		t.Skip("NOT TESTED: this system makes no links: ", err)
	}
	f.must(os.Symlink(other.root, f.path("folder")))
	if got := f.found(time.Time{}); len(got) > 0 {
		t.Errorf("found %q behind links", got)
	}
	if file, err := Open(f.path("file")); err == nil && runtime.GOOS != "windows" {
		t.Errorf("Open follows a link to %s", file.Name())
	}
	if got, err := Changed(t.Context(), f.path("folder"), time.Time{}); err != nil || len(got.Files) != 1 {
		t.Errorf("Changed of a root that is a link = %v, %v, want one file", got, err)
	}
}

func TestRoots(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.write("a.txt", "abc")
	got, err := Changed(t.Context(), f.path("a.txt"), time.Now().Add(time.Hour))
	if diff := cmp.Diff(Found{Files: []File{{Path: f.path("a.txt"), Name: f.path("a.txt")}}}, got); err != nil || diff != "" {
		t.Errorf("Changed of a file: %v (-want +got):\n%s", err, diff)
	}
	if got, err := Changed(t.Context(), f.path("none"), time.Time{}); err != nil || len(got.Files)+len(got.Unread) > 0 {
		t.Errorf("Changed of nothing = %v, %v", got, err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	cancel(stopped)
	if _, err := Changed(ctx, f.root, time.Time{}); !errors.Is(err, stopped) {
		t.Errorf("Changed of a cancelled job: error %v, want %v", err, stopped)
	}
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte("DIRC\x00\x00\x00\x02\x00\x00\x00\x01"), false)
	f.Add(append([]byte("DIRC\x00\x00\x00\x04\x00\x00\x00\x01"), make([]byte, 100)...), true)
	f.Fuzz(func(t *testing.T, data []byte, long bool) {
		hash := 20
		if long {
			hash = 32
		}
		files, err := parseIndex(data, hash)
		if err == nil && len(files) > len(data) {
			t.Errorf("parseIndex of %d bytes: %d files", len(data), len(files))
		}
	})
}
