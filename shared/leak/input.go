package leak

import (
	"bufio"
	"bytes"
	"io"
)

// How far a rule may look around its anchor. What is found then depends on these and
// on nothing else, least of all on where a block ends.
const (
	behind = 1 << 10
	ahead  = 16 << 10
)

// input is a window that moves over a text. Its colours are taken out on the way in,
// and what was taken out is remembered for the columns.
type input struct {
	buffered *bufio.Reader
	r        io.Reader // text; buffered, or what decodes it
	colour   bool      // colours are looked through
	binary   bool      // only known secrets are looked for
	end      bool      // data reaches the end of the text

	data    []byte // the window
	tail    []byte // raw bytes that may be the beginning of an escape sequence
	judged  int    // anchors before this index of data have been judged
	horizon int    // anchors before this index can be judged

	base int64 // offset of data[0] in the text
	at   cursor
}

// cursor is a place in the text, for line and column.
type cursor struct {
	offset  int64 // of the next byte
	line    int   // from 1
	start   int64 // offset of the line's first byte
	removed int64 // bytes taken out of the line so far
	cuts    []cut // what was taken out from here on
}

// cut says that n bytes were taken out before the byte at offset.
type cut struct {
	offset int64
	n      int
}

// input returns an input of r, with the window of an earlier one if there is any.
func (e *Engine) input(r io.Reader, text Text) *input {
	in, ok := e.inputs.Get().(*input)
	if !ok {
		in = &input{
			buffered: bufio.NewReaderSize(nil, sniffed),
			data:     make([]byte, 0, e.block+behind+ahead+2*maxEscape),
		}
	}
	*in = input{buffered: in.buffered, data: in.data[:0], tail: in.tail[:0], at: cursor{line: 1}}
	in.buffered.Reset(r)
	first, _ := in.buffered.Peek(sniffed) // an error comes again when it is read
	in.r, in.binary = in.buffered, text == Binary
	if order := byteOrder(first); order != nil && (text != Binary || isUTF16(first[2:], order)) {
		in.r = newUTF16(in.buffered, order)
	} else if text != Log && bytes.IndexByte(first, 0) >= 0 {
		in.binary = true
	}
	in.colour = !in.binary
	return in
}

// sniffed is how much of a file is looked at to tell whether it is text.
const sniffed = 8 << 10

// readFull is io.ReadFull that leaves errors as they are: a body that was cut ends with
// io.ErrUnexpectedEOF, and is no whole text.
func readFull(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var more int
		more, err = r.Read(buf[n:])
		n += more
	}
	if n == len(buf) && err == io.EOF {
		err = nil
	}
	return n, err
}

// fill reads until the window is full or the text ends.
func (in *input) fill() error {
	limit := cap(in.data) - 2*maxEscape
	for len(in.data) < limit && !in.end {
		from := len(in.data)
		in.data = append(in.data, in.tail...)
		in.tail = in.tail[:0]
		had := len(in.data)
		n, err := readFull(in.r, in.data[had:max(limit, had+maxEscape)])
		in.data = in.data[:had+n]
		switch {
		case err == io.EOF: // itself: a wrapped one is somebody's trouble
			in.end = true
		case err != nil:
			return err
		}
		if in.colour {
			in.stripColours(from)
		}
	}
	in.horizon = len(in.data) - ahead
	if in.end {
		in.horizon = len(in.data)
	}
	return nil
}

// advance forgets what no rule looks at any more.
func (in *input) advance() {
	in.judged = max(in.horizon, in.judged)
	drop := in.judged - behind
	if drop <= 0 {
		return
	}
	in.at.move(in.data[:drop])
	n := copy(in.data, in.data[drop:])
	in.data = in.data[:n]
	in.base += int64(drop)
	in.judged -= drop
}

// move goes on over text.
func (c *cursor) move(text []byte) {
	if lines := bytes.Count(text, []byte{'\n'}); lines > 0 {
		c.line += lines
		c.start = c.offset + int64(bytes.LastIndexByte(text, '\n')) + 1
		c.removed = 0
	}
	c.offset += int64(len(text))
	for len(c.cuts) > 0 && c.cuts[0].offset <= c.offset {
		if c.cuts[0].offset >= c.start {
			c.removed += int64(c.cuts[0].n)
		}
		c.cuts = c.cuts[1:]
	}
}

// place returns the line and column of the next byte.
func (c *cursor) place() (line, column int) {
	return c.line, int(c.offset - c.start + c.removed + 1)
}
