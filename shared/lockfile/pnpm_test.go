package lockfile

import (
	"testing"
)

func TestPNPM(t *testing.T) {
	t.Parallel()
	lockOf := func(version, key, entry string) string {
		return "lockfileVersion: '" + version + "'\n\npackages:\n\n  " + key + ":\n    " + entry + "\n"
	}
	const resolution = "resolution: {integrity: " + sha512None + "}"
	of := func(name, version string) Lock {
		return Lock{Format: PNPM, Packages: []Package{{Name: name, Version: version, Integrity: []string{sha512None}}}}
	}
	for name, tc := range map[string]struct {
		text string
		want Lock
		err  string // a part of it
	}{
		"5.4":           {text: lockOf("5.4", "/@s/a/1.0.0", resolution), want: of("@s/a", "1.0.0")},
		"5.4 and peers": {text: lockOf("5.4", "/a/1.0.0_b@2.0.0+c@3.0.0", resolution), want: of("a", "1.0.0")},
		"5.1 and peers": {text: lockOf("5.1", "/@s/a/1.0.0_b@2.0.0", resolution), want: of("@s/a", "1.0.0")},
		"5.3":           {text: lockOf("5.3", "/a/1.0.0", resolution), want: of("a", "1.0.0")},
		"6 and peers":   {text: lockOf("6.0", "/@s/a@1.0.0(b@2.0.0)", resolution), want: of("@s/a", "1.0.0")},
		"9":             {text: lockOf("9.0", "'@s/a@1.0.0'", resolution), want: of("@s/a", "1.0.0")},
		"says its name": {
			text: lockOf("9.0", "a@https://example.com/a.tgz", "resolution: {tarball: https://example.com/a.tgz, integrity: "+
				sha512None+"}\n    version: 3.0.0"),
			want: Lock{Format: PNPM, Packages: []Package{
				{Name: "a", Version: "3.0.0", Integrity: []string{sha512None}, URL: "https://example.com/a.tgz"}}},
		},
		"no integrity": {
			text: lockOf("9.0", "a@https://example.com/a.tgz", "resolution: {tarball: https://example.com/a.tgz}\n    version: 3.0.0"),
			want: Lock{Format: PNPM, Unproven: []string{"a@3.0.0"}},
		},
		"no resolution": {text: lockOf("9.0", "a@1.0.0", "engines: {node: '>=8'}"), want: Lock{Format: PNPM, Unproven: []string{"a@1.0.0"}}},
		"from git": {
			text: lockOf("9.0", "a@https://x", "resolution: {commit: abc, repo: https://x, type: git}") +
				"  b@https://y:\n    resolution: {tarball: https://codeload.github.com/o/b/tar.gz/abc}\n" +
				"  c@https://z:\n    resolution: {tarball: https://z, gitHosted: true}\n",
			want: Lock{Format: PNPM, Notes: []string{"a, b, c: taken from git, by commit and not by hash"}},
		},
		"of the project": {
			text: lockOf("9.0", "a@file:a", "resolution: {directory: a, type: directory}") +
				"  b@file:b.tgz:\n    resolution: {integrity: " + sha512None + ", tarball: file:b.tgz}\n",
			want: Lock{Format: PNPM},
		},
		"a runtime": {
			text: lockOf("9.0", "node@runtime:24.0.0", "resolution:\n      type: variations\n      variants:\n"+
				"        - resolution: {integrity: "+sha512None+", type: binary}\n          targets: [{os: linux, cpu: x64}]\n"+
				"        - resolution: {integrity: "+sha1None+", type: binary}\n    version: 24.0.0"),
			want: Lock{Format: PNPM, Packages: []Package{{Name: "node", Version: "24.0.0", Integrity: []string{sha1None, sha512None}}}},
		},
		"a runtime with a gap": {
			text: lockOf("9.0", "node@runtime:24.0.0", "resolution:\n      type: variations\n      variants:\n"+
				"        - resolution: {integrity: "+sha512None+"}\n        - resolution: {type: binary}\n        - x\n    version: 24.0.0"),
			want: Lock{Format: PNPM, Unproven: []string{"node@24.0.0"}},
		},
		"two documents": {
			text: "---\n" + lockOf("9.0", "a@1.0.0", resolution) + "---\n" + lockOf("9.0", "b@1.0.0", resolution),
			want: Lock{Format: PNPM, Packages: []Package{
				{Name: "a", Version: "1.0.0", Integrity: []string{sha512None}}, {Name: "b", Version: "1.0.0", Integrity: []string{sha512None}}}},
		},
		"no packages":          {text: "lockfileVersion: 5.4\n", want: Lock{Format: PNPM}},
		"empty":                {text: "", err: "it is empty"},
		"a scalar":             {text: "x", err: "it is not an object"},
		"old version":          {text: "lockfileVersion: 5\n", err: `lockfileVersion "5" is not 5.1 to 5.4, 6 or 9`},
		"unknown version":      {text: "lockfileVersion: 5.5\n", err: `lockfileVersion "5.5" is not 5.1 to 5.4, 6 or 9`},
		"no version":           {text: "packages: {}\n", err: `lockfileVersion "" is not 5.1 to 5.4, 6 or 9`},
		"packages of a list":   {text: "lockfileVersion: '9.0'\npackages: []\n", err: `"packages" in "pnpm-lock.yaml" is not an object`},
		"resolution is a list": {text: lockOf("9.0", "a@1.0.0", "resolution: []"), err: `"resolution" in "a@1.0.0" is not an object`},
		"a package twice":      {text: lockOf("9.0", "a@1.0.0", resolution+"\n  'a@1.0.0':\n    "+resolution), err: `the key "a@1.0.0" is there twice`},
		"not YAML":             {text: "a: b: c", err: "it is not YAML"},
		"line separator":       {text: lockOf("9.0", `"a\u2028@1.0.0"`, resolution), err: "has characters"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lock, err := Read(mapTree("pnpm-lock.yaml", tc.text), "pnpm-lock.yaml")
			lock.Path, lock.SHA256 = "", ""
			checkParse(t, lock, tc.want, err, tc.err)
		})
	}
}
