package installed

import (
	"context"
	"crypto/sha512"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/shared/pkgziptest"
)

const demoNuspec = `<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd"><metadata>
<id>Demo.Core</id><version>1.02.0.0+build</version><authors>me</authors>
<dependencies><group targetFramework="net8.0"><dependency id="Other" version="[2.0.0, )" /></group>
<group targetFramework="net45" /><dependency id="Plain" version="1.0.0" /></dependencies></metadata></package>
`

// demoNupkg is an unsigned package.
func demoNupkg(t testing.TB) []byte {
	return pkgziptest.Zip(t, "Demo.Core.nuspec", demoNuspec, "lib/net8.0/Demo.dll", "genuine", "lib/net45%2Bwin8/x y.dll", "escaped",
		"[Content_Types].xml", "<Types/>", "x.nupkg.sha512", "x", "_rels/.rels", "x", "package/services/metadata/core-properties/x.psmdcp", "x")
}

func sha512Text(data []byte) string {
	sum := sha512.Sum512(data)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// demoFolder is a global packages folder with the package as NuGet unpacks it.
func demoFolder(nupkg []byte, contentHash string) fstest.MapFS {
	tree := fstest.MapFS{}
	for name, data := range map[string]string{
		"demo.core.1.2.0.nupkg":        string(nupkg),
		"demo.core.1.2.0.nupkg.sha512": sha512Text(nupkg),
		".nupkg.metadata":              `{"version": 2, "contentHash": "` + contentHash + `", "source": "https://x.test/"}`,
		"demo.core.nuspec":             demoNuspec,
		"lib/net8.0/Demo.dll":          "genuine",
		"lib/net45+win8/x y.dll":       "escaped",
	} {
		tree["demo.core/1.2.0/"+name] = &fstest.MapFile{Data: []byte(data)}
	}
	return tree
}

var demoEntries = []lockfile.Entry{
	{Name: "Demo.Core", Version: "1.2.0", Source: lockfile.Registry}, {Name: "Demo.Core", Version: "1.2.0", Source: lockfile.Registry},
	{Name: "Not.There", Version: "1.0.0", Source: lockfile.Registry}, {Name: "mine", Source: lockfile.Project},
}

func TestNuGetReadsWhatNuGetUnpacked(t *testing.T) {
	t.Parallel()
	unsigned := demoNupkg(t)
	hash := sha512Text(unsigned)
	for name, nupkg := range map[string][]byte{"unsigned": unsigned, "signed": pkgziptest.Sign(t, unsigned, 99, "a signature")} {
		tree := demoFolder(nupkg, hash)
		if name == "signed" {
			tree["demo.core/1.2.0/.signature.p7s"] = &fstest.MapFile{Data: []byte("a signature")}
		}
		want := Tree{Kind: NuGetCache, Path: "/n", Ecosystem: "NuGet", Packages: []Package{
			{Name: "Demo.Core", Version: "1.2.0", Key: "demo.core/1.2.0", Path: "/n/demo.core/1.2.0", Integrity: "sha512-" + hash,
				Requires: []lockfile.Require{{Name: "Plain", Range: "1.0.0", Kind: lockfile.Optional, To: -1},
					{Name: "Other", Range: "[2.0.0, )", Kind: lockfile.Optional, To: -1}}},
		}}
		if diff := cmp.Diff(want, NuGet(context.Background(), tree, "/n", demoEntries)); diff != "" {
			t.Errorf("NuGet of an %s package (-want +got):\n%s", name, diff)
		}
	}
}

func TestNuGetSeesChanges(t *testing.T) {
	t.Parallel()
	unsigned := demoNupkg(t)
	evil := pkgziptest.Zip(t, "Demo.Core.nuspec", demoNuspec, "lib/net8.0/Demo.dll", "EVIL!!!", "lib/net45+win8/x y.dll", "escaped")
	const archive = "demo.core.1.2.0.nupkg"
	for name, tc := range map[string]struct {
		file, data, path, want string
		unread                 bool
	}{
		"a changed library":      {"lib/net8.0/Demo.dll", "EVIL!!!", "lib/net8.0/Demo.dll", "was changed", false},
		"another manifest":       {"demo.core.nuspec", demoNuspec + " ", "demo.core.nuspec", "was changed", false},
		"a new file":             {"build/Demo.Core.targets", "EVIL", "build/Demo.Core.targets", "no such file", false},
		"a file gone":            {"lib/net8.0/Demo.dll", "-", "lib/net8.0/Demo.dll", "is missing", false},
		"another package":        {archive, string(evil), "lib/net8.0/Demo.dll", "was changed", false},
		"the same, noted before": {archive, string(evil), ".nupkg.metadata", "another hash than the package", false},
		"another note":           {".nupkg.metadata", `{"contentHash": "` + sha512Text(evil) + `"}`, ".nupkg.metadata", "another hash than the package", false},
		"a note of junk":         {".nupkg.metadata", "x", ".nupkg.metadata", "not what NuGet writes", true},
		"a note without hash":    {".nupkg.metadata", "{}", ".nupkg.metadata", "no hash", false},
		"no note":                {".nupkg.metadata", "-", "", "", false},
		"no package":             {archive, "-", archive, "cannot be compared", true},
		"no zip":                 {archive, "x", archive, "cannot be compared", true},
		"something in front":     {archive, "#!" + string(unsigned), ".nupkg.metadata", "another hash than the package", false},
		"two signatures":         {archive, string(pkgziptest.Sign(t, pkgziptest.Sign(t, unsigned, 99, "x"), 99, "y")), archive, "without gaps", true},
		"two of one name":        {archive, string(pkgziptest.Zip(t, "a", "", "a", "")), archive, "two files of one name", true},
		"no manifest":            {"demo.core.nuspec", "-", "demo.core.nuspec", "does not say which package", true},
		"two ids":                {"demo.core.nuspec", "<package><metadata><id>a</id><id>b</id><version>1</version></metadata></package>", "demo.core.nuspec", "not one id", true},
		"an id that is none":     {"demo.core.nuspec", "<package><metadata><id>../a</id><version>1</version></metadata></package>", "demo.core.nuspec", "that none is", true},
	} {
		tree := change(demoFolder(unsigned, sha512Text(unsigned)), "demo.core/1.2.0/"+tc.file, tc.data)
		got := NuGet(context.Background(), tree, "", demoEntries).Problems
		if tc.want == "" && len(got) > 0 {
			t.Errorf("%s: got %v, want no problem", name, got)
		}
		if tc.want != "" && !slices.ContainsFunc(got, func(p Problem) bool {
			return p.Path == "demo.core/1.2.0/"+tc.path && strings.Contains(p.Text, tc.want) && p.Unread == tc.unread
		}) {
			t.Errorf("%s: got %v, want one of %s with %q, unread %v", name, got, tc.path, tc.want, tc.unread)
		}
	}
	hostile := []lockfile.Entry{{Name: "../..", Version: "1.0.0", Source: lockfile.Registry}}
	if got := NuGet(context.Background(), opened{fstest.MapFS{}, t}, "", hostile); len(got.Problems) != 1 {
		t.Errorf("NuGet of a name that leads out: got %+v, want one problem", got)
	}
}

func TestNuGetNormal(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{
		"1": "1.0.0", "1.2": "1.2.0", "1.2.3.0": "1.2.3", "1.2.3.4": "1.2.3.4", "1.02.00": "1.2.0",
		"1.0.0-beta.1+x": "1.0.0-beta.1", "1.0-rc": "1.0.0-rc", "": "0.0.0",
	} {
		if got := nugetNormal(version); got != want && version != "" {
			t.Errorf("nugetNormal(%q): got %q, want %q", version, got, want)
		}
	}
}

const demoAssets = `{
  "version": 3,
  "targets": {
    "net8.0": {
      "Demo.Core/1.2.0": {"type": "package", "dependencies": {"Other": "2.0.0"}, "compile": {"lib/net8.0/Demo.dll": {}}},
      "Other/2.0.0": {"type": "package"}
    },
    "net8.0/linux-x64": {"Demo.Core/1.2.0": {"type": "package", "dependencies": {"Other": "2.0.0"}}}
  },
  "libraries": {
    "Demo.Core/1.2.0": {"sha512": "abc==", "type": "package", "path": "demo.core/1.2.0"},
    "Lib/1.0.0": {"type": "project", "path": "../Lib/Lib.csproj"},
    "Other/2.0.0": {"sha512": "def==", "type": "package", "path": "other/2.0.0"}
  }
}`

func TestNuGetAssets(t *testing.T) {
	t.Parallel()
	const path = "app/obj/project.assets.json"
	want := Tree{Kind: NuGetRestored, Path: path, Ecosystem: "NuGet", Packages: []Package{
		{Name: "Demo.Core", Version: "1.2.0", Key: "demo.core/1.2.0", Path: path, Integrity: "sha512-abc==",
			Requires: []lockfile.Require{{Name: "Other", Range: "2.0.0", Kind: lockfile.Prod, To: -1}}},
		{Name: "Other", Version: "2.0.0", Key: "other/2.0.0", Path: path, Integrity: "sha512-def=="},
	}}
	got := NuGetAssets(fstest.MapFS{"obj/project.assets.json": {Data: []byte(demoAssets)}}, "app")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("NuGetAssets (-want +got):\n%s", diff)
	}
	if got := NuGetAssets(fstest.MapFS{}, "app"); len(got.Packages)+len(got.Problems) != 0 {
		t.Errorf("NuGetAssets of nothing: got %+v, want nothing", got)
	}
	for name, text := range map[string]string{
		"junk": "x", "no version": "{}", "a later one": `{"version": 9}`,
		"a name that leads out": `{"version": 3, "libraries": {"../x/1.0.0": {"type": "package"}}}`,
	} {
		got := NuGetAssets(fstest.MapFS{"obj/project.assets.json": {Data: []byte(text)}}, "app")
		if len(got.Packages) != 0 || len(got.Problems) != 1 || !got.Problems[0].Unread {
			t.Errorf("NuGetAssets of %s: got %+v, want a problem", name, got)
		}
	}
}

func FuzzNuGet(f *testing.F) {
	unsigned := demoNupkg(f)
	f.Add([]byte(demoNuspec), pkgziptest.Sign(f, unsigned, 99, "x"), []byte(demoAssets))
	f.Fuzz(func(t *testing.T, nuspec, nupkg, assets []byte) {
		tree := demoFolder(nupkg, "x")
		tree["demo.core/1.2.0/demo.core.nuspec"].Data = nuspec
		if got := NuGet(context.Background(), opened{tree, t}, "", demoEntries); len(got.Packages) != 1 {
			t.Errorf("NuGet: got %+v, want the package", got)
		}
		NuGetAssets(fstest.MapFS{"obj/project.assets.json": {Data: assets}}, "")
	})
}
