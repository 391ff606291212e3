package ecosystem

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
)

func TestCargoFolder(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		host Host
		want string
	}{
		"default":    {host("linux", "/home/me"), "/home/me/.cargo/registry/cache"},
		"windows":    {host("windows", `C:\Users\me`), `C:\Users\me\.cargo\registry\cache`},
		"CARGO_HOME": {host("darwin", "/Users/me", "CARGO_HOME", "/c"), "/c/registry/cache"},
	} {
		if got := cargo.Folder(tc.host); got != tc.want {
			t.Errorf("%s: Folder: got %q, want %q", name, got, tc.want)
		}
	}
}

func TestCargoClaimsOnlyLockedCrates(t *testing.T) {
	t.Parallel()
	sumA, sumB := strings.Repeat("a", 64), strings.Repeat("b", 64)
	claims := cargoPlan([]lockfile.Lock{{Packages: []lockfile.Package{
		{Name: "serde", Version: "1.0.0", Integrity: []string{"sha256:" + sumA}},
		{Name: "two", Version: "1.0.0", Integrity: []string{"sha256:" + sumA}, URL: "sparse+https://a.test/"},
		{Name: "two", Version: "1.0.0", Integrity: []string{"sha256:" + sumB}, URL: "sparse+https://b.test/"},
	}}}).Claims
	for name, want := range map[string]string{
		"registry/cache/index.crates.io-1949cf8c6b5b557f/serde-1.0.0.crate": "sha256:" + sumA,
		"cache/github.com-1ecc6299db9ec823/serde-1.0.0.crate":               "sha256:" + sumA,
		"github.com-1ecc6299db9ec823/serde-1.0.0.crate":                     "sha256:" + sumA,
		"x/two-1.0.0.crate":                   "",
		"x/serde-1.0.1.crate":                 "",
		"serde-1.0.0.crate":                   "",
		"x/y/serde-1.0.0.crate":               "",
		"registry/src/x/serde-1.0.0/lib.rs":   "",
		"registry/src/serde-1.0.0.crate":      "",
		"registry/index/x/.cache/se/rd/serde": "",
		"registry/CACHEDIR.TAG":               "",
		".package-cache":                      "",
		"bin/cargo-evil":                      "",
		"":                                    "",
	} {
		if got, ok := claims(name); got.ID != want || ok != (want != "") {
			t.Errorf("claim of %q: got %q, %v, want %q", name, got.ID, ok, want)
		}
	}
}

// crateArchive is a .crate with a library.
func crateArchive(t *testing.T, name, source string) []byte {
	t.Helper()
	var b bytes.Buffer
	packed := gzip.NewWriter(&b)
	w := tar.NewWriter(packed)
	for _, f := range [][2]string{
		{"Cargo.toml", "[package]\nname = '" + name + "'\nversion = '1.0.0'\n"},
		{"src/lib.rs", source},
	} {
		err := w.WriteHeader(&tar.Header{Name: name + "-1.0.0/" + f[0], Mode: 0o644, Size: int64(len(f[1]))})
		if err == nil {
			_, err = w.Write([]byte(f[1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := packed.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// cargoProject is a program that uses one crate, the cargo command for it, and how
// often the registry sent a crate.
type cargoProject struct {
	dir, home string
	downloads *atomic.Int32
}

func newCargoProject(t *testing.T) cargoProject {
	t.Helper()
	if _, err := exec.LookPath("cargo"); err != nil {
		t.Skip("NOT TESTED: how the real Cargo uses what is kept, because there is no cargo on the PATH")
	}
	archive := crateArchive(t, "demo-dep", "pub fn say() { println!(\"genuine\") }\n")
	downloads := &atomic.Int32{}
	registry := http.NewServeMux()
	server := httptest.NewServer(registry)
	t.Cleanup(server.Close)
	registry.HandleFunc("/config.json", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"dl": "%s/crates/{crate}-{version}.crate"}`, server.URL)
	})
	registry.HandleFunc("/de/mo/demo-dep", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"name":"demo-dep","vers":"1.0.0","deps":[],"cksum":"%x","features":{},"yanked":false}`+"\n",
			sha256.Sum256(archive))
	})
	registry.HandleFunc("/crates/", func(w http.ResponseWriter, _ *http.Request) {
		downloads.Add(1)
		w.Write(archive)
	})
	p := cargoProject{dir: t.TempDir(), home: t.TempDir(), downloads: downloads}
	write(t, filepath.Join(p.dir, "Cargo.toml"), "[package]\nname = 'app'\nversion = '0.1.0'\n[dependencies]\ndemo-dep = '1'\n")
	write(t, filepath.Join(p.dir, "src", "main.rs"), "fn main() { demo_dep::say() }\n")
	write(t, filepath.Join(p.dir, ".cargo", "config.toml"),
		"[source.crates-io]\nreplace-with = 'here'\n[source.here]\nregistry = 'sparse+"+server.URL+"/'\n")
	p.fetch(t)
	if n := downloads.Load(); n != 1 {
		t.Fatalf("cargo fetch: got %d downloads, want 1", n)
	}
	p.fetch(t, "--locked")
	return p
}

func (p cargoProject) fetch(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command("cargo", append([]string{"fetch"}, args...)...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "CARGO_HOME="+p.home, "CARGO_HTTP_PROXY=", "CARGO_NET_OFFLINE=false",
		"NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cargo fetch %q: %v\n%s", args, err, out)
	}
}

// unpacked is what Cargo would build of the crate.
func (p cargoProject) unpacked(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(p.home, "registry", "src", "*", "demo-dep-1.0.0", "src", "lib.rs"))
	if err != nil || len(found) != 1 {
		t.Fatalf("unpacked crates: got %q, %v, want one", found, err)
	}
	data, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestCargoDownloadsNoCrateThatWasKept(t *testing.T) {
	t.Parallel()
	p := newCargoProject(t)
	lock, err := lockfile.Read(os.DirFS(p.dir), "Cargo.lock")
	if err != nil {
		t.Fatal(err)
	}
	if err := lockfile.Stale(os.DirFS(p.dir), lock); err != nil {
		t.Errorf("Stale of a lock file that cargo just wrote: %v", err)
	}
	claims := cargoPlan([]lockfile.Lock{lock}).Claims
	restored, kept := keep(t, p.home, claims)
	if len(kept) != 1 || !strings.HasSuffix(kept[0], "/demo-dep-1.0.0.crate") {
		t.Fatalf("kept %q, want one crate", kept)
	}
	p.home = restored
	p.fetch(t, "--locked")
	if n := p.downloads.Load(); n != 1 {
		t.Errorf("cargo fetch with the kept crate: got %d downloads, want none", n-1)
	}
	if got := p.unpacked(t); !strings.Contains(got, "genuine") {
		t.Errorf("unpacked: got %q", got)
	}

	// Cargo believes a changed crate in its cache, and would build it.
	evil := crateArchive(t, "demo-dep", "pub fn say() { println!(\"EVIL\") }\n")
	write(t, filepath.Join(restored, filepath.FromSlash(kept[0])), string(evil))
	if err := os.RemoveAll(filepath.Join(restored, "registry", "src")); err != nil {
		t.Fatal(err)
	}
	p.fetch(t, "--locked")
	if got := p.unpacked(t); !strings.Contains(got, "EVIL") {
		t.Errorf("the attack does not work any more: cargo unpacked %q", got)
	}
	if why := verify(t, claims, os.DirFS(restored), kept[0]); why != "wrong SHA-256" {
		t.Errorf("the claim on a changed crate: got %q, want a refusal", why)
	}
}
