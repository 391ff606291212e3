package lockfile

import (
	"cmp"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// parsePNPM reads pnpm-lock.yaml of pnpm 3.5 and later (versions 5.1 to 5.4, 6 and 9).
// There can be several YAML documents: one may be of the tools that pnpm itself
// was told to use.
func parsePNPM(data []byte, tree fs.FS, lock *Lock) error {
	lock.Format = PNPM
	docs, err := pnpmDocuments(data, lock)
	if err != nil {
		return err
	}
	var git []string
	graph := newPNPMGraph(lock, tree)
	for _, doc := range docs {
		old := strings.HasPrefix(doc.text("lockfileVersion"), "5.")
		packages := doc.fields("packages")
		for _, key := range packages.keys() {
			entry := packages.fields(key)
			p := pnpmPackage(key, entry, old)
			resolution := entry.fields("resolution")
			p.URL = resolution.text("tarball")
			p.Integrity = pnpmIntegrity(resolution)
			kind := resolution.text("type")
			switch {
			case kind == "directory" || strings.HasPrefix(p.URL, "file:"):
			case len(p.Integrity) > 0:
				lock.Packages = append(lock.Packages, p)
			case kind == "git" || resolution.flag("gitHosted") || isCommitArchive(p.URL):
				git = append(git, p.Name)
			default:
				lock.Unproven = append(lock.Unproven, p.Name+"@"+p.Version)
			}
		}
		if graph.read(doc); *doc.problem != nil {
			return *doc.problem
		}
	}
	if len(git) > 0 {
		lock.Notes = append(lock.Notes, some(git)+": taken from git, by commit and not by hash")
	}
	return nil
}

func pnpmDocuments(data []byte, lock *Lock) ([]fields, error) {
	docs, err := parseYAML(lock.Path, data)
	if err != nil {
		return nil, err
	}
	if len(docs) == 0 {
		return nil, malformed(lock, "it is empty")
	}
	for _, doc := range docs {
		version := doc.text("lockfileVersion")
		major, _, _ := strings.Cut(version, ".")
		if !slices.Contains([]string{"5.1", "5.2", "5.3", "5.4"}, version) &&
			!slices.Contains([]string{"6", "9"}, major) {
			return nil, malformed(lock, "lockfileVersion %.20q is not 5.1 to 5.4, 6 or 9", version)
		}
	}
	return docs, nil
}

// pnpmPackage takes name and version from a key: /name/version_peers (5),
// /name@version(peers) (6) or name@version (9); an entry that is from no registry
// says them itself.
func pnpmPackage(key string, entry fields, old bool) Package {
	key, _, _ = strings.Cut(strings.TrimPrefix(key, "/"), "(")
	var p Package
	if old {
		p.Name, p.Version, _ = cutLast(key, "/")
		p.Version, _, _ = strings.Cut(p.Version, "_")
	} else {
		p.Name, p.Version = cutSpec(key)
	}
	if name := entry.text("name"); name != "" {
		p.Name = name
	}
	if version := entry.text("version"); version != "" {
		p.Version = version
	}
	return p
}

// pnpmIntegrity returns a package's hashes; of a runtime such as Node.js, which is
// another archive on each kind of machine, those of all archives.
func pnpmIntegrity(resolution fields) []string {
	hashes := sri(resolution.text("integrity"))
	if resolution.text("type") != "variations" {
		return hashes
	}
	for _, variant := range resolution.objects("variants") {
		hash := sri(variant.fields("resolution").text("integrity"))
		if len(hash) == 0 {
			return nil
		}
		hashes = append(hashes, hash...)
	}
	return hashes
}

// pnpmStale compares a pnpm-lock.yaml with what it was made for.
type pnpmStale struct {
	lock      fields
	project   project
	config    fields // pnpm-workspace.yaml; may be none
	partial   bool   // the workspace is above, and each of its projects has a lock file
	overrides map[string]string
	ignored   []string
	found     findings
	requires  map[string][]Require // of the projects, by location, as the lock file answers them
	changes   changes
}

// stalePNPM says what pnpm install --frozen-lockfile would say.
func stalePNPM(data []byte, tree fs.FS, lock Lock) error {
	docs, err := pnpmDocuments(data, &lock)
	if err != nil {
		return err
	}
	doc := docs[len(docs)-1]
	importers := doc.fields("importers")
	if !doc.has("importers") {
		importers = doc.within(".")
	}
	s := &pnpmStale{
		lock: doc, overrides: doc.texts("overrides"), ignored: doc.list("ignoredOptionalDependencies"),
		requires: map[string][]Require{},
	}
	for _, e := range lock.Entries {
		if e.Source == Project {
			s.requires[cmp.Or(e.Location, ".")] = e.Requires
		}
	}
	if s.project, err = readProject(tree, lock, importers.keys()); err != nil {
		return err
	}
	dir := path.Dir(lock.Path)
	config, err := yamlManifest(tree, path.Join(dir, "pnpm-workspace.yaml"))
	if err != nil {
		return err
	}
	s.partial = config.problem == nil && hasAbove(tree, dir, "pnpm-workspace.yaml")
	s.config = config.orEmpty(doc)
	for _, location := range union(s.project.members, nil) {
		s.importer(location, importers.fields(location))
	}
	s.found = append(s.found, newMembers(tree, dir, s.config.list("packages"), importers.has)...)
	if !s.partial {
		s.compareOverrides()
		s.compareCatalogs()
	}
	if err := cmp.Or(*doc.problem, *s.config.problem); err != nil {
		return err
	}
	return s.changes.explain(s.project.stale(lock, s.found, "pnpm install --lockfile-only, and commit pnpm-lock.yaml"))
}

// hasAbove reports whether a folder above this one has a file of this name.
func hasAbove(tree fs.FS, dir, name string) bool {
	for dir != path.Dir(dir) {
		dir = path.Dir(dir)
		if _, err := fs.Stat(tree, path.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

// pnpmDelimiter is the > between packages in the key of an override, and none of a
// range such as name@>=1 <2 (pnpm's parse-overrides).
var pnpmDelimiter = regexp.MustCompile(`[^ |@]>`)

// overriddenName is the package that an override with this key replaces.
func overriddenName(key string) string {
	for at := pnpmDelimiter.FindStringIndex(key); at != nil; at = pnpmDelimiter.FindStringIndex(key) {
		key = key[at[1]:]
	}
	name, _ := cutSpec(key)
	return name
}

// importer compares one package.json with what the lock file keeps of it.
func (s *pnpmStale) importer(location string, importer fields) {
	manifest := s.project.members[location]
	wanted, peers := wishesOf(manifest, kinds[:3]...), wishesOf(manifest, kinds[3])
	locked := wishes{}
	for name, spec := range importer.texts("specifiers") { // version 5
		locked.add(name, spec)
	}
	for _, kind := range kinds[:3] {
		entries := importer.fields(kind)
		for _, name := range entries.keys() {
			if entries.isObject(name) {
				locked.add(name, entries.fields(name).text("specifier"))
			}
		}
	}
	for _, name := range union(wanted, locked) {
		if s.expected(name, wanted[name], peers[name], locked[name]) {
			wanted[name] = locked[name]
		}
	}
	want, have := wanted.asBerry(locked)
	answers := map[string]int{}
	for _, r := range s.requires[location] {
		answers[r.Name] = r.To
	}
	s.changes.add(manifest, want, have, func(name string) int {
		if entry, ok := answers[name]; ok {
			return entry
		}
		return -1
	})
	for _, text := range want.difference(have) {
		s.found = append(s.found, s.project.prefix(location)+text)
	}
}

// expected reports whether pnpm itself makes a difference: it overrides direct
// dependencies, installs peers, and leaves out links and ignored packages.
func (s *pnpmStale) expected(name string, wanted, peers, locked []string) bool {
	if len(locked) == 0 {
		links := s.lock.fields("settings").flag("excludeLinksFromLockfile")
		linked := len(wanted) == 1 && strings.HasPrefix(wanted[0], "link:")
		return links && linked || slices.Contains(s.ignored, name) || s.overrides[name] == "-"
	}
	if s.overrideOf(name, locked) {
		return true
	}
	if len(wanted) == 0 && strings.HasPrefix(locked[0], "runtime:") {
		return true // from devEngines: pnpm installs Node.js, too
	}
	return len(wanted) == 0 && slices.Equal(peers, locked)
}

// overrideOf reports whether what is locked of a package is an override's.
func (s *pnpmStale) overrideOf(name string, locked []string) bool {
	for key, version := range s.overrides {
		// A link is written relative to each project.
		linked := strings.HasPrefix(version, "link:") && len(locked) == 1 && strings.HasPrefix(locked[0], "link:")
		if overriddenName(key) == name && (linked || slices.Contains(locked, version)) {
			return true
		}
	}
	return false
}

// compareOverrides compares overrides, which pnpm keeps in the lock file, with all
// the places where pnpm of some version reads them.
func (s *pnpmStale) compareOverrides() {
	root, ok := s.project.members["."]
	if !ok {
		return
	}
	wanted := s.config.texts("overrides")
	for _, place := range []map[string]string{root.texts("resolutions"), root.fields("pnpm").texts("overrides")} {
		for key, version := range place {
			if _, ok := wanted[key]; !ok && !strings.HasPrefix(key, "**/") {
				wanted[key] = version
			}
		}
	}
	for _, key := range union(wanted, s.overrides) {
		want, have := wanted[key], s.overrides[key]
		switch {
		case want == have || have != "" && (strings.HasPrefix(want, "$") || strings.HasPrefix(want, "catalog:")):
		case have == "":
			s.found.add("%s: it is overridden with %s, the lock file does not know that", key, want)
		case want == "":
			s.found.add("%s: the lock file overrides it with %s, no manifest does", key, have)
		default:
			s.found.add("%s: it is overridden with %s, in the lock file with %s", key, want, have)
		}
	}
}

// compareCatalogs compares the ranges of pnpm-workspace.yaml that the lock file
// was made for.
func (s *pnpmStale) compareCatalogs() {
	wanted, locked := catalogsOf(s.config), s.lock.fields("catalogs")
	for _, catalog := range locked.keys() {
		entries := locked.fields(catalog)
		for _, name := range entries.keys() {
			have := entries.fields(name).text("specifier")
			want := wanted[""][name]
			if catalog != "default" {
				want = wanted[catalog][name]
			}
			if want != have {
				s.found.add("%s: the catalog in pnpm-workspace.yaml has %s, the lock file was made for %s",
					name, want, have)
			}
		}
	}
}
