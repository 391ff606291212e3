package lockfile

import (
	"path"
	"strings"
)

// npmGraph makes the entries of a lock file of npm, and joins them as npm does: what
// a package requires is the one of this name in the nearest node_modules, from its
// own folder upwards.
type npmGraph struct {
	lock     *Lock
	sources  []fields       // what the lock file says, one for each entry
	at       map[string]int // the entries by location, once that is asked for
	links    []int          // the entries that are links
	from     int            // the folder where the search for what the next entry requires starts
	requires []Require      // what it requires
	folders  npmFolders
	long     int // how long all locations are together
	kept     slab[Require]
	texts    slab[string]
}

func newNPMGraph(lock *Lock, size int) *npmGraph {
	lock.Entries = make([]Entry, 0, size)
	return &npmGraph{lock: lock, sources: make([]fields, 0, size)}
}

// npmEntries fills lock.Entries from the packages of a lock file of version 2 or 3, and
// compares them with the copy that one of version 2 has.
func npmEntries(lock *Lock, doc fields) error {
	packages := doc.fields("packages")
	nodes := packages.object.all()
	g := newNPMGraph(lock, len(nodes))
	for i := range nodes {
		if len(nodes[i].key) > maxText {
			return lock.tooLong(nodes[i].key)
		}
		if strings.Count(nodes[i].key, "/") > 2*maxDepth {
			return malformed(lock, "%.40q... is nested too deep", nodes[i].key)
		}
		g.add(g.entry(&nodes[i], packages), packages.inner(&nodes[i]))
	}
	g.follow()
	for i := range lock.Entries {
		g.edges(i)
	}
	g.join()
	if !doc.has("dependencies") {
		return nil
	}
	return g.compareCopies(doc.fields("dependencies"))
}

func (g *npmGraph) add(e Entry, source fields) {
	if g.at != nil {
		g.at[e.Location] = len(g.lock.Entries)
	}
	g.lock.Entries, g.sources = append(g.lock.Entries, e), append(g.sources, source)
}

// find finds the entry of a location.
func (g *npmGraph) find(location string) (int, bool) {
	if g.at == nil {
		g.at = make(map[string]int, cap(g.lock.Entries))
		for i := range g.lock.Entries {
			g.at[g.lock.Entries[i].Location] = i
		}
	}
	i, ok := g.at[location]
	return i, ok
}

// entry is a member of packages.
func (g *npmGraph) entry(n *node, packages fields) Entry {
	f := packages.inner(n)
	own := f.text("name")
	e := Entry{Name: own, Version: f.text("version"), Location: n.key, Line: int(n.line), Source: Project}
	e.claims(f)
	_, folder, installed := installedIn(n.key)
	if clean := path.Clean(n.key); clean != n.key && n.key != "" || strings.Contains(n.key, `\`) {
		g.contradicts(e.Line, n.key+": this is not how a folder is written, so it may be in the lock file twice")
	}
	if e.Name == "" && n.key != "" {
		if e.Name = folder; !installed {
			e.Name = nameOfFolder(n.key)
		}
	}
	if !installed {
		return e
	}
	if e.Name != folder {
		e.Alias = folder
	}
	e.URL = f.text("resolved")
	if f.flag("link") {
		g.links = append(g.links, len(g.lock.Entries))
		return e
	}
	e.Integrity = g.integrity(f.text("integrity"))
	if e.Source = npmSource(e.URL); f.flag("inBundle") {
		e.Source = Bundled
	}
	return e
}

// nameOfFolder is the name that npm takes for a project that has none.
func nameOfFolder(location string) string {
	dir, name := path.Split(location)
	if scope := path.Base(dir); strings.HasPrefix(scope, "@") {
		return scope + "/" + name
	}
	return name
}

// claims reads what the lock file claims of an entry.
func (e *Entry) claims(f fields) {
	e.Dev, e.Optional, e.Peer = f.flag("dev"), f.flag("optional"), f.flag("peer")
	e.DevOptional, e.Ghost = f.flag("devOptional"), f.flag("extraneous")
}

// mostContradictions is how many are told: a file with more is none that npm made.
const mostContradictions = 1000

func (g *npmGraph) contradicts(line int, text string) {
	switch len(g.lock.Contradictions) {
	case mostContradictions:
		text = "there are more contradictions than those before"
	case mostContradictions + 1:
		return
	}
	g.lock.Contradictions = append(g.lock.Contradictions, Contradiction{Line: line, Text: printable(text)})
}

func (g *npmGraph) integrity(text string) []string {
	switch {
	case text == "":
		return nil
	case strings.ContainsAny(text, " \t\r\n\f\v"):
		return strings.Fields(text)
	}
	return g.texts.keep(text)
}

// npmSource tells where an address leads. One of a web server may be a registry's:
// which it is shows only in how it is asked for.
func npmSource(address string) Source {
	scheme, _, found := strings.Cut(address, ":")
	switch {
	case !found || scheme == "http" || scheme == "https":
		return Registry
	case scheme == "file":
		return Folder
	case isGit(scheme):
		return Git
	}
	return Remote
}

// follow completes the links, and prepares the search for what entries require.
func (g *npmGraph) follow() {
	for _, i := range g.links {
		g.link(i)
	}
	g.folders.find(g.lock.Entries)
}

// link completes an entry for a folder that is elsewhere: it requires what it leads
// to, and its flags and version are of that.
func (g *npmGraph) link(i int) {
	e := &g.lock.Entries[i]
	folder := path.Clean(e.URL)
	if folder == "." {
		folder = ""
	}
	to, ok := g.find(folder)
	if !ok {
		g.contradicts(e.Line, e.Location+": it is a link to "+e.URL+", which is not in the lock file")
		return
	}
	target := g.lock.Entries[to]
	if e.Version == "" {
		e.Version = target.Version
	}
	if e.Alias == "" && target.Name != "" && target.Name != e.Name {
		e.Name, e.Alias = target.Name, e.Name
	}
	e.Dev, e.Optional, e.Peer = target.Dev, target.Optional, target.Peer
	e.DevOptional, e.Ghost = target.DevOptional, e.Ghost || target.Ghost
	e.Requires = g.kept.keep(Require{Name: target.Name, Kind: Prod, To: to})
}

// edges finds what an entry requires. A name that is in several kinds counts once:
// npm takes the last of peer, prod, optional, dev.
func (g *npmGraph) edges(i int) {
	e, f := &g.lock.Entries[i], g.sources[i]
	if e.Requires != nil {
		return // a link
	}
	g.requires, g.from = g.requires[:0], g.folders.of[i]
	development := (*object)(nil)
	if e.Source == Project {
		development = g.wanted(e, f, kinds[1])
	}
	peers, optional, prod := g.wanted(e, f, kinds[3]), g.wanted(e, f, kinds[2]), g.wanted(e, f, kinds[0])
	meta := f.object.get("peerDependenciesMeta").inner
	for n := range peers.pairs() {
		kind := Peer
		if meta.get(n.key).inner.get("optional").text == "true" {
			kind = PeerOptional
		}
		g.require(e, n, kind, prod, optional, development)
	}
	for n := range prod.pairs() {
		g.require(e, n, Prod, optional, development)
	}
	for n := range optional.pairs() {
		g.require(e, n, Optional, development)
	}
	for n := range development.pairs() {
		g.require(e, n, Dev)
	}
	if e.Location == "" && f.has("workspaces") {
		g.workspaces()
	}
	e.Requires = g.kept.keep(g.requires...)
}

// wanted are the packages that an entry asks for in one kind. What is of a wrong type
// hinders no install, but is said: what it stands for is not known.
func (g *npmGraph) wanted(e *Entry, f fields, kind string) *object {
	v := f.object.get(kind)
	if v.kind != isObject && v.kind != isNull {
		g.contradicts(int(v.line), e.Location+": its "+kind+" are no object")
		return nil
	}
	return v.inner
}

func (g *npmGraph) require(e *Entry, n *node, kind Kind, stronger ...*object) {
	for _, other := range stronger {
		if other.find(n.key) >= 0 {
			return
		}
	}
	if n.kind != isText {
		g.contradicts(int(n.line), e.Location+": it requires "+n.key+" in a version that is no text")
	}
	to := g.folders.resolve(g.from, n.key)
	g.requires = append(g.requires, Require{Name: n.key, Range: n.text, Kind: kind, To: to})
}

// workspaces adds those that the root does not ask for: npm installs them all.
func (g *npmGraph) workspaces() {
	asked := make(map[string]bool, len(g.requires))
	for _, r := range g.requires {
		asked[r.Name] = true
	}
	for _, i := range g.links {
		e := &g.lock.Entries[i]
		parent, name, ok := installedIn(e.Location)
		if ok && parent == "" && !asked[name] && !e.Ghost {
			g.requires = append(g.requires, Require{Name: name, Kind: Prod, To: i})
		}
	}
}

// join marks what is required by the address that it is from: that is no registry's.
func (g *npmGraph) join() {
	for i := range g.lock.Entries {
		for _, r := range g.lock.Entries[i].Requires {
			if r.To < 0 || !strings.HasPrefix(r.Range, "http") {
				continue
			}
			if to := &g.lock.Entries[r.To]; to.Source == Registry && to.URL == r.Range {
				to.Source = Remote
			}
		}
	}
}
