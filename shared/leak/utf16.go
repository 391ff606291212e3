package leak

import (
	"encoding/binary"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// byteOrder returns the byte order of UTF-16 text, by its mark; nil if it is none.
// Windows PowerShell writes its files that way.
func byteOrder(first []byte) binary.ByteOrder {
	if len(first) < 2 {
		return nil
	}
	switch {
	case first[0] == 0xff && first[1] == 0xfe:
		return binary.LittleEndian
	case first[0] == 0xfe && first[1] == 0xff:
		return binary.BigEndian
	}
	return nil
}

// isUTF16 reports whether what follows a byte order mark is text: other files begin
// with those two bytes, too. Pairs of halves fit together there, and something is
// ASCII; two letters of a byte each would make an ideograph.
func isUTF16(raw []byte, order binary.ByteOrder) bool {
	high, ascii := false, false
	for ; len(raw) >= 2; raw = raw[2:] {
		unit := rune(order.Uint16(raw))
		if unit == 0 || high != (unit >= 0xdc00 && unit < 0xe000) {
			return false
		}
		high = unit >= 0xd800 && unit < 0xdc00
		ascii = ascii || unit < utf8.RuneSelf
	}
	return ascii
}

// utf16Reader reads UTF-16 as UTF-8.
type utf16Reader struct {
	r       io.Reader
	order   binary.ByteOrder
	high    rune   // the first half of a pair
	out     []byte // not yet read
	raw     [4 << 10]byte
	decoded []byte
}

func newUTF16(r io.Reader, order binary.ByteOrder) io.Reader {
	return &utf16Reader{r: r, order: order}
}

// Read implements io.Reader.
func (u *utf16Reader) Read(p []byte) (int, error) {
	for len(u.out) == 0 {
		n, err := io.ReadFull(u.r, u.raw[:])
		if n == 0 {
			return 0, err
		}
		u.decode(u.raw[:n])
	}
	n := copy(p, u.out)
	u.out = u.out[n:]
	return n, nil
}

func (u *utf16Reader) decode(raw []byte) {
	u.decoded = u.decoded[:0]
	for ; len(raw) >= 2; raw = raw[2:] {
		c := rune(u.order.Uint16(raw))
		switch {
		case u.high != 0:
			pair := utf16.DecodeRune(u.high, c)
			u.high = 0
			u.decoded = utf8.AppendRune(u.decoded, pair)
		case 0xd800 <= c && c < 0xdc00:
			u.high = c
		default:
			u.decoded = utf8.AppendRune(u.decoded, c)
		}
	}
	u.out = u.decoded
}
