package lockfile

import (
	"io/fs"
	"path"
	"slices"
	"strings"
)

// cargoManifest is what is compared of a Cargo.toml.
type cargoManifest struct {
	Package *struct {
		Name string `toml:"name"`
	} `toml:"package"`
	Workspace *struct {
		Members      []string       `toml:"members"`
		Exclude      []string       `toml:"exclude"`
		Dependencies map[string]any `toml:"dependencies"`
	} `toml:"workspace"`
	cargoTables
	Target map[string]cargoTables `toml:"target"`
}

// cargoTables are the tables of dependencies, of all platforms or of one. A
// dependency is a version or a table, so the values are of any kind.
type cargoTables struct {
	Dependencies       map[string]any `toml:"dependencies"`
	DevDependencies    map[string]any `toml:"dev-dependencies"`
	DevDependencies2   map[string]any `toml:"dev_dependencies"` // the old spelling
	BuildDependencies  map[string]any `toml:"build-dependencies"`
	BuildDependencies2 map[string]any `toml:"build_dependencies"`
}

func (t cargoTables) all() []map[string]any {
	return []map[string]any{t.Dependencies, t.DevDependencies, t.DevDependencies2,
		t.BuildDependencies, t.BuildDependencies2}
}

// cargoMember is a package of a workspace.
type cargoMember struct {
	path     string // of its Cargo.toml
	manifest cargoManifest
}

func (m cargoMember) isPackage() bool {
	return m.manifest.Package != nil && m.manifest.Package.Name != ""
}

// cargoWorkspace is what one Cargo.lock is for.
type cargoWorkspace struct {
	members []cargoMember
	shared  map[string]any // [workspace.dependencies]
}

// readCargoWorkspace reads the Cargo.toml beside a lock file and those of the
// members that it names; nil if there is none.
func readCargoWorkspace(tree fs.FS, dir string) (*cargoWorkspace, error) {
	root, err := readCargoManifest(tree, dir)
	if err != nil || root == nil {
		return nil, err
	}
	ws := &cargoWorkspace{}
	if root.isPackage() {
		ws.members = append(ws.members, *root)
	}
	if root.manifest.Workspace == nil {
		return ws, nil
	}
	ws.shared = root.manifest.Workspace.Dependencies
	for _, folder := range ws.memberFolders(tree, dir, *root) {
		member, err := readCargoManifest(tree, folder)
		if err != nil {
			return nil, err
		}
		if member != nil && member.isPackage() && folder != dir {
			ws.members = append(ws.members, *member)
		}
	}
	return ws, nil
}

// memberFolders are the folders of the members that the workspace lists. A pattern
// that this does not understand adds none: fewer packages are compared then.
func (ws *cargoWorkspace) memberFolders(tree fs.FS, dir string, root cargoMember) []string {
	var folders []string
	for _, pattern := range root.manifest.Workspace.Members {
		if strings.Contains(pattern, "**") || strings.Contains(pattern, `\`) {
			continue
		}
		found, err := fs.Glob(tree, path.Join(dir, pattern))
		if err != nil {
			continue
		}
		for _, folder := range found {
			if info, err := fs.Stat(tree, folder); err == nil && info.IsDir() {
				folders = append(folders, folder)
			}
		}
	}
	for _, excluded := range root.manifest.Workspace.Exclude {
		folder := path.Join(dir, excluded)
		folders = slices.DeleteFunc(folders, func(f string) bool {
			return f == folder || strings.HasPrefix(f, folder+"/")
		})
	}
	slices.Sort(folders)
	folders = slices.Compact(folders)
	return folders[:min(len(folders), maxModules)]
}

func readCargoManifest(tree fs.FS, dir string) (*cargoMember, error) {
	name := path.Join(dir, "Cargo.toml")
	data, err := manifest(tree, name)
	if err != nil || data == nil {
		return nil, err
	}
	member := cargoMember{path: name}
	if err := decodeTOML(data, name, &member.manifest); err != nil {
		return nil, err
	}
	return &member, nil
}

// dependencies are all that a package's manifest names, whatever platform, feature
// or purpose they are for: Cargo.lock has them all.
func (m cargoMember) dependencies(ws *cargoWorkspace) []cargoDependency {
	tables := m.manifest.all()
	for _, target := range m.manifest.Target {
		tables = append(tables, target.all()...)
	}
	var found []cargoDependency
	for _, table := range tables {
		for key, value := range table {
			found = append(found, readCargoDependency(key, value, ws.shared))
		}
	}
	return found
}

// readCargoDependency understands `x = "1.0"` and the table form, in which a crate
// can be renamed and its version can stand in the workspace's table.
func readCargoDependency(key string, value any, shared map[string]any) cargoDependency {
	dep := cargoDependency{name: key}
	switch value := value.(type) {
	case string:
		dep.requirement = value
	case map[string]any:
		if inherited, _ := value["workspace"].(bool); inherited {
			entry, ok := shared[key]
			if !ok {
				return dep
			}
			return readCargoDependency(key, entry, nil)
		}
		if real, ok := value["package"].(string); ok {
			dep.name = real
		}
		dep.requirement, _ = value["version"].(string)
	}
	return dep
}
