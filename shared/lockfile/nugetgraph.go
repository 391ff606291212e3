package lockfile

import (
	"io/fs"
	"path"
	"strings"
)

// nugetGraph turns the packages of a packages.lock.json into its entries: the project, and
// each package once for each framework that it is there for.
type nugetGraph struct {
	list  []nugetDependency
	index map[nugetPlace]int // of entries
}

// nugetPlace is a package in a framework; ids are the same in upper and lower case.
type nugetPlace struct{ framework, id string }

func placeOf(framework, id string) nugetPlace { return nugetPlace{framework, strings.ToLower(id)} }

// addNuGet fills in the entries.
func (l *Lock) addNuGet(tree fs.FS, list []nugetDependency) {
	g := nugetGraph{list: list, index: make(map[nugetPlace]int, len(list))}
	for i, d := range list {
		g.index[placeOf(d.framework, d.id)] = i + 1
	}
	root := Entry{Source: Project}
	if project, err := projectOf(tree, l.Path); err == nil && project != "" {
		root.Name = strings.TrimSuffix(path.Base(project), path.Ext(project))
	}
	l.Entries = make([]Entry, 0, len(list)+1)
	l.Entries = append(l.Entries, root)
	versions := map[string]map[string]bool{}
	for i, d := range list {
		e := Entry{Name: d.id, Version: d.resolved, Line: d.line, Source: Registry}
		if d.hash != "" {
			e.Integrity = []string{"sha512-" + d.hash}
			l.sameHash(versions, d)
		}
		for _, n := range d.needs {
			e.Requires = append(e.Requires,
				Require{Name: n.id, Range: n.span, Kind: Prod, To: g.find(d.framework, n.id)})
		}
		switch d.kind {
		case "Project":
			e.Source = Project
			fallthrough
		case "Direct":
			r := Require{Name: d.id, Range: d.requested, Kind: Prod, To: i + 1}
			l.Entries[0].Requires = append(l.Entries[0].Requires, r)
		}
		l.Entries = append(l.Entries, e)
	}
}

// find looks in the framework, and for one of a runtime, such as "net8.0/linux-x64", in
// the framework without it, too: it only has what is different.
func (g nugetGraph) find(framework, id string) int {
	if i, ok := g.index[placeOf(framework, id)]; ok {
		return i
	}
	plain, _, isRuntime := strings.Cut(framework, "/")
	if i, ok := g.index[placeOf(plain, id)]; ok && isRuntime {
		return i
	}
	return -1
}

// sameHash looks for packages that are another file in another framework: a package of one
// version is one file.
func (l *Lock) sameHash(seen map[string]map[string]bool, d nugetDependency) {
	key := strings.ToLower(d.id + " " + d.resolved)
	if seen[key] == nil {
		seen[key] = map[string]bool{}
	}
	if len(seen[key]) > 0 && !seen[key][d.hash] {
		l.Contradictions = append(l.Contradictions,
			Contradiction{d.line, d.id + " " + d.resolved + " has another hash in another framework"})
	}
	seen[key][d.hash] = true
}
