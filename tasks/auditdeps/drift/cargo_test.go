package drift_test

import (
	"context"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/tasks/auditdeps/drift"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/installed"
)

// cargoTree is what Cargo made (see testdata/README.md of package installed), with the
// manifest that it was made for.
func cargoTree(t *testing.T) fstest.MapFS {
	t.Helper()
	const dir = "../installed/testdata/cargo"
	tree := fstest.MapFS{
		"Cargo.toml":  {Data: []byte("[package]\nname = \"app\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[dependencies]\nalpha = \"1\"\n")},
		"src/main.rs": {},
	}
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

func TestCargoRows(t *testing.T) {
	t.Parallel()
	const registry = "-cbaf39e68a670106/"
	const betaSum = "658beb62f44e884270cca4d72aa46274a96df4c448699b8c8e412bba0760f481"
	for name, tc := range map[string]struct {
		file, before, after string // "-" removes it
		want                []string
	}{
		"as it should be": {},
		// "--locked fails if Cargo.lock would change"
		"another manifest": {"Cargo.toml", `alpha = "1"`, `alpha = "2"`, []string{"fail drift/manifest  Cargo.lock"}},
		"a new dependency": {"Cargo.toml", `alpha = "1"`, "alpha = \"1\"\ngamma = \"1\"", []string{"fail drift/manifest  Cargo.lock"}},
		// "registry checksums verified at download only"
		"a changed source": {"home/registry/src/" + registry + "beta-0.1.0/src/lib.rs", "1;", "666;", []string{
			"fail installed/changed  /home/registry/src/" + registry + "beta-0.1.0/src/lib.rs"}},
		"another build": {"home/registry/src/" + registry + "beta-0.1.0/build.rs", "", "fn main() {}", []string{
			"fail installed/changed  /home/registry/src/" + registry + "beta-0.1.0/build.rs"}},
		"another archive": {"Cargo.lock", betaSum, strings.Repeat("0", 64), []string{
			"fail installed/changed beta@0.1.0 /home/registry/src/" + registry + "beta-0.1.0",
			"fail installed/changed beta@0.1.0 vendor/beta"}},
		"no checksum": {"Cargo.lock", "checksum = \"" + betaSum + "\"\n", "", []string{"fail lint/integrity-missing beta@0.1.0 Cargo.lock"}},
		"vendored with a change": {"vendor/beta/src/lib.rs", "1;", "666;", []string{
			"fail installed/changed  vendor/beta/src/lib.rs"}},
		"another version vendored": {"Cargo.lock", "name = \"beta\"\nversion = \"0.1.0\"", "name = \"beta\"\nversion = \"0.1.1\"", []string{
			"fail installed/version beta@0.1.0 vendor/beta", "warn installed/missing beta@0.1.1 Cargo.lock"}},
		"another crate vendored": {"Cargo.lock", "name = \"beta\"", "name = \"delta\"", []string{
			"warn installed/missing delta@0.1.0 Cargo.lock", "warn installed/extra beta@0.1.0 vendor/beta"}},
		"vendored without checksum": {"vendor/beta/.cargo-checksum.json", `"` + betaSum + `"`, "null", []string{
			"fail installed/changed beta@0.1.0 vendor/beta"}},
	} {
		tree := cargoTree(t)
		if tc.file != "" {
			var data []byte
			if old := tree[tc.file]; old != nil {
				data = old.Data
			}
			changed := strings.Replace(string(data), tc.before, tc.after, 1)
			if changed == string(data) {
				t.Fatalf("%s: nothing changed", name)
			}
			tree[tc.file] = &fstest.MapFile{Data: []byte(changed)}
		}
		f := factsOf(t, tree, "Cargo.lock")
		home, err := fs.Sub(tree, "home")
		if err != nil {
			t.Fatal(err)
		}
		vendor, err := fs.Sub(tree, "vendor")
		if err != nil {
			t.Fatal(err)
		}
		f.Trees = []installed.Tree{installed.CargoRegistry(context.Background(), home, "/home", f.Lock.Entries),
			installed.CargoVendor(context.Background(), vendor, "vendor", home)}
		if diff := cmp.Diff(tc.want, brief(drift.Find(f))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
