package installed

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/module"
	modzip "golang.org/x/mod/zip"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/shared/pkgziptest"
)

// goProject is a project that the real go command prepared from a proxy of two modules
// in a folder: its go.sum, its module cache, and its vendor folder.
type goProject struct {
	dir, cache string
	modules    []lockfile.Entry
}

func newGoProject(t testing.TB) *goProject {
	t.Helper()
	p := &goProject{dir: t.TempDir(), cache: t.TempDir()}
	proxy := t.TempDir()
	publish(t, proxy, "example.test/Upper", "v1.2.0", map[string]string{
		"go.mod":   "module example.test/Upper\n\ngo 1.20\n",
		"upper.go": "package upper\n\nimport \"example.test/lower/deep\"\n\nvar Value = deep.Value\n", "LICENSE": "free\n",
	}, "require example.test/lower v0.1.0\n")
	publish(t, proxy, "example.test/lower", "v0.1.0", map[string]string{
		"go.mod": "module example.test/lower\n\ngo 1.20\n", "deep/deep.go": "package deep\n\nimport _ \"embed\"\n\n//go:embed data/x.txt\nvar Text string\n\nvar Value = 1\n",
		"deep/data/x.txt": "data", "deep/deep_test.go": "package deep\n", "unused/unused.go": "package unused\n",
	}, "")
	for name, text := range map[string]string{
		"go.mod":  "module example.test/project\n\ngo 1.20\n\nrequire example.test/Upper v1.2.0\n",
		"main.go": "package main\n\nimport upper \"example.test/Upper\"\n\nfunc main() { println(upper.Value) }\n",
	} {
		write(t, filepath.Join(p.dir, name), text)
	}
	for _, args := range [][]string{{"mod", "tidy"}, {"mod", "vendor"}, {"mod", "download"}} {
		if out, err := p.run(proxy, args...); err != nil {
			t.Fatalf("go %v: %v\n%s", args, err, out)
		}
	}
	sums, err := os.ReadFile(filepath.Join(p.dir, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(sums)) {
		if f := strings.Fields(line); !strings.HasSuffix(f[1], "/go.mod") {
			p.modules = append(p.modules, lockfile.Entry{Name: f[0], Version: f[1],
				Source: lockfile.Registry, Integrity: []string{f[2]}})
		}
	}
	return p
}

// publish puts a module into a proxy that is a folder (go.dev/ref/mod#goproxy-protocol).
func publish(t testing.TB, proxy, name, version string, files map[string]string, require string) {
	t.Helper()
	source := t.TempDir()
	files["go.mod"] += require
	for file, text := range files {
		write(t, filepath.Join(source, file), text)
	}
	mod := module.Version{Path: name, Version: version}
	escaped, err := module.EscapePath(name)
	if err != nil {
		t.Fatal(err)
	}
	base := filepath.Join(proxy, filepath.FromSlash(escaped), "@v", version)
	write(t, base+".info", fmt.Sprintf(`{"Version":%q,"Time":"2020-01-01T00:00:00Z"}`, version))
	write(t, base+".mod", files["go.mod"])
	write(t, filepath.Join(filepath.Dir(base), "list"), version+"\n")
	archive, err := os.Create(base + ".zip")
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	if err := modzip.CreateFromDir(archive, mod, source); err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// run runs the go command in the project, with this proxy ("off": none).
func (p *goProject) run(proxy string, args ...string) ([]byte, error) {
	if proxy != "off" {
		proxy = "file://" + filepath.ToSlash(proxy)
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "GOPROXY="+proxy, "GOMODCACHE="+p.cache, "GOFLAGS=-modcacherw",
		"GONOSUMDB=*", "GONOPROXY=none", "GOTOOLCHAIN=local", "GOWORK=off")
	return cmd.CombinedOutput()
}

func (p *goProject) look() Tree {
	return GoModules(context.Background(), os.DirFS(p.cache), "/cache", append([]lockfile.Entry{
		{Name: "stdlib", Version: "1.26.0", Source: lockfile.Registry}, {Name: "example.test/project", Source: lockfile.Project},
		{Name: "./local", Source: lockfile.Folder}, {Name: "example.test/not/needed", Version: "v1.0.0", Source: lockfile.Registry},
	}, p.modules...))
}

func TestGoModulesHashesAsGoDoes(t *testing.T) {
	t.Parallel()
	p := newGoProject(t)
	want := Tree{Kind: GoModuleCache, Path: "/cache", Ecosystem: "Go"}
	for _, m := range p.modules {
		folder := strings.ReplaceAll(m.Name, "Upper", "!upper")
		for _, place := range []string{folder + "@" + m.Version, "cache/download/" + folder + "/@v/" + m.Version + ".zip"} {
			want.Packages = append(want.Packages,
				Package{Name: m.Name, Version: m.Version, Path: "/cache/" + place, Integrity: m.Integrity[0]})
		}
	}
	if diff := cmp.Diff(want, p.look()); diff != "" {
		t.Errorf("GoModules of what go downloaded, with the hashes of go.sum (-want +got):\n%s", diff)
	}
}

// go build takes a changed module cache as it is; only go mod verify would tell.
func TestGoModulesSeesWhatGoBuildDoesNot(t *testing.T) {
	t.Parallel()
	p := newGoProject(t)
	if err := os.RemoveAll(filepath.Join(p.dir, "vendor")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(p.cache, "example.test", "lower@v0.1.0", "deep", "deep.go"), "package deep\n\nvar Value = 666\n")
	if out, err := p.run("off", "build", "-o", filepath.Join(t.TempDir(), "project"), "."); err != nil {
		t.Fatalf("go build with a changed module cache: %v\n%s\nwant that it passes", err, out)
	}
	if out, err := p.run("off", "mod", "verify"); err == nil || !strings.Contains(string(out), "modified") {
		t.Errorf("go mod verify: got %v %s, want that it sees the change", err, out)
	}
	for _, pkg := range p.look().Packages {
		i := slices.IndexFunc(p.modules, func(m lockfile.Entry) bool { return m.Name == pkg.Name })
		changed := pkg.Path == "/cache/example.test/lower@v0.1.0"
		if got := pkg.Integrity != p.modules[i].Integrity[0]; got != changed {
			t.Errorf("GoModules: the hash of %s differs from go.sum: got %v, want %v", pkg.Path, got, changed)
		}
	}
}

func TestGoModulesOfHostileCaches(t *testing.T) {
	t.Parallel()
	const archive = "cache/download/example.test/a/@v/v1.0.0.zip"
	list := []lockfile.Entry{{Name: "example.test/a", Version: "v1.0.0", Source: lockfile.Registry}}
	for name, tc := range map[string]struct {
		tree fstest.MapFS
		list []lockfile.Entry
		want string
	}{
		"no zip":       {fstest.MapFS{archive: {Data: []byte("x")}}, list, "is not a zip"},
		"a bomb":       {fstest.MapFS{archive: {Data: bomb(t)}}, list, "unpacks to more than 500 MiB"},
		"twice":        {fstest.MapFS{archive: {Data: pkgziptest.Zip(t, "a", "1", "a", "2")}}, list, "two files of one name"},
		"a link":       {fstest.MapFS{"example.test/a@v1.0.0/x": {Mode: os.ModeSymlink}}, list, "not a file"},
		"a file":       {fstest.MapFS{"example.test/a@v1.0.0": {}}, list, "cannot be read"},
		"line break":   {fstest.MapFS{"example.test/a@v1.0.0/a\nb": {}}, list, "cannot be read"},
		"not a module": {nil, []lockfile.Entry{{Name: "../x", Version: "v1.0.0", Source: lockfile.Registry}}, "not a module"},
		"no version":   {nil, []lockfile.Entry{{Name: "example.test/a", Version: "../..", Source: lockfile.Registry}}, "not a module"},
	} {
		got := GoModules(context.Background(), tc.tree, "", tc.list)
		if len(got.Packages) != 0 || len(got.Problems) != 1 || !got.Problems[0].Unread || !strings.Contains(got.Problems[0].Text, tc.want) {
			t.Errorf("GoModules of %s: got %+v, want a problem with %q", name, got, tc.want)
		}
	}
}

// bomb is a zip that says that it unpacks to more than a module may have.
func bomb(t testing.TB) []byte {
	t.Helper()
	data := pkgziptest.Zip(t, "x", "")
	at := strings.LastIndex(string(data), "PK\x01\x02")
	copy(data[at+24:], "\xff\xff\xff\x7f")
	return data
}

func TestGoStdlib(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"go1.26.8\ntime 2026-01-01T00:00:00Z\n": "1.26.8",
		"go1.20":                                "1.20.0",
		"go1.27rc1":                             "1.27.0-rc.1",
		"go1.25.1-microsoft":                    "1.25.1",
		"go1.24.3 X:nocoverageredesign\n":       "1.24.3",
		"devel go1.27-abcdef Mon":               "",
		"go1.26.8evil":                          "",
		"":                                      "",
	} {
		got := GoStdlib(fstest.MapFS{"VERSION": {Data: []byte(text)}}, "/go")
		if want == "" {
			if len(got.Packages) > 0 || len(got.Problems) != 1 || !got.Problems[0].Unread {
				t.Errorf("GoStdlib(%q): got %+v, want that it cannot be told", text, got)
			}
			continue
		}
		if len(got.Packages) != 2 || got.Packages[0].Name != "stdlib" || got.Packages[1].Name != "toolchain" ||
			got.Packages[0].Version != want || got.Packages[1].Version != want {
			t.Errorf("GoStdlib(%q): got %+v, want stdlib and toolchain %s", text, got, want)
		}
	}
	if got := GoStdlib(fstest.MapFS{}, "/go"); len(got.Problems) != 1 {
		t.Errorf("GoStdlib without VERSION: got %+v, want a problem", got)
	}
}
