package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/guardrails-ci/guardrails/build/localagent/command"
)

// Timing is how long the agent waits for things. The zero value of each field
// means the agent's own value; tests make them short.
type Timing struct {
	// Interrupt is what a process gets between SIGINT and SIGTERM (7.5 s), and
	// Terminate what it gets between SIGTERM and being killed (2.5 s).
	Interrupt, Terminate time.Duration
	// Drain is how long output may stay open after a process ended, and how
	// long a process may go on after task.complete with done=true (5 s).
	Drain time.Duration
	// Minute is the unit of timeoutInMinutes.
	Minute time.Duration
	// Retry is the unit of the delay between tries; the n-th is n squared (1 s).
	Retry time.Duration
	// Queue is how long news of a record takes to the server (0.5 s). The log of a
	// finished step takes three times as long.
	Queue time.Duration
	// Cancel is what a job has left once it is cancelled (5 min).
	Cancel time.Duration
	// Linger is how long processes may take to end with their job before they
	// count as left behind (1 s).
	Linger time.Duration
}

func (t Timing) orDefault() Timing {
	set := func(field *time.Duration, value time.Duration) {
		if *field == 0 {
			*field = value
		}
	}
	set(&t.Interrupt, 7500*time.Millisecond)
	set(&t.Terminate, 2500*time.Millisecond)
	set(&t.Drain, 5*time.Second)
	set(&t.Minute, time.Minute)
	set(&t.Retry, time.Second)
	set(&t.Queue, 500*time.Millisecond)
	set(&t.Cancel, 5*time.Minute)
	set(&t.Linger, time.Second)
	return t
}

// invocation is one program to run for a step.
type invocation struct {
	path   string
	args   []string
	dir    string
	env    []string
	timing Timing
	// line is called for each line the program prints, never twice at once.
	line lineFunc
	// finish is closed when the program said it is done before it ended.
	finish <-chan struct{}
	// abort is closed to end everything at once.
	abort <-chan struct{}
	// adopted takes over processes that lose their parent, if not nil.
	adopted *adoption
}

// lineFunc takes one line, and whether it came from the error output.
type lineFunc func(line string, stderr bool)

// ending is how a program ended.
type ending struct {
	code int
	// forced: it was still running when it had long said that it is done.
	forced bool
	// held: its output was still open, in some other process, after it ended.
	held bool
}

// errAborted is the end of a run that the user wants to stop at once.
var errAborted = errors.New("aborted")

// run runs a program the way the agent's ProcessInvoker.cs does. Its input is
// closed; each line of both outputs goes to line. When ctx ends it gets SIGINT,
// then SIGTERM, then is killed - it alone, not its children - and the error is
// that of ctx, whatever its exit status.
func (i invocation) run(ctx context.Context) (ending, error) {
	cmd := exec.Command(i.path, i.args...)
	cmd.Dir, cmd.Env = i.dir, i.env
	configure(cmd)
	output, err := i.start(cmd)
	if err != nil {
		return ending{}, fmt.Errorf("starting %s: %w", i.path, i.explain(err))
	}
	adjustOOMScore(cmd.Process.Pid, i.env)
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the status is in ProcessState
		i.adopted.ended(cmd.Process.Pid)
		close(exited)
	}()
	forced, err := i.await(ctx, cmd.Process, exited)
	if forced {
		output.mute()
		return ending{forced: true}, err
	}
	held := output.stop(i.timing.Drain, cmd.Process.Pid)
	return ending{code: cmd.ProcessState.ExitCode(), held: held}, err
}

// await waits until the program ended by itself. Otherwise it says whether it
// was given up because it had said that it is done, or returns why it was ended.
func (i invocation) await(ctx context.Context, process *os.Process, exited <-chan struct{}) (forced bool, err error) {
	var done <-chan time.Time
	finish := i.finish
	for {
		select {
		case <-exited:
			// The agent looks at the cancellation first: an exit status after
			// it means nothing.
			return false, context.Cause(ctx)
		case <-finish:
			finish = nil
			done = time.After(i.timing.Drain)
		case <-done:
			return true, nil
		case <-ctx.Done():
			i.end(process, exited)
			return false, context.Cause(ctx)
		case <-i.abort:
			killGroup(process)
			<-exited
			return false, errAborted
		}
	}
}

// end asks ever more firmly. Signals to a process that just ended fail, and
// that is fine.
func (i invocation) end(process *os.Process, exited <-chan struct{}) {
	steps := []struct {
		ask  func(*os.Process) error
		wait time.Duration
	}{{interrupt, i.timing.Interrupt}, {terminate, i.timing.Terminate}}
	for _, s := range steps {
		_ = s.ask(process)
		select {
		case <-exited:
			return
		case <-time.After(s.wait):
		case <-i.abort:
		}
	}
	_ = process.Kill()
	<-exited
}

// start starts cmd with its input at its end and its outputs in pipes.
func (i invocation) start(cmd *exec.Cmd) (*output, error) {
	input, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer input.Close()
	if err := write.Close(); err != nil {
		return nil, err
	}
	cmd.Stdin = input
	out := &output{line: i.line, drained: make(chan struct{})}
	ends := make([]*os.File, 2)
	for n, stream := range []*io.Writer{&cmd.Stdout, &cmd.Stderr} {
		read, write, err := os.Pipe()
		if err != nil {
			out.close()
			return nil, err
		}
		defer write.Close()
		*stream, ends[n] = write, read
		out.ends = ends[:n+1]
	}
	if err := i.adopted.start(cmd); err != nil {
		out.close()
		return nil, err
	}
	out.read()
	return out, nil
}

// explain says why the system refused to start a program at all, when that is
// one variable larger than Linux takes: the bare error names nothing.
func (i invocation) explain(err error) error {
	const maxEntry = 131071
	if !tooLong(err) {
		return err
	}
	for _, entry := range i.env {
		if name, _, _ := strings.Cut(entry, "="); len(entry) > maxEntry {
			return fmt.Errorf("%w: environment variable %s takes %d bytes, the system allows %d",
				err, name, len(entry), maxEntry)
		}
	}
	return err
}

// output reads what a program and its children print.
type output struct {
	ends    []*os.File
	line    lineFunc
	drained chan struct{}
	muted   atomic.Bool
	mu      sync.Mutex
}

func (o *output) read() {
	var readers sync.WaitGroup
	for n, end := range o.ends {
		stderr := n == 1
		readers.Go(func() {
			lines := command.NewSplitter(func(line string) { o.deliver(line, stderr) })
			if _, err := io.Copy(lines, end); err != nil && !errors.Is(err, os.ErrClosed) {
				o.deliver("##[error]reading output: "+err.Error(), stderr)
				// The writer must not block for ever on a full pipe.
				_, _ = io.Copy(io.Discard, end)
			}
			_ = lines.Close()
		})
	}
	go func() {
		readers.Wait()
		close(o.drained)
	}()
}

func (o *output) deliver(line string, stderr bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.muted.Load() {
		o.line(line, stderr)
	}
}

// stop waits until all output was read. It reports whether another process held
// it open for longer than wait; that process is ended if it is in the group.
func (o *output) stop(wait time.Duration, group int) (held bool) {
	select {
	case <-o.drained:
	case <-time.After(wait):
		held = true
		endGroup(group)
	}
	o.close()
	<-o.drained
	return held
}

// mute lets a program go on, unheard.
func (o *output) mute() { o.muted.Store(true) }

func (o *output) close() {
	for _, end := range o.ends {
		_ = end.Close()
	}
}
