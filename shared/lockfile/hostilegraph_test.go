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
