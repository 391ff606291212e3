package lockfile

import (
	"cmp"
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

// maxAliases is how many names a package can be installed under.
const maxAliases = 64

// add adds an entry for a package that answers these requests: one for each name that
// it is installed under. These share what they require.
func (g *yarnGraph) add(e Entry, requests []string) error {
	first := len(g.lock.Entries)
	for _, request := range requests {
		name, _ := cutSpec(request)
		place := first
		for place < len(g.lock.Entries) && g.lock.Entries[place].installed() != name {
			place++
		}
		if place-first == maxAliases {
			return malformed(g.lock, "line %d is for more than %d names", e.Line, maxAliases)
		}
		if place == len(g.lock.Entries) {
			copied := e
			if name != e.Name {
				copied.Alias = name
			}
			g.lock.Entries = append(g.lock.Entries, copied)
		}
		g.answers[request] = place
	}
	return nil
}

// installed is the name that a package is installed under.
func (e Entry) installed() string { return cmp.Or(e.Alias, e.Name) }

// eachRequire changes what all entries require, once where several share that.
func (l *Lock) eachRequire(change func(place int, r Require) Require) {
	var before []Require
	for i := range l.Entries {
		requires := l.Entries[i].Requires
		if len(requires) == 0 || len(before) > 0 && &requires[0] == &before[0] {
			continue
		}
		for j := range requires {
			requires[j] = change(i, requires[j])
		}
		before = requires
	}
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
	text := printable(fmt.Sprintf(format, args...))
	l.Contradictions = append(l.Contradictions, Contradiction{Line: line, Text: text})
}

// readYarn1Graph makes the entries. Of the project itself, and of what it asks for,
// the lock file says nothing; that is taken from the manifests beside it. If these
// cannot be read, Stale says why, and the graph has no roots.
func readYarn1Graph(entries []yarn1Entry, tree fs.FS, lock *Lock) error {
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
		if err := g.add(e.entry(lock), e.keys); err != nil {
			return err
		}
	}
	lock.eachRequire(func(place int, r Require) Require {
		e := &lock.Entries[place]
		if r.To = g.yarn1Answer(*e, r, members); e.Source == Project {
			// Texts that no lock file may have are a person's business in a manifest.
			r.Name, r.Range = shownText(r.Name), shownText(r.Range)
		}
		return r
	})
	g.markGhosts()
	return nil
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
		result.Location, result.URL = path.Clean(strings.TrimPrefix(spec, "link:")), spec
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
