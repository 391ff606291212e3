package drift

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
)

// originCase is a lock file in which minimist is from elsewhere, because mkdirp asks for that.
type originCase struct {
	lock  string // its name
	text  string
	files map[string]string
	// known is what makes it known to who wrote the manifest.
	known []edit
}

const evil = "https://evil.example/minimist-1.2.8.tgz"

var originCases = map[string]originCase{
	"npm": {
		lock: "package-lock.json",
		text: `{"name": "app", "lockfileVersion": 3, "packages": {
			"": {"name": "app", "dependencies": {"mkdirp": "^0.5.5"}},
			"node_modules/minimist": {"version": "1.2.8", "resolved": "` + evil + `", "integrity": "sha512-x"},
			"node_modules/mkdirp": {"version": "0.5.6", "integrity": "sha512-x", "dependencies": {"minimist": "` + evil + `"}}}}`,
		known: []edit{{"package-lock.json", `{"mkdirp": "^0.5.5"}`, `{"mkdirp": "^0.5.5", "minimist": "` + evil + `"}`}},
	},
	"npm, git": {
		lock: "package-lock.json",
		text: `{"name": "app", "lockfileVersion": 3, "packages": {
			"": {"name": "app", "dependencies": {"mkdirp": "^0.5.5"}},
			"node_modules/minimist": {"version": "1.2.8", "resolved": "git+ssh://git@evil.example/x/minimist.git#abc"},
			"node_modules/mkdirp": {"version": "0.5.6", "integrity": "sha512-x",
				"dependencies": {"minimist": "git+ssh://git@evil.example/x/minimist.git"}}}}`,
		known: []edit{{"package-lock.json", `{"mkdirp": "^0.5.5"}`,
			`{"mkdirp": "^0.5.5", "minimist": "git+https://evil.example/x/minimist"}`}},
	},
	"npm, archive of the repository": {
		lock: "package-lock.json",
		text: `{"name": "app", "lockfileVersion": 3, "packages": {
			"": {"name": "app", "dependencies": {"mkdirp": "^0.5.5"}},
			"node_modules/minimist": {"version": "1.2.8", "resolved": "file:x/evil.example.tgz", "integrity": "sha512-x"},
			"node_modules/mkdirp": {"version": "0.5.6", "integrity": "sha512-x", "dependencies": {"minimist": "file:x/evil.example.tgz"}}}}`,
		known: []edit{{"package-lock.json", `{"mkdirp": "^0.5.5"}`, `{"mkdirp": "^0.5.5", "minimist": "./x/evil.example.tgz"}`}},
	},
	"npm, folder of the repository": {
		lock: "package-lock.json",
		text: `{"name": "app", "lockfileVersion": 3, "packages": {
			"": {"name": "app", "dependencies": {"mkdirp": "^0.5.5"}},
			"evil.example": {"name": "minimist", "version": "1.2.8"},
			"node_modules/minimist": {"resolved": "evil.example", "link": true},
			"node_modules/mkdirp": {"version": "0.5.6", "integrity": "sha512-x", "dependencies": {"minimist": "file:../evil.example"}}}}`,
		known: []edit{{"package-lock.json", `{"mkdirp": "^0.5.5"}`, `{"mkdirp": "^0.5.5", "minimist": "file:evil.example"}`}},
	},
	"Yarn 1": {
		lock: "yarn.lock",
		text: `# yarn lockfile v1
"minimist@` + evil + `":
  version "1.2.8"
  resolved "` + evil + `"
  integrity sha512-x
mkdirp@^0.5.5:
  version "0.5.6"
  resolved "https://registry.yarnpkg.com/mkdirp/-/mkdirp-0.5.6.tgz"
  integrity sha512-x
  dependencies:
    minimist "` + evil + `"
`,
		files: map[string]string{"package.json": `{"dependencies": {"mkdirp": "^0.5.5"}}`},
		known: []edit{{"package.json", `{"mkdirp": "^0.5.5"}`, `{"mkdirp": "^0.5.5", "minimist": "` + evil + `"}`}},
	},
	"Berry": {
		lock: "yarn.lock",
		text: `__metadata:
  version: 8
"app@workspace:.":
  version: 0.0.0-use.local
  resolution: "app@workspace:."
  dependencies:
    mkdirp: "npm:^0.5.5"
"minimist@` + evil + `":
  version: 1.2.8
  resolution: "minimist@` + evil + `"
  checksum: 10c0/` + strings.Repeat("0", 128) + `
"mkdirp@npm:^0.5.5":
  version: 0.5.6
  resolution: "mkdirp@npm:0.5.6"
  checksum: 10c0/` + strings.Repeat("0", 128) + `
  dependencies:
    minimist: "` + evil + `"
`,
		files: map[string]string{"package.json": `{"name": "app", "dependencies": {"mkdirp": "^0.5.5"}}`},
		known: []edit{{"yarn.lock", `mkdirp: "npm:^0.5.5"`, `minimist: "` + evil + `"
    mkdirp: "npm:^0.5.5"`}},
	},
	"pnpm": {
		lock: "pnpm-lock.yaml",
		text: `lockfileVersion: '9.0'
importers:
  .:
    dependencies:
      mkdirp: {specifier: ^0.5.5, version: 0.5.6}
packages:
  minimist@` + evil + `:
    resolution: {integrity: sha512-x, tarball: '` + evil + `'}
    version: 1.2.8
  mkdirp@0.5.6: {resolution: {integrity: sha512-x}}
snapshots:
  minimist@` + evil + `: {}
  mkdirp@0.5.6:
    dependencies:
      minimist: ` + evil + `
`,
		known: []edit{{"pnpm-lock.yaml", "      mkdirp: {", "      minimist: {specifier: '" + evil + "', version: '" + evil + "'}\n      mkdirp: {"}},
	},
}

// What a package asks for by its address stands only in the lock file's copy: no registry
// is asked what it really asks for, so that is no reason to take it from anywhere.
func TestOnlyProjectsChooseAddresses(t *testing.T) {
	t.Parallel()
	for name, tc := range originCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			find := func(edits []edit, allowed ...string) []string {
				files := map[string]string{tc.lock: tc.text}
				for name, text := range tc.files {
					files[name] = text
				}
				for _, e := range edits {
					files[e.file] = strings.ReplaceAll(files[e.file], e.old, e.new)
				}
				m := fstest.MapFS{}
				for name, text := range files {
					m[name] = &fstest.MapFile{Data: []byte(text)}
				}
				f := facts(t, m, tc.lock)
				f.Registries = allowed
				return said(addresses(f))
			}
			want := []string{"fail lint/host minimist@1.2.8"}
			if got := find(nil); cmp.Diff(want, got) != "" {
				t.Errorf("only mkdirp asks for it: got %q, want %q", got, want)
			}
			if got := find(tc.known); len(got) > 0 {
				t.Errorf("the project asks for it, too: got %q, want nothing", got)
			}
			if !strings.Contains(tc.text, "//") && !strings.Contains(tc.text, "git@") {
				return // what is in the repository is on no host
			}
			if got := find(nil, "registry.yarnpkg.com", "evil.example"); len(got) > 0 {
				t.Errorf("the host is allowed: got %q, want nothing", got)
			}
			plain := []edit{{tc.lock, "https://", "http://"}, {tc.lock, "git+ssh:", "git+http:"}}
			want = append(want, "fail lint/scheme minimist@1.2.8")
			if got := find(plain); !strings.Contains(strings.Join(got, ","), strings.Join(want, ",")) {
				t.Errorf("without encryption: got %q, want %q", got, want)
			}
		})
	}
}

func TestWhoAsksForIt(t *testing.T) {
	t.Parallel()
	entry := func(source lockfile.Source, url string) lockfile.Entry {
		return lockfile.Entry{Name: "a", Source: source, URL: url}
	}
	const archive = "https://example.com/a.tgz"
	for _, tc := range []struct {
		wanted string
		to     lockfile.Entry
		want   bool
	}{
		{archive, entry(lockfile.Remote, archive), true},
		{"https://example.com/old.tgz", entry(lockfile.Remote, archive), true}, // it was redirected
		{"https://me:secret@example.com/a.tgz", entry(lockfile.Remote, archive), true},
		{archive, entry(lockfile.Remote, "https://evil.example/a.tgz"), false},
		{"^1.0.0", entry(lockfile.Remote, archive), false},
		{"latest", entry(lockfile.Remote, archive), false},
		{"", entry(lockfile.Remote, archive), false},
		{"catalog:", entry(lockfile.Remote, archive), false},
		{"npm:a@latest", entry(lockfile.Remote, archive), false},
		{"runtime:24", entry(lockfile.Remote, ""), false}, // there is no address to look at
		{"o/a", entry(lockfile.Git, "git+ssh://git@github.com/o/a.git#abc"), true},
		{"github:o/a#v1", entry(lockfile.Git, "https://codeload.github.com/O/a/tar.gz/abc"), true},
		{"git@github.com:o/a.git", entry(lockfile.Git, "https://github.com/o/a#abc"), true},
		{"git+ssh://git@github.com:o/a.git", entry(lockfile.Git, "https://github.com/o/a#abc"), true},
		{"gitlab:o/a", entry(lockfile.Git, "https://gitlab.com/api/v4/projects/o%2Fa/repository/archive.tar.gz?ref=abc"), true},
		{"bitbucket:o/a", entry(lockfile.Git, "https://bitbucket.org/o/a/get/abc.tar.gz"), true},
		{"gist:abc", entry(lockfile.Git, "git+ssh://git@gist.github.com/abc.git#def"), true},
		{"https://git.example:8443/o/a.git", entry(lockfile.Git, "git+ssh://git@git.example/o/a.git#abc"), true},
		{"o/a", entry(lockfile.Git, "git+ssh://git@github.com/evil/a.git#abc"), false},
		{"o/a", entry(lockfile.Git, "git+ssh://git@github.com/o/a-evil.git#abc"), false},
		{"o/a", entry(lockfile.Git, "https://gitlab.com/o/a.git#abc"), false},
		{"https://git.example/o/a.git", entry(lockfile.Git, "https://git.example/evil/a.git#abc"), false},
		{"file:x", entry(lockfile.Folder, ""), true},
		{"x.tgz", entry(lockfile.Folder, ""), true},
		{"~1.0.0", entry(lockfile.Folder, ""), false},
		{"latest", entry(lockfile.Folder, ""), false},
		{archive, entry(lockfile.Folder, ""), false},
		{"workspace:*", entry(lockfile.Folder, ""), false},
	} {
		if got := asksFor(tc.wanted, tc.to); got != tc.want {
			t.Errorf("asksFor(%q, %s %q) = %v, want %v", tc.wanted, tc.to.Source, tc.to.URL, got, tc.want)
		}
	}
}

// Only the projects that are compared with their manifests say what these ask for.
func TestIsCompared(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		e    lockfile.Entry
		want bool
	}{
		{lockfile.Entry{Source: lockfile.Project}, true},
		{lockfile.Entry{Source: lockfile.Project, Location: "packages/a"}, true},
		{lockfile.Entry{Source: lockfile.Project, Location: "../a"}, false},
		{lockfile.Entry{Source: lockfile.Project, Location: "node_modules/a/b"}, false},
		{lockfile.Entry{Source: lockfile.Project, Location: "a", URL: "portal:./a"}, false},
		{lockfile.Entry{Source: lockfile.Folder, Location: "a"}, false},
		{lockfile.Entry{Source: lockfile.Registry}, false},
	} {
		if got := isCompared(tc.e); got != tc.want {
			t.Errorf("isCompared(%+v) = %v, want %v", tc.e, got, tc.want)
		}
	}
}

func TestPatchesOfYarn(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"patch:a@npm%3A^1.0.0#~builtin<compat/a>":                               true,
		"patch:a@npm%3A1.0.0#optional!builtin<compat/a>::version=1.0.0&hash=00": true,
		"patch:a@1.0.0#builtin<compat/a>":                                       true, // Yarn 2
		"patch:a@npm%3A1.0.0#builtin<compat/b>":                                 false,
		"patch:a@npm%3A1.0.0#./x.patch::builtin<compat/a>":                      false,
		"patch:a@npm%3A1.0.0#./x.patch&builtin<compat/a>":                       false,
		"patch:a@https%3A//evil.example/a.tgz#~builtin<compat/a>":               false,
		"https://evil.example/#~builtin<compat/a>":                              false,
	} {
		f := Facts{Lock: lockfile.Lock{Format: lockfile.Berry}}
		if got := isOfYarn(f, lockfile.Entry{Name: "a", URL: address}); got != want {
			t.Errorf("isOfYarn(%q) = %v, want %v", address, got, want)
		}
	}
}

// What is forced is chosen by the manifest; folders of the project may ask for others.
func TestOriginsThatAreKnown(t *testing.T) {
	t.Parallel()
	ask := func(span string, to int) []lockfile.Require {
		return []lockfile.Require{{Name: "a", Range: span, Kind: lockfile.Prod, To: to}}
	}
	remote := lockfile.Entry{Name: "a", Source: lockfile.Remote, URL: evil}
	folder := lockfile.Entry{Name: "a", Source: lockfile.Folder, URL: "file:x"}
	for name, tc := range map[string]struct {
		entries []lockfile.Entry
		forced  map[string]string
		want    bool // of the first
	}{
		"forced": {[]lockfile.Entry{remote, {Source: lockfile.Registry, Requires: ask("^1", 0)}}, map[string]string{"a": evil}, true},
		"forced in some places": {[]lockfile.Entry{remote, {Source: lockfile.Registry, Requires: ask("^1", 0)}},
			map[string]string{"a": ""}, true},
		"a version is forced": {[]lockfile.Entry{remote, {Source: lockfile.Registry, Requires: ask("^1", 0)}},
			map[string]string{"a": "1.0.0"}, false},
		"another address is forced": {[]lockfile.Entry{remote, {Source: lockfile.Registry, Requires: ask(evil, 0)}},
			map[string]string{"a": "https://example.com/a.tgz"}, false},
		"by a folder": {[]lockfile.Entry{folder, {Source: lockfile.Folder, Requires: ask("file:x", 0)},
			{Source: lockfile.Project, Requires: ask("file:y", 1)}}, nil, true},
		"by a folder that nobody asks for": {[]lockfile.Entry{folder, {Source: lockfile.Folder, Requires: ask("file:x", 0)}}, nil, false},
		"by a folder, from another host": {[]lockfile.Entry{remote, {Source: lockfile.Folder, Requires: ask(evil, 0)},
			{Source: lockfile.Project, Requires: ask("file:y", 1)}}, nil, false},
	} {
		f := Facts{Lock: lockfile.Lock{Format: lockfile.NPM, Entries: tc.entries}, Overrides: tc.forced}
		if got := originsOf(f).known[0]; got != tc.want {
			t.Errorf("%s: known: %v, want %v", name, got, tc.want)
		}
	}
}
