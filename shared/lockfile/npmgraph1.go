package lockfile

import (
	"io/fs"
	"path"
	"strings"
)

// npmEntriesV1 fills lock.Entries from the tree of a lock file of version 1. Of the
// root such a file says nothing but the name: what it requires is in the manifest.
func npmEntriesV1(lock *Lock, doc fields, tree fs.FS) error {
	g := newNPMGraph(lock, 1+len(doc.fields("dependencies").object.all()))
	root, found, err := packageJSON(tree, path.Dir(lock.Path))
	if err != nil {
		return err
	}
	if !found {
		root = fields{problem: doc.problem}
	}
	g.add(Entry{Name: doc.text("name"), Version: doc.text("version"), Source: Project}, root)
	if err := g.nested("", doc.fields("dependencies")); err != nil {
		return err
	}
	if err := g.linked(tree, path.Dir(lock.Path)); err != nil {
		return err
	}
	g.follow()
	for i := range lock.Entries {
		if g.sources[i].file == lock.Path {
			g.edgesV1(i)
		} else {
			g.edges(i)
		}
	}
	g.join()
	return nil
}

// linked reads the manifests of the folders that are linked, as npm does.
func (g *npmGraph) linked(tree fs.FS, dir string) error {
	for i := range g.lock.Entries {
		e := &g.lock.Entries[i]
		if _, _, ok := installedIn(e.Location); ok || e.Location == "" || !fs.ValidPath(e.Location) {
			continue
		}
		manifest, found, err := packageJSON(tree, path.Join(dir, e.Location))
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		g.sources[i], e.Version = manifest, manifest.text("version")
		if name := manifest.text("name"); name != "" {
			e.Name = name
		}
		if err := *manifest.problem; err != nil {
			return err
		}
	}
	return nil
}

// nested adds the packages of the node_modules in a folder. Its error is of malformed.
func (g *npmGraph) nested(location string, tree fields) error {
	if location != "" {
		location += "/"
	}
	for n := range tree.object.pairs() {
		f := tree.inner(n)
		e := Entry{Name: n.key, Location: location + modules + n.key, Line: int(n.line)}
		e.claims(f)
		// Here a short file can make long locations: each repeats those above it.
		if g.long += len(e.Location); g.long > maxSize || len(e.Location) > maxText {
			return malformed(g.lock, "%.40q... is nested too deep", n.key)
		}
		inner := e.Location
		if folder, ok := npmFolderV1(f.text("version")); ok {
			inner = folder
			g.links = append(g.links, len(g.lock.Entries))
			link := e
			link.Source, link.URL = Project, folder
			g.add(link, fields{problem: f.problem})
			e.Location, e.Source = folder, Project
		} else {
			g.package1(&e, f)
		}
		if _, ok := g.find(e.Location); !ok {
			g.add(e, f)
		}
		if err := g.nested(inner, f.fields("dependencies")); err != nil {
			return err
		}
	}
	return nil
}

// package1 reads an entry that is no link. Its version is also the other name of an
// alias, and the address if that is no registry's.
func (g *npmGraph) package1(e *Entry, f fields) {
	version, folder := f.text("version"), e.Name
	e.Version, e.URL, e.Integrity = version, f.text("resolved"), g.integrity(f.text("integrity"))
	e.Source = npmSource(e.URL)
	if alias, ok := strings.CutPrefix(version, "npm:"); ok {
		e.Name, e.Version, _ = cutLast(alias, "@")
		e.Alias = folder
	} else if strings.Contains(version, ":") {
		e.URL, e.Version = version, npmArchiveVersion(e.Name, version)
		if e.Source = npmSource(version); e.Source == Registry {
			e.Source = Remote
		}
	}
	if f.flag("bundled") {
		e.Source = Bundled
	}
}

// npmFolderV1 tells a link to a folder, and where it leads.
func npmFolderV1(version string) (string, bool) {
	folder, ok := strings.CutPrefix(version, "file:")
	name := strings.ToLower(folder)
	for _, suffix := range []string{".tgz", ".tar.gz", ".tar"} {
		ok = ok && !strings.HasSuffix(name, suffix)
	}
	if folder = path.Clean(folder); folder == "." {
		folder = ""
	}
	return folder, ok
}

// npmArchiveVersion is the version in an address such as https://x/name-1.0.0.tgz, as
// npm names archives; "" if it is named otherwise.
func npmArchiveVersion(name, address string) string {
	address, _, _ = strings.Cut(address, "#")
	address, _, _ = strings.Cut(address, "?")
	version, ok := strings.CutSuffix(path.Base(address), ".tgz")
	rest, named := strings.CutPrefix(version, path.Base(name)+"-")
	if !ok || !named || rest == "" || rest[0] < '0' || rest[0] > '9' {
		return ""
	}
	return rest
}

// edgesV1 finds what an entry requires. The file does not say what of it may be
// missing. As npm does, one takes for optional what would not be, were it required in
// earnest; and so for development.
func (g *npmGraph) edgesV1(i int) {
	e := &g.lock.Entries[i]
	g.requires, g.from = g.requires[:0], g.folders.of[i]
	for n := range g.wanted(e, g.sources[i], "requires").pairs() {
		g.require(e, n, Prod)
		last := &g.requires[len(g.requires)-1]
		if last.To < 0 {
			continue
		}
		switch to := &g.lock.Entries[last.To]; {
		case to.Optional && !e.Optional:
			last.Kind = Optional
		case to.Dev && !e.Dev && e.Source == Project:
			last.Kind = Dev
		}
	}
	e.Requires = g.kept.keep(g.requires...)
}
