package lockfile

import (
	"cmp"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// berryChecksum is "<cache key>/<SHA-512 in hexadecimal>", or in files of Yarn 2
// and 3 the hash alone. The cache key tells in which form the archive was packed.
var berryChecksum = regexp.MustCompile(`^(?:([0-9]+[0-9a-z]*)/)?([0-9a-f]{128})$`)

func berryDocument(data []byte, lock *Lock) (fields, error) {
	docs, err := parseYAML(lock.Path, data)
	if err != nil {
		return fields{}, err
	}
	if len(docs) != 1 {
		return fields{}, malformed(lock, "it has %d YAML documents instead of one", len(docs))
	}
	return docs[0], nil
}

// parseBerry reads a yarn.lock of Yarn 2 and later. Packages are all whose archives
// Yarn keeps in its cache, also those that it packs itself, of patched packages and
// git repositories. Their URL is Yarn's reference, such as npm:4.17.21, and their
// Integrity "<cache key>/<hash>": of the archive that Yarn makes, not the registry's.
func parseBerry(data []byte, tree fs.FS, lock *Lock) error {
	lock.Format = Berry
	doc, err := berryDocument(data, lock)
	if err != nil {
		return err
	}
	cacheKey := doc.fields("__metadata").text("cacheKey")
	var conditional []string
	for _, key := range doc.keys() {
		entry := doc.fields(key)
		if key == "__metadata" || entry.text("linkType") == "soft" { // workspaces, links
			continue
		}
		name, reference := cutSpec(entry.text("resolution"))
		if name == "" || reference == "" {
			return cmp.Or(*doc.problem, malformed(lock, "%.200q has no resolution", key))
		}
		p := Package{Name: name, Version: entry.text("version"), URL: reference}
		checksum := entry.text("checksum")
		parts := berryChecksum.FindStringSubmatch(checksum)
		switch {
		case parts != nil:
			if parts[1] == "" {
				parts[1] = cacheKey
			}
			p.Integrity = []string{parts[1] + "/" + parts[2]}
			lock.Packages = append(lock.Packages, p)
		case checksum != "":
			return malformed(lock, "%.200q has a checksum that is not SHA-512", key)
		case entry.has("conditions"):
			// Packages for other machines: Yarn writes their checksum if it came to
			// download them, and trusts the download if not.
			conditional = append(conditional, name)
		default:
			lock.Unproven = append(lock.Unproven, p.Name+"@"+p.Version)
		}
	}
	if len(conditional) > 0 {
		lock.Notes = append(lock.Notes, some(conditional)+
			": for some machines only and without a checksum, so downloaded at every install there")
	}
	if *doc.problem != nil {
		return *doc.problem
	}
	return readBerryGraph(doc, tree, lock)
}

// berryStale compares a yarn.lock of Berry with what it was made for.
type berryStale struct {
	lock       fields
	project    project
	workspaces map[string]fields // entries, by location
	requests   map[string]bool   // what the entries answer
	found      findings
}

// staleBerry compares the workspaces of a lock file, which keep what they were made
// for, with their manifests, as yarn install --immutable does.
func staleBerry(data []byte, tree fs.FS, lock Lock) error {
	doc, err := berryDocument(data, &lock)
	if err != nil {
		return err
	}
	s := &berryStale{lock: doc, workspaces: map[string]fields{}, requests: map[string]bool{}}
	s.index()
	if s.project, err = readProject(tree, lock, union(s.workspaces, nil)); err != nil {
		return err
	}
	dir := path.Dir(lock.Path)
	config, err := yamlManifest(tree, path.Join(dir, ".yarnrc.yml"))
	if err != nil {
		return err
	}
	config = config.orEmpty(doc)
	s.compare(catalogsOf(config))
	if root, ok := s.project.members["."]; ok {
		s.found = append(s.found, newMembers(tree, dir, workspacePatterns(root), func(location string) bool {
			_, ok := s.workspaces[location]
			return ok
		})...)
	}
	s.resolutions()
	if err := cmp.Or(*doc.problem, *config.problem); err != nil {
		return err
	}
	return s.project.stale(lock, s.found, "yarn install --mode=update-lockfile, and commit yarn.lock")
}

// index finds the workspaces, and all requests.
func (s *berryStale) index() {
	for _, key := range s.lock.keys() {
		for request := range strings.SplitSeq(key, ", ") {
			s.requests[request] = true
		}
		entry := s.lock.fields(key)
		_, reference := cutSpec(entry.text("resolution"))
		if location, ok := strings.CutPrefix(reference, "workspace:"); ok {
			s.workspaces[path.Clean(location)] = entry
		}
	}
}

// compare compares each manifest with the workspace's entry.
func (s *berryStale) compare(catalogs map[string]map[string]string) {
	for _, location := range union(s.project.members, nil) {
		wanted := wishesOf(s.project.members[location])
		locked := wishesOf(s.workspaces[location].orEmpty(s.lock))
		for _, text := range append(wanted.berryDifference(locked), wanted.uncatalogued(catalogs, s.requests)...) {
			s.found = append(s.found, s.project.prefix(location)+text)
		}
	}
}

// resolutions compares what the lock file does not keep.
func (s *berryStale) resolutions() {
	o := s.project.resolutions()
	for _, key := range s.lock.keys() {
		if entry := s.lock.fields(key); entry.text("linkType") == "hard" {
			name, _ := cutSpec(key)
			s.found = append(s.found, o.difference(name, entry.text("version"))...)
		}
	}
}

// orEmpty returns fields that can be read, of a document.
func (f fields) orEmpty(doc fields) fields {
	if f.problem == nil {
		return fields{file: doc.file, problem: doc.problem}
	}
	return f
}

// berryDifference is difference, but for what Yarn changes on the way into the lock
// file: of a package in several kinds one range only is kept, and npm: is added.
func (w wishes) berryDifference(locked wishes) []string {
	want, have := w.asBerry(locked)
	return want.difference(have)
}

// asBerry returns both as they can be compared.
func (w wishes) asBerry(locked wishes) (want, have wishes) {
	plain := func(of wishes) wishes {
		result := wishes{}
		for name, specs := range of {
			for _, spec := range specs {
				spec, _, _ = strings.Cut(spec, "::")
				if bare, ok := strings.CutPrefix(spec, "npm:"); ok && !strings.Contains(bare, "@") {
					spec = bare // npm:name@range is another package, under this name
				}
				result.add(name, spec)
			}
		}
		return result
	}
	want, have = plain(w), plain(locked)
	for name, specs := range have {
		kept := func(spec string) bool { return slices.Contains(specs, spec) }
		if both := want[name]; len(both) > 1 && slices.ContainsFunc(both, kept) {
			want[name] = specs
		}
	}
	return want, have
}

// uncatalogued finds ranges that come from a catalog and that the lock file was
// not made for.
func (w wishes) uncatalogued(catalogs map[string]map[string]string, requests map[string]bool) []string {
	var found findings
	for _, name := range union(w, nil) {
		for _, spec := range w[name] {
			catalog, ok := strings.CutPrefix(spec, "catalog:")
			want, known := catalogs[catalog][name]
			if ok && known && !requests[name+"@npm:"+strings.TrimPrefix(want, "npm:")] && !requests[name+"@"+want] {
				found.add("%s: the catalog in .yarnrc.yml has %s, the lock file does not know it", name, want)
			}
		}
	}
	return found
}

// catalogsOf returns the catalogs of .yarnrc.yml or pnpm-workspace.yaml, by name;
// that of "catalog:" has none.
func catalogsOf(config fields) map[string]map[string]string {
	found := map[string]map[string]string{"": config.texts("catalog")}
	named := config.fields("catalogs")
	for _, name := range named.keys() {
		found[name] = named.texts(name)
		if name == "default" {
			found[""] = found[name]
		}
	}
	return found
}

// yamlManifest reads a file beside the lock file; no problem in it means none is there.
func yamlManifest(tree fs.FS, name string) (fields, error) {
	data, err := manifest(tree, name)
	if err != nil || data == nil {
		return fields{}, err
	}
	docs, err := parseYAML(name, data)
	if err != nil || len(docs) == 0 {
		return fields{}, err
	}
	return docs[0], nil
}
