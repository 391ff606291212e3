package lockfile

import (
	"io/fs"
	"path"
	"slices"
	"strings"
)

// listPipfileLock reads Pipfile.lock: a group of packages each in an object.
func listPipfileLock(data []byte, lock *Lock) ([]pythonPackage, error) {
	root, err := parseJSON(lock.Path, data)
	if err != nil {
		return nil, err
	}
	indexes := map[string]string{}
	for _, source := range root.fields("_meta").objects("sources") {
		indexes[source.text("name")] = source.text("url")
		where := []Index{{Option: "source", URL: source.text("url")}}
		if source.has("verify_ssl") && !source.flag("verify_ssl") {
			where = append(where, Index{Option: "verify_ssl", URL: source.text("url")})
		}
		lock.addIndexes(lock.Path, source.line("url"), where)
	}
	var list []pythonPackage
	for _, group := range root.names() {
		if group == "_meta" {
			continue
		}
		packages := root.fields(group)
		for _, name := range packages.names() {
			p := packages.fields(name)
			one := readPipfileLock(name, p, indexes)
			one.line, one.groups, one.dev = packages.line(name), []string{group}, group == "develop"
			list = append(list, one)
		}
	}
	return list, *root.problem
}

func readPipfileLock(name string, p fields, indexes map[string]string) pythonPackage {
	version := strings.TrimPrefix(p.text("version"), "==")
	one := pythonPackage{name: name, version: version, hashes: p.list("hashes"), locked: pinnedTo(p.text("version")),
		marker: p.text("markers")}
	one.optional = conditional(one.marker)
	vcs := slices.IndexFunc(pipfileVCS, p.has)
	switch {
	case vcs >= 0:
		one.from, one.where = "git", p.text(pipfileVCS[vcs])
	case p.has("path"):
		one.from, one.where = "folder", p.text("path")
	case p.has("file"):
		one.remote, one.where = true, p.text("file")
	default:
		one.where = indexes[p.text("index")]
	}
	return one
}

var pipfileVCS = []string{"git", "hg", "svn", "bzr"}

// pipfileWants are the packages of the Pipfile beside its lock file.
func pipfileWants(_ []byte, tree fs.FS, lockPath string) (pythonManifest, error) {
	name := path.Join(path.Dir(lockPath), "Pipfile")
	data, err := manifest(tree, name)
	if err != nil || data == nil {
		return pythonManifest{}, err
	}
	var file struct {
		Packages map[string]any `toml:"packages"`
		Dev      map[string]any `toml:"dev-packages"`
	}
	if err := decodeTOML(data, name, &file); err != nil {
		return pythonManifest{}, err
	}
	wants := append(poetryWants(file.Packages), poetryWants(file.Dev)...)
	return pythonManifest{manifest: name, wants: wants, fix: "pipenv lock"}, nil
}
