package machine

import (
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/platform"
)

// peFile is the head of a PE file: its header at start, with the flags and, if managed, a .NET header.
func peFile(machine, flags, magic uint16, start int, managed bool) []byte {
	le := binary.LittleEndian
	b := make([]byte, start+24+256)
	copy(b, "MZ")
	le.PutUint32(b[0x3c:], uint32(start))
	copy(b[start:], "PE\x00\x00")
	le.PutUint16(b[start+4:], machine)
	le.PutUint16(b[start+22:], flags)
	le.PutUint16(b[start+24:], magic)
	directories := start + 24 + 96
	if magic == pe64 {
		directories += 16
	}
	le.PutUint32(b[directories-4:], 16)
	if managed {
		le.PutUint32(b[directories+14*8:], 0x2008)
		le.PutUint32(b[directories+14*8+4:], 72)
	}
	return b
}

func TestSniffPE(t *testing.T) {
	t.Parallel()
	on := func(os string, arches ...string) (list []platform.Platform) {
		for _, arch := range arches {
			list = append(list, platform.Platform{OS: os, Arch: arch})
		}
		return list
	}
	change := func(b []byte, at int, to ...byte) []byte {
		copy(b[at:], to)
		return b
	}
	for name, tc := range map[string]struct {
		head []byte
		want Program
	}{
		"amd64":         {peFile(0x8664, 2, pe64, 128, false), Program{Platforms: on("windows", "amd64")}},
		"arm64":         {peFile(0xaa64, 2, pe64, 128, false), Program{Platforms: on("windows", "arm64")}},
		"386":           {peFile(0x14c, 2, pe32, 128, false), Program{Platforms: on("windows", "386")}},
		"unknown":       {peFile(0x1234, 2, pe32, 128, false), Program{Platforms: on("windows", "machine-4660")}},
		"DLL":           {peFile(0x8664, 0x2002, pe64, 128, false), Program{Platforms: on("windows", "amd64"), Library: true}},
		"far header":    {peFile(0x8664, 2, pe64, 3500, false), Program{Platforms: on("windows", "amd64")}},
		"any processor": {peFile(0x14c, 2, pe32, 128, true), Program{Platforms: on("windows", "386", "amd64", "arm64"), Managed: true}},
		"managed amd64": {peFile(0x8664, 2, pe64, 128, true), Program{Platforms: on("windows", "amd64"), Managed: true}},
		"ahead for Linux": {peFile(0x8664^0x7b79, 0x2002, pe64, 128, true),
			Program{Platforms: on("linux", "amd64"), Managed: true, Library: true}},
		"ahead for a Mac": {peFile(0xaa64^0x4644, 0x2002, pe64, 128, true),
			Program{Platforms: on("darwin", "arm64"), Managed: true, Library: true}},
		"MZ only":         {[]byte("MZ"), Program{Broken: "its header is cut"}},
		"cut":             {peFile(0x8664, 2, pe64, 128, false)[:140], Program{Broken: "its PE header is cut, or it is an object file"}},
		"DOS":             {change(peFile(0x8664, 2, pe64, 128, false), 128, 'N', 'E'), Program{Broken: "it is a program for DOS, or none at all"}},
		"no optional":     {peFile(0x8664, 2, 0, 128, false), Program{Broken: "its PE header is cut, or it is an object file"}},
		"beyond the end":  {change(peFile(0x8664, 2, pe64, 128, false), 0x3c, 0xff, 0xff, 0xff, 0xff), Program{Broken: "its header is cut"}},
		"beyond the head": {change(append([]byte("MZ"), make([]byte, HeadSize)...), 0x3c, 0, 0, 1), Program{Broken: "its PE header is not at its beginning"}},
	} {
		tc.want.Format = PE
		if diff := cmp.Diff(tc.want, Sniff(tc.head)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
