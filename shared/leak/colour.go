package leak

import (
	"bytes"
	"strings"
)

// maxEscape is the length from which something that begins like an escape sequence
// is none.
const maxEscape = 4 << 10

// longTitle is the length from which the text of an operating system command, such
// as the address of a hyperlink, is kept: it may hold a secret itself.
const longTitle = 16

const (
	escape = 0x1b
	bell   = 0x07
)

// stripColours takes the escape sequences out of data[from:], in place.
func (in *input) stripColours(from int) {
	first := bytes.IndexByte(in.data[from:], escape)
	if first < 0 {
		return
	}
	to := from + first
	for i := to; i < len(in.data); {
		n, kept, whole := sequence(in.data[i:])
		switch {
		case !whole && !in.end && len(in.data)-i < maxEscape:
			in.tail = append(in.tail, in.data[i:]...)
			in.data = in.data[:to]
			return
		case n == 0: // not a sequence: an ordinary byte
			in.data[to] = escape
			to, i = to+1, i+1
		default:
			in.cut(int64(to), n-len(kept))
			to += copy(in.data[to:], kept)
			i += n
		}
		next := bytes.IndexByte(in.data[i:], escape)
		if next < 0 {
			next = len(in.data) - i
		}
		to += copy(in.data[to:], in.data[i:i+next])
		i += next
	}
	in.data = in.data[:to]
}

// cut remembers that n bytes were taken out before data[at].
func (in *input) cut(at int64, n int) {
	at += in.base
	if last := len(in.at.cuts) - 1; last >= 0 && in.at.cuts[last].offset == at {
		in.at.cuts[last].n += n
		return
	}
	in.at.cuts = append(in.at.cuts, cut{at, n})
}

// sequence returns the length of the escape sequence that data begins with, 0 if it
// is none, and what of it is kept. whole is false if more data may change that.
func sequence(data []byte) (n int, kept []byte, whole bool) {
	if len(data) < 2 {
		return 0, nil, false
	}
	switch c := data[1]; {
	case c == '[':
		n, whole = control(data)
		return n, nil, whole
	case c == ']':
		return command(data)
	case c == '(' || c == ')':
		if len(data) < 3 {
			return 0, nil, false
		}
		return 3, nil, true
	case '0' <= c && c <= '~':
		return 2, nil, true
	}
	return 0, nil, true
}

// control is for control sequences (ECMA-48, 5.4): colours, cursor movements.
func control(data []byte) (n int, whole bool) {
	const longest = 64
	i := 2
	for i < min(len(data), longest) && 0x20 <= data[i] && data[i] <= 0x3f {
		i++
	}
	switch {
	case i == longest:
		return 0, true
	case i == len(data):
		return 0, false
	case 0x40 <= data[i] && data[i] <= 0x7e:
		return i + 1, true
	}
	return 0, true
}

// command is for operating system commands: titles, hyperlinks. They end with BEL or
// with ESC \.
func command(data []byte) (n int, kept []byte, whole bool) {
	for i := 2; i < min(len(data), maxEscape); i++ {
		switch data[i] {
		case '\n':
			return 0, nil, true
		case bell:
			n = i + 1
		case escape:
			if i+1 == len(data) {
				return 0, nil, false
			}
			if data[i+1] != '\\' {
				return 0, nil, true
			}
			n = i + 2
		default:
			continue
		}
		if i-2 < longTitle {
			return n, nil, true
		}
		// It stands apart from the text around it.
		data[1], data[i] = ' ', ' '
		return n, data[1 : i+1], true
	}
	return 0, nil, len(data) >= maxEscape
}

// withoutColours returns text as it looks when its escape sequences are taken out.
func withoutColours(text string) string {
	if strings.IndexByte(text, escape) < 0 {
		return text
	}
	in := input{data: []byte(text), end: true}
	in.stripColours(0)
	return string(in.data)
}
