package fingerprint

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// listed are the paths of a context.
func listed(t testing.TB, dir string) (paths []string) {
	t.Helper()
	all, err := tree(t.Context(), dir, "")
	if err != nil {
		t.Fatalf("tree(%s): %v", dir, err)
	}
	for _, e := range all {
		paths = append(paths, e.Path)
	}
	return paths
}

func TestIgnored(t *testing.T) {
	t.Parallel()
	for patterns, want := range map[string]string{
		"":                       ". .dockerignore a a/b a/b/c.go a/b/d.txt a/e.txt f.go",
		"# a\n\n f.go \r\n/a/b/": ".dockerignore a a/e.txt",
		"*":                      "",
		"*\n!f.go":               "f.go",
		"*\n!a/b/*.go":           "a/b/c.go",
		"**/*.txt":               ".dockerignore a a/b a/b/c.go f.go",
		"a\n!a/b":                ".dockerignore a/b a/b/c.go a/b/d.txt f.go",
		"a\n!a/b\na/b/c.go":      ".dockerignore a/b a/b/d.txt f.go",
		"a/b\n!**/d.txt":         ".dockerignore a a/b/d.txt a/e.txt f.go",
		".dockerignore\na/?\n":   "a a/e.txt f.go",
		"!f.go\nf.go":            ".dockerignore a a/b a/b/c.go a/b/d.txt a/e.txt",
		"\ufefff.go":             ".dockerignore a a/b a/b/c.go a/b/d.txt a/e.txt",
		"A":                      ".dockerignore a a/b a/b/c.go a/b/d.txt a/e.txt f.go",
		"./a/../f.go":            ".dockerignore a a/b a/b/c.go a/b/d.txt a/e.txt",
		"a/**":                   ".dockerignore a f.go",
	} {
		dir := t.TempDir()
		write(t, dir, map[string]string{
			"a/b/c.go": "", "a/b/d.txt": "", "a/e.txt": "", "f.go": "", ".dockerignore": patterns,
		})
		got := strings.Join(listed(t, dir), " ")
		if want = strings.TrimPrefix(want, ". "); got != want {
			t.Errorf("with %q, the context is %q, want %q", patterns, got, want)
		}
		left, err := Ignored(dir, filepath.Join(dir, "Dockerfile"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"a", "a/b", "a/b/c.go", "a/b/d.txt", "a/e.txt", "f.go", ".dockerignore"} {
			if in := slices.Contains(strings.Fields(want), name); left(name) == in {
				t.Errorf("with %q, Ignored(%q) = %v", patterns, name, !in)
			}
		}
	}
}

func TestWhichFileOfPatterns(t *testing.T) {
	t.Parallel()
	dir, files := t.TempDir(), t.TempDir()
	write(t, dir, map[string]string{"a": "", "b": "", ".dockerignore": "a\n.dockerignore"})
	write(t, files, map[string]string{"Dockerfile": "", "Other": "", "Other.dockerignore": "b\n.dockerignore"})
	for dockerfile, want := range map[string]string{"Dockerfile": "b", "Other": "a"} {
		all, err := tree(t.Context(), dir, filepath.Join(files, dockerfile)+dockerignore)
		if err != nil || len(all) != 1 || all[0].Path != want {
			t.Errorf("with %s: %v, %v, want %s", dockerfile, all, err, want)
		}
	}
	write(t, files, map[string]string{"Third.dockerignore/": ""})
	if _, err := tree(t.Context(), dir, filepath.Join(files, "Third")+dockerignore); err == nil {
		t.Error("a folder in the place of the patterns is no error")
	}
}

// oracle goes through everything, and asks the library as BuildKit does (fsutil's filter), which goes nowhere in vain.
func oracle(t testing.TB, dir, patterns string) (paths []string) {
	t.Helper()
	lines, err := ignorefile.ReadAll(strings.NewReader(patterns))
	if err != nil {
		t.Fatal(err)
	}
	m, err := patternmatcher.New(lines)
	if err != nil {
		t.Fatal(err)
	}
	above := map[string]patternmatcher.MatchInfo{}
	err = fs.WalkDir(os.DirFS(dir), ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		out, info, err := m.MatchesUsingParentResults(name, above[path.Dir(name)])
		if !out {
			paths = append(paths, name)
		}
		above[name] = info
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(paths)
	return paths
}

// forest is a tree in which the patterns of a fuzz find something.
func forest(t testing.TB) string {
	dir := t.TempDir()
	files := map[string]string{}
	for _, top := range []string{"a", "b", "ab"} {
		for _, middle := range []string{"a", "c"} {
			for _, name := range []string{"a", "b.go", "*"} {
				files[top+"/"+middle+"/"+name] = ""
			}
		}
	}
	write(t, dir, files)
	return dir
}

// TestIgnoredAsTheLibrary: folders that are not gone into hold nothing that counts.
func TestIgnoredAsTheLibrary(t *testing.T) {
	t.Parallel()
	dir := forest(t)
	pieces := []string{"a", "b", "ab", "c", "*", "**", "?", "b.go", "[ab]", `\*`}
	random := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		var lines []string
		for range 1 + random.IntN(4) {
			var segments []string
			for range 1 + random.IntN(3) {
				segments = append(segments, pieces[random.IntN(len(pieces))])
			}
			lines = append(lines, []string{"", "", "!"}[random.IntN(3)]+strings.Join(segments, "/"))
		}
		compare(t, dir, strings.Join(lines, "\n"))
	}
}

func compare(t *testing.T, dir, patterns string) {
	t.Helper()
	m, err := newMatcher([]byte(patterns))
	if err != nil {
		return
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	all, err := walk(t.Context(), root, m)
	if err != nil {
		t.Fatalf("walk with %q: %v", patterns, err)
	}
	var got []string
	for _, e := range all {
		got = append(got, e.Path)
		if m.leavesOut(e.Path) {
			t.Errorf("with %q, leavesOut(%q) is true, but the walk has it", patterns, e.Path)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(oracle(t, dir, patterns), got); diff != "" {
		t.Errorf("with %q (-library +walk):\n%s", patterns, diff)
	}
}

func FuzzIgnored(f *testing.F) {
	f.Add("a\n!a/b.go\n**/c")
	f.Add("[\n\\\n!*")
	f.Add("a\n*/b\\L")
	f.Add("b\n!a/\\L")
	dir := forest(f)
	f.Fuzz(func(t *testing.T, patterns string) {
		if len(patterns) < 200 {
			compare(t, dir, patterns)
		}
	})
}

func TestMayTakeIn(t *testing.T) {
	t.Parallel()
	m, err := newMatcher([]byte("*\n!a/b\n!c*/d\n!e/*/f"))
	if err != nil {
		t.Fatal(err)
	}
	for folder, want := range map[string]bool{"a": true, "a/b": true, "a/c": true, "e": true, "e/x": true, "node_modules": true} {
		if got := m.mayTakeIn(folder); got != want { // c* may be anything
			t.Errorf("mayTakeIn(%q) = %v, want %v", folder, got, want)
		}
	}
	if m, err = newMatcher([]byte("*\n!a/b\n!e/*/f")); err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, folder := range []string{"a", "a/b", "a/b/c", "a/c", "e/x", "node_modules", "node_modules/a"} {
		got[folder] = m.mayTakeIn(folder)
	}
	want := "map[a:true a/b:true a/b/c:true a/c:false e/x:true node_modules:false node_modules/a:false]"
	if fmt.Sprint(got) != want {
		t.Errorf("mayTakeIn: %v, want %s", got, want)
	}
}
