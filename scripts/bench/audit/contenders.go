package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/scripts/bench/peers"
)

// contender is one way to audit a project.
type contender struct {
	name string
	job  peers.Job
	// before is done before each run, unmeasured.
	before func() error
	// hits are what it found: name, version if it says so, and advisory.
	hits func() (map[string]bool, error)
}

// step is how AuditDeps is run.
type step struct {
	dir, checks string
	packed      bool // as the agent does
}

// ours runs AuditDeps as a step, alone or in its package.
func ours(t programs, d dataset, name string, s step) contender {
	work := filepath.Dir(t.bare)
	temp, tools := filepath.Join(work, "agent", "temp"), filepath.Join(work, "agent", "tools")
	args := []string{t.bare, "main"}
	if s.packed {
		args = []string{t.node, t.packed}
	}
	out := filepath.Join(work, "out-ours.txt")
	c := contender{name: name, job: peers.Job{Args: args, Dir: s.dir, Out: out, Env: []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + work, "SYSTEMROOT=" + os.Getenv("SYSTEMROOT"),
		"AGENT_TEMPDIRECTORY=" + temp, "AGENT_TOOLSDIRECTORY=" + tools, "AGENT_OS=Linux", "AGENT_VERSION=4.275.0",
		"AGENT_JOBSTATUS=Succeeded", "TF_BUILD=True", "BUILD_SOURCESDIRECTORY=" + s.dir, "BUILD_BUILDID=1",
		"SYSTEM_DEFAULTWORKINGDIRECTORY=" + s.dir, "SYSTEM_HOSTTYPE=build", "PIPELINE_WORKSPACE=" + work,
		"SYSTEM_TASKINSTANCEID=00000000-0000-0000-0000-000000000001",
		"INPUT_DATABASE=" + d.dir, "INPUT_MAXDATABASEAGE=9999d", "INPUT_CHECKS=" + s.checks, "INPUT_FAILON=low",
		"INPUT_BASELINE=off", "INPUT_ONLINE=false",
	}}}
	c.before = func() error {
		return errors.Join(os.RemoveAll(temp), os.MkdirAll(temp, 0o755), os.MkdirAll(tools, 0o755))
	}
	c.hits = func() (map[string]bool, error) { return ourHits(temp, out) }
	return c
}

// ourHits reads the JSON report. Anything but vulnerabilities would be a mistake: the
// projects are as they were installed.
func ourHits(temp, out string) (map[string]bool, error) {
	files, err := filepath.Glob(filepath.Join(temp, "guardrails", "auditdeps-*.json"))
	if err != nil || len(files) != 1 {
		log, _ := os.ReadFile(out)
		return nil, fmt.Errorf("AuditDeps wrote %d reports, not one: %w\n%s", len(files), err, log)
	}
	var report struct {
		Facts struct {
			Result          string
			CannotAudit     []string
			Vulnerabilities []struct{ Package, Version, ID string }
			Drift           []struct{ Message, Status string }
		}
	}
	if err := readJSON(files[0], &report); err != nil {
		return nil, err
	}
	if report.Facts.Result != "findings" || len(report.Facts.CannotAudit) > 0 {
		return nil, fmt.Errorf("AuditDeps came to %s: %q", report.Facts.Result, report.Facts.CannotAudit)
	}
	for _, d := range report.Facts.Drift {
		if d.Status == "fails" {
			return nil, fmt.Errorf("AuditDeps finds drift where there is none: %s", d.Message)
		}
	}
	hits := map[string]bool{}
	for _, v := range report.Facts.Vulnerabilities {
		hits[v.Package+"@"+v.Version+" "+v.ID] = true
	}
	return hits, nil
}

// osvScanner runs osv-scanner on the lock file, with the same zip file.
func osvScanner(t programs, d dataset, p project) contender {
	work := filepath.Dir(t.bare)
	out := filepath.Join(work, "out-osv.json")
	c := contender{name: "osv-scanner, offline", job: peers.Job{
		Args: []string{t.osvScanner, "scan", "source", "--offline", "--verbosity=error", "--format=json",
			"--lockfile=" + filepath.Join(p.bare, lockName)},
		Dir: p.bare, Out: out, Err: out + ".err", Statuses: []int{1},
		Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + work, "OSV_SCALIBR_LOCAL_DB_CACHE_DIRECTORY=" + d.dir},
	}}
	c.hits = func() (map[string]bool, error) {
		var report struct {
			Results []struct {
				Packages []struct {
					Package         struct{ Name, Version string }
					Vulnerabilities []struct{ ID string }
				}
			}
		}
		err := readJSON(out, &report)
		hits := map[string]bool{}
		for _, r := range report.Results {
			for _, p := range r.Packages {
				for _, v := range p.Vulnerabilities {
					hits[p.Package.Name+"@"+p.Package.Version+" "+v.ID] = true
				}
			}
		}
		return hits, err
	}
	return c
}

// npmAudit asks the registry on this machine. What npm caches of it is kept between runs.
func npmAudit(t programs, p project) contender {
	work := filepath.Dir(t.bare)
	out := filepath.Join(work, "out-npm.json")
	c := contender{name: "npm audit", job: peers.Job{
		Args: []string{t.node, t.npm, "audit", "--json"}, Dir: p.bare, Out: out, Err: out + ".err", Statuses: []int{1},
		Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + work, "npm_config_registry=" + t.registry + "/",
			"npm_config_cache=" + filepath.Join(work, "npm-cache"), "npm_config_update_notifier=false",
			"npm_config_logs_max=0", "npm_config_userconfig=" + filepath.Join(work, "no-user"),
			"npm_config_globalconfig=" + filepath.Join(work, "no-global"), "npm_config_fetch_retries=0"},
	}}
	c.hits = func() (map[string]bool, error) {
		type cause struct{ Name, URL string }
		var report struct {
			Vulnerabilities map[string]struct {
				Name string
				Via  []json.RawMessage // advisories, or names of packages that brought it
			}
		}
		err := readJSON(out, &report)
		hits := map[string]bool{}
		for _, v := range report.Vulnerabilities {
			for _, text := range v.Via {
				var one cause
				if json.Unmarshal(text, &one) == nil {
					hits[one.Name+" "+one.URL[strings.LastIndex(one.URL, "/")+1:]] = true
				}
			}
		}
		return hits, err
	}
	return c
}

func readJSON(name string, into any) error {
	data, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %.300s", name, err, data)
	}
	return nil
}

// withoutVersions is what npm says of the same hits: it names packages, not versions.
func withoutVersions(hits map[string]bool) map[string]bool {
	all := map[string]bool{}
	for hit := range hits {
		pkg, id, _ := strings.Cut(hit, " ")
		if i := strings.LastIndex(pkg, "@"); i > 0 {
			pkg = pkg[:i]
		}
		all[pkg+" "+id] = true
	}
	return all
}

// difference says what only one of the two found, "" if nothing.
func difference(ours, theirs map[string]bool) string {
	for hit := range theirs {
		if !strings.Contains(strings.Fields(hit)[0][1:], "@") {
			ours = withoutVersions(ours)
		}
		break
	}
	only := func(a, b map[string]bool) (list []string) {
		for _, hit := range slices.Sorted(maps.Keys(a)) {
			if !b[hit] {
				list = append(list, hit)
			}
		}
		return list
	}
	missed, more := only(theirs, ours), only(ours, theirs)
	if len(missed)+len(more) == 0 {
		return ""
	}
	return fmt.Sprintf("only AuditDeps has %q, only the other %q", more, missed)
}
