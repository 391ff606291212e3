package lockfile

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// lsNode is a package as npm ls prints it: what was printed before is without its own.
type lsNode struct {
	Version      string
	Missing      bool
	Dependencies map[string]lsNode
}

// TestNPMGraphAsNPMLs compares the graph of lock files that the real npm made with what
// npm ls prints of them.
func TestNPMGraphAsNPMLs(t *testing.T) {
	t.Parallel()
	script := npmPath(t, "bin/npm-cli.js")
	for _, project := range []string{"npm1", "npm2", "npm3"} {
		t.Run(project, func(t *testing.T) {
			t.Parallel()
			tree, dir := testProject(t, project), t.TempDir()
			for name, file := range tree {
				writeFiles(t, dir, name, string(file.Data))
			}
			cmd := exec.CommandContext(t.Context(), "node", script, "ls", "--all", "--json", "--package-lock-only", "--offline")
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "npm_config_cache="+filepath.Join(dir, "cache"), "npm_config_update_notifier=false")
			out, err := cmd.Output()
			var root lsNode
			if json.Unmarshal(out, &root) != nil || root.Version != "1.0.0" {
				t.Fatalf("npm ls: %v\n%s", err, out)
			}
			lock, err := Read(tree, "package-lock.json")
			if err != nil {
				t.Fatal(err)
			}
			if seen := checkLs(t, lock, 0, root, "root"); seen < 11 {
				t.Errorf("npm ls prints %d packages, want 11 or more:\n%s", seen, out)
			}
		})
	}
}

// checkLs compares what is printed below an entry, and returns how much that is.
func checkLs(t *testing.T, lock Lock, at int, printed lsNode, chain string) int {
	t.Helper()
	e := lock.Entries[at]
	if e.Version != printed.Version {
		t.Errorf("%s: npm ls prints version %s, ours is %s", chain, printed.Version, e.Version)
	}
	if printed.Dependencies == nil {
		return 1
	}
	if _, _, installed := installedIn(e.Location); installed && e.Source == Project {
		e = lock.Entries[e.Requires[0].To]
	}
	maps.DeleteFunc(printed.Dependencies, func(_ string, n lsNode) bool { return n.Missing })
	to, names := map[string]int{}, []string{}
	for _, r := range e.Requires {
		if r.To >= 0 {
			to[r.Name], names = r.To, append(names, r.Name)
		}
	}
	slices.Sort(names)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(printed.Dependencies)), names); diff != "" {
		t.Fatalf("%s requires (-npm ls +ours):\n%s", chain, diff)
	}
	seen := 1
	for name, n := range printed.Dependencies {
		seen += checkLs(t, lock, to[name], n, strings.Join([]string{chain, name}, " > "))
	}
	return seen
}
