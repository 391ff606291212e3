package safecache

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/tasks/safecache/entry"
)

// What a folder or an entry may hold: the strict rule for what is saved and
// restored, the lenient one for what is replaced.
func TestRules(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		dir             bool
		strict, lenient string // what each names, "" if it allows it
	}{
		"x/node_modules/left-pad/index.js": {strict: "x/node_modules"},
		"a/Node_Modules":                   {dir: true, strict: "a/Node_Modules"},
		"lib/python3/site-packages/x.py":   {strict: "lib/python3/site-packages"},
		"_npx/1f/package.json":             {strict: "_npx"},
		"_npx/1f/node_modules/x":           {strict: "_npx"},
		"x/.git/hooks/pre-commit":          {strict: "x/.git/hooks/pre-commit", lenient: "x/.git/hooks/pre-commit"},
		"x/pyvenv.cfg":                     {strict: "x/pyvenv.cfg", lenient: "x/pyvenv.cfg"},

		"node_modules":      {},          // a file of that name
		"y/pyvenv.cfg":      {dir: true}, // a folder
		"site-packages.zip": {}, "my-node_modules/x": {}, "node_modules-1.2.tgz": {}, "x/_npx.json": {},
		"_cacache/content-v2/sha512/00/1f/2e":           {},
		"cache/download/github.com/a/node_modules@v1.z": {},
		// Yarn 1 keeps each download unpacked; so do NuGet and, outside of cache/, Go.
		"v6/npm-left-pad-1.3.0-5b8a3a7765dfe001261dde915589e782f8c94d1e-integrity/node_modules/left-pad/index.js": {},
		"npm-left-pad-1.3.0-5b8a-integrity/node_modules/left-pad/index.js":                                        {},
		"python/3.12.0/tools/Lib/site-packages/pip/a.py":                                                          {},
		"github.com/anchore/syft@v1/test/fixtures/node_modules/x/package.json":                                    {},
		"github.com/a/b/node_modules/.package-lock.json": {
			strict: "github.com/a/b/node_modules/.package-lock.json", lenient: "github.com/a/b/node_modules/.package-lock.json",
		},
		"newtonsoft.json/13.0.3/lib/net6.0/n.dll":        {},
		"org/apache/maven/x/1.0/x-1.0.jar":               {},
		"http-v2/a/b/c/d/e/abcdef.body":                  {},
		"wheels/0a/1b/2c/requests-2.0-py3-none-any.whl":  {},
		"index.crates.io-6f17d22bba15001f/serde-1.crate": {},
	} {
		for kind, tc := range map[string]struct {
			rule rule
			want string
		}{"strict": {strict, want.strict}, "lenient": {lenient, want.lenient}} {
			err := tc.rule(name, want.dir)
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), `"`+tc.want+`"`) {
				t.Errorf("%s(%q, %v) = %v, want an error with %q", kind, name, want.dir, err, tc.want)
			}
		}
	}
}

func TestInstallationInside(t *testing.T) {
	t.Parallel()
	for file, named := range map[string]string{
		"_npx/1/package.json": `"_npx"`, "b/node_modules/x": `"b/node_modules"`, "lib/site-packages/a.py": `"lib/site-packages"`,
	} {
		j := newJob(t)
		// What is there is replaced, so it may be anything but a repository.
		j.write("work/1/.npm/_cacache/"+file, "x")
		j.expect("main", "Succeeded", "variable=hit;]miss")
		j.write(cached, "hello")
		j.expect("post", "Failed", "path holds "+named+", which is a part of an installation", "!Saved 1 file")
		if found, err := filepath.Glob(j.path("store/v1/*/*")); err != nil || len(found) != 0 {
			t.Errorf("with %s the store holds %v, %v, want nothing", file, found, err)
		}
	}
}

// An entry that another program or an older rule has saved, in due form.
func TestEntryWithAnInstallation(t *testing.T) {
	t.Parallel()
	for file, named := range map[string]string{
		"node_modules/x/index.js": `"node_modules"`, "x/.git/hooks/post-checkout": `"x/.git/hooks/post-checkout"`,
		"a/site-packages/": `"a/site-packages"`, "_npx/1/x": `"_npx"`,
	} {
		j := newJob(t).saved("hello").again()
		forge(j, file)
		j.expect("main", "Succeeded", "type=warning", "nothing of it was restored: no SafeCache saves such an entry: path holds "+named,
			"How to fix: find out who writes to the store", "variable=hit;]rejected",
			"variable=RESTORED;]false", "!Cache restored")
		if left, err := filepath.Glob(j.path("work/1/.npm/*")); err != nil || len(left) != 0 {
			t.Errorf("with %s the refused entry left %v, %v", file, left, err)
		}
	}
}

// forge replaces the store's entry by one of the same key that holds file; a name
// that ends in a slash is a folder.
func forge(j *job, file string) {
	j.t.Helper()
	m := j.stored().Manifest
	j.must(os.RemoveAll(j.path("store")))
	folder := j.t.TempDir()
	j.must(os.MkdirAll(filepath.Join(folder, filepath.Dir(file)), 0o755))
	j.must(os.WriteFile(filepath.Join(folder, "fine"), nil, 0o600))
	if !strings.HasSuffix(file, "/") {
		j.must(os.WriteFile(filepath.Join(folder, file), nil, 0o600))
	}
	_, err := j.repository().Save(j.t.Context(), folder, entry.Draft{Segments: m.Segments, Scope: m.Scope, Expires: m.Expires})
	j.must(err)
}
