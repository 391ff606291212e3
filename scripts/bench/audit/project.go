package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
)

const lockName = "package-lock.json"

// project is a folder with a lock file and what is installed for it, and one with the
// lock file alone.
type project struct {
	name            string
	installed, bare string
	packages        []lockfile.Entry
	large           bool
}

// realProject is what npm resolves as things were then, so that it stays the same.
const (
	realDate     = "2026-01-01"
	realManifest = `{
  "name": "bench", "version": "1.0.0", "private": true, "license": "MIT",
  "dependencies": {
    "axios": "1.7.2", "express": "4.19.2", "lodash": "4.17.21", "react": "18.3.1", "react-dom": "18.3.1",
    "react-scripts": "5.0.1"
  },
  "devDependencies": { "mocha": "10.4.0", "typescript": "4.9.5" }
}
`
)

// prepare makes the projects that are not there yet.
func prepare(o options) ([]project, error) {
	var all []project
	add := func(name string, large bool, fill func(dir string) error) error {
		p := project{name: name, installed: filepath.Join(o.work, name), bare: filepath.Join(o.work, name+"-lock"),
			large: large}
		if err := p.make(fill); err != nil {
			return fmt.Errorf("making the project %s: %w", name, err)
		}
		lock, err := lockfile.Read(os.DirFS(p.bare), lockName)
		for _, e := range lock.Entries {
			if e.Source == lockfile.Registry {
				p.packages = append(p.packages, e)
			}
		}
		all = append(all, p)
		return err
	}
	if o.real {
		if err := add("real", false, install); err != nil {
			return nil, err
		}
	}
	for _, g := range []struct {
		name  string
		size  int
		large bool
	}{{"generated-1400", 1_400, false}, {"generated-10000", 10_000, true}} {
		if err := add(g.name, g.large, newGraph(g.size).write); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// make fills both folders, unless they are there.
func (p project) make(fill func(dir string) error) error {
	if _, err := os.Stat(filepath.Join(p.bare, lockName)); err == nil {
		return nil
	}
	for _, dir := range []string{p.installed, p.bare} {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := fill(p.installed); err != nil {
		return err
	}
	for _, name := range []string{"package.json", lockName} {
		data, err := os.ReadFile(filepath.Join(p.installed, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(p.bare, name), data, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// install makes the real project.
func install(dir string) error {
	fmt.Fprintln(os.Stderr, "Downloading the packages of the real project once; this takes some minutes.")
	if err := os.WriteFile(filepath.Join(dir, "package.json"), []byte(realManifest), 0o644); err != nil {
		return err
	}
	npm, err := filepath.Abs("build/npm/node_modules/npm/bin/npm-cli.js")
	if err != nil {
		return err
	}
	for _, args := range [][]string{{"install", "--package-lock-only", "--before=" + realDate}, {"ci"}} {
		args = append(append([]string{npm}, args...), "--ignore-scripts", "--no-audit", "--no-fund")
		cmd := exec.Command("node", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "npm_config_omit_lockfile_registry_resolved=false", "npm_config_loglevel=error")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("npm %s: %w: %s", args[1], err, out)
		}
	}
	return nil
}

// write writes a generated project.
func (g graph) write(dir string) error {
	manifest := map[string]any{"name": "bench", "version": "1.0.0", "private": true}
	for _, r := range g.roots {
		kind := "dependencies"
		if r.dev {
			kind = "devDependencies"
		}
		if manifest[kind] == nil {
			manifest[kind] = map[string]string{}
		}
		manifest[kind].(map[string]string)[r.to.name] = r.wanted
	}
	locked := map[string]any{}
	for _, p := range g.packages {
		locked[p.location] = p.locked()
		if err := p.install(filepath.Join(dir, filepath.FromSlash(p.location))); err != nil {
			return err
		}
	}
	lock := map[string]any{
		"name": "bench", "version": "1.0.0", "lockfileVersion": 3, "requires": true, "packages": locked,
	}
	if err := writeJSON(filepath.Join(dir, "node_modules", ".package-lock.json"), lock); err != nil {
		return err
	}
	locked[""] = manifest
	if err := writeJSON(filepath.Join(dir, lockName), lock); err != nil {
		return err
	}
	return writeJSON(filepath.Join(dir, "package.json"), manifest)
}

func writeJSON(name string, value any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // nor does npm
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return err
	}
	return os.WriteFile(name, text.Bytes(), 0o644)
}

// locked is what the lock file says of a package.
func (p *node) locked() map[string]any {
	base := p.name[strings.LastIndex(p.name, "/")+1:]
	entry := map[string]any{
		"version":   p.version,
		"resolved":  fmt.Sprintf("https://registry.npmjs.org/%s/-/%s-%s.tgz", p.name, base, p.version),
		"integrity": p.integrity, "license": "MIT", "engines": map[string]string{"node": ">=10"},
	}
	if p.dev {
		entry["dev"] = true
	}
	if len(p.requires) > 0 {
		entry["dependencies"] = p.dependencies()
	}
	return entry
}

func (p *node) dependencies() map[string]string {
	all := map[string]string{}
	for _, r := range p.requires {
		all[r.to.name] = r.wanted
	}
	return all
}

// install writes what is installed of a package.
func (p *node) install(dir string) error {
	manifest := map[string]any{
		"name": p.name, "version": p.version, "license": "MIT", "main": "index.js",
		"description": "One of the packages that a benchmark has made up, with a manifest as long as they usually are",
		"repository":  map[string]string{"type": "git", "url": "git+https://example.com/" + p.name + ".git"},
		"author":      map[string]string{"name": "Somebody", "email": "somebody@example.com"},
		"keywords":    []string{"benchmark", "package", "node", "modules", "generated"},
		"scripts":     map[string]string{"test": "mocha --reporter spec", "lint": "eslint .", "build": "rollup -c"},
		"files":       []string{"index.js", "lib"}, "engines": map[string]string{"node": ">=10"},
		"devDependencies": map[string]string{"mocha": "^10.0.0", "eslint": "^8.0.0", "rollup": "^4.0.0"},
	}
	if len(p.requires) > 0 {
		manifest["dependencies"] = p.dependencies()
	}
	if err := os.MkdirAll(filepath.Join(dir, "lib"), 0o755); err != nil {
		return err
	}
	for _, name := range []string{"index.js", "README.md", "LICENSE", "lib/main.js"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("// "+p.name+"\n"), 0o644); err != nil {
			return err
		}
	}
	return writeJSON(filepath.Join(dir, "package.json"), manifest)
}
