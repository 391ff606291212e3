package lockfile

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// yarnGraph is what the graphs of Yarn 1 and Berry have in common: entries answer
// requests, which are name@range.
type yarnGraph struct {
	lock        *Lock
	answers     map[string]int // entries, by request
	resolutions map[replaced]replacement
}

// replaced is what a resolution is for: name@spec where parent@version requires it; what
// is "" can be any.
type replaced struct{ parent, version, name, spec string }

type replacement struct {
	order int // in the manifest: the first one counts
	to    string
}

func (g *yarnGraph) resolve(p project) {
	g.resolutions = map[replaced]replacement{}
	for i, r := range p.resolutionList() {
		// Of a longer path, such as a/b/c, which Yarn 1 has, the last parent is compared.
		_, last := cutParent(r.parent)
		key := replaced{name: r.name, spec: plainRange(r.spec)}
		key.parent, key.version = cutSpec(last)
		key.version = plainRange(key.version)
		if _, ok := g.resolutions[key]; !ok {
			g.resolutions[key] = replacement{i, r.to}
		}
	}
}

// add adds an entry for a package that answers these requests: one for each name that
// it is installed under.
func (g *yarnGraph) add(e Entry, requests []string) {
	places := map[string]int(nil)
	last, place := "", -1
	for _, request := range requests {
		if name, _ := cutSpec(request); place < 0 || name != last {
			if places == nil && place >= 0 {
				places = map[string]int{last: place}
			}
			known, ok := places[name]
			if last, place = name, known; !ok {
				place = len(g.lock.Entries)
				g.lock.Entries = append(g.lock.Entries, e.under(name))
				if places != nil {
					places[name] = place
				}
			}
		}
		g.answers[request] = place
	}
}

// under is the entry of the package under another name.
func (e Entry) under(name string) Entry {
	if name != e.Name {
		e.Alias = name
	}
	e.Requires = slices.Clone(e.Requires)
	return e
}

// realName is the name of the package that a request is for.
func realName(request string) string {
	name, spec := cutSpec(request)
	if alias, ok := strings.CutPrefix(spec, "npm:"); ok {
		if real, _ := cutSpec(alias); real != "" && strings.Contains(alias[1:], "@") {
			return real
		}
	}
	return name
}

// resolution returns what the project replaces the answer to a request with.
func (g *yarnGraph) resolution(parent Entry, r Require) (to string, ok bool) {
	if len(g.resolutions) == 0 {
		return "", false
	}
	var best replacement
	for _, of := range [...]replaced{{}, {parent: parent.Name}, {parent: parent.Name, version: parent.Version}} {
		for _, spec := range [...]string{"", plainRange(r.Range)} {
			of.name, of.spec = r.Name, spec
			if found, is := g.resolutions[of]; is && (!ok || found.order < best.order) {
				best, ok = found, true
			}
		}
	}
	return best.to, ok
}

// contradict notes what the lock file says twice and differently.
func (l *Lock) contradict(line int, format string, args ...any) {
	l.Contradictions = append(l.Contradictions, Contradiction{Line: line, Text: printable(fmt.Sprintf(format, args...))})
}

// readYarn1Graph makes the entries. Of the project itself, and of what it asks for,
// the lock file says nothing; that is taken from the manifests beside it. If these
// cannot be read, Stale says why, and the graph has no roots.
func readYarn1Graph(entries []yarn1Entry, tree fs.FS, lock *Lock) {
	g := &yarnGraph{lock: lock, answers: make(map[string]int, len(entries))}
	members := map[string]int{} // places of the project's own packages, by name
	if p, err := readProject(tree, *lock, nil); err == nil {
		g.resolve(p)
		for _, location := range slices.Sorted(maps.Keys(p.members)) {
			e := p.entry(location)
			if _, ok := members[e.Name]; !ok {
				members[e.Name] = len(lock.Entries)
			}
			lock.Entries = append(lock.Entries, e)
		}
	}
	for _, e := range entries {
		g.add(e.entry(lock), e.keys)
	}
	for i := range lock.Entries {
		e := &lock.Entries[i]
		for j := range e.Requires {
			e.Requires[j].To = g.yarn1Answer(*e, e.Requires[j], members)
		}
		if e.Source == Project {
			e.plainRequires()
		}
	}
	g.markGhosts()
}

// markGhosts marks what is there for a resolution of something that nothing requires:
// Yarn 1 writes it, with all that it requires, and does not install it.
func (g *yarnGraph) markGhosts() {
	var roots, ghosts []int
	for i := range g.lock.Entries {
		if g.lock.Entries[i].Source == Project {
			roots = append(roots, i)
		}
	}
	for of, by := range g.resolutions {
		if place, ok := g.answers[of.name+"@"+by.to]; ok {
			ghosts = append(ghosts, place)
		}
	}
	if len(roots) == 0 || len(ghosts) == 0 {
		return
	}
	needed := g.lock.reach(roots)
	for i, ghost := range g.lock.reach(ghosts) {
		g.lock.Entries[i].Ghost = ghost && !needed[i]
	}
}

// reach tells which entries these and what they require are.
func (l *Lock) reach(from []int) []bool {
	reached := make([]bool, len(l.Entries))
	for len(from) > 0 {
		i := from[len(from)-1]
		from = from[:len(from)-1]
		if reached[i] {
			continue
		}
		reached[i] = true
		for _, r := range l.Entries[i].Requires {
			if r.To >= 0 {
				from = append(from, r.To)
			}
		}
	}
	return reached
}

// yarn1Answer finds what Yarn 1 installs for a request. It installs no peers. A
// workspace answers where its version is in the range; then no entry does.
func (g *yarnGraph) yarn1Answer(parent Entry, r Require, members map[string]int) int {
	if r.Kind == Peer || r.Kind == PeerOptional {
		return -1
	}
	if place, ok := g.answers[r.Name+"@"+r.Range]; ok {
		return place
	}
	if to, ok := g.resolution(parent, r); ok {
		if place, ok := g.answers[r.Name+"@"+to]; ok {
			return place
		}
	}
	if place, ok := members[r.Name]; ok {
		return place
	}
	return -1
}

func (e yarn1Entry) entry(lock *Lock) Entry {
	request := e.keys[0]
	address, hash, _ := strings.Cut(e.resolved, "#")
	result := Entry{
		Name: realName(request), Version: e.version, Line: e.line, URL: withoutUser(address),
		Integrity: strings.Fields(e.integrity), Requires: e.requires,
	}
	_, spec := cutSpec(request)
	result.Source = yarn1Source(spec, address)
	if result.Source != Git {
		result.Integrity = append(result.Integrity, sriFromHex("sha1", hash)...)
	}
	if result.Source == Project {
		result.Location = path.Clean(strings.TrimPrefix(spec, "link:"))
	}
	if result.Source == Registry {
		e.checkNames(lock, result.Name)
	} else if e.name != "" {
		result.Name = e.name // what is from elsewhere can have any
	}
	names := make([]string, len(e.requires))
	for i, r := range e.requires {
		names[i] = r.Name
	}
	slices.Sort(names)
	for i := range len(names) - 1 {
		if names[i] == names[i+1] {
			lock.contradict(e.line, "%s: it requires %s twice", result.Name, names[i])
		}
	}
	return result
}

// checkNames checks that all requests are for one package, as they are if Yarn wrote them.
func (e yarn1Entry) checkNames(lock *Lock, name string) {
	for _, request := range e.keys {
		if other := realName(request); other != name {
			lock.contradict(e.line, "%s: the same entry is also for %s", name, other)
		}
	}
	if e.name != "" && e.name != name {
		lock.contradict(e.line, "%s: the same entry says that its name is %s", name, e.name)
	}
}

// yarn1Source tells where a package is from by its request, and by its address.
func yarn1Source(spec, address string) Source {
	scheme, _, _ := strings.Cut(address, ":")
	wanted, _, _ := strings.Cut(spec, ":")
	local := slices.ContainsFunc([]string{"./", "../", "/", "~/"}, func(start string) bool {
		return strings.HasPrefix(spec, start)
	})
	switch {
	case wanted == "link":
		return Project
	case scheme == "file" || wanted == "file" || local && address == "":
		return Folder
	case isGit(scheme) || strings.HasSuffix(address, ".git") || isCommitArchive(address):
		return Git
	case wanted == "http" || wanted == "https":
		return Remote
	}
	return Registry
}
