package auditdeps

import (
	"os"
	"strings"
	"testing"
)

// Of two lock files in a folder, node_modules belongs to the one that it was made from.
func TestTwoLockFiles(t *testing.T) {
	t.Parallel()
	j := newJob(t, bad().String()).mended()
	j.write("yarn.lock", "# yarn lockfile v1\n\n\nvictim@^1.0.0:\n  version \"1.0.0\"\n"+
		"  resolved \"https://registry.yarnpkg.com/victim/-/victim-1.0.0.tgz#x\"\n")
	j.write("node_modules/.package-lock.json", `{"lockfileVersion": 3, "packages": {}}`).input("checks", "advisories, installed")
	j.expect("Failed", "yarn.lock: node_modules beside it was made from package-lock.json", "FAILS         victim 1.0.0",
		"!nothing is installed for it")
}

// Two requirements files that are installed into one environment do not see each other's
// packages as superfluous.
func TestSharedEnvironment(t *testing.T) {
	t.Parallel()
	const hash = " --hash=sha256:0000000000000000000000000000000000000000000000000000000000000000\n"
	j := newJob(t, about("PyPI", "victim", "GHSA-1111-1111-1111").String()).environment(".venv", "fine@1.0.0", "tool@1.0.0")
	j.write("requirements.txt", "fine==1.0.0"+hash).write("requirements-dev.txt", "tool==1.0.0"+hash)
	j.input("checks", "advisories, installed").expect("Succeeded", "!installed/extra")
	j.environment(".venv", "other@1.0.0").expect("Succeeded", "installed/extra: other@1.0.0")
}

// Nobody can tell the version of what is neither pinned nor installed.
func TestNoVersion(t *testing.T) {
	t.Parallel()
	j := newJob(t, about("PyPI", "victim", "GHSA-1111-1111-1111").String()).environment(".venv", "fine@1.0.0")
	j.write("requirements.txt", "fine\nvictim\n").input("checks", "advisories")
	j.expect("Failed", "CANNOT AUDIT  requirements.txt: 1 package without a version, and not installed: victim")
}

// The release of Go that builds counts: the one in PATH, or a newer one that go.mod names.
func TestGoRelease(t *testing.T) {
	t.Parallel()
	stdlib := about("Go", "stdlib", "GO-2026-1").fixed("1.25.0").severity("HIGH").String()
	for name, tc := range map[string]struct{ there, wanted, result string }{
		"both are mended":           {"1.26.0", "1.25.1", "Succeeded"},
		"a newer one is installed":  {"1.26.0", "1.22.1", "Succeeded"},
		"an older one is installed": {"1.20.0", "1.25.1", "Succeeded"},
		"both are vulnerable":       {"1.22.0", "1.22.1", "Failed"},
		"the installed one is":      {"1.24.9", "", "Failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, stdlib).input("checks", "advisories")
			text := "module example.com/app\n\ngo 1.20\n"
			if tc.wanted != "" {
				text += "\ntoolchain go" + tc.wanted + "\n"
			}
			j.write("go.mod", text)
			j.put("goroot/VERSION", "go"+tc.there+"\n")
			j.put("goroot/bin/go", "#!/bin/false\n")
			j.must(os.Chmod(j.path("goroot/bin/go"), 0o700))
			j.env["PATH"] = j.path("goroot/bin")
			j.expect(tc.result)
		})
	}
}

// What a restore of NuGet has chosen is held against the lock file.
func TestNuGetRestore(t *testing.T) {
	t.Parallel()
	zeros := strings.Repeat("A", 86) + "==" // a hash
	j := newJob(t, about("NuGet", "victim", "GHSA-1111-1111-1111").String())
	j.write("app/packages.lock.json", `{"version": 1, "dependencies": {"net8.0": {"Fine": {
		"type": "Direct", "requested": "[1.0.0, )", "resolved": "1.0.0", "contentHash": "`+zeros+`"}}}}`)
	j.write("app/obj/project.assets.json", `{"version": 3, "targets": {"net8.0": {"Victim/1.0.0": {"type": "package"}}},
		"libraries": {"Victim/1.0.0": {"type": "package", "sha512": "`+zeros+`"}}}`)
	j.input("checks", "advisories, installed").expect("Failed", "Victim 1.0.0: high", "installed/")
}
