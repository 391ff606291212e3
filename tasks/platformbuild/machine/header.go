package machine

import (
	"encoding/binary"
	"strconv"
)

// header reads numbers of a file's head at any place; what lies outside is 0 and remembered.
type header struct {
	head  []byte
	order binary.ByteOrder
	short bool
}

// at are n bytes, or nil. Offsets come from the file: a sum may have wrapped.
func (h *header) at(offset, n uint64) []byte {
	if size := uint64(len(h.head)); offset > size || n > size-offset {
		h.short = true
		return nil
	}
	return h.head[offset : offset+n]
}

func (h *header) u16(offset uint64) uint16 {
	if b := h.at(offset, 2); b != nil {
		return h.order.Uint16(b)
	}
	return 0
}

func (h *header) u32(offset uint64) uint32 {
	if b := h.at(offset, 4); b != nil {
		return h.order.Uint32(b)
	}
	return 0
}

// word is a number as wide as the class of the file.
func (h *header) word(offset uint64, wide bool) uint64 {
	if !wide {
		return uint64(h.u32(offset))
	}
	if b := h.at(offset, 8); b != nil {
		return h.order.Uint64(b)
	}
	return 0
}

// whole reports whether the head is all there is of the file: then what is outside is missing.
func (h *header) whole() bool { return len(h.head) < HeadSize }

// nameless is the name of a processor that has none here.
func nameless(number uint32) string { return "machine-" + strconv.FormatUint(uint64(number), 10) }
