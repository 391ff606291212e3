package drift

import (
	"slices"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/installed"
)

var cargoRules = []rule{cargoCached, cargoVendored}

// cargoCached compares the archives in CARGO_HOME with Cargo.lock. Cargo does so only
// when it downloads them.
func cargoCached(f Facts) []Finding {
	l := newLocked(f, sameName)
	l.in(installed.CargoCache, func(tree installed.Tree) {
		for _, p := range tree.Packages {
			if entries := l.cargoEntries(p); len(entries) > 0 {
				l.proof(tree, p, merged(entries))
			}
		}
	})
	return l.report.found
}

// cargoEntries are the entries of a crate in its version: several if it is there from
// several registries.
func (l *locked) cargoEntries(p installed.Package) []lockfile.Entry {
	var same []lockfile.Entry
	for _, e := range l.byName[p.Name] {
		if e.Version == p.Version {
			same = append(same, e)
		}
	}
	return same
}

// merged is the first of several entries, with the hashes of all.
func merged(entries []lockfile.Entry) lockfile.Entry {
	e := entries[0]
	for _, other := range entries[1:] {
		e.Integrity = slices.Concat(e.Integrity, other.Integrity)
	}
	return e
}

// cargoVendored compares a vendor folder with Cargo.lock. A crate that is not in Cargo.lock
// is not compiled as long as --locked is given.
func cargoVendored(f Facts) []Finding {
	l := newLocked(f, sameName)
	l.in(installed.CargoVendored, func(tree installed.Tree) {
		have := map[string]bool{}
		for _, p := range tree.Packages {
			have[p.Name+"@"+p.Version] = true
			l.cargoVendor(tree, p)
		}
		for _, e := range f.Lock.Entries {
			if e.Source != lockfile.Project && !have[e.Name+"@"+e.Version] {
				as := Finding{Check: Installed, Rule: "installed/missing", Severity: Warn}
				l.entry(as, e, "%s is in %s, and not in %s", spec(e.Name, e.Version), l.Lock.Path, cut(tree.Path))
			}
		}
	})
	for i := range l.report.found {
		l.report.found[i].Fix = l.reinstallOf(installed.CargoVendored)
	}
	return l.report.found
}

func (l *locked) cargoVendor(tree installed.Tree, p installed.Package) {
	entries := l.cargoEntries(p)
	switch known := l.byName[p.Name]; {
	case len(entries) == 0 && len(known) > 0:
		l.installed("installed/version", Fail, p, spec(p.Name, p.Version)+" is vendored, "+
			l.Lock.Path+" says "+versionsOf(known))
	case len(entries) == 0:
		l.installed("installed/extra", Warn, p, spec(p.Name, p.Version)+" is vendored, and "+
			l.Lock.Path+" does not have it")
	case p.Integrity == "" && len(merged(entries).Integrity) > 0:
		l.installed("installed/changed", Fail, p, spec(p.Name, p.Version)+" is vendored without the checksum that "+
			l.Lock.Path+" has of it")
	default:
		l.proof(tree, p, merged(entries))
	}
}
