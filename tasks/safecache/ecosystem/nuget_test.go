package ecosystem

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/safecache/claim"
)

func TestNuGetFolder(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		host Host
		want string
	}{
		"default":        {host("linux", "/home/me"), "/home/me/.nuget/packages"},
		"windows":        {host("windows", `C:\Users\me`), `C:\Users\me\.nuget\packages`},
		"NUGET_PACKAGES": {host("linux", "/home/me", "NUGET_PACKAGES", "/n"), "/n"},
	} {
		if got := nuget.Folder(tc.host); got != tc.want {
			t.Errorf("%s: Folder: got %q, want %q", name, got, tc.want)
		}
	}
}

func sha512Text(data []byte) string {
	sum := sha512.Sum512(data)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// demoNupkg is an unsigned package.
func demoNupkg(t testing.TB) []byte {
	return zipOf(t, "Demo.nuspec", "<package/>", "lib/net8.0/Demo.dll", "genuine", "lib/net45%2Bwin8/x y.dll", "escaped",
		"[Content_Types].xml", "<Types/>")
}

// signZip puts a signature into an unsigned package, as NuGet does (behind the
// files), or in front of file number place. It is written from the description of
// the zip format, and knows nothing of the code that takes it out again.
func signZip(t testing.TB, unsigned []byte, place int, signature string) []byte {
	t.Helper()
	little := binary.LittleEndian
	end := bytes.Clone(unsigned[len(unsigned)-22:])
	start, length := little.Uint32(end[16:]), little.Uint32(end[12:])
	directory := bytes.Clone(unsigned[start : start+length])
	var records [][]byte
	for rest := directory; len(rest) > 0; {
		n := 46 + int(little.Uint16(rest[28:])) + int(little.Uint16(rest[30:])) + int(little.Uint16(rest[32:]))
		records = append(records, rest[:n])
		rest = rest[n:]
	}
	at := start
	if place < len(records) {
		at = little.Uint32(records[place][42:])
	}
	common := []byte{20, 0, 0, 0, 0, 0, 1, 2, 3, 4} // version, flags, method, time and date
	common = little.AppendUint32(common, crc32.ChecksumIEEE([]byte(signature)))
	common = little.AppendUint32(common, uint32(len(signature)))
	common = little.AppendUint32(common, uint32(len(signature)))
	common = append(common, 14, 0, 0, 0) // lengths of name and extra field
	local := append(append([]byte("PK\x03\x04"), common...), ".signature.p7s"+signature...)
	for _, r := range records {
		if offset := little.Uint32(r[42:]); offset >= at {
			little.PutUint32(r[42:], offset+uint32(len(local)))
		}
	}
	record := append(append([]byte("PK\x01\x02\x14\x00"), common...), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	record = append(little.AppendUint32(record, at), ".signature.p7s"...)
	records = slices.Insert(records, min(place, len(records)), record)
	out := append(append(bytes.Clone(unsigned[:at]), local...), unsigned[at:start]...)
	little.PutUint32(end[16:], uint32(len(out)))
	out = append(out, slices.Concat(records...)...)
	little.PutUint32(end[12:], length+uint32(len(record)))
	little.PutUint16(end[8:], uint16(len(records)))
	little.PutUint16(end[10:], uint16(len(records)))
	return append(out, end...)
}

// nugetClaims are the claims of a lock file that names demo 1.0.0 with this hash.
func nugetClaims(hash string) claim.Set {
	return nugetPlan([]lockfile.Lock{{Packages: []lockfile.Package{
		{Name: "demo", Version: "1.0.0", Integrity: []string{"sha512-" + hash}}}}}).Claims
}

// demoFolder is the package as NuGet unpacks it.
func demoFolder(nupkg []byte, contentHash string) fstest.MapFS {
	tree := fstest.MapFS{}
	for name, data := range map[string]string{
		"demo.1.0.0.nupkg":         string(nupkg),
		"demo.1.0.0.nupkg.sha512":  sha512Text(nupkg),
		".nupkg.metadata":          `{"version": 2, "contentHash": "` + contentHash + `", "source": "https://x.test/"}`,
		"demo.nuspec":              "<package/>",
		"lib/net8.0/Demo.dll":      "genuine",
		"lib/net45+win8/x y.dll":   "escaped",
		".signature.p7s":           "a signature",
		"lib/net8.0/evil.dll":      "EVIL",
		"tools/init.ps1":           "EVIL",
		"lib/net8.0/Demo.dll.user": "",
	} {
		tree["demo/1.0.0/"+name] = &fstest.MapFile{Data: []byte(data)}
	}
	return tree
}

func TestNuGetClaimsWhatIsInThePackage(t *testing.T) {
	t.Parallel()
	unsigned := demoNupkg(t)
	hash := sha512Text(unsigned)
	for name, nupkg := range map[string][]byte{
		"unsigned": unsigned, "signed": signZip(t, unsigned, 99, "a signature"),
		"signed in front": signZip(t, unsigned, 0, "another"), "signed in the middle": signZip(t, unsigned, 2, strings.Repeat("x", 70_000)),
	} {
		tree, claims := demoFolder(nupkg, hash), nugetClaims(hash)
		for file, want := range map[string]string{
			"demo.1.0.0.nupkg": "", "demo.1.0.0.nupkg.sha512": "", ".nupkg.metadata": "", "demo.nuspec": "",
			"lib/net8.0/Demo.dll": "", "lib/net45+win8/x y.dll": "",
			".signature.p7s": "not claimed", "lib/net8.0/evil.dll": "no lock file names it: it is not in the package",
			"tools/init.ps1": "no lock file names it: it is not in the package", "lib/net8.0/Demo.dll.user": "no lock file names it: it is not in the package",
		} {
			if got := verify(t, claims, tree, "demo/1.0.0/"+file); got != want {
				t.Errorf("%s: %s: got %q, want %q", name, file, got, want)
			}
		}
	}
	claims := nugetClaims(hash)
	for _, name := range []string{"demo/1.0.1/demo.1.0.1.nupkg", "Demo/1.0.0/demo.nuspec", "demo/1.0.0", "demo", "other/1.0.0/x", ""} {
		if _, ok := claims(name); ok {
			t.Errorf("claim of %q: got one, want none", name)
		}
	}
	if c, _ := claims("demo/1.0.0/demo.1.0.0.nupkg"); c.Maybe {
		t.Error("a changed package: would be left out silently, want a refusal")
	}
}

func TestNuGetRefusesChanges(t *testing.T) {
	t.Parallel()
	unsigned := demoNupkg(t)
	hash := sha512Text(unsigned)
	evil := zipOf(t, "Demo.nuspec", "<package/>", "lib/net8.0/Demo.dll", "EVIL!!!")
	for name, tc := range map[string]struct{ file, data, want string }{
		"another package":                {"demo.1.0.0.nupkg", string(evil), "expected contentHash"},
		"another package, signed":        {"demo.1.0.0.nupkg", string(signZip(t, evil, 99, "a signature")), "expected contentHash"},
		"no package":                     {"demo.1.0.0.nupkg", "EVIL", "not a zip"},
		"an unpacked file, same size":    {"lib/net8.0/Demo.dll", "EVIL!!!", "not as in the package"},
		"an unpacked file, another size": {"lib/net8.0/Demo.dll", "EVIL", "not as large"},
		"the manifest":                   {"demo.nuspec", "<pwned />x", "not as"},
		"the hash file":                  {"demo.1.0.0.nupkg.sha512", sha512Text(evil), "expected"},
		"the metadata's hash":            {".nupkg.metadata", `{"version": 2, "contentHash": "` + sha512Text(evil) + `"}`, "expected contentHash"},
		"another field":                  {".nupkg.metadata", `{"contentHash": "` + hash + `", "x": 1}`, "not what NuGet writes"},
		"a field twice":                  {".nupkg.metadata", `{"contentHash": "x", "ContentHash": "` + hash + `"}`, "not one contentHash"},
		"more than one object":           {".nupkg.metadata", `{"contentHash": "` + hash + `"} {}`, "not what NuGet writes"},
		"large metadata":                 {".nupkg.metadata", strings.Repeat(" ", 5000), "larger"},
	} {
		tree := demoFolder(unsigned, hash)
		tree["demo/1.0.0/"+tc.file] = &fstest.MapFile{Data: []byte(tc.data)}
		if got := verify(t, nugetClaims(hash), tree, "demo/1.0.0/"+tc.file); !strings.Contains(got, tc.want) {
			t.Errorf("%s: got %q, want a refusal with %q", name, got, tc.want)
		}
	}
	tree := demoFolder(unsigned, hash)
	delete(tree, "demo/1.0.0/demo.1.0.0.nupkg")
	for _, file := range []string{"demo.nuspec", "demo.1.0.0.nupkg.sha512"} {
		if got := verify(t, nugetClaims(hash), tree, "demo/1.0.0/"+file); !strings.Contains(got, "package") {
			t.Errorf("%s without its package: got %q, want a refusal", file, got)
		}
	}
}

// What the hash leaves out of a signed package must be a signature and nothing else.
func TestNuGetRefusesWhatHidesInASignature(t *testing.T) {
	t.Parallel()
	unsigned := demoNupkg(t)
	signed := signZip(t, unsigned, 99, "a signature")
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
		"two signatures":              signZip(t, signed, 99, "a signature"),
		"two signatures, both inside": signZip(t, signed, 1, "x"),
		"something in front":          append([]byte("#!/bin/sh\n"), signed...),
		"a gap before the list":       slices.Concat(signed[:local+55], []byte("gap"), signed[local+55:]),
	} {
		tree := demoFolder(data, sha512Text(unsigned))
		if got := verify(t, nugetClaims(sha512Text(unsigned)), tree, "demo/1.0.0/demo.1.0.0.nupkg"); got == "" {
			t.Errorf("%s: got no refusal", name)
		}
	}
}

func TestUnsignedPackageIsReadAnywhere(t *testing.T) {
	t.Parallel()
	unsigned := demoNupkg(t)
	tree := fstest.MapFS{"p": {Data: signZip(t, unsigned, 2, "a signature")}}
	n, err := openNupkg(tree, "p")
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
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

func FuzzNupkg(f *testing.F) {
	unsigned := demoNupkg(f)
	f.Add(unsigned, "demo.nuspec")
	f.Add(signZip(f, unsigned, 99, "x"), "lib/net8.0/Demo.dll")
	hash := sha512Text(unsigned)
	f.Fuzz(func(t *testing.T, data []byte, file string) {
		tree := fstest.MapFS{"demo/1.0.0/demo.1.0.0.nupkg": {Data: data}, "demo/1.0.0/f": {Data: []byte("genuine")}}
		claims := nugetClaims(hash)
		if verify(t, claims, tree, "demo/1.0.0/demo.1.0.0.nupkg") == "" && len(data) < len(unsigned) {
			t.Errorf("a package of %d bytes has the hash of one of %d", len(data), len(unsigned))
		}
		p := nugetPackage{"demo.1.0.0.nupkg", hash}
		_ = p.checkUnpacked(tree, "demo/1.0.0/", "f", file)
	})
}
