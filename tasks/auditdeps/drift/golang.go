package drift

import (
	"slices"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/installed"
)

var golangRules = []rule{goCached, goVendored}

func sameName(name string) string { return name }

// goCached compares the contents of the module cache with go.sum, as `go mod verify` does
// and `go build` does not. A module without a hash the go command does not use.
func goCached(f Facts) []Finding {
	l := newLocked(f, sameName)
	bySpec := map[string]lockfile.Entry{}
	for _, e := range f.Lock.Entries {
		if e.Source == lockfile.Registry {
			bySpec[e.Name+"@"+e.Version] = e
		}
	}
	l.in(installed.GoModuleCache, func(tree installed.Tree) {
		for _, p := range tree.Packages {
			l.proof(tree, p, bySpec[p.Name+"@"+p.Version])
		}
	})
	return l.report.found
}

// goVendored compares vendor/modules.txt with the build list.
func goVendored(f Facts) []Finding {
	l := newLocked(f, sameName)
	l.in(installed.GoVendored, func(tree installed.Tree) {
		for _, p := range tree.Packages {
			l.goVendor(p)
		}
	})
	for i := range l.report.found {
		l.report.found[i].Fix = l.reinstallOf(installed.GoVendored)
	}
	return l.report.found
}

func (l *locked) goVendor(p installed.Package) {
	name := p.Key // what it is there in the place of
	if name == "" {
		name = p.Name
	}
	entries := l.byName[name]
	local, list := p.Source == lockfile.Folder, "the build list of "+l.Lock.Path
	same := func(e lockfile.Entry) bool {
		return local && e.Source == lockfile.Folder ||
			!local && e.Source == lockfile.Registry && e.Name == p.Name && e.Version == p.Version
	}
	switch {
	case len(entries) == 0:
		l.installed("installed/extra", Fail, p, spec(p.Name, p.Version)+" is vendored, and not in "+list)
	case slices.ContainsFunc(entries, same):
	case !local && entries[0].Source == lockfile.Registry && entries[0].Name == p.Name:
		l.installed("installed/version", Fail, p, "vendor/modules.txt has "+spec(p.Name, p.Version)+
			", "+list+" "+versionsOf(entries))
	default:
		e := entries[0]
		l.installed("installed/other", Fail, p, "vendor/modules.txt has "+spec(p.Name, p.Version)+" for "+
			cut(name)+", "+list+" "+spec(e.Name, e.Version)+", from a "+string(e.Source))
	}
}
