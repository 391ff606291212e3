package proc

import (
	"bytes"
	"io"

	"github.com/guardrails-ci/guardrails/shared/redact"
)

// maxLine is how much of an unfinished line a filter keeps.
const maxLine = 64 << 10

// Filter returns a writer that makes a program's output fit for the log of an
// Azure Pipelines agent and passes it to w:
//   - secrets are hidden (secrets may be nil);
//   - text that would command the agent is defused, see [redact.Defuse];
//   - CR LF and a bare CR become LF, because the agent ends a line at each;
//   - w gets whole lines, so that several filters may share a writer. Only lines
//     of more than 64 KiB come in pieces, never cut inside a command prefix.
//
// The result does not depend on how the output is cut into writes. Close passes
// on an unfinished last line and ends it; it does not close w. The filter is for
// one goroutine, and calls w from that one.
func Filter(w io.Writer, secrets *redact.Set) io.WriteCloser {
	lines := &lineWriter{w: w}
	return &filter{secrets.Writer(lines), lines}
}

// filter hides secrets before anything else: the other two steps change the
// text, and would make a secret with "##[" or a CR in it unrecognisable.
type filter struct {
	*redact.Writer
	lines *lineWriter
}

func (f *filter) Close() error {
	err := f.Writer.Close()
	if endErr := f.lines.end(); err == nil {
		err = endErr
	}
	return err
}

// lineWriter unifies line ends and defuses.
type lineWriter struct {
	w      io.Writer
	buf    []byte // the unfinished line, or its last piece
	skipLF bool   // the last byte was a CR, which has ended the line
	open   bool   // pieces of the unfinished line have been written
}

func (l *lineWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		// In portions, so that one huge write needs no huge buffer.
		part := p[:min(len(p), maxLine)]
		p = p[len(part):]
		l.take(part)
		if err := l.flush(); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// take appends p to buf with CR and CR LF turned into LF.
func (l *lineWriter) take(p []byte) {
	for len(p) > 0 {
		if l.skipLF {
			l.skipLF = false
			if p[0] == '\n' {
				p = p[1:]
				continue
			}
		}
		cr := bytes.IndexByte(p, '\r')
		if cr < 0 {
			l.buf = append(l.buf, p...)
			return
		}
		l.buf = append(append(l.buf, p[:cr]...), '\n')
		p, l.skipLF = p[cr+1:], true
	}
}

// flush writes the complete lines, and the beginning of a line that is too long.
func (l *lineWriter) flush() error {
	ready := bytes.LastIndexByte(l.buf, '\n') + 1
	if len(l.buf)-ready > maxLine {
		// The end of the piece is kept: a prefix may have begun in it. What is
		// defused now and kept is not found again.
		ready = len(l.buf) - redact.DefuseReach
		redact.DefuseBytes(l.buf)
	} else {
		redact.DefuseBytes(l.buf[:ready])
	}
	return l.write(ready)
}

// end finishes the last line: what is printed next must not become part of it.
func (l *lineWriter) end() error {
	if len(l.buf) > 0 || l.open {
		l.buf = append(l.buf, '\n')
	}
	return l.flush()
}

func (l *lineWriter) write(n int) error {
	if n == 0 {
		return nil
	}
	_, err := l.w.Write(l.buf[:n])
	l.open = l.buf[n-1] != '\n'
	l.buf = append(l.buf[:0], l.buf[n:]...)
	return err
}
