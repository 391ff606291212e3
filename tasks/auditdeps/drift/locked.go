package drift

import (
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/installed"
)

// locked finds entries of a lock file by the names of packages, where a place says nothing:
// in all ecosystems but npm.
type locked struct {
	report
	key    func(name string) string
	byName map[string][]lockfile.Entry
}

// newLocked indexes the entries that are no projects, under what key makes of their names.
func newLocked(f Facts, key func(name string) string) *locked {
	l := &locked{report: report{Facts: f}, key: key, byName: map[string][]lockfile.Entry{}}
	for _, e := range f.Lock.Entries {
		name := e.Alias
		if name == "" {
			name = e.Name
		}
		if e.Source != lockfile.Project {
			l.byName[key(name)] = append(l.byName[key(name)], e)
		}
	}
	return l
}

// in calls a rule with each tree of one kind.
func (l *locked) in(kind installed.Kind, look func(tree installed.Tree)) {
	for _, tree := range l.Trees {
		if tree.Kind == kind {
			look(tree)
		}
	}
}

// reinstallOf is how to get a tree as the lock file has it.
func (r *report) reinstallOf(kind installed.Kind) string {
	switch kind {
	case installed.GoVendored:
		return "run go mod vendor, and look at what changes"
	case installed.CargoVendored:
		return "remove the vendor folder and run cargo vendor --locked"
	case installed.NuGetRestored:
		return "run dotnet restore --locked-mode --force"
	}
	return r.reinstall()
}

// installed adds a finding about a package on the disk.
func (l *locked) installed(rule string, severity Severity, p installed.Package, text string) {
	as := Finding{Check: Installed, Rule: rule, Severity: severity, Fix: l.reinstall()}
	l.at(as, p, text)
}

func (l *locked) at(as Finding, p installed.Package, text string) {
	as.Package, as.Path, as.Message = spec(p.Name, p.Version), p.Path, text
	l.report.found = append(l.report.found, as)
}

// proof compares the hash of what is on the disk with those that the lock file has.
func (l *locked) proof(tree installed.Tree, p installed.Package, e lockfile.Entry) {
	if p.Integrity == "" || !sameKind(p.Integrity, e.Integrity) || slices.Contains(e.Integrity, p.Integrity) {
		return
	}
	as := Finding{Check: Installed, Rule: "installed/changed", Severity: Fail, Fix: l.reinstall()}
	l.at(as, p, spec(p.Name, p.Version)+" in the "+string(tree.Kind)+" is not what "+l.Lock.Path+
		" has: its hash is "+cut(p.Integrity)+", not "+cut(strings.Join(e.Integrity, " or ")))
}

// sameKind reports whether there is a hash of the same kind.
func sameKind(hash string, others []string) bool {
	kind := hash[:strings.IndexAny(hash+":", ":-")+1]
	return slices.ContainsFunc(others, func(other string) bool { return strings.HasPrefix(other, kind) })
}

// versionsOf names the versions of entries.
func versionsOf(entries []lockfile.Entry) string {
	var list []string
	for _, e := range entries {
		if e.Version != "" && !slices.Contains(list, cut(e.Version)) {
			list = append(list, cut(e.Version))
		}
	}
	return some(list)
}

// required tells which packages the projects need on every machine, by the index of their
// entries; nothing if the lock file does not say what a project requires.
func required(entries []lockfile.Entry) map[int]bool {
	need := map[int]bool{}
	var queue []int
	for i, e := range entries {
		if e.Source == lockfile.Project {
			queue = append(queue, i)
		}
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, r := range entries[at].Requires {
			if r.Kind == lockfile.Prod && r.To >= 0 && !need[r.To] {
				need[r.To] = true
				queue = append(queue, r.To)
			}
		}
	}
	return need
}
