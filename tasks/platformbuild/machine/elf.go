package machine

import (
	"bytes"
	"encoding/binary"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/platform"
)

// Places and values of the ELF header: System V ABI, chapter 4, and elf.h of Linux.
const (
	elfClass, elfData, elfOSABI = 4, 5, 7
	elfType, elfMachine         = 16, 18
	typeExec, typeDyn           = 2, 3
	segmentInterp               = 3
	maxInterp                   = 4096 // PATH_MAX of the kernel
)

func sniffELF(head []byte) Program {
	p := Program{Format: ELF}
	h := &header{head: head, order: binary.LittleEndian}
	ident := h.at(0, 16)
	if ident == nil {
		p.Broken = "its header is cut"
		return p
	}
	wide := ident[elfClass] == 2
	if !wide && ident[elfClass] != 1 || ident[elfData] != 1 && ident[elfData] != 2 {
		p.Broken = "its header says neither 32 nor 64 bits, or no byte order"
		return p
	}
	if ident[elfData] == 2 {
		h.order = binary.BigEndian
	}
	kind, arch := h.u16(elfType), elfArch(h, wide, ident[elfData] == 2)
	if h.short {
		p.Broken = "its header is cut"
		return p
	}
	p.Platforms = []platform.Platform{{OS: elfSystem[ident[elfOSABI]], Arch: arch}}
	switch kind {
	case typeExec, typeDyn:
		p.readLoader(h, wide)
	case 1:
		p.Broken = "it is an object file, which is yet to be linked"
	case 4:
		p.Broken = "it is a core dump"
	default:
		p.Broken = "its header does not say that it is a program"
	}
	return p
}

// elfSystem has the operating systems that sign their files. System V's 0 is everybody's, and
// 3 is what the GNU linker writes for some features of Linux.
var elfSystem = map[byte]string{
	2: "netbsd", 3: "linux", 6: "solaris", 7: "aix", 9: "freebsd", 12: "openbsd", 17: "cloudabi",
}

// oneWay are the processors that are the same in each class and byte order.
var oneWay = map[uint16]string{
	2: "sparc", 3: "386", 4: "m68k", 15: "hppa", 42: "sh4", 43: "sparc64", 50: "ia64", 247: "bpf", 0x9026: "alpha",
}

// severalWays are the others: 32-bit little and big endian, 64-bit little and big endian. Names that
// Go has not are those of the GNU triplet.
var severalWays = map[uint16][4]string{
	8:   {"mipsle", "mips", "mips64le", "mips64"},
	20:  {"ppcle", "ppc", "", ""},
	21:  {"", "", "ppc64le", "ppc64"},
	22:  {"", "s390", "", "s390x"},
	40:  {"arm", "armbe", "", ""},
	62:  {"x32", "", "amd64", ""},
	183: {"aarch64_ilp32", "", "arm64", "aarch64_be"},
	243: {"riscv", "", "riscv64", ""},
	258: {"loong32", "", "loong64", ""},
}

func elfArch(h *header, wide, big bool) string {
	number := h.u16(elfMachine)
	if name, ok := oneWay[number]; ok {
		return name
	}
	way := 0
	if big {
		way = 1
	}
	flags := h.u32(36)
	if wide {
		way += 2
	} else if const32 := uint32(0x20); number == 8 && flags&const32 != 0 { // EF_MIPS_ABI2: n32
		return "mipsn32"
	}
	if name := severalWays[number][way]; name != "" {
		return name
	}
	return nameless(uint32(number))
}

// readLoader looks at the program headers as fs/binfmt_elf.c does.
func (p *Program) readLoader(h *header, wide bool) {
	table, size, number := h.word(28, false), uint64(h.u16(42)), uint64(h.u16(44))
	want := uint64(32)
	if wide {
		table, size, number, want = h.word(32, true), uint64(h.u16(54)), uint64(h.u16(56)), 56
	}
	switch {
	case h.short:
		p.Broken = "its header is cut"
		return
	case number == 0 || size != want:
		p.Broken = "it has no program headers, or they have the wrong size"
		return
	}
	for i := range number {
		at := table + i*size
		if kind := h.u32(at); h.short || kind != segmentInterp {
			if h.short {
				p.outside(h, "its program headers are cut")
				return
			}
			continue
		}
		offset, length := h.word(at+4, false), h.word(at+16, false)
		if wide {
			offset, length = h.word(at+8, true), h.word(at+32, true)
		}
		p.readInterp(h, offset, length)
		return // the kernel takes the first
	}
}

func (p *Program) readInterp(h *header, offset, length uint64) {
	switch {
	case h.short:
		p.outside(h, "its program headers are cut")
		return
	case length < 2 || length > maxInterp:
		p.Broken = "the name of its loader is too short or too long"
		return
	}
	name := h.at(offset, length)
	if name == nil {
		p.outside(h, "the name of its loader is cut")
		return
	}
	if name[length-1] != 0 {
		p.Broken = "the name of its loader has no end"
		return
	}
	name, _, _ = bytes.Cut(name, []byte{0})
	p.Loader = string(name)
}

// outside is for what is not in the head: missing, if the head is the whole file.
func (p *Program) outside(h *header, reason string) {
	if h.whole() {
		p.Broken = reason
		return
	}
	p.LoaderUnread = true
}
