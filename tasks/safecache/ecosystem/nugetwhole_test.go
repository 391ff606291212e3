package ecosystem

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/guardrails-ci/guardrails/shared/pkgziptest"
)

// NuGet takes a folder with .nupkg.metadata for an installed package, whatever else
// is there: an entry without the analyzers would switch them off in silence.
func TestNuGetPackagesAreWholeOrNotInstalled(t *testing.T) {
	t.Parallel()
	nupkg := pkgziptest.Zip(t, "Demo.nuspec", "<package/>", "analyzers/dotnet/cs/Rules.dll", "strict", "lib/net45%2Bwin8/x y.dll", "escaped",
		"[Content_Types].xml", "<Types/>", "_rels/.rels", "x", "package/services/metadata/core-properties/a.psmdcp", "x",
		"content/", "", `tools\install.ps1`, "x")
	hash := sha512Text(nupkg)
	whole := func() fstest.MapFS {
		tree := fstest.MapFS{}
		for name, data := range map[string]string{
			"demo.1.0.0.nupkg": string(nupkg), ".nupkg.metadata": `{"version": 2, "contentHash": "` + hash + `"}`,
			"demo.nuspec": "<package/>", "analyzers/dotnet/cs/Rules.dll": "strict", "lib/net45+win8/x y.dll": "escaped",
			"tools/install.ps1": "x",
		} {
			tree["demo/1.0.0/"+name] = &fstest.MapFile{Data: []byte(data)}
		}
		return tree
	}
	const metadata = "demo/1.0.0/.nupkg.metadata"
	if got := verify(t, nugetClaims(hash), whole(), metadata); got != "" {
		t.Errorf("%s of a whole package: got %q, want no refusal", metadata, got)
	}
	for _, missing := range []string{"analyzers/dotnet/cs/Rules.dll", "lib/net45+win8/x y.dll", "demo.1.0.0.nupkg"} {
		tree := whole()
		delete(tree, "demo/1.0.0/"+missing)
		if got := verify(t, nugetClaims(hash), tree, metadata); !strings.HasPrefix(got, "no lock file names it: ") {
			t.Errorf("%s without %s: got %q, want it to be left out", metadata, missing, got)
		}
	}
}
