package lockfile

import (
	"cmp"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// npmHidden is what npm 7 and later keep in node_modules: what they installed there.
const npmHidden = ".package-lock.json"

// npmLock collects what the entries of a package-lock.json say.
type npmLock struct {
	*Lock
	unaddressed []string // have a hash and no address
	git         []string
	damaged     []string
}

// parseNPM reads package-lock.json and npm-shrinkwrap.json. A file of version 2
// says everything twice, in packages for npm 7 and later and in dependencies for
// npm 6. Both are read: which npm will run is not known, and a gap in either is a gap.
func parseNPM(data []byte, tree fs.FS, lock *Lock) error {
	lock.Format = NPM
	doc, err := parseJSON(lock.Path, data)
	if err != nil {
		return err
	}
	return readNPM(doc, tree, lock)
}

// readNPM is parseNPM of what was parsed.
func readNPM(doc fields, tree fs.FS, lock *Lock) error {
	version := doc.text("lockfileVersion")
	if !slices.Contains([]string{"1", "2", "3"}, version) {
		return malformed(lock, "lockfileVersion %.20q is not 1, 2 or 3", version)
	}
	if version != "1" && !doc.has("packages") {
		return malformed(lock, "it has no packages, which lockfileVersion %s needs", version)
	}
	n := &npmLock{Lock: lock}
	packages := doc.fields("packages")
	lock.Packages = slices.Grow(lock.Packages, len(packages.object.all()))
	for entry := range packages.object.pairs() {
		n.location(entry.key, packages.inner(entry))
	}
	n.dependencies(doc.fields("dependencies"))
	if len(lock.Packages) == 0 {
		lock.Packages = nil
	}
	n.note(version)
	if err := *doc.problem; err != nil {
		return err
	}
	var err error
	if doc.has("packages") {
		err = npmEntries(lock, doc)
	} else {
		err = npmEntriesV1(lock, doc, tree)
	}
	return cmp.Or(err, *doc.problem)
}

// location is an entry of packages: a folder below node_modules, or of a project
// (the root, a workspace, a folder that is linked), which nothing is downloaded for.
func (n *npmLock) location(location string, entry fields) {
	_, name, installed := cutLast(location, "node_modules/")
	if !installed || entry.flag("link") || entry.flag("inBundle") {
		return
	}
	if own := entry.text("name"); own != "" { // an alias, such as lodash4 for lodash
		name = own
	}
	p := Package{Name: name, Version: entry.text("version"), Integrity: sri(entry.text("integrity"))}
	n.add(p, entry.text("resolved"))
}

// dependencies are the tree that npm 6 and older install from. The version is
// also the address if that is no registry.
func (n *npmLock) dependencies(tree fields) {
	for member := range tree.object.pairs() {
		name, entry := member.key, tree.inner(member)
		n.dependencies(entry.fields("dependencies"))
		if entry.flag("bundled") {
			continue
		}
		p := Package{Name: name, Version: entry.text("version"), Integrity: sri(entry.text("integrity"))}
		resolved := entry.text("resolved")
		if alias, ok := strings.CutPrefix(p.Version, "npm:"); ok {
			p.Name, p.Version, _ = cutLast(alias, "@")
		} else if strings.Contains(p.Version, ":") {
			resolved = p.Version
		}
		n.add(p, resolved)
	}
}

func (n *npmLock) add(p Package, resolved string) {
	scheme, _, _ := strings.Cut(resolved, ":")
	switch {
	case resolved == "" && p.Version == "":
		n.damaged = append(n.damaged, p.Name)
		return
	case scheme == "file":
		return // a folder or archive of the project
	case len(p.Integrity) > 0:
		// Also if it is from git: then the hash is of the archive that was packed.
	case isGit(scheme):
		n.git = append(n.git, p.Name)
		return
	default:
		n.Unproven = append(n.Unproven, p.Name+"@"+p.Version)
		return
	}
	if p.URL = resolved; resolved == "" {
		n.unaddressed = append(n.unaddressed, p.Name)
	}
	n.Packages = append(n.Packages, p)
}

// isGit tells the schemes by which npm, Yarn and pnpm name git repositories.
func isGit(scheme string) bool {
	return scheme == "git" || strings.HasPrefix(scheme, "git+") ||
		slices.Contains([]string{"github", "gitlab", "bitbucket", "gist"}, scheme)
}

func (n *npmLock) note(version string) {
	if version == "1" {
		n.Notes = append(n.Notes, "it was made by npm 6 or older: npm 7 and later ask the registry about every "+
			"package, so run npm install --package-lock-only to renew it")
	}
	if len(n.unaddressed) > 0 {
		n.Notes = append(n.Notes, fmt.Sprintf("%s: no address in the lock file, so npm also asks the registry; "+
			"set omit-lockfile-registry-resolved=false and renew it", some(n.unaddressed)))
	}
	if len(n.git) > 0 {
		n.Notes = append(n.Notes, some(n.git)+": npm takes them from git at every install")
	}
	if len(n.damaged) > 0 {
		n.Notes = append(n.Notes, some(n.damaged)+": npm leaves out what has neither address nor version")
	}
}

// some names the first few of a list.
func some(names []string) string {
	names = unique(slices.Clone(names))
	if len(names) <= 4 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
}

// cutLast cuts at the last separator; without one, all is in before.
func cutLast(s, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(s, separator); i >= 0 {
		return s[:i], s[i+len(separator):], true
	}
	return s, "", false
}
