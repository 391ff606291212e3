package drift

import (
	"strings"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/installed"
)

// named compares by name and version, for lock files that know no places: Yarn's and
// pnpm's.
func (n *node) named() {
	there := map[string]bool{}
	for _, p := range n.tree.Packages {
		there[key(p.Name, p.Version)] = true
		there[nameOf(p.Path)] = true
		n.known(p)
	}
	n.strangeLinks()
	for place := range n.links {
		there[nameOf(place)] = true
	}
	n.absent(there)
	if n.tree.Kind == installed.PlugAndPlay {
		n.strangers()
	}
}

// key is what a package is found by.
func key(name, version string) string { return name + "@" + plainVersion(version) }

// absent looks for entries of which nothing is on the disk. There are the names of
// folders, and of packages with their versions.
func (n *node) absent(there map[string]bool) {
	noDev := n.without(func(e lockfile.Entry) bool { return there[key(e.Name, e.Version)] })
	as := n.as("installed/missing")
	if !n.graph {
		as.Severity = Warn
	}
	for _, e := range n.Lock.Entries {
		if e.Source == lockfile.Project || there[key(e.Name, e.Version)] ||
			n.explained(e, there) || n.noneNeeded(e, noDev) {
			continue
		}
		there[key(e.Name, e.Version)] = true // say it once
		n.entry(as, e, "the lock file has %s, but it is not on the disk", spec(e.Name, e.Version))
	}
}

// explained reports whether a package that is not there by its name and version is there
// after all, or another finding says what is there.
func (n *node) explained(e lockfile.Entry, there map[string]bool) bool {
	if e.Source != lockfile.Registry && (there[e.Name] || there[e.Alias]) {
		return true
	}
	return n.told[e.Name] && len(n.byName[e.Name]) == 1 || n.broken[e.Name] || n.broken[e.Alias]
}

// strangers are projects that Plug'n'Play knows and the lock file does not.
func (n *node) strangers() {
	for _, p := range n.tree.Projects {
		if _, ok := n.byPlace[p.Path]; !ok && p.Path != "" {
			n.disk(n.as("installed/extra"), p, "%s is loaded from %s, which the lock file does not know as a project",
				spec(p.Name, p.Version), cut(p.Path))
		}
	}
}

// noneNeeded reports whether no entry for a package needs to be there.
func (n *node) noneNeeded(e lockfile.Entry, noDev bool) bool {
	for _, i := range n.bySpec[key(e.Name, e.Version)] {
		if !n.mayMiss(i, n.Lock.Entries[i], noDev) {
			return false
		}
	}
	return true
}

// known looks for what the lock file says of a package on the disk.
func (n *node) known(p installed.Package) {
	local := false // from a folder, git or an address: then it can have any name
	for _, i := range n.byName[nameOf(p.Path)] {
		local = local || n.Lock.Entries[i].Source != lockfile.Registry
	}
	entries := n.bySpec[key(p.Name, p.Version)]
	switch {
	case len(entries) > 0:
		n.inPlace(p, entries)
	case local || p.Bundled:
	case len(n.byName[p.Name]) > 0:
		n.told[p.Name] = true
		e := n.Lock.Entries[n.byName[p.Name][0]]
		n.entry(n.as("installed/version"), e, "%s: the lock file has %s, but on the disk it is %s",
			cut(p.Path), n.versionsOf(p.Name), spec(p.Name, p.Version))
	default:
		n.disk(n.as("installed/extra"), p, "%s is on the disk as %s, and the lock file has no such package",
			spec(p.Name, p.Version), cut(p.Path))
	}
}

func (n *node) versionsOf(name string) string {
	var all []string
	for _, i := range n.byName[name] {
		all = append(all, spec(n.Lock.Entries[i].Name, n.Lock.Entries[i].Version))
	}
	return some(all)
}

// inPlace looks whether a package that the lock file has is where it belongs: whoever
// requires a folder's name gets what is in it. These entries are all for that package.
func (n *node) inPlace(p installed.Package, entries []int) {
	e := n.Lock.Entries[entries[0]]
	if place := nameOf(p.Path); place != "" && place != p.Name && !p.Bundled && !n.isAlias(place, entries) {
		n.entry(n.as("installed/other"), e, "%s: on the disk it is another package, %s",
			cut(p.Path), spec(p.Name, p.Version))
		return
	}
	if kept, ok := storeVersion(p); ok && kept != plainVersion(p.Version) {
		n.entry(n.as("installed/version"), e, "%s: on the disk it is %s", cut(p.Path), spec(p.Name, p.Version))
		return
	}
	if p.Integrity == "" {
		return
	}
	for _, i := range entries {
		for _, hash := range n.Lock.Entries[i].Integrity {
			if hash == p.Integrity || strings.HasSuffix(hash, "/"+p.Integrity) {
				return
			}
		}
		if len(n.Lock.Entries[i].Integrity) == 0 {
			return
		}
	}
	n.entry(n.as("installed/changed"), e, "%s: its hash is not that of the lock file", cut(p.Path))
}

// isAlias reports whether one of the entries is installed under this name, or comes from
// where a package can have any.
func (n *node) isAlias(name string, entries []int) bool {
	for _, i := range entries {
		if e := n.Lock.Entries[i]; e.Alias == name || e.Source != lockfile.Registry {
			return true
		}
	}
	// In pnpm's lock files only what requires a package says by which name.
	return len(entries) > 0 && n.aliases[alias{name, n.Lock.Entries[entries[0]].Name}]
}

// storeVersion returns the version that the name of a folder of pnpm's store says:
// ".pnpm/@babel+core@7.0.0_peers/node_modules/@babel/core".
func storeVersion(p installed.Package) (string, bool) {
	_, rest, ok := strings.Cut(p.Path, "/.pnpm/")
	kept, _, _ := strings.Cut(rest, "/")
	version, named := strings.CutPrefix(kept, strings.ReplaceAll(p.Name, "/", "+")+"@")
	if end := strings.IndexAny(version, "_("); end >= 0 {
		version = version[:end]
	}
	plain := version != "" && version[0] >= '0' && version[0] <= '9' && len(kept) < 100 // longer ones are cut
	return plainVersion(version), ok && named && plain
}
