package workspace

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestPublishedFollowsLinks: what publishes a folder takes what links lead to.
func TestPublishedFollowsLinks(t *testing.T) {
	t.Parallel()
	f, other := newFolder(t), newFolder(t)
	f.write("own.txt", "a")
	other.write("file.txt", "b")
	other.write("folder/inner.txt", "c")
	for link, target := range map[string]string{
		"file": other.path("file.txt"), "folder": other.path("folder"), "again": other.path("folder"),
		"nowhere": other.path("none"), "round": f.root,
	} {
		if err := os.Symlink(target, f.path(link)); err != nil {
			t.Skip("NOT TESTED: this system makes no links: ", err)
		}
	}
	got, err := Published(t.Context(), f.root)
	f.must(err)
	var paths []string
	for _, file := range got.Files {
		paths = append(paths, file.Path)
	}
	slices.Sort(paths)
	want := []string{f.path("own.txt"), other.path("file.txt"), other.path("folder/inner.txt")}
	slices.Sort(want)
	if diff := cmp.Diff(want, paths); diff != "" || len(got.Unread) > 0 {
		t.Errorf("Published, unread %v (-want +got):\n%s", got.Unread, diff)
	}
}

// TestCommitted: git's index is believed for what it says, in a submodule and a worktree,
// too, and hides no file.
func TestCommitted(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.write("main/a.txt", "committed")
	main := folder{t, f.path("main")}
	main.git("init", "-q")
	main.git("add", ".")
	main.git("commit", "-q", "-m", "x")
	main.git("worktree", "add", "-q", f.path("tree"))
	(folder{t, f.path("tree")}).git("status")
	main.git("status")
	f.write("tree/new.txt", "new")
	got, err := Changed(t.Context(), f.root, time.Now().Add(-time.Hour))
	f.must(err)
	committed := map[string]bool{}
	for _, file := range got.Files {
		committed[filepath.ToSlash(file.Path[len(f.root)+1:])] = file.Committed
	}
	for name, want := range map[string]bool{"main/a.txt": true, "tree/a.txt": true, "tree/new.txt": false} {
		if is, found := committed[name]; !found || is != want {
			t.Errorf("%s: found %v, committed %v, want it found and %v", name, found, is, want)
		}
	}
}

func TestDependencies(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"/w/node_modules/x/index.js": true, "/w/.go/pkg/mod/x@v1/a.go": true, "/w/vendor/a.go": true,
		"/w/pkg/model/a.go": false, "/w/src/vendor.go": false, "/w/.terraform/x": true,
	} {
		if got := isDependency(filepath.FromSlash(path)); got != want {
			t.Errorf("isDependency(%q) = %v, want %v", path, got, want)
		}
	}
}
