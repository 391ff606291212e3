package machine

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/platform"
)

// file is an ELF file to be: one program header for each segment, and text at its place.
type file struct {
	machine  elf.Machine
	kind     elf.Type
	class    elf.Class
	order    binary.ByteOrder
	abi      elf.OSABI
	flags    uint32
	segments []elf.Prog64
	phoff    uint64 // 0: after the header
	text     map[int]string
	size     int
}

func (f file) bytes(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	data := elf.ELFDATA2LSB
	if f.order == binary.BigEndian {
		data = elf.ELFDATA2MSB
	}
	ident := [16]byte{0x7f, 'E', 'L', 'F', byte(f.class), byte(data), 1, byte(f.abi)}
	write := func(v any) {
		if err := binary.Write(&out, f.order, v); err != nil {
			t.Fatal(err)
		}
	}
	number := uint16(len(f.segments))
	if f.class == elf.ELFCLASS64 {
		at := f.phoff
		if at == 0 {
			at = 64
		}
		write(elf.Header64{Ident: ident, Type: uint16(f.kind), Machine: uint16(f.machine), Version: 1, Phoff: at,
			Flags: f.flags, Ehsize: 64, Phentsize: 56, Phnum: number})
	} else {
		at := f.phoff
		if at == 0 {
			at = 52
		}
		write(elf.Header32{Ident: ident, Type: uint16(f.kind), Machine: uint16(f.machine), Version: 1, Phoff: uint32(at),
			Flags: f.flags, Ehsize: 52, Phentsize: 32, Phnum: number})
	}
	for _, s := range f.segments {
		if f.class == elf.ELFCLASS64 {
			write(s)
			continue
		}
		write(elf.Prog32{Type: s.Type, Off: uint32(s.Off), Filesz: uint32(s.Filesz)})
	}
	whole := make([]byte, max(f.size, out.Len()))
	copy(whole, out.Bytes())
	for at, text := range f.text {
		copy(whole[at:], text)
	}
	return whole
}

var load = elf.Prog64{Type: uint32(elf.PT_LOAD)}

func TestSniffELFKnowsProcessors(t *testing.T) {
	t.Parallel()
	little, big := binary.ByteOrder(binary.LittleEndian), binary.ByteOrder(binary.BigEndian)
	for want, f := range map[string]file{
		"amd64":      {machine: elf.EM_X86_64, class: elf.ELFCLASS64, order: little},
		"x32":        {machine: elf.EM_X86_64, class: elf.ELFCLASS32, order: little},
		"386":        {machine: elf.EM_386, class: elf.ELFCLASS32, order: little},
		"arm64":      {machine: elf.EM_AARCH64, class: elf.ELFCLASS64, order: little},
		"aarch64_be": {machine: elf.EM_AARCH64, class: elf.ELFCLASS64, order: big},
		"arm":        {machine: elf.EM_ARM, class: elf.ELFCLASS32, order: little, flags: 0x5000400},
		"armbe":      {machine: elf.EM_ARM, class: elf.ELFCLASS32, order: big},
		"riscv64":    {machine: elf.EM_RISCV, class: elf.ELFCLASS64, order: little},
		"riscv":      {machine: elf.EM_RISCV, class: elf.ELFCLASS32, order: little},
		"ppc64le":    {machine: elf.EM_PPC64, class: elf.ELFCLASS64, order: little},
		"ppc64":      {machine: elf.EM_PPC64, class: elf.ELFCLASS64, order: big},
		"s390x":      {machine: elf.EM_S390, class: elf.ELFCLASS64, order: big},
		"s390":       {machine: elf.EM_S390, class: elf.ELFCLASS32, order: big},
		"mips":       {machine: elf.EM_MIPS, class: elf.ELFCLASS32, order: big},
		"mipsle":     {machine: elf.EM_MIPS, class: elf.ELFCLASS32, order: little},
		"mipsn32":    {machine: elf.EM_MIPS, class: elf.ELFCLASS32, order: little, flags: 0x20},
		"mips64":     {machine: elf.EM_MIPS, class: elf.ELFCLASS64, order: big},
		"mips64le":   {machine: elf.EM_MIPS, class: elf.ELFCLASS64, order: little},
		"loong64":    {machine: elf.EM_LOONGARCH, class: elf.ELFCLASS64, order: little},
		"sparc64":    {machine: elf.EM_SPARCV9, class: elf.ELFCLASS64, order: big},
		"machine-83": {machine: elf.EM_AVR, class: elf.ELFCLASS32, order: little},
		"machine-62": {machine: elf.EM_X86_64, class: elf.ELFCLASS64, order: big},
	} {
		f.kind, f.segments = elf.ET_EXEC, []elf.Prog64{load}
		head := f.bytes(t)
		got := Sniff(head)
		if got.Broken != "" || len(got.Platforms) != 1 || got.Platforms[0] != (platform.Platform{Arch: want}) {
			t.Errorf("Sniff(%v %v %v) = %+v, want %s", f.machine, f.class, f.order, got, want)
		}
		oracle, err := elf.NewFile(bytes.NewReader(head))
		if err != nil || oracle.Machine != f.machine || oracle.Class != f.class || oracle.ByteOrder != f.order {
			t.Errorf("%s: debug/elf reads %+v, %v: the test's file is not what it says", want, oracle, err)
		}
	}
}

func TestSniffELF(t *testing.T) {
	t.Parallel()
	little, big := binary.ByteOrder(binary.LittleEndian), binary.ByteOrder(binary.BigEndian)
	loader := "/lib64/ld-linux-x86-64.so.2"
	interp := func(at, size int) elf.Prog64 {
		return elf.Prog64{Type: uint32(elf.PT_INTERP), Off: uint64(at), Filesz: uint64(size)}
	}
	base := func(change func(*file)) file {
		f := file{machine: elf.EM_X86_64, kind: elf.ET_DYN, class: elf.ELFCLASS64, order: little,
			segments: []elf.Prog64{load}}
		change(&f)
		return f
	}
	for name, tc := range map[string]struct {
		file file
		want Program
	}{
		"static":   {base(func(f *file) { f.kind = elf.ET_EXEC }), Program{}},
		"position": {base(func(*file) {}), Program{}},
		"dynamic": {base(func(f *file) {
			f.segments, f.text = []elf.Prog64{load, interp(400, 28)}, map[int]string{400: loader + "\x00"}
			f.size = 500
		}), Program{Loader: loader}},
		"dynamic, 32 bits, big endian": {base(func(f *file) {
			f.machine, f.class, f.order = elf.EM_MIPS, elf.ELFCLASS32, big
			f.segments, f.text = []elf.Prog64{interp(400, 28)}, map[int]string{400: loader + "\x00"}
			f.size = 500
		}), Program{Loader: loader, Platforms: []platform.Platform{{Arch: "mips"}}}},
		"the first loader counts": {base(func(f *file) {
			f.segments, f.size = []elf.Prog64{interp(400, 3), interp(403, 3)}, 500
			f.text = map[int]string{400: "/a\x00/b\x00"}
		}), Program{Loader: "/a"}},
		"loader with a NUL inside": {base(func(f *file) {
			f.segments, f.size, f.text = []elf.Prog64{interp(400, 6)}, 500, map[int]string{400: "/a\x00/b\x00"}
		}), Program{Loader: "/a"}},
		"loader beyond the head": {base(func(f *file) {
			f.segments, f.size = []elf.Prog64{interp(9000, 28)}, HeadSize
		}), Program{LoaderUnread: true}},
		"headers beyond the head": {base(func(f *file) { f.phoff, f.size = 9000, HeadSize }), Program{LoaderUnread: true}},
		"loader beyond the end": {base(func(f *file) {
			f.segments, f.size = []elf.Prog64{interp(9000, 28)}, HeadSize-1
		}), Program{Broken: "the name of its loader is cut"}},
		"headers beyond the end": {base(func(f *file) { f.phoff = 9000 }), Program{Broken: "its program headers are cut"}},
		"headers at the end of numbers": {base(func(f *file) { f.phoff = 1<<64 - 8 }),
			Program{Broken: "its program headers are cut"}},
		"loader at the end of numbers": {base(func(f *file) {
			f.segments = []elf.Prog64{{Type: uint32(elf.PT_INTERP), Off: 1<<64 - 8, Filesz: 16}}
		}), Program{Broken: "the name of its loader is cut"}},
		"huge loader": {base(func(f *file) {
			f.segments = []elf.Prog64{{Type: uint32(elf.PT_INTERP), Off: 400, Filesz: 1 << 60}}
		}), Program{Broken: "the name of its loader is too short or too long"}},
		"empty loader": {base(func(f *file) { f.segments = []elf.Prog64{interp(0, 1)} }),
			Program{Broken: "the name of its loader is too short or too long"}},
		"endless loader": {base(func(f *file) { f.segments = []elf.Prog64{interp(0, 4)} }),
			Program{Broken: "the name of its loader has no end"}},
		"headers of the wrong size": {base(func(f *file) { f.text = map[int]string{54: "\x20"} }),
			Program{Broken: "it has no program headers, or they have the wrong size"}},
		"no headers": {base(func(f *file) { f.segments = nil }),
			Program{Broken: "it has no program headers, or they have the wrong size"}},
		"object": {base(func(f *file) { f.kind = elf.ET_REL }),
			Program{Broken: "it is an object file, which is yet to be linked"}},
		"core": {base(func(f *file) { f.kind = elf.ET_CORE }), Program{Broken: "it is a core dump"}},
		"odd":  {base(func(f *file) { f.kind = 77 }), Program{Broken: "its header does not say that it is a program"}},
		"FreeBSD": {base(func(f *file) { f.abi = elf.ELFOSABI_FREEBSD }),
			Program{Platforms: []platform.Platform{{OS: "freebsd", Arch: "amd64"}}}},
		"signed Linux": {base(func(f *file) { f.abi = elf.ELFOSABI_LINUX }),
			Program{Platforms: []platform.Platform{{OS: "linux", Arch: "amd64"}}}},
	} {
		tc.want.Format = ELF
		if tc.want.Platforms == nil {
			tc.want.Platforms = []platform.Platform{{Arch: "amd64"}}
		}
		if diff := cmp.Diff(tc.want, Sniff(tc.file.bytes(t))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestSniffELFCutAnywhere(t *testing.T) {
	t.Parallel()
	for _, class := range []elf.Class{elf.ELFCLASS32, elf.ELFCLASS64} {
		whole := file{machine: elf.EM_RISCV, kind: elf.ET_EXEC, class: class, order: binary.LittleEndian,
			segments: []elf.Prog64{load}}.bytes(t)
		for n := 4; n < len(whole); n++ {
			// Of the last program header only the type is read, if it is not the loader's.
			entry := map[elf.Class]int{elf.ELFCLASS32: 32, elf.ELFCLASS64: 56}[class]
			got, cut := Sniff(whole[:n]), n < len(whole)-entry+4
			if (got.Broken != "") != cut || cut && !strings.HasSuffix(got.Broken, "cut") {
				t.Errorf("Sniff(%v, %d of %d bytes) = %+v", class, n, len(whole), got)
			}
		}
	}
	for _, ident := range []string{"\x7fELF\x03\x01", "\x7fELF\x00\x01", "\x7fELF\x02\x00", "\x7fELF\x02\x03"} {
		if got := Sniff([]byte(ident + strings.Repeat("\x00", 100))); got.Broken == "" {
			t.Errorf("Sniff(%q...) = %+v, want it broken", ident, got)
		}
	}
}
