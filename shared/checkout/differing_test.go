package checkout

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/proc"
)

// within is the checkout of a submodule.
func (s *sources) within(name string) *sources {
	return &sources{t: s.t, dir: filepath.Join(s.dir, filepath.FromSlash(name)), home: s.home}
}

// newNested is a checkout with a submodule, lib/sub, that has one in turn, deep.
func newNested(t *testing.T) *sources {
	t.Helper()
	deep := newSources(t, map[string]string{"d.txt": "d\n"})
	sub := newSources(t, map[string]string{"i.txt": "i\n", "j.txt": "j\n", ".gitignore": "*.log\n"})
	sub.git("submodule", "--quiet", "add", "file://"+deep.dir, "deep")
	sub.commit(nil)
	s := newSources(t, map[string]string{"f.txt": "f\n", "g.txt": "g\n", "in/h.txt": "h\n"})
	s.git("submodule", "--quiet", "add", "file://"+sub.dir, "lib/sub")
	s.git("submodule", "--quiet", "update", "--init", "--recursive")
	s.commit(nil)
	return s
}

// copy is the same checkout elsewhere.
func (s *sources) copy(t *testing.T) *sources {
	t.Helper()
	c := &sources{t: t, dir: filepath.Join(t.TempDir(), "s"), home: t.TempDir()}
	if err := os.CopyFS(c.dir, os.DirFS(s.dir)); err != nil {
		t.Fatal(err)
	}
	return c
}

// tryDiffering fails the test if anything has changed in the checkout.
func (s *sources) tryDiffering(want func(string) bool) ([]string, error) {
	s.t.Helper()
	before := s.snapshot()
	found, err := Differing(s.t.Context(), newGit(s.t), Folder{
		Dir: s.dir, Scratch: filepath.Join(s.t.TempDir(), "scratch"), Home: s.home, Want: want,
	})
	if diff := cmp.Diff(before, s.snapshot()); diff != "" {
		s.t.Errorf("Differing has touched the checkout (-before +after):\n%s", diff)
	}
	return found, err
}

func (s *sources) differs(at string, want ...string) {
	s.t.Helper()
	got, err := s.tryDiffering(nil)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		s.t.Errorf("Differing, %s: %v (-want +got):\n%s", at, err, diff)
	}
}

func TestDifferingLooksWhereGitWasToldNotTo(t *testing.T) {
	t.Parallel()
	for at, tc := range map[string]struct {
		change func(s *sources)
		want   []string
	}{
		"nothing": {change: func(*sources) {}},
		"without it": {func(s *sources) {
			s.write("f.txt", "mine\n")
			s.write("in/new.txt", "n\n")
			s.remove("g.txt")
		}, []string{"f.txt", "g.txt", "in/new.txt"}},
		"assume-unchanged": {func(s *sources) {
			s.git("update-index", "--assume-unchanged", "f.txt", "g.txt")
			s.write("f.txt", "mine\n")
		}, []string{"f.txt"}},
		"skip-worktree": {func(s *sources) {
			s.git("update-index", "--skip-worktree", "f.txt", "g.txt")
			s.write("f.txt", "mine\n")
		}, []string{"f.txt"}},
		"both": {func(s *sources) {
			s.git("update-index", "--skip-worktree", "f.txt")
			s.git("update-index", "--assume-unchanged", "f.txt")
			s.write("f.txt", "mine\n")
		}, []string{"f.txt"}},
		"skip-worktree, and it is not there": {func(s *sources) {
			s.git("update-index", "--skip-worktree", "f.txt")
			s.remove("f.txt")
		}, []string{"f.txt"}},
		"attributes of this checkout alone": {func(s *sources) {
			s.write(".git/info/attributes", "* text\n")
			s.write("f.txt", "f\r\n")
			s.git("add", "-A")
			s.write("f.txt", "f\r\n")
		}, []string{"f.txt"}},
		"names almost alike": {func(s *sources) {
			if foldsCase(s.dir) {
				s.t.Skip("they are one file here")
			}
			s.git("config", "core.ignoreCase", "true")
			s.write("IN/H.txt", "x\n")
			s.write("in/H.txt", "x\n")
		}, []string{"IN/H.txt", "in/H.txt"}},
		"a sparse checkout": {change: func(s *sources) { s.git("sparse-checkout", "set", "--no-cone", "/f.txt") }},
		"a sparse checkout that expects more": {func(s *sources) {
			s.git("sparse-checkout", "set", "--no-cone", "/f.txt")
			s.git("config", "sparse.expectFilesOutsideOfPatterns", "true")
			s.write("in/h.txt", "mine\n")
		}, []string{"in/h.txt"}},
		"a sparse index": {func(s *sources) {
			s.git("sparse-checkout", "set", "--cone", "--sparse-index", "other")
			s.git("gc", "-q")
			s.packTimes = true
			s.write("in/h.txt", "mine\n")
		}, []string{"in/h.txt"}},
		"ignored here alone": {func(s *sources) {
			s.write(".git/info/exclude", "*.tmp\n")
			s.write("in/a.tmp", "x\n")
		}, []string{"in/a.tmp"}},
		"ignored by the user": {func(s *sources) {
			for name, text := range map[string]string{".gitconfig": "[core]\n\texcludesFile = " +
				filepath.ToSlash(filepath.Join(s.home, "mine")) + "\n", "mine": "*.tmp\n", ".config/git/ignore": "*.tmp\n"} {
				(&sources{t: s.t, dir: s.home}).write(name, text)
			}
			s.write("in/a.tmp", "x\n")
		}, []string{"in/a.tmp"}},
		"times count less": {func(s *sources) {
			s.git("config", "core.trustctime", "false")
			s.git("config", "core.checkStat", "minimal")
			s.write("new", "x\n")
			moment := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
			for _, name := range []string{"f.txt", "new"} {
				if err := os.Chtimes(filepath.Join(s.dir, name), moment, moment); err != nil {
					s.t.Fatal(err)
				}
			}
			s.git("update-index", "--refresh")
			if err := os.Rename(filepath.Join(s.dir, "new"), filepath.Join(s.dir, "f.txt")); err != nil {
				s.t.Fatal(err)
			}
		}, []string{"f.txt"}},
		"a repository": {func(s *sources) {
			nested := s.within("in/nested")
			nested.write("n.txt", "n\n")
			nested.git("init", "-q")
			nested.commit(nil)
		}, []string{"in/nested"}},
	} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			s := newSources(t, map[string]string{"f.txt": "f\n", "g.txt": "g\n", "in/h.txt": "h\n"})
			tc.change(s)
			s.differs(at, tc.want...)
		})
	}
}

func TestDifferingLooksIntoSubmodules(t *testing.T) {
	t.Parallel()
	whole := newNested(t)
	for at, tc := range map[string]struct {
		change func(s *sources)
		want   []string
	}{
		"nothing": {change: func(*sources) {}},
		"touched": {change: func(s *sources) { s.write("lib/sub/i.txt", "i\n") }},
		"files": {func(s *sources) {
			s.write("lib/sub/i.txt", "mine\n")
			s.write("lib/sub/x/new.txt", "n\n")
			s.write("lib/sub/a.log", "ignored\n")
			s.remove("lib/sub/j.txt")
			s.write("f.txt", "mine\n")
		}, []string{"f.txt", "lib/sub/i.txt", "lib/sub/j.txt", "lib/sub/x/new.txt"}},
		"files of its submodule": {func(s *sources) {
			s.write("lib/sub/deep/d.txt", "mine\n")
			s.write("lib/sub/deep/new.txt", "n\n")
		}, []string{"lib/sub/deep/d.txt", "lib/sub/deep/new.txt"}},
		"staged there": {func(s *sources) {
			s.write("lib/sub/i.txt", "mine\n")
			s.within("lib/sub").git("add", "-A")
		}, []string{"lib/sub/i.txt"}},
		"told there": {func(s *sources) {
			s.within("lib/sub").git("update-index", "--assume-unchanged", "i.txt")
			s.write("lib/sub/i.txt", "mine\n")
			s.write(".git/modules/lib/sub/info/exclude", "*.tmp\n")
			s.write("lib/sub/a.tmp", "x\n")
		}, []string{"lib/sub/a.tmp", "lib/sub/i.txt"}},
		"told to look at none": {func(s *sources) {
			s.git("config", "submodule.lib/sub.ignore", "all")
			s.git("config", "diff.ignoreSubmodules", "all")
			s.write("lib/sub/i.txt", "mine\n")
		}, []string{"lib/sub/i.txt"}},
		"another commit": {func(s *sources) { s.within("lib/sub").commit(nil) }, []string{"lib/sub"}},
		"another commit, staged": {func(s *sources) {
			s.within("lib/sub").commit(nil)
			s.git("add", "lib/sub")
		}, []string{"lib/sub"}},
		"another commit, told to be unchanged": {func(s *sources) {
			s.within("lib/sub").commit(nil)
			s.git("update-index", "--assume-unchanged", "lib/sub")
		}, []string{"lib/sub"}},
		"another commit of its submodule": {func(s *sources) {
			s.within("lib/sub/deep").commit(nil)
		}, []string{"lib/sub/deep"}},
		"not checked out": {change: func(s *sources) { s.git("submodule", "--quiet", "deinit", "-f", "lib/sub") }},
		"out of a sparse checkout": {change: func(s *sources) {
			s.git("sparse-checkout", "set", "--no-cone", "/f.txt")
			s.remove("lib")
		}},
		"not there":   {func(s *sources) { s.remove("lib/sub") }, []string{"lib/sub"}},
		"files alone": {func(s *sources) { s.remove("lib/sub/.git") }, []string{"lib/sub"}},
		"a link": {func(s *sources) {
			elsewhere := filepath.Join(s.t.TempDir(), "sub")
			if err := os.Rename(filepath.Join(s.dir, "lib/sub"), elsewhere); err != nil {
				s.t.Fatal(err)
			}
			s.link(elsewhere, "lib/sub")
		}, []string{"lib/sub"}},
		"a link on the way": {func(s *sources) {
			elsewhere := filepath.Join(s.t.TempDir(), "lib")
			if err := os.Rename(filepath.Join(s.dir, "lib"), elsewhere); err != nil {
				s.t.Fatal(err)
			}
			s.link(elsewhere, "lib")
		}, []string{"lib", "lib/sub"}},
		"in a loop": {func(s *sources) {
			s.remove("lib/sub/.git")
			s.write("lib/sub/.git", "gitdir: ../../.git\n")
		}, []string{"lib/sub"}},
		"with its repository inside": {func(s *sources) {
			own := s.within("own")
			own.write("o.txt", "o\n")
			own.git("init", "-q")
			own.commit(nil)
			s.git("-c", "advice.addEmbeddedRepo=false", "add", "own")
			s.commit(nil)
			own.write("o.txt", "mine\n")
		}, []string{"own/o.txt"}},
		"in a linked work tree": {func(s *sources) {
			dir := filepath.Join(s.t.TempDir(), "w")
			s.git("worktree", "add", "-q", "--detach", dir)
			s.dir = dir
			s.git("submodule", "--quiet", "update", "--init", "--recursive")
			s.write("lib/sub/deep/d.txt", "mine\n")
		}, []string{"lib/sub/deep/d.txt"}},
	} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			s := whole.copy(t)
			tc.change(s)
			s.differs(at, tc.want...)
		})
	}
}

// What decides over others is missed in a sparse checkout, too.
func TestDifferingMissesWhatIsNeeded(t *testing.T) {
	t.Parallel()
	s := newNested(t)
	s.git("sparse-checkout", "set", "--no-cone", "/f.txt")
	sub := s.within("lib/sub")
	sub.git("sparse-checkout", "set", "--no-cone", "/i.txt")
	got, err := Differing(t.Context(), newGit(t), Folder{
		Dir: s.dir, Scratch: filepath.Join(t.TempDir(), "scratch"), Home: s.home,
		Needed: func(path string) bool { return path == "g.txt" || path == "lib/sub/j.txt" },
	})
	if diff := cmp.Diff([]string{"g.txt", "lib/sub/j.txt"}, got); err != nil || diff != "" {
		t.Errorf("Differing: %v (-want +got):\n%s", err, diff)
	}
}

// A folder of what was fetched can hold more names than git may print elsewhere.
func TestDifferingReadsManyNames(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("paths as long as this takes cannot be made here")
	}
	s := newSources(t, map[string]string{"f.txt": "f\n"})
	dir := strings.Repeat(strings.Repeat("d", 250)+"/", 14)
	names := proc.MaxOutput/len(dir) + 10
	for i := range names {
		s.write(dir+strconv.Itoa(i), "")
	}
	got, err := s.tryDiffering(nil)
	if err != nil || len(got) != names {
		t.Errorf("Differing with %d new files = %d names, %v; want all of them", names, len(got), err)
	}
}

// What is not wanted never counts, and whatever is wrong with it.
func TestDifferingAsksWhatIsWanted(t *testing.T) {
	t.Parallel()
	whole := newNested(t)
	beside := func(s *sources) { s.write("lib/sub/i.txt", "mine\n") }
	for at, tc := range map[string]struct {
		change func(s *sources)
		wanted string // the path begins with it
		want   []string
	}{
		"a change":                      {beside, "lib/sub/i", []string{"lib/sub/i.txt"}},
		"a change beside it":            {beside, "lib/sub/j", nil},
		"another commit":                {func(s *sources) { s.within("lib/sub").commit(nil) }, "lib/sub/i", []string{"lib/sub"}},
		"another commit, beside it":     {func(s *sources) { s.within("lib/sub").commit(nil) }, "in/", nil},
		"no repository":                 {func(s *sources) { s.remove("lib/sub/.git") }, "lib/sub/i", []string{"lib/sub"}},
		"no repository, beside it":      {func(s *sources) { s.remove("lib/sub/.git") }, "in/", nil},
		"a broken repository beside it": {func(s *sources) { s.remove(".git/modules/lib/sub/config") }, "in/", nil},
		"a repository of its own": {func(s *sources) {
			s.within("in/x").write("n.txt", "n\n")
			s.within("in/x").git("init", "-q")
		}, "in/x/n", []string{"in/x"}},
		"a repository of its own, beside it": {func(s *sources) {
			s.within("in/x").write("n.txt", "n\n")
			s.within("in/x").git("init", "-q")
		}, "lib/", nil},
	} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			s := whole.copy(t)
			tc.change(s)
			got, err := s.tryDiffering(func(path string) bool { return strings.HasPrefix(path, tc.wanted) })
			if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
				t.Errorf("Differing of %s*, %s: %v (-want +got):\n%s", tc.wanted, at, err, diff)
			}
		})
	}
}

func TestDifferingRefuses(t *testing.T) {
	t.Parallel()
	whole := newNested(t)
	// The same commit, kept where the pipeline has not put it.
	copied := func(s *sources) string {
		elsewhere := filepath.Join(s.t.TempDir(), "elsewhere")
		s.git("clone", "-q", "file://"+filepath.Join(s.dir, "lib/sub"), elsewhere)
		s.remove("lib/sub/.git")
		return filepath.Join(elsewhere, ".git")
	}
	for at, tc := range map[string]struct {
		change func(s *sources)
		want   string
	}{
		"no repository": {func(s *sources) { s.remove(".git") }, "there is no .git in"},
		"a submodule that is kept elsewhere": {func(s *sources) {
			s.write("lib/sub/.git", "gitdir: "+filepath.ToSlash(copied(s))+"\n")
		}, `submodule "lib/sub": what is .git in it leads to a repository elsewhere`},
		"a submodule behind a link": {func(s *sources) { s.link(copied(s), "lib/sub/.git") }, "leads to a repository elsewhere"},
		"a submodule with the objects of another": {func(s *sources) {
			s.write(".git/modules/lib/sub/commondir", filepath.ToSlash(copied(s))+"\n")
			s.write("lib/sub/.git", "gitdir: ../../.git/modules/lib/sub\n")
		}, "leads to a repository elsewhere"},
		"a submodule of nothing": {func(s *sources) {
			s.write("lib/sub/.git", "gitdir: nowhere\n")
		}, "is no whole repository"},
		"a submodule without an index": {func(s *sources) {
			s.remove(".git/modules/lib/sub/index")
		}, "nothing is checked out there"},
		"many submodules, one in the other": {func(s *sources) {
			dirs := []string{s.dir}
			for range maxParents + 1 {
				dirs = append(dirs, filepath.Join(dirs[len(dirs)-1], "d"))
			}
			for i := len(dirs) - 1; i >= 0; i-- {
				level := &sources{t: s.t, dir: dirs[i], home: s.home}
				level.write("f.txt", "f\n")
				level.git("init", "-q")
				level.git("add", "-A")
				level.git("commit", "-q", "-m", "a commit")
			}
		}, "it is in 10 others"},
	} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			s := whole.copy(t)
			tc.change(s)
			got, err := s.tryDiffering(nil)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("Differing, %s = %q, %v; want an error of one line with %q", at, got, err, tc.want)
			}
		})
	}
}
