// Command packages runs a program beside a registry of npm packages and OSV's
// advisories, both on this machine, see tasks/auditdeps/npmtest and osvtest.
//
//	packages -config FILE [--] PROGRAM [ARGUMENT ...]
//
// The program finds them by its environment: NPM_CONFIG_REGISTRY (npm and pnpm),
// YARN_REGISTRY, and OSV_BUCKET, which is also OSV's API. It ends with the status of the
// program; 2 if the arguments or FILE are wrong. FILE is one JSON object; what is not
// named here is an error:
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
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/tasks/auditdeps/advisory"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/npmtest"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/osvtest"
)

// exitUsage is the status for wrong arguments.
const exitUsage = 2

func main() {
	status, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "packages: %v\n", err)
	}
	os.Exit(status)
}

func run(args []string) (int, error) {
	flags := flag.NewFlagSet("packages", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	name := flags.String("config", "", "")
	if err := flags.Parse(args); err != nil || *name == "" || flags.NArg() == 0 {
		return exitUsage, errors.New("usage: packages -config FILE [--] PROGRAM [ARGUMENT ...]")
	}
	registry, osv, err := load(*name)
	if err != nil {
		return exitUsage, err
	}
	npmURL, err := serve(registry)
	if err != nil {
		return exitUsage, err
	}
	osvURL, err := serve(osv)
	if err != nil {
		return exitUsage, err
	}
	return child(flags.Args(), "NPM_CONFIG_REGISTRY="+npmURL+"/", "YARN_REGISTRY="+npmURL, "OSV_BUCKET="+osvURL)
}

// child runs the program and returns its status. An interrupt reaches it by itself.
func child(command []string, environ ...string) (int, error) {
	signal.Ignore(os.Interrupt)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), environ...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	if err != nil {
		return exitUsage, err
	}
	return 0, nil
}

// serve answers on a port of this machine, as long as this process lives.
func serve(handler http.Handler) (address string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: handler}
	go server.Serve(listener)
	return "http://" + listener.Addr().String(), nil
}

// load reads a configuration.
func load(name string) (*npmtest.Registry, *osvtest.Server, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, nil, err
	}
	var config struct {
		Packages []struct {
			Name, Version string
			Dependencies  map[string]string
			Files         map[string]string
		}
		NoAudit    bool
		Advisories []string
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&config); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
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
