package fold

import (
	"bytes"
	"testing"
)

// conflicts says whether arm64 code has a page that looks like a label: one 4 GB before, which no program has.
func conflicts(d []byte, img *image, count int) bool {
	for i := img.text; i+8 <= img.end; i += 4 {
		if word := le.Uint32(d[i:]); isPage(word) && page(word)^mark < uint32(count) {
			return true
		}
	}
	return false
}

// Any bytes are code: what is folded unfolds to them, whatever the instructions are.
func FuzzCode(f *testing.F) {
	f.Add([]byte("\xe8\x01\x00\x00\x00\x48\x8d\x05\xff\xff\xff\xff\xe8\xe8\x8b\x05\x00\x00\x00\x80"), uint16(0))
	f.Add([]byte("\x01\x00\x00\x94\x00\x00\x00\xb0\x00\x04\x40\xf9\x00\x00\xf0\xb0\x42\x00\x00\x91\xff\xff\xff\x97"), uint16(2560))
	// 4 GB before the code, and behind it.
	f.Add([]byte("\x00\x00\x80\xb0\x00\x04\x40\xf9"), uint16(2770))
	f.Add(append(bytes.Repeat([]byte("\x1f\x20\x03\xd5"), 2048), "\xe0\xff\x7f\xf0\x00\x04\x40\xf9"...), uint16(2770))
	for _, programs := range built(f) {
		img, _ := read(programs[0])
		f.Add(programs[0][img.text:][:300], uint16(0))
	}
	f.Fuzz(func(t *testing.T, code []byte, page uint16) {
		for name, coder := range coders {
			img := &image{data: code, code: name, coder: coder, end: len(code), page: int(page) % pageSize}
			img.sites = coder.sites(code, img)
			names := label([]*image{img})[0]
			if name == "arm64" && conflicts(code, img, len(names.list)) {
				continue
			}
			data, m := img.fold(names)
			got, err := Unfold(data, m)
			if err != nil || !bytes.Equal(got, code) {
				t.Errorf("%s: Unfold(fold(%x)) = %x, %v", name, code, got, err)
			}
		}
	})
}

// Any bytes are a table: what folds unfolds, and nothing reads behind the end.
func FuzzFuncs(f *testing.F) {
	for _, programs := range built(f) {
		img, _ := read(programs[0])
		f.Add(programs[0][img.table+8*len(img.funcs)+4:][:400], uint16(3))
	}
	f.Fuzz(func(t *testing.T, records []byte, count uint16) {
		d := append(make([]byte, align(8*int(count)+4)), records...)
		want := bytes.Clone(d)
		funcs := [2]int{0, int(count)}
		if foldFuncs(d, funcs) != nil {
			return
		}
		if err := unfoldFuncs(d, funcs); err != nil || !bytes.Equal(d, want) && !wide(want, funcs) {
			t.Errorf("unfoldFuncs(foldFuncs(%x, %d)) = %x, %v", want, count, d, err)
		}
	})
}

// wide says whether a table has offsets beyond 2^29, whose distances 31 bits may not hold. No program is that large.
func wide(d []byte, funcs [2]int) bool {
	all, found := columns{}, false
	_ = records(d, funcs, func(r record) error {
		for k := range len(r.data) / 4 {
			v := int32(r.word(k))
			found = found || all.of(r, k) != nil && (v > 1<<29 || v < -1<<29)
		}
		return nil
	})
	return found
}

// Whatever a damaged archive and manifest say, unfolding ends without a panic.
func FuzzUnfold(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\xe8\x00\x00\x00\x00"), "amd64", 1, 0, 5, 0, 0, 0)
	f.Add(make([]byte, 200), "arm64", 3, 4, 100, 4095, 100, 1)
	f.Fuzz(func(_ *testing.T, data []byte, code string, labels, begin, end, page, table, count int) {
		m := Map{Code: code, Labels: labels, Text: [2]int{begin, end}, Page: page, Funcs: [2]int{table, count}}
		_, _ = Unfold(data, m)
	})
}
