package redact

import (
	"io"
	"os"
	"sync"
)

// Writer hides a Set's secrets in what is written to it; see Set.Writer.
type Writer struct {
	mu     sync.Mutex
	w      io.Writer
	set    *Set
	stream stream
	out    []byte
	err    error // sticky
}

// Writer returns a Writer that passes to w what is written to it, with every
// registered form replaced by Mask. How the text is cut into writes makes no
// difference. It holds back only bytes that may still become part of a secret,
// at most as many as the longest form has; Close passes those on. Its methods
// may be called from several goroutines.
func (s *Set) Writer(w io.Writer) *Writer {
	return &Writer{w: w, set: s}
}

// Write implements io.Writer. It calls the underlying writer at most once. After
// an error of the underlying writer every Write returns that error.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return 0, w.err
	}
	if m := w.set.current(); m != nil {
		w.stream.use(m)
	}
	w.out = w.stream.feed(w.out[:0], p)
	if w.flush(); w.err != nil {
		return 0, w.err
	}
	return len(p), nil
}

// Close passes on what was held back. It does not close the underlying writer.
// Writing to a closed Writer is an error; closing it again is not.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == os.ErrClosed {
		return nil
	}
	if w.err != nil {
		return w.err
	}
	if m := w.set.current(); m != nil {
		w.stream.use(m)
	}
	w.out = w.stream.finish(w.out[:0])
	if w.flush(); w.err != nil {
		return w.err
	}
	w.err = os.ErrClosed
	return nil
}

func (w *Writer) flush() {
	if len(w.out) > 0 {
		_, w.err = w.w.Write(w.out)
	}
}
