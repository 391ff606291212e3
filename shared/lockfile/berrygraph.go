package lockfile

import (
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strings"
)

// berryGraph makes the entries of a yarn.lock of Berry.
//
// Peer dependencies have no answer in it: Yarn gives a package the peers of whoever
// requires it, one copy for each, and the lock file does not say which.
type berryGraph struct {
	yarnGraph
	doc      fields
	project  project
	catalogs map[string]map[string]string
	// patched are entries that Yarn replaces others with, by the request that they replace;
	// bound those that belong to one workspace, by their request without that.
	patched map[string]int
	bound   map[boundRequest]int
	bases   map[int]string // requests for what patched packages are made of, by place
}

// boundRequest is a request of the package with this locator; "" for the first one.
type boundRequest struct{ request, locator string }

// readBerryGraph makes the entries, with Requires as Yarn writes them (npm: is left out
// where a range follows) and catalogs replaced by what is in them.
func readBerryGraph(doc fields, tree fs.FS, lock *Lock) error {
	g := &berryGraph{
		yarnGraph: yarnGraph{lock: lock, answers: map[string]int{}},
		doc:       doc, patched: map[string]int{}, bound: map[boundRequest]int{}, bases: map[int]string{},
	}
	g.manifests(tree)
	var locators []string // of the entries
	for _, key := range doc.names() {
		if key == "__metadata" {
			continue
		}
		entry, requests := doc.fields(key), strings.Split(key, ", ")
		if err := g.add(g.entry(key, requests, entry), requests); err != nil {
			return err
		}
		g.index(requests)
		for len(locators) < len(lock.Entries) {
			locators = append(locators, entry.text("resolution"))
		}
	}
	lock.eachRequire(func(place int, r Require) Require {
		return g.answer(lock.Entries[place], r, locators[place])
	})
	g.addBases()
	return *doc.problem
}

// manifests reads what the lock file does not keep: which dependencies are for
// development, overrides and catalogs. Stale says so if that cannot be read.
func (g *berryGraph) manifests(tree fs.FS) {
	var locations []string
	for _, key := range g.doc.names() {
		_, reference := cutSpec(g.doc.fields(key).text("resolution"))
		if location, ok := strings.CutPrefix(reference, "workspace:"); ok {
			locations = append(locations, path.Clean(location))
		}
	}
	p, err := readProject(tree, *g.lock, append(locations, "."))
	if err != nil {
		return
	}
	g.project = p
	g.resolve(p)
	config, err := yamlManifest(tree, path.Join(path.Dir(g.lock.Path), ".yarnrc.yml"))
	if err == nil && config.problem != nil {
		g.catalogs = catalogsOf(config)
	}
}

func (g *berryGraph) entry(key string, requests []string, entry fields) Entry {
	name, reference := cutSpec(entry.text("resolution"))
	e := Entry{Name: name, Line: g.doc.line(key), Optional: entry.has("conditions")}
	e.Version, e.URL, e.Source = berryReference(reference)
	label := entry.text("version")
	switch {
	case e.Source == Project:
		_, location, _ := strings.Cut(reference, ":")
		location, _, _ = strings.Cut(location, "::")
		if e.Location = path.Clean(location); e.Location == "." {
			e.Location = ""
		}
		if label != "0.0.0-use.local" { // which stands for that of the manifest
			e.Version = label
		} else if m, ok := g.project.members[path.Clean(location)]; ok {
			e.Version = shownText(m.text("version"))
		}
	case e.Version == "":
		e.Version = label
	case e.Version != label && label != "":
		g.lock.contradict(e.Line, "%s: the version is %s in its resolution and %s beside that", name, e.Version, label)
	}
	if checksum := entry.text("checksum"); checksum != "" {
		e.Integrity = []string{checksum}
	}
	for _, request := range requests {
		if _, spec := cutSpec(request); strings.HasPrefix(spec, "npm:") && realName(request) != name {
			g.lock.contradict(e.Line, "%s: the same entry is also for %s", name, realName(request))
		}
	}
	e.Requires = g.requires(e, entry)
	return e
}

// requires are the dependencies as they are written.
func (g *berryGraph) requires(e Entry, entry fields) []Require {
	var list []Require
	meta, member := entry.fields("dependenciesMeta"), g.project.members[cmpLocation(e)]
	dependencies := entry.fields("dependencies")
	for _, name := range dependencies.names() {
		r := Require{Name: name, Range: dependencies.text(name), Kind: Prod, To: -1}
		switch {
		case meta.fields(name).flag("optional"):
			r.Kind = Optional
		case e.Source == Project && member.problem != nil && onlyDev(member, name):
			r.Kind = Dev
		}
		list = append(list, r)
	}
	peers := entry.fields("peerDependencies")
	for _, name := range peers.names() {
		list = append(list, Require{Name: name, Range: peers.text(name), Kind: peerKind(entry, name), To: -1})
	}
	return list
}

// cmpLocation is the location of an entry as projects have them.
func cmpLocation(e Entry) string {
	if e.Location == "" {
		return "."
	}
	return e.Location
}

func onlyDev(manifest fields, name string) bool {
	return manifest.fields("devDependencies").has(name) &&
		!manifest.fields("dependencies").has(name) && !manifest.fields("optionalDependencies").has(name)
}

// berryReference tells what is behind a reference such as npm:4.17.21. Version is "" if
// it does not say. What Yarn patches is an archive of the project's: it is made of a
// package that has an entry of its own.
func berryReference(reference string) (version, address string, source Source) {
	protocol, rest, ok := strings.Cut(reference, ":")
	if !ok && exact(reference) { // in patches of Yarn 2
		return reference, "", Registry
	}
	switch protocol {
	case "npm":
		version, params, _ := strings.Cut(rest, "::")
		values, _ := url.ParseQuery(params)
		return version, withoutUser(values.Get("__archiveUrl")), Registry
	case "workspace":
		return "", "", Project
	case "link", "portal":
		return "", withoutUser(reference), Project
	case "file", "exec":
		return "", "", Folder
	case "patch":
		_, inner := cutSpec(berryPatched(rest))
		if strings.HasPrefix(inner, "npm:") || !strings.Contains(inner, ":") {
			version, _, _ = berryReference(inner)
		}
		return version, withoutUser(reference), Folder
	}
	switch {
	case !ok:
		return "", "", Folder
	case isGit(protocol) || strings.Contains(rest, "#commit="):
		return "", withoutUser(reference), Git
	}
	return "", withoutUser(reference), Remote
}

// berryPatched is the package, as name@reference, that one made by a patch is made of.
func berryPatched(rest string) string {
	rest, _, _ = strings.Cut(rest, "#")
	if inner, err := url.PathUnescape(rest); err == nil {
		return inner
	}
	return rest
}

// index keeps requests that are found in other ways than word by word.
func (g *berryGraph) index(requests []string) {
	for _, request := range requests {
		name, spec := cutSpec(request)
		place := g.answers[request]
		if plain, params, ok := strings.Cut(request, "::"); ok {
			if values, err := url.ParseQuery(params); err == nil && values.Has("locator") {
				g.bound[boundRequest{plain, values.Get("locator")}] = place
				if _, ok := g.bound[boundRequest{request: plain}]; !ok {
					g.bound[boundRequest{request: plain}] = place
				}
			}
		}
		if rest, ok := strings.CutPrefix(spec, "patch:"); ok {
			base := withProtocol(berryPatched(rest))
			g.bases[place] = base
			if strings.Contains(rest, "builtin<compat/"+name+">") {
				g.patched[base] = place
			}
		}
	}
}

// addBases lets patched packages require what they are made of, which nothing else may.
func (g *berryGraph) addBases() {
	for place, base := range g.bases {
		name, spec := cutSpec(base)
		e := &g.lock.Entries[place]
		if to, ok := g.answers[base]; ok && to != place {
			e.Requires = append(slices.Clip(e.Requires),
				Require{Name: name, Range: plainRange(spec), Kind: Prod, To: to})
		}
	}
}

// plainRange takes away the npm: that Berry puts before every range, but not that of an
// alias.
func plainRange(spec string) string {
	if plain, ok := strings.CutPrefix(spec, "npm:"); ok && !strings.Contains(plain, "@") {
		return plain
	}
	return spec
}

// withProtocol adds the npm: that older versions of Yarn leave out.
func withProtocol(request string) string {
	name, spec := cutSpec(request)
	if strings.Contains(spec, ":") || strings.HasPrefix(spec, ".") {
		return request
	}
	return name + "@npm:" + spec
}

// answer finds what Yarn installs for a request: what the project replaces it with, in a
// patched version where Yarn brings a patch along.
func (g *berryGraph) answer(parent Entry, r Require, locator string) Require {
	written := r.Range
	if catalog, ok := strings.CutPrefix(written, "catalog:"); ok {
		if spec, ok := g.catalogs[catalog][r.Name]; ok {
			written = spec
		}
	}
	r.Range = plainRange(written)
	if r.Kind == Peer || r.Kind == PeerOptional {
		return r
	}
	if to, ok := g.resolution(parent, r); ok {
		written = to
	}
	r.To = g.find(r.Name, written, locator)
	return r
}

func (g *berryGraph) find(name, spec, locator string) int {
	request := withProtocol(name + "@" + spec)
	if place, ok := g.patched[request]; ok {
		return place
	}
	for _, request := range []string{request, name + "@" + spec} {
		if place, ok := g.answers[request]; ok {
			return place
		}
		for _, of := range []string{locator, ""} { // any is the root's, whose resolutions hold everywhere
			if place, ok := g.bound[boundRequest{request, of}]; ok {
				return place
			}
		}
	}
	return -1
}
