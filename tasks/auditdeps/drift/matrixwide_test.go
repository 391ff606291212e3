package drift_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/tasks/auditdeps/npmtest"
)

// spaces is a project with workspaces.
var spaces = map[string]string{
	"package.json":            `{"name": "app", "version": "1.0.0", "private": true, "workspaces": ["packages/*"]}`,
	"packages/a/package.json": `{"name": "a", "version": "1.0.0", "dependencies": {"mkdirp": "^0.5.5"}}`,
	"packages/b/package.json": `{"name": "b", "version": "1.0.0", "dependencies": {"a": "^1.0.0", "ms": "2.1.3"}}`,
}

func spacesLock(t *testing.T) string { return lockOf(t, npmtest.New(old...), "spaces", spaces) }

// change replaces a text in one file.
func change(name, before, after string) func(project) {
	return func(p project) { p.Edit(name, before, after) }
}

var workspaceRows = map[string]row{
	"W1 stale transitive of a workspace": {lock: spacesLock, files: spaces, disk: vulnerable, vulnerable: true},
	"W2 dependency added to a workspace": {lock: spacesLock, files: spaces,
		wrong:   change("packages/a/package.json", `"mkdirp"`, `"minimist": "1.2.8", "mkdirp"`),
		refused: outOfSync, want: []string{"fail drift/manifest"}, vulnerable: true},
	"W2b dependency added that is there for another one": {lock: spacesLock, files: spaces,
		wrong: change("packages/a/package.json", `"mkdirp"`, `"ms": "^2.0.0", "mkdirp"`),
		disk:  vulnerable, want: []string{"warn drift/manifest"}, vulnerable: true},
	"W3 range of a workspace": {lock: spacesLock, files: spaces, wrong: change("packages/a/package.json", "^0.5.5", "^0.5.6"),
		refused: outOfSync, want: []string{"fail drift/manifest"}, vulnerable: true},
	"W4 new workspace": {lock: spacesLock, files: spaces, wrong: func(p project) {
		p.Write("packages/c/package.json", `{"name": "c", "version": "1.0.0", "dependencies": {"ms": "*"}}`)
	}, refused: outOfSync, want: []string{"fail drift/manifest"}, vulnerable: true},
	"W5 package in a workspace's own node_modules": {lock: spacesLock, files: spaces, later: func(p project) {
		p.Write("packages/a/node_modules/ms/package.json", `{"name": "ms", "version": "0.1.0"}`)
	}, want: []string{"fail installed/extra"}, vulnerable: true},
}

func version1Lock(t *testing.T) string {
	return lockOf(t, npmtest.New(old...), "version 1", map[string]string{"package.json": app}, "--lockfile-version=1")
}

var version1Rows = map[string]row{
	"A14 version 1": {lock: version1Lock, disk: vulnerable, vulnerable: true},
	"A14b version 1, version label edited": {lock: version1Lock, wrong: change(npmJS, `"version": "1.2.5"`, `"version": "1.2.8"`),
		disk: vulnerable, green: true, want: []string{"fail lint/address", "fail installed/version"}, vulnerable: true},
	"A14c version 1, transitive dropped": {lock: version1Lock, wrong: func(p project) {
		lock := p.Read(npmJS)
		before, after, _ := strings.Cut(lock, `    "minimist": {`)
		_, after, found := strings.Cut(after, "    },\n")
		if !found {
			p.t.Fatalf("no minimist in %s", lock)
		}
		p.Write(npmJS, before+after)
		p.Edit(npmJS, ",\n      \"requires\": {\n        \"minimist\": \"^1.2.5\"\n      }", "")
	}, disk: map[string]string{"mkdirp": "mkdirp@0.5.5", "minimist": ""}, green: true, want: []string{"fail edges/missing"}},
	"A21 npm-shrinkwrap.json beside package-lock.json": {wrong: func(p project) {
		p.Write("npm-shrinkwrap.json", newLock(p.t))
		p.Write("package.json", strings.Replace(app, "^0.5.5", "0.5.5", 1))
	}, disk: fixed, green: true, want: []string{"fail installed/version", "fail drift/manifest"}, vulnerable: true},
}

// TestShrinkwrapWins: the file that npm went by has nothing wrong.
func TestShrinkwrapWins(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{"package.json": strings.Replace(app, "^0.5.5", "0.5.5", 1), npmJS: oldLock(t),
		"npm-shrinkwrap.json": newLock(t)})
	p.Must(npmtest.NPM, "ci", "--no-audit")
	p.publish()
	p.check("npm-shrinkwrap.json", nil, false)
}

// wide are packages of every kind that there is.
func wide() *npmtest.Registry {
	r := now()
	r.Publish(
		npmtest.Package{Name: "@s/tool", Version: "2.0.0", Dependencies: map[string]string{"minimist": "~0.0.1"},
			Manifest: map[string]any{"bin": map[string]string{"tool": "index.js"}}},
		npmtest.Package{Name: "peery", Version: "1.0.0", Manifest: map[string]any{
			"peerDependencies":     map[string]string{"mkdirp": ">=0.5", "ghost": "*"},
			"peerDependenciesMeta": map[string]any{"ghost": map[string]bool{"optional": true}}}},
		npmtest.Package{Name: "only-nowhere", Version: "1.0.0", Manifest: map[string]any{"os": []string{"aix"}}},
		npmtest.Package{Name: "opt", Version: "1.0.0",
			Manifest: map[string]any{"optionalDependencies": map[string]string{"only-nowhere": "1.0.0"}}},
		npmtest.Package{Name: "inner", Version: "1.0.3"},
		npmtest.Package{Name: "bundler", Version: "1.0.0", Dependencies: map[string]string{"inner": "^1.0.0"},
			Manifest: map[string]any{"bundleDependencies": []string{"inner"}},
			Files:    map[string]string{"node_modules/inner/package.json": `{"name": "inner", "version": "1.0.3"}`}},
		npmtest.Package{Name: "cyc-a", Version: "1.0.0", Dependencies: map[string]string{"cyc-b": "*"}},
		npmtest.Package{Name: "cyc-b", Version: "1.0.0-beta.1", Dependencies: map[string]string{"cyc-a": "1.x"}},
		npmtest.Package{Name: "cyc-b", Version: "1.0.0", Dependencies: map[string]string{"cyc-a": "1.x || 2"}},
		npmtest.Package{Name: "devtool", Version: "1.0.0", Dependencies: map[string]string{"ms": "latest"}},
	)
	return r
}

const wideManifest = `{"name": "app", "version": "1.0.0",
  "dependencies": {"mkdirp": "^0.5.5", "@s/tool": "2", "peery": "1.0.0", "opt": "^1.0.0", "bundler": ">=1", "cyc-a": "*",
    "mini": "npm:minimist@0.0.8"},
  "devDependencies": {"devtool": "~1.0.0"}}`

// TestNothingWrong: in what each package manager makes of all kinds of packages nothing
// is found.
func TestNothingWrong(t *testing.T) {
	t.Parallel()
	npm := tool{npmtest.NPM, npmJS, map[string]string{}, []string{"install", "--package-lock-only"},
		[]string{"ci", "--no-audit"}, public}
	npm1, npm2 := npm, npm
	npm1.make = append(npm.make[:2:2], "--lockfile-version=1")
	npm2.make = append(npm.make[:2:2], "--lockfile-version=2")
	for name, tc := range map[string]tool{
		"npm": npm, "npm, version 2": npm2, "npm, version 1": npm1, "pnpm": pnpm, "yarn 1": yarn1, "berry": berry,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := wide()
			p := project{npmtest.NewProject(t, r, tc.files), t, r}
			p.Write("package.json", wideManifest)
			p.Must(tc.manager, tc.make...)
			p.Remove("node_modules")
			p.Must(tc.manager, tc.install...)
			if tc.address != "" {
				p.Write(tc.lock, strings.ReplaceAll(p.Read(tc.lock), p.Registry, tc.address))
			}
			p.publish()
			p.check(tc.lock, nil, false)
		})
		t.Run(name+", workspaces", func(t *testing.T) {
			t.Parallel()
			files := maps.Clone(spaces)
			maps.Copy(files, tc.files)
			files["package.json"] = spaces["package.json"]
			files["pnpm-workspace.yaml"] = "packages: ['packages/*']\n"
			if name == "pnpm" {
				files["packages/b/package.json"] = strings.Replace(files["packages/b/package.json"], "^1.0.0", "workspace:^", 1)
			}
			p := newProject(t, files)
			p.Must(tc.manager, tc.make...)
			p.Must(tc.manager, tc.install...)
			if tc.address != "" {
				p.Write(tc.lock, strings.ReplaceAll(p.Read(tc.lock), p.Registry, tc.address))
			}
			p.publish()
			p.check(tc.lock, nil, false)
		})
	}
}
