package drift

import (
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/installed"
)

var nugetRules = []rule{nugetCached, nugetRestored}

// nugetPlace is id/version as a folder of the global packages folder.
func nugetPlace(id, version string) string {
	version, _, _ = strings.Cut(version, "+")
	return strings.ToLower(id + "/" + version)
}

// nugetCached compares the global packages folder with the lock file. NuGet only reads the
// hash that it noted down there.
func nugetCached(f Facts) []Finding {
	l := newLocked(f, strings.ToLower)
	l.in(installed.NuGetCache, func(tree installed.Tree) {
		for _, p := range tree.Packages {
			id, version, _ := strings.Cut(p.Key, "/")
			switch {
			case !strings.EqualFold(p.Name, id):
				l.installed("installed/other", Fail, p, "in the folder of "+spec(id, version)+
					" there is another package, "+spec(p.Name, p.Version))
			case nugetPlace(p.Name, p.Version) != p.Key:
				l.installed("installed/version", Fail, p, "in the folder of "+spec(id, version)+
					" there is another version, "+spec(p.Name, p.Version))
			}
			l.nugetProof(tree, p)
		}
	})
	return l.report.found
}

func (l *locked) nugetProof(tree installed.Tree, p installed.Package) {
	for _, e := range l.byName[strings.Split(p.Key, "/")[0]] {
		if nugetPlace(e.Name, e.Version) == p.Key {
			l.proof(tree, p, e)
			return // of one version there is one file: else the lock file contradicts itself
		}
	}
}

// nugetRestored compares what the last restore chose with the lock file: that is what gets
// compiled.
func nugetRestored(f Facts) []Finding {
	l := newLocked(f, strings.ToLower)
	l.in(installed.NuGetRestored, func(tree installed.Tree) {
		have := map[string]bool{}
		for _, p := range tree.Packages {
			have[p.Key] = true
			entries := l.byName[strings.ToLower(p.Name)]
			same := func(e lockfile.Entry) bool { return nugetPlace(e.Name, e.Version) == p.Key }
			switch {
			case len(entries) == 0:
				l.installed("installed/extra", Fail, p, spec(p.Name, p.Version)+" was restored, and "+
					l.Lock.Path+" does not have it")
			case !slices.ContainsFunc(entries, same):
				l.installed("installed/version", Fail, p, spec(p.Name, p.Version)+" was restored, "+
					l.Lock.Path+" says "+versionsOf(entries))
			default:
				l.nugetProof(tree, p)
			}
		}
		l.nugetMissing(tree, have)
	})
	for i := range l.report.found {
		l.report.found[i].Fix = l.reinstallOf(installed.NuGetRestored)
	}
	return l.report.found
}

func (l *locked) nugetMissing(tree installed.Tree, have map[string]bool) {
	if len(tree.Packages) == 0 {
		return // not restored yet, or that could not be read
	}
	for _, e := range l.Lock.Entries {
		place := nugetPlace(e.Name, e.Version)
		if e.Source != lockfile.Project && !have[place] {
			have[place] = true
			as := Finding{Check: Installed, Rule: "installed/missing", Severity: Warn}
			l.entry(as, e, "%s is in %s, and was not restored", spec(e.Name, e.Version), l.Lock.Path)
		}
	}
}
