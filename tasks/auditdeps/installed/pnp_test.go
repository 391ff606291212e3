package installed

import (
	"archive/zip"
	"bytes"
	"crypto/sha512"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func zipped(t *testing.T, files ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i+1 < len(files); i += 2 {
		f, err := w.Create(files[i])
		if err == nil {
			_, err = f.Write([]byte(files[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// pnpJSON are the data for packages "name reference location".
func pnpJSON(packages ...string) string {
	all := []string{`[null, [[null, {"packageLocation": "./", "packageDependencies": [], "linkType": "SOFT"}]]]`}
	for _, p := range packages {
		f := strings.Fields(p)
		all = append(all, fmt.Sprintf(`["%s", [["%s", {"packageLocation": "%s", "packageDependencies": [["%s", "x"], ["peer", null]]}]]]`,
			f[0], f[1], f[2], f[0]))
	}
	return `{"__info": ["it's\\"], "packageRegistryData": [` + strings.Join(all, ",\n") + `]}`
}

// pnpJS has the data as Yarn writes them into the code.
func pnpJS(data string) string {
	return "#!/usr/bin/env node\nconst RAW_RUNTIME_STATE =\n'" +
		strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", "\\\n").Replace(data) + "';\nfunction x() { return 'y' }\n"
}

func TestPlugAndPlay(t *testing.T) {
	t.Parallel()
	inA := "node_modules/a/package.json"
	good := zipped(t, inA, pkg("a", "1.0.0"))
	a := "a npm:1.0.0 ./.yarn/cache/a-npm-1.0.0-x.zip/node_modules/a/"
	const at = ".yarn/cache/a-npm-1.0.0-x.zip"
	for name, tc := range map[string]struct {
		packages []string
		files    map[string]string
		want     []string
	}{
		"in a zip file, virtual and not": {
			packages: []string{a, "a virtual:y#npm:1.0.0 ./.yarn/__virtual__/a-virtual-y/0/cache/a-npm-1.0.0-x.zip/node_modules/a/"},
			files:    map[string]string{at: good},
			want:     []string{at + "/node_modules/a a 1.0.0"},
		},
		"unplugged": {
			packages: []string{"a npm:1.0.0 ./.yarn/unplugged/a/node_modules/a/"},
			files:    map[string]string{".yarn/unplugged/a/node_modules/a/package.json": pkg("a", "1.0.0")},
			want:     []string{".yarn/unplugged/a/node_modules/a a 1.0.0"},
		},
		"for another system": {packages: []string{a}},
		"workspaces": {
			packages: []string{"w workspace:w ./w/"},
			files:    map[string]string{"w/package.json": pkg("w", "1.0.0"), "w/node_modules/x/package.json": pkg("x", "1.0.0")},
			want:     []string{"w/node_modules/x x 1.0.0", "project w"},
		},
		"elsewhere": {
			packages: []string{"a npm:1.0.0 ../../root/.yarn/berry/cache/a.zip/node_modules/a/", "b npm:1 /b.zip/node_modules/b/"},
			want: []string{"unread .pnp.cjs loads 2 packages from a folder that is not of the project: " +
				"set enableGlobalCache to false, so that they can be looked into"},
		},
		"no zip file":        {packages: []string{a}, files: map[string]string{at: "x"}, want: []string{"unread " + at + " cannot be looked into: it is not a zip file"}},
		"without package":    {packages: []string{a}, files: map[string]string{at: zipped(t)}, want: []string{"unread " + at + " has 0 times the package.json of its package"}},
		"with two":           {packages: []string{a}, files: map[string]string{at: zipped(t, inA, "{}", inA, "{}")}, want: []string{"unread " + at + " has 2 times the package.json of its package"}},
		"without version":    {packages: []string{a}, files: map[string]string{at: zipped(t, inA, `{"name": "a"}`)}, want: []string{"wrong " + at + " has a package.json without name or version"}},
		"broken package":     {packages: []string{a}, files: map[string]string{at: zipped(t, inA, `{`)}, want: []string{"unread " + at + " has a package.json that is not JSON"}},
		"package.json, huge": {packages: []string{a}, files: map[string]string{at: zipped(t, inA, strings.Repeat(" ", maxNote+1))}, want: []string{"unread " + at + " is too large to be looked at"}},
		"a folder without": {
			packages: []string{"a npm:1.0.0 ./vendor/a/"}, files: map[string]string{"vendor/a/index.js": ""},
			want: []string{"wrong vendor/a is loaded as a package, and has no package.json"},
		},
	} {
		for form, file := range map[string]map[string]string{
			"code": {pnpCode: pnpJS(pnpJSON(tc.packages...))},
			"data": {pnpCode: "", pnpData: pnpJSON(tc.packages...)},
		} {
			t.Run(name+", "+form, func(t *testing.T) {
				t.Parallel()
				m := fstest.MapFS{}
				for _, files := range []map[string]string{tc.files, file} {
					for name, text := range files {
						m[name] = &fstest.MapFile{Data: []byte(text)}
					}
				}
				tree := Node(t.Context(), m, ".", nil)
				if diff := cmp.Diff(tc.want, lines(tree)); diff != "" || tree.Kind != PlugAndPlay {
					t.Errorf("Node: %q (-want +got):\n%s", tree.Kind, diff)
				}
			})
		}
	}
}

func TestPlugAndPlayHasTheHashOfYarn(t *testing.T) {
	t.Parallel()
	archive := zipped(t, "node_modules/a/package.json", pkg("a", "1.0.0"))
	root := onDisk(t, map[string]string{"a.zip": archive, pnpCode: pnpJS(pnpJSON("a npm:1.0.0 ./a.zip/node_modules/a/"))})
	tree := Node(t.Context(), root.FS(), ".", nil)
	want := fmt.Sprintf("%x", sha512.Sum512([]byte(archive)))
	if len(tree.Packages) != 1 || tree.Packages[0].Integrity != want || tree.Packages[0].Key != "a@npm:1.0.0" {
		t.Errorf("Node: got %+v, want a@npm:1.0.0 with the hash %s", tree.Packages, want)
	}
}

func TestPlugAndPlayThatIsNotUnderstood(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"", "const RAW_RUNTIME_STATE = x", "RAW_RUNTIME_STATE = '{'", "RAW_RUNTIME_STATE = '[]'"} {
		tree := Node(t.Context(), fstest.MapFS{pnpCode: {Data: []byte(code)}}, ".", nil)
		if len(tree.Problems) != 1 || !tree.Problems[0].Unread {
			t.Errorf("Node with %s %q: got problems %v, want one that says that it cannot be read", pnpCode, code, tree.Problems)
		}
	}
}

func FuzzPlugAndPlay(f *testing.F) {
	f.Add(pnpJS(pnpJSON("a npm:1.0.0 ./vendor/a/", "b virtual:x ./.yarn/__virtual__/b/1/x.zip/node_modules/b/")))
	f.Fuzz(func(t *testing.T, code string) {
		tree := Node(t.Context(), fstest.MapFS{pnpCode: {Data: []byte(code)}, "x/package.json": {Data: []byte("{}")}}, ".", nil)
		if tree.Kind != PlugAndPlay {
			t.Errorf("Node with %s %q: got %+v, want a tree", pnpCode, code, tree)
		}
	})
}
