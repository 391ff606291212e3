// Command packages runs a program beside a registry of npm packages and OSV's
// advisories, both on this machine, see tasks/auditdeps/npmtest and osvtest.
//
//	packages -config FILE [--] PROGRAM [ARGUMENT ...]
//
// The program finds them by its environment: NPM_CONFIG_REGISTRY (npm and pnpm),
// YARN_REGISTRY, and OSV_BUCKET, which is also OSV's API. It ends as all these commands
// do, see scripts/services/beside. FILE is one JSON object; what is not named here is an
// error:
//
//	{
//	  "packages": [{
//	    "name": "minimist", "version": "1.2.5",
//	    "dependencies": {"other": "^1.0.0"},
//	    "files": {"index.js": "..."}      besides package.json
//	  }],
//	  "noAudit": false,                   no audit endpoint, as Azure Artifacts
//	  "advisories": ["osv/GHSA-x.json"]   OSV records, beside FILE, as if they had changed
//	                                      today; npm audit knows them, too
//	}
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/scripts/services/beside"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/advisory"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/npmtest"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/osvtest"
)

func main() { beside.Main("packages", run) }

const usage = "usage: packages -config FILE [--] PROGRAM [ARGUMENT ...]"

func run(w beside.World) (status int, err error) {
	flags := flag.NewFlagSet("packages", flag.ContinueOnError)
	name := flags.String("config", "", "")
	program, err := beside.Parse(flags, w.Args, usage)
	if err != nil {
		return beside.ExitUsage, err
	}
	if *name == "" {
		return beside.ExitUsage, errors.New("there is no -config; " + usage)
	}
	registry, osv, err := load(*name)
	if err != nil {
		return beside.ExitUsage, err
	}
	npmURL, stopNPM, err := beside.Serve(registry)
	if err != nil {
		return beside.ExitUsage, err
	}
	defer func() { _ = stopNPM() }()
	osvURL, stopOSV, err := beside.Serve(osv)
	if err != nil {
		return beside.ExitUsage, err
	}
	defer func() { _ = stopOSV() }()
	added := []string{"NPM_CONFIG_REGISTRY=" + npmURL + "/", "YARN_REGISTRY=" + npmURL, "OSV_BUCKET=" + osvURL}
	status, _, err = w.Program(program, append(beside.Without(w.Environ, added), added...))
	return status, err
}

// load reads a configuration.
func load(name string) (*npmtest.Registry, *osvtest.Server, error) {
	var config struct {
		Packages []struct {
			Name, Version string
			Dependencies  map[string]string
			Files         map[string]string
		}
		NoAudit    bool
		Advisories []string
	}
	if err := beside.ReadConfig(name, &config); err != nil {
		return nil, nil, err
	}
	registry := npmtest.New()
	if config.NoAudit {
		registry.NoAudit()
	}
	for _, p := range config.Packages {
		registry.Publish(npmtest.Package{
			Name: p.Name, Version: p.Version, Dependencies: p.Dependencies, Files: p.Files,
		})
	}
	var records []string
	for i, file := range config.Advisories {
		record, err := os.ReadFile(filepath.Join(filepath.Dir(name), filepath.FromSlash(file)))
		if err != nil {
			return nil, nil, err
		}
		if record, err = changedToday(record); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", file, err)
		}
		parsed, err := advisory.Parse(record)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, a := range parsed {
			registry.Advise(npmtest.Advisory{
				ID: i + 1, Package: a.Package, Range: npmRange(a), Severity: string(a.Severity), Title: a.Summary,
			})
		}
		records = append(records, string(record))
	}
	return registry, osvtest.New(records...), nil
}

// changedToday is a record with a new date: data that nobody renews is too old to audit by.
func changedToday(record []byte) ([]byte, error) {
	var fields map[string]any
	if err := json.Unmarshal(record, &fields); err != nil {
		return nil, err
	}
	fields["modified"] = time.Now().UTC().Format(time.RFC3339)
	return json.Marshal(fields)
}

// npmRange is what npm's endpoint says of the versions that an advisory is about.
func npmRange(a advisory.Advisory) string {
	var all []string
	for _, r := range a.Ranges {
		text := ">=0.0.0-0"
		if r.Introduced != "" && r.Introduced != "0" {
			text = ">=" + r.Introduced
		}
		switch {
		case r.Fixed != "":
			text += " <" + r.Fixed
		case r.LastAffected != "":
			text += " <=" + r.LastAffected
		}
		all = append(all, text)
	}
	return strings.Join(all, " || ")
}
