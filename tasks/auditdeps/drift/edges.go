package drift

import (
	"path"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/installed"
)

// lockEdges looks whether the lock file answers what it says that its packages require.
func lockEdges(f Facts) []Finding {
	r := &report{Facts: f}
	for _, e := range f.Lock.Entries {
		for _, require := range e.Requires {
			_, forced := f.Overrides[require.Name]
			if !e.Ghost && !forced && !isPeer(require.Kind) {
				r.lockEdge(e, require)
			}
		}
	}
	return r.found
}

func (r *report) lockEdge(e lockfile.Entry, require lockfile.Require) {
	as := Finding{Check: Edges, Rule: "edges/lock", Severity: Fail}
	project := e.Source == lockfile.Project
	switch {
	case require.Kind == lockfile.Dev && !project:
	case require.To < 0:
		if require.Kind != lockfile.Optional && isRange(require.Range) {
			r.entry(as, e, "%s requires %s@%s, which the lock file does not have",
				r.who(e), cut(require.Name), cut(require.Range))
		}
	case !project: // else it is "drift/range"
		to := r.Lock.Entries[require.To]
		if v := r.judge(to.Name, to.Version, to.Source, require); v == otherPackage || v == otherVersion {
			r.entry(as, e, "%s requires %s@%s, and the lock file answers with %s",
				r.who(e), cut(require.Name), cut(require.Range), spec(to.Name, to.Version))
		}
	}
}

func (r *report) who(e lockfile.Entry) string {
	if e.Source == lockfile.Project {
		return manifestOf(e)
	}
	return spec(e.Name, e.Version)
}

// isPackage reports whether a version of a package is asked for, and not a folder, a
// workspace or an address; nor is it left out by force.
func (r *report) isPackage(require lockfile.Require) bool {
	if _, forced := r.Overrides[require.Name]; forced {
		return false
	}
	return isRange(require.Range)
}

// nodeEdges looks for what each package on the disk asks for, as Node.js does: from its
// own folder upwards. What a lock file says of it does not matter here.
func nodeEdges(f Facts) []Finding {
	return nodeTrees(f, func(n *node) {
		for _, project := range n.tree.Projects {
			n.edges(project)
		}
		for _, p := range n.tree.Packages {
			n.edges(p)
			n.copied(p)
		}
	})
}

func (n *node) edges(p installed.Package) {
	if n.tree.Kind == installed.PlugAndPlay {
		return // its own table says what is found, and that is no walk
	}
	for _, require := range p.Requires {
		if isPeer(require.Kind) {
			continue
		}
		to, found := n.resolve(p.Path, require.Name)
		as := Finding{Check: Edges, Rule: "edges/range", Severity: n.severity(p, require, to), Fix: n.reinstall()}
		switch {
		case !found:
			if require.Kind == lockfile.Prod && n.isPackage(require) {
				as.Rule = "edges/missing"
				n.disk(as, p, "%s requires %s@%s, and no node_modules from it upwards has that",
					n.whose(p), cut(require.Name), cut(require.Range))
			}
			continue
		case to.Source == lockfile.Project || to.Version == "":
			continue // its own version is not that of a release, or a Problem says what is wrong
		}
		switch n.judge(to.Name, to.Version, lockfile.Registry, require) {
		case otherPackage:
			if !n.isLocal(to) {
				n.disk(as, p, "%s requires %s@%s, but what it finds is another package, %s in %s",
					n.whose(p), cut(require.Name), cut(require.Range), spec(to.Name, to.Version), cut(to.Path))
			}
		case otherVersion:
			n.disk(as, p, "%s requires %s@%s, but what it finds is %s in %s",
				n.whose(p), cut(require.Name), cut(require.Range), spec(to.Name, to.Version), cut(to.Path))
		case unclear:
			as.Severity = Warn
			n.disk(as, p, "%s requires %s@%s: it cannot be told whether %s in %s is such a version",
				n.whose(p), cut(require.Name), cut(require.Range), spec(to.Name, to.Version), cut(to.Path))
		}
	}
}

func (n *node) whose(p installed.Package) string {
	if p.Source == lockfile.Project {
		return manifestOf(lockfile.Entry{Location: p.Path})
	}
	return spec(p.Name, p.Version)
}

// severity is less where package managers change what packages ask for (packageExtensions,
// .pnpmfile.cjs), and their lock file has it so; and within what came in one piece.
func (n *node) severity(p installed.Package, require lockfile.Require, to installed.Package) Severity {
	if p.Bundled {
		return Warn
	}
	if n.Lock.Format != lockfile.PNPM && n.Lock.Format != lockfile.Berry {
		return Fail
	}
	for _, i := range n.bySpec[key(p.Name, p.Version)] {
		asks := false
		for _, locked := range n.Lock.Entries[i].Requires {
			if locked.Name != require.Name {
				continue
			}
			asks = true
			if locked.To >= 0 && n.Lock.Entries[locked.To].Version == to.Version && to.Version != "" {
				return Warn
			}
		}
		if !asks && to.Version == "" {
			return Warn
		}
	}
	return Fail
}

// isLocal reports whether a package is from a folder, git or an address: then its own name
// can be any.
func (n *node) isLocal(p installed.Package) bool {
	if i, ok := n.byPlace[p.Path]; ok {
		return n.Lock.Entries[i].Source != lockfile.Registry
	}
	for _, i := range n.byName[nameOf(p.Path)] {
		if n.Lock.Entries[i].Source != lockfile.Registry {
			return true
		}
	}
	return false
}

// resolve finds what require(name) finds in a package, see
// https://nodejs.org/api/modules.html#loading-from-node_modules-folders.
func (n *node) resolve(from, name string) (installed.Package, bool) {
	var buffer [512]byte
	for {
		if path.Base(from) != nodeModules {
			at := append(buffer[:0], from...)
			if from != "" {
				at = append(at, '/')
			}
			at = append(append(at, nodeModules...), '/')
			at = append(at, name...)
			if p, ok := n.lookup(string(at)); ok {
				return p, true
			}
		}
		if from == "" {
			return installed.Package{}, false
		}
		if from = path.Dir(from); from == "." {
			from = ""
		}
	}
}

// lookup returns what is in a place: a package, a link to one or to a project, or
// something that could not be read.
func (n *node) lookup(place string) (installed.Package, bool) {
	if p, ok := n.byPath[place]; ok {
		return p, true
	}
	if to, ok := n.links[place]; ok {
		if p, ok := n.byPath[to]; ok {
			return p, true
		}
		return installed.Package{Path: place, Source: lockfile.Project}, true
	}
	return installed.Package{Path: place}, n.broken[place]
}

// copied compares what a package on the disk asks for with the lock file's copy of that.
// npm installs by the copy.
func (n *node) copied(p installed.Package) {
	i, ok := n.byPlace[p.Path]
	if !ok || n.Lock.Format != lockfile.NPM || n.Lock.Entries[i].Version == "" ||
		plainVersion(n.Lock.Entries[i].Version) != plainVersion(p.Version) {
		return
	}
	e := n.Lock.Entries[i]
	copies := map[string]string{}
	for _, r := range e.Requires {
		copies[r.Name] = r.Range
	}
	as := Finding{Check: Edges, Rule: "edges/lock", Severity: Warn, Fix: n.relock(p.Name)}
	for _, r := range p.Requires {
		if isPeer(r.Kind) {
			continue
		}
		locked, ok := copies[r.Name]
		switch {
		case !ok:
			n.entry(as, e, "%s asks for %s@%s, which the lock file leaves out", spec(p.Name, p.Version),
				cut(r.Name), cut(r.Range))
		case locked != "" && locked != r.Range && isRange(r.Range):
			n.entry(as, e, "%s asks for %s@%s, which the lock file changes to %s", spec(p.Name, p.Version),
				cut(r.Name), cut(r.Range), cut(locked))
		}
	}
}
