//go:build unix

package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// beMain makes the test binary the program itself.
const beMain = "LOCALAGENT_TEST_BE_MAIN=1"

func TestMain(m *testing.M) {
	if name, value, _ := strings.Cut(beMain, "="); os.Getenv(name) == value {
		_ = os.Unsetenv(name)
		main()
	}
	os.Exit(m.Run())
}

// started is the real program at work in a process of its own.
type started struct {
	*exec.Cmd
	lines    *bufio.Scanner
	out      *os.File
	err      bytes.Buffer
	dir, tmp string
}

// start runs the program on a pipeline. It returns when the line "ready" was
// printed; tmp is its temporary folder, {dir} stands for a folder of the test.
func start(t *testing.T, pipeline string, args ...string) *started {
	t.Helper()
	s := &started{dir: t.TempDir(), tmp: t.TempDir()}
	file := filepath.Join(s.dir, "p.yml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(pipeline, "{dir}", s.dir)), 0o644); err != nil {
		t.Fatal(err)
	}
	s.Cmd = exec.Command(os.Args[0], append([]string{"run", file}, args...)...)
	s.Env = []string{beMain, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + s.tmp, "HOME=" + s.dir}
	s.Dir = s.dir
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s.out, s.Stdout, s.Stderr = read, write, &s.err
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = read.Close(); _ = s.Process.Kill() })
	_ = write.Close()
	s.lines = bufio.NewScanner(read)
	for s.lines.Scan() {
		if s.lines.Text() == "ready" {
			return s
		}
	}
	t.Fatalf("the program ended before it printed ready: %s", s.err.String())
	return nil
}

// rest reads what is still printed, waits for the end and returns the text and
// the exit status.
func (s *started) rest() (string, int) {
	var all strings.Builder
	for s.lines.Scan() {
		all.WriteString(s.lines.Text() + "\n")
	}
	_ = s.Wait() // the status is in ProcessState
	return all.String(), s.ProcessState.ExitCode()
}

func (s *started) wantEmptyTemp(t *testing.T) {
	t.Helper()
	if left, err := filepath.Glob(filepath.Join(s.tmp, "*")); err != nil || len(left) > 0 {
		t.Errorf("temporary folder after the job: %q, %v, want nothing", left, err)
	}
}

// A terminal that is closed cancels the job: steps are asked to end, and the
// work folder goes.
func TestHangUpCancels(t *testing.T) {
	t.Parallel()
	// Under nohup the program would inherit that hang-ups are ignored; those that are caught it does not.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	s := start(t, "steps:\n- bash: 'echo $$ > {dir}/pid; echo ready; exec sleep 60'\n- {bash: echo cleaned, condition: always()}\n")
	if err := s.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	out, status := s.rest()
	if status != 3 || !strings.Contains(out, "\ncleaned\n") {
		t.Errorf("SIGHUP: got status %d and\n%s%s, want 3, and the always() step run", status, out, s.err.String())
	}
	s.wantEmptyTemp(t)
	pid, err := os.ReadFile(filepath.Join(s.dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	if exec.Command("kill", "-0", strings.TrimSpace(string(pid))).Run() == nil {
		t.Errorf("the step's process %s still runs", pid)
	}
}

// A reader that went away, such as head, does not end the job half-way; and
// steps still die of a broken pipe.
func TestOutputClosed(t *testing.T) {
	t.Parallel()
	s := start(t, `
steps:
- bash: |
    echo ready
    while ! test -e {dir}/go; do sleep 0.01; done
    echo more
    bash -c 'kill -PIPE $$; echo immune > {dir}/immune'
    true
- bash: 'echo more; echo done > {dir}/done'
`, "--json", "r.json")
	_ = s.out.Close()
	if err := os.WriteFile(filepath.Join(s.dir, "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_ = s.Wait() // the status is in ProcessState
	if status := s.ProcessState.ExitCode(); status != 0 {
		t.Errorf("output closed: got %v, want exit status 0\n%s", s.ProcessState, s.err.String())
	}
	for name, want := range map[string]bool{"done": true, "r.json": true, "immune": false} {
		if _, err := os.Stat(filepath.Join(s.dir, name)); (err == nil) != want {
			t.Errorf("%s: there %v, want %v", name, err == nil, want)
		}
	}
	s.wantEmptyTemp(t)
}

// What leaves the session and drops its environment is found all the same.
func TestEscapedProcess(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("processes that outlive a job are found on Linux only")
	}
	s := start(t, `
steps:
- bash: |
    env -i setsid bash -c 'echo $$ > {dir}/pid; exec sleep 60' >/dev/null 2>&1 &
    while ! test -s {dir}/pid; do sleep 0.01; done
    echo ready
`)
	out, status := s.rest()
	if status != 1 || !strings.Contains(out, "(sleep) outlived the job and was killed") {
		t.Errorf("a process without environment: got status %d and\n%s", status, out)
	}
	pid, err := os.ReadFile(filepath.Join(s.dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	if state, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/stat"); err == nil && !strings.Contains(string(state), ") Z ") {
		t.Errorf("the process still runs: %s", state)
	}
}

// Who takes over processes must wait for them, too: a script that watches a
// daemon by its id would never see it end.
func TestAdoptedProcessesAreReaped(t *testing.T) {
	t.Parallel()
	s := start(t, `
steps:
- bash: |
    (setsid bash -c 'echo $$ > {dir}/pid; while ! test -e {dir}/go; do sleep 0.01; done' >/dev/null 2>&1 &)
    while ! test -s {dir}/pid; do sleep 0.01; done
    touch {dir}/go
    while kill -0 $(cat {dir}/pid) 2>/dev/null; do sleep 0.01; done
    echo ready
  timeoutInMinutes: 0.5
`)
	if out, status := s.rest(); status != 0 {
		t.Errorf("a daemon that ends: got status %d and\n%s", status, out)
	}
}

// The real program looks at the folders it shares with others.
func TestWatchedFolders(t *testing.T) {
	t.Parallel()
	s := start(t, "steps:\n- bash: 'echo ready; touch {dir}/forgotten'\n", "--json", "r.json")
	out, status := s.rest()
	if want := "##[warning]check leftovers: appeared during the job outside its work folder: "; status != 0 ||
		!strings.Contains(out, want) || !strings.Contains(out, filepath.Join(s.dir, "forgotten")) {
		t.Errorf("a file in the home folder: got status %d and\n%s\nwant 0 and %q", status, out, want)
	}
}
