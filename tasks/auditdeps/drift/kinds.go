package drift

import (
	"path"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/installed"
)

// kinds looks whether the lock file takes for development what a manifest asks for in
// production. npm ci does not mind, and what leaves out development then leaves out this.
func kinds(f Facts) []Finding {
	r := &report{Facts: f}
	for _, tree := range f.Trees {
		for _, manifest := range tree.Projects {
			for _, e := range f.Lock.Entries {
				if e.Source == lockfile.Project && path.Clean(e.Location) == path.Clean(manifest.Path) {
					r.kinds(manifest, e)
				}
			}
		}
	}
	return r.found
}

// kinds compares one manifest with the lock file's entry for it.
func (r *report) kinds(manifest installed.Package, e lockfile.Entry) {
	development := map[string]bool{}
	for _, require := range e.Requires {
		if _, again := development[require.Name]; !again || require.Kind != lockfile.Dev {
			development[require.Name] = require.Kind == lockfile.Dev
		}
	}
	for _, require := range manifest.Requires {
		if require.Kind == lockfile.Prod && development[require.Name] {
			name := path.Join(path.Dir(r.Lock.Path), manifest.Path, "package.json")
			r.found = append(r.found, Finding{
				Check: Drift, Rule: "drift/manifest", Severity: Fail, Package: cut(require.Name),
				Path: r.Lock.Path, Line: e.Line,
				Message: name + " asks for " + cut(require.Name) + " in production, and " + r.Lock.Path +
					" has it for development only",
				Fix: r.relock(require.Name),
			})
		}
	}
}
