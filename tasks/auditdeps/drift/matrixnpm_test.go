package drift_test

import (
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/tasks/auditdeps/npmtest"
)

const (
	tarball   = public + "/minimist/-/minimist-"
	outOfSync = "can only install packages when your package.json and package-lock.json"
)

var (
	vulnerable = map[string]string{"mkdirp": "mkdirp@0.5.5", "minimist": "minimist@1.2.5"}
	fixed      = map[string]string{"mkdirp": "mkdirp@0.5.5", "minimist": "minimist@1.2.8"}
)

// manifest replaces package.json.
func manifest(text string) func(project) {
	return func(p project) { p.Write("package.json", text) }
}

// nested forces another version of minimist than the newest, within mkdirp only.
const nested = `{"name": "app", "version": "1.0.0", "dependencies": {"mkdirp": "^0.5.5"},
  "overrides": {"mkdirp@^0.5.5": {"minimist": "~1.2.6 <1.2.8"}}}`

// manifestRows are those about manifests.
var manifestRows = map[string]row{
	"A0 nothing is wrong": {lock: newLock, disk: fixed, green: true,
		wrong: manifest(strings.Replace(app, "^0.5.5", "0.5.5", 1))},
	"A1 stale transitive, still in range": {disk: vulnerable, vulnerable: true},
	"A2 direct range bumped, lock stale": {wrong: manifest(strings.Replace(app, "^0.5.5", "^0.5.6", 1)),
		refused: outOfSync, want: []string{"fail drift/manifest"}, vulnerable: true},
	"A3 dependency added": {wrong: manifest(strings.Replace(app, "{\"mkdirp", "{\"ms\": \"2.1.3\", \"mkdirp", 1)),
		refused: outOfSync, want: []string{"fail drift/manifest"}, vulnerable: true},
	"A4 dependency removed, left in the lock": {wrong: manifest(`{"name": "app", "version": "1.0.0"}`),
		disk: map[string]string{"minimist": ""}, want: []string{"fail drift/manifest"}, vulnerable: true},
	"A5 overrides added": {wrong: manifest(strings.Replace(app, "{", `{"overrides": {"minimist": "1.2.8"}, `, 1)),
		refused: outOfSync, want: []string{"fail drift/override"}, vulnerable: true},
	"A5 nested overrides added": {
		wrong:   manifest(strings.Replace(app, "{", `{"overrides": {"mkdirp": {"minimist": "1.2.8"}}, `, 1)),
		refused: outOfSync, want: []string{"fail drift/override"}, vulnerable: true},
	"A5 nested overrides, for other versions": {
		wrong: manifest(strings.Replace(app, "{", `{"overrides": {"mkdirp@>1": {"minimist": "1.2.8"}}, `, 1)),
		disk:  vulnerable, vulnerable: true},
	"A5 nested overrides, heeded": {lock: func(t *testing.T) string {
		return lockOf(t, now(), "nested", map[string]string{"package.json": nested})
	}, wrong: manifest(nested), disk: fixedBut("0.5.6", "1.2.6"), green: true},
	"A19 any version asked for, old lock": {wrong: func(p project) {
		p.Write("package.json", strings.Replace(app, "^0.5.5", "*", 1))
		p.Edit(npmJS, `"mkdirp": "^0.5.5"`, `"mkdirp": "*"`)
	}, disk: vulnerable, vulnerable: true},
	"A20 range changed but satisfied": {wrong: manifest(strings.Replace(app, "^0.5.5", "~0.5.4", 1)),
		disk: vulnerable, want: []string{"warn drift/manifest"}, vulnerable: true},
	"A20 range changed but satisfied, and one that is not": {
		wrong:   manifest(strings.Replace(app, `"mkdirp": "^0.5.5"`, `"mkdirp": "~0.5.4", "minimist": "^1.2.6"`, 1)),
		refused: outOfSync, want: []string{"fail drift/manifest"}, vulnerable: true},
}

// lockRows are those about a lock file that was edited.
var lockRows = map[string]row{
	"A6 version label edited": {wrong: func(p project) { p.set(map[string]any{"version": "1.2.8"}) },
		disk: vulnerable, green: true, want: []string{"fail lint/address", "fail installed/version"}, vulnerable: true},
	"A7 archive of another version": {wrong: func(p project) {
		p.set(map[string]any{"resolved": tarball + "1.2.8.tgz", "integrity": p.r.Integrity("minimist", "1.2.8")})
	}, disk: fixed, want: []string{"fail lint/address", "fail installed/version"}, vulnerable: true},
	"A7b foreign host": {wrong: func(p project) {
		at, r := foreign(p.t, npmtest.Package{Name: "minimist", Version: "1.2.9"})
		p.set(map[string]any{"version": "1.2.8", "resolved": at + "/minimist/-/minimist-1.2.9.tgz",
			"integrity": r.Integrity("minimist", "1.2.9")})
	}, disk: map[string]string{"minimist": "minimist@1.2.9"}, green: true,
		want: []string{"fail lint/host", "fail lint/address", "fail installed/version"}},
	"A7c foreign host without integrity": {wrong: func(p project) {
		at, _ := foreign(p.t, npmtest.Package{Name: "minimist", Version: "1.2.8",
			Files: map[string]string{"index.js": "steal()"}})
		p.set(map[string]any{"version": "1.2.8", "resolved": at + "/minimist/-/minimist-1.2.8.tgz", "integrity": nil})
	}, disk: fixed, green: true, want: []string{"fail lint/host", "fail lint/integrity-missing"}},
	"A8 archive of another package": {lock: newLock, wrong: func(p project) {
		p.Write("package.json", strings.Replace(app, "^0.5.5", "0.5.5", 1))
		p.set(map[string]any{"resolved": public + "/ms/-/ms-2.1.3.tgz", "integrity": p.r.Integrity("ms", "2.1.3")})
	}, disk: map[string]string{"minimist": "ms@2.1.3"}, green: true,
		want: []string{"fail lint/address", "fail installed/other"}},
	"A9 integrity removed": {wrong: func(p project) { p.set(map[string]any{"integrity": nil}) },
		disk: vulnerable, want: []string{"fail lint/integrity-missing"}, vulnerable: true},
	"A10 integrity of another version, cold cache": {wrong: func(p project) {
		p.set(map[string]any{"integrity": p.r.Integrity("minimist", "1.2.8")})
	}, refused: "EINTEGRITY", vulnerable: true},
	"A10 integrity of another version, warm cache": {wrong: func(p project) {
		p.Must(npmtest.NPM, "cache", "add", "minimist@1.2.8")
		p.set(map[string]any{"integrity": p.r.Integrity("minimist", "1.2.8")})
	}, disk: fixed, want: []string{"fail installed/version"}, vulnerable: true},
	"A12 metadata tightened": {wrong: func(p project) {
		p.lock(npmJS, func(packages map[string]map[string]any) {
			packages["node_modules/mkdirp"]["dependencies"] = map[string]any{"minimist": "^1.2.6"}
		})
	}, refused: outOfSync, vulnerable: true, want: []string{"fail edges/lock"}},
	"A12b metadata loosened": {wrong: func(p project) {
		p.lock(npmJS, func(packages map[string]map[string]any) {
			packages["node_modules/mkdirp"]["dependencies"] = map[string]any{"minimist": "*"}
		})
		p.set(map[string]any{"version": "0.0.8", "resolved": tarball + "0.0.8.tgz",
			"integrity": p.r.Integrity("minimist", "0.0.8")})
	}, disk: map[string]string{"minimist": "minimist@0.0.8"}, want: []string{"fail edges/range", "warn edges/lock"}},
	"A13 transitive dropped": {wrong: func(p project) {
		p.lock(npmJS, func(packages map[string]map[string]any) {
			delete(packages, "node_modules/minimist")
			delete(packages["node_modules/mkdirp"], "dependencies")
		})
	}, disk: map[string]string{"mkdirp": "mkdirp@0.5.5", "minimist": ""}, green: true, want: []string{"fail edges/missing"}},
	"A22 flag says development": {wrong: func(p project) { p.set(map[string]any{"dev": true}) },
		install: []string{"ci", "--no-audit", "--omit=dev"}, audit: []string{"--omit=dev"}, green: true,
		want: []string{"fail lint/reach"}, vulnerable: true},
	"A23 flag says optional": {wrong: func(p project) { p.set(map[string]any{"optional": true}) },
		disk: vulnerable, want: []string{"fail lint/reach"}, vulnerable: true},
	"A24 entry that nothing requires": {wrong: func(p project) {
		p.lock(npmJS, func(packages map[string]map[string]any) {
			packages["node_modules/ms"] = map[string]any{"version": "2.1.3", "resolved": public + "/ms/-/ms-2.1.3.tgz",
				"integrity": p.r.Integrity("ms", "2.1.3")}
		})
	}, disk: map[string]string{"ms": ""}, want: []string{"warn lint/extraneous"}, vulnerable: true},
	"A25 flag says bundled": {wrong: func(p project) { p.set(map[string]any{"inBundle": true}) },
		disk: vulnerable, vulnerable: true}, // npm takes no notice of it, and nor do we
	"A25b flag says bundled, version label edited": {wrong: func(p project) {
		p.set(map[string]any{"inBundle": true, "version": "1.2.8"})
	}, disk: vulnerable, green: true, want: []string{"fail lint/address", "fail installed/version"}, vulnerable: true},
	"A25c flag says bundled, no address": {wrong: func(p project) {
		p.set(map[string]any{"inBundle": true, "version": "1.2.8", "resolved": nil, "integrity": nil})
	}, disk: fixed, green: true, want: []string{"fail lint/integrity-missing"}},
	"A26 alias in the lock": {wrong: func(p project) {
		p.set(map[string]any{"name": "ms", "version": "2.1.3", "resolved": public + "/ms/-/ms-2.1.3.tgz",
			"integrity": p.r.Integrity("ms", "2.1.3")})
	}, refused: outOfSync, want: []string{"fail edges/lock"}},
	"A26b alias for the audit only": {wrong: func(p project) { p.set(map[string]any{"name": "ms"}) },
		disk: vulnerable, green: true, want: []string{"fail lint/address", "fail installed/other"}, vulnerable: true},
}

// diskRows are those about what is installed.
var diskRows = map[string]row{
	"A11b node_modules of before": {later: func(p project) { // as a cache brings it back
		p.Write("package.json", strings.Replace(app, "^0.5.5", "0.5.5", 1))
		p.Write(npmJS, newLock(p.t))
		p.Must(npmtest.NPM, "ls", "--all")
	}, disk: vulnerable, green: true, want: []string{"fail installed/version", "fail installed/hidden"}, vulnerable: true},
	"A11c package changed in place": {lock: newLock, later: func(p project) {
		p.Write("package.json", strings.Replace(app, "^0.5.5", "0.5.5", 1))
		p.Edit("node_modules/minimist/package.json", "1.2.8", "0.0.8")
		p.Must(npmtest.NPM, "install", "--no-audit")
	}, wrong: manifest(strings.Replace(app, "^0.5.5", "0.5.5", 1)), disk: map[string]string{"minimist": "minimist@0.0.8"},
		green: true, want: []string{"fail installed/version", "fail edges/range"}},
	"A11d package added": {lock: newLock, wrong: manifest(strings.Replace(app, "^0.5.5", "0.5.5", 1)),
		later: func(p project) {
			p.Write("node_modules/mkdirp/node_modules/minimist/package.json", `{"name": "minimist", "version": "1.2.5"}`)
		}, green: true, want: []string{"fail installed/extra"}, vulnerable: true},
	"A11e package removed": {lock: newLock, wrong: manifest(strings.Replace(app, "^0.5.5", "0.5.5", 1)),
		later: func(p project) { p.Remove("node_modules/minimist") }, green: true,
		want: []string{"fail installed/missing", "fail edges/missing"}},
}

func TestMatrixOfNPM(t *testing.T) {
	t.Parallel()
	for _, rows := range []map[string]row{manifestRows, lockRows, diskRows, workspaceRows, version1Rows} {
		for name, r := range rows {
			t.Run(name, r.test)
		}
	}
}
