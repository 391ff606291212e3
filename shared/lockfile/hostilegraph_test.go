package lockfile

import (
	"fmt"
	"strings"
	"testing"
)

// TestGraphsStaySmall has files in which each requirement could be answered by each of
// thousands of packages: the graph must not become the square of the file.
func TestGraphsStaySmall(t *testing.T) {
	t.Parallel()
	const many = 5_000
	repeat := func(format string) string {
		var b strings.Builder
		for i := range many {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	for name, text := range map[string]string{
		"poetry.lock": repeat("[[package]]\nname='a'\nversion='1.%d'\n[package.dependencies]\na='>0'\n"),
		"pdm.lock":    "[[package]]\nname='a'\nversion='1'\ndependencies=[" + repeat("'a>%d',") + "]\n" + repeat("[[package]]\nname='a'\nversion='%d'\n"),
		"uv.lock": "version=1\n[[package]]\nname='a'\nversion='1'\nsource={virtual='.'}\ndependencies=[" + repeat("{name='a',version='%d'},") +
			"]\n[package.metadata]\nrequires-dist=[" + repeat("{name='a',specifier='<%d'},") + "]\n" + repeat("[[package]]\nname='a'\nversion='%d'\n"),
		"Cargo.lock": "[[package]]\nname='a'\nversion='1.0.0'\ndependencies=[" + repeat("'a 1.0.0 (x%d)',") + "]\n" +
			repeat("[[package]]\nname='a'\nversion='1.0.0'\nsource='git+x%d'\n"),
		"requirements.txt": repeat("a==%d\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lock, err := Read(mapTree(name, text), name)
			if err != nil {
				t.Fatal(err)
			}
			edges := 0
			for _, e := range lock.Entries {
				edges += len(e.Requires)
			}
			if len(lock.Entries) < many || edges > many*maxAnswers {
				t.Errorf("Read: got %d entries and %d edges, want %d and at most %d for each", len(lock.Entries), edges, many, maxAnswers)
			}
		})
	}
}

func TestIncludesAreBounded(t *testing.T) {
	t.Parallel()
	files := []string{"requirements.txt", "-r 0.txt\n"}
	for i := range maxIncludes + 10 { // each includes the next
		files = append(files, fmt.Sprintf("%d.txt", i), fmt.Sprintf("p%d==1\n-r %d.txt\n", i, i+1))
	}
	lock, err := Read(mapTree(files...), "requirements.txt")
	if err != nil || len(lock.Entries) != maxIncludes || len(lock.Contradictions) != 1 {
		t.Errorf("Read: got %d entries, contradictions %q, error %v, want %d entries and one contradiction",
			len(lock.Entries), contradictions(lock), err, maxIncludes)
	}
	large := strings.Repeat("#", maxManifest)
	lock, err = Read(mapTree("requirements.txt", "-r a.txt\n-r b.txt\n", "a.txt", large, "b.txt", "x==1"), "requirements.txt")
	if err != nil || len(lock.Contradictions) != 1 {
		t.Errorf("Read: got contradictions %q, error %v, want one: together the files are too large", contradictions(lock), err)
	}
}

func TestPOMsAreBounded(t *testing.T) {
	t.Parallel()
	lock, err := Read(mapTree("pom.xml", "<project>"+strings.Repeat(" ", maxPOM)+"</project>"), "pom.xml")
	if err != nil || len(lock.Contradictions) != 1 || !strings.Contains(lock.Contradictions[0].Text, "larger than 8 MiB") {
		t.Errorf("Read: got contradictions %q, error %v, want one about the size", contradictions(lock), err)
	}
	p := &pomFile{properties: map[string]string{"long": strings.Repeat("x", maxPOMText+1)}}
	if got, ok := p.value(strings.Repeat("${long}", 50)); ok || len(got) > maxPOMText {
		t.Errorf("value: got %d bytes, %v, want none: a property is too long", len(got), ok)
	}
}

// TestManifestsThatCannotBeReadAreLeftToStale has manifests that are broken: the entries
// are there, and who compares the two is told.
func TestManifestsThatCannotBeReadAreLeftToStale(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ lock, manifest string }{
		"poetry.lock":  {"[[package]]\nname='a'\nversion='1'\n", "pyproject.toml"},
		"Pipfile.lock": {`{"default": {"a": {"version": "==1"}}}`, "Pipfile"},
		"Cargo.lock":   {cratePackage("a", "1.0.0", cratesIO, sumA), "Cargo.toml"},
		"go.sum":       {"example.com/a v1.0.0 " + h1A + "\n", "go.mod"},
	} {
		tree := mapTree(name, tc.lock, tc.manifest, "module\n")
		lock, err := Read(tree, name)
		if err != nil || len(lock.Entries) == 0 {
			t.Errorf("Read(%s): got %v, %v, want the package", name, lock.Entries, err)
			continue
		}
		if err := Stale(tree, lock); err == nil || !strings.Contains(err.Error(), tc.manifest) {
			t.Errorf("Stale(%s): got %v, want an error that names %s", name, err, tc.manifest)
		}
	}
}
