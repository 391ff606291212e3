package lockfile

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// checkJSGraph compares entries and contradictions.
func checkJSGraph(t *testing.T, tree fs.FS, name string, want []Entry, contradictions ...Contradiction) {
	t.Helper()
	lock, err := Read(tree, name)
	if err != nil {
		t.Fatalf("Read(%s): %v", name, err)
	}
	if diff := cmp.Diff(want, lock.Entries); diff != "" {
		t.Errorf("entries of %s (-want +got):\n%s", name, diff)
	}
	if diff := cmp.Diff(contradictions, lock.Contradictions); diff != "" {
		t.Errorf("contradictions of %s (-want +got):\n%s", name, diff)
	}
}

func TestYarn1Entries(t *testing.T) {
	t.Parallel()
	const hexNone = "da39a3ee5e6b4b0d3255bfef95601890afd80709" // SHA-1 of nothing
	tree := mapTree("yarn.lock", `# yarn lockfile v1


"@s/a@^1.0.0", "a2@npm:@s/a@1":
  name "@s/a"
  version "1.0.0"
  resolved "https://user:secret@registry.example/a.tgz#`+hexNone+`"
  integrity "sha512-x sha1-y"
  dependencies:
    b "^1.0.0"
    gone "*"
  optionalDependencies:
    f "file:./f"

b@1.2.3, b@^1.0.0:
  version "1.2.3"
  resolved "https://registry.example/b.tgz"

"f@file:./f":
  version "1.0.0"

"g@git+https://example.com/g.git":
  version "1.0.0"
  resolved "git+https://example.com/g.git#`+hexNone+`"

"l@link:./l":
  version "0.0.0"

"r@https://example.com/r.tgz":
  version "1.0.0"
  name real
  resolved "https://example.com/r.tgz#`+hexNone+`"

unused@2.0.0:
  version "2.0.0"
`, "package.json", `{
  "name": "root", "version": "1.0.0", "workspaces": ["w/*"],
  "dependencies": {"a2": "npm:@s/a@1", "m": "*", "o": "1", "both": "1", "\u001b": "\u001b"}, "devDependencies": {"b": "^2.0.0"},
  "optionalDependencies": {"r": "https://example.com/r.tgz", "both": "2"}, "peerDependencies": {"p": "1", "q": "2"},
  "peerDependenciesMeta": {"q": {"optional": true}},
  "resolutions": {"b": "1.2.3", "unused": "2.0.0"}
}`, "w/m/package.json", `{"name": "m"}`)
	requires := []Require{{"b", "^1.0.0", Prod, 4}, {"gone", "*", Prod, -1}, {"f", "file:./f", Optional, 5}}
	checkJSGraph(t, tree, "yarn.lock", []Entry{
		{Name: "root", Version: "1.0.0", Source: Project, Requires: []Require{
			{"a2", "npm:@s/a@1", Prod, 3}, {"m", "*", Prod, 1}, {"o", "1", Prod, -1}, {`"\x1b"`, `"\x1b"`, Prod, -1},
			{"b", "^2.0.0", Dev, 4}, {"r", "https://example.com/r.tgz", Optional, 8}, {"both", "2", Optional, -1},
			{"p", "1", Peer, -1}, {"q", "2", PeerOptional, -1}}},
		{Name: "m", Location: "w/m", Source: Project},
		{Name: "@s/a", Version: "1.0.0", Line: 4, Source: Registry, URL: "https://registry.example/a.tgz",
			Integrity: []string{"sha512-x", "sha1-y", sha1None}, Requires: requires},
		{Name: "@s/a", Alias: "a2", Version: "1.0.0", Line: 4, Source: Registry, URL: "https://registry.example/a.tgz",
			Integrity: []string{"sha512-x", "sha1-y", sha1None}, Requires: requires},
		{Name: "b", Version: "1.2.3", Line: 15, Source: Registry, URL: "https://registry.example/b.tgz", Integrity: []string{}},
		{Name: "f", Version: "1.0.0", Line: 19, Source: Folder, Integrity: []string{}},
		{Name: "g", Version: "1.0.0", Line: 22, Source: Git, URL: "git+https://example.com/g.git", Integrity: []string{}},
		{Name: "l", Version: "0.0.0", Location: "l", Line: 26, Source: Project, URL: "link:./l", Integrity: []string{}},
		{Name: "real", Alias: "r", Version: "1.0.0", Line: 29, Source: Remote, URL: "https://example.com/r.tgz", Integrity: []string{sha1None}},
		{Name: "unused", Version: "2.0.0", Line: 34, Source: Registry, Integrity: []string{}, Ghost: true},
	})
}

func TestYarn1Contradictions(t *testing.T) {
	t.Parallel()
	entry := func(name string) []Entry {
		return []Entry{{Name: name, Version: "1", Line: 1, Source: Registry, Integrity: []string{}}}
	}
	for name, tc := range map[string]struct {
		text string
		want []Entry
		says string
	}{
		"another name": {"a@1:\n  name b\n  version \"1\"\n", entry("a"), "a: the same entry says that its name is b"},
		"two packages": {"a@1, b@1:\n  version \"1\"\n",
			append(entry("a"), Entry{Name: "a", Alias: "b", Version: "1", Line: 1, Source: Registry, Integrity: []string{}}),
			"a: the same entry is also for b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkJSGraph(t, mapTree("yarn.lock", tc.text), "yarn.lock", tc.want, Contradiction{1, tc.says})
		})
	}
	lock, err := Read(mapTree("yarn.lock", "a@1:\n  version \"1\"\n  dependencies:\n    b \"1\"\n    b \"2\"\n"), "yarn.lock")
	if err != nil || len(lock.Contradictions) != 1 || lock.Contradictions[0].Text != "a: it requires b twice" {
		t.Errorf("Read of a dependency that is there twice: got %v, error %v", lock.Contradictions, err)
	}
}

func TestBrokenManifestsAreNoBrokenLock(t *testing.T) {
	t.Parallel()
	for lock, text := range map[string]string{
		"yarn.lock":      "a@1:\n  version \"1\"\n",
		"pnpm-lock.yaml": "lockfileVersion: '9.0'\nimporters:\n  .: {}\npackages:\n  a@1.0.0: {}\nsnapshots:\n  a@1.0.0: {}\n",
	} {
		for _, manifest := range []string{"{", `{"name": 1, "dependencies": [], "workspaces": 7}`, strings.Repeat(" ", maxManifest+1)} {
			got, err := Read(mapTree(lock, text, "package.json", manifest), lock)
			if err != nil || len(got.Entries) == 0 {
				t.Errorf("Read(%s) beside %.50q: %d entries, error %v", lock, manifest, len(got.Entries), err)
			}
		}
	}
}

func TestBerryEntries(t *testing.T) {
	t.Parallel()
	tree := mapTree("yarn.lock", `__metadata:
  version: 8
"@s/a@npm:^1.0.0, a2@npm:@s/a@1":
  version: 1.0.0
  resolution: "@s/a@npm:1.0.0::__archiveUrl=https%3A%2F%2Fuser:x%40registry.example%2Fa.tgz"
  dependencies:
    b: "npm:^1.0.0"
    c: "npm:1"
    gone: "npm:*"
  dependenciesMeta:
    c:
      optional: true
  peerDependencies:
    p: "*"
    q: 2
  peerDependenciesMeta:
    q:
      optional: true
  checksum: 10c0/`+hex512None+`
"b@npm:1.2.3":
  version: 1.2.3
  resolution: "b@npm:1.2.3"
  conditions: os=darwin
"c@npm:1":
  version: 1.5.0
  resolution: "c@npm:1.4.0"
"c@patch:c@npm%3A1#./c.patch::locator=root%40workspace%3A.":
  version: 1.4.0
  resolution: "c@patch:c@npm%3A1.4.0#./c.patch::version=1.4.0&hash=1&locator=root%40workspace%3A."
"f@file:./f::locator=root%40workspace%3A.":
  version: 1.0.0
  resolution: "f@file:./f#./f::hash=1&locator=root%40workspace%3A."
"g@https://example.com/g.git":
  version: 1.0.0
  resolution: "g@https://example.com/g.git#commit=abc"
"l@link:./l::locator=root%40workspace%3A.":
  version: 0.0.0-use.local
  resolution: "l@link:./l::locator=root%40workspace%3A."
"r@https://example.com/r.tgz":
  version: 1.0.0
  resolution: "r@https://example.com/r.tgz"
"root@workspace:.":
  version: 0.0.0-use.local
  resolution: "root@workspace:."
  dependencies:
    "@s/a": "npm:^1.0.0"
    b: "catalog:"
    c: "npm:1"
    f: "file:./f"
    l: "link:./l"
    w: "workspace:*"
"t@npm:^1, x@npm:1":
  version: 1.0.0
  resolution: "t@npm:1.0.0"
"w@workspace:*, w@workspace:w":
  version: 0.0.0-use.local
  resolution: "w@workspace:w"
  dependencies:
    t: ^1
`, ".yarnrc.yml", "catalog:\n  b: ^1.2.0\n", "w/package.json", `{"name": "w", "version": "7.0.0"}`,
		"package.json", `{"name": "root", "version": "1.0.0", "devDependencies": {"f": "x"},
			"resolutions": {"b": "1.2.3", "root/c": "patch:c@npm%3A1#./c.patch"}}`)
	requires := []Require{{"b", "^1.0.0", Prod, 2}, {"c", "1", Optional, 3}, {"gone", "*", Prod, -1}, {"p", "*", Peer, -1}, {"q", "2", PeerOptional, -1}}
	checksum := []string{"10c0/" + hex512None}
	const address = "https://registry.example/a.tgz"
	checkJSGraph(t, tree, "yarn.lock", []Entry{
		{Name: "@s/a", Version: "1.0.0", Line: 3, Source: Registry, URL: address, Integrity: checksum, Requires: requires},
		{Name: "@s/a", Alias: "a2", Version: "1.0.0", Line: 3, Source: Registry, URL: address, Integrity: checksum, Requires: requires},
		{Name: "b", Version: "1.2.3", Line: 20, Source: Registry, Optional: true},
		{Name: "c", Version: "1.4.0", Line: 24, Source: Registry},
		{Name: "c", Version: "1.4.0", Line: 27, Source: Folder, Requires: []Require{{"c", "1", Prod, 3}},
			URL: "patch:c@npm%3A1.4.0#./c.patch::version=1.4.0&hash=1&locator=root%40workspace%3A."},
		{Name: "f", Version: "1.0.0", Line: 30, Source: Folder},
		{Name: "g", Version: "1.0.0", Line: 33, Source: Git, URL: "https://example.com/g.git#commit=abc"},
		{Name: "l", Location: "l", Line: 36, Source: Project, URL: "link:./l::locator=root%40workspace%3A."},
		{Name: "r", Version: "1.0.0", Line: 39, Source: Remote, URL: "https://example.com/r.tgz"},
		{Name: "root", Version: "1.0.0", Line: 42, Source: Project, Requires: []Require{
			{"@s/a", "^1.0.0", Prod, 0}, {"b", "^1.2.0", Prod, 2}, {"c", "1", Prod, 4}, {"f", "file:./f", Dev, 5},
			{"l", "link:./l", Prod, 7}, {"w", "workspace:*", Prod, 12}}},
		{Name: "t", Version: "1.0.0", Line: 52, Source: Registry},
		{Name: "t", Alias: "x", Version: "1.0.0", Line: 52, Source: Registry},
		{Name: "w", Version: "7.0.0", Location: "w", Line: 55, Source: Project, Requires: []Require{{"t", "^1", Prod, 10}}},
	}, Contradiction{24, "c: the version is 1.4.0 in its resolution and 1.5.0 beside that"},
		Contradiction{52, "t: the same entry is also for x"})
}
