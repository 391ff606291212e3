package lockfile

import (
	"io/fs"
	"path"
	"strings"
)

// pythonFile is a wheel or source archive in a lock file.
type pythonFile struct {
	URL    string            `toml:"url"`
	Hash   string            `toml:"hash"`   // "sha256:<hex>"
	Hashes map[string]string `toml:"hashes"` // in pylock.toml
}

func (f pythonFile) all() []string {
	var hashes []string
	if f.Hash != "" {
		hashes = append(hashes, f.Hash)
	}
	for algorithm, sum := range f.Hashes {
		hashes = append(hashes, algorithm+":"+sum)
	}
	return hashes
}

func hashesOf(files ...pythonFile) []string {
	var hashes []string
	for _, f := range files {
		hashes = append(hashes, f.all()...)
	}
	return hashes
}

// listPoetry reads poetry.lock, in which files stood in a table of their own until
// version 2, and pdm.lock, which has the same form.
func listPoetry(data []byte, lock *Lock) ([]pythonPackage, error) {
	var file struct {
		Package []struct {
			Name    string       `toml:"name"`
			Version string       `toml:"version"`
			Files   []pythonFile `toml:"files"`
			Source  struct {
				Type string `toml:"type"`
				URL  string `toml:"url"`
			} `toml:"source"`
			Git  string `toml:"git"`  // of PDM, as the two after it
			Path string `toml:"path"` //
			URL  string `toml:"url"`  //
		} `toml:"package"`
		Metadata struct {
			Files map[string][]pythonFile `toml:"files"`
		} `toml:"metadata"`
	}
	if err := decodeTOML(data, lock.Path, &file); err != nil {
		return nil, err
	}
	older := map[string][]pythonFile{}
	for name, files := range file.Metadata.Files {
		older[pythonKey(name)] = files
	}
	var packages []pythonPackage
	for _, p := range file.Package {
		entry := pythonPackage{name: p.Name, version: p.Version, hashes: hashesOf(p.Files...), url: p.URL}
		if len(p.Files) == 0 {
			entry.hashes = hashesOf(older[pythonKey(p.Name)]...)
		}
		switch {
		case p.Source.Type == "git" || p.Git != "":
			entry.from = "git"
		case p.Source.Type == "directory" || p.Source.Type == "file" || p.Path != "":
			entry.from = "folder"
		}
		packages = append(packages, entry)
	}
	return packages, nil
}

// listUV reads uv.lock.
func listUV(data []byte, lock *Lock) ([]pythonPackage, error) {
	var file struct {
		Version int `toml:"version"`
		Package []struct {
			Name    string         `toml:"name"`
			Version string         `toml:"version"`
			Source  map[string]any `toml:"source"`
			Sdist   pythonFile     `toml:"sdist"`
			Wheels  []pythonFile   `toml:"wheels"`
		} `toml:"package"`
	}
	if err := decodeTOML(data, lock.Path, &file); err != nil {
		return nil, err
	}
	if file.Version != 1 {
		return nil, malformed(lock, "version %d is not known here, only 1", file.Version)
	}
	lock.Notes = append(lock.Notes,
		"uv keeps what it downloads unpacked, which nothing can prove: only what pip downloads is kept")
	var packages []pythonPackage
	for _, p := range file.Package {
		entry := pythonPackage{name: p.Name, version: p.Version, hashes: hashesOf(append(p.Wheels, p.Sdist)...)}
		for kind := range p.Source {
			switch kind {
			case "git":
				entry.from = "git"
			case "editable", "virtual", "directory", "path":
				entry.from = "folder"
			}
		}
		packages = append(packages, entry)
	}
	return packages, nil
}

// listPylock reads pylock.toml (PEP 751).
func listPylock(data []byte, lock *Lock) ([]pythonPackage, error) {
	var file struct {
		Version  string `toml:"lock-version"`
		Packages []struct {
			Name      string         `toml:"name"`
			Version   string         `toml:"version"`
			VCS       map[string]any `toml:"vcs"`
			Directory map[string]any `toml:"directory"`
			Archive   pythonFile     `toml:"archive"`
			Sdist     pythonFile     `toml:"sdist"`
			Wheels    []pythonFile   `toml:"wheels"`
		} `toml:"packages"`
	}
	if err := decodeTOML(data, lock.Path, &file); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(file.Version, "1.") {
		return nil, malformed(lock, "lock-version %.20q is not known here, only 1.x", file.Version)
	}
	var packages []pythonPackage
	for _, p := range file.Packages {
		files := append(p.Wheels, p.Sdist, p.Archive)
		entry := pythonPackage{name: p.Name, version: p.Version, hashes: hashesOf(files...)}
		switch {
		case p.VCS != nil:
			entry.from = "git"
		case p.Directory != nil:
			entry.from = "folder"
		}
		packages = append(packages, entry)
	}
	return packages, nil
}

// listPipfileLock reads Pipfile.lock: a group of packages each in an object.
func listPipfileLock(data []byte, lock *Lock) ([]pythonPackage, error) {
	root, err := parseJSON(lock.Path, data)
	if err != nil {
		return nil, err
	}
	var list []pythonPackage
	for _, group := range root.keys() {
		if group == "_meta" {
			continue
		}
		packages := root.fields(group)
		for _, name := range packages.keys() {
			p := packages.fields(name)
			version := strings.TrimPrefix(p.text("version"), "==")
			entry := pythonPackage{name: name, version: version, hashes: p.list("hashes")}
			switch {
			case p.has("git") || p.has("hg") || p.has("svn") || p.has("bzr"):
				entry.from = "git"
			case p.has("path"):
				entry.from = "folder"
			}
			list = append(list, entry)
		}
	}
	return list, *root.problem
}

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
