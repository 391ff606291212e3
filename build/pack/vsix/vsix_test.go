package vsix

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/build/pack/extension"
	"github.com/guardrails-ci/guardrails/build/pack/sample"
)

func load(t *testing.T, root string) *extension.Manifest {
	t.Helper()
	m, err := extension.Load(filepath.Join(root, "vss-extension.json"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestPackageIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	first, parts := pack(t, staged(t))
	second, _ := pack(t, staged(t))
	if lines, err := Diff(first, second); err != nil || lines != nil {
		t.Errorf("two packages of the same tree differ: %v, %v", lines, err)
	}
	for i := 4; i < len(parts); i++ {
		if parts[i-1].Name >= parts[i].Name {
			t.Errorf("part %s stands behind %s", parts[i].Name, parts[i-1].Name)
		}
	}
}

func TestZipEntriesSayNothingAboutTheMachine(t *testing.T) {
	t.Parallel()
	path, _ := pack(t, staged(t))
	archive, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	if first := archive.File[0].Name; first != "[Content_Types].xml" {
		t.Errorf("the first part is %s, want [Content_Types].xml", first)
	}
	for _, f := range archive.File {
		if f.ModifiedDate != newYear1980 || f.ModifiedTime != 0 || f.ExternalAttrs != 0 || len(f.Extra) != 0 ||
			f.Flags != 0 || f.CreatorVersion != 20 {
			t.Errorf("%s has date %d time %d mode %d extra %x flags %d creator %d", f.Name,
				f.ModifiedDate, f.ModifiedTime, f.ExternalAttrs, f.Extra, f.Flags, f.CreatorVersion)
		}
		stored := strings.HasSuffix(f.Name, ".br") || strings.HasSuffix(f.Name, ".png") || f.UncompressedSize64 == 0
		if stored && f.Method != zip.Store {
			t.Errorf("%s is compressed again", f.Name)
		}
		if strings.HasSuffix(f.Name, "notes.txt") && (f.Method != zip.Deflate || f.CompressedSize64 > f.UncompressedSize64/10) {
			t.Errorf("%s takes %d of %d bytes, want it deflated", f.Name, f.CompressedSize64, f.UncompressedSize64)
		}
	}
}

func TestPartsRefuses(t *testing.T) {
	t.Parallel()
	const stage = "build/out/stage/Alpha/AlphaV1/"
	for name, tc := range map[string]struct {
		spoil func(t *testing.T, root string)
		want  string
	}{
		"space": {func(t *testing.T, root string) { sample.Write(t, root, stage+"read me.txt", "") },
			`"Alpha/AlphaV1/read me.txt" cannot be the name of a part`},
		"other characters": {func(t *testing.T, root string) { sample.Write(t, root, stage+"lösung.txt", "") }, "cannot be the name"},
		"case": {func(t *testing.T, root string) {
			sample.Write(t, root, stage+"Main.js", "")
		}, `"Alpha/AlphaV1/Main.js" and "Alpha/AlphaV1/main.js" differ in case only`},
		"not staged":  {func(t *testing.T, root string) { remove(t, root, "build/out/stage/Beta") }, "packing task Beta"},
		"no listing":  {func(t *testing.T, root string) { remove(t, root, "overview.md") }, "overview.md"},
		"empty stage": {emptyStage, "packing task Beta: there is no file in"},
		"link": {func(t *testing.T, root string) {
			if err := os.Symlink("/etc/hostname", filepath.Join(root, stage, "link")); err != nil {
				t.Fatal(err)
			}
		}, "link is not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := staged(t)
			tc.spoil(t, root)
			_, err := Parts(root, filepath.Join(root, extension.StageFolder), load(t, root))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Parts: got error %v, want one containing %q", err, tc.want)
			}
		})
	}
}

func emptyStage(t *testing.T, root string) {
	remove(t, root, "build/out/stage/Beta")
	if err := os.MkdirAll(filepath.Join(root, "build/out/stage/Beta/BetaV3"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, root, name string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(root, name)); err != nil {
		t.Fatal(err)
	}
}

func TestBudget(t *testing.T) {
	t.Parallel()
	limits := Limits{Task: 100, Extension: 250, Warning: 200}
	sizes := []Size{{"A/one.br", 60}, {"A/two.br", 40}, {"A/s.js", 0}, {"AB/x.br", 90}, {"icon.png", 5}}
	tasks := []string{"A", "AB"}
	for name, tc := range map[string]struct {
		sizes         []Size
		total         int64
		warning, want string
	}{
		"within":         {sizes, 200, "", ""},
		"at the limits":  {sizes, 250, "the extension takes 0.00 MB and may take", ""},
		"task over":      {append(sizes, Size{"A/b", 1}), 150, "", "task A takes 0.00 MB in the package, more than its budget"},
		"names the big":  {append(sizes, Size{"A/b", 1}), 150, "", "the biggest parts are A/one.br 0.00 MB, A/two.br"},
		"extension over": {sizes, 251, "", "the extension takes 0.00 MB, more than its budget of"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			warning, err := limits.Check(tc.sizes, tc.total, tasks)
			if !strings.HasPrefix(warning, tc.warning) || (tc.warning == "") != (warning == "") {
				t.Errorf("Check(total %d): got warning %q, want %q", tc.total, warning, tc.warning)
			}
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Check(total %d): got error %v, want %q", tc.total, err, tc.want)
			}
		})
	}
	if diff := cmp.Diff(Limits{12_000_000, 49_000_000, 47_000_000}, Budget); diff != "" {
		t.Errorf("Budget (-want +got):\n%s", diff)
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	write := func(parts ...Part) string {
		var out bytes.Buffer
		if _, err := Write(&out, parts); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "x.vsix")
		if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a, b := Part{"a", []byte("one")}, Part{"b", []byte("two")}
	left := write(a, b)
	for name, tc := range map[string]struct {
		right string
		want  []string
	}{
		"same":    {write(a, b), nil},
		"order":   {write(b, a), []string{"all parts are the same; their order"}},
		"content": {write(a, Part{"b", []byte("2")}), []string{"b differs: 3 bytes, sha256 3fc4ccfe"}},
		"missing": {write(a), []string{"b is only in " + left}},
		"more":    {write(a, b, Part{"c", nil}), []string{"c is only in"}},
	} {
		got, err := Diff(left, tc.right)
		if err != nil || len(got) != len(tc.want) {
			t.Errorf("%s: Diff = %q, %v; want %q", name, got, err, tc.want)
			continue
		}
		for i := range got {
			if !strings.HasPrefix(got[i], tc.want[i]) {
				t.Errorf("%s: Diff line %d = %q, want it to begin with %q", name, i, got[i], tc.want[i])
			}
		}
	}
}

func TestDiffOfDamagedPackages(t *testing.T) {
	t.Parallel()
	good, _ := pack(t, staged(t))
	data, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(data)
	damaged[100] ^= 0xff // inside the first part
	for name, tc := range map[string]struct {
		data []byte
		want string
	}{
		"empty": {nil, "is not a readable package"}, "cut": {data[:len(data)/2], "is not a readable package"},
		"text": {[]byte("hello"), "is not a readable package"}, "flipped": {damaged, "part [Content_Types].xml"},
	} {
		path := filepath.Join(t.TempDir(), "bad.vsix")
		if err := os.WriteFile(path, tc.data, 0o600); err != nil {
			t.Fatal(err)
		}
		if lines, err := Diff(good, path); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("Diff with a package that is %s = %v, %v; want an error containing %q", name, lines, err, tc.want)
		}
	}
	if _, err := Diff(good, good+".gone"); err == nil {
		t.Error("Diff with a missing package: got no error")
	}
}
