package fold

import (
	"bytes"
	"debug/elf"
	"debug/macho"
	"debug/pe"
)

// image is what folding needs to know of a program.
type image struct {
	data      []byte
	code      string
	coder     coder
	text, end int // the code
	page      int
	table     int // the table of functions
	funcs     []function
	sites     []site
}

// function is a function's name and where its code begins.
type function struct {
	name  string
	start int
}

// read finds the parts of a Go program for any system; ok is false if it is none, or a damaged one.
func read(data []byte) (img *image, ok bool) {
	img = &image{data: data}
	if len(data) > maxSize || !img.findText() || !img.findFuncs() {
		return nil, false
	}
	img.coder = coders[img.code]
	img.sites = img.coder.sites(data, img)
	return img, true
}

// findText finds the code by the headers that the system's loader reads.
func (img *image) findText() bool {
	var offset, size, address uint64
	r := bytes.NewReader(img.data)
	if f, err := elf.NewFile(r); err == nil {
		if s := f.Section(".text"); s != nil {
			offset, size, address = s.Offset, s.Size, s.Addr
		}
		img.code = map[elf.Machine]string{elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64"}[f.Machine]
	} else if f, err := macho.NewFile(r); err == nil {
		if s := f.Section("__text"); s != nil {
			offset, size, address = uint64(s.Offset), s.Size, s.Addr
		}
		img.code = map[macho.Cpu]string{macho.CpuAmd64: "amd64", macho.CpuArm64: "arm64"}[f.Cpu]
	} else if f, err := pe.NewFile(r); err == nil {
		if s := f.Section(".text"); s != nil {
			offset, size, address = uint64(s.Offset), uint64(s.Size), uint64(s.VirtualAddress)
		}
		img.code = map[uint16]string{
			pe.IMAGE_FILE_MACHINE_AMD64: "amd64", pe.IMAGE_FILE_MACHINE_ARM64: "arm64",
		}[f.Machine]
	}
	if size == 0 || img.code == "" || offset > maxSize || size > maxSize || int(offset+size) > len(img.data) {
		return false
	}
	img.text, img.end = int(offset), int(offset+size)
	img.page = int((address - offset) % pageSize)
	return true
}

// header is how the runtime's tables begin since Go 1.20 (internal/abi, symtab.go): a number, two zeros, the
// smallest size of an instruction, the size of a pointer; then words of eight bytes: how many functions and files
// there are, one that is not used, and how far it is to the names of functions, and, the last, to the functions.
var headers = map[string][]byte{
	"amd64": {0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8},
	"arm64": {0xf1, 0xff, 0xff, 0xff, 0, 0, 4, 8},
}

const headerSize = 8 * 9

// findFuncs finds the table of functions. A constant may look like the header, so all that do are tried.
func (img *image) findFuncs() bool {
	magic := headers[img.code]
	for from := 0; ; {
		i := bytes.Index(img.data[from:], magic)
		if i < 0 || from+i+headerSize > len(img.data) {
			return false
		}
		if img.readFuncs(from + i) {
			return true
		}
		from += i + len(magic)
	}
}

func (img *image) readFuncs(header int) bool {
	size := uint64(len(img.data))
	word := func(i int) uint64 { return le.Uint64(img.data[header+8*i:]) }
	count, names, table := word(1), word(4), word(8)
	if count == 0 || count > size || names > size || table > size {
		return false
	}
	img.table, img.funcs = header+int(table), nil
	return records(img.data, [2]int{img.table, int(count)}, func(r record) error {
		start := header + int(names) + int(r.word(nameWord))
		if r.word(nameWord) > maxSize || start > len(img.data) {
			return errNotFuncs
		}
		name, _, _ := bytes.Cut(img.data[start:min(start+maxName, len(img.data))], []byte{0})
		img.funcs = append(img.funcs, function{string(name), img.text + int(r.word(entryWord))})
		return nil
	}) == nil
}

// maxName ends a name that has no end.
const maxName = 1 << 12
