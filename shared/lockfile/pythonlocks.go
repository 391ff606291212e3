package lockfile

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"
)

// pythonFile is a wheel or source archive in a lock file.
type pythonFile struct {
	URL    string            `toml:"url"`
	Path   string            `toml:"path"`
	Name   string            `toml:"name"`   // in pylock.toml
	File   string            `toml:"file"`   // in poetry.lock and pdm.lock
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

// from is where a file comes from, or else its name.
func (f pythonFile) from() string {
	if f.URL != "" {
		return f.URL
	}
	if f.Path != "" {
		return f.Path
	}
	return cmp.Or(f.Name, f.File)
}

func filesOf(files ...pythonFile) []string {
	var from []string
	for _, f := range files {
		if name := f.from(); name != "" {
			from = append(from, name)
		}
	}
	return from
}

// oddAddress is one of the addresses: of a host that fewest of them have, as one among
// many could be somebody else's. Without addresses it is otherwise.
func oddAddress(files []string, otherwise string) string {
	hosts := map[string]int{}
	host := func(address string) string {
		_, rest, _ := strings.Cut(address, "://")
		host, _, _ := strings.Cut(rest, "/")
		return host
	}
	for _, f := range files {
		hosts[host(f)]++
	}
	least := ""
	for _, f := range files {
		if strings.Contains(f, "://") && (least == "" || hosts[host(f)] < hosts[host(least)]) {
			least = f
		}
	}
	return cmp.Or(least, otherwise)
}

func hashesOf(files ...pythonFile) []string {
	var hashes []string
	for _, f := range files {
		hashes = append(hashes, f.all()...)
	}
	return hashes
}

// poetryPackage is a package in poetry.lock, or in pdm.lock, which has the same form.
type poetryPackage struct {
	Name     string       `toml:"name"`
	Version  string       `toml:"version"`
	Category string       `toml:"category"` // of old files: "main" or "dev"
	Groups   []string     `toml:"groups"`
	Optional bool         `toml:"optional"`
	Files    []pythonFile `toml:"files"`
	Source   struct {
		Type string `toml:"type"`
		URL  string `toml:"url"`
	} `toml:"source"`
	Dependencies any `toml:"dependencies"` // of Poetry a table, of PDM a list
	Markers      any `toml:"markers"`      // of Poetry

	Git    string `toml:"git"`    // of PDM, as those after it
	Path   string `toml:"path"`   //
	URL    string `toml:"url"`    //
	Marker string `toml:"marker"` //
	Extras any    `toml:"extras"` // of PDM a list; of Poetry a table of what there is
}

// listPoetry reads poetry.lock, in which files stood in a table of their own until
// version 2, and pdm.lock.
func listPoetry(data []byte, lock *Lock) ([]pythonPackage, error) {
	var file struct {
		Package  []poetryPackage `toml:"package"`
		Metadata struct {
			Files map[string][]pythonFile `toml:"files"`
		} `toml:"metadata"`
	}
	if err := decodeTOML(data, lock.Path, &file); err != nil {
		return nil, err
	}
	older := map[string][]pythonFile{}
	for name, files := range file.Metadata.Files {
		older[PythonName(name)] = files
	}
	lines := tableLines(data, "package", len(file.Package))
	var packages []pythonPackage
	for i, p := range file.Package {
		if len(p.Files) == 0 {
			p.Files = older[PythonName(p.Name)]
		}
		packages = append(packages, p.read(lines[i]))
	}
	return packages, nil
}

func (p poetryPackage) read(line int) pythonPackage {
	one := pythonPackage{name: p.Name, version: p.Version, hashes: hashesOf(p.Files...), url: p.URL,
		line: line, locked: p.Version, groups: p.Groups, needs: poetryNeeds(p.Dependencies),
		extras: pdmExtras(p.Extras), dev: p.Category == "dev", marker: p.Marker}
	switch markers := p.Markers.(type) {
	case string:
		one.marker = markers
	case map[string]any: // by groups
		one.marker = "of several groups"
	}
	one.optional = p.Optional || conditional(one.marker)
	switch {
	case p.Source.Type == "git" || p.Git != "":
		one.from, one.where = "git", cmp.Or(p.Git, p.Source.URL)
	case p.Source.Type == "directory" || p.Source.Type == "file" || p.Path != "":
		one.from, one.where = "folder", cmp.Or(p.Path, p.Source.URL)
	case p.Source.Type == "url" || p.URL != "":
		one.remote, one.where = true, cmp.Or(p.URL, p.Source.URL)
	default:
		one.files = filesOf(p.Files...)
		one.where = oddAddress(one.files, p.Source.URL)
	}
	return one
}

func pdmExtras(value any) []string {
	var extras []string
	list, _ := value.([]any)
	for _, item := range list {
		if extra, ok := item.(string); ok {
			extras = append(extras, extra)
		}
	}
	return extras
}

// poetryNeeds are what a package requires: of Poetry a table whose values are a range, a
// table, or several of these for several machines; of PDM a list of requirements.
func poetryNeeds(value any) []pythonEdge {
	var needs []pythonEdge
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			if text, ok := item.(string); ok {
				needs = append(needs, readEdge(text, Prod))
			}
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			needs = append(needs, poetryEdges(name, value[name], Prod)...)
		}
	}
	return needs
}

// poetryEdges are what one line of a table of Poetry asks for.
func poetryEdges(name string, value any, kind Kind) []pythonEdge {
	edge := pythonEdge{name: name, kind: kind}
	switch value := value.(type) {
	case string:
		edge.span = value
	case map[string]any:
		edge.span, _ = value["version"].(string)
		edge.extras = pdmExtras(value["extras"])
		optional, _ := value["optional"].(bool)
		markers, _ := value["markers"].(string)
		if kind == Prod && (optional || conditional(markers) || value["python"] != nil || value["platform"] != nil) {
			edge.kind = Optional
		}
	case []any:
		var edges []pythonEdge
		for _, item := range value {
			if _, nested := item.([]any); !nested {
				edges = append(edges, poetryEdges(name, item, kind)...)
			}
		}
		return edges
	}
	return []pythonEdge{edge}
}

// uvNeed is what a package requires in uv.lock.
type uvNeed struct {
	Name      string   `toml:"name"`
	Version   string   `toml:"version"` // where there are several
	Extra     []string `toml:"extra"`
	Extras    []string `toml:"extras"` // in the metadata of a project
	Marker    string   `toml:"marker"`
	Specifier string   `toml:"specifier"`
}

// uvPackage is a package in uv.lock.
type uvPackage struct {
	Name         string              `toml:"name"`
	Version      string              `toml:"version"`
	Source       map[string]any      `toml:"source"`
	Sdist        pythonFile          `toml:"sdist"`
	Wheels       []pythonFile        `toml:"wheels"`
	Dependencies []uvNeed            `toml:"dependencies"`
	Optional     map[string][]uvNeed `toml:"optional-dependencies"`
	Dev          map[string][]uvNeed `toml:"dev-dependencies"`
	Metadata     struct {
		Requires    []uvNeed            `toml:"requires-dist"`
		RequiresDev map[string][]uvNeed `toml:"requires-dev"`
	} `toml:"metadata"`
}

// listUV reads uv.lock.
func listUV(data []byte, lock *Lock) ([]pythonPackage, error) {
	var file struct {
		Version  int         `toml:"version"`
		Package  []uvPackage `toml:"package"`
		Manifest struct {
			Members []string `toml:"members"`
		} `toml:"manifest"`
	}
	if err := decodeTOML(data, lock.Path, &file); err != nil {
		return nil, err
	}
	if file.Version != 1 {
		return nil, malformed(lock, "version %d is not known here, only 1", file.Version)
	}
	lock.Notes = append(lock.Notes,
		"uv keeps what it downloads unpacked, which nothing can prove: only what pip downloads is kept")
	lines := tableLines(data, "package", len(file.Package))
	var packages []pythonPackage
	for i, p := range file.Package {
		one := p.read(file.Manifest.Members)
		one.line = lines[i]
		packages = append(packages, one)
	}
	return packages, nil
}

// read takes a folder of the source for a project if it is the root or a member of the
// workspace.
func (p uvPackage) read(members []string) pythonPackage {
	files := append(p.Wheels, p.Sdist)
	one := pythonPackage{name: p.Name, version: p.Version, locked: p.Version, hashes: hashesOf(files...),
		files: filesOf(files...), needs: p.needs()}
	for kind, value := range p.Source {
		where, _ := value.(string)
		switch kind {
		case "git":
			one.from, one.where = "git", where
		case "editable", "virtual", "directory", "path":
			one.from, one.where = "folder", where
			one.project = kind != "path" && (where == "." || slices.Contains(members, p.Name))
		case "url":
			one.remote, one.where = true, where
		default:
			one.where = oddAddress(one.files, where)
		}
	}
	if one.from != "" || one.remote {
		one.files = nil
	}
	if one.project {
		if one.location = path.Clean(one.where); one.location == "." {
			one.location = ""
		}
		one.where = ""
	}
	return one
}

func (p uvPackage) needs() []pythonEdge {
	var needs []pythonEdge
	add := func(list, metadata []uvNeed, kind Kind) {
		specifiers := map[string][]uvNeed{}
		for _, m := range metadata {
			specifiers[m.Name] = append(specifiers[m.Name], m)
		}
		for _, need := range list {
			edge := pythonEdge{name: need.Name, extras: need.Extra, version: need.Version, kind: kind}
			if (conditional(need.Marker) || need.Marker != "" && need.Version != "") && kind == Prod {
				edge.kind = Optional
			}
			edge.span = uvSpecifier(specifiers[need.Name], need)
			needs = append(needs, edge)
		}
	}
	add(p.Dependencies, p.Metadata.Requires, Prod)
	for _, extra := range slices.Sorted(maps.Keys(p.Optional)) {
		add(p.Optional[extra], p.Metadata.Requires, Optional)
	}
	for _, group := range slices.Sorted(maps.Keys(p.Dev)) {
		add(p.Dev[group], p.Metadata.RequiresDev[group], Dev)
	}
	return needs
}

// uvSpecifier is the range of a project's requirement, which only its metadata has.
func uvSpecifier(metadata []uvNeed, need uvNeed) string {
	for _, m := range metadata[:min(len(metadata), maxAnswers)] {
		if need.Version == "" || pythonAllows(m.Specifier, need.Version) {
			return m.Specifier
		}
	}
	return ""
}
