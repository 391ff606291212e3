package lockfile

import (
	"path"
	"strings"
)

// pylockPackage is a package in pylock.toml.
type pylockPackage struct {
	Name         string         `toml:"name"`
	Version      string         `toml:"version"`
	Marker       string         `toml:"marker"`
	Index        string         `toml:"index"`
	Dependencies []uvNeed       `toml:"dependencies"`
	VCS          map[string]any `toml:"vcs"`
	Directory    map[string]any `toml:"directory"`
	Archive      pythonFile     `toml:"archive"`
	Sdist        pythonFile     `toml:"sdist"`
	Wheels       []pythonFile   `toml:"wheels"`
}

// listPylock reads pylock.toml (PEP 751).
func listPylock(data []byte, lock *Lock) ([]pythonPackage, error) {
	var file struct {
		Version  string          `toml:"lock-version"`
		Packages []pylockPackage `toml:"packages"`
	}
	if err := decodeTOML(data, lock.Path, &file); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(file.Version, "1.") {
		return nil, malformed(lock, "lock-version %.20q is not known here, only 1.x", file.Version)
	}
	lines := tableLines(data, "packages", len(file.Packages))
	var packages []pythonPackage
	for i, p := range file.Packages {
		one := p.read()
		one.line = lines[i]
		packages = append(packages, one)
	}
	return packages, nil
}

func (p pylockPackage) read() pythonPackage {
	files := append(p.Wheels, p.Sdist, p.Archive)
	one := pythonPackage{name: p.Name, version: p.Version, locked: p.Version, hashes: hashesOf(files...),
		marker: p.Marker, optional: conditional(p.Marker), dev: onlyInGroups(p.Marker)}
	for _, need := range p.Dependencies {
		one.needs = append(one.needs, pythonEdge{name: need.Name, version: need.Version, kind: Prod})
	}
	text := func(table map[string]any) string {
		where, _ := table["url"].(string)
		if where == "" {
			where, _ = table["path"].(string)
		}
		return where
	}
	switch {
	case p.VCS != nil:
		one.from, one.where = "git", text(p.VCS)
	case p.Directory != nil:
		one.from, one.where = "folder", text(p.Directory)
		one.project = path.Clean(one.where) == "."
	case p.Archive.from() != "":
		one.remote, one.where = true, p.Archive.from()
	default:
		one.files = filesOf(files...)
		one.where = oddAddress(one.files, p.Index)
	}
	if one.project {
		one.where = ""
	}
	return one
}

// onlyInGroups reports whether a marker says that a package is for groups of
// dependencies, which are never part of what is published (PEP 735). One with an "or" may
// have other reasons.
func onlyInGroups(marker string) bool {
	return strings.Contains(marker, " in dependency_groups") && !strings.Contains(marker, " or ") &&
		!strings.Contains(marker, "not in dependency_groups")
}
