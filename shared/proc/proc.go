// Package proc runs programs the way a pipeline task should.
//
// What it promises:
//   - no shell, and the program is never taken from the current directory;
//   - the child's environment is named by the caller, never inherited, and a
//     variable in which the agent hands secrets to a task is refused;
//   - what the child prints reaches the log as whole lines that hold no known
//     secret and cannot command the agent (see [Filter]);
//   - when the context ends, the whole process group is interrupted, and killed
//     if it is still there after a set time;
//   - when a program has ended, so have the processes it started: whatever is
//     left of its group is killed. A task that returns has nothing running
//     behind its back, and a leftover cannot hold up the job by keeping the
//     output open;
//   - error texts hold the program's name and how it ended, and no argument.
//
// What it does not do: on Unix it does not reach a process that has left the
// group on purpose (setsid); such a daemon is only kept from blocking the call.
// On Windows a job object holds all descendants.
//
// This is the only package that imports os/exec.
package proc

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/redact"
)

const (
	// DefaultGrace is how long an interrupted program may take to end. The agent
	// gives the task 7.5 s, in which it also has to report.
	DefaultGrace = 3 * time.Second

	// MaxOutput is how many bytes Output accepts if it is not told another number.
	MaxOutput = 16 << 20

	// drainTime bounds the wait for output when the program has ended and its
	// group was killed. Only a process out of reach can keep a pipe open then.
	drainTime = 2 * time.Second
)

// Cmd says what to run. It holds no state and may be used again.
type Cmd struct {
	// Name is the program: a bare name that is looked up in the PATH of Env, or
	// an absolute path.
	Name string
	// Args are the arguments, without the program's name. Secrets do not belong
	// here: every user of the machine can read them.
	Args []string
	// Dir is the working directory, by default that of this process.
	Dir string
	// Env is the whole environment as KEY=value; see Only. Nil is an error: an
	// empty environment has to be meant.
	Env []string
	// Stdin is read until its end or the program's. A Read that blocks longer
	// than the program runs is left to itself. Nil is an empty input.
	Stdin io.Reader
	// Stdout and Stderr get what the program prints, through a Filter; they may
	// be the same. Nil discards.
	Stdout, Stderr io.Writer
	// Secrets are hidden in the output; may be nil.
	Secrets *redact.Set
	// Grace is how long the program may take to end after an interrupt; zero
	// means DefaultGrace.
	Grace time.Duration
	// Most is how many bytes Output accepts; zero means MaxOutput.
	Most int
}

// ExitError says that a program ran and did not succeed.
type ExitError struct {
	Name   string // without the directory
	Code   int    // exit code; -1 if a signal ended it
	Signal string // such as "killed"; "" if it exited
}

// Error names the program and how it ended.
func (e *ExitError) Error() string {
	if e.Signal != "" {
		return fmt.Sprintf("%s was ended by a signal (%s)", e.Name, e.Signal)
	}
	return fmt.Sprintf("%s ended with exit code %d", e.Name, e.Code)
}

// Run runs c and waits for it and its process group. The error is an *ExitError
// if the program ran and failed, wraps the cause of ctx if that ended it,
// and otherwise says why it could not run or where its output could not go.
func Run(ctx context.Context, c Cmd) error {
	lock := &lockedWriters{}
	return run(ctx, c, Filter(lock.of(c.Stdout), c.Secrets), Filter(lock.of(c.Stderr), c.Secrets))
}

// Output runs c and returns what it prints on stdout, exactly, secrets
// included: it is meant for reading, not for printing. Stderr goes where Run
// would send it; c.Stdout must be nil. Output of more than c.Most bytes stops
// the program and is an error.
func Output(ctx context.Context, c Cmd) ([]byte, error) {
	if c.Stdout != nil {
		return nil, fmt.Errorf("output of %s: Stdout is set already", baseName(c.Name))
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	most := cmp.Or(c.Most, MaxOutput)
	out := &limited{max: most, full: func() { cancel(fmt.Errorf("%w: more than %d bytes", errTooMuch, most)) }}
	err := run(ctx, c, out, Filter((&lockedWriters{}).of(c.Stderr), c.Secrets))
	return out.buf.Bytes(), err
}

var errTooMuch = errors.New("it printed too much")

// limited is a buffer that calls full once when it is asked to hold more than max.
type limited struct {
	buf  bytes.Buffer
	max  int
	full func()
}

func (l *limited) Write(p []byte) (int, error) {
	room := l.max - l.buf.Len()
	if len(p) <= room {
		return l.buf.Write(p)
	}
	l.buf.Write(p[:room])
	l.full()
	return room, errTooMuch
}

func (l *limited) Close() error { return nil }

func run(ctx context.Context, c Cmd, stdout, stderr io.WriteCloser) error {
	name := baseName(c.Name)
	if err := ctx.Err(); err != nil {
		return stopped(ctx, name)
	}
	cmd, err := prepare(c)
	if err != nil {
		return err
	}
	var streams pipes
	defer streams.close()
	if err := streams.connect(cmd, c.Stdin, stdout, stderr); err != nil {
		return fmt.Errorf("starting %s: %w", name, err)
	}
	g, err := startGroup(cmd)
	if err != nil {
		return fmt.Errorf("starting %s: %w", name, cause(err))
	}
	streams.started()
	grace := c.Grace
	if grace == 0 {
		grace = DefaultGrace
	}
	interrupted, waitErr := waitGroup(ctx, cmd, g, grace)
	copyErr := streams.drain()
	switch {
	case interrupted:
		return stopped(ctx, name)
	case waitErr != nil:
		return ended(name, waitErr)
	case copyErr != nil:
		return fmt.Errorf("passing on the output of %s: %w", name, copyErr)
	}
	return nil
}

// prepare checks c and turns it into what os/exec wants.
func prepare(c Cmd) (*exec.Cmd, error) {
	name := baseName(c.Name)
	if c.Env == nil {
		return nil, fmt.Errorf("starting %s: no environment is named; use proc.Only", name)
	}
	for _, kv := range c.Env {
		if key, _, _ := strings.Cut(kv, "="); private(key) {
			return nil, fmt.Errorf("starting %s: the agent's %s must not reach a program; use proc.Only", name, key)
		}
	}
	for i, arg := range c.Args {
		if strings.IndexByte(arg, 0) >= 0 {
			return nil, fmt.Errorf("starting %s: argument %d holds a NUL byte", name, i+1)
		}
	}
	if info, err := os.Stat(c.Dir); c.Dir != "" && (err != nil || !info.IsDir()) {
		return nil, fmt.Errorf("starting %s: there is no folder %q to start it in", name, c.Dir)
	}
	path, err := lookPath(c.Name, c.Env)
	if err != nil {
		return nil, err
	}
	if err := checkArgs(path, c.Args); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	return &exec.Cmd{Path: path, Args: append([]string{c.Name}, c.Args...), Dir: c.Dir, Env: c.Env}, nil
}

// waitGroup waits until the program has ended and nothing is left of its group,
// and reports whether ctx had to end it.
func waitGroup(ctx context.Context, cmd *exec.Cmd, g *group, grace time.Duration) (interrupted bool, err error) {
	ended := make(chan struct{})
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		select {
		case <-ended:
			return
		case <-ctx.Done():
			interrupted = true
			g.interrupt()
		}
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-ended:
		case <-timer.C:
			g.kill()
		}
	}()
	// The program stays a zombie until the group is dealt with: before that its
	// id could be given to somebody else.
	g.awaitExit()
	close(ended)
	<-finished
	g.kill()
	err = cmd.Wait()
	g.release()
	return interrupted, err
}

// stopped says that ctx ended the program.
func stopped(ctx context.Context, name string) error {
	return fmt.Errorf("%s was stopped: %w", name, context.Cause(ctx))
}

// ended turns the result of Wait into an ExitError.
func ended(name string, err error) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return fmt.Errorf("waiting for %s: %w", name, err)
	}
	return &ExitError{Name: name, Code: exit.ExitCode(), Signal: signalName(exit.ProcessState)}
}

// cause drops the path and the system call from a start error: the name is
// there already.
func cause(err error) error {
	var pathErr *os.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

// baseName is the program's name without its directory, with either separator.
func baseName(name string) string {
	return filepath.Base(name[strings.LastIndexAny(name, `/\`)+1:])
}
