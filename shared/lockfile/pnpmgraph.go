package lockfile

import (
	"cmp"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// pnpmGraph makes the entries of a pnpm-lock.yaml: one for each place in pnpm's store,
// which is a package together with the peers that it gets there.
type pnpmGraph struct {
	lock *Lock
	tree fs.FS
	// importers are the project's own packages, and linked folders, by location.
	importers map[string]int

	// Of the document that is read:
	old       bool // version 5: /name/version
	places    map[string]int
	packages  fields
	catalogs  fields
	snapshots fields // that of packages before version 9
	refs      []pnpmRef
}

// pnpmRef is a Require whose answer is looked for when all entries are there.
type pnpmRef struct {
	entry, require int
	location       string // of the importer that links are relative to
	name, ref      string
}

// maxMembers is for how many projects the manifest is looked at.
const maxMembers = 10_000

func newPNPMGraph(lock *Lock, tree fs.FS) *pnpmGraph {
	return &pnpmGraph{lock: lock, tree: tree, importers: map[string]int{}}
}

// read adds the entries of a document.
func (g *pnpmGraph) read(doc fields) {
	version := doc.text("lockfileVersion")
	g.old = strings.HasPrefix(version, "5.")
	g.packages, g.snapshots, g.catalogs = doc.fields("packages"), doc.fields("packages"), doc.fields("catalogs")
	if strings.HasPrefix(version, "9") {
		g.snapshots = doc.fields("snapshots")
	}
	count := len(g.snapshots.object.all())
	g.places, g.refs = make(map[string]int, count), nil
	g.lock.Entries = slices.Grow(g.lock.Entries, count+len(doc.fields("importers").object.all()))
	if importers := doc.fields("importers"); doc.has("importers") {
		for _, location := range importers.names() {
			g.importer(location, importers.line(location), importers.fields(location))
		}
	} else {
		g.importer(".", 1, doc)
	}
	for _, key := range g.snapshots.names() {
		g.place(key)
	}
	if strings.HasPrefix(version, "9") {
		g.unused()
	}
	for _, r := range g.refs {
		to := g.answer(r) // can add entries
		g.lock.Entries[r.entry].Requires[r.require].To = to
	}
}

// member returns the entry of a location of the project, and makes it if there is none.
func (g *pnpmGraph) member(location string, line int) int {
	if place, ok := g.importers[location]; ok {
		return place
	}
	e := Entry{Source: Project, Line: line, Location: location}
	if location == "." {
		e.Location = ""
	}
	if len(g.importers) > maxMembers {
		// More than anyone has: that they have no names shows in what is printed of them.
	} else if m, ok, err := packageJSON(g.tree, path.Join(path.Dir(g.lock.Path), location)); ok && err == nil {
		e.Name, e.Version = shownText(m.text("name")), shownText(m.text("version"))
	}
	g.importers[location] = len(g.lock.Entries)
	g.lock.Entries = append(g.lock.Entries, e)
	return g.importers[location]
}

// importer adds a project of the lock file's, with what it asks for. In version 5 the
// ranges stand apart.
func (g *pnpmGraph) importer(location string, line int, importer fields) {
	place := g.member(path.Clean(location), line)
	specifiers := importer.fields("specifiers")
	for i, section := range []struct {
		key  string
		kind Kind
	}{
		{"dependencies", Prod}, {"devDependencies", Dev}, {"optionalDependencies", Optional},
		{"configDependencies", Dev}, {"packageManagerDependencies", Dev}, // pnpm's own
	} {
		block := importer.fields(section.key)
		for _, name := range block.names() {
			r := Require{Name: name, Range: specifiers.text(name), Kind: section.kind, To: -1}
			ref := ""
			if block.isObject(name) {
				entry := block.fields(name)
				r.Range, ref = entry.text("specifier"), entry.text("version")
			} else {
				ref = block.text(name)
			}
			if catalog, ok := strings.CutPrefix(r.Range, "catalog:"); ok {
				entry := g.catalogs.fields(cmp.Or(catalog, "default")).fields(name)
				r.Range = cmp.Or(entry.text("specifier"), r.Range)
			}
			if i > 2 && strings.Contains(r.Range, ":") {
				r.Range = "" // of no manifest that is compared: it says nothing of who wants an address
			}
			g.require(place, r, pnpmRef{location: path.Clean(location), name: name, ref: ref})
		}
	}
}

func (g *pnpmGraph) require(place int, r Require, ref pnpmRef) {
	e := &g.lock.Entries[place]
	ref.entry, ref.require = place, len(e.Requires)
	e.Requires = append(e.Requires, r)
	g.refs = append(g.refs, ref)
}

// place adds the entry of a package with its peers.
func (g *pnpmGraph) place(key string) {
	snapshot, bare := g.snapshots.fields(key), key
	if g.snapshots.object != g.packages.object {
		bare = withoutPeers(key)
		if !g.packages.has(bare) {
			g.lock.contradict(g.snapshots.line(key), "%s: snapshots has it, packages has not", key)
		}
	}
	info := g.packages.fields(bare)
	e := g.entry(bare, info)
	if e.Line == 0 {
		e.Line = g.snapshots.line(key)
	}
	e.Dev, e.Optional = snapshot.flag("dev"), snapshot.flag("optional")
	g.places[key] = len(g.lock.Entries)
	g.lock.Entries = append(g.lock.Entries, e)
	g.requires(g.places[key], snapshot, info)
}

// requires adds what a package got. The lock file has the ranges of peers only.
func (g *pnpmGraph) requires(place int, snapshot, info fields) {
	peers := info.fields("peerDependencies")
	for _, section := range []struct {
		key  string
		kind Kind
	}{{"dependencies", Prod}, {"optionalDependencies", Optional}} {
		block := snapshot.fields(section.key)
		for _, name := range block.names() {
			r := Require{Name: name, Kind: section.kind, To: -1}
			if peers.has(name) {
				r.Kind, r.Range = peerKind(info, name), peers.text(name)
			}
			g.require(place, r, pnpmRef{location: ".", name: name, ref: block.text(name)})
		}
	}
	for _, name := range peers.names() {
		if snapshot.fields("dependencies").object.find(name) < 0 &&
			snapshot.fields("optionalDependencies").object.find(name) < 0 {
			e := &g.lock.Entries[place]
			e.Requires = append(e.Requires,
				Require{Name: name, Range: peers.text(name), Kind: peerKind(info, name), To: -1})
		}
	}
}

// unused adds packages that are in no snapshot; pnpm installs none of them.
func (g *pnpmGraph) unused() {
	used := make(map[string]bool, len(g.places))
	for key := range g.places {
		used[withoutPeers(key)] = true
	}
	for _, key := range g.packages.names() {
		if !used[key] {
			e := g.entry(key, g.packages.fields(key))
			g.lock.contradict(e.Line, "%s: packages has it, snapshots has not", key)
			g.lock.Entries = append(g.lock.Entries, e)
		}
	}
}

// withoutPeers cuts the peers from a key of version 9: name@version(peer@version(...)).
func withoutPeers(key string) string {
	for strings.HasSuffix(key, ")") {
		depth, at := 0, len(key)-1
		for ; at > 0; at-- {
			if key[at] == ')' {
				depth++
			} else if key[at] == '(' {
				if depth--; depth == 0 {
					break
				}
			}
		}
		if depth != 0 {
			break
		}
		key = key[:at]
	}
	return key
}

func (g *pnpmGraph) entry(key string, info fields) Entry {
	p := pnpmPackage(key, info, g.old)
	resolution := info.fields("resolution")
	e := Entry{
		Name: p.Name, Version: p.Version, Line: g.packages.line(key), URL: withoutUser(resolution.text("tarball")),
		Integrity: strings.Fields(resolution.text("integrity")),
	}
	e.Source = pnpmSource(key, info, resolution)
	switch e.Source {
	case Registry:
		g.checkKey(e, key, info)
	case Git:
		if repo := resolution.text("repo"); repo != "" {
			e.URL = withoutUser(repo) + "#" + resolution.text("commit")
		}
	}
	if e.Source != Registry && !info.has("version") {
		e.Version = "" // what the key has is no version
	}
	if g.old && e.Source == Registry && !info.has("name") && !strings.HasPrefix(key, "/") {
		_, e.Name, _ = strings.Cut(e.Name, "/") // before that is the host of another registry
	}
	return e
}

// pnpmSource tells where a package is from.
func pnpmSource(key string, info, resolution fields) Source {
	tarball, kind := resolution.text("tarball"), resolution.text("type")
	_, ref := cutSpec(withoutPeers(key))
	foreign := info.has("name") && !strings.HasPrefix(key, "/") || strings.Contains(ref, ":")
	switch {
	case kind == "directory" || strings.HasPrefix(tarball, "file:"):
		return Folder
	case kind == "git" || resolution.flag("gitHosted") || isCommitArchive(tarball):
		return Git
	case kind == "variations" || kind == "binary" || foreign && tarball != "" && !resolution.has("registry"):
		return Remote
	}
	return Registry
}

// checkKey compares what the key of a package from a registry says with what is said
// beside it: pnpm takes the latter, and asks for an archive by it.
func (g *pnpmGraph) checkKey(e Entry, key string, info fields) {
	byKey := pnpmPackage(key, fields{problem: info.problem}, g.old)
	if byKey.Version != e.Version || strings.HasPrefix(key, "/") && byKey.Name != e.Name {
		g.lock.contradict(e.Line, "%s: its key is for %s@%s, and beside that is %s@%s",
			e.Name, byKey.Name, byKey.Version, e.Name, e.Version)
	}
}

// answer finds the entry that a reference of pnpm's is to (refToRelative in pnpm's
// packages/dependency-path/src/index.ts).
func (g *pnpmGraph) answer(r pnpmRef) int {
	if target, ok := strings.CutPrefix(r.ref, "link:"); ok {
		return g.member(path.Join(r.location, target), 0)
	}
	key := r.ref
	bracket, at, colon := strings.Index(key, "("), strings.Index(key, "@"), strings.Index(key, ":")
	before := func(a, b int) bool { return b < 0 || a < b }
	switch {
	case g.snapshots.object != g.packages.object: // version 9
		if at < 0 || at > 0 && (!before(at, bracket) || !before(at, colon)) {
			key = r.name + "@" + key
		}
	case strings.HasPrefix(key, "file:"):
	case !strings.Contains(key[:max(0, bracket)], "/") && (bracket >= 0 || !strings.Contains(key, "/")):
		separator := "@"
		if g.old {
			separator = "/"
		}
		key = "/" + r.name + separator + key
	}
	if place, ok := g.places[key]; ok {
		return place
	}
	return -1
}
