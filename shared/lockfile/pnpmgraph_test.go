package lockfile

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPNPMEntries(t *testing.T) {
	t.Parallel()
	tree := mapTree("pnpm-lock.yaml", `lockfileVersion: '9.0'
importers:
  .:
    dependencies:
      a2:
        specifier: npm:@s/a@^1.0.0
        version: '@s/a@1.0.0(b@2.0.0)'
      out:
        specifier: link:../out
        version: link:../out
    devDependencies:
      b:
        specifier: ^2.0.0
        version: 2.0.0
  w:
    optionalDependencies:
      root:
        specifier: workspace:*
        version: link:..
packages:
  '@s/a@1.0.0':
    resolution: {integrity: sha1-x, tarball: 'https://user:secret@registry.example/a.tgz'}
    peerDependencies:
      b: '*'
      c: '>=1'
      d: '*'
    peerDependenciesMeta:
      d:
        optional: true
  b@2.0.0:
    resolution: {integrity: sha512-x}
    version: 2.1.0
  f@file:f:
    resolution: {directory: f, type: directory}
  g@git+https://example.com/g:
    resolution: {commit: abc, repo: 'https://user@example.com/g', type: git}
    version: 1.0.0
  node@runtime:24.0.0:
    resolution: {type: variations}
    version: 24.0.0
  r@https://example.com/r.tgz:
    resolution: {tarball: 'https://example.com/r.tgz'}
    version: 3.0.0
  unused@1.0.0: {}
snapshots:
  '@s/a@1.0.0(b@2.0.0)':
    dependencies:
      b: 2.0.0
      gone: 1.0.0
    optionalDependencies:
      f: file:f
  b@2.0.0:
    optional: true
  f@file:f: {}
  g@git+https://example.com/g: {}
  missing@1.0.0: {}
  node@runtime:24.0.0: {}
  r@https://example.com/r.tgz: {}
`, "package.json", `{"name": "root", "version": "1.0.0"}`, "w/package.json", `{"name": "w"}`)
	checkJSGraph(t, tree, "pnpm-lock.yaml", []Entry{
		{Name: "root", Version: "1.0.0", Line: 3, Source: Project, Requires: []Require{
			{"a2", "npm:@s/a@^1.0.0", Prod, 2}, {"out", "link:../out", Prod, 10}, {"b", "^2.0.0", Dev, 3}}},
		{Name: "w", Location: "w", Line: 15, Source: Project, Requires: []Require{{"root", "workspace:*", Optional, 0}}},
		{Name: "@s/a", Version: "1.0.0", Line: 21, Source: Registry, URL: "https://registry.example/a.tgz", Integrity: []string{"sha1-x"},
			Requires: []Require{{"b", "*", Peer, 3}, {"gone", "", Prod, -1}, {"f", "", Optional, 4}, {"c", ">=1", Peer, -1}, {"d", "*", PeerOptional, -1}}},
		{Name: "b", Version: "2.1.0", Line: 30, Source: Registry, Integrity: []string{"sha512-x"}, Optional: true},
		{Name: "f", Line: 33, Source: Folder, Integrity: []string{}},
		{Name: "g", Version: "1.0.0", Line: 35, Source: Git, URL: "https://example.com/g#abc", Integrity: []string{}},
		{Name: "missing", Version: "1.0.0", Line: 56, Source: Registry, Integrity: []string{}},
		{Name: "node", Version: "24.0.0", Line: 38, Source: Remote, Integrity: []string{}},
		{Name: "r", Version: "3.0.0", Line: 41, Source: Remote, URL: "https://example.com/r.tgz", Integrity: []string{}},
		{Name: "unused", Version: "1.0.0", Line: 44, Source: Registry, Integrity: []string{}},
		{Location: "../out", Source: Project},
	},
		Contradiction{30, "b: its key is for b@2.0.0, and beside that is b@2.1.0"},
		Contradiction{56, "missing@1.0.0: snapshots has it, packages has not"},
		Contradiction{44, "unused@1.0.0: packages has it, snapshots has not"})
}

// What a project asks for by a catalog is what the catalog says; what pnpm's own tools are is
// compared with no manifest.
func TestPNPMCatalogs(t *testing.T) {
	t.Parallel()
	tree := mapTree("pnpm-lock.yaml", `lockfileVersion: '9.0'
catalogs:
  default:
    a: {specifier: ^1.0.0, version: 1.0.0}
  old:
    a: {specifier: ^0.1.0, version: 0.1.0}
importers:
  .:
    configDependencies:
      a: {specifier: 'https://example.com/a.tgz', version: 1.0.0}
    dependencies:
      a: {specifier: 'catalog:', version: 1.0.0}
      gone: {specifier: 'catalog:old', version: 1.0.0}
    devDependencies:
      a: {specifier: 'catalog:old', version: 1.0.0}
`)
	lock, err := Read(tree, "pnpm-lock.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := []Require{
		{"a", "^1.0.0", Prod, -1}, {"gone", "catalog:old", Prod, -1}, {"a", "^0.1.0", Dev, -1}, {"a", "", Dev, -1},
	}
	if diff := cmp.Diff(want, lock.Entries[0].Requires); diff != "" {
		t.Errorf("Read of catalogs (-want +got):\n%s", diff)
	}
}

// TestOldPNPMEntries has the keys and references of versions 5 and 6.
func TestOldPNPMEntries(t *testing.T) {
	t.Parallel()
	five := `lockfileVersion: 5.4
specifiers:
  a2: npm:@s/a@^1.0.0
dependencies:
  a2: /@s/a/1.0.0_b@2.0.0
packages:
  /@s/a/1.0.0_b@2.0.0:
    resolution: {integrity: sha512-x}
    peerDependencies:
      b: '*'
    dependencies:
      b: 2.0.0
      m: npm.example.com/m/3.0.0
      r: '@example.com/r.tgz'
    dev: true
  /b/2.0.0:
    resolution: {integrity: sha512-x}
  npm.example.com/m/3.0.0:
    resolution: {integrity: sha512-x, registry: 'https://npm.example.com/', tarball: 'https://npm.example.com/m.tgz'}
  '@example.com/r.tgz':
    resolution: {tarball: 'https://example.com/r.tgz'}
    name: r
    version: 4.0.0
`
	six := `lockfileVersion: '6.0'
dependencies:
  a2:
    specifier: npm:@s/a@^1.0.0
    version: /@s/a@1.0.0(b@2.0.0)
packages:
  /@s/a@1.0.0(b@2.0.0):
    resolution: {integrity: sha512-x}
    peerDependencies:
      b: '*'
    dependencies:
      b: 2.0.0
      m: npm.example.com/m@3.0.0
      r: '@example.com/r.tgz'
    dev: true
  /b@2.0.0:
    resolution: {integrity: sha512-x}
  npm.example.com/m@3.0.0:
    resolution: {integrity: sha512-x, registry: 'https://npm.example.com/', tarball: 'https://npm.example.com/m.tgz'}
    name: m
    version: 3.0.0
  '@example.com/r.tgz':
    resolution: {tarball: 'https://example.com/r.tgz'}
    name: r
    version: 4.0.0
`
	for text, lines := range map[string][5]int{five: {1, 7, 16, 18, 20}, six: {1, 7, 16, 18, 22}} {
		checkJSGraph(t, mapTree("pnpm-lock.yaml", text), "pnpm-lock.yaml", []Entry{
			{Line: lines[0], Source: Project, Requires: []Require{{"a2", "npm:@s/a@^1.0.0", Prod, 1}}},
			{Name: "@s/a", Version: "1.0.0", Line: lines[1], Source: Registry, Integrity: []string{"sha512-x"}, Dev: true,
				Requires: []Require{{"b", "*", Peer, 2}, {"m", "", Prod, 3}, {"r", "", Prod, 4}}},
			{Name: "b", Version: "2.0.0", Line: lines[2], Source: Registry, Integrity: []string{"sha512-x"}},
			{Name: "m", Version: "3.0.0", Line: lines[3], Source: Registry, URL: "https://npm.example.com/m.tgz", Integrity: []string{"sha512-x"}},
			{Name: "r", Version: "4.0.0", Line: lines[4], Source: Remote, URL: "https://example.com/r.tgz", Integrity: []string{}},
		})
	}
}

func TestPNPMKeysWithoutPeers(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"a@1.0.0": "a@1.0.0", "a@1.0.0(b@1.0.0(c@1.0.0))(d@1)": "a@1.0.0", "a@file:b(c)/d": "a@file:b(c)/d",
		"a@1)": "a@1)", "(a)": "(a)", "a@1((b)": "a@1(",
	} {
		if got := withoutPeers(key); got != want {
			t.Errorf("withoutPeers(%q): got %q, want %q", key, got, want)
		}
	}
}

// countingFS counts how often a file is opened.
type countingFS struct {
	fs.FS
	opened *int
}

func (c countingFS) Open(name string) (fs.File, error) {
	*c.opened++
	return c.FS.Open(name)
}

func TestManifestsOfTooManyProjectsAreNotRead(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("lockfileVersion: '9.0'\nimporters:\n")
	for i := range maxMembers + 500 {
		fmt.Fprintf(&b, "  p%d: {}\n", i)
	}
	opened := 0
	lock, err := Read(countingFS{mapTree("pnpm-lock.yaml", b.String()), &opened}, "pnpm-lock.yaml")
	if err != nil || len(lock.Entries) != maxMembers+500 || opened > maxMembers+5 {
		t.Errorf("Read: %d entries, %d files opened, error %v, want all and about %d", len(lock.Entries), opened, err, maxMembers)
	}
}
