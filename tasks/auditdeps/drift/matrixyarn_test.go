package drift_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/tasks/auditdeps/npmtest"
)

// tool is a package manager that is not npm.
type tool struct {
	manager       npmtest.Manager
	lock          string // its lock file
	files         map[string]string
	make, install []string
	address       string // of the registry, as its lock files have it; "" if they do not
}

var (
	pnpm = tool{npmtest.PNPM, "pnpm-lock.yaml", map[string]string{"package.json": app},
		[]string{"install", "--lockfile-only", "--no-frozen-lockfile"}, []string{"install", "--frozen-lockfile"}, ""}
	yarn1 = tool{npmtest.Yarn1, "yarn.lock", map[string]string{"package.json": app},
		[]string{"install", "--ignore-scripts"}, []string{"install", "--frozen-lockfile"}, "https://registry.yarnpkg.com"}
	berry = tool{npmtest.Berry, "yarn.lock", map[string]string{"package.json": app, ".yarnrc.yml": npmtest.BerryConfig},
		[]string{"install", "--no-immutable"}, []string{"install", "--immutable"}, ""}
)

// toolRow is a row of the matrix for another package manager. It begins with what was
// installed from the new packages: minimist 1.2.8.
type toolRow struct {
	tool
	// wrong is done before it is installed with the frozen lock file.
	wrong   func(p project)
	refused string // what it says if it does not accept that
	later   func(p project)
	disk    map[string]string
	want    []string
	// vulnerable says that minimist 1.2.5 is in one of the inventories.
	vulnerable bool
}

func (r toolRow) test(t *testing.T) {
	t.Parallel()
	p := newProject(t, r.files)
	p.Must(r.manager, r.make...)
	p.Remove("node_modules")
	p.ClearCache()
	if r.wrong != nil {
		r.wrong(p)
	}
	out, err := p.Run(r.manager, r.install...)
	if r.refused == "" && err != nil || r.refused != "" && (err == nil || !strings.Contains(out, r.refused)) {
		t.Fatalf("%s %q: %v, want it to be refused with %q\n%s", r.manager, r.install, err, r.refused, out)
	}
	if r.later != nil {
		r.later(p)
	}
	got := map[string]string{}
	for folder := range r.disk {
		got[folder] = p.onDisk(folder)
	}
	if diff := cmp.Diff(r.disk, got); len(r.disk) > 0 && diff != "" {
		t.Errorf("installed (-want +got):\n%s", diff)
	}
	if r.address != "" {
		p.Write(r.lock, strings.ReplaceAll(p.Read(r.lock), p.Registry, r.address))
	}
	p.check(r.lock, r.want, r.vulnerable)
}

const inPNPM = ".pnpm/minimist@1.2.8/node_modules/minimist"

var withMS = manifest(strings.Replace(app, "{\"mkdirp", "{\"ms\": \"2.1.3\", \"mkdirp", 1))

// Another range that what is locked is in: npm and pnpm keep it, but without a frozen lock
// file the newest version is what Yarn installs.
var pnpmRows = map[string]toolRow{
	"nothing is wrong": {tool: pnpm, disk: map[string]string{inPNPM: "minimist@1.2.8"}},
	"range changed, still satisfied": {tool: pnpm, wrong: manifest(strings.Replace(app, "^0.5.5", "~0.5.4", 1)),
		refused: "ERR_PNPM_OUTDATED_LOCKFILE", want: []string{"warn drift/manifest"}},
	"dependency added": {tool: pnpm, wrong: withMS, refused: "ERR_PNPM_OUTDATED_LOCKFILE", want: []string{"fail drift/manifest"}},
	"dependency removed": {tool: pnpm, wrong: manifest(`{"name": "app", "version": "1.0.0", "dependencies": {}}`),
		refused: "ERR_PNPM_OUTDATED_LOCKFILE", want: []string{"fail drift/manifest"}},
	"overrides changed": {tool: pnpm,
		wrong:   manifest(strings.Replace(app, "{", `{"pnpm": {"overrides": {"minimist": "1.2.6"}}, `, 1)),
		refused: "ERR_PNPM_LOCKFILE_CONFIG_MISMATCH", want: []string{"fail drift/override"}},
	"integrity of another package": {tool: pnpm, wrong: func(p project) {
		p.Edit("pnpm-lock.yaml", p.r.Integrity("minimist", "1.2.8"), p.r.Integrity("ms", "2.1.3"))
	}, refused: "ERR_PNPM_TARBALL_INTEGRITY", later: func(p project) { p.Remove("node_modules") }},
	"archive of another package": {tool: pnpm, wrong: func(p project) {
		p.Edit("pnpm-lock.yaml", "{integrity: "+p.r.Integrity("minimist", "1.2.8")+"}",
			"{integrity: "+p.r.Integrity("ms", "2.1.3")+", tarball: "+p.Registry+"/ms/-/ms-2.1.3.tgz}")
	}, later: func(p project) { p.Edit("pnpm-lock.yaml", p.Registry, public) },
		disk: map[string]string{inPNPM: "ms@2.1.3"}, want: []string{"fail lint/address", "fail installed/other"}},
	"node_modules of before": {tool: pnpm, later: func(p project) {
		p.Edit("node_modules/"+inPNPM+"/package.json", "1.2.8", "1.2.5")
	}, disk: map[string]string{inPNPM: "minimist@1.2.5"}, want: []string{"fail installed/version"}, vulnerable: true},
}

var yarn1Rows = map[string]toolRow{
	"nothing is wrong": {tool: yarn1, disk: fixedBut("0.5.6", "1.2.8")},
	"range changed, still satisfied": {tool: yarn1, wrong: manifest(strings.Replace(app, "^0.5.5", "~0.5.4", 1)),
		refused: "needs to be updated", want: []string{"fail drift/manifest"}},
	"range changed, not satisfied": {tool: yarn1, wrong: manifest(strings.Replace(app, "^0.5.5", "0.5.5", 1)),
		refused: "needs to be updated", want: []string{"fail drift/manifest"}},
	"dependency added": {tool: yarn1, wrong: withMS, refused: "needs to be updated", want: []string{"fail drift/manifest"}},
	"dependency removed": {tool: yarn1, wrong: manifest(`{"name": "app", "version": "1.0.0"}`),
		disk: map[string]string{"mkdirp": ""}, want: []string{"warn lint/extraneous"}},
	"dependency removed, nothing installed": {tool: yarn1, wrong: manifest(`{"name": "app", "version": "1.0.0"}`),
		later: func(p project) { p.Remove("node_modules") }, want: []string{"warn lint/extraneous"}},
	"resolutions added": {tool: yarn1,
		wrong: manifest(strings.Replace(app, "{", `{"resolutions": {"minimist": "1.2.6"}, `, 1)),
		disk:  fixedBut("0.5.6", "1.2.6"), want: []string{"fail drift/override", "fail installed/version"}},
	"archive of another package": {tool: yarn1, wrong: func(p project) {
		lock := p.Read("yarn.lock")
		_, after, _ := strings.Cut(lock, "  version \"1.2.8\"\n")
		resolved, _, _ := strings.Cut(after, "\n")
		p.Edit("yarn.lock", resolved, `  resolved "`+p.Registry+`/ms/-/ms-2.1.3.tgz"`)
		p.Edit("yarn.lock", p.r.Integrity("minimist", "1.2.8"), p.r.Integrity("ms", "2.1.3"))
	}, disk: map[string]string{"minimist": "ms@2.1.3"}, want: []string{"fail lint/address", "fail installed/extra", "fail edges/range"}},
	"version label edited": {tool: yarn1, wrong: func(p project) {
		p.Edit("yarn.lock", `version "1.2.8"`, `version "1.2.9"`)
	}, disk: fixedBut("0.5.6", "1.2.8"), want: []string{"fail lint/address", "fail installed/version"}},
	"node_modules of before": {tool: yarn1, later: func(p project) {
		p.Edit("node_modules/minimist/package.json", "1.2.8", "1.2.5")
		p.Must(yarn1.manager, yarn1.install...) // it says that all is up to date
	}, disk: fixedBut("0.5.6", "1.2.5"), want: []string{"fail installed/version", "fail edges/range"}, vulnerable: true},
}

var berryRows = map[string]toolRow{
	"nothing is wrong": {tool: berry, disk: fixedBut("0.5.6", "1.2.8")},
	"range changed, still satisfied": {tool: berry, wrong: manifest(strings.Replace(app, "^0.5.5", "~0.5.4", 1)),
		refused: "YN0028", want: []string{"fail drift/manifest"}},
	"dependency added": {tool: berry, wrong: withMS, refused: "YN0028", want: []string{"fail drift/manifest"}},
	"dependency removed": {tool: berry, wrong: manifest(`{"name": "app", "version": "1.0.0"}`),
		refused: "YN0028", want: []string{"fail drift/manifest"}},
	"resolutions added": {tool: berry,
		wrong:   manifest(strings.Replace(app, "{", `{"resolutions": {"minimist": "1.2.6"}, `, 1)),
		refused: "YN0028", want: []string{"fail drift/override"}},
	"resolution of another package": {tool: berry, wrong: func(p project) {
		p.Edit("yarn.lock", `resolution: "minimist@npm:1.2.8"`, `resolution: "ms@npm:2.1.3"`)
	}, refused: "YN00", want: []string{"fail lint/contradiction", "fail edges/lock"}},
	"version label edited": {tool: berry, wrong: func(p project) {
		p.Edit("yarn.lock", "version: 1.2.8", "version: 1.2.5")
	}, disk: fixedBut("0.5.6", "1.2.8"), want: []string{"fail lint/contradiction"}},
	"node_modules of before": {tool: berry, later: func(p project) {
		p.Edit("node_modules/minimist/package.json", "1.2.8", "1.2.5")
	}, disk: fixedBut("0.5.6", "1.2.5"), want: []string{"fail installed/version", "fail edges/range"}, vulnerable: true},
}

func fixedBut(mkdirp, minimist string) map[string]string {
	return map[string]string{"mkdirp": "mkdirp@" + mkdirp, "minimist": "minimist@" + minimist}
}

func TestMatrixOfOthers(t *testing.T) {
	t.Parallel()
	for name, rows := range map[string]map[string]toolRow{"pnpm": pnpmRows, "yarn 1": yarn1Rows, "berry": berryRows} {
		for what, r := range rows {
			t.Run(name+", "+what, r.test)
		}
	}
}
