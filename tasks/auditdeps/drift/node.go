package drift

import (
	"path"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/installed"
)

var nodeRules = []rule{configured, kinds, reachable, lockEdges, nodeInstalled, nodeHidden, nodeEdges}

// problems are what was found wrong on the disk while it was read.
func problems(f Facts) []Finding {
	r := &report{Facts: f}
	for _, tree := range f.Trees {
		fix := r.reinstallOf(tree.Kind)
		for _, p := range tree.Problems {
			if !p.Unread {
				r.found = append(r.found, Finding{
					Check: Installed, Rule: "installed/changed", Severity: Fail, Fix: fix,
					Path: p.Path, Message: cut(p.Path) + " " + cut(p.Text),
				})
			}
		}
		for _, p := range tree.Strays {
			r.found = append(r.found, Finding{
				Check: Installed, Rule: "installed/extra", Severity: Fail, Fix: fix, Path: p.Path,
				Message: cut(p.Path) + " " + cut(p.Text) + "; no package manager puts that there",
			})
		}
	}
	return r.found
}

// node is what is installed for a lock file of npm, Yarn or pnpm, by place and by name.
type node struct {
	report
	tree   installed.Tree
	byPath map[string]installed.Package
	links  map[string]string
	broken map[string]bool // places of packages that there is a Problem with, and their names
	// Of the lock file: entries by their place, and by name@version.
	byPlace map[string]int
	bySpec  map[string][]int
	byName  map[string][]int // also by alias
	aliases map[alias]bool   // by which something requires packages
	folders map[string][]int // by name and alias, those of folders that are linked or copied
	state   []flags
	graph   bool
	told    map[string]bool // packages that something was said of which is not as it should be
}

func newNode(f Facts, tree installed.Tree) *node {
	n := &node{
		report: report{Facts: f}, tree: tree,
		byPath: make(map[string]installed.Package, len(tree.Packages)), links: map[string]string{},
		broken:  map[string]bool{},
		byPlace: make(map[string]int, len(f.Lock.Entries)), bySpec: make(map[string][]int, len(f.Lock.Entries)),
		byName: make(map[string][]int, len(f.Lock.Entries)), state: reach(f.Lock.Entries), graph: hasGraph(f),
		told: map[string]bool{}, aliases: map[alias]bool{}, folders: map[string][]int{},
	}
	for _, p := range tree.Packages {
		n.byPath[p.Path] = p
	}
	for _, l := range tree.Links {
		n.links[l.Path] = l.To
	}
	for _, p := range tree.Problems {
		place := strings.TrimSuffix(p.Path, "/package.json")
		if dir := path.Dir(f.Lock.Path); dir != "." {
			place = strings.TrimPrefix(place, dir+"/")
		}
		n.broken[place], n.broken[nameOf(place)] = true, true
	}
	delete(n.broken, "") // it is what has no alias
	for i, e := range f.Lock.Entries {
		n.index(i, e)
	}
	return n
}

// index adds what an entry is found by.
func (n *node) index(i int, e lockfile.Entry) {
	for _, r := range e.Requires {
		if r.To >= 0 && n.Lock.Entries[r.To].Name != r.Name {
			n.aliases[alias{r.Name, n.Lock.Entries[r.To].Name}] = true
		}
	}
	if e.Location != "" {
		n.byPlace[e.Location] = i
	}
	if e.Source == lockfile.Folder || e.Source == lockfile.Project && e.URL != "" {
		n.folders[e.Name] = append(n.folders[e.Name], i)
		n.folders[e.Alias] = append(n.folders[e.Alias], i)
	}
	if e.Source == lockfile.Project {
		return
	}
	n.bySpec[key(e.Name, e.Version)] = append(n.bySpec[key(e.Name, e.Version)], i)
	n.byName[e.Name] = append(n.byName[e.Name], i)
	if e.Alias != "" {
		n.byName[e.Alias] = append(n.byName[e.Alias], i)
	}
}

// alias is a name that a package is required by, and its own.
type alias struct{ alias, name string }

// plainVersion is a version as npm cleans it.
func plainVersion(version string) string {
	version = strings.TrimLeft(strings.TrimSpace(version), "=v")
	version, _, _ = strings.Cut(version, "+")
	return version
}

// nodeTrees calls a rule with each tree that there is.
func nodeTrees(f Facts, look func(n *node)) []Finding {
	var found []Finding
	for _, tree := range f.Trees {
		if tree.Kind == installed.NodeModules || tree.Kind == installed.PlugAndPlay {
			n := newNode(f, tree)
			look(n)
			found = append(found, n.found...)
		}
	}
	return found
}

// nodeInstalled compares what is on the disk with the lock file.
func nodeInstalled(f Facts) []Finding {
	return nodeTrees(f, func(n *node) {
		if f.Lock.Format == lockfile.NPM {
			n.placed()
			return
		}
		n.named()
	})
}

func (n *node) as(rule string) Finding {
	return Finding{Check: Installed, Rule: rule, Severity: Fail, Fix: n.reinstall()}
}

// placed compares place by place, as npm's lock files name those.
func (n *node) placed() {
	noDev := n.without(func(e lockfile.Entry) bool { _, ok := n.byPath[e.Location]; return ok })
	for i, e := range n.Lock.Entries {
		if e.Source == lockfile.Project || e.Location == "" {
			continue
		}
		p, there := n.byPath[e.Location]
		to, linked := n.links[e.Location]
		switch {
		case there:
			n.same(e, p)
		case linked && e.Source != lockfile.Folder:
			n.entry(n.as("installed/other"), e, "%s: the lock file has %s, but on the disk it is a link to %s",
				cut(e.Location), spec(e.Name, e.Version), cut(to))
		case linked, n.broken[e.Location], n.mayMiss(i, e, noDev):
		default:
			n.entry(n.as("installed/missing"), e, "%s: the lock file has %s, but it is not on the disk",
				cut(e.Location), spec(e.Name, e.Version))
		}
	}
	for _, p := range n.tree.Packages {
		if _, ok := n.byPlace[p.Path]; !ok {
			as := n.as("installed/extra")
			if inStore(p.Path) {
				as.Severity = Warn // only links lead there
			}
			n.disk(as, p, "%s is on the disk as %s, and the lock file has nothing there",
				spec(p.Name, p.Version), cut(p.Path))
		}
	}
	n.strangeLinks()
}

// same compares a package on the disk with its entry.
func (n *node) same(e lockfile.Entry, p installed.Package) {
	switch {
	case p.Name != e.Name && (e.Source == lockfile.Registry || e.Source == lockfile.Bundled):
		n.entry(n.as("installed/other"), e, "%s: the lock file has %s, but on the disk it is another package, %s",
			cut(p.Path), spec(e.Name, e.Version), spec(p.Name, p.Version))
	case e.Version != "" && plainVersion(p.Version) != plainVersion(e.Version):
		n.entry(n.as("installed/version"), e, "%s: the lock file has %s, but on the disk it is %s",
			cut(p.Path), spec(e.Name, e.Version), spec(p.Name, p.Version))
	case e.Source == lockfile.Bundled && !p.Bundled && e.URL == "" && len(e.Integrity) == 0:
		as := n.as("lint/bundled")
		as.Check, as.Fix = Lint, n.relock(e.Name)
		n.entry(as, e, "%s is said to come inside of another package, but none says so of itself",
			spec(e.Name, e.Version))
	}
}

// without reports whether nothing is installed that is for development only: then that was
// left out on purpose.
func (n *node) without(there func(lockfile.Entry) bool) bool {
	for i, e := range n.Lock.Entries {
		if e.Source != lockfile.Project && n.state[i].has(forDev) && !n.state[i].has(unreached) && there(e) {
			return false
		}
	}
	return true
}

// mayMiss reports whether a package need not be on the disk: it is optional, or left out
// with everything that is for development, or nothing requires it.
func (n *node) mayMiss(i int, e lockfile.Entry, noDev bool) bool {
	if e.Ghost || !n.graph {
		return e.Ghost || e.Optional || e.Dev && noDev
	}
	s := n.state[i]
	return s.has(unreached|optional|forPeers) || noDev && s.has(forDev|devOptional)
}

// stores are folders of node_modules in which packages are that only links lead to.
var stores = []string{".pnpm", ".store", ".bun"}

func inStore(place string) bool {
	return slices.ContainsFunc(stores, func(store string) bool { return strings.Contains(place, "/"+store+"/") })
}

// nameOf returns the name that a folder is required by.
func nameOf(place string) string {
	if i := strings.LastIndex("/"+place, "/"+nodeModules+"/"); i >= 0 {
		place = ("/" + place)[i+len(nodeModules)+2:]
		if !strings.HasPrefix(place, ".") {
			return place
		}
	}
	return "" // in a store, or elsewhere
}

// nodeHidden compares what npm remembers of its last install with the lock file: it is
// what npm believes is on the disk.
func nodeHidden(f Facts) []Finding {
	if f.Hidden == nil {
		return nil
	}
	n := newNode(f, installed.Tree{})
	for _, h := range f.Hidden.Entries {
		if h.Source == lockfile.Project || h.Location == "" {
			continue
		}
		i, known := n.byPlace[h.Location]
		if !known {
			as := n.as("installed/hidden")
			as.Package, as.Path, as.Line = spec(h.Name, h.Version), f.Hidden.Path, h.Line
			as.Message = cut(h.Location) + ": npm has installed " + as.Package + ", which the lock file does not have"
			n.found = append(n.found, as)
			continue
		}
		e := n.Lock.Entries[i]
		switch {
		case e.Name != h.Name || !sameVersion(e.Version, h.Version):
			n.entry(n.as("installed/hidden"), e, "%s: the lock file has %s, but npm has installed %s (%s)",
				cut(e.Location), spec(e.Name, e.Version), spec(h.Name, h.Version), f.Hidden.Path)
		case differ(e.Integrity, h.Integrity):
			n.entry(n.as("installed/hidden"), e, "%s: npm has installed %s with another hash than the lock file's (%s)",
				cut(e.Location), spec(e.Name, e.Version), f.Hidden.Path)
		}
	}
	return n.found
}

func sameVersion(a, b string) bool {
	return a == "" || b == "" || plainVersion(a) == plainVersion(b)
}

// differ reports whether two lists of hashes have none in common. Without any there is
// nothing to compare; hashes of different kinds are not comparable either.
func differ(a, b []string) bool {
	comparable := false
	for _, x := range a {
		for _, y := range b {
			if x == y {
				return false
			}
			kindX, _, _ := strings.Cut(x, "-")
			kindY, _, _ := strings.Cut(y, "-")
			comparable = comparable || kindX == kindY
		}
	}
	return comparable
}
