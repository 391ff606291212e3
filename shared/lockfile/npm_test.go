package lockfile

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

// Hashes of nothing, in every algorithm that npm has used and that counts here.
const (
	sha1None   = "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk="
	sha512None = "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg=="
)

// npmLockOf is a package-lock.json of version 3 with these entries below the root.
func npmLockOf(entries string) string {
	return `{"lockfileVersion": 3, "packages": {"": {"name": "x"}, ` + entries + `}}`
}

func TestNPM(t *testing.T) {
	t.Parallel()
	const url = `https://registry.npmjs.org/a/-/a-1.0.0.tgz`
	a := func(integrity ...string) Lock {
		return Lock{Format: NPM, Packages: []Package{{Name: "a", Version: "1.0.0", Integrity: integrity, URL: url}}}
	}
	entry := func(format string, args ...any) string {
		return npmLockOf(`"node_modules/a": {"version": "1.0.0", "resolved": "` + url + `", ` + fmt.Sprintf(format, args...) + `}`)
	}
	for name, tc := range map[string]struct {
		text string
		want Lock
		err  string // a part of it
	}{
		"sha512":            {text: entry(`"integrity": %q`, sha512None), want: a(sha512None)},
		"sha1 of old times": {text: entry(`"integrity": %q`, sha1None), want: a(sha1None)},
		"several":           {text: entry(`"integrity": "%s\n %s?opt"`, sha512None, sha1None), want: a(sha1None, sha512None)},
		"weak one beside":   {text: entry(`"integrity": "md5-1B2M2Y8AsgTpgAmY7PhCfg== %s"`, sha512None), want: a(sha512None)},
		"none":              {text: entry(`"x": 1`), want: Lock{Format: NPM, Unproven: []string{"a@1.0.0"}}},
		"md5 only": {text: entry(`"integrity": "md5-1B2M2Y8AsgTpgAmY7PhCfg=="`),
			want: Lock{Format: NPM, Unproven: []string{"a@1.0.0"}}},
		"too short":           {text: entry(`"integrity": "sha512-2jmj7l5rSw0yVb/vlWAYkK/YBwk="`), want: Lock{Format: NPM, Unproven: []string{"a@1.0.0"}}},
		"in another spelling": {text: entry(`"Integrity": %q, "INTEGRITY": %q`, sha512None, sha512None), want: Lock{Format: NPM, Unproven: []string{"a@1.0.0"}}},
		"not downloaded": {
			text: npmLockOf(`"node_modules/w": {"resolved": "packages/w", "link": true}, "packages/w": {"version": "1.0.0"},
				"node_modules/a/node_modules/b": {"version": "1.0.0", "inBundle": true},
				"node_modules/f": {"version": "1.0.0", "resolved": "file:f.tgz", "integrity": "` + sha512None + `"}`),
			want: Lock{Format: NPM},
		},
		"from git": {
			text: npmLockOf(`"node_modules/g": {"version": "1.0.0", "resolved": "git+ssh://git@github.com/o/g.git#abc"}`),
			want: Lock{Format: NPM, Notes: []string{"g: npm takes them from git at every install"}},
		},
		"from git with a hash": {
			text: npmLockOf(`"node_modules/g": {"version": "1.0.0", "resolved": "git+ssh://git@github.com/o/g.git#abc", "integrity": "` + sha512None + `"}`),
			want: Lock{Format: NPM, Packages: []Package{
				{Name: "g", Version: "1.0.0", Integrity: []string{sha512None}, URL: "git+ssh://github.com/o/g.git#abc"}}},
		},
		"unknown address": {
			text: npmLockOf(`"node_modules/g": {"version": "1.0.0", "resolved": "ipfs:abc"}`),
			want: Lock{Format: NPM, Unproven: []string{"g@1.0.0"}},
		},
		"archive of a web server": {
			text: npmLockOf(`"node_modules/g": {"version": "1.0.0", "resolved": "http://u:p@example.com/g.tgz", "integrity": "` + sha512None + `"}`),
			want: Lock{Format: NPM, Packages: []Package{
				{Name: "g", Version: "1.0.0", Integrity: []string{sha512None}, URL: "http://example.com/g.tgz"}}},
		},
		"no address": {
			text: npmLockOf(`"node_modules/@s/a": {"version": "1.0.0", "integrity": "` + sha512None + `"}`),
			want: Lock{Format: NPM, Packages: []Package{{Name: "@s/a", Version: "1.0.0", Integrity: []string{sha512None}}},
				Notes: []string{"@s/a: no address in the lock file, so npm also asks the registry; " +
					"set omit-lockfile-registry-resolved=false and renew it"}},
		},
		"damaged": {
			text: npmLockOf(`"node_modules/a": {"optional": true}`),
			want: Lock{Format: NPM, Notes: []string{"a: npm leaves out what has neither address nor version"}},
		},
		"nested, aliased, twice": {
			text: npmLockOf(`"node_modules/b/node_modules/@s/c": {"version": "2.0.0", "name": "@real/c", "resolved": "` + url + `", "integrity": "` + sha1None + `"},
				"node_modules/d": {"version": "2.0.0", "name": "@real/c", "resolved": "` + url + `", "integrity": "` + sha512None + `"}`),
			want: Lock{Format: NPM, Packages: []Package{
				{Name: "@real/c", Version: "2.0.0", Integrity: []string{sha1None, sha512None}, URL: url}}},
		},
		"version 2 with a gap for npm 6": {
			text: `{"lockfileVersion": 2, "packages": {"": {}}, "dependencies": {"a": {"version": "1.0.0", "resolved": "` + url + `"}}}`,
			want: Lock{Format: NPM, Unproven: []string{"a@1.0.0"}},
		},
		"version 1": {
			text: `{"lockfileVersion": 1, "dependencies": {
				"a": {"version": "npm:b@1.0.0", "resolved": "` + url + `", "integrity": "` + sha512None + `", "dependencies": {
					"c": {"version": "2.0.0", "resolved": "` + url + `"}, "d": {"version": "1.0.0", "bundled": true}}},
				"g": {"version": "github:o/g#abc", "from": "github:o/g"}, "f": {"version": "file:../f"}}}`,
			want: Lock{Format: NPM, Unproven: []string{"c@2.0.0"},
				Packages: []Package{{Name: "b", Version: "1.0.0", Integrity: []string{sha512None}, URL: url}},
				Notes: []string{"g: npm takes them from git at every install",
					"it was made by npm 6 or older: npm 7 and later ask the registry about every package, " +
						"so run npm install --package-lock-only to renew it"}},
		},
		"byte order mark":      {text: utf8BOM + npmLockOf(`"x": {}`), want: Lock{Format: NPM}},
		"not JSON":             {text: `{"lockfileVersion": 3, "packages": {}} x`, err: "it is not JSON: wrong at byte 40"},
		"empty":                {text: ``, err: "it is not JSON: wrong at byte 0"},
		"a list":               {text: `[]`, err: "it is not an object"},
		"no version":           {text: `{"packages": {}}`, err: `lockfileVersion "" is not 1, 2 or 3`},
		"a later version":      {text: `{"lockfileVersion": 4, "packages": {}}`, err: `lockfileVersion "4" is not 1, 2 or 3`},
		"no packages":          {text: `{"lockfileVersion": 3, "Packages": {}}`, err: "it has no packages"},
		"packages is a list":   {text: `{"lockfileVersion": 3, "packages": []}`, err: `"packages" in "package-lock.json" is not an object`},
		"entry is a string":    {text: npmLockOf(`"node_modules/a": "1.0.0"`), err: `"node_modules/a" in "packages" is not an object`},
		"version is an object": {text: npmLockOf(`"node_modules/a": {"version": {}}`), err: `"version" in "node_modules/a" is not a string`},
		"link is a string":     {text: npmLockOf(`"node_modules/a": {"link": "yes"}`), err: `"link" in "node_modules/a" is not true or false`},
		"a key twice":          {text: entry(`"integrity": %q, "integrity": "x"`, sha512None), err: `the key "integrity" is there twice`},
		"a package twice":      {text: npmLockOf(`"node_modules/a": {}, "node_modules/a": {}`), err: `the key "node_modules/a" is there twice`},
		"control characters": {text: npmLockOf(`"node_modules/a\u001b[2J": {"version": "1", "integrity": "` + sha512None + `"}`),
			err: `"a\x1b[2J" has characters that no name`},
		"NUL":           {text: npmLockOf(`"node_modules/a": {"version": "1\u0000", "resolved": "https://x"}`), err: `"a@1\x00" has characters`},
		"right to left": {text: npmLockOf(`"node_modules/a": {"version": "1\u202e", "resolved": "https://x"}`), err: `has characters`},
		"long name":     {text: npmLockOf(`"node_modules/` + strings.Repeat("a", maxText+1) + `": {"version": "1", "integrity": "` + sha512None + `"}`), err: "has 8206 bytes"},
		"deep":          {text: `{"lockfileVersion": 1, "x": ` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`, err: "nests deeper than 100 levels"},
		"very deep":     {text: strings.Repeat(`{"a":`, 1<<20), err: "nests deeper than 100 levels"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lock, err := Read(mapTree("package-lock.json", tc.text), "package-lock.json")
			lock.Path, lock.SHA256 = "", ""
			checkParse(t, lock, tc.want, err, tc.err)
		})
	}
}

func TestReadRefusesOtherFiles(t *testing.T) {
	t.Parallel()
	tree := mapTree("package.json", "{}", "package-lock.json", strings.Repeat(" ", maxSize+1))
	for name, part := range map[string]string{
		"package.json":      "no lock file of a kind that is known here",
		"package-lock.json": "larger than 64 MiB",
	} {
		lock, err := Read(tree, name)
		checkParse(t, lock, Lock{}, err, part)
	}
	if _, err := Read(tree, "yarn.lock"); err == nil || !strings.Contains(err.Error(), "reading yarn.lock: ") {
		t.Errorf("Read of a file that is not there: %v", err)
	}
	if Known("a/package.json") || !Known("a/b/yarn.lock") {
		t.Error("Known is wrong about package.json or yarn.lock")
	}
}

// growing is a tree with files that are larger than they say.
type growing struct{ fs.FS }

type growingFile struct{ fs.File }

type growingInfo struct{ fs.FileInfo }

func (g growing) Open(name string) (fs.File, error) {
	f, err := g.FS.Open(name)
	return growingFile{f}, err
}

func (g growingFile) Stat() (fs.FileInfo, error) {
	info, err := g.File.Stat()
	return growingInfo{info}, err
}

func (growingInfo) Size() int64 { return 0 }

func TestReadEndsInFilesThatGrow(t *testing.T) {
	t.Parallel()
	tree := growing{mapTree("package-lock.json", strings.Repeat(" ", maxSize+1))}
	if _, err := Read(tree, "package-lock.json"); err == nil || !strings.Contains(err.Error(), "larger than 64 MiB") {
		t.Errorf("Read of a file that says it is empty: got %v, want that it is larger than 64 MiB", err)
	}
}

// bigNPM is a package-lock.json of about 2 MB, the size that 5,000 packages have.
func bigNPM(b *testing.B) []byte {
	b.Helper()
	packages := map[string]any{"": map[string]any{"name": "x"}}
	for i := range 5000 {
		packages[fmt.Sprintf("node_modules/package-%d", i)] = map[string]any{
			"version": "1.0.0", "resolved": fmt.Sprintf("https://registry.npmjs.org/package-%d/-/package-%[1]d-1.0.0.tgz", i),
			"integrity": sha512None, "license": "MIT", "engines": map[string]string{"node": ">=10"},
			"dependencies": map[string]string{"a": "^1.0.0", "b": "^2.0.0", "c": "~3.1.0"},
		}
	}
	data, err := json.MarshalIndent(map[string]any{"lockfileVersion": 3, "packages": packages}, "", "  ")
	if err != nil {
		b.Fatal(err)
	}
	return data
}

func BenchmarkNPM(b *testing.B) {
	data := bigNPM(b)
	tree := mapTree("package-lock.json", string(data))
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if lock, err := Read(tree, "package-lock.json"); err != nil || len(lock.Packages) != 5000 {
			b.Fatal(len(lock.Packages), err)
		}
	}
}
