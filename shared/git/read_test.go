package git

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/gittest"
)

func TestRemoteRefs(t *testing.T) {
	t.Parallel()
	s := newServer(t, gittest.Config{})
	r := s.repo(client(t))
	if got, err := r.RemoteRefs(t.Context(), "refs/heads/main"); err != nil || len(got) > 0 {
		t.Errorf("RemoteRefs of an empty repository = %v, %v, want nothing", got, err)
	}
	tip := s.commit("main", noon, map[string]string{"a": "1"})
	s.git("update-ref", "refs/x/refs/heads/main", string(tip)) // ends like it
	want := map[string]ID{"refs/heads/main": tip}
	got, err := r.RemoteRefs(t.Context(), "refs/heads/main", "refs/heads/none")
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("RemoteRefs: %v (-want +got):\n%s", err, diff)
	}
	for _, ref := range []string{"--upload-pack=x", "main", "refs/heads/*", "refs/heads/a b", ""} {
		if got, err := r.RemoteRefs(t.Context(), ref); err == nil {
			t.Errorf("RemoteRefs(%q) = %v, want an error", ref, got)
		}
	}
}

// history makes commits on main, an hour apart, the last one at noon.
func history(s *server, n int) []ID {
	var ids []ID
	for i := range n {
		ids = append(ids, s.commit("main", noon.Add(time.Duration(i-n+1)*time.Hour), map[string]string{"n": fmt.Sprint(i)}))
	}
	slices.Reverse(ids)
	return ids
}

func TestFetchDepth(t *testing.T) {
	t.Parallel()
	since := func(d time.Duration) Depth { return Depth{Since: noon.Add(-d)} }
	for name, tc := range map[string]struct {
		config gittest.Config
		depth  Depth
		want   int // commits
	}{
		"the last":                 {gittest.Config{}, Depth{}, 1},
		"some":                     {gittest.Config{}, Depth{Commits: 20}, 20},
		"more than there are":      {gittest.Config{}, Depth{Commits: 100}, 60},
		"since":                    {gittest.Config{}, since(150 * time.Minute), 3},
		"since the beginning":      {gittest.Config{}, since(1000 * time.Hour), 60},
		"none is that young":       {gittest.Config{}, since(-time.Hour), 1},
		"none, version 0":          {gittest.Config{V0: true}, since(-time.Hour), 50},
		"server cannot tell time":  {gittest.Config{V0: true, Lacks: []string{"deepen-since"}}, since(time.Hour), 50},
		"server gives all or none": {gittest.Config{V0: true, Lacks: []string{"shallow"}}, Depth{}, 60},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, tc.config)
			ids := history(s, 60)
			r := s.repo(client(t))
			at, err := r.Fetch(t.Context(), []string{"refs/heads/main"}, tc.depth)
			if err != nil || at["refs/heads/main"] != ids[0] {
				t.Fatalf("Fetch = %v, %v, want main at %s", at, err, ids[0])
			}
			commits, err := r.Commits(t.Context(), ids[0], 1000)
			if !r.git.version.atLeast(2, 28) && name == "none is that young" {
				tc.want = fewCommits // it speaks version 0
			}
			if err != nil || len(commits) != tc.want {
				t.Fatalf("Commits = %d, %v, want %d", len(commits), err, tc.want)
			}
			for i, c := range commits {
				if c.ID != ids[i] || i+1 < len(ids) && !slices.Equal(c.Parents, ids[i+1:i+2]) {
					t.Errorf("commit %d is %s with the parents %s, want %s with that before", i, c.ID, c.Parents, ids[i])
				}
			}
			if few, err := r.Commits(t.Context(), ids[0], 1); err != nil || len(few) != 1 {
				t.Errorf("Commits, at most 1, = %d, %v", len(few), err)
			}
		})
	}
}

// A branch and a ref whose only commit is old: each keeps its own depth.
func TestFetchSinceOfSeveral(t *testing.T) {
	t.Parallel()
	s := newServer(t, gittest.Config{})
	ids := history(s, 5)
	old := s.commit("state", noon.Add(-1000*time.Hour), map[string]string{"s": "1"})
	s.git("update-ref", breakerRef, string(old))
	r := s.repo(client(t))
	refs := []string{"refs/heads/main", breakerRef}
	for _, d := range []Depth{{}, {Since: noon.Add(-90 * time.Minute)}, {}} {
		at, err := r.Fetch(t.Context(), refs, d)
		if diff := cmp.Diff(map[string]ID{refs[0]: ids[0], refs[1]: old}, at); err != nil || diff != "" {
			t.Fatalf("Fetch(%v): %v (-want +got):\n%s", d, err, diff)
		}
		want := 1
		if !d.Since.IsZero() {
			want = 2
		}
		if commits, err := r.Commits(t.Context(), ids[0], 100); err != nil || len(commits) != want {
			t.Errorf("after Fetch(%v) there are %d commits, %v, want %d", d, len(commits), err, want)
		}
	}
	// The tip moves, and is seen.
	next := s.commit("main", noon, map[string]string{"x": "1"})
	if got := fetchMain(t, r); got != next {
		t.Errorf("Fetch after a race = %s, want %s", got, next)
	}
	_, err := r.Fetch(t.Context(), []string{"refs/heads/main", "refs/heads/none"}, Depth{})
	if kind(err) != NoRef {
		t.Errorf("Fetch of a branch that is not there = %v, want %s", err, NoRef)
	}
}

func TestCommitsAreReadExactly(t *testing.T) {
	t.Parallel()
	r := scratch(t)
	c := plain()
	c.Message = "subject\n\n  indented\n\n\nPipeline-Guardrails-Run: a/b/1/2\n"
	c.Author = Ident{"Żółć O'Neil [bot]", "bot+1@example.com"}
	first, err := r.Commit(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	second, err := r.Commit(t.Context(), plain(first))
	if err != nil {
		t.Fatal(err)
	}
	old := plain()
	old.When = noon.Add(-time.Hour)
	side, err := r.Commit(t.Context(), old)
	if err != nil {
		t.Fatal(err)
	}
	merge, err := r.Commit(t.Context(), plain(second, side))
	if err != nil {
		t.Fatal(err)
	}
	const empty = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
	bob := Ident{"Bob", "bob@example.com"}
	want := []Commit{
		{merge, []ID{second, side}, empty, bob, bob, noon, "change\n"},
		{second, []ID{first}, empty, bob, bob, noon, "change\n"},
		{first, nil, empty, c.Author, c.Author, noon, c.Message},
		{side, nil, empty, bob, bob, old.When, "change\n"},
	}
	got, err := r.Commits(t.Context(), merge, 10)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("Commits: %v (-want +got):\n%s", err, diff)
	}
	for _, id := range []ID{"", "HEAD", "--all", ID(strings.Repeat("a", 40))} {
		if _, err := r.Commits(t.Context(), id, 10); err == nil {
			t.Errorf("Commits(%q) works, want an error", id)
		}
	}
}

// A signed commit has lines in its head that look like others; hostile ones have worse.
func TestParseCommit(t *testing.T) {
	t.Parallel()
	signed := "tree t\nparent p\nauthor A <a@b> 1 +0000\ncommitter C <c@d> 1795348800 +0100\ngpgsig x\n parent no\n author no\n\nm"
	for name, tc := range map[string]struct {
		data string
		want Commit
	}{
		"signed":   {signed, Commit{"i", []ID{"p"}, "t", Ident{"A", "a@b"}, Ident{"C", "c@d"}, noon, "m"}},
		"empty":    {"", Commit{ID: "i"}},
		"no email": {"author A\n\n", Commit{ID: "i", Author: Ident{Name: "A"}}},
		"no time":  {"committer A <b>\n\n", Commit{ID: "i", Committer: Ident{"A", "b"}}},
		"bad time": {"committer A <b> soon\n\n", Commit{ID: "i", Committer: Ident{"A", "b"}}},
		"latin 1":  {"author \xe9 <b> 1 +0\n\n\xe9", Commit{ID: "i", Author: Ident{"\uFFFD", "b"}, Message: "\uFFFD"}},
	} {
		if diff := cmp.Diff(tc.want, parseCommit("i", []byte(tc.data))); diff != "" {
			t.Errorf("%s: parseCommit(%q) (-want +got):\n%s", name, tc.data, diff)
		}
	}
}

func TestCutObjectRefusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "x", "\n", "id blob 5\nabc", "id blob 3\nabcd", "id blob -1\n", "id blob x\n"} {
		if o, _, err := cutObject([]byte(text)); err == nil {
			t.Errorf("cutObject(%q) = %v, want an error", text, o)
		}
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	s := newServer(t, gittest.Config{})
	r := s.repo(client(t))
	names := []string{"-x", ":(top)y", "*.z", "a b/ü.yaml", "dir/one", "dir/sub/two"}
	c := plain()
	for _, name := range names {
		c.Changes = append(c.Changes, Change{Path: name, Mode: "100644", Data: []byte(name)})
	}
	c.Changes = append(c.Changes, Change{Path: "exec", Mode: "100755"}, Change{Path: "link", Mode: "120000", Data: []byte("x")},
		Change{Path: "module", Mode: "160000", ID: ID(strings.Repeat("1", 40))})
	id, err := r.Commit(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	all, err := r.Files(t.Context(), id)
	var shown []string
	for _, e := range all {
		shown = append(shown, e.Mode+" "+e.Path)
	}
	want := []string{
		"100644 *.z", "100644 -x", "100644 :(top)y", "100644 a b/ü.yaml", "100644 dir/one", "100644 dir/sub/two",
		"100755 exec", "120000 link", "160000 module",
	}
	if diff := cmp.Diff(want, shown); err != nil || diff != "" {
		t.Errorf("Files: %v (-want +got):\n%s", err, diff)
	}
	for _, asked := range [][]string{names, append(slices.Repeat([]string{strings.Repeat("n", 1000)}, 40), names...)} {
		some, err := r.Files(t.Context(), id, asked...)
		if err != nil || len(some) != len(names) {
			t.Errorf("Files with %d paths = %v, %v, want %d files", len(asked), some, err, len(names))
		}
	}
	for _, none := range []string{"dir", "dir/", "z", "ex*", "exec/", "./exec", "/exec", "../exec"} {
		if got, _ := r.Files(t.Context(), id, none); len(got) > 0 {
			t.Errorf("Files(%q) = %v, want nothing: no file is called that", none, got)
		}
	}
	if _, err := r.Files(t.Context(), "HEAD"); err == nil {
		t.Error("Files(HEAD) works, want that it is no object's name")
	}
}

func TestContents(t *testing.T) {
	t.Parallel()
	s := newServer(t, gittest.Config{})
	files := map[string]string{"empty": "x", "crlf": "a\r\nb\r\n", "binary": "\x00\xff\n\nmissing\n"}
	for i := range 250 {
		files[fmt.Sprintf("f%d", i)] = fmt.Sprintf("text %d", i)
	}
	s.commit("main", noon, files)
	r := s.repo(client(t))
	entries, err := r.Files(t.Context(), fetchMain(t, r))
	if err != nil {
		t.Fatal(err)
	}
	var ids []ID
	for _, e := range entries {
		ids = append(ids, e.ID)
	}
	before := s.asked("fetch")
	for range 2 {
		got, err := r.Contents(t.Context(), append(ids, ids...)...)
		if err != nil {
			t.Fatalf("Contents of %d files: %v", len(ids), err)
		}
		for _, e := range entries {
			if string(got[e.ID]) != files[e.Path] {
				t.Errorf("Contents of %s = %q, want %q", e.Path, got[e.ID], files[e.Path])
			}
		}
	}
	if n := s.asked("fetch") - before; n > 2 && r.git.version.atLeast(2, 27) {
		t.Errorf("253 files took %d requests, want 2: they are fetched at once, and once", n)
	}
	if none, err := r.Contents(t.Context()); err != nil || len(none) > 0 {
		t.Errorf("Contents of nothing = %v, %v", none, err)
	}
	for _, id := range []ID{"", "HEAD", ID(strings.Repeat("a", 40)), fetchMain(t, r)} {
		if _, err := r.Contents(t.Context(), id); err == nil {
			t.Errorf("Contents(%q) works, want an error", id)
		}
	}
}

// More than what is read of a program at once.
func TestBigContents(t *testing.T) {
	t.Parallel()
	r := scratch(t)
	noise := make([]byte, 20<<20)
	source := rand.NewChaCha8([32]byte{})
	_, _ = source.Read(noise)
	want := [][]byte{noise, noise[:9<<20], noise[:7<<20], noise[:5<<20], []byte("small")}
	c := plain()
	for i, data := range want {
		c.Changes = append(c.Changes, Change{Path: fmt.Sprint("f", i), Mode: "100644", Data: data})
	}
	commit, err := r.Commit(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := r.Files(t.Context(), commit)
	if err != nil {
		t.Fatal(err)
	}
	var ids []ID
	for _, e := range entries {
		ids = append(ids, e.ID)
	}
	got, err := r.Contents(t.Context(), ids...)
	if err != nil {
		t.Fatalf("Contents: %v", err)
	}
	for i, id := range ids {
		if !bytes.Equal(got[id], want[i]) {
			t.Errorf("file %d has %d bytes, want %d, or others", i, len(got[id]), len(want[i]))
		}
	}
	c.Changes = nil
	for i := range 4 {
		c.Changes = append(c.Changes, Change{Path: fmt.Sprint("g", i), Mode: "100644", Data: noise[i : 17<<20]})
	}
	if commit, err = r.Commit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	entries, err = r.Files(t.Context(), commit)
	if err != nil {
		t.Fatal(err)
	}
	ids = nil
	for _, e := range entries {
		ids = append(ids, e.ID)
	}
	if _, err := r.Contents(t.Context(), ids...); err == nil || !strings.Contains(err.Error(), "more than 64 MB together") {
		t.Errorf("Contents of 68 MB = %v, want that it is too much", err)
	}
}
