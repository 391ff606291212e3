package lockfile

import (
	"fmt"
	"strings"
)

// npmTwice compares the two copies in a lock file of version 2. npm 7 and later read
// packages, npm 6 reads dependencies, and so do many tools.
type npmTwice struct {
	*npmGraph
	seen []bool // the entries that both copies have
}

func (g *npmGraph) compareCopies(dependencies fields) error {
	t := &npmTwice{g, make([]bool, len(g.lock.Entries))}
	if err := t.folder("", dependencies); err != nil {
		return err
	}
	for i := range g.lock.Entries {
		e := &g.lock.Entries[i]
		_, _, installed := installedIn(e.Location)
		// Links in a circle are not in dependencies.
		if installed && e.Source != Project && !t.seen[i] {
			t.contradicts(e.Line, e.Location+": it is in packages, and not in dependencies")
		}
	}
	return nil
}

// folder compares the packages of the node_modules in a folder.
func (t *npmTwice) folder(location string, tree fields) error {
	if location != "" {
		location += "/"
	}
	for n := range tree.object.pairs() {
		f, at := tree.inner(n), location+modules+n.key
		if t.long += len(at); t.long > maxSize {
			return malformed(t.lock, "%.40q... is nested too deep", n.key)
		}
		i, ok := t.find(at)
		if !ok {
			t.contradicts(int(n.line), at+": it is in dependencies, and not in packages")
			continue
		}
		t.seen[i] = true
		e := &t.lock.Entries[i]
		t.compare(e, n, f)
		inner := at
		if e.Source == Project { // what is in it is in the folder that the link leads to
			if len(e.Requires) == 0 {
				continue
			}
			inner = t.lock.Entries[e.Requires[0].To].Location
		}
		if err := t.folder(inner, f.fields("dependencies")); err != nil {
			return err
		}
	}
	return nil
}

func (t *npmTwice) compare(e *Entry, n *node, f fields) {
	version, address := f.text("version"), f.text("resolved")
	if e.Source == Project {
		if strings.HasPrefix(version, "file:") {
			version = "a link"
		}
		t.differs(e, n, "version", "a link", version)
		return
	}
	name := e.Name
	if alias, ok := strings.CutPrefix(version, "npm:"); ok {
		name, version, _ = cutLast(alias, "@")
	} else if e.Alias != "" && !strings.Contains(version, ":") { // addresses come without a name
		name = n.key
	}
	t.differs(e, n, "name", e.Name, name)
	if strings.Contains(version, ":") {
		// The address is where the version would be. That of an archive of the project is
		// written from another folder.
		if e.Source != Folder || !strings.HasPrefix(version, "file:") {
			t.differs(e, n, "resolved", e.URL, version)
		}
	} else {
		t.differs(e, n, "version", e.Version, version)
		t.differs(e, n, "resolved", e.URL, address)
	}
	t.differs(e, n, "integrity", strings.Join(e.Integrity, " "), strings.Join(strings.Fields(f.text("integrity")), " "))
}

func (t *npmTwice) differs(e *Entry, n *node, what, packages, dependencies string) {
	if packages != dependencies {
		t.contradicts(int(n.line), fmt.Sprintf("%s: %s is %q in packages, and %q in dependencies",
			e.Location, what, withoutUser(packages), withoutUser(dependencies)))
	}
}
