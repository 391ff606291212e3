// Package tasktest runs end-to-end scripts: real pipelines, through the packed
// extension, in the local agent. It is for tests only.
//
// A task's scripts are testdata/script/*.txtar, in the language of
// github.com/rogpeppe/go-internal/testscript. Each runs in a folder of its own
// that holds the script's files, with
//
//	localagent   the local agent, on PATH, beside node, bash, git and the usual tools
//	fakeazure    Entra and Key Vault for the program that it runs, on PATH:
//	             "fakeazure -config vaults.json -- localagent run ...", see
//	             scripts/services/azure for what the file may hold
//	fakepackages a registry of npm packages and OSV's advisories for the program that it
//	             runs, on PATH, see scripts/services/packages
//	fakedevops   git repositories, pipelines that a push starts, the REST calls and the
//	             receivers of alerts for the program that it runs, on PATH, see
//	             scripts/services/devops
//	fakeregistry a registry of container images, BuildKit and a Docker engine for the
//	             program that it runs, on PATH, see scripts/services/registry
//	[containers] whether BuildKit runs on this machine; where it must, in CI, a script
//	             that asks fails if not
//	$PACKAGE     the extension, packed for this machine as users get it
//	damage       "damage in.vsix out.vsix suffix" copies a package and changes a byte
//	             in the middle of the parts whose names end in suffix
package tasktest

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// Scripts runs every script in dir, in parallel, each with more files beside its own.
func Scripts(t *testing.T, dir string, more ...Files) {
	t.Helper()
	if len(more) > 0 {
		dir = beside(t, dir, more)
	}
	bin, pkg := build(t)
	containers := sync.OnceValues(func() (bool, error) { return containers(bin) })
	testscript.Run(t, testscript.Params{
		Dir:  dir,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"damage": damage},
		Condition: func(name string) (bool, error) {
			if name != "containers" {
				return false, fmt.Errorf("there is no condition %q", name)
			}
			return containers()
		},
		Setup: func(env *testscript.Env) error {
			temp := filepath.Join(env.WorkDir, ".tmp")
			env.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			env.Setenv("PACKAGE", pkg)
			env.Setenv("TMPDIR", temp)
			return os.MkdirAll(temp, 0o755)
		},
	})
}

// unavailable is how fakeregistry ends where containers cannot run.
const unavailable = 3

// containers tries whether BuildKit runs here. It is an error if that is to be in CI.
func containers(bin string) (bool, error) {
	out, err := exec.Command(filepath.Join(bin, "fakeregistry"), "-daemons", "buildkit", "--", "true").CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return true, nil
	case errors.As(err, &exit) && exit.ExitCode() == unavailable && os.Getenv("CI")+os.Getenv("TF_BUILD") == "":
		return false, nil
	}
	return false, fmt.Errorf("BuildKit does not run: %w\n%s", err, out)
}

func damage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: damage in.vsix out.vsix suffix")
	}
	changed, err := rewrite(ts.MkAbs(args[0]), ts.MkAbs(args[1]), args[2])
	ts.Check(err)
	if changed == 0 {
		ts.Fatalf("%s has no part that ends in %s", args[0], args[2])
	}
}

// rewrite copies a package, with a byte changed in the parts that end in suffix,
// and returns how many it has changed. The checksums of the zip are right again.
func rewrite(from, to, suffix string) (changed int, err error) {
	in, err := zip.OpenReader(from)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	var packed bytes.Buffer
	out := zip.NewWriter(&packed)
	for _, part := range in.File {
		data, err := fs.ReadFile(in, part.Name)
		if err != nil {
			return 0, err
		}
		if strings.HasSuffix(part.Name, suffix) && len(data) > 0 {
			data[len(data)/2] ^= 1
			changed++
		}
		w, err := out.Create(part.Name)
		if err != nil {
			return 0, err
		}
		if _, err := w.Write(data); err != nil {
			return 0, err
		}
	}
	if err := out.Close(); err != nil {
		return 0, err
	}
	return changed, os.WriteFile(to, packed.Bytes(), 0o600)
}

// build compiles the local agent and the services, and packs the extension for this
// machine, into a folder that is removed with the test.
func build(t *testing.T) (bin, pkg string) {
	t.Helper()
	dir := t.TempDir()
	bin = filepath.Join(dir, "bin")
	suffix := ""
	if runtime.GOOS == "windows" {
		suffix = ".exe"
	}
	pkg = filepath.Join(dir, "guardrails.vsix")
	for _, args := range [][]string{
		{"build", "-o", filepath.Join(bin, "localagent"+suffix), "./build/localagent"},
		{"build", "-o", filepath.Join(bin, "fakeazure"+suffix), "./scripts/services/azure"},
		{"build", "-o", filepath.Join(bin, "fakepackages"+suffix), "./scripts/services/packages"},
		{"build", "-o", filepath.Join(bin, "fakedevops"+suffix), "./scripts/services/devops"},
		{"build", "-o", filepath.Join(bin, "fakeregistry"+suffix), "./scripts/services/registry"},
		{"run", "./build/pack", "vsix", "--targets", "host", "--quality", "1", "--out", pkg},
	} {
		cmd := exec.Command("go", args...)
		cmd.Dir = root(t)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %q: %v\n%s", args, err, out)
		}
	}
	return bin, pkg
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
