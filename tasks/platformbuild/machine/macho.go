package machine

import (
	"encoding/binary"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/platform"
)

// machoArch are the processors of mach/machine.h.
var machoArch = map[uint32]string{
	7: "386", 0x01000007: "amd64", 12: "arm", 0x0100000c: "arm64", 0x0200000c: "arm64_32",
	18: "ppc", 0x01000012: "ppc64",
}

// maxFat: the same four bytes begin Java classes, whose next number is 45 or more.
const maxFat = 30

func darwin(cpu uint32) platform.Platform {
	arch := machoArch[cpu]
	if arch == "" {
		arch = nameless(cpu)
	}
	return platform.Platform{OS: "darwin", Arch: arch}
}

func sniffThin(head []byte) Program {
	p := Program{Format: MachO}
	h := &header{head: head, order: binary.BigEndian}
	if head[0] != 0xfe {
		h.order = binary.LittleEndian
	}
	cpu, kind := h.u32(4), h.u32(12)
	if h.short {
		p.Broken = "its header is cut"
		return p
	}
	p.Platforms = []platform.Platform{darwin(cpu)}
	switch kind {
	case 2: // MH_EXECUTE
	case 6, 7, 8: // MH_DYLIB, MH_DYLINKER, MH_BUNDLE
		p.Library = true
	default:
		p.Broken = "its header does not say that it is a program"
	}
	return p
}

func sniffFat(head []byte) Program {
	h := &header{head: head, order: binary.BigEndian}
	number := h.u32(4)
	if number > maxFat {
		return Program{} // a Java class
	}
	p := Program{Format: MachO}
	size := uint64(20)
	if head[3] == 0xbf {
		size = 32
	}
	for i := range uint64(number) {
		p.Platforms = append(p.Platforms, darwin(h.u32(8+i*size)))
		h.at(8+i*size, size)
	}
	if h.short || number == 0 {
		return Program{Format: MachO, Broken: "its header is cut"}
	}
	return p
}
