package lockfile

import (
	"cmp"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// npmStale compares a package-lock.json with the package.json files it was made for.
type npmStale struct {
	tree        fs.FS
	dir         string // of the lock file
	packages    fields
	entries     map[string]int // of the lock file, by location
	overridden  overrides
	changes     changes
	differences findings
}

// staleNPM says what npm ci would say, and what it would not: npm install changes
// the lock file without a word, and an install that a cache hit skips says nothing.
func staleNPM(data []byte, tree fs.FS, lock Lock) error {
	doc, err := parseJSON(lock.Path, data)
	if err != nil {
		return err
	}
	return compareNPM(doc, tree, lock)
}

// compareNPM is staleNPM of what was parsed.
func compareNPM(doc fields, tree fs.FS, lock Lock) error {
	s := &npmStale{tree: tree, dir: path.Dir(lock.Path), packages: doc.fields("packages"), entries: map[string]int{}}
	for i := range lock.Entries {
		s.entries[lock.Entries[i].Location] = i
	}
	root, found, err := packageJSON(tree, s.dir)
	if err != nil {
		return err
	}
	manifest, base := path.Join(s.dir, packageFile), path.Base(lock.Path)
	fix := "npm install --package-lock-only, and commit " + base
	if !found {
		return staleError(lock, manifest, []string{"there is no package.json beside it"}, fix)
	}
	if base != "npm-shrinkwrap.json" {
		if _, err := fs.Stat(tree, path.Join(s.dir, "npm-shrinkwrap.json")); err == nil {
			return staleError(lock, manifest, []string{"npm reads npm-shrinkwrap.json, which is beside it, instead"},
				"git rm "+base)
		}
	}
	if doc.has("packages") {
		err = s.compare(root)
	} else {
		s.compareV1(root, doc.fields("dependencies"))
	}
	if err := cmp.Or(err, *doc.problem, *root.problem); err != nil {
		return err
	}
	return s.changes.explain(staleError(lock, manifest, s.differences, fix))
}

func (s *npmStale) compare(root fields) error {
	s.overridden = newOverrides()
	s.overridden.addNPM(root.fields("overrides"), wishesOf(root), true)
	s.project("", root)
	patterns := workspacePatterns(root)
	if locked := workspacePatterns(s.packages.fields("")); !slices.Equal(unique(patterns), unique(locked)) {
		s.differences.add("workspaces: package.json has %s, the lock file was made for %s",
			strings.Join(patterns, " "), strings.Join(locked, " "))
	}
	for _, location := range s.packages.keys() {
		if location == "" || strings.Contains(location, "node_modules/") || !fs.ValidPath(location) {
			continue // downloaded, or outside of the project
		}
		err := s.workspace(location)
		if err != nil {
			return err
		}
	}
	s.differences = append(s.differences, newMembers(s.tree, s.dir, patterns, s.packages.has)...)
	s.overrides()
	return nil
}

// workspace compares a folder of the project that the lock file knows.
func (s *npmStale) workspace(location string) error {
	member, found, err := packageJSON(s.tree, path.Join(s.dir, location))
	if err != nil {
		return err
	}
	if !found {
		if s.packages.fields(location).flag("extraneous") {
			return nil // npm forgot to take it out, and leaves it alone
		}
		s.differences.add("%s: the lock file has it, but there is no package.json", location)
		return nil
	}
	s.project(location, member)
	return *member.problem
}

// project compares one package.json with the entry that was made from it, and
// both with what is locked.
func (s *npmStale) project(location string, manifest fields) {
	prefix := ""
	if location != "" {
		prefix = path.Join(location, packageFile) + ": "
	}
	wanted, locked := wishesOf(manifest), wishesOf(s.packages.fields(location))
	differences := wanted.difference(locked)
	s.changes.add(manifest, wanted, locked, func(name string) int {
		place, _ := s.place(location, name)
		if entry, ok := s.entries[place]; ok && place != "" {
			return entry
		}
		return -1
	})
	if len(differences) == 0 {
		differences = s.installed(location, manifest)
	}
	for _, text := range differences {
		s.differences = append(s.differences, prefix+text)
	}
}

// installed compares direct dependencies of one exact version with the version
// that would be installed, as a lock file edited by hand can contradict itself.
func (s *npmStale) installed(location string, manifest fields) []string {
	var found findings
	for _, kind := range kinds[:2] {
		wanted := manifest.texts(kind)
		for _, name := range union(wanted, nil) {
			want := wanted[name]
			place, ok := s.place(location, name)
			entry := s.packages.fields(place)
			have := entry.text("version")
			switch {
			case !ok && manifest.fields("optionalDependencies").has(name):
			case !ok:
				found.add("%s: package.json wants %s, the lock file has none", name, want)
			case s.overridden.versions[name] != nil: // also what a workspace asks for
			case exact(want) && have != strings.SplitN(want, "+", 2)[0] && have != want && !entry.flag("link"):
				found.add("%s: package.json wants %s, the lock file has %s", name, want, have)
			}
		}
	}
	return found
}

// place finds what a project's require(name) would find, from its folder upwards.
func (s *npmStale) place(location, name string) (string, bool) {
	for {
		at := path.Join(location, "node_modules", name)
		if s.packages.has(at) {
			return at, true
		}
		if location == "" {
			return "", false
		}
		if location = path.Dir(location); location == "." {
			location = ""
		}
	}
}

// compareV1 compares with a file of npm 6, which does not keep what it was made
// for: every package must be there, and in its version if that is exact.
func (s *npmStale) compareV1(root, locked fields) {
	for _, kind := range kinds[:3] {
		wanted := root.texts(kind)
		for _, name := range union(wanted, nil) {
			want, have := strings.TrimPrefix(wanted[name], "npm:"+name+"@"), locked.fields(name).text("version")
			switch {
			case !locked.has(name):
				s.differences.add("%s: package.json wants %s, the lock file does not know it", name, want)
			case exact(want) && have != strings.SplitN(want, "+", 2)[0] && have != want:
				s.differences.add("%s: package.json wants %s, the lock file has %s", name, want, have)
			}
		}
	}
}

// overrides compares what the lock file does not keep; npm ci compares the trees
// that overrides lead to.
func (s *npmStale) overrides() {
	for _, location := range s.packages.keys() {
		_, name, installed := cutLast(location, "node_modules/")
		entry := s.packages.fields(location)
		if installed && !entry.flag("link") && !entry.flag("inBundle") {
			s.differences = append(s.differences, s.overridden.difference(name, entry.text("version"))...)
		}
	}
}

// addNPM adds what npm's overrides say: "name" or "name@range" to a version, to
// "$name" of a direct dependency, or to an object with overrides within it.
func (o overrides) addNPM(f fields, direct wishes, top bool) {
	for _, key := range f.keys() {
		name := key
		if at := strings.LastIndex(key, "@"); at > 0 {
			name = key[:at]
		}
		version := ""
		if f.isObject(key) {
			within := f.fields(key)
			if !within.isObject(".") {
				version = within.text(".")
			}
			o.addNPM(within.without("."), direct, false)
		} else {
			version = f.text(key)
		}
		if reference, ok := strings.CutPrefix(version, "$"); ok {
			version = strings.Join(direct[reference], " ")
		}
		if version != "" {
			o.add(name, version, top && name == key)
		}
	}
}

// isNPM reports whether a file of this name is a lock file of npm, which has manifests
// beside it.
func isNPM(name string) bool {
	base := path.Base(name)
	return base == "package-lock.json" || base == "npm-shrinkwrap.json"
}

// npmReaderOnce is npm's reader for one lock file, which it compares as it has parsed it.
func npmReaderOnce() reader {
	var doc fields
	return reader{
		parse: func(data []byte, tree fs.FS, lock *Lock) (err error) {
			lock.Format = NPM
			if doc, err = parseJSON(lock.Path, data); err != nil {
				return err
			}
			return readNPM(doc, tree, lock)
		},
		stale: func(_ []byte, tree fs.FS, lock Lock) error { return compareNPM(doc, tree, lock) },
	}
}
