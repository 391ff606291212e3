package auditdeps

import (
	"os"
	"testing"
)

// monorepo has three npm projects and one of Go, of which api/old has the vulnerability.
func monorepo(j *job) {
	j.npm("web", "other@1.0.0", pkg{"other@1.0.0", ""})
	j.npm("api", "other@1.0.0", pkg{"other@1.0.0", ""})
	j.npm("api/old", "victim@1.0.0", pkg{"victim@1.0.0", ""})
	j.write("tool/go.mod", "module example.com/tool\n\ngo 1.20\n")
	j.osv.Set("Go", "GO-2026-1", about("Go", "example.com/other", "GO-2026-1").String())
}

func TestWorkingDirectory(t *testing.T) {
	t.Parallel()
	const found = "FAILS         victim"
	for name, tc := range map[string]struct {
		lines  string
		change func(j *job)
		result string
		says   []string
	}{
		"empty is all":        {"", nil, "Failed", []string{found, "api/old/package-lock.json: npm", "web/package-lock.json", "tool/go.mod"}},
		"one":                 {"web", nil, "Succeeded", []string{"web/package-lock.json: npm", "!api/"}},
		"below one":           {"api", nil, "Failed", []string{found, "api/package-lock.json", "!web/"}},
		"a wildcard":          {"w*", nil, "Succeeded", []string{"web/package-lock.json", "!api/"}},
		"any depth":           {"**/old", nil, "Failed", []string{found, "!api/package-lock.json", "!web/"}},
		"one letter":          {"?eb", nil, "Succeeded", []string{"web/package-lock.json", "!api/"}},
		"all but one":         {"*\n!api/old", nil, "Succeeded", []string{"api/package-lock.json", "!old"}},
		"all but by wildcard": {"!**/old", nil, "Succeeded", []string{"api/package-lock.json", "web/package-lock.json", "!old"}},
		"twice, and within":   {"api\napi/old\n./api", nil, "Failed", []string{found, "of 2 lock files"}},
		"absolute": {
			"ABSOLUTE", func(j *job) { j.input("workingDirectory", j.source("web")) }, "Succeeded",
			[]string{"web/package-lock.json: npm", "!api/"},
		},
		"outside of the sources": {"ABSOLUTE", func(j *job) {
			j.must(os.Rename(j.source("web"), j.path("elsewhere")))
			j.input("workingDirectory", j.path("elsewhere"))
		}, "Succeeded", []string{"elsewhere/package-lock.json: npm", "!api/"}},
		"one that is not there": {
			"nowhere", nil, "Failed", []string{`input "workingDirectory"`, "nowhere", "!Audited"},
		},
		"one of two is not there":    {"web\nnowhere", nil, "Failed", []string{`input "workingDirectory"`, "!Audited"}},
		"a wildcard without a match": {"web\nno*where", nil, "Failed", []string{`no folder is named "no*where"`, "!Audited"}},
		"one without lock files": {
			"docs", func(j *job) { j.write("docs/x.md", "") }, "Failed", []string{"no lock file was found"},
		},
		"a file": {"web/package.json", nil, "Failed", []string{`input "workingDirectory"`}},
		"what is installed is not searched": {
			"", func(j *job) {
				j.remove("api/old").write("web/node_modules/other/package-lock.json", "{")
				j.write(".venv/lib/python3.12/site-packages/x/requirements.txt", "victim\n")
			}, "Succeeded", []string{"of 3 lock files"},
		},
		"a folder is not left out because it looks like an environment": {
			"", func(j *job) {
				j.remove("api/old").write("svc/pyvenv.cfg", "").write("svc/requirements.txt", "victim\n")
			},
			"Failed", []string{"svc/requirements.txt"},
		},
		"installed packages that no lock file knows": {
			"", func(j *job) {
				j.remove("api/old").write("src/node_modules/victim/package.json", `{"name": "victim", "version": "1.0.0"}`)
			}, "Failed", []string{"cannot audit: src/node_modules has packages that no lock file knows"},
		},
		"what tools keep there": {
			"", func(j *job) { j.remove("api/old").write("src/node_modules/.cache/x", "") }, "Succeeded", nil,
		},
		"unless it is named": {
			"web/node_modules/other", func(j *job) { j.write("web/node_modules/other/package-lock.json", "{") }, "Failed",
			[]string{"cannot audit: web/node_modules/other/package-lock.json"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, bad().String())
			monorepo(j)
			j.input("workingDirectory", tc.lines)
			if tc.change != nil {
				tc.change(j)
			}
			j.expect(tc.result, tc.says...)
		})
	}
}

// A lock file that a link makes look as if it were within is not read.
func TestLinkedLockFile(t *testing.T) {
	t.Parallel()
	j := newJob(t, bad().String()).victim()
	j.must(os.Rename(j.source("package-lock.json"), j.path("outside.json")))
	if err := os.Symlink(j.path("outside.json"), j.source("package-lock.json")); err != nil {
		t.Skip(err)
	}
	j.expect("Failed", "cannot audit: ").outputs("result=cannotAudit")
}

func TestEcosystems(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		list, result, outcome string
		says                  []string
	}{
		"auto":           {"auto", "Failed", "findings", []string{"tool/go.mod: go", "web/package-lock.json: npm"}},
		"empty is auto":  {"", "Failed", "findings", []string{"tool/go.mod: go", "web/package-lock.json: npm"}},
		"one":            {"go", "Succeeded", "clean", []string{"tool/go.mod: go", "!package-lock"}},
		"two":            {"go , NPM", "Failed", "findings", []string{"tool/go.mod: go", "web/package-lock.json: npm"}},
		"one is missing": {"go, cargo", "Failed", "cannotAudit", []string{"ecosystems names cargo, and no lock file of it was found"}},
		"only a missing": {"cargo", "Failed", "cannotAudit", []string{"ecosystems names cargo"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, bad().String())
			monorepo(j)
			j.input("ecosystems", tc.list).expect(tc.result, tc.says...).outputs("result=" + tc.outcome)
		})
	}
}

// A manifest without a lock file asks for nothing, or belongs to a workspace above, or is
// of an ecosystem that nobody asks for.
func TestBareManifests(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(j *job)
		result string
	}{
		"it asks for something": {func(j *job) { j.write("lib/package.json", `{"dependencies": {"victim": "*"}}`) }, "SucceededWithIssues"},
		"for development":       {func(j *job) { j.write("lib/package.json", `{"devDependencies": {"victim": "*"}}`) }, "SucceededWithIssues"},
		"it asks for nothing":   {func(j *job) { j.write("lib/package.json", `{"type": "module"}`) }, "Succeeded"},
		"of a workspace": {func(j *job) {
			j.edit("web/package.json", `"name": "shop"`, `"name": "shop", "workspaces": ["lib"]`)
			j.edit("web/package-lock.json", `    "": {`, `    "": {
      "workspaces": ["lib"],`)
			j.edit("web/package-lock.json", `"node_modules/other": {`, `"lib": {"version": "1.0.0", "dependencies": {"other": "^1.0.0"}},
    "node_modules/lib": {"resolved": "lib", "link": true},
    "node_modules/other": {`)
			j.write("web/lib/package.json", `{"name": "lib", "version": "1.0.0", "dependencies": {"other": "^1.0.0"}}`)
			j.input("checks", "advisories, drift, lint")
		}, "Succeeded"},
		"a lock file above that does not know it": {
			func(j *job) { j.write("web/lib/package.json", `{"dependencies": {"victim": "*"}}`) }, "SucceededWithIssues",
		},
		"taken out": {func(j *job) {
			j.write("lib/package.json", `{"dependencies": {"victim": "*"}}`).input("workingDirectory", "!lib")
		}, "Succeeded"},
		"another ecosystem": {func(j *job) {
			j.write("lib/package.json", `{"dependencies": {"victim": "*"}}`).input("ecosystems", "go")
		}, "Succeeded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, bad().String())
			monorepo(j)
			j.remove("api")
			tc.change(j)
			j.expect(tc.result)
		})
	}
}

// Each project is audited by itself, and what is in two of them is told twice.
func TestSeveralProjects(t *testing.T) {
	t.Parallel()
	j := newJob(t, bad().String(), about("Go", "example.com/victim", "GO-2026-7").String())
	monorepo(j)
	j.remove("web").npm("web", "victim@1.0.0", pkg{"victim@1.0.0", ""})
	j.install("api", "other@9.9.9", "").input("checks", "advisories, installed")
	j.expect("Failed", "(api/old/package-lock.json:", "(web/package-lock.json:", "installed/version").
		outputs("result=findings", "high=2", "drift=1")
	var paths []string
	for _, i := range j.issues() {
		paths = append(paths, i.Code+" "+i.Path)
	}
	for _, want := range []string{
		"auditdeps/vulnerability api/old/package-lock.json", "auditdeps/vulnerability web/package-lock.json",
		"installed/version api/package-lock.json",
	} {
		n := 0
		for _, got := range paths {
			if got == want {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d issues are %q, want one: %q", n, want, paths)
		}
	}
	j.holds("the summary", j.summary(), "api/old/package-lock.json:", "web/package-lock.json:")
	j.holds("the SARIF file", j.written(".sarif"), "api/old/package-lock.json", "web/package-lock.json")
}
