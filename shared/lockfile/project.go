package lockfile

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"
)

// project is the manifests that a lock file is for.
type project struct {
	manifest string            // of the root
	members  map[string]fields // by location; "." is the root
	names    map[string]bool   // of the members
	problems []string          // what is missing
}

// readProject reads the root's package.json, and those of the locations, or of the
// workspaces that the root names if locations is nil.
func readProject(tree fs.FS, lock Lock, locations []string) (project, error) {
	dir := path.Dir(lock.Path)
	p := project{
		manifest: path.Join(dir, packageFile), members: map[string]fields{}, names: map[string]bool{},
	}
	root, found, err := packageJSON(tree, dir)
	if err != nil {
		return p, err
	}
	if !found {
		if !otherManifest(tree, dir) {
			p.problems = []string{"there is no package.json beside it"}
		}
		return p, nil
	}
	p.members["."] = root
	if locations == nil {
		newMembers(tree, dir, workspacePatterns(root), func(location string) bool {
			locations = append(locations, location)
			return true
		})
	}
	for _, location := range locations {
		if !fs.ValidPath(location) || location == "." {
			continue // outside of the tree
		}
		member, found, err := packageJSON(tree, path.Join(dir, location))
		if err != nil {
			return p, err
		}
		if !found && otherManifest(tree, path.Join(dir, location)) {
			continue
		}
		if !found {
			p.problems = append(p.problems,
				fmt.Sprintf("%s: the lock file has it, but there is no package.json", location))
			continue
		}
		p.members[location] = member
		p.names[member.text("name")] = true
	}
	return p, nil
}

// otherManifest reports whether there is a manifest in a form that only pnpm reads;
// it is left to pnpm to compare.
func otherManifest(tree fs.FS, dir string) bool {
	_, yamlErr := fs.Stat(tree, path.Join(dir, "package.yaml"))
	_, json5Err := fs.Stat(tree, path.Join(dir, "package.json5"))
	return yamlErr == nil || json5Err == nil
}

// prefix names the manifest in a difference, if it is not the root's.
func (p project) prefix(location string) string {
	if location == "." {
		return ""
	}
	return path.Join(location, packageFile) + ": "
}

// resolution is one of Yarn's overrides: what a package is replaced with, everywhere
// or where one other package requires it.
type resolution struct {
	parent     string // "" if everywhere
	name, spec string // of what is replaced; spec is "" for all ranges
	to         string
	everywhere bool // in all ranges, too
}

// resolutionList are the root's resolutions: from "name", "name@range", "**/name" or
// "parent/name".
func (p project) resolutionList() []resolution {
	var list []resolution
	root, ok := p.members["."]
	if !ok {
		return nil
	}
	wanted := root.fields("resolutions")
	for _, key := range wanted.names() {
		plain := strings.TrimPrefix(key, "**/")
		parent, name := cutParent(plain)
		r := resolution{parent: strings.TrimSuffix(parent, "/**"), to: wanted.text(key)}
		r.name, r.spec = cutSpec(name)
		r.everywhere = r.name == plain
		list = append(list, r)
	}
	return list
}

// cutParent cuts the last package from a path of packages.
func cutParent(packages string) (parent, name string) {
	if scope, rest, ok := cutLast(packages, "/@"); ok {
		return scope, "@" + rest
	}
	if !strings.HasPrefix(packages, "@") || strings.Count(packages, "/") > 1 {
		if before, last, found := cutLast(packages, "/"); found {
			return before, last
		}
	}
	return "", packages
}

// resolutions are Yarn's overrides of versions.
func (p project) resolutions() overrides {
	o := newOverrides()
	for _, r := range p.resolutionList() {
		o.add(r.name, r.to, r.everywhere)
	}
	return o
}

// entry is a member of the project as its manifest has it.
func (p project) entry(location string) Entry {
	m := p.members[location]
	e := Entry{Name: shownText(m.text("name")), Version: shownText(m.text("version")), Source: Project}
	if location != "." {
		e.Location = location
	}
	e.Requires = requiresOf(m)
	return e
}

// requiresOf is what a package.json asks for.
func requiresOf(m fields) []Require {
	var requires []Require
	optional := m.fields("optionalDependencies")
	for i, kind := range []Kind{Prod, Dev, Optional, Peer} {
		block := m.fields(kinds[i])
		for _, name := range block.names() {
			if kind == Prod && optional.has(name) {
				continue
			}
			r := Require{Name: name, Range: block.text(name), Kind: kind, To: -1}
			if kind == Peer {
				r.Kind = peerKind(m, name)
			}
			requires = append(requires, r)
		}
	}
	return requires
}

// peerKind is the kind of a peer dependency of a package.
func peerKind(f fields, name string) Kind {
	if f.fields("peerDependenciesMeta").fields(name).flag("optional") {
		return PeerOptional
	}
	return Peer
}

// shownText makes a text of a manifest fit for an entry.
func shownText(text string) string {
	if len(text) > maxText || !utf8.ValidString(text) || strings.ContainsFunc(text, odd) {
		return printable(text)
	}
	return text
}

// stale is the outcome of a comparison with the project's manifests.
func (p project) stale(lock Lock, differences []string, fix string) error {
	for _, member := range p.members {
		if *member.problem != nil {
			return *member.problem
		}
	}
	return staleError(lock, p.manifest, append(p.problems, differences...), fix)
}
