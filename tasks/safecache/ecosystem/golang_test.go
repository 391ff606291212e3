package ecosystem

import (
	"bytes"
	"crypto"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/mod/module"
	modzip "golang.org/x/mod/zip"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/shared/pkgziptest"
	"github.com/guardrails-ci/guardrails/tasks/safecache/claim"
)

// host is a machine with these environment variables: name, value, name, value, ...
func host(system, home string, env ...string) Host {
	return Host{OS: system, Home: home, Lookup: func(name string) (string, bool) {
		for i := 0; i < len(env); i += 2 {
			if env[i] == name {
				return env[i+1], true
			}
		}
		return "", false
	}}
}

func TestGoFolder(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		host Host
		want string
	}{
		"default":        {host("linux", "/home/me"), "/home/me/go/pkg/mod/cache/download"},
		"windows":        {host("windows", `C:\Users\me`), `C:\Users\me\go\pkg\mod\cache\download`},
		"GOMODCACHE":     {host("linux", "/home/me", "GOMODCACHE", "/m/", "GOPATH", "/p"), "/m/cache/download"},
		"GOPATH":         {host("darwin", "/Users/me", "GOPATH", "/p:/q"), "/p/pkg/mod/cache/download"},
		"GOPATH windows": {host("windows", `C:\me`, "GOPATH", `D:\p;E:\q`), `D:\p\pkg\mod\cache\download`},
	} {
		if got := golang.Folder(tc.host); got != tc.want {
			t.Errorf("%s: Folder: got %q, want %q", name, got, tc.want)
		}
	}
}

// goLock is a lock that names example.com/Dep v1.0.0 with these hashes.
func goLock(zipHash, modHash string) lockfile.Lock {
	return lockfile.Lock{Packages: []lockfile.Package{
		{Name: "example.com/Dep", Version: "v1.0.0", Integrity: []string{zipHash}},
		{Name: "example.com/Dep", Version: "v1.0.0/go.mod", Integrity: []string{modHash}},
		{Name: "../../etc", Version: "v1.0.0", Integrity: []string{zipHash}},
	}}
}

func TestGoClaimsOnlyWhatGoSumHashes(t *testing.T) {
	t.Parallel()
	claims := goPlan([]lockfile.Lock{goLock("h1:zip", "h1:mod")}).Claims
	for name, want := range map[string]string{
		"example.com/!dep/@v/v1.0.0.zip":                     "zip h1:zip",
		"cache/download/example.com/!dep/@v/v1.0.0.zip":      "zip h1:zip",
		"example.com/!dep/@v/v1.0.0.ziphash":                 "ziphash h1:zip",
		"example.com/!dep/@v/v1.0.0.mod":                     "go.mod h1:mod",
		"example.com/!dep/@v/v1.0.0.info":                    "",
		"example.com/!dep/@v/v1.0.0.lock":                    "",
		"example.com/!dep/@v/v1.0.0.zip123.tmp":              "",
		"example.com/!dep/@v/v1.0.0.partial":                 "",
		"example.com/!dep/@v/list":                           "",
		"example.com/Dep/@v/v1.0.0.zip":                      "",
		"example.com/!dep/@v/v1.0.1.zip":                     "",
		"example.com/!dep@v1.0.0/main.go":                    "",
		"cache/lock":                                         "",
		"cache/download/sumdb/sum.golang.org/lookup/x@v1":    "",
		"cache/download/cache/download/example.com/!dep/@v":  "",
		"../../etc/@v/v1.0.0.zip":                            "",
		"pkg/mod/cache/download/example.com/!dep/@v/v1.0.0z": "",
	} {
		got, ok := claims(name)
		if got.ID != want || ok != (want != "") {
			t.Errorf("claim of %q: got %q, %v, want %q", name, got.ID, ok, want)
		}
	}
}

func TestGoLocksThatDisagreeClaimNothing(t *testing.T) {
	t.Parallel()
	claims := goPlan([]lockfile.Lock{goLock("h1:a", "h1:m"), goLock("h1:b", "h1:m"), goLock("h1:b", "h1:m")}).Claims
	if got, ok := claims("example.com/!dep/@v/v1.0.0.zip"); ok {
		t.Errorf("a zip with two hashes: got claim %q, want none", got.ID)
	}
	if _, ok := claims("example.com/!dep/@v/v1.0.0.mod"); !ok {
		t.Error("a go.mod with one hash: got no claim")
	}
}

// verify holds a file against its claim, as saving and restoring do.
func verify(t *testing.T, claims claim.Set, tree fs.FS, name string) string {
	t.Helper()
	c, ok := claims(name)
	if !ok {
		return "not claimed"
	}
	if c.Hash != 0 {
		data, err := fs.ReadFile(tree, name)
		if err != nil {
			t.Fatal(err)
		}
		h := c.Hash.New()
		h.Write(data)
		if !bytes.Equal(h.Sum(nil), c.Sum) {
			return "wrong " + c.Hash.String()
		}
	}
	if c.Deep != nil {
		if err := c.Deep(tree, name); err != nil {
			return err.Error()
		}
	} else if c.Hash == crypto.Hash(0) {
		t.Errorf("the claim of %s proves nothing", name)
	}
	return ""
}

func TestHostileModuleZips(t *testing.T) {
	t.Parallel()
	for want, data := range map[string][]byte{
		"not a zip":                []byte("EVIL"),
		"expected h1:x, found h1:": pkgziptest.Zip(t, "m/a", "EVIL"),
		"two files of one name":    pkgziptest.Zip(t, "m/a", "good", "m/a", "evil"),
	} {
		tree := fstest.MapFS{"z": {Data: data}}
		if err := checkModuleZip(tree, "z", "h1:x"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("checkModuleZip: got error %v, want one with %q", err, want)
		}
	}
}

// goProxy is a folder that GOPROXY=file:// serves, with these modules: path,
// source of its only package, path, source, ... All have version v1.0.0.
func goProxy(t *testing.T, modules ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(modules); i += 2 {
		mod := module.Version{Path: modules[i], Version: "v1.0.0"}
		at := filepath.Join(dir, filepath.FromSlash(mod.Path), "@v")
		goMod := "module " + mod.Path + "\n\ngo 1.21\n"
		if strings.Contains(modules[i+1], "example.com/leaf") {
			goMod += "\nrequire example.com/leaf v1.0.0\n"
		}
		write(t, filepath.Join(at, "list"), "v1.0.0\n")
		write(t, filepath.Join(at, "v1.0.0.info"), `{"Version":"v1.0.0","Time":"2024-01-01T00:00:00Z"}`)
		write(t, filepath.Join(at, "v1.0.0.mod"), goMod)
		write(t, filepath.Join(at, "v1.0.0.zip"), string(moduleZip(t, mod, goMod, modules[i+1])))
	}
	return dir
}

func write(t *testing.T, name, data string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

func moduleZip(t *testing.T, mod module.Version, goMod, source string) []byte {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "go.mod"), goMod)
	write(t, filepath.Join(dir, "m.go"), source)
	var b bytes.Buffer
	if err := modzip.CreateFromDir(&b, mod, dir); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// goRunner runs the go command in a module of its own with a module cache of its own.
type goRunner struct{ dir, cache, proxy string }

func (r goRunner) run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "GOMODCACHE="+r.cache, "GOPROXY="+r.proxy, "GOFLAGS=-mod=mod -modcacherw",
		"GOSUMDB=off", "GONOSUMDB=", "GOPRIVATE=", "GONOPROXY=none", "GOWORK=off", "GOTOOLCHAIN=local", "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (r goRunner) must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := r.run(t, args...)
	if err != nil {
		t.Fatalf("go %q: %v\n%s", args, err, out)
	}
	return out
}

// goProject is a program that uses two modules, one through the other, and whose
// module cache and go.sum are filled.
func goProject(t *testing.T) goRunner {
	t.Helper()
	proxy := goProxy(t,
		"example.com/dep", "package dep\n\nimport \"example.com/leaf\"\n\nfunc Say() { leaf.Say() }\n",
		"example.com/leaf", "package leaf\n\nfunc Say() { println(\"genuine\") }\n")
	url := "file://" + filepath.ToSlash(proxy)
	if filepath.Separator == '\\' {
		url = "file:///" + filepath.ToSlash(proxy)
	}
	r := goRunner{dir: t.TempDir(), cache: t.TempDir(), proxy: url}
	write(t, filepath.Join(r.dir, "go.mod"), "module example.com/app\n\ngo 1.21\n\nrequire example.com/dep v1.0.0\n")
	write(t, filepath.Join(r.dir, "main.go"), "package main\n\nimport \"example.com/dep\"\n\nfunc main() { dep.Say() }\n")
	r.must(t, "mod", "tidy")
	if out := r.must(t, "run", "."); out != "genuine\n" && !strings.HasSuffix(out, "\ngenuine\n") {
		t.Fatalf("go run: got %q, want genuine", out)
	}
	return r
}

func (r goRunner) plan(t *testing.T) Plan {
	t.Helper()
	lock, err := lockfile.Read(os.DirFS(r.dir), "go.sum")
	if err != nil {
		t.Fatal(err)
	}
	return golang.Plan([]lockfile.Lock{lock})
}

// keep copies the claimed files that are as claimed, and nothing else, to a new
// folder, and returns it with their names.
func keep(t *testing.T, from string, claims claim.Set) (string, []string) {
	t.Helper()
	to, tree := t.TempDir(), os.DirFS(from)
	kept := map[string]bool{}
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		c, ok := claims(name)
		if !ok {
			return nil
		}
		if why := verify(t, claims, tree, name); why != "" && c.Maybe {
			return nil
		} else if why != "" {
			t.Errorf("%s: %s", name, why)
		}
		data, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		write(t, filepath.Join(to, filepath.FromSlash(name)), string(data))
		kept[name] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return to, slices.Sorted(maps.Keys(kept))
}

func TestGoBuildsFromTheClaimedFilesAlone(t *testing.T) {
	t.Parallel()
	r := goProject(t)
	restored, kept := keep(t, r.cache, r.plan(t).Claims)
	if len(kept) != 6 {
		t.Errorf("kept %q, want zip, ziphash and mod of two modules", kept)
	}
	r.cache, r.proxy = restored, "off"
	if out := r.must(t, "mod", "verify"); !strings.Contains(out, "all modules verified") {
		t.Errorf("go mod verify: got %q", out)
	}
	r.must(t, "build", "-o", filepath.Join(t.TempDir(), "app"), ".")
	r.must(t, "mod", "tidy")
	if out := r.must(t, "run", "."); !strings.HasSuffix(out, "genuine\n") {
		t.Errorf("go run: got %q, want genuine", out)
	}
}

// A cache that is packed and unpacked as it is carries a changed zip beside the
// genuine hash file, and the go command believes the hash file.
func TestGoBelievesTheHashFileButTheClaimDoesNot(t *testing.T) {
	t.Parallel()
	r := goProject(t)
	claims := r.plan(t).Claims
	const leaf = "cache/download/example.com/leaf/@v/v1.0.0.zip"
	restored, _ := keep(t, r.cache, claims)
	evil := moduleZip(t, module.Version{Path: "example.com/leaf", Version: "v1.0.0"}, "module example.com/leaf\n\ngo 1.21\n",
		"package leaf\n\nfunc Say() { println(\"EVIL\") }\n")
	write(t, filepath.Join(restored, filepath.FromSlash(leaf)), string(evil))
	victim := r
	victim.cache, victim.proxy = restored, "off"
	if out, err := victim.run(t, "run", "."); err != nil || !strings.HasSuffix(out, "EVIL\n") {
		t.Errorf("the attack does not work any more: go run: %v\n%s", err, out)
	}
	why := verify(t, claims, os.DirFS(restored), leaf)
	if !strings.Contains(why, "expected h1:") {
		t.Errorf("the claim on the changed %s: got %q, want a refusal", path.Base(leaf), why)
	}
	write(t, filepath.Join(restored, filepath.FromSlash(leaf)+"hash"), "h1:forged")
	if why := verify(t, claims, os.DirFS(restored), leaf+"hash"); why == "" {
		t.Error("the claim on a forged hash file: no refusal")
	}
	write(t, filepath.Join(restored, filepath.FromSlash(strings.TrimSuffix(leaf, "zip")+"mod")), "module evil\n")
	if why := verify(t, claims, os.DirFS(restored), strings.TrimSuffix(leaf, "zip")+"mod"); why == "" {
		t.Error("the claim on a forged go.mod: no refusal")
	}
}
