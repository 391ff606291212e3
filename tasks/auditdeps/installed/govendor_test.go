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
	"github.com/guardrails-ci/guardrails/shared/pkgziptest"
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
		{"changed data", "example.test/lower/deep/data/x.txt", "evil",
			"app/vendor/example.test/lower/deep/data/x.txt", "not as example.test/lower v0.1.0 has it"},
		{"a changed license", "example.test/Upper/LICENSE", "not free\n",
			"app/vendor/example.test/Upper/LICENSE", "not as example.test/Upper v1.2.0 has it"},
		{"more data", "example.test/lower/deep/data/y.txt", "evil",
			"app/vendor/example.test/lower/deep/data/y.txt", "has no such file"},
		{"an unlisted package of a module", "example.test/lower/more/more.go", "package more\n",
			"app/vendor/example.test/lower/more/more.go", "does not list"},
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
}

// Where one of the two is that the module cache has of a module, the folder or the zip, that
// is what is compared; where there is neither, that is told, once.
func TestGoVendorSaysWhatItCannotCompare(t *testing.T) {
	t.Parallel()
	p := newGoProject(t)
	nothing := Problem{"app/vendor", "the files of 2 of 2 packages in it can be compared with nothing " +
		"(example.test/Upper v1.2.0, example.test/lower v0.1.0): the module cache does not have it. " +
		"Run go mod download before, or leave installed out of checks", true}
	one := nothing
	one.Text = strings.NewReplacer("2 of 2", "1 of 2", "example.test/Upper v1.2.0, ", "").Replace(nothing.Text)
	changed := Problem{Path: "app/vendor/example.test/lower/deep/deep.go", Text: "the file is not as example.test/lower v0.1.0 has it"}
	bad := Problem{"app/vendor/example.test/lower", "it cannot be compared with the zip in the module cache, which has two files of one name", true}
	for _, step := range []struct {
		name, remove, write, data string
		want                      []Problem
	}{
		{name: "as it is"},
		{"no folder", "example.test/lower@v0.1.0", "", "", nil},
		{"a changed file, no folder", "", "deep/deep.go", "package deep\n\nvar Value = 666\n", []Problem{changed}},
		{"a zip with a file twice", "", "zip", string(pkgziptest.Zip(t, "a", "1", "a", "2")), []Problem{bad, one}},
		{"neither folder nor zip", "cache/download/example.test/lower", "", "", []Problem{one}},
		{"the zip of one", "example.test", "", "", []Problem{one}},
	} {
		if step.remove != "" {
			if err := os.RemoveAll(filepath.Join(p.cache, filepath.FromSlash(step.remove))); err != nil {
				t.Fatal(err)
			}
		}
		switch step.write {
		case "":
		case "zip":
			write(t, filepath.Join(p.cache, "cache/download/example.test/lower/@v/v0.1.0.zip"), step.data)
		default:
			write(t, filepath.Join(p.dir, "vendor/example.test/lower", filepath.FromSlash(step.write)), step.data)
		}
		got := GoVendor(context.Background(), os.DirFS(p.dir), "app", os.DirFS(p.cache)).Problems
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("GoVendor, %s (-want +got):\n%s", step.name, diff)
		}
	}
	got := GoVendor(context.Background(), os.DirFS(p.dir), "app", nil).Problems
	if diff := cmp.Diff([]Problem{nothing}, got); diff != "" {
		t.Errorf("GoVendor without a module cache (-want +got):\n%s", diff)
	}
}

// What is vendored from a folder of the project must be as it is there.
func TestGoVendorComparesFoldersOfTheProject(t *testing.T) {
	t.Parallel()
	tree := fstest.MapFS{
		"vendor/modules.txt":         {Data: []byte("# example.test/a v1.0.0 => ./a\nexample.test/a\n# example.test/b v1.0.0 => ../b\nexample.test/b\n")},
		"vendor/example.test/a/a.go": {Data: []byte("package a\n")}, "a/a.go": {Data: []byte("package a\n")},
		"vendor/example.test/b/b.go": {Data: []byte("package b\n")},
	}
	if got := GoVendor(context.Background(), tree, "", nil).Problems; len(got) != 0 {
		t.Errorf("GoVendor of a folder: got %v, want nothing", got)
	}
	tree["a/a.go"] = &fstest.MapFile{Data: []byte("package other\n")}
	if got := GoVendor(context.Background(), tree, "", nil).Problems; len(got) != 1 || got[0].Unread ||
		got[0].Path != "vendor/example.test/a/a.go" {
		t.Errorf("GoVendor of a folder that is different: got %v, want a.go", got)
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
		got := GoVendor(context.Background(), tree, "", fstest.MapFS{"example.test/b@v1.1.0/README": {}})
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
