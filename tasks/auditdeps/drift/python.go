package drift

import (
	"path"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/installed"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/versions"
)

var pythonRules = []rule{pythonPins, indexes, pythonInstalled, pythonEdges}

// installers are in environments without anybody asking for them: venv and virtualenv put
// them there.
var installers = []string{"pip", "setuptools", "wheel"}

// pythonPins looks for packages whose version the file leaves open: pip keeps whatever is
// installed and fits, and else takes the newest.
func pythonPins(f Facts) []Finding {
	r := &report{Facts: f}
	for _, e := range f.Lock.Entries {
		if e.Source == lockfile.Registry && e.Version == "" {
			r.entry(Finding{Check: Lint, Rule: "lint/unpinned", Severity: Warn,
				Fix: "pin it, with its hash: pip-compile --generate-hashes does that for all of them"}, e,
				"%s does not say which version of %s is to be installed", path.Base(f.Lock.Path), cut(e.Name))
		}
	}
	return r.found
}

// pythonInstalled compares site-packages with the lock file.
func pythonInstalled(f Facts) []Finding {
	l := newLocked(f, lockfile.PythonName)
	l.in(installed.SitePackages, func(tree installed.Tree) {
		here := map[string]bool{}
		askers := l.pythonAskers(tree.Packages)
		for _, p := range tree.Packages {
			here[p.Key] = true
			if entries := l.byName[p.Key]; len(entries) > 0 {
				l.pythonSame(tree, p, entries)
			} else if !tree.Shared {
				l.pythonExtra(p, askers)
			}
		}
		l.pythonMissing(tree, here)
	})
	return l.report.found
}

// pythonSame compares a package with its entries, of which there can be several, for
// different machines.
func (l *locked) pythonSame(tree installed.Tree, p installed.Package, entries []lockfile.Entry) {
	i := slices.IndexFunc(entries, func(e lockfile.Entry) bool { return samePython(e.Version, p.Version) })
	if i < 0 {
		i = slices.IndexFunc(entries, func(e lockfile.Entry) bool { return e.Version == "" })
	}
	switch {
	case i < 0 && entries[0].Source == lockfile.Registry:
		l.installed("installed/version", Fail, p, "the "+string(tree.Kind)+" have "+spec(p.Name, p.Version)+
			", "+l.Lock.Path+" says "+versionsOf(entries))
		return
	case i < 0:
		return // of a folder or a repository, whose version may go on
	}
	e := entries[i]
	if e.Version == "" {
		l.pythonFits(p, e)
	}
	foreign := p.Source != "" && e.Source == lockfile.Registry
	if foreign && !slices.Contains(e.Integrity, p.Integrity) {
		l.installed("installed/other", Fail, p, spec(p.Name, p.Version)+" was not installed from an index, as "+
			l.Lock.Path+" says, but from a "+string(p.Source)+" (its direct_url.json)")
		return
	}
	l.proof(tree, p, e)
}

// pythonFits holds what is installed against the range of a package without a version.
func (l *locked) pythonFits(p installed.Package, e lockfile.Entry) {
	for _, project := range l.Lock.Entries {
		for _, r := range project.Requires {
			if project.Source == lockfile.Project && lockfile.PythonName(r.Name) == p.Key &&
				l.judge(p.Name, p.Version, e.Source, r) == otherVersion {
				l.installed("installed/version", Fail, p, "installed is "+spec(p.Name, p.Version)+
					", "+l.Lock.Path+" asks for "+cut(r.Range))
			}
		}
	}
}

func samePython(a, b string) bool {
	order, err := versions.Compare("PyPI", a, b)
	return a == b || err == nil && order == 0
}

// pythonAskers are the packages that require a package, by its key: only locked ones, if the
// lock file has all that there may be. Two that nobody asked for could ask for each other.
func (l *locked) pythonAskers(packages []installed.Package) map[string][]string {
	part := strings.HasPrefix(path.Base(l.Lock.Path), "requirements")
	askers := map[string][]string{}
	for _, p := range packages {
		if part || len(l.byName[p.Key]) > 0 {
			for _, r := range p.Requires {
				key := lockfile.PythonName(r.Name)
				askers[key] = append(askers[key], spec(p.Name, p.Version))
			}
		}
	}
	return askers
}

// pythonExtra is a package that the lock file does not have. A requirements file need not
// have what packages bring with them; the others have it all.
func (l *locked) pythonExtra(p installed.Package, askers map[string][]string) {
	project := func(e lockfile.Entry) bool {
		return e.Source == lockfile.Project && lockfile.PythonName(e.Name) == p.Key
	}
	if slices.Contains(installers, p.Key) || slices.ContainsFunc(l.Lock.Entries, project) {
		return
	}
	text := spec(p.Name, p.Version) + " is installed, and " + l.Lock.Path + " does not have it"
	asked := askers[p.Key]
	switch base := path.Base(l.Lock.Path); {
	case p.Source == lockfile.Folder:
		l.installed("installed/extra", Note, p, text+"; it is from a folder")
	case len(asked) > 0:
		as := Finding{Check: Installed, Rule: "installed/extra", Severity: Warn,
			Fix: "pin it, with its hash: pip-compile --generate-hashes does that for all of them"}
		l.at(as, p, text+": "+some(asked)+" requires it, so an older version stays in an environment that is kept")
	case strings.HasPrefix(base, "requirements") || p.Key == "uv": // which uv sync leaves where it is
		l.installed("installed/extra", Warn, p, text+"; no package requires it")
	default:
		l.installed("installed/extra", Fail, p, text+"; no package that it has requires it")
	}
}

// pythonMissing looks for packages that the project needs on every machine.
func (l *locked) pythonMissing(tree installed.Tree, here map[string]bool) {
	need := required(l.Lock.Entries)
	for i, e := range l.Lock.Entries {
		open := e.Dev || e.Optional || e.Source == lockfile.Project || e.Source == lockfile.Folder
		if need[i] && !open && !here[lockfile.PythonName(e.Name)] {
			as := Finding{Check: Installed, Rule: "installed/missing", Severity: Warn, Fix: l.reinstall()}
			l.entry(as, e, "%s is in %s, and not installed in %s", spec(e.Name, e.Version), l.Lock.Path, cut(tree.Path))
		}
	}
}

// pythonEdges looks whether installed packages find what they require. What has a marker
// may not be meant for this machine, and is not looked at.
func pythonEdges(f Facts) []Finding {
	l := newLocked(f, lockfile.PythonName)
	l.in(installed.SitePackages, func(tree installed.Tree) {
		byKey := map[string]installed.Package{}
		for _, p := range tree.Packages {
			byKey[p.Key] = p
		}
		for _, p := range tree.Packages {
			for _, r := range p.Requires {
				if r.Kind == lockfile.Prod {
					to, ok := byKey[lockfile.PythonName(r.Name)]
					l.pythonEdge(p, r, to, ok)
				}
			}
		}
	})
	return l.report.found
}

func (l *locked) pythonEdge(p installed.Package, r lockfile.Require, to installed.Package, there bool) {
	as := Finding{Check: Edges, Rule: "edges/missing", Severity: Warn, Fix: l.reinstall()}
	asks := spec(p.Name, p.Version) + " requires " + cut(r.Name) + cut(r.Range)
	if !there {
		l.at(as, p, asks+", which is not installed")
		return
	}
	as.Rule = "edges/range"
	if r.Range == "" || to.Source != "" {
		return // any version, or one of a folder or repository
	}
	ok, err := versions.Satisfies("PyPI", to.Version, r.Range)
	switch {
	case err != nil:
		as.Severity = Note
		l.at(as, p, asks+": it cannot be told whether "+spec(to.Name, to.Version)+" is such a version")
	case !ok:
		isLocked := func(e lockfile.Entry) bool { return samePython(e.Version, to.Version) }
		if !slices.ContainsFunc(l.byName[to.Key], isLocked) {
			as.Severity = Fail // nobody chose that version
		}
		l.at(as, p, asks+", and installed is "+spec(to.Name, to.Version))
	}
}
