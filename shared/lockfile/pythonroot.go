package lockfile

import (
	"io/fs"
	"maps"
	"path"
	"slices"
)

// pythonRoot is the project that a lock file is for.
type pythonRoot struct {
	found         bool
	name, version string
	needs         []pythonEdge
	groups        map[string]bool // of dependencies for development
	asked         map[string]bool // for production, by keys
}

// onlyDev reports whether a package that belongs to these groups is for development.
func (r pythonRoot) onlyDev(groups []string) bool {
	return len(groups) > 0 && !slices.ContainsFunc(groups, func(g string) bool { return !r.groups[g] })
}

// findRoot finds what asks for the packages of a lock file: itself, or the manifest beside
// it. One that cannot be read is none: who compares the two (see Stale) is told so.
func findRoot(tree fs.FS, lock *Lock, packages []pythonPackage) ([]pythonPackage, pythonRoot) {
	base := path.Base(lock.Path)
	pyprojectIndexes(tree, lock)
	switch {
	case isRequirements(base):
		packages = append(packages, includedPackages(tree, lock)...)
		return packages, listRoot(base, packages)
	case base == "Pipfile.lock":
		return packages, pipfileRoot(tree, lock, packages)
	}
	edges := slices.ContainsFunc(packages, func(p pythonPackage) bool { return len(p.needs) > 0 })
	own := slices.IndexFunc(packages, func(p pythonPackage) bool { return p.project })
	switch {
	case own >= 0 && !edges: // few programs write into a pylock.toml what requires what
		packages[own].needs = listRoot(base, packages).needs
		return packages, pythonRoot{}
	case own >= 0:
		return packages, pythonRoot{} // the lock file has it
	case base == "pylock.toml" && !edges:
		return packages, listRoot(base, packages)
	}
	root := pyprojectRoot(tree, path.Dir(lock.Path))
	if base == "poetry.lock" {
		root.groups = map[string]bool{}
		for _, p := range packages { // all but one
			for _, group := range p.groups {
				root.groups[group] = group != "main"
			}
		}
	}
	return packages, root
}

// listRoot is the root of a lock file that is a list: who installs it installs all of it.
func listRoot(base string, packages []pythonPackage) pythonRoot {
	root := pythonRoot{found: true, name: base}
	for i, p := range packages {
		kind := Prod
		switch {
		case p.project:
			continue
		case p.dev:
			kind = Dev
		case p.optional:
			kind = Optional
		}
		root.needs = append(root.needs,
			pythonEdge{name: p.name, span: p.span, kind: kind, at: i + 1})
	}
	return root
}

// pipfileRoot takes the ranges from the Pipfile beside it. Pipfile.lock does not say what
// the other packages are there for.
func pipfileRoot(tree fs.FS, lock *Lock, packages []pythonPackage) pythonRoot {
	root := listRoot(path.Base(lock.Path), packages)
	name := path.Join(path.Dir(lock.Path), "Pipfile")
	var file struct {
		Packages map[string]any `toml:"packages"`
		Dev      map[string]any `toml:"dev-packages"`
	}
	if data, err := manifest(tree, name); err != nil || data == nil || decodeTOML(data, name, &file) != nil {
		return root
	}
	spans := map[bool]map[string]string{false: {}, true: {}} // for development or not
	for dev, table := range map[bool]map[string]any{false: file.Packages, true: file.Dev} {
		for key, value := range table {
			for _, edge := range poetryEdges(key, value, Prod) {
				spans[dev][PythonName(key)] = edge.span
			}
		}
	}
	for i, need := range root.needs {
		root.needs[i].span = spans[need.kind == Dev][PythonName(need.name)]
	}
	return root
}

// pyprojectGroups is what else asks for packages in a pyproject.toml.
type pyprojectGroups struct {
	Project struct {
		Version  string              `toml:"version"`
		Optional map[string][]string `toml:"optional-dependencies"`
	} `toml:"project"`
	Groups map[string][]any `toml:"dependency-groups"` // PEP 735
	Tool   struct {
		Poetry struct {
			Name    string `toml:"name"`
			Version string `toml:"version"`
		} `toml:"poetry"`
		UV struct {
			Dev []string `toml:"dev-dependencies"`
		} `toml:"uv"`
		PDM struct {
			Dev map[string][]string `toml:"dev-dependencies"`
		} `toml:"pdm"`
	} `toml:"tool"`
}

func pyprojectRoot(tree fs.FS, dir string) pythonRoot {
	name := path.Join(dir, "pyproject.toml")
	var file pyproject
	var more pyprojectGroups
	data, err := manifest(tree, name)
	if err != nil || data == nil || decodeTOML(data, name, &file) != nil || decodeTOML(data, name, &more) != nil {
		return pythonRoot{}
	}
	root := pythonRoot{found: true, name: file.Project.Name, version: more.Project.Version, groups: map[string]bool{},
		asked: map[string]bool{}}
	poetry := file.Tool.Poetry
	if root.name == "" {
		root.name, root.version = more.Tool.Poetry.Name, more.Tool.Poetry.Version
	}
	root.add(file.Project.Dependencies, Prod)
	for _, extra := range slices.Sorted(maps.Keys(more.Project.Optional)) {
		root.add(more.Project.Optional[extra], Optional)
	}
	root.table(poetry.Dependencies, Prod)
	root.table(poetry.Dev, Dev)
	for _, group := range slices.Sorted(maps.Keys(poetry.Group)) {
		root.table(poetry.Group[group].Dependencies, Dev)
	}
	for _, group := range slices.Sorted(maps.Keys(more.Groups)) {
		root.groups[group] = true
		root.add(pdmExtras(more.Groups[group]), Dev)
	}
	for _, group := range slices.Sorted(maps.Keys(more.Tool.PDM.Dev)) {
		root.groups[group] = true
		root.add(more.Tool.PDM.Dev[group], Dev)
	}
	root.add(more.Tool.UV.Dev, Dev)
	return root
}

func (r *pythonRoot) add(texts []string, kind Kind) {
	for _, text := range texts {
		edge := readEdge(text, kind)
		r.needs = append(r.needs, edge)
		if kind == Prod {
			r.asked[PythonName(edge.name)] = true
		}
	}
}

func (r *pythonRoot) table(table map[string]any, kind Kind) {
	for _, name := range slices.Sorted(maps.Keys(table)) {
		// What [project] asks for already, Poetry's table only says the origin of.
		if name != "python" && pythonName.MatchString(name) && (kind != Prod || !r.asked[PythonName(name)]) {
			r.needs = append(r.needs, poetryEdges(name, table[name], kind)...)
		}
	}
}
