package git

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Huge commits are read without their messages; the others are read whole, and in order.
func TestHugeCommits(t *testing.T) {
	t.Parallel()
	r := scratch(t)
	page := strings.Repeat(strings.Repeat("y", 99)+"\n", 1<<20/100-10) // a commit of just under a megabyte
	var want []Commit
	var parents []ID
	add := func(message, read string) {
		t.Helper()
		c := plain(parents...)
		c.Message = message
		id, err := r.Commit(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		tree := ID("4b825dc642cb6eb9a060e54bf8d69288fbee4904")
		want = append([]Commit{{
			ID: id, Parents: parents, Tree: tree, Author: c.Author, Committer: c.Author, Committed: noon, Message: read,
		}}, want...)
		parents = []ID{id}
	}
	add("first\n", "first\n")
	add(strings.Repeat(page, 17), "")
	add("second\n", "second\n")
	for range 9 {
		add(page, page)
	}
	add(page+page, "")
	add(strings.Repeat(page, 5), "")
	add("last\n", "last\n")
	for _, n := range []int{1, 3, len(want)} {
		got, err := r.Commits(t.Context(), want[0].ID, n)
		if diff := cmp.Diff(want[:n], got); err != nil || diff != "" {
			t.Errorf("Commits, %d: %v, %d of them (-want +got):\n%.3000s", n, err, len(got), diff)
		}
	}
	if got, err := r.Commits(t.Context(), want[len(want)-2].ID, 1); err != nil || len(got) != 1 || got[0].Message != "" {
		t.Errorf("Commits of a huge one alone = %d, %v, want it without its message", len(got), err)
	}
}
