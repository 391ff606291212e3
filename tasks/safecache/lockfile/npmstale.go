package lockfile

import (
	"fmt"
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
	differences []string
}

// staleNPM says what npm ci would say, and what it would not: npm install changes
// the lock file without a word, and an install that a cache hit skips says nothing.
func staleNPM(data []byte, tree fs.FS, lock Lock) error {
	doc, err := parseJSON(lock.Path, data)
	if err != nil {
		return err
	}
	s := &npmStale{tree: tree, dir: path.Dir(lock.Path), packages: doc.fields("packages")}
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
	s.differences = append(s.differences, overridden(npmOverrides(root), lock.Packages)...)
	for _, err := range []error{err, *doc.problem, *root.problem} {
		if err != nil {
			return err
		}
	}
	return staleError(lock, manifest, s.differences, fix)
}

func (s *npmStale) compare(root fields) error {
	s.project("", root)
	patterns := workspacePatterns(root)
	if locked := workspacePatterns(s.packages.fields("")); !slices.Equal(unique(patterns), unique(locked)) {
		s.differences = append(s.differences, fmt.Sprintf("workspaces: package.json has %s, the lock file was made for %s",
			strings.Join(patterns, " "), strings.Join(locked, " ")))
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
	return s.newWorkspaces(patterns)
}

// workspace compares a folder of the project that the lock file knows.
func (s *npmStale) workspace(location string) error {
	member, found, err := packageJSON(s.tree, path.Join(s.dir, location))
	if err != nil {
		return err
	}
	if !found {
		s.differences = append(s.differences, fmt.Sprintf("%s: the lock file has it, but there is no package.json", location))
		return nil
	}
	s.project(location, member)
	return *member.problem
}

// newWorkspaces finds folders that belong to the project and are not in the lock
// file. Patterns that path.Match does not know as npm does are left to npm.
func (s *npmStale) newWorkspaces(patterns []string) error {
	for _, pattern := range patterns {
		pattern = path.Clean(pattern)
		if strings.HasPrefix(pattern, "!") || strings.Contains(pattern, "**") || strings.Count(pattern, "/") > 4 {
			continue
		}
		matches, err := fs.Glob(s.tree, path.Join(s.dir, pattern, packageFile))
		if err != nil {
			continue
		}
		for _, match := range matches {
			location := strings.TrimPrefix(path.Dir(match), strings.TrimPrefix(s.dir+"/", "./"))
			if excluded(location, patterns) || s.packages.has(location) || strings.Contains(location, "node_modules") {
				continue
			}
			s.differences = append(s.differences, location+": it is a workspace, and the lock file does not know it")
		}
	}
	return nil
}

func excluded(location string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		not, negated := strings.CutPrefix(pattern, "!")
		match, err := path.Match(path.Clean(not), location)
		return negated && (match || err != nil || strings.Contains(not, "**"))
	})
}

// project compares one package.json with the entry that was made from it, and
// both with what is locked.
func (s *npmStale) project(location string, manifest fields) {
	prefix := ""
	if location != "" {
		prefix = path.Join(location, packageFile) + ": "
	}
	wanted := wishesOf(manifest)
	differences := wanted.difference(wishesOf(s.packages.fields(location)))
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
	var found []string
	for _, kind := range kinds[:2] {
		wanted := manifest.texts(kind)
		for _, name := range union(wanted, nil) {
			want := wanted[name]
			entry, ok := s.resolve(location, name)
			have := entry.text("version")
			switch {
			case !ok && manifest.fields("optionalDependencies").has(name):
			case !ok:
				found = append(found, fmt.Sprintf("%s: package.json wants %s, the lock file has none", name, want))
			case exact(want) && have != strings.SplitN(want, "+", 2)[0] && have != want && !entry.flag("link"):
				found = append(found, fmt.Sprintf("%s: package.json wants %s, the lock file has %s", name, want, have))
			}
		}
	}
	return found
}

// resolve finds what a project's require(name) would find, from its folder upwards.
func (s *npmStale) resolve(location, name string) (fields, bool) {
	for {
		at := path.Join(location, "node_modules", name)
		if s.packages.has(at) {
			return s.packages.fields(at), true
		}
		if location == "" {
			return fields{}, false
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
				s.differences = append(s.differences,
					fmt.Sprintf("%s: package.json wants %s, the lock file does not know it", name, want))
			case exact(want) && have != strings.SplitN(want, "+", 2)[0] && have != want:
				s.differences = append(s.differences,
					fmt.Sprintf("%s: package.json wants %s, the lock file has %s", name, want, have))
			}
		}
	}
}

// workspacePatterns are a list, or the packages of an object.
func workspacePatterns(f fields) []string {
	if _, ok := f.values["workspaces"].(map[string]any); ok {
		return f.fields("workspaces").list("packages")
	}
	return f.list("workspaces")
}

// npmOverrides are the overrides that hold everywhere. The lock file does not
// keep them; npm ci compares the trees they lead to.
func npmOverrides(root fields) map[string]string {
	found := map[string]string{}
	overrides := root.fields("overrides")
	for _, name := range overrides.keys() {
		if inner, ok := overrides.values[name].(map[string]any); ok {
			found[name], _ = inner["."].(string)
			continue
		}
		found[name] = overrides.text(name)
		if direct, ok := strings.CutPrefix(found[name], "$"); ok {
			found[name] = strings.Join(wishesOf(root)[direct], " ")
		}
	}
	return found
}
