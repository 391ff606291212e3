package installed

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
)

// onDisk makes a folder with these files, and opens it. "-> target" is a link.
func onDisk(t *testing.T, files map[string]string) *os.Root {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, ok := strings.CutPrefix(text, "-> "); ok {
			err = os.Symlink(target, at)
		} else {
			err = os.WriteFile(at, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

// lines are what a Tree says, for comparisons.
func lines(tree Tree) []string {
	var all []string
	for _, p := range tree.Packages {
		line := p.Path + " " + p.Name + " " + p.Version
		if p.Bundled {
			line += " bundled"
		}
		all = append(all, line)
	}
	for _, p := range tree.Projects {
		all = append(all, "project "+p.Path)
	}
	for _, l := range tree.Links {
		line := "link " + l.Path + " " + l.To
		if l.Empty {
			line += " empty"
		}
		all = append(all, line)
	}
	for _, p := range tree.Problems {
		line := "wrong "
		if p.Unread {
			line = "unread "
		}
		all = append(all, line+p.Path+" "+p.Text)
	}
	for _, p := range tree.Strays {
		all = append(all, "stray "+p.Path)
	}
	return all
}

func pkg(name, version string) string {
	return `{"name": "` + name + `", "version": "` + version + `"}`
}

const outside = " is a link that leads out of the project"

func TestNodeModules(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		files     map[string]string
		locations []string
		want      []string
	}{
		"nothing": {files: map[string]string{"package.json": "{}"}},
		"flat, nested and with a scope": {
			files: map[string]string{
				"package.json":                                  pkg("app", "1.0.0"),
				"node_modules/a/package.json":                   pkg("a", "1.0.0"),
				"node_modules/a/node_modules/@s/b/package.json": pkg("@s/b", "2.0.0"),
				"node_modules/@s/b/package.json":                "\xef\xbb\xbf" + pkg("@s/b", "1.0.0"),
				"node_modules/alias/package.json":               pkg("real", "1.0.0"),
				"node_modules/a/lib/package.json":               `{"type": "module"}`,
				"node_modules/.bin/a":                           "",
				"node_modules/.package-lock.json":               "{}",
				"node_modules/.cache/x/package.json":            pkg("x", "1.0.0"),
			},
			want: []string{
				"node_modules/a a 1.0.0", "node_modules/alias real 1.0.0", "node_modules/@s/b @s/b 1.0.0",
				"node_modules/a/node_modules/@s/b @s/b 2.0.0", "project ",
			},
		},
		"bundled, also within that": {
			files: map[string]string{
				"node_modules/a/package.json":                               `{"name": "a", "version": "1.0.0", "bundledDependencies": ["b"]}`,
				"node_modules/a/node_modules/b/package.json":                pkg("b", "1.0.0"),
				"node_modules/a/node_modules/b/node_modules/c/package.json": pkg("c", "1.0.0"),
			},
			want: []string{
				"node_modules/a a 1.0.0", "node_modules/a/node_modules/b b 1.0.0 bundled",
				"node_modules/a/node_modules/b/node_modules/c c 1.0.0 bundled",
			},
		},
		"workspaces, of which the lock file says one": {
			files: map[string]string{
				"packages/a/package.json":                pkg("a", "1.0.0"),
				"packages/a/node_modules/x/package.json": pkg("x", "1.0.0"),
				"packages/b/package.json":                pkg("b", "1.0.0"),
				"packages/b/node_modules/x/package.json": pkg("x", "2.0.0"),
				"node_modules/b":                         "-> ../packages/b",
			},
			locations: []string{"packages/a", "node_modules/x", "../other", "/etc", "packages/a/node_modules/x"},
			want: []string{
				"packages/a/node_modules/x x 1.0.0", "packages/b/node_modules/x x 2.0.0",
				"project packages/a", "project packages/b", "link node_modules/b packages/b",
			},
		},
		"pnpm": {
			files: map[string]string{
				"node_modules/a": "-> .pnpm/a@1.0.0/node_modules/a",
				"node_modules/.pnpm/a@1.0.0/node_modules/a/package.json":       pkg("a", "1.0.0"),
				"node_modules/.pnpm/a@1.0.0/node_modules/@s/b":                 "-> ../../../@s+b@1.0.0/node_modules/@s/b",
				"node_modules/.pnpm/@s+b@1.0.0/node_modules/@s/b/package.json": pkg("@s/b", "1.0.0"),
				"node_modules/.pnpm/node_modules/@s/b":                         "-> ../../@s+b@1.0.0/node_modules/@s/b",
				"node_modules/.pnpm/lock.yaml":                                 "",
			},
			want: []string{
				"node_modules/.pnpm/@s+b@1.0.0/node_modules/@s/b @s/b 1.0.0", "node_modules/.pnpm/a@1.0.0/node_modules/a a 1.0.0",
				"link node_modules/a node_modules/.pnpm/a@1.0.0/node_modules/a",
				"link node_modules/.pnpm/a@1.0.0/node_modules/@s/b node_modules/.pnpm/@s+b@1.0.0/node_modules/@s/b",
				"link node_modules/.pnpm/node_modules/@s/b node_modules/.pnpm/@s+b@1.0.0/node_modules/@s/b",
			},
		},
		"Yarn, with pnpm's way of linking": {
			files: map[string]string{
				"node_modules/.store/a-npm-1.0.0-x/package/package.json": pkg("a", "1.0.0"),
				"node_modules/a": "-> .store/a-npm-1.0.0-x/package",
				"node_modules/.store/b-patch-x/package/package.json": `{"name": "b", "mocked": true}`,
				"node_modules/b": "-> .store/b-patch-x/package",
			},
			want: []string{
				"node_modules/.store/a-npm-1.0.0-x/package a 1.0.0", "link node_modules/a node_modules/.store/a-npm-1.0.0-x/package",
				"link node_modules/b node_modules/.store/b-patch-x/package empty",
			},
		},
		"links that lead nowhere, or out": {
			files: map[string]string{
				"node_modules/gone":    "-> ../gone",
				"node_modules/out":     "-> ../../x",
				"node_modules/passwd":  "-> /etc",
				"node_modules/@scope":  "-> /etc",
				"node_modules/through": "-> ../packages/out",
				"packages/out":         "-> /etc",
			},
			want: []string{
				"unread node_modules/@scope" + outside, "wrong node_modules/gone is a link to what does not exist",
				"unread node_modules/out" + outside, "unread node_modules/passwd" + outside, "unread node_modules/through" + outside,
			},
		},
		"node_modules of a package is a link": {
			files: map[string]string{"node_modules/a/package.json": pkg("a", "1.0.0"), "node_modules/a/node_modules": "-> .."},
			want: []string{
				"node_modules/a a 1.0.0",
				"unread node_modules/a/node_modules is a link, which no package manager makes of a node_modules",
			},
		},
		"links to where nothing else leads": {
			files: map[string]string{
				"node_modules/a": "-> .x/node_modules/a",
				"node_modules/.x/node_modules/a/index.js":     "",
				"node_modules/.x/node_modules/a/package.json": pkg("a", "1.0.0"),
				"node_modules/b":                         "-> ../.store/b@1/node_modules/b",
				".store/b@1/node_modules/b/package.json": pkg("b", "1.0.0"),
				".store/b@1/node_modules/c":              "-> ../../c@1/node_modules/c",
				".store/c@1/node_modules/c/package.json": pkg("c", "1.0.0"),
			},
			want: []string{
				".store/b@1/node_modules/b b 1.0.0", "node_modules/.x/node_modules/a a 1.0.0", ".store/c@1/node_modules/c c 1.0.0",
				"link node_modules/a node_modules/.x/node_modules/a", "link node_modules/b .store/b@1/node_modules/b",
				"link .store/b@1/node_modules/c .store/c@1/node_modules/c",
			},
		},
		"what a package has brought stays that, whoever links to it": {
			files: map[string]string{
				"node_modules/a/package.json":                `{"name": "a", "version": "1.0.0", "bundledDependencies": ["b"]}`,
				"node_modules/a/node_modules/b/package.json": pkg("b", "1.0.0"),
				"node_modules/b":                             "-> a/node_modules/b",
			},
			want: []string{
				"node_modules/a a 1.0.0", "node_modules/a/node_modules/b b 1.0.0 bundled", "link node_modules/b node_modules/a/node_modules/b",
			},
		},
		"folders that are in themselves": {
			files: map[string]string{
				"p": "-> .", "q": "-> .", "node_modules/p": "-> ../p", "node_modules/q": "-> ../p/q", "node_modules/r": "-> ../p/node_modules/q",
				"node_modules/.pnpm/a@1": "-> ../..",
			},
			want: []string{"link node_modules/p p", "link node_modules/q p/q", "link node_modules/r p/node_modules/q"},
		},
		"hidden, and no tool's": {
			files: map[string]string{
				"node_modules/.a/package.json":   pkg("a", "1.0.0"),
				"node_modules/.b/index.js":       "",
				"node_modules/.c.js":             "",
				"node_modules/.d":                "-> ../d",
				"d/index.js":                     "",
				"node_modules/@s/.pnpm/index.js": "",
				"node_modules/@s/.e/index.node":  "",
			},
			want: []string{
				"link node_modules/.d d", "stray node_modules/.a", "stray node_modules/.b", "stray node_modules/.c.js",
				"stray node_modules/@s/.e", "stray node_modules/@s/.pnpm",
			},
		},
		"hidden, and a tool's": {
			files: map[string]string{
				"node_modules/a/package.json":                pkg("a", "1.0.0"),
				"node_modules/.bin/index.js":                 "",
				"node_modules/.cache/package.json":           "{}",
				"node_modules/.ignored_a/package.json":       pkg("a", "2.0.0"),
				"node_modules/.modules.yaml":                 "",
				"node_modules/.package-lock.json":            "{}",
				"node_modules/.package-map.json":             "{}",
				"node_modules/.pnpm-workspace-state-v1.json": "{}",
				"node_modules/.prisma/client/index.js":       "",
				"node_modules/.vite/package.json":            "{}",
				"node_modules/.vite-temp/x.js":               "",
				"node_modules/.yarn-integrity":               "{}",
				"node_modules/.yarn-state.yml":               "",
				"node_modules/.x/notes.txt":                  "",
			},
			want: []string{"node_modules/a a 1.0.0"},
		},
		"package.json that is none": {
			files: map[string]string{
				"node_modules/a/package.json":   `{"name": "a", "version": "1.0.0"`,
				"node_modules/b/package.json":   `{"name": "b"}`,
				"node_modules/b/index.js":       ``,
				"node_modules/c/package.json":   `{"version": "1.0.0"}`,
				"node_modules/d/package.json":   `{"name": "d", "version": "1.0.0", "version": "2.0.0"}`,
				"node_modules/e/package.json":   `{"name": "e\n##vso[x]", "version": "1.0.0"}`,
				"node_modules/f/package.json":   strings.Repeat(" ", maxNote+1),
				"node_modules/g/package.json/x": ``,
				"node_modules/h/package.json":   strings.Repeat(`{"a":`, 300) + "1" + strings.Repeat("}", 300),
				"node_modules/i/package.json":   `{"Name": "evil", "name": "i", "Version": "9.0.0", "version": "1.0.0", "VERSION": "8"}`,
				"node_modules/j/package.json":   `{"name": "for another system"}`,
				"node_modules/k/package.json":   `{"name": "k", "main": "../../k.js"}`,
				"node_modules/l/package.json":   `{"name": "l", "m\u0061in": "../../k.js"}`,
			},
			want: []string{
				"node_modules/c c 1.0.0", "node_modules/d d 2.0.0", "node_modules/i i 1.0.0",
				"unread node_modules/a/package.json is not JSON", "wrong node_modules/b/package.json names no version",
				"wrong node_modules/c/package.json names no package",
				"wrong node_modules/d/package.json says twice what its version is, and not the same",
				"wrong node_modules/e/package.json has a name or version that no package has",
				"unread node_modules/f/package.json is too large to be looked at", "unread node_modules/g/package.json is not a file",
				"unread node_modules/h/package.json has more than 200 levels",
				"wrong node_modules/k/package.json names no version", "wrong node_modules/l/package.json names no version",
			},
		},
		"what can be loaded and is no package": {
			files: map[string]string{
				"node_modules/a.js":             "evil()",
				"node_modules/b.md":             "",
				"node_modules/c/index.js":       "evil()",
				"node_modules/d/.cache/x":       "",
				"node_modules/@s/e.json":        "{}",
				"node_modules/@s/e/lib/main.js": "",
			},
			want: []string{"stray node_modules/a.js", "stray node_modules/@s/e.json", "stray node_modules/c", "stray node_modules/@s/e"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := lines(Node(t.Context(), onDisk(t, tc.files).FS(), ".", tc.locations))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Node (-want +got):\n%s", diff)
			}
		})
	}
}

// Below a folder, packages are named from there on, and problems from the root on.
func TestNodeBelowAFolder(t *testing.T) {
	t.Parallel()
	root := onDisk(t, map[string]string{
		"app/node_modules/a/package.json": pkg("a", "1.0.0"),
		"app/node_modules/b/package.json": "x",
		"app/node_modules/c":              "-> ../../lib/c",
		"lib/c/package.json":              pkg("c", "1.0.0"),
		"node_modules/z/package.json":     pkg("z", "1.0.0"),
	})
	tree := Node(t.Context(), root.FS(), "app", nil)
	want := []string{"node_modules/a a 1.0.0", "link node_modules/c ../lib/c", "unread app/node_modules/b/package.json is not JSON"}
	if diff := cmp.Diff(want, lines(tree)); diff != "" || tree.Path != "app/node_modules" {
		t.Errorf("Node(app): path %s (-want +got):\n%s", tree.Path, diff)
	}
}

func TestNodeIsNotLookedAtToItsEnd(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	tree := Node(ctx, onDisk(t, map[string]string{"node_modules/a/package.json": pkg("a", "1.0.0")}).FS(), ".", nil)
	if len(tree.Problems) == 0 || !tree.Problems[0].Unread {
		t.Errorf("Node, cancelled: got problems %v, want one that says so", tree.Problems)
	}
}

func TestReadManifest(t *testing.T) {
	t.Parallel()
	m, err := readManifest([]byte(`{
		"name": "a", "version": "1.0.0", "scripts": {"name": "x", "list": [1, -2.5e3, true, null, {"a": []}]},
		"dependencies": {"both": "^1", "prod": "\u005e2", "odd": 3, "ctl": "a\u0007"},
		"optionalDependencies": {"both": "^1.1"},
		"peerDependencies": {"peer": ">=1", "may": "*", "prod": "2"},
		"peerDependenciesMeta": {"may": {"optional": true}, "peer": {"optional": false}, "x": 1},
		"devDependencies": {"dev": "1"}, "bundleDependencies": false
	}`), false)
	if err != nil {
		t.Fatal(err)
	}
	want := manifest{
		name: "a", version: "1.0.0", problem: "asks for a package by a name or version that no package has",
		requires: []lockfile.Require{
			{Name: "prod", Range: "^2", Kind: lockfile.Prod, To: -1},
			{Name: "both", Range: "^1.1", Kind: lockfile.Optional, To: -1},
			{Name: "peer", Range: ">=1", Kind: lockfile.Peer, To: -1},
		},
	}
	if diff := cmp.Diff(want, m, cmp.AllowUnexported(manifest{}, override{})); diff != "" {
		t.Errorf("readManifest (-want +got):\n%s", diff)
	}
	for _, text := range []string{"", "[]", "{", `{"a"}`, `{"a":1,}`, `{} x`, `{"a":01}`, `{"a":tru}`, `{"a":"` + "\n" + `"}`, `{"a":"\x"}`, `{"a":"`, `{"a":}`, `{a:1}`} {
		if _, err := readManifest([]byte(text), false); err == nil && text != `{"a":"\x"}` {
			t.Errorf("readManifest(%q): no error", text)
		}
	}
}

func FuzzReadManifest(f *testing.F) {
	f.Add([]byte(pkg("a", "1.0.0")), false)
	f.Add([]byte(`{"overrides":{"a":{".":"1","b@1":"2"}},"bundleDependencies":["a"],"peerDependenciesMeta":{"a":{"optional":true}}}`), true)
	f.Fuzz(func(t *testing.T, data []byte, project bool) {
		m, err := readManifest(data, project)
		if err != nil {
			return
		}
		for _, r := range append(m.requires, lockfile.Require{Name: m.name, Range: m.version}) {
			if !plain(r.Name) || !plain(r.Range) {
				t.Errorf("readManifest(%q) lets %+v through", data, r)
			}
		}
	})
}

func TestOverrides(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		files map[string]string
		want  map[string]string
	}{
		"no manifest": {want: nil},
		"npm": {
			files: map[string]string{"package.json": `{"dependencies": {"d": "^1"}, "overrides": {"a": "1.0.0", "@s/b": "$d",
				"c@^1": "2", "p": {".": "1.0.0", "q": "2"}, "d": "$d"}}`},
			want: map[string]string{"a": "1.0.0", "@s/b": "^1", "c": "", "p": "1.0.0", "q": "", "p>q": "2", "d": "^1"},
		},
		"npm, within packages": {
			files: map[string]string{"package.json": `{"dependencies": {"d": "^1"}, "overrides": {
				"@s/p@^1": {".": "1.1.0", "q": "$d", "r@1": "2", "s": {".": "1", "t": "3"}}, "u": {"q": "4"}}}`},
			want: map[string]string{"@s/p": "", "q": "", "r": "", "s": "", "t": "", "@s/p@^1>q": "^1", "u>q": "4"},
		},
		"npm, twice within one package": {
			files: map[string]string{"package.json": `{"overrides": {"p": {"q": "1"}, "p": {"q": "2"}}}`},
			want:  map[string]string{"q": "", "p>q": ""},
		},
		"others have nothing within packages": {
			files: map[string]string{"package.json": `{"resolutions": {"p": {"q": "1"}}, "pnpm": {"overrides": {"p": {"r": "1"}}}}`},
			want:  map[string]string{"q": "", "r": ""},
		},
		"Yarn": {
			files: map[string]string{"package.json": `{"resolutions": {"a": "1.0.0", "**/b": "2", "x/@s/c": "3", "d@npm:^1": "4"}}`},
			want:  map[string]string{"a": "1.0.0", "b": "2", "@s/c": "", "d": ""},
		},
		"pnpm": {
			files: map[string]string{
				"package.json":        `{"pnpm": {"overrides": {"a": "1.0.0", "x>b": "2", "c@>=1": "-"}}}`,
				"pnpm-workspace.yaml": "packages:\n  - a\n\noverrides:\n  # why\n  d: ^1.0.0\n  'x@1>@s/e': 2\r\n\ncatalog:\n  f: 1\n",
			},
			want: map[string]string{"a": "1.0.0", "b": "", "c": "", "d": "", "@s/e": ""},
		},
		"two say something": {
			files: map[string]string{"package.json": `{"overrides": {"a": "1.0.0"}, "resolutions": {"a": "2.0.0"}}`},
			want:  map[string]string{"a": ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Overrides(onDisk(t, tc.files).FS(), ".")
			if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
				t.Errorf("Overrides: %v (-want +got):\n%s", err, diff)
			}
		})
	}
	if _, err := Overrides(onDisk(t, map[string]string{"app/package.json": "{"}).FS(), "app"); err == nil {
		t.Errorf("Overrides of a package.json that is not JSON: no error")
	}
}
