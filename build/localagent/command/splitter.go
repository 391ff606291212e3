package command

import (
	"bytes"
	"fmt"
	"strings"
)

// maxLine bounds the memory one unended line may take. A longer line is refused,
// not cut: a cut could fall inside a secret, and neither half would be masked.
const maxLine = 64 << 20

// Splitter calls a function for each line written to it. A line ends at LF, CRLF
// or a bare CR (the agent reads with .NET's StreamReader.ReadLine), however the
// bytes are cut. Bytes that are not UTF-8 become U+FFFD. Use one Splitter for
// each stream; it is not safe for concurrent use.
type Splitter struct {
	line   func(string)
	buf    []byte
	skipLF bool // the last byte was the CR of a line already delivered
}

// NewSplitter returns a Splitter that calls line for each line, without its end.
func NewSplitter(line func(string)) *Splitter {
	return &Splitter{line: line}
}

// Write takes the next bytes of the stream. It fails only when a line grows
// beyond 64 MiB.
func (s *Splitter) Write(p []byte) (int, error) {
	n := len(p)
	if s.skipLF && n > 0 {
		s.skipLF = false
		if p[0] == '\n' {
			p = p[1:]
		}
	}
	for {
		end := bytes.IndexAny(p, "\r\n")
		if end < 0 {
			break
		}
		s.buf = append(s.buf, p[:end]...)
		s.flush()
		crlf := p[end] == '\r' && end+1 < len(p) && p[end+1] == '\n'
		s.skipLF = p[end] == '\r' && end+1 == len(p)
		p = p[end+1:]
		if crlf {
			p = p[1:]
		}
	}
	if len(s.buf)+len(p) > maxLine {
		return 0, fmt.Errorf("output line is longer than %d MiB", maxLine>>20)
	}
	s.buf = append(s.buf, p...)
	return n, nil
}

// Close delivers the last line when the stream did not end it. It never fails.
func (s *Splitter) Close() error {
	if len(s.buf) > 0 {
		s.flush()
	}
	return nil
}

func (s *Splitter) flush() {
	s.line(strings.ToValidUTF8(string(s.buf), "\uFFFD"))
	s.buf = s.buf[:0]
}
