package workload

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

// FuzzRead looks for files that take the reader out of its bounds, or that it is not clear about.
func FuzzRead(f *testing.F) {
	for _, text := range []string{
		deployment, "a: &a [*a]\n", "apiVersion: v1\nkind: Pod\nspec: {containers: [{<<: *x, image: #{a}#\n",
		"resources: [a.yaml, .]\nimages: [{name: '(', newTag: x}]\npatches: [{patch: '[{path: /containers/0/image, value: a}]'}]\n",
		"\xff\xfea\x00:\x00", "%TAG ! tag:x,1:\n--- !a b\n", `{"apiVersion":"v1","kind":"List","items":[{"image":"\ud800"}]}`,
		"apiVersion: v1\nkind: Pod\nspec: {nodeSelector: {kubernetes.io/arch: a}, affinity: {nodeAffinity: " +
			"{requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [*x, {matchExpressions: [{values: [*y]}]}]}}}}\n",
	} {
		f.Add([]byte(text), []byte(text))
	}
	f.Fuzz(func(t *testing.T, manifest, kustomization []byte) {
		dir := t.TempDir()
		for name, data := range map[string][]byte{"a.yaml": manifest, "b.json": manifest, "kustomization.yaml": kustomization} {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		uses, problems, err := Read(t.Context(), dir, everything, nil)
		if err != nil {
			t.Fatal(err)
		}
		findings, err := Check(t.Context(), uses, Rules{Places: []string{"prod.azurecr.io"}, Digest: "error"})
		if err != nil {
			t.Fatal(err)
		}
		for _, finding := range append(problems, findings...) {
			if strings.ContainsFunc(finding.Text, unicode.IsControl) || strings.Contains(finding.Text, "##vso[") {
				t.Errorf("a finding is not clean: %q", finding.Text)
			}
		}
		refused := map[string]bool{}
		for _, finding := range findings {
			refused[finding.Image] = true
		}
		for _, u := range uses {
			if !refused[u.Image] && !strings.HasPrefix(strings.ToLower(u.Image), "prod.azurecr.io/") {
				t.Errorf("%q is in order, but does not come from the only allowed registry", u.Image)
			}
		}
	})
}

// FuzzImages compares the two ways to see where an image comes from: our variables filled in, and a prefix.
func FuzzImages(f *testing.F) {
	for _, image := range []string{"prod.azurecr.io/a", "prod.azurecr.io/$(a):${b}", "$(a)/b", "prod.azurecr.io${x}/b", "<a>@b"} {
		f.Add(image)
	}
	f.Fuzz(func(t *testing.T, image string) {
		found, err := Check(t.Context(), []Use{{Image: image}}, Rules{Places: []string{"prod.azurecr.io"}})
		if err != nil {
			t.Fatal(err)
		}
		if len(found) == 0 && !strings.HasPrefix(strings.ToLower(image), "prod.azurecr.io/") {
			t.Errorf("Check(%q) is in order", image)
		}
	})
}

// BenchmarkRead reads 1,000 files of two documents each.
func BenchmarkRead(b *testing.B) {
	dir := b.TempDir()
	for i := range 1000 {
		folder := filepath.Join(dir, fmt.Sprint(i%50))
		if err := os.MkdirAll(folder, 0o755); err != nil {
			b.Fatal(err)
		}
		text := deployment + "---\n" + deployment
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%d.yaml", i)), []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		uses, problems, err := Read(b.Context(), dir, []string{"**/*.yaml"}, nil)
		if err != nil || len(uses) != 8000 || len(problems) > 0 {
			b.Fatalf("%d uses, %d problems, %v", len(uses), len(problems), err)
		}
	}
}
