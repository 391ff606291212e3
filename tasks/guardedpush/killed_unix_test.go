//go:build unix

package guardedpush

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/tasks/guardedpush/breaker"
)

// compiled is the task as the agent starts it.
func compiled(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "guardedpush")
	if out, err := exec.Command("go", "build", "-o", path, "./cmd").CombinedOutput(); err != nil {
		t.Fatalf("go build ./cmd: %v\n%s", err, out)
	}
	return path
}

// wrap puts a script before git on the PATH: "$git" is the real one, and $dir a folder for
// what it notes.
func (j *job) wrap(script string) *job {
	j.t.Helper()
	real, err := exec.LookPath("git")
	j.must(err)
	dir := j.path("wrapper")
	j.must(os.MkdirAll(filepath.Join(dir, "bin"), 0o755))
	text := fmt.Sprintf("#!/bin/sh\ngit='%s'\ndir='%s'\n%s\n", real, dir, script)
	// Nobody may be forked while the script is open for writing (golang/go#22315).
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	j.must(os.WriteFile(filepath.Join(dir, "bin", "git"), []byte(text), 0o755))
	return j.set("PATH", filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))
}

// wrapped is what the script has noted, line by line.
func (j *job) wrapped(name string) []string {
	j.t.Helper()
	data, err := os.ReadFile(j.path("wrapper/" + name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		j.t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

// counting is a git that notes each call, after the ids of its own process and the task's.
// It holds the pipe "alive" open, and so does all that it starts.
const counting = `exec 9<>"$dir/alive"
echo "$$ $PPID $*" >> "$dir/calls"
n=$(wc -l < "$dir/calls")
`

// killable is a job that has changed a file of its checkout, and whose breaker has been
// reset: it writes down that it uses the one push that is allowed then, and pushes.
func killable(t *testing.T) *job {
	t.Helper()
	j := newJob(t, map[string]string{"docs/badge.txt": "old\n", "other.txt": "1\n"})
	j.now = time.Now() // as the program
	j.plant(breakerRef,
		breaker.State{Status: breaker.HalfOpen, Since: j.now.Add(-time.Hour), Run: 90, Reason: "mended"}.Format(), j.now)
	return j.checkout().write("docs/badge.txt", "newer\n")
}

// start runs the program to its end, whichever that is.
func (j *job) start(program string) error {
	j.t.Helper()
	j.must(syscall.Mkfifo(j.path("wrapper/alive"), 0o600))
	cmd := exec.Command(program, "main")
	for name, value := range j.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	j.log = out.String()
	return err
}

// gone waits until nothing is left of what the program has started.
func (j *job) gone() {
	j.t.Helper()
	// Without writers this is at its end at once.
	alive, err := os.OpenFile(j.path("wrapper/alive"), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	j.must(err)
	defer func() { _ = alive.Close() }()
	j.must(alive.SetReadDeadline(time.Now().Add(time.Minute)))
	if _, err := io.ReadAll(alive); err != nil {
		j.t.Errorf("a process that the killed program has started is still there: %v", err)
	}
}

// bytes is a hash of a folder: of each file's name, kind, time and content.
func (j *job) bytes(dir string) string {
	j.t.Helper()
	sum := sha256.New()
	j.must(filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		fmt.Fprintln(sum, path, info.Mode(), info.ModTime().UnixNano(), info.Size())
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			sum.Write(data)
		}
		return nil
	}))
	return fmt.Sprintf("%x", sum.Sum(nil))
}

// survived fails the test unless everything is whole after the program was killed, and a
// following run does what is left to be done. It returns whether the push had arrived.
func (j *job) survived(first, sources string) (arrived bool) {
	j.t.Helper()
	j.git.Heal()
	j.remote("fsck", "--full", "--strict")
	tip := j.remote("rev-parse", "main")
	if arrived = tip != first; arrived {
		same(j.t, "main's parent", first, j.remote("rev-parse", "main^"))
		same(j.t, "files that main has changed", "docs/badge.txt", j.remote("diff", "--name-only", first, "main"))
		same(j.t, "docs/badge.txt", "newer", j.file("docs/badge.txt"))
	}
	if s := j.kept(); s.Status != breaker.HalfOpen || s.Probe != 0 && s.Probe != thisID || arrived && s.Probe == 0 {
		j.t.Errorf("the breaker's state: %+v, with the push arrived: %v", s, arrived)
	}
	same(j.t, "the checkout", sources, j.bytes(j.path("work/1/s")))
	j.noToken()
	// The agent does that.
	left, err := filepath.Glob(j.path("work/_temp/guardedpush-*"))
	j.must(err)
	for _, dir := range left {
		j.must(os.RemoveAll(dir))
	}
	reason := "pushed"
	if arrived {
		reason = "unchanged"
	}
	j.set("PATH", os.Getenv("PATH")).want("Succeeded", reason)
	same(j.t, "history", []string{"Update docs/badge.txt", "first commit"}, j.history())
	same(j.t, "the checkout, after the next run", sources, j.bytes(j.path("work/1/s")))
	return arrived
}

// noToken fails the test if the job's token is in a file of the agent.
func (j *job) noToken() {
	j.t.Helper()
	j.must(filepath.WalkDir(j.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(jobToken)) {
			j.t.Errorf("the token is in %s", path)
		}
		return err
	}))
}

// killedVariable has the task killed everywhere; if it is not set, that is done at each
// push and at some of the rest.
const killedVariable = "GUARDRAILS_KILLED"

// The task is killed before and after each git that it runs, which goes on then, as nobody
// else ends it; and while each request is on its way, with its git, as when a container ends.
func TestKilled(t *testing.T) {
	t.Parallel()
	k := &killer{program: compiled(t)}
	j := killable(t).wrap(counting + `exec "$git" "$@"`)
	before := len(j.git.Requests())
	if err := j.start(k.program); err != nil || j.output("reason") != "pushed" {
		t.Fatalf("the program: %v\n%s", err, j.log)
	}
	j.gone()
	calls, requests := j.wrapped("calls"), j.git.Requests()[before:]
	t.Logf("a push runs git %d times, and makes %d requests", len(calls), len(requests))
	if len(calls) < 10 || len(requests) < 5 {
		t.Fatalf("the calls %q, %d requests: this shows nothing", calls, len(requests))
	}
	some := 5
	if os.Getenv(killedVariable) != "" {
		some = 1
	}
	for i, call := range calls {
		if i%some == 0 || strings.Contains(call, " push ") {
			k.killBy(t, i+1, "before", `kill -9 $PPID; exec "$git" "$@"`)
			k.killBy(t, i+1, "after", `"$git" "$@"; kill -9 $PPID; exit`)
		}
	}
	for i, r := range requests {
		if i%some != 0 && r.Op != "git-receive-pack" {
			continue
		}
		t.Run(fmt.Sprintf("at request %d", i+1), func(t *testing.T) {
			t.Parallel()
			k.kill(t, func(j *job) (done func()) {
				return j.wrap(counting + `exec "$git" "$@"`).killAt(int64(i + 1))
			})
		})
	}
	t.Cleanup(func() {
		arrived, lost := k.arrived.Load(), k.lost.Load()
		if arrived+lost > 1 && (arrived == 0 || lost == 0) { // 1: somebody looks at one of them
			t.Errorf("%d pushes have arrived, %d have not: this shows nothing", arrived, lost)
		}
	})
}

// killer kills programs, and counts those whose push has arrived all the same.
type killer struct {
	program       string
	arrived, lost atomic.Int64
}

// killBy lets a call of git kill the program.
func (k *killer) killBy(t *testing.T, call int, when, script string) {
	t.Helper()
	t.Run(fmt.Sprintf("%s git %d", when, call), func(t *testing.T) {
		t.Parallel()
		k.kill(t, func(j *job) (done func()) {
			j.wrap(fmt.Sprintf("%sif [ $n -eq %d ]; then %s; fi\nexec \"$git\" \"$@\"", counting, call, script))
			return func() {}
		})
	})
}

// kill runs a program that is killed, as prepare has arranged.
func (k *killer) kill(t *testing.T, prepare func(j *job) (done func())) {
	t.Helper()
	j := killable(t)
	first, sources := j.remote("rev-parse", "main"), j.bytes(j.path("work/1/s"))
	done := prepare(j)
	err := j.start(k.program)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the program was not killed: %v\n%s", err, j.log)
	}
	j.gone()
	done()
	if j.survived(first, sources) {
		k.arrived.Add(1)
	} else {
		k.lost.Add(1)
	}
}

// killAt kills the program and its git when a request arrives, which the server answers
// all the same. done waits until it has.
func (j *job) killAt(request int64) (done func()) {
	var n atomic.Int64
	answered := make(chan struct{})
	j.git.Fail("", -1, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if n.Add(1) != request {
			next.ServeHTTP(w, r)
			return
		}
		defer close(answered)
		calls := j.wrapped("calls")
		var git, program int
		if _, err := fmt.Sscan(calls[len(calls)-1], &git, &program); err != nil {
			j.t.Errorf("the calls %q: %v", calls, err)
			return
		}
		if err := errors.Join(syscall.Kill(program, syscall.SIGKILL), syscall.Kill(-git, syscall.SIGKILL)); err != nil {
			j.t.Errorf("killing %d and the group %d: %v", program, git, err)
		}
		next.ServeHTTP(w, r)
	})
	return func() { <-answered }
}
