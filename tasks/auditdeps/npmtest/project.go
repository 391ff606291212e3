package npmtest

import (
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Project is a folder in which real package managers run, with a home and caches of
// their own and nothing of the machine's settings.
type Project struct {
	Dir string
	// Registry is the address that packages come from, without a slash at its end.
	Registry string
	t        testing.TB
	home     string
}

// NewProject serves the registry for as long as the test runs, and writes the files.
func NewProject(t testing.TB, r *Registry, files map[string]string) *Project {
	t.Helper()
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	p := &Project{Dir: t.TempDir(), Registry: server.URL, t: t, home: t.TempDir()}
	for name, text := range files {
		p.Write(name, text)
	}
	return p
}

// Write writes a file of the project.
func (p *Project) Write(name, text string) {
	p.t.Helper()
	file := filepath.Join(p.Dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// Read returns a file of the project.
func (p *Project) Read(name string) string {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.Dir, filepath.FromSlash(name)))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

// Edit replaces a text that must be there in a file of the project.
func (p *Project) Edit(name, old, new string) {
	p.t.Helper()
	text := p.Read(name)
	if !strings.Contains(text, old) {
		p.t.Fatalf("%s has no %q:\n%s", name, old, text)
	}
	p.Write(name, strings.ReplaceAll(text, old, new))
}

// Remove removes files or folders of the project.
func (p *Project) Remove(names ...string) {
	p.t.Helper()
	for _, name := range names {
		if err := os.RemoveAll(filepath.Join(p.Dir, filepath.FromSlash(name))); err != nil {
			p.t.Fatal(err)
		}
	}
}

// ClearCache removes what the package managers have kept of downloads.
func (p *Project) ClearCache() {
	p.t.Helper()
	if err := os.RemoveAll(filepath.Join(p.home, "cache")); err != nil {
		p.t.Fatal(err)
	}
}

// Manager is a package manager, by its program in build/npm/node_modules.
type Manager string

// The package managers, pinned by build/npm/package-lock.json.
const (
	NPM   Manager = "npm/bin/npm-cli.js"
	PNPM  Manager = "pnpm/bin/pnpm.cjs"
	Yarn1 Manager = "yarn/bin/yarn.js"
	Berry Manager = "@yarnpkg/cli-dist/bin/yarn.js"
)

// Run runs a package manager in the project, and returns what it printed.
func (p *Project) Run(m Manager, args ...string) (string, error) {
	p.t.Helper()
	root, err := repository()
	if err != nil {
		p.t.Fatal(err)
	}
	script := filepath.Join(root, "build", "npm", "node_modules", filepath.FromSlash(string(m)))
	if _, err := os.Stat(script); err != nil {
		p.t.Fatalf("%s is not installed: run `make oracles`", script)
	}
	cmd := exec.CommandContext(p.t.Context(), "node", append([]string{script}, args...)...)
	cmd.Dir = p.Dir
	cmd.Env = p.environment(m)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Must is Run of what has to work.
func (p *Project) Must(m Manager, args ...string) string {
	p.t.Helper()
	out, err := p.Run(m, args...)
	if err != nil {
		p.t.Fatalf("%s %q: %v\n%s", m, args, err, out)
	}
	return out
}

// environment is all that a package manager sees of the machine.
func (p *Project) environment(m Manager) []string {
	env := []string{
		"CI=true", "HOME=" + p.home, "USERPROFILE=" + p.home, "XDG_CONFIG_HOME=" + p.home, "TMPDIR=" + os.TempDir(),
		"npm_config_registry=" + p.Registry + "/", "npm_config_cache=" + filepath.Join(p.home, "cache", "npm"),
		"npm_config_userconfig=" + filepath.Join(p.home, ".npmrc"),
		"npm_config_globalconfig=" + filepath.Join(p.home, "global.npmrc"),
		"npm_config_omit_lockfile_registry_resolved=false", "npm_config_fund=false", "npm_config_update_notifier=false",
		"npm_config_fetch_retries=0",
		"YARN_CACHE_FOLDER=" + filepath.Join(p.home, "cache", "yarn"),
	}
	if m == PNPM {
		env = append(env, "npm_config_store_dir="+filepath.Join(p.home, "cache", "pnpm"))
	}
	for _, name := range []string{"PATH", "SYSTEMROOT", "COMSPEC", "PATHEXT"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// repository is the folder of the module that the test is of.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if filepath.Dir(dir) == dir {
			return "", fmt.Errorf("npmtest: no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
}

// BerryConfig is a .yarnrc.yml for a project in which Berry installs: into node_modules,
// from the registry of the test, and without telling anybody.
const BerryConfig = "nodeLinker: node-modules\nnpmRegistryServer: \"${npm_config_registry}\"\n" +
	"unsafeHttpWhitelist: [127.0.0.1]\nenableTelemetry: false\nenableGlobalCache: false\n" +
	"cacheFolder: \"${YARN_CACHE_FOLDER}\"\n"
