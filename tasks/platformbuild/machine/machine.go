// Package machine tells from a file's first bytes which processor and operating system it is
// for: ELF, PE, Mach-O and WebAssembly headers, and the first line of scripts.
//
// It reads as the Linux kernel does, no more: what the kernel does not look at may say anything.
// The standard library's debug/elf, debug/pe and debug/macho want whole files to seek in; they
// are the oracles in the tests.
package machine

import (
	"bytes"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/platform"
)

// HeadSize is how many bytes of a file's beginning Sniff wants, if the file has so many.
const HeadSize = 4096

// Format is a kind of file.
type Format string

// The formats.
const (
	ELF     Format = "ELF"
	PE      Format = "PE"
	MachO   Format = "Mach-O"
	WASM    Format = "WebAssembly"
	Script  Format = "script"
	Unknown Format = ""
)

// Program is what the head of a file says.
type Program struct {
	Format Format
	// Platforms has several in a universal Mach-O file and for a .NET program that any processor runs. OS is
	// "" where the format does not tell, and so is the Variant, always. None of a script.
	Platforms []platform.Platform
	// Loader of a dynamically linked ELF program is the interpreter that it asks for (PT_INTERP).
	Loader string
	// LoaderUnread: the name of the loader, if it has one, is not in the head.
	LoaderUnread bool
	// Library: a DLL, dylib or bundle: nothing that starts. ELF does not tell.
	Library bool
	// Managed: a .NET program or library, which the runtime loads on any system.
	Managed bool
	// Shebang has the words of a script's first line, such as "/usr/bin/env", "-S", "python3".
	Shebang []string
	// Broken is why a file that begins like a program cannot be started: "its header is cut".
	Broken string
}

// Sniff reads a file's head. Any bytes are fine.
func Sniff(head []byte) Program {
	has := func(magic string) bool { return bytes.HasPrefix(head, []byte(magic)) }
	switch {
	case len(head) == 0:
		return Program{Broken: "it is empty"}
	case has("\x7fELF"):
		return sniffELF(head)
	case has("MZ"):
		return sniffPE(head)
	case has("\xca\xfe\xba\xbe"), has("\xca\xfe\xba\xbf"):
		return sniffFat(head)
	case has("\xfe\xed\xfa\xce"), has("\xfe\xed\xfa\xcf"), has("\xce\xfa\xed\xfe"), has("\xcf\xfa\xed\xfe"):
		return sniffThin(head)
	case has("\x00asm"):
		return Program{Format: WASM, Platforms: []platform.Platform{{Arch: "wasm"}}}
	case has("#!"):
		return sniffScript(head)
	case has("\xef\xbb\xbf#!"):
		return Program{Format: Script, Broken: "it begins with a byte order mark, so its #! line does not count"}
	case has("version https://git-lfs.github.com/spec/"):
		return Program{Broken: "it is a Git LFS pointer, not the file itself"}
	}
	return Program{}
}

// RunsOn reports whether the kernel of a platform runs the program itself, for certain: also an
// older program of the same family, such as 386 on amd64. A script runs where its interpreter
// does: false.
func (p Program) RunsOn(on platform.Platform) bool {
	return p.Broken == "" && slices.ContainsFunc(p.Platforms, func(built platform.Platform) bool {
		return p.sameSystem(built.OS, on.OS) && sameProcessor(built.Arch, on.Arch)
	})
}

func (p Program) sameSystem(built, on string) bool {
	if built != "" {
		return built == on
	}
	if p.Format == WASM {
		return true // the runtime is the system
	}
	// Plain ELF: Linux, the BSDs and Solaris write it alike. A system that nobody knows runs nothing.
	return slices.Contains([]string{
		"linux", "android", "freebsd", "netbsd", "openbsd", "dragonfly", "solaris", "illumos",
	}, on)
}

// sameProcessor: a 64-bit x86 processor runs 32-bit programs in every kernel that distributions
// build; an arm64 one may have no 32-bit mode at all.
func sameProcessor(built, on string) bool {
	return built == on || built == "386" && on == "amd64"
}

// String is the format and the platforms, such as "ELF linux/amd64".
func (p Program) String() string {
	words := make([]string, 0, len(p.Platforms))
	for _, built := range p.Platforms {
		if built.OS == "" && p.Format == ELF {
			built.OS = "linux" // as good as always
		}
		words = append(words, strings.TrimPrefix(built.String(), "/"))
	}
	return strings.TrimSpace(string(p.Format) + " " + strings.Join(words, "+"))
}
