package pkgzip

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"io"
	"slices"
	"testing"

	"github.com/guardrails-ci/guardrails/shared/pkgziptest"
)

// demo is an unsigned package.
func demo(t testing.TB) []byte {
	return pkgziptest.Zip(t, "Demo.nuspec", "<package/>", "lib/net8.0/Demo.dll", "genuine", "lib/net45%2Bwin8/x y.dll", "escaped",
		"[Content_Types].xml", "<Types/>")
}

func sha512Text(data []byte) string {
	sum := sha512.Sum512(data)
	return base64.StdEncoding.EncodeToString(sum[:])
}

func TestHashIsThatOfTheUnsignedPackage(t *testing.T) {
	t.Parallel()
	unsigned := demo(t)
	for name, data := range map[string][]byte{
		"unsigned": unsigned, "signed": pkgziptest.Sign(t, unsigned, 99, "x"), "signed in front": pkgziptest.Sign(t, unsigned, 0, "y"),
		"signed in the middle": pkgziptest.Sign(t, unsigned, 2, "z"),
	} {
		n, err := Unsigned(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Errorf("%s: Unsigned: %v", name, err)
			continue
		}
		if got, err := n.Hash(); got != sha512Text(unsigned) || err != nil {
			t.Errorf("%s: Hash: got %q, %v, want %q", name, got, err, sha512Text(unsigned))
		}
		archive, err := n.Open()
		if err != nil || len(archive.File) != 4 {
			t.Errorf("%s: Open: got %+v, %v, want 4 files", name, archive, err)
		}
	}
}

func TestUnpackedName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		unpacked string
		ok       bool
	}{
		"lib/net45%2Bwin8/x y.dll": {"lib/net45+win8/x y.dll", true},
		`tools\init.ps1`:           {"tools/init.ps1", true},
		"100%":                     {"100%", true},
		"Demo.nuspec":              {"Demo.nuspec", true},
		"lib/":                     {"lib/", false},
		"_rels/.rels":              {"_rels/.rels", false},
		"Package/x.psmdcp":         {"Package/x.psmdcp", false},
		"[Content_Types].xml":      {"[Content_Types].xml", false},
		"demo.1.0.0.nupkg.SHA512":  {"demo.1.0.0.nupkg.SHA512", false},
		Signature:                  {Signature, false},
	} {
		if got, ok := UnpackedName(name); got != want.unpacked || ok != want.ok {
			t.Errorf("UnpackedName(%q): got %q, %v, want %q, %v", name, got, ok, want.unpacked, want.ok)
		}
	}
	for name, want := range map[string]bool{"a.nuspec": true, "A.NuSpec": true, "x/a.nuspec": false, "a.nuspec.txt": false} {
		if got := IsNuspec(name); got != want {
			t.Errorf("IsNuspec(%q): got %v, want %v", name, got, want)
		}
	}
}

// What the hash leaves out of a signed package must be a signature and nothing else.
func TestNothingHidesInASignature(t *testing.T) {
	t.Parallel()
	unsigned := demo(t)
	signed := pkgziptest.Sign(t, unsigned, 99, "a signature")
	record := bytes.LastIndex(signed, []byte("PK\x01\x02"))
	local := bytes.LastIndex(signed[:record], []byte("a signature")) - 44
	change := func(at int, b ...byte) []byte {
		out := bytes.Clone(signed)
		copy(out[at:], b)
		return out
	}
	for name, data := range map[string][]byte{
		"compressed":                  change(record+10, 8),
		"flags":                       change(record+8, 8),
		"shorter than its place":      change(record+20, 5, 0, 0, 0, 5),
		"another size unpacked":       change(record+24, 5),
		"another header":              change(local+8, 8),
		"another name in the header":  change(local+30, 'x'),
		"header without its mark":     change(local, 'x'),
		"the place of another file":   change(record+42, 0, 0, 0, 0),
		"a place behind the files":    change(record+42, 0xff, 0xff, 0xff, 0),
		"more disks":                  change(len(signed)-18, 1),
		"another number of files":     change(len(signed)-14, 9),
		"a comment":                   append(change(len(signed)-2, 1), 'x'),
		"two signatures":              pkgziptest.Sign(t, signed, 99, "a signature"),
		"two signatures, both inside": pkgziptest.Sign(t, signed, 1, "x"),
		"something in front":          append([]byte("#!/bin/sh\n"), signed...),
		"a gap before the list":       slices.Concat(signed[:local+55], []byte("gap"), signed[local+55:]),
	} {
		n, err := Unsigned(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			continue
		}
		if hash, err := n.Hash(); err == nil && hash == sha512Text(unsigned) {
			t.Errorf("%s: it has the hash of the unsigned package", name)
		}
	}
}

func TestUnsignedPackageIsReadAnywhere(t *testing.T) {
	t.Parallel()
	unsigned := demo(t)
	signed := pkgziptest.Sign(t, unsigned, 2, "a signature")
	n, err := Unsigned(bytes.NewReader(signed), int64(len(signed)))
	if err != nil {
		t.Fatal(err)
	}
	if n.size != int64(len(unsigned)) {
		t.Fatalf("size: got %d, want %d", n.size, len(unsigned))
	}
	for off := range len(unsigned) {
		for _, length := range []int{1, 7, len(unsigned) - off} {
			got := make([]byte, min(length, len(unsigned)-off))
			if _, err := n.ReadAt(got, int64(off)); err != nil || !bytes.Equal(got, unsigned[off:off+len(got)]) {
				t.Fatalf("ReadAt(%d bytes, %d): got %q, %v, want %q", len(got), off, got, err, unsigned[off:off+len(got)])
			}
		}
	}
	if _, err := n.ReadAt(make([]byte, 2), int64(len(unsigned))-1); err != io.EOF {
		t.Errorf("ReadAt beyond the end: got %v, want EOF", err)
	}
}

func FuzzUnsigned(f *testing.F) {
	unsigned := demo(f)
	f.Add(unsigned)
	f.Add(pkgziptest.Sign(f, unsigned, 99, "x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := Unsigned(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		whole, err := io.ReadAll(io.NewSectionReader(n, 0, n.size))
		if err != nil || int64(len(whole)) != n.size || n.size > int64(len(data)) {
			t.Errorf("%d bytes of a package of %d: %v, want %d", len(whole), len(data), err, n.size)
		}
		if got, err := n.Hash(); err != nil || got != sha512Text(whole) {
			t.Errorf("Hash: got %q, %v, want %q", got, err, sha512Text(whole))
		}
		if archive, err := n.Open(); err == nil {
			for _, f := range archive.File {
				UnpackedName(f.Name)
			}
		}
		ModuleHash(bytes.NewReader(data), int64(len(data)))
	})
}
