package proc

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// pipes carry the child's standard streams. They are made here and not by
// os/exec, because that waits for the end of the output before it says that the
// program has ended, and a grandchild can hold the output open for ever.
type pipes struct {
	child  []*os.File // closed once the child has them
	ours   []*os.File
	copies []func()
	done   sync.WaitGroup
	mu     sync.Mutex
	err    error // first error of a destination
}

func (p *pipes) connect(cmd *exec.Cmd, stdin io.Reader, stdout, stderr io.WriteCloser) error {
	var err error
	if stdin != nil {
		if cmd.Stdin, err = p.input(stdin); err != nil {
			return err
		}
	}
	if cmd.Stdout, err = p.output(stdout); err != nil {
		return err
	}
	cmd.Stderr, err = p.output(stderr)
	return err
}

func (p *pipes) input(from io.Reader) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.child, p.ours = append(p.child, r), append(p.ours, w)
	// Nobody waits for this copy: from may block for ever. It ends with the
	// program at the latest on from's next byte, because the pipe is closed then.
	p.copies = append(p.copies, func() {
		go func() {
			_, _ = io.Copy(w, from) // a program need not read its input
			_ = w.Close()
		}()
	})
	return r, nil
}

func (p *pipes) output(to io.WriteCloser) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.child, p.ours = append(p.child, w), append(p.ours, r)
	p.copies = append(p.copies, func() {
		p.done.Go(func() {
			_, err := io.Copy(to, r)
			if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, os.ErrClosed) {
				err = nil // drain gave up: the program itself has ended
			}
			if err != nil {
				p.fail(err)
				// The child must not block because its output has no place to go.
				_, _ = io.Copy(io.Discard, r)
			}
			if err := to.Close(); err != nil {
				p.fail(err)
			}
		})
	})
	return w, nil
}

func (p *pipes) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
	}
}

// started gives the child's ends away and begins to copy.
func (p *pipes) started() {
	for _, f := range p.child {
		_ = f.Close()
	}
	p.child = nil
	for _, start := range p.copies {
		start()
	}
}

// drain waits for the rest of the output, but not for ever.
func (p *pipes) drain() error {
	done := make(chan struct{})
	go func() {
		p.done.Wait()
		close(done)
	}()
	timer := time.NewTimer(drainTime)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		// Where pipes know no deadline (Windows), the copy is left to itself; the
		// job object has killed everything that could write to it.
		p.expire()
		timer.Reset(drainTime)
		select {
		case <-done:
		case <-timer.C:
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

func (p *pipes) expire() {
	for _, f := range p.ours {
		_ = f.SetDeadline(time.Unix(1, 0))
	}
}

func (p *pipes) close() {
	p.expire()
	for _, f := range append(p.child, p.ours...) {
		_ = f.Close()
	}
}

// lockedWriters makes writers that may be used at the same time although they
// may be one and the same underneath.
type lockedWriters struct{ mu sync.Mutex }

func (l *lockedWriters) of(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return lockedWriter{l, w}
}

type lockedWriter struct {
	lock *lockedWriters
	w    io.Writer
}

func (l lockedWriter) Write(p []byte) (int, error) {
	l.lock.mu.Lock()
	defer l.lock.mu.Unlock()
	return l.w.Write(p)
}
