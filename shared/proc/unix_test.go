//go:build unix

package proc

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func script(t *testing.T, dir, name, text string, perm os.FileMode) {
	t.Helper()
	// A child that another test forks now would hold the open file for a moment, and
	// the system refuses to run a file that somebody may write (golang/go#22315).
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text+"\n"), perm); err != nil {
		t.Fatal(err)
	}
}

func TestLookupOnPath(t *testing.T) {
	t.Parallel()
	first, second := t.TempDir(), t.TempDir()
	script(t, first, "tool", "echo not executable", 0o644)
	script(t, second, "tool", "echo second", 0o755)
	if err := os.Mkdir(filepath.Join(first, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	script(t, second, "folder", "echo not the folder", 0o755)
	env := []string{"PATH=/nowhere", "PATH=" + first + ":.::" + second} // the last one counts
	for name, want := range map[string]string{"tool": "second\n", "folder": "not the folder\n"} {
		if got, err := Output(context.Background(), Cmd{Name: name, Env: env}); err != nil || string(got) != want {
			t.Errorf("Output(%q) = %q, %v, want %q", name, got, err, want)
		}
	}
	script(t, second, "locked", "echo x", 0o644)
	c := Cmd{Name: filepath.Join(second, "locked"), Env: env}
	if err := Run(context.Background(), c); !errors.Is(err, os.ErrPermission) {
		t.Errorf("Run of a file without the executable bit = %v, want %v", err, os.ErrPermission)
	}
}

func TestSignalError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script(t, dir, "suicide", "kill -9 $$", 0o755)
	err := Run(context.Background(), Cmd{Name: filepath.Join(dir, "suicide"), Args: []string{"hunter2"}, Env: []string{}})
	var exit *ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("Run = %v, want an *ExitError", err)
	}
	if diff := cmp.Diff(ExitError{Name: "suicide", Code: -1, Signal: "killed"}, *exit); diff != "" {
		t.Errorf("ExitError (-want +got):\n%s", diff)
	}
	if got, want := err.Error(), "suicide was ended by a signal (killed)"; got != want {
		t.Errorf("error text = %q, want %q", got, want)
	}
}

// TestDaemonCannotHoldUsUp starts a process that leaves the group with the
// program's stdout: Run cannot kill it, but must not wait for it either.
func TestDaemonCannotHoldUsUp(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/usr/bin/setsid"); err != nil {
		t.Skip("no setsid here")
	}
	dir := t.TempDir()
	script(t, dir, "daemon", "echo $$ > pid; echo > up; exec sleep 100", 0o755)
	script(t, dir, "start", "mkfifo up; setsid ./daemon & read line < up; echo started", 0o755)
	t.Cleanup(func() {
		text, _ := os.ReadFile(filepath.Join(dir, "pid"))
		pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil || syscall.Kill(pid, syscall.SIGKILL) != nil {
			t.Errorf("the daemon (%q) was not alive: this test shows nothing", text)
		}
	})
	var out bytes.Buffer
	c := Cmd{Name: filepath.Join(dir, "start"), Dir: dir, Env: []string{"PATH=/usr/bin:/bin"}, Stdout: &out}
	if err := Run(context.Background(), c); err != nil {
		t.Errorf("Run = %v, want success", err)
	}
	if out.String() != "started\n" {
		t.Errorf("output = %q, want %q", out.String(), "started\n")
	}
}
