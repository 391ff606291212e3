package lockfile

import (
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is read and compared in one go is what Read and Stale say, of all lock files of
// testdata, with their manifests and with others.
func TestReadComparedIsReadAndStale(t *testing.T) {
	t.Parallel()
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal(archives, err)
	}
	fresh, stale := 0, 0
	for _, archive := range archives {
		tree := testProject(t, strings.TrimSuffix(filepath.Base(archive), ".txtar"))
		err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !Auditable(name) {
				return err
			}
			for _, in := range []fs.FS{tree, onlyFile{tree, name}} {
				lock, err := Read(in, name)
				var why error
				if err == nil {
					why = Stale(in, lock)
				}
				got, gotWhy, gotErr := ReadCompared(in, name)
				if diff := cmp.Diff(lock, got); diff != "" {
					t.Errorf("%s: ReadCompared(%s) (-Read +ReadCompared):\n%s", archive, name, diff)
				}
				if fmt.Sprint(gotErr, gotWhy) != fmt.Sprint(err, why) {
					t.Errorf("%s: ReadCompared(%s) has errors %v and %v, want %v and %v", archive, name, gotErr, gotWhy, err, why)
				}
				if err == nil && why == nil {
					fresh++
				} else if why != nil {
					stale++
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if fresh == 0 || stale == 0 {
		t.Errorf("%d lock files were fresh and %d stale, want some of each", fresh, stale)
	}
}

// onlyFile is a tree with nothing but one file.
type onlyFile struct {
	fs.FS
	name string
}

// Open opens the file, and folders without anything in them.
func (o onlyFile) Open(name string) (fs.File, error) {
	if info, err := fs.Stat(o.FS, name); name != o.name && (err != nil || !info.IsDir()) {
		return nil, &fs.PathError{Op: "open", Path: path.Clean(name), Err: fs.ErrNotExist}
	}
	return o.FS.Open(name)
}
