package machine

import (
	"encoding/binary"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/platform"
)

// peArch are the processors of the COFF header (winnt.h, IMAGE_FILE_MACHINE_*).
var peArch = map[uint16]string{
	0x14c: "386", 0x8664: "amd64", 0xaa64: "arm64", 0xa641: "arm64", 0xa64e: "arm64",
	0x1c0: "arm", 0x1c2: "arm", 0x1c4: "arm", 0x200: "ia64", 0x5032: "riscv", 0x5064: "riscv64",
	0x6232: "loong32", 0x6264: "loong64",
}

// peSystem are the numbers that .NET adds (by exclusive or) to the processor of what it has
// compiled ahead for another system (runtime/docs/design/coreclr/botr/readytorun-format.md).
var peSystem = []struct {
	mark   uint16
	system string
}{{0, "windows"}, {0x7b79, "linux"}, {0x4644, "darwin"}, {0xadc4, "freebsd"}, {0x1993, "netbsd"}}

const (
	peDLL         = 0x2000
	pe32, pe64    = 0x10b, 0x20b
	clrDirectory  = 14
	sizeDirectory = 8
)

func sniffPE(head []byte) Program {
	p := Program{Format: PE}
	h := &header{head: head, order: binary.LittleEndian}
	start := uint64(h.u32(0x3c))
	signature := string(h.at(start, 4))
	switch {
	case h.short && h.whole():
		p.Broken = "its header is cut"
		return p
	case h.short:
		p.Broken = "its PE header is not at its beginning"
		return p
	case signature != "PE\x00\x00":
		p.Broken = "it is a program for DOS, or none at all"
		return p
	}
	number, flags, magic := h.u16(start+4), h.u16(start+22), h.u16(start+24)
	if h.short || magic != pe32 && magic != pe64 {
		p.Broken = "its PE header is cut, or it is an object file"
		return p
	}
	p.Library = flags&peDLL != 0
	p.Managed = isManaged(h, start+24, magic)
	built := pePlatform(number)
	p.Platforms = []platform.Platform{built}
	if p.Managed && built.Arch == "386" {
		// AnyCPU, as the compilers of .NET write it.
		p.Platforms = append(p.Platforms,
			platform.Platform{OS: built.OS, Arch: "amd64"}, platform.Platform{OS: built.OS, Arch: "arm64"})
	}
	return p
}

func pePlatform(number uint16) platform.Platform {
	for _, s := range peSystem {
		if arch, ok := peArch[number^s.mark]; ok {
			return platform.Platform{OS: s.system, Arch: arch}
		}
	}
	return platform.Platform{OS: "windows", Arch: nameless(uint32(number))}
}

// isManaged reports whether the optional header points to a header of the .NET runtime.
func isManaged(h *header, optional uint64, magic uint16) bool {
	directories := optional + 96
	if magic == pe64 {
		directories = optional + 112
	}
	if h.u32(directories-4) <= clrDirectory {
		return false
	}
	entry := directories + clrDirectory*sizeDirectory
	return h.u32(entry) != 0 && h.u32(entry+4) != 0
}
