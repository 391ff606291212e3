package ecosystem

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/safecache/claim"
)

// Package managers of Node.js, pinned in build/npm.
const (
	npmScript   = "npm/bin/npm-cli.js"
	yarn1Script = "yarn/bin/yarn.js"
	berryScript = "@yarnpkg/cli-dist/bin/yarn.js"
	pnpmScript  = "pnpm/bin/pnpm.cjs"
)

// nowhere is a registry that does not answer.
const nowhere = "npm_config_registry=http://127.0.0.1:9/"

// nodeProject is a project with a lock file, and the package manager it is for.
type nodeProject struct {
	dir    string
	lock   lockfile.Lock
	script string
	tool   Ecosystem
	env    []string
}

// newNodeProject unpacks a project of testdata.
func newNodeProject(t *testing.T, name, script string, tool Ecosystem, env ...string) nodeProject {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", name+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	p := nodeProject{dir: t.TempDir(), script: script, tool: tool, env: env}
	for _, f := range archive.Files {
		write(t, filepath.Join(p.dir, f.Name), string(f.Data))
	}
	p.read(t)
	return p
}

// read reads the project's lock file.
func (p *nodeProject) read(t *testing.T) {
	t.Helper()
	i := slices.IndexFunc(p.tool.Locks, func(name string) bool {
		_, err := os.Stat(filepath.Join(p.dir, name))
		return err == nil
	})
	lock, err := lockfile.Read(os.DirFS(p.dir), p.tool.Locks[i])
	if err != nil {
		t.Fatal(err)
	}
	p.lock = lock
}

// run runs the package manager in the project, with the machine's own settings but
// for the ones given, in which it must see no other cache.
func (p nodeProject) run(t *testing.T, env []string, args ...string) (string, error) {
	t.Helper()
	script, err := filepath.Abs(filepath.Join("../../../build/npm/node_modules", filepath.FromSlash(p.script)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(script); err != nil {
		t.Fatalf("%s is not installed: run `make oracles`", script)
	}
	return p.node(t, slices.Concat(p.env, env), append([]string{script}, args...)...)
}

func (p nodeProject) node(t *testing.T, env []string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", args...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (p nodeProject) must(t *testing.T, env []string, args ...string) string {
	t.Helper()
	out, err := p.run(t, env, args...)
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", p.script, args, err, out)
	}
	return out
}

// works checks that the packages are installed, by using some of them.
func (p nodeProject) works(t *testing.T) {
	t.Helper()
	out, err := p.node(t, nil, "-p", `require("chalk").level >= 0 && require("debug") && `+
		`require("minimatch")("a.js", "*.js") && require("lodash4").VERSION`)
	if err != nil || !strings.HasSuffix(out, "4.17.21\n") {
		t.Fatalf("the installed packages do not work: %v\n%s", err, out)
	}
}

// clean removes what is installed.
func (p nodeProject) clean(t *testing.T) {
	t.Helper()
	for _, name := range []string{"node_modules", ".yarn", ".pnp.cjs"} {
		if err := os.RemoveAll(filepath.Join(p.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func (p nodeProject) plan() Plan { return p.tool.Plan([]lockfile.Lock{p.lock}) }

// keep copies the claimed files of a cache; also those that nothing proves, if the
// plan says so.
func (p nodeProject) keep(t *testing.T, cache string) (string, []string) {
	t.Helper()
	plan := p.plan()
	return keep(t, cache, func(path string) (claim.Claim, bool) {
		c, ok := plan.Claims(path)
		if plan.Unproven != "" && c.Hash == 0 {
			c.Deep = func(fs.FS, string) error { return nil }
		}
		return c, ok
	})
}

// offline installs from a folder with the claimed files alone, and then shows that
// one file less would not do: that the install took nothing from elsewhere.
func (p nodeProject) offline(t *testing.T, cache string, install func(cache string) (string, error)) {
	t.Helper()
	kept, names := p.keep(t, cache)
	p.clean(t)
	if out, err := install(kept); err != nil {
		t.Fatalf("installing from %d claimed files: %v\n%s", len(names), err, out)
	}
	p.works(t)
	p.clean(t)
	if err := os.RemoveAll(kept); err != nil {
		t.Fatal(err)
	}
	if out, err := install(kept); err == nil {
		t.Fatalf("an install from nothing succeeded: it was not offline\n%s", out)
	}
}

// folderCases are machines and where a package manager keeps its downloads there.
type folderCases map[string]struct {
	host Host
	want string
}

func checkFolders(t *testing.T, e Ecosystem, cases folderCases) {
	t.Helper()
	for name, tc := range cases {
		if got := e.Folder(tc.host); got != tc.want {
			t.Errorf("%s: Folder: got %q, want %q", name, got, tc.want)
		}
	}
}

// checkClaims compares whether paths are claimed.
func checkClaims(t *testing.T, plan Plan, want map[string]bool) {
	t.Helper()
	for path, want := range want {
		if _, got := plan.Claims(path); got != want {
			t.Errorf("Claims(%q): got %v, want %v", path, got, want)
		}
	}
}

func TestNamed(t *testing.T) {
	t.Parallel()
	for _, e := range All() {
		got, ok := Named(e.Name)
		if !ok || got.Name != e.Name || len(e.Locks) == 0 || e.Folder == nil || e.Plan == nil || e.Next == "" {
			t.Errorf("Named(%q): got %v %v; it must be complete", e.Name, got.Name, ok)
		}
		for _, lock := range e.Locks {
			if !lockfile.Known(lock) {
				t.Errorf("%s: package lockfile does not know %s", e.Name, lock)
			}
		}
	}
	if _, ok := Named("bower"); ok {
		t.Error(`Named("bower") found something`)
	}
}
