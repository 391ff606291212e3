package checkout

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// clone makes another checkout of s, as an agent does.
func (s *sources) clone(args ...string) *sources {
	s.t.Helper()
	s.git("config", "uploadpack.allowFilter", "true")
	s.git("config", "uploadpack.allowAnySHA1InWant", "true")
	c := &sources{t: s.t, dir: filepath.Join(s.t.TempDir(), "mit Leerzeichen ä", "clone"), home: s.t.TempDir()}
	s.git(append(append([]string{"clone", "-q"}, args...), "file://"+s.dir, c.dir)...)
	return c
}

func TestReadFromEveryKindOfCheckout(t *testing.T) {
	t.Parallel()
	for at, make := range map[string]func(s *sources) *sources{
		"clone":    func(s *sources) *sources { return s.clone() },
		"shallow":  func(s *sources) *sources { return s.clone("--depth=1") },
		"borrowed": func(s *sources) *sources { return s.clone("--shared") },
		"partial":  func(s *sources) *sources { return s.clone("--filter=blob:none") },
		"sparse": func(s *sources) *sources {
			c := s.clone("--filter=blob:none", "--sparse")
			c.git("sparse-checkout", "set", "in")
			return c
		},
		"sparse, with an index that is": func(s *sources) *sources {
			c := s.clone("--sparse")
			c.packTimes = true
			c.git("sparse-checkout", "set", "--cone", "--sparse-index", "in")
			return c
		},
		"sparse, by patterns": func(s *sources) *sources {
			c := s.clone()
			c.git("sparse-checkout", "set", "--no-cone", "/in/", "/.gitattributes")
			return c
		},
		"linked work tree": func(s *sources) *sources {
			c := s.clone()
			w := &sources{t: s.t, dir: filepath.Join(s.t.TempDir(), "w"), home: c.home}
			c.git("worktree", "add", "-q", "--detach", w.dir)
			return w
		},
		"submodule": func(s *sources) *sources {
			outer := newSources(s.t, map[string]string{"outer.txt": "o\n"})
			outer.git("submodule", "--quiet", "add", "file://"+s.dir, "sub")
			return &sources{t: s.t, dir: filepath.Join(outer.dir, "sub"), home: outer.home}
		},
		"packed": func(s *sources) *sources {
			c := s.clone()
			c.git("gc", "-q")
			return c
		},
	} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			c := make(newSources(t, map[string]string{
				"in/a.txt": "a\n", "in/b.txt": "b\n", "out/deep/c.txt": "c\n", ".gitattributes": "",
			}))
			if got := c.read(); len(got.Files)+len(got.Others)+len(got.Nested) > 0 {
				t.Errorf("Read of a fresh checkout found %q, %q, %q; want nothing", told(got.Files), got.Others, got.Nested)
			}
			c.write("in/a.txt", "aa\n")
			c.write("in/new.txt", "n\n")
			c.remove("in/b.txt")
			want := []string{`100644>100644 in/a.txt "aa\n"`, `100644>- in/b.txt`, `->100644 in/new.txt "n\n"`}
			if diff := cmp.Diff(want, told(c.read().Files)); diff != "" {
				t.Errorf("Read (-want +got):\n%s", diff)
			}
		})
	}
}

// What a step writes outside of a sparse checkout's folders is a change, too.
func TestReadSeesWhatIsOutsideOfASparseCheckout(t *testing.T) {
	t.Parallel()
	c := newSources(t, map[string]string{"in/a.txt": "a\n", "out/deep/c.txt": "c\n"}).clone("--filter=blob:none", "--sparse")
	c.git("sparse-checkout", "set", "in")
	c.write("out/deep/c.txt", "cc\n")
	c.write("elsewhere/new.txt", "n\n")
	want := []string{`->100644 elsewhere/new.txt "n\n"`, `100644>100644 out/deep/c.txt "cc\n"`}
	if diff := cmp.Diff(want, told(c.read().Files)); diff != "" {
		t.Errorf("Read (-want +got):\n%s", diff)
	}
}

// git finds an object that it is about to write in the borrowed ones, and sets its time.
func TestReadLeavesTheTimeOfOldObjects(t *testing.T) {
	t.Parallel()
	for at, pack := range map[string]bool{"loose": false, "packed": true} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			s := newSources(t, map[string]string{"f.txt": "first\n", ".gitattributes": "*.id ident\n", "f.id": "$Id$ 1\n"})
			s.commit(map[string]string{"f.txt": "second\n", "f.id": "$Id$ 2\n"})
			if pack {
				s.git("gc", "-q")
			}
			s.write("f.txt", "first\n")
			s.write("f.id", "$Id: 123 $ 1\n")
			want := []string{`100644>100644 f.id "$Id$ 1\n"`, `100644>100644 f.txt "first\n"`}
			if diff := cmp.Diff(want, told(s.read().Files)); diff != "" { // compares all times
				t.Errorf("Read (-want +got):\n%s", diff)
			}
		})
	}
}

// A file that was changed in the moment in which the index was written, and kept its size,
// is only found by its content; and only as long as the copy of the index has that time.
func TestReadSeesAChangeOfTheSameMoment(t *testing.T) {
	t.Parallel()
	for at, removed := range map[string]bool{"alone": false, "after one that has its own way into the index": true} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			s := newSources(t, map[string]string{"a.txt": "a\n", "edited.txt": "old\n", "secret.enc": "s\n"})
			s.git("config", "core.trustctime", "false")
			moment := time.Date(2026, 11, 22, 12, 0, 0, 500, time.UTC)
			date := func(names ...string) {
				for _, name := range names {
					if err := os.Chtimes(filepath.Join(s.dir, name), moment, moment); err != nil {
						t.Fatal(err)
					}
				}
			}
			s.write(".git/info/attributes", "secret.enc filter=crypt\n")
			date("edited.txt", "secret.enc", "a.txt")
			s.git("update-index", "--refresh")
			s.write("edited.txt", "new\n")
			s.write("secret.enc", "x\n") // what its filter would make of it cannot be told
			date("edited.txt", "secret.enc", ".git/index")
			want := []string{`100644>100644 edited.txt "new\n"`}
			if removed {
				s.remove("a.txt")
				want = append([]string{`100644>- a.txt`}, want...)
			}
			if diff := cmp.Diff(want, told(s.read().Files)); diff != "" {
				t.Errorf("Read (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadTellsSubmodulesAndNestedRepositories(t *testing.T) {
	t.Parallel()
	inner := newSources(t, map[string]string{"i.txt": "i\n"})
	s := newSources(t, map[string]string{"f.txt": "f\n"})
	s.git("submodule", "--quiet", "add", "file://"+inner.dir, "sub")
	s.git("submodule", "--quiet", "add", "file://"+inner.dir, "dirty")
	s.git("config", "-f", ".gitmodules", "submodule.sub.ignore", "all") // hides nothing here
	s.commit(nil)
	sub := &sources{t: t, dir: filepath.Join(s.dir, "sub"), home: s.home}
	id := sub.commit(map[string]string{"i.txt": "changed\n"})
	dirty := &sources{t: t, dir: filepath.Join(s.dir, "dirty"), home: s.home}
	dirty.write("i.txt", "changed, not committed\n")
	for _, name := range []string{"nested", "tools/nested"} {
		nested := &sources{t: t, dir: filepath.Join(s.dir, filepath.FromSlash(name)), home: s.home}
		nested.write("n.txt", "n\n")
		nested.git("init", "-q")
		nested.commit(nil)
	}
	got := s.read()
	if diff := cmp.Diff([]string{"160000>160000 sub @" + string(id)}, told(got.Files)); diff != "" {
		t.Errorf("Read: Files (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"nested", "tools/nested"}, got.Nested); diff != "" {
		t.Errorf("Read: Nested (-want +got):\n%s", diff)
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for at, tc := range map[string]struct {
		change func(s *sources)
		want   string
	}{
		"no repository": {func(s *sources) { s.remove(".git") }, "there is no .git in"},
		"a folder within": {func(s *sources) {
			s.write("folder/f", "")
			s.dir = filepath.Join(s.dir, "folder")
		}, "there is no .git in"},
		"no folder": {func(s *sources) {
			s.remove(".git")
			s.write(".git", "gitdir: \n")
		}, "does not name a folder"},
		"an odd folder": {func(s *sources) {
			s.remove(".git")
			s.write(".git", "gitdir: ../nowhere\n")
		}, "is no whole repository"},
		"a file of another kind": {func(s *sources) {
			s.remove(".git")
			s.write(".git", strings.Repeat("x", maxPointer+1))
		}, "more than 8192 bytes"},
		"no index":  {func(s *sources) { s.remove(".git/index") }, "nothing is checked out"},
		"no config": {func(s *sources) { s.remove(".git/config") }, "is no whole repository"},
		"no commit": {func(s *sources) { s.git("checkout", "-q", "--orphan", "new") }, "no commit is checked out"},
		"other names": {func(s *sources) {
			s.remove(".git")
			s.git("init", "-q", "--object-format=sha256")
			s.commit(nil)
		}, "SHA-256"},
		"conflict": {func(s *sources) {
			s.git("checkout", "-q", "-b", "other")
			s.commit(map[string]string{"f.txt": "theirs\n"})
			s.git("checkout", "-q", "main")
			s.commit(map[string]string{"f.txt": "ours\n"})
			if _, err := s.try("merge", "other"); err == nil {
				s.t.Fatal("merge found no conflict")
			}
		}, `"f.txt" has a conflict; resolve it`},
		"too large": {func(s *sources) {
			s.write("huge\n.bin", "")
			if err := os.Truncate(filepath.Join(s.dir, "huge\n.bin"), maxFile+1); err != nil {
				s.t.Fatal(err)
			}
		}, `"huge\n.bin" makes it more than 64 MiB`},
		"too much": {func(s *sources) {
			for _, name := range []string{"1", "2", "3"} {
				s.write(name, "")
				if err := os.Truncate(filepath.Join(s.dir, name), maxTotal/2); err != nil {
					s.t.Fatal(err)
				}
			}
		}, "more than 64 MiB"},
	} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			s := newSources(t, map[string]string{"f.txt": "f\n"})
			tc.change(s)
			got, err := s.tryRead(nil)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("Read, %s = %q, %v; want an error of one line with %q", at, told(got.Files), err, tc.want)
			}
		})
	}
}

func TestReadRefusesScratchInTheCheckout(t *testing.T) {
	t.Parallel()
	s := newSources(t, map[string]string{"f.txt": "f\n"})
	_, err := Read(t.Context(), newGit(t), Folder{Dir: s.dir, Scratch: filepath.Join(s.dir, "tmp")})
	if err == nil || !strings.Contains(err.Error(), "inside of the checkout") {
		t.Errorf("Read with a scratch folder in the checkout = %v, want an error", err)
	}
}

// A .git that never ends must not stop the job.
func TestReadWaitsForNoPipe(t *testing.T) {
	t.Parallel()
	for _, name := range []string{".git/index", ".git/config", ".git/info/exclude", ".git/commondir"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSources(t, map[string]string{"f.txt": "f\n"})
			s.remove(name)
			if err := os.MkdirAll(filepath.Join(s.dir, ".git", "info"), 0o755); err != nil {
				t.Fatal(err)
			}
			makePipe(t, filepath.Join(s.dir, name))
			// No snapshot: a pipe has no content to compare. The context is the test's.
			if _, err := Read(t.Context(), newGit(t), Folder{Dir: s.dir, Scratch: t.TempDir()}); err == nil {
				t.Errorf("Read with a pipe for %s succeeded, want an error", name)
			}
		})
	}
}
