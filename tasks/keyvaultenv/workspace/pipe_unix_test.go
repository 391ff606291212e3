//go:build unix

package workspace

import (
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestPipesAreNotWaitedFor: a named pipe in the place of a file, or of git's own, would
// have us wait for its writer until the agent ends us.
func TestPipesAreNotWaitedFor(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.write("repo/a.txt", "a")
	f.write("repo/.git/index", "x")
	f.must(syscall.Mkfifo(f.path("repo/.git/config"), 0o600))
	f.must(syscall.Mkfifo(f.path("pipe"), 0o600))
	done := make(chan []string, 1)
	go func() { done <- f.found(time.Time{}) }()
	select {
	case got := <-done:
		if diff := cmp.Diff([]string{"repo/.git/index", "repo/a.txt"}, got); diff != "" {
			t.Errorf("files (-want +got):\n%s", diff)
		}
	case <-time.After(time.Minute):
		t.Fatal("it waits for the writer of a pipe")
	}
	if _, err := Open(f.path("pipe")); err == nil {
		t.Error("Open opens a pipe")
	}
}
