package platformbuild

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A cancelled build ends soon, and nothing stays of it.
func TestCancel(t *testing.T) {
	t.Parallel()
	j := realJob(t, map[string]string{
		"Dockerfile": "FROM {base}\nRUN --mount=type=secret,id=a echo begun && sleep 3000.25\n",
	}).input("secrets", "id=a,env=A").set("A", "a-secret-of-the-build")
	ctx, cancel := context.WithCancelCause(t.Context())
	j.stop = ctx
	stopped := false
	j.wrote = func(text string) {
		if !stopped && strings.Contains(text, "begun") && !strings.Contains(text, "echo begun") {
			stopped = true
			cancel(errors.New("the run was cancelled"))
		}
	}
	j.want("Failed") // the agent knows that it has cancelled it
	j.says("task/cancelled")
	if !stopped {
		t.Error("it ended before it was cancelled")
	}
	if tags := j.tags(); len(tags) > 0 {
		t.Errorf("tags %q", tags)
	}
	deadline := time.Now().Add(time.Minute)
	for running("sleep\x003000.25") || running(j.root) {
		if time.Now().After(deadline) {
			t.Fatal("something of it still runs")
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// running reports whether a process has a text in its command line.
func running(text string) bool {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is good
	for _, name := range all {
		if line, err := os.ReadFile(name); err == nil && strings.Contains(string(line), text) {
			return true
		}
	}
	return false
}

// Waiting before a push is tried again ends as well.
func TestCancelWhileWaiting(t *testing.T) {
	t.Parallel()
	j := fakeJob(t, fake{Exit: 1, Says: "ERROR: failed to push x: unexpected status from PUT request to " +
		"http://x/v2/: 503 Service Unavailable\n"})
	ctx, cancel := context.WithCancelCause(t.Context())
	j.stop = ctx
	j.waited = func() { cancel(errors.New("the run was cancelled")) }
	j.want("Failed")
	j.says("task/cancelled")
	if n := len(j.built()); n != 1 {
		t.Errorf("built %d times, want 1:\n%s", n, j.log)
	}
}

// The tag that an unverified image has does not outlive a cancelled step.
func TestCancelBeforeTheImageIsVerified(t *testing.T) {
	t.Parallel()
	j := fakeJob(t, fake{Driver: "docker"})
	ctx, cancel := context.WithCancelCause(t.Context())
	j.stop = ctx
	pushed := false
	j.wrote = func(text string) {
		if strings.Contains(text, "Looked into") {
			pushed = len(j.registry.Tags("shop/web")) == 1
			cancel(errors.New("the run was cancelled"))
		}
	}
	j.want("Failed")
	if tags := j.registry.Tags("shop/web"); !pushed || len(tags) > 0 {
		t.Errorf("pushed %v, tags %q", pushed, tags)
	}
}
