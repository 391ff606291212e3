package git

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tree lists a commit as "mode path text".
func tree(t *testing.T, r *Repo, id ID) map[string]string {
	t.Helper()
	entries, err := r.Files(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		if e.Mode == "160000" {
			files[e.Path] = e.Mode
			continue
		}
		data, err := r.Contents(t.Context(), e.ID)
		if err != nil {
			t.Fatal(err)
		}
		files[e.Path] = e.Mode + " " + string(data[e.ID])
	}
	return files
}

func TestCommitChangesWhatItIsTold(t *testing.T) {
	t.Parallel()
	r := scratch(t)
	commit := func(c NewCommit) ID {
		t.Helper()
		id, err := r.Commit(t.Context(), c)
		if err != nil {
			t.Fatalf("Commit: %v", err)
		}
		return id
	}
	c := plain()
	c.Changes = []Change{
		{Path: "a", Mode: "100644", Data: []byte("1\r\n\x00")}, {Path: "dir/b c", Mode: "100755", Data: []byte("2")},
		{Path: "gone", Mode: "100644"}, {Path: "file", Mode: "100644"}, {Path: "ü/link", Mode: "120000", Data: []byte("../a")},
	}
	first := commit(c)
	entries, err := r.Files(t.Context(), first, "a")
	if err != nil {
		t.Fatal(err)
	}
	c = plain(first)
	c.Changes = []Change{
		{Path: "file/inside", Mode: "100644", Data: []byte("x")}, {Path: "file"}, {Path: "gone"}, {Path: "never/there"},
		{Path: "copy", Mode: "100755", ID: entries[0].ID}, {Path: "module", Mode: "160000", ID: first},
	}
	second := commit(c)
	want := map[string]string{
		"a": "100644 1\r\n\x00", "dir/b c": "100755 2", "ü/link": "120000 ../a", "file/inside": "100644 x",
		"copy": "100755 1\r\n\x00", "module": "160000",
	}
	if diff := cmp.Diff(want, tree(t, r, second)); diff != "" {
		t.Errorf("the second commit (-want +got):\n%s", diff)
	}
	differing, err := r.Differing(t.Context(), first, second)
	if diff := cmp.Diff([]string{"copy", "file", "file/inside", "gone", "module"}, differing); err != nil || diff != "" {
		t.Errorf("Differing: %v (-want +got):\n%s", err, diff)
	}
	if differing, err = r.Differing(t.Context(), first, first); err != nil || len(differing) > 0 {
		t.Errorf("Differing of a commit from itself = %q, %v, want nothing", differing, err)
	}
	if _, err := r.Differing(t.Context(), first, "-x"); err == nil {
		t.Error("Differing(-x) works, want that it is no object's name")
	}
	// The files of another commit than the parent's.
	c = plain(second)
	c.Base, c.Changes = first, []Change{{Path: "a"}, {Path: "dir/b c"}, {Path: "ü/link"}}
	if diff := cmp.Diff(map[string]string{"gone": "100644 ", "file": "100644 "}, tree(t, r, commit(c))); diff != "" {
		t.Errorf("a commit with another base (-want +got):\n%s", diff)
	}
	left, err := filepath.Glob(filepath.Join(r.Dir(), "guardrails-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("commits leave %q behind, want nothing (%v)", left, err)
	}
	gitIn(t, r.Dir(), "", "fsck", "--strict", "--no-dangling")
}

// The same commit has the same name, whenever and wherever it is made.
func TestCommitIsReproducible(t *testing.T) {
	t.Parallel()
	var ids []ID
	for range 2 {
		c := plain()
		c.Changes = []Change{{Path: "a", Mode: "100644", Data: []byte("1")}}
		id, err := scratch(t).Commit(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if ids[0] != ids[1] {
		t.Errorf("the same commit is %s and %s", ids[0], ids[1])
	}
}

func TestCommitRefuses(t *testing.T) {
	t.Parallel()
	file := Change{Path: "a", Mode: "100644"}
	for name, tc := range map[string]struct {
		change func(c *NewCommit)
		want   string
	}{
		"no message":       {func(c *NewCommit) { c.Message = " \n" }, "the message is empty"},
		"NUL":              {func(c *NewCommit) { c.Message = "a\x00b" }, "holds a NUL"},
		"no UTF-8":         {func(c *NewCommit) { c.Message = "a\xff" }, "is not valid UTF-8"},
		"no name":          {func(c *NewCommit) { c.Author.Name = "" }, "the author's name or email"},
		"no email":         {func(c *NewCommit) { c.Author.Email = " " }, "the author's name or email"},
		"forged author":    {func(c *NewCommit) { c.Author.Name = "A <a@b> 1 +0000\ncommitter B" }, "the author's name or email"},
		"no parent":        {func(c *NewCommit) { c.Parents = []ID{"HEAD"} }, "is not the name of a git object"},
		"unknown parent":   {func(c *NewCommit) { c.Parents = []ID{ID(strings.Repeat("a", 40))} }, "there is no commit aaaa"},
		"no base":          {func(c *NewCommit) { c.Base = "-x" }, "is not the name of a git object"},
		"a bad path":       {func(c *NewCommit) { c.Changes = []Change{{Path: ".git/config", Mode: "100644"}} }, "the repository itself"},
		"a bad deletion":   {func(c *NewCommit) { c.Changes = []Change{{Path: "a\x00b"}} }, "its name holds"},
		"a folder's mode":  {func(c *NewCommit) { c.Changes = []Change{{Path: "a", Mode: "040000"}} }, "the mode"},
		"an empty module":  {func(c *NewCommit) { c.Changes = []Change{{Path: "a", Mode: "160000"}} }, "without its commit"},
		"a bad id":         {func(c *NewCommit) { c.Changes = []Change{{Path: "a", Mode: "100644", ID: "x"}} }, "is not the name"},
		"twice":            {func(c *NewCommit) { c.Changes = []Change{file, file} }, "is changed twice"},
		"file in a file":   {func(c *NewCommit) { c.Changes = []Change{file, {Path: "a/b", Mode: "100644"}} }, "would be a folder, too"},
		"a key that isn't": {func(c *NewCommit) { c.SigningKey = "none" }, "reading the signing key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := plain()
			tc.change(&c)
			id, err := scratch(t).Commit(t.Context(), c)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.ContainsAny(err.Error(), "\n\x00") {
				t.Errorf("Commit = %q, %v, want one line with %q", id, err, tc.want)
			}
		})
	}
}

// Git would drop what is in the way.
func TestCommitLosesNothing(t *testing.T) {
	t.Parallel()
	r := scratch(t)
	base := makeCommit(t, r, makeCommit(t, r, "", "dir/file", "1"), "file", "2")
	for name, tc := range map[string]struct {
		changes []Change
		want    string // "" is success
	}{
		"a file over a folder":          {[]Change{{Path: "dir", Mode: "100644"}}, `folder "dir" would be lost`},
		"a folder over a file":          {[]Change{{Path: "file/x", Mode: "100644"}}, `folder "file" would be lost`},
		"a folder over a file, deleted": {[]Change{{Path: "file/x", Mode: "100644"}, {Path: "file"}}, ""},
		"a file over an empty folder":   {[]Change{{Path: "dir", Mode: "100644"}, {Path: "dir/file"}}, ""},
		"a link over a folder":          {[]Change{{Path: "dir", Mode: "120000", Data: []byte("x")}}, `folder "dir" would be lost`},
	} {
		c := plain(base)
		c.Changes = tc.changes
		_, err := r.Commit(t.Context(), c)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: Commit = %v, want %q", name, err, tc.want)
		}
	}
}

// The trees that we write are those of git, entry by entry and byte by byte.
func TestTreesAreThoseOfGit(t *testing.T) {
	t.Parallel()
	names := []string{"a", "a-b", "a.b", "a0", "a b", "A", "ü", "x", "~", "!"} // "a/" sorts between "a.b" and "a0"
	random := rand.New(rand.NewPCG(1, 2))
	r := scratch(t)
	var base ID
	for range 40 {
		c := plain()
		if base != "" {
			c = plain(base)
		}
		var stdin strings.Builder
		seen := map[string]bool{}
		for range 1 + random.IntN(6) {
			depth := 1 + random.IntN(3)
			parts := make([]string, depth)
			for i := range parts {
				parts[i] = names[random.IntN(len(names))] + strings.Repeat("d", depth-1-i) // no file is a folder
			}
			change := Change{Path: strings.Join(parts, "/")}
			if seen[change.Path] {
				continue
			}
			seen[change.Path] = true
			id, mode := ID(strings.Repeat("0", 40)), "0" // deletes
			if random.IntN(3) > 0 {
				mode = "100644"
				change.Mode, change.Data = mode, []byte(strings.Repeat("x", random.IntN(20)))
				id = trimID([]byte(gitIn(t, r.Dir(), string(change.Data), "hash-object", "-w", "--stdin")))
			}
			c.Changes = append(c.Changes, change)
			fmt.Fprintf(&stdin, "%s %s\t%s\x00", mode, id, change.Path)
		}
		id, err := r.Commit(t.Context(), c)
		if err != nil {
			t.Fatalf("Commit of %v: %v", c.Changes, err)
		}
		gitIn(t, r.Dir(), stdin.String(), "update-index", "-z", "--index-info") // goes on from its last state
		want := gitIn(t, r.Dir(), "", "write-tree")
		if got := gitIn(t, r.Dir(), "", "rev-parse", string(id)+"^{tree}"); got != want {
			t.Fatalf("the tree after %v is %s, want that of git, %s", c.Changes, got, want)
		}
		base = id
	}
	gitIn(t, r.Dir(), "", "fsck", "--full", "--strict", "--no-dangling")
}

// A repository may have names that Windows does not take: they stay as they are.
func TestCommitKeepsOddNames(t *testing.T) {
	t.Parallel()
	r := scratch(t)
	c := plain()
	c.Changes = []Change{{Path: "plain", Mode: "100644", Data: []byte("1")}}
	first, err := r.Commit(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	blob := gitIn(t, r.Dir(), "", "rev-parse", string(first)+":plain")
	odd := trimID([]byte(gitIn(t, r.Dir(), "100644 blob "+strings.TrimSpace(blob)+"\tback\\slash\x00", "mktree", "-z")))
	base := trimID([]byte(gitIn(t, r.Dir(), "odd", "commit-tree", string(odd))))
	id := makeCommit(t, r, base, "new", "2")
	want := map[string]string{`back\slash`: "100644 1", "new": "100644 2"}
	if diff := cmp.Diff(want, tree(t, r, id)); diff != "" {
		t.Errorf("the commit (-want +got):\n%s", diff)
	}
}

func TestInitRefuses(t *testing.T) {
	t.Parallel()
	g, dir := client(t), t.TempDir()
	if _, err := g.Init(t.Context(), dir, Remote{}); err == nil {
		t.Error("Init of a folder that is there works, want an error: somebody else may have made it")
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(filepath.Join(dir, "target"), link); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Init(t.Context(), link, Remote{}); err == nil {
		t.Error("Init of a link works, want an error")
	}
	r, err := g.Init(t.Context(), filepath.Join(dir, "a b"), Remote{})
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(r.Dir()); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the repository has the mode %v (%v), want that nobody else can read it", info.Mode(), err)
	}
}
