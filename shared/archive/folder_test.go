package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func newFolder(t testing.TB, dst string) *Folder {
	t.Helper()
	folder, err := NewFolder(dst)
	if err != nil {
		t.Fatalf("NewFolder(%s): %v", dst, err)
	}
	return folder
}

// Until Place nobody sees the new folder, and after Discard nobody ever will.
func TestDiscard(t *testing.T) {
	t.Parallel()
	for name, had := range map[string]bool{"nothing there": false, "an old folder": true} {
		parent := t.TempDir()
		dst := filepath.Join(parent, "dst")
		var want []string
		if had {
			marked(t, dst)
			want = []string{"dst"}
		}
		folder := newFolder(t, dst)
		if err := folder.WriteFile(File{Path: "a/b", Size: 1}, []byte("x")); err != nil {
			t.Fatal(err)
		}
		if text, err := fs.ReadFile(folder.FS(), "a/b"); err != nil || string(text) != "x" {
			t.Errorf("%s: FS has %q, %v, want what was written", name, text, err)
		}
		if _, err := os.Stat(filepath.Join(dst, "a")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the new folder is visible before Place: %v", name, err)
		}
		if err := folder.Discard(); err != nil {
			t.Errorf("%s: Discard: %v", name, err)
		}
		onlyEntry(t, parent, want...)
		if had && is(dst) != "dst" {
			t.Errorf("%s: after Discard the old folder is %q", name, is(dst))
		}
	}
}

// No name leads out of a Folder, and none is written twice.
func TestFolderRefuses(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"../a", "/tmp/guardrails-a", "x/../../a", `..\a`, "C:a", "", ".", "NUL", "x/aux.txt", "taken", "taken/below", "link/a", "link",
	} {
		outside := t.TempDir()
		parent := filepath.Join(outside, "parent")
		folder := newFolder(t, filepath.Join(parent, "dst"))
		if err := folder.WriteFile(File{Path: "taken", Size: 1}, []byte("x")); err != nil {
			t.Fatal(err)
		}
		// Nobody but we should be writing there; if somebody is, it helps him nothing.
		_ = os.Symlink(outside, filepath.Join(folder.stage, "link")) // where links can be made
		if runtime.GOOS == "windows" && strings.HasPrefix(name, "link") {
			name = "taken"
		}
		if err := folder.WriteFile(File{Path: name, Size: 1}, []byte("y")); err == nil {
			t.Errorf("WriteFile(%q) succeeded", name)
		}
		if out, err := folder.Create(File{Path: name, Size: 1}); err == nil {
			t.Errorf("Create(%q) succeeded", name)
			_ = out.Close()
		}
		if name != "" && name != "." {
			if err := folder.Mkdir(name + "/d"); err == nil {
				t.Errorf("Mkdir(%q) succeeded", name+"/d")
			}
		}
		if text, err := fs.ReadFile(folder.FS(), "taken"); err != nil || string(text) != "x" {
			t.Errorf("after WriteFile(%q) the file before it holds %q, %v", name, text, err)
		}
		if err := folder.Discard(); err != nil {
			t.Error(err)
		}
		onlyEntry(t, outside, "parent")
		onlyEntry(t, parent)
	}
}

func TestFolderTakesParallelWriters(t *testing.T) {
	t.Parallel()
	dst := filepath.Join(t.TempDir(), "dst")
	folder := newFolder(t, dst)
	want := map[string]string{}
	for i := range 400 {
		want[fmt.Sprintf("%d/%d/file-%d", i%7, i%3, i)] = fmt.Sprint("content ", i)
	}
	var writers sync.WaitGroup
	for name, content := range want {
		writers.Go(func() {
			if err := folder.WriteFile(File{Path: name, Size: int64(len(content))}, []byte(content)); err != nil {
				t.Errorf("WriteFile(%q): %v", name, err)
			}
		})
	}
	writers.Wait()
	if err := folder.Place(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, contents(t, dst)); diff != "" {
		t.Errorf("parallel writers made (-want +got):\n%s", diff)
	}
}

// What is in a folder that only its owner may enter stays so.
func TestPermissionsOfTheRoot(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such permissions")
	}
	for _, want := range []fs.FileMode{0o700, 0o750, 0o755 | fs.ModeSetgid} {
		dst := filepath.Join(t.TempDir(), "dst")
		if err := errors.Join(os.Mkdir(dst, 0o755), os.Chmod(dst, want)); err != nil {
			t.Fatal(err)
		}
		folder := newFolder(t, dst)
		during, err := os.Stat(folder.stage)
		if err != nil {
			t.Fatal(err)
		}
		if err := folder.Place(); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(dst)
		if err != nil || info.Mode()&^fs.ModeDir != want || during.Mode().Perm() != 0o700 {
			t.Errorf("Place over a folder with mode %v made one with %v, %v, from one with %v", want, info.Mode(), err, during.Mode())
		}
	}
}

// A place where no folder can be put is told before anything is written.
func TestFolderAtAnImpossiblePlace(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(t *testing.T, dst string){
		"a file": func(t *testing.T, dst string) {
			if err := os.WriteFile(dst, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"a link": func(t *testing.T, dst string) {
			if err := os.Symlink(t.TempDir(), dst); err != nil {
				t.Skip(err)
			}
		},
		"below a file": func(t *testing.T, dst string) {
			if err := os.Remove(filepath.Dir(dst)); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Dir(dst), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"a mount point": mount,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dst := filepath.Join(t.TempDir(), "parent", "dst")
			if err := os.Mkdir(filepath.Dir(dst), 0o755); err != nil {
				t.Fatal(err)
			}
			if name == "a mount point" && (runtime.GOOS != "linux" || os.Getuid() != 0) {
				t.Skip("only root on Linux can make one here")
			}
			prepare(t, dst)
			_, err := NewFolder(dst)
			var place *PlaceError
			if !errors.As(err, &place) || place.Path != dst || !strings.Contains(err.Error(), "cannot be replaced") {
				t.Errorf("NewFolder: error %v, want a *PlaceError of %s", err, dst)
			}
			if left, _ := filepath.Glob(dst + stageMark + "*"); len(left) != 0 {
				t.Errorf("NewFolder at %s left %v", name, left)
			}
		})
	}
}

// mount makes dir a mount point of the very file system that it is on, which no
// comparison of devices shows.
func mount(t *testing.T, dir string) {
	t.Helper()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "--bind", dir, dir).CombinedOutput(); err != nil {
		t.Skipf("nothing can be mounted here: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "--lazy", dir).CombinedOutput(); err != nil {
			t.Errorf("umount %s: %v: %s", dir, err, out)
		}
	})
}

// A full disk leaves nothing, and is nobody else's fault.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("a small disk can only be made by root on Linux")
	}
	dir := t.TempDir()
	disk := exec.Command("mount", "-t", "tmpfs", "-o", "size=1m", "guardrails-test", dir)
	if out, err := disk.CombinedOutput(); err != nil {
		t.Skipf("no small disk can be made here: %v: %s", err, out)
	}
	t.Cleanup(func() {
		// Lazily, as a process that another test forks right now holds what we had open.
		if out, err := exec.Command("umount", "--lazy", dir).CombinedOutput(); err != nil {
			t.Errorf("umount %s: %v: %s", dir, err, out)
		}
	})
	folder := newFolder(t, filepath.Join(dir, "dst"))
	err := folder.WriteFile(File{Path: "a", Size: 3 << 20}, make([]byte, 3<<20))
	var path *fs.PathError
	if !errors.As(err, &path) {
		t.Errorf("WriteFile to a full disk: error %v, want the file system's", err)
	}
	if err := folder.Discard(); err != nil {
		t.Errorf("Discard on a full disk: %v", err)
	}
	onlyEntry(t, dir)
}

func FuzzFolder(f *testing.F) {
	f.Add("a\nb/c", "one")
	f.Add("../../x\n/y", "one")
	f.Add(`C:\x`+"\nb\\..\\..\\c", "onetwo")
	f.Add("a\na/b\nA", "")
	f.Fuzz(func(t *testing.T, names string, content string) {
		outside := t.TempDir()
		parent := filepath.Join(outside, "parent")
		if err := os.Mkdir(parent, 0o755); err != nil {
			t.Fatal(err)
		}
		folder := newFolder(t, filepath.Join(parent, "dst"))
		written := map[string]string{}
		var files []File
		for name := range strings.SplitSeq(names, "\n") {
			file := File{Path: name, Size: int64(len(content))}
			files = append(files, file)
			// Whatever Check says: a Folder is safe without.
			if folder.WriteFile(file, []byte(content)) == nil {
				written[path.Clean(name)] = content
			} else if len(files) == 1 && Check(files, nil, DefaultLimits()) == nil {
				t.Errorf("Check takes %q, but a Folder does not", name)
			}
			_ = folder.Mkdir(name + content) // it may well refuse
		}
		onlyEntry(t, outside, "parent")
		if err := folder.Place(); err != nil {
			t.Fatal(err)
		}
		onlyEntry(t, outside, "parent")
		onlyEntry(t, parent, "dst")
		for name, content := range contentsOfFiles(t, filepath.Join(parent, "dst")) {
			if want, ok := written[name]; !ok || want != content {
				t.Errorf("the Folder holds %q with %q, want %q", name, content, want)
			}
			delete(written, name)
		}
		if len(written) > 0 {
			t.Errorf("the Folder lacks %v", written)
		}
	})
}

func contentsOfFiles(t *testing.T, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(name)
		found[filepath.ToSlash(rel)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
