// Package tasktest runs end-to-end scripts: real pipelines, through the packed
// extension, in the local agent. It is for tests only.
//
// A task's scripts are testdata/script/*.txtar, in the language of
// github.com/rogpeppe/go-internal/testscript. Each runs in a folder of its own
// that holds the script's files, with
//
//	localagent   the local agent, on PATH, beside node, bash, git and the usual tools
//	$PACKAGE     the extension, packed for this machine as users get it
package tasktest

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// Scripts runs every script in dir, in parallel.
func Scripts(t *testing.T, dir string) {
	t.Helper()
	bin, pkg := build(t)
	testscript.Run(t, testscript.Params{
		Dir: dir,
		Setup: func(env *testscript.Env) error {
			temp := filepath.Join(env.WorkDir, ".tmp")
			env.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			env.Setenv("PACKAGE", pkg)
			env.Setenv("TMPDIR", temp)
			return os.MkdirAll(temp, 0o755)
		},
	})
}

// build compiles the local agent and packs the extension for this machine, into
// a folder that is removed with the test.
func build(t *testing.T) (bin, pkg string) {
	t.Helper()
	dir := t.TempDir()
	agent := filepath.Join(dir, "bin", "localagent")
	if runtime.GOOS == "windows" {
		agent += ".exe"
	}
	pkg = filepath.Join(dir, "guardrails.vsix")
	for _, args := range [][]string{
		{"build", "-o", agent, "./build/localagent"},
		{"run", "./build/pack", "vsix", "--targets", "host", "--quality", "1", "--out", pkg},
	} {
		cmd := exec.Command("go", args...)
		cmd.Dir = root(t)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %q: %v\n%s", args, err, out)
		}
	}
	return filepath.Dir(agent), pkg
}

// root is the repository's folder: the nearest one above with a go.mod.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the test's folder")
		}
		dir = parent
	}
}
