package main

import (
	"net/http/httptest"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/npmtest"
)

// serve starts a registry that has the projects' packages and knows the vulnerabilities.
func serve(projects []project, d dataset) (*httptest.Server, string) {
	registry := npmtest.New()
	published := map[[2]string]bool{}
	for _, p := range projects {
		for _, e := range p.packages {
			if key := [2]string{e.Name, e.Version}; !published[key] {
				published[key] = true
				registry.Publish(publish(e))
			}
		}
	}
	for i, v := range d.list {
		registry.Advise(npmtest.Advisory{
			ID: 1_000_000 + i, Package: v.name, Range: v.vulnerable(), Severity: lower(v.severity), Title: v.id,
		})
	}
	server := httptest.NewServer(registry)
	return server, server.URL
}

// lower is npm's word for a severity.
func lower(severity string) string {
	return map[string]string{"LOW": "low", "MODERATE": "moderate", "HIGH": "high", "CRITICAL": "critical"}[severity]
}

func publish(e lockfile.Entry) npmtest.Package {
	fields := map[string]map[string]string{}
	for _, r := range e.Requires {
		kind := map[lockfile.Kind]string{
			lockfile.Prod: "dependencies", lockfile.Optional: "optionalDependencies",
			lockfile.Peer: "peerDependencies", lockfile.PeerOptional: "peerDependencies",
		}[r.Kind]
		if fields[kind] == nil {
			fields[kind] = map[string]string{}
		}
		fields[kind][r.Name] = r.Range
	}
	manifest := map[string]any{}
	for kind, list := range fields {
		if kind != "" {
			manifest[kind] = list
		}
	}
	return npmtest.Package{Name: e.Name, Version: e.Version, Manifest: manifest}
}
