// Package machine tells from a file's first bytes which processor and operating system it is
// for: ELF, PE and Mach-O headers, and the first line of scripts.
package machine

import "github.com/guardrails-ci/guardrails/tasks/platformbuild/platform"

// HeadSize is how many bytes of a file's beginning Sniff wants, if the file has so many.
const HeadSize = 4096

// Format is a kind of file.
type Format string

// The formats.
const (
	ELF     Format = "ELF"
	PE      Format = "PE"
	MachO   Format = "Mach-O"
	Script  Format = "script"
	Unknown Format = ""
)

// Program is what the head of a file says.
type Program struct {
	Format    Format
	Platforms []platform.Platform // several in a universal Mach-O file; OS is "" where the format does not tell
	Loader    string              // of a dynamically linked ELF program: the interpreter it asks for (PT_INTERP)
	Shebang   []string            // of a script: the words of its first line, such as "/usr/bin/env", "-S", "python3"
	Broken    string              // why a file that begins like a program cannot be one, such as "its header is cut"
}

// Sniff reads a file's head. Any bytes are fine.
func Sniff(head []byte) Program { panic("skeleton") }

// RunsOn reports whether the kernel of p runs the program itself. A script runs where its interpreter does: false.
func (p Program) RunsOn(on platform.Platform) bool { panic("skeleton") }
