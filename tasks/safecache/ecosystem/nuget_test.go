package ecosystem

import (
	"crypto/sha512"
	"encoding/base64"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/shared/pkgziptest"
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
	return pkgziptest.Zip(t, "Demo.nuspec", "<package/>", "lib/net8.0/Demo.dll", "genuine", "lib/net45%2Bwin8/x y.dll", "escaped",
		"[Content_Types].xml", "<Types/>")
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
		"unsigned": unsigned, "signed": pkgziptest.Sign(t, unsigned, 99, "a signature"),
		"signed in front": pkgziptest.Sign(t, unsigned, 0, "another"), "signed in the middle": pkgziptest.Sign(t, unsigned, 2, strings.Repeat("x", 70_000)),
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
	evil := pkgziptest.Zip(t, "Demo.nuspec", "<package/>", "lib/net8.0/Demo.dll", "EVIL!!!")
	for name, tc := range map[string]struct{ file, data, want string }{
		"another package":                {"demo.1.0.0.nupkg", string(evil), "expected contentHash"},
		"another package, signed":        {"demo.1.0.0.nupkg", string(pkgziptest.Sign(t, evil, 99, "a signature")), "expected contentHash"},
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
	twice := pkgziptest.Sign(t, pkgziptest.Sign(t, unsigned, 99, "a signature"), 99, "a signature")
	tree := demoFolder(twice, sha512Text(unsigned))
	if got := verify(t, nugetClaims(sha512Text(unsigned)), tree, "demo/1.0.0/demo.1.0.0.nupkg"); !strings.Contains(got, "gaps") {
		t.Errorf("two signatures: got %q, want a refusal", got)
	}
}

func FuzzNupkg(f *testing.F) {
	unsigned := demoNupkg(f)
	f.Add(unsigned, "demo.nuspec")
	f.Add(pkgziptest.Sign(f, unsigned, 99, "x"), "lib/net8.0/Demo.dll")
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
