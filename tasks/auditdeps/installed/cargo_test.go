package installed

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
)

const (
	alphaSum   = "sha256:597f6245fdee95eaddfe1a9b78b37a8135cffc4d152a67db95d2f4e53df27692"
	betaSum    = "sha256:658beb62f44e884270cca4d72aa46274a96df4c448699b8c8e412bba0760f481"
	cargoPlace = "-cbaf39e68a670106"
)

// crates are the packages of testdata/cargo/Cargo.lock.
var crates = []lockfile.Entry{
	{Name: "alpha", Version: "1.2.3", Source: lockfile.Registry, Integrity: []string{alphaSum}},
	{Name: "app", Version: "0.0.0", Source: lockfile.Project},
	{Name: "beta", Version: "0.1.0", Source: lockfile.Registry, Integrity: []string{betaSum}},
	{Name: "missing", Version: "1.0.0", Source: lockfile.Registry},
}

// copyOf is a tree of testdata that can be changed.
func copyOf(t testing.TB, dir string) fstest.MapFS {
	t.Helper()
	tree := fstest.MapFS{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(dir + "/" + name)
		tree[name] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// change writes a file into a tree; "-" removes it.
func change(tree fstest.MapFS, file, data string) fstest.MapFS {
	if data == "-" {
		delete(tree, file)
	} else {
		tree[file] = &fstest.MapFile{Data: []byte(data)}
	}
	return tree
}

func TestCargoRegistryReadsWhatCargoFetched(t *testing.T) {
	t.Parallel()
	got := CargoRegistry(context.Background(), os.DirFS("testdata/cargo/home"), "/home", crates)
	source := "/home/registry/src/" + cargoPlace
	want := Tree{Kind: CargoCache, Path: "/home", Ecosystem: "crates.io", Packages: []Package{
		{Name: "alpha", Version: "1.2.3", Path: source + "/alpha-1.2.3", Integrity: alphaSum},
		{Name: "beta", Version: "0.1.0", Path: source + "/beta-0.1.0", Integrity: betaSum},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("CargoRegistry of what Cargo fetched (-want +got):\n%s", diff)
	}
	// A cache of which only the archives are kept.
	tree := copyOf(t, "testdata/cargo/home")
	for name := range tree {
		if strings.HasPrefix(name, "registry/src/") {
			delete(tree, name)
		}
	}
	got = CargoRegistry(context.Background(), tree, "/home", crates)
	if len(got.Problems) != 0 || len(got.Packages) != 2 || !strings.HasSuffix(got.Packages[0].Path, ".crate") {
		t.Errorf("CargoRegistry of archives alone: got %+v, want them without problems", got)
	}
	if got := CargoRegistry(context.Background(), fstest.MapFS{}, "/home", crates); len(got.Problems)+len(got.Packages) != 0 {
		t.Errorf("CargoRegistry of nothing: got %+v, want nothing", got)
	}
}

func TestCargoRegistrySeesChanges(t *testing.T) {
	t.Parallel()
	const archive, source = "registry/cache/" + cargoPlace + "/beta-0.1.0.crate", "registry/src/" + cargoPlace + "/beta-0.1.0/"
	for name, tc := range map[string]struct {
		file, data, path, want string
		unread                 bool
	}{
		"a changed source":    {source + "src/lib.rs", "pub const ONE: u32 = 666;\n", source + "src/lib.rs", "a file of beta 0.1.0 was changed", false},
		"another build":       {source + "build.rs", "fn main() {}", source + "build.rs", "beta 0.1.0 has no such file", false},
		"a file gone":         {source + "src/lib.rs", "-", source + "src/lib.rs", "is missing", false},
		"no archive":          {archive, "-", source, "cannot be compared with its archive, which is missing", true},
		"an archive of junk":  {archive, "x", source, "not an archive", true},
		"a link in it":        {archive, crateOf(t, tar.Header{Name: "beta-0.1.0/x", Typeflag: tar.TypeSymlink}), source, "not an archive", true},
		"it leads out":        {archive, crateOf(t, tar.Header{Name: "beta-0.1.0/../x"}), source, "not an archive", true},
		"a folder of another": {archive, crateOf(t, tar.Header{Name: "gamma-0.1.0/x"}), source, "not an archive", true},
		"a file twice":        {archive, crateOf(t, tar.Header{Name: "beta-0.1.0/x"}, tar.Header{Name: "beta-0.1.0/x"}), source, "not an archive", true},
		"Cargo's own note":    {source + ".cargo-ok", `{"v":2}`, "", "", false},
	} {
		tree := change(copyOf(t, "testdata/cargo/home"), tc.file, tc.data)
		got := CargoRegistry(context.Background(), tree, "", crates).Problems
		if tc.want == "" && len(got) > 0 {
			t.Errorf("%s: got %v, want no problem", name, got)
		}
		if tc.want != "" && !slices.ContainsFunc(got, func(p Problem) bool {
			return p.Path == strings.TrimSuffix(tc.path, "/") && strings.Contains(p.Text, tc.want) && p.Unread == tc.unread
		}) {
			t.Errorf("%s: got %v, want one of %s with %q, unread %v", name, got, tc.path, tc.want, tc.unread)
		}
	}
	changed := change(copyOf(t, "testdata/cargo/home"), archive, crateOf(t, tar.Header{Name: "beta-0.1.0/Cargo.toml"}))
	for _, pkg := range CargoRegistry(context.Background(), changed, "", crates).Packages {
		if pkg.Name == "beta" && pkg.Integrity == betaSum {
			t.Error("CargoRegistry with another archive of beta: got the checksum of the lock file, want another")
		}
	}
	hostile := []lockfile.Entry{{Name: "../../x", Version: "1.0.0", Source: lockfile.Registry}}
	if got := CargoRegistry(context.Background(), opened{os.DirFS("testdata/cargo/home"), t}, "", hostile); len(got.Problems) != 1 {
		t.Errorf("CargoRegistry of a name that leads out: got %+v, want one problem", got)
	}
}

// crateOf is an archive with these empty files.
func crateOf(t testing.TB, headers ...tar.Header) string {
	t.Helper()
	var b bytes.Buffer
	zipped := gzip.NewWriter(&b)
	w := tar.NewWriter(zipped)
	for _, h := range headers {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestCargoVendorReadsWhatCargoVendored(t *testing.T) {
	t.Parallel()
	for _, home := range []fs.FS{nil, os.DirFS("testdata/cargo/home")} {
		got := CargoVendor(context.Background(), os.DirFS("testdata/cargo/vendor"), "app/vendor", home)
		if home == nil {
			if len(got.Problems) != 1 || !isUnproven(got.Problems[0], "app/vendor", "2 of 2 packages in it can be compared with "+
				"nothing (alpha, beta)") {
				t.Errorf("CargoVendor without archives: got %v, want that it cannot be compared", got.Problems)
			}
			got.Problems = nil
		}
		want := Tree{Kind: CargoVendored, Path: "app/vendor", Ecosystem: "crates.io", Packages: []Package{
			{Name: "alpha", Version: "1.2.3", Path: "app/vendor/alpha", Integrity: alphaSum},
			{Name: "beta", Version: "0.1.0", Path: "app/vendor/beta", Integrity: betaSum},
		}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("CargoVendor of what Cargo vendored (-want +got):\n%s", diff)
		}
	}
}

func TestCargoVendorSeesChanges(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		file, data, path, want string
		unread                 bool
	}{
		"a changed source":  {"beta/src/lib.rs", "evil", "beta/src/lib.rs", "was changed", false},
		"a new file":        {"beta/build.rs", "evil", "beta/build.rs", "no such file", false},
		"a file gone":       {"beta/src/lib.rs", "-", "beta/src/lib.rs", "is missing", false},
		"no list":           {"beta/.cargo-checksum.json", "-", "beta/.cargo-checksum.json", "is missing", true},
		"a list of junk":    {"beta/.cargo-checksum.json", "[]", "beta/.cargo-checksum.json", "cannot be understood", true},
		"an empty list":     {"beta/.cargo-checksum.json", "{}", "beta/src/lib.rs", "no such file", false},
		"no manifest":       {"beta/Cargo.toml", "-", "beta", "is missing", true},
		"a strange one":     {"beta/Cargo.toml", "[package]\nname = \"a\"\nname = \"b\"\n", "beta", "name and version", true},
		"text before it":    {"beta/Cargo.toml", "[package]\nx = \"\"\"\nname = \"a\"\nversion = \"1\"\n", "beta", "name and version", true},
		"another table":     {"beta/Cargo.toml", "[lib]\nname = \"a\"\n[package]\n", "beta", "name and version", true},
		"a name with paths": {"beta/Cargo.toml", "[package]\nname = \"../a\"\nversion = \"1\"\n", "beta", "name and version", true},
	} {
		tree := change(copyOf(t, "testdata/cargo/vendor"), tc.file, tc.data)
		got := CargoVendor(context.Background(), tree, "", nil).Problems
		if !slices.ContainsFunc(got, func(p Problem) bool {
			return p.Path == tc.path && strings.Contains(p.Text, tc.want) && p.Unread == tc.unread
		}) {
			t.Errorf("%s: got %v, want one of %s with %q, unread %v", name, got, tc.path, tc.want, tc.unread)
		}
	}
}

// Cargo takes a changed file whose hash was changed in .cargo-checksum.json as well.
func TestCargoVendorBelievesTheArchive(t *testing.T) {
	t.Parallel()
	tree := copyOf(t, "testdata/cargo/vendor")
	genuine, evil := tree["beta/src/lib.rs"].Data, []byte("pub const ONE: u32 = 666;\n")
	list := tree["beta/.cargo-checksum.json"]
	list.Data = bytes.ReplaceAll(list.Data, []byte(hexOf(genuine)), []byte(hexOf(evil)))
	change(tree, "beta/src/lib.rs", string(evil))
	if got := CargoVendor(context.Background(), tree, "", nil).Problems; len(got) != 1 || !isUnproven(got[0], "", "2 of 2") {
		t.Errorf("CargoVendor without archives: got %v, want that there is nothing to tell from", got)
	}
	home := change(copyOf(t, "testdata/cargo/home"), "registry/cache/"+cargoPlace+"/alpha-1.2.3.crate", "-")
	if got := CargoVendor(context.Background(), tree, "", home).Problems; len(got) != 2 ||
		got[0].Path != "beta/src/lib.rs" || !isUnproven(got[1], "", "1 of 2 packages in it can be compared with nothing (alpha)") {
		t.Errorf("CargoVendor without the archive of alpha: got %v, want beta/src/lib.rs, and that", got)
	}
	change(tree, "alpha/.cargo-checksum.json", strings.Replace(string(tree["alpha/.cargo-checksum.json"].Data), `"package":"`, `"x":"`, 1))
	if got := CargoVendor(context.Background(), tree, "", home).Problems; len(got) != 1 {
		t.Errorf("CargoVendor with alpha from git: got %v, want beta/src/lib.rs alone: there is no archive of alpha", got)
	}
	got := CargoVendor(context.Background(), tree, "", os.DirFS("testdata/cargo/home")).Problems
	if len(got) != 1 || got[0].Path != "beta/src/lib.rs" || got[0].Unread {
		t.Errorf("CargoVendor with archives: got %v, want beta/src/lib.rs", got)
	}
}

func isUnproven(p Problem, path, want string) bool {
	return p.Unread && p.Path == path && strings.Contains(p.Text, want) && strings.Contains(p.Text, "cargo fetch --locked")
}

func hexOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func FuzzCargo(f *testing.F) {
	tree := copyOf(f, "testdata/cargo")
	f.Add(tree["vendor/beta/Cargo.toml"].Data, tree["vendor/beta/.cargo-checksum.json"].Data,
		tree["home/registry/cache/"+cargoPlace+"/beta-0.1.0.crate"].Data)
	f.Fuzz(func(t *testing.T, manifest, list, crate []byte) {
		home := fstest.MapFS{"registry/cache/x/beta-0.1.0.crate": {Data: crate}, "registry/src/x/beta-0.1.0/a": {}}
		CargoVendor(context.Background(), opened{fstest.MapFS{"beta/Cargo.toml": {Data: manifest},
			"beta/.cargo-checksum.json": {Data: list}}, t}, "", home)
		CargoRegistry(context.Background(), opened{home, t}, "", crates)
	})
}
