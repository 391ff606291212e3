package drift

import (
	"path"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/installed"
)

// strangeLinks looks for links in the places of packages that lead to anything but a package
// that was looked at, or a folder that the lock file knows.
func (n *node) strangeLinks() {
	for _, l := range n.tree.Links {
		if i, ok := n.byPlace[l.Path]; ok {
			n.placedLink(l, n.Lock.Entries[i])
			continue
		}
		n.strangeLink(l)
	}
}

// placedLink looks at a link that the lock file knows by its place. If it knows a package
// there, that was said already.
func (n *node) placedLink(l installed.Link, e lockfile.Entry) {
	if wanted := folderOf(e.URL); e.Source == lockfile.Project && wanted != l.To {
		n.entry(n.as("installed/other"), e, "%s: the lock file has a link to %s, but on the disk it leads to %s",
			cut(l.Path), cut(e.URL), cut(l.To))
	}
}

func (n *node) strangeLink(l installed.Link) {
	name := nameOf(l.Path)
	extra, this := n.as("installed/extra"), installed.Package{Name: name, Path: l.Path}
	p, isRead := n.byPath[l.To]
	entries := n.byName[name]
	switch hidden := hiddenFolder(l.To); {
	case hidden != "":
		n.disk(extra, this, "%s is a link into %s, in which no package manager keeps packages",
			cut(l.Path), cut(hidden))
	case isRead:
		if p.Name != name && !n.isAlias(name, n.bySpec[key(p.Name, p.Version)]) {
			n.disk(n.as("installed/other"), p, "%s is a link to another package, %s",
				cut(l.Path), spec(p.Name, p.Version))
		}
	case l.Empty, n.isProject(l.To), n.isFolderOf(name, l.To):
	case len(entries) > 0 && n.Lock.Entries[entries[0]].Source == lockfile.Registry:
		n.told[name] = true
		n.entry(n.as("installed/other"), n.Lock.Entries[entries[0]],
			"%s: the lock file has %s, but on the disk it is a link to %s", cut(l.Path), n.versionsOf(name), cut(l.To))
	default:
		n.disk(extra, this, "%s is a link to %s, which the lock file does not know", cut(l.Path), cut(l.To))
	}
}

func (n *node) isProject(folder string) bool {
	i, ok := n.byPlace[folder]
	return folder == "" || ok && n.Lock.Entries[i].Source == lockfile.Project
}

// isFolderOf reports whether the lock file has a package of this name from this folder. Its
// path is below that of whoever asks for it, which the lock file may not say.
func (n *node) isFolderOf(name, folder string) bool {
	return name != "" && slices.ContainsFunc(n.folders[name], func(i int) bool {
		address, _, _ := strings.Cut(n.Lock.Entries[i].URL, "::")
		_, wanted, ok := strings.Cut(address, ":")
		if !ok {
			wanted = address
		}
		for wanted = path.Clean(wanted); strings.HasPrefix(wanted, "../"); {
			wanted = wanted[len("../"):]
		}
		return address == "" || folder == wanted || strings.HasSuffix(folder, "/"+wanted)
	})
}

// folderOf is a folder as the lock file's own is called.
func folderOf(folder string) string {
	if folder = path.Clean(folder); folder == "." {
		return ""
	}
	return folder
}

// hiddenFolder returns the first folder of a path that is hidden in a node_modules, and
// where no package manager keeps packages; "" if there is none.
func hiddenFolder(place string) string {
	segments := strings.Split(place, "/")
	for i := 1; i < len(segments); i++ {
		hidden := strings.HasPrefix(segments[i], ".") && !slices.Contains(stores, segments[i])
		if hidden && segments[i-1] == nodeModules {
			return strings.Join(segments[:i+1], "/")
		}
	}
	return ""
}
