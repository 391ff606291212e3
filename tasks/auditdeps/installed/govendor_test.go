package installed

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
)

func TestGoVendorReadsWhatGoVendored(t *testing.T) {
	t.Parallel()
	p := newGoProject(t)
	got := GoVendor(context.Background(), os.DirFS(p.dir), "app", os.DirFS(p.cache))
	want := Tree{Kind: GoVendored, Path: "app/vendor", Ecosystem: "Go", Packages: []Package{
		{Name: "example.test/Upper", Version: "v1.2.0", Path: "app/vendor/example.test/Upper"},
		{Name: "example.test/lower", Version: "v0.1.0", Path: "app/vendor/example.test/lower"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("GoVendor of what go vendored (-want +got):\n%s", diff)
	}
}

func TestGoVendorSeesChanges(t *testing.T) {
	t.Parallel()
	p := newGoProject(t)
	for _, change := range []struct{ name, file, data, path, want string }{
		{"a changed file", "example.test/lower/deep/deep.go", "package deep\n\nvar Value = 666\n",
			"app/vendor/example.test/lower/deep/deep.go", "not as example.test/lower v0.1.0 has it"},
		{"a new file", "example.test/lower/deep/init.go", "package deep\n\nfunc init() {}\n",
			"app/vendor/example.test/lower/deep/init.go", "has no such file"},
		{"a new package", "example.test/evil/evil.go", "package evil\n", "app/vendor/example.test/evil/evil.go", "does not list"},
	} {
		file := filepath.Join(p.dir, "vendor", filepath.FromSlash(change.file))
		write(t, file, change.data)
		if out, err := p.run("off", "build", "-mod=vendor", "-o", filepath.Join(t.TempDir(), "project"), "."); err != nil {
			t.Errorf("go build with %s: %v\n%s\nwant that it passes", change.name, err, out)
		}
		got := GoVendor(context.Background(), os.DirFS(p.dir), "app", os.DirFS(p.cache)).Problems
		if !slices.ContainsFunc(got, func(p Problem) bool {
			return p.Path == change.path && strings.Contains(p.Text, change.want) && !p.Unread
		}) {
			t.Errorf("GoVendor with %s: got %v, want %s: ...%s", change.name, got, change.path, change.want)
		}
	}
	if got := GoVendor(context.Background(), os.DirFS(p.dir), "app", nil).Problems; len(got) != 1 {
		t.Errorf("GoVendor without a module cache: got %v, want the one package that modules.txt does not list", got)
	}
}

func TestGoVendorReadsModulesTxt(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text string
		want []Package
		bad  string
	}{
		"none": {},
		"replaced": {"## workspace\n# example.test/a v1.0.0 => example.test/b v1.1.0\n## explicit; go 1.20\nexample.test/a\n",
			[]Package{{Name: "example.test/b", Version: "v1.1.0", Key: "example.test/a", Path: "vendor/example.test/a"}}, ""},
		"a folder": {"# example.test/a v1.0.0 => ../a\nexample.test/a\n",
			[]Package{{Name: "example.test/a", Version: "v1.0.0", Path: "vendor/example.test/a", Source: lockfile.Folder}}, ""},
		"a replacement that is not needed": {"# example.test/a => ../a\n", nil, ""},
		"a package that is not there":      {"# example.test/a v1.0.0\nexample.test/a\nexample.test/a/b\n", []Package{{Name: "example.test/a", Version: "v1.0.0", Path: "vendor/example.test/a"}}, "not there"},
		"no version":                       {"# example.test/a\n", nil, "line 1 names no module"},
		"another version":                  {"# example.test/a 1.0\n", nil, "line 1 names no module"},
		"a path that leads out":            {"# ../../a v1.0.0\n", nil, "line 1 names no module"},
		"a package that leads out":         {"# example.test/a v1.0.0\n../../etc\n", []Package{{Name: "example.test/a", Version: "v1.0.0", Path: "vendor/example.test/a"}}, "line 2 names no package"},
		"a package of nobody":              {"example.test/a\n", nil, "line 1 names no package"},
	} {
		tree := fstest.MapFS{"vendor/example.test/a/README": {}}
		if tc.text != "" {
			tree["vendor/modules.txt"] = &fstest.MapFile{Data: []byte(tc.text)}
		}
		got := GoVendor(context.Background(), tree, "", nil)
		if diff := cmp.Diff(tc.want, got.Packages); diff != "" {
			t.Errorf("GoVendor, %s (-want +got):\n%s", name, diff)
		}
		if bad := len(got.Problems) > 0; bad != (tc.bad != "") || bad && !strings.Contains(got.Problems[0].Text, tc.bad) {
			t.Errorf("GoVendor, %s: got %v, want %q", name, got.Problems, tc.bad)
		}
	}
}

func FuzzGoVendor(f *testing.F) {
	f.Add([]byte("# example.test/a v1.0.0 => example.test/b v1.1.0\n## explicit; go 1.20\nexample.test/a\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		tree := fstest.MapFS{"vendor/modules.txt": {Data: data}}
		GoVendor(context.Background(), opened{tree, t}, "", tree)
	})
}
