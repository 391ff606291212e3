package leak

import "bytes"

// Base64 is wrapped at 64 columns by openssl and at 76 by base64 and MIME. Where a
// secret's form begins in such a line nobody knows, so the lines around each line end
// are put together and searched once more: the form is found if it crosses one line
// end, or two. It takes half as long as all the rest of the search for known secrets, so
// binaries and other people's packages are spared it.

const (
	narrow, wide = 64, 76
	// joined is how many lines are put together.
	joined = 3
)

// piece is where a part of the text put together stands in the text.
type piece struct{ at, from int }

// searchWrapped calls found for each form that crosses a line end of wrapped base64 in
// data[from:to].
func (k *knownSet) searchWrapped(data []byte, from, to int, found func(match)) {
	for i := from; i < to; {
		n := bytes.IndexByte(data[i:to], '\n')
		if n < 0 {
			return
		}
		end := i + n
		i = end + 1 + narrow // a shorter line is not wrapped
		if end > 0 && data[end-1] == '\r' {
			end--
		}
		if end < narrow {
			continue
		}
		// Most lines have something else than base64 at one of these places.
		w := data[end-narrow : end : end]
		if base64Bit[w[63]]&base64Bit[w[52]]&base64Bit[w[41]]&base64Bit[w[30]]&base64Bit[w[19]]&base64Bit[w[8]] == 0 {
			continue
		}
		start := base64All.runBack(data, end, wide+1)
		if columns := end - start; columns == narrow || columns == wide {
			k.searchJoined(data, start, end, found)
		}
	}
}

// base64Bit is 1 for the characters of base64: a branch for each would cost more.
var base64Bit = func() (bits [256]byte) {
	for c, ok := range base64All {
		if ok {
			bits[c] = 1
		}
	}
	return bits
}()

// searchJoined puts data[start:end], a line of base64, and those that follow it together,
// and calls found for the forms that stand across its end.
func (k *knownSet) searchJoined(data []byte, start, end int, found func(match)) {
	columns := end - start
	var space [joined * wide]byte
	text := append(space[:0], data[start:end]...)
	pieces := []piece{{0, start}}
	for next, ok := lineEnd(data, end); ok && len(pieces) < joined; next, ok = lineEnd(data, next) {
		next = skipStamp(data, next)
		stop := base64All.run(data, next, columns)
		if stop == next {
			break
		}
		pieces = append(pieces, piece{len(text), next})
		text = append(text, data[next:stop]...)
		if next = stop; stop-pieces[len(pieces)-1].from < columns {
			break
		}
	}
	if len(pieces) == 1 {
		return
	}
	k.search(text, 0, len(text), func(m match) {
		if m.from < columns && m.to > columns {
			m.from, m.to = placeOf(pieces, m.from), placeOf(pieces, m.to-1)+1
			found(m)
		}
	})
}

// placeOf returns where in the text the byte at i of the text put together stands.
func placeOf(pieces []piece, i int) int {
	last := len(pieces) - 1
	for pieces[last].at > i {
		last--
	}
	return i - pieces[last].at + pieces[last].from
}

// lineEnd returns where the line after the line end at i begins; false if there is none.
func lineEnd(data []byte, i int) (int, bool) {
	if i < len(data) && data[i] == '\r' {
		i++
	}
	return i + 1, i < len(data) && data[i] == '\n'
}

// skipStamp skips the time stamp that the agent writes before a line,
// 2026-11-22T10:00:00.1234567Z, and blanks.
func skipStamp(data []byte, i int) int {
	const least, most = len("2026-11-22T10:00:00Z"), len("2026-11-22T10:00:00.123456789Z")
	if i+most < len(data) && data[i+4] == '-' && data[i+10] == 'T' && data[i+13] == ':' {
		for end := i + least; end <= i+most; end++ {
			if data[end-1] == 'Z' && data[end] == ' ' {
				i = end
				break
			}
		}
	}
	return blank.run(data, i, narrow)
}
