package lockfile

import (
	"cmp"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// cargoGraph turns the packages of a Cargo.lock into its entries.
type cargoGraph struct {
	packages []cargoPackage
	byName   map[string][]int
	versions map[cargoID][]int // by name and version
	ws       *cargoWorkspace   // what the manifests say, nil without them
	members  map[string]*cargoMember
}

// addCargo fills in the entries. Kinds and ranges are in the manifests alone, and only
// those of the workspace are here; a manifest that cannot be read is an error of Stale.
func (l *Lock) addCargo(data []byte, tree fs.FS, file cargoLock) {
	g := cargoGraph{packages: file.Package, byName: make(map[string][]int, len(file.Package)),
		versions: make(map[cargoID][]int, len(file.Package)), members: map[string]*cargoMember{}}
	if ws, err := readCargoWorkspace(tree, path.Dir(l.Path)); err == nil && ws != nil {
		ws.followPaths(tree)
		g.ws = ws
		for i, m := range slices.Backward(ws.members) {
			g.members[m.manifest.Package.Name] = &ws.members[i]
		}
	}
	for i, p := range file.Package {
		g.byName[p.Name] = append(g.byName[p.Name], i)
		id := cargoID{p.Name, p.Version, ""}
		g.versions[id] = append(g.versions[id], i)
	}
	listed := len(file.Package)
	if file.Root != nil {
		listed--
	}
	lines := append(tableLines(data, "package", listed), 0)
	l.Entries = make([]Entry, 0, len(file.Package))
	seen := make(map[cargoID]bool, len(file.Package))
	for i, p := range file.Package {
		id := cargoID{p.Name, p.Version, p.Source}
		if seen[id] {
			l.contradict(lines[i], "%s %s is there twice", p.Name, p.Version)
		}
		seen[id] = true
		e := Entry{Name: p.Name, Version: p.Version, Line: lines[i], Source: Registry, URL: withoutUser(p.Source),
			Requires: g.requires(p)}
		if sum := p.sum(file); sum != "" {
			e.Integrity = []string{"sha256:" + sum}
		}
		switch {
		case p.Source == "":
			e.Source, e.Location = Project, g.location(p, path.Dir(l.Path))
		case strings.HasPrefix(p.Source, "git+"):
			e.Source = Git
		}
		l.Entries = append(l.Entries, e)
	}
}

// cargoID is what a package is told by.
type cargoID struct{ name, version, source string }

// sum is the checksum of a package, which version 1 has in a table of its own.
func (p cargoPackage) sum(file cargoLock) string {
	sum, _ := file.Metadata["checksum "+p.Name+" "+p.Version+" ("+p.Source+")"].(string)
	if sum = cmp.Or(p.Checksum, sum); sum == "<none>" {
		return ""
	}
	return sum
}

// location is the folder of a member of the workspace, "" for one that is not known.
func (g cargoGraph) location(p cargoPackage, dir string) string {
	if m := g.member(p); m != nil && path.Dir(m.path) != dir {
		return strings.TrimPrefix(path.Dir(m.path), dir+"/")
	}
	return ""
}

// member is the manifest of a package of the workspace.
func (g cargoGraph) member(p cargoPackage) *cargoMember {
	if p.Source != "" {
		return nil
	}
	return g.members[p.Name]
}

func (g cargoGraph) requires(p cargoPackage) []Require {
	var list []Require
	asked := map[string][]cargoNeed{}
	if m := g.member(p); m != nil {
		asked = m.needs(g.ws)
	}
	for _, text := range p.Dependencies {
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		r := Require{Name: words[0], Kind: Prod, To: g.find(words)}
		version := ""
		if r.To >= 0 {
			version = g.packages[r.To].Version
		}
		list = append(list, need(asked[r.Name], version).of(r))
	}
	if words := strings.Fields(p.Replace); len(words) > 0 { // [replace]: another is built instead
		list = append(list, Require{Name: words[0], Kind: Prod, To: g.find(words)})
	}
	return list
}

// find resolves "name", "name version" or "name version (source)": as much as it takes to
// tell the packages of a name apart. -1 if none fits, or several do.
func (g cargoGraph) find(words []string) int {
	candidates := g.byName[words[0]]
	if len(words) > 1 {
		candidates = g.versions[cargoID{words[0], words[1], ""}]
	}
	found := -1
	for _, i := range candidates[:min(len(candidates), maxAnswers)] {
		if len(words) > 2 && !sameSource(words[2], g.packages[i].Source) {
			continue
		}
		if found >= 0 {
			return -1
		}
		found = i
	}
	return found
}

// sameSource compares a source in parentheses with a package's, which may have the commit
// of a git repository behind it.
func sameSource(inParentheses, source string) bool {
	text := strings.TrimSuffix(strings.TrimPrefix(inParentheses, "("), ")")
	bare, _, _ := strings.Cut(source, "#")
	return text == source || text == bare
}

// followPaths adds the packages that members depend on by path: they need not be members,
// and have entries without a source as well.
func (ws *cargoWorkspace) followPaths(tree fs.FS) {
	known := map[string]bool{}
	for _, m := range ws.members {
		known[path.Dir(m.path)] = true
	}
	for i := 0; i < len(ws.members) && len(ws.members) < maxModules; i++ { // more come while it goes on
		for _, folder := range ws.members[i].folders(ws) {
			if known[folder] {
				continue
			}
			known[folder] = true
			if m, err := readCargoManifest(tree, folder); err == nil && m != nil && m.isPackage() {
				ws.members = append(ws.members, *m)
			}
		}
	}
}

// folders are those that a member's dependencies are in.
func (m cargoMember) folders(ws *cargoWorkspace) []string {
	tables := m.manifest.all()
	for _, target := range m.manifest.Target {
		tables = append(tables, target.all()...)
	}
	tables = append(tables, ws.shared)
	var folders []string
	for _, table := range tables {
		for _, value := range table {
			t, _ := value.(map[string]any)
			if folder, ok := t["path"].(string); ok {
				folders = append(folders, path.Join(path.Dir(m.path), folder))
			}
		}
	}
	slices.Sort(folders)
	return folders
}

// cargoNeed is what a manifest asks for: a range, and what for.
type cargoNeed struct {
	span string
	kind Kind
}

// need chooses the need that a locked version is the answer to. With several, the one that
// is not for development alone counts.
func need(needs []cargoNeed, version string) cargoNeed {
	var found cargoNeed
	for _, n := range needs[:min(len(needs), maxAnswers)] {
		if version != "" && !cargoAllows(n.span, version) {
			continue
		}
		if found.kind == "" || found.kind != Prod && n.kind == Prod || found.kind == Dev {
			found = n
		}
	}
	return found
}

func (n cargoNeed) of(r Require) Require {
	r.Range, r.Kind = n.span, cmp.Or(n.kind, r.Kind)
	return r
}

// needs are the dependencies of a member by the names of the crates. What is for one
// platform alone may be missing, like what a feature asks for.
func (m cargoMember) needs(ws *cargoWorkspace) map[string][]cargoNeed {
	found := map[string][]cargoNeed{}
	add := func(table map[string]any, kind Kind) {
		for _, key := range slices.Sorted(maps.Keys(table)) {
			value := table[key]
			dep := readCargoDependency(key, value, ws.shared)
			need := cargoNeed{dep.requirement, kind}
			if t, _ := value.(map[string]any); kind == Prod {
				if optional, _ := t["optional"].(bool); optional {
					need.kind = Optional
				}
			}
			found[dep.name] = append(found[dep.name], need)
		}
	}
	addAll := func(t cargoTables, kind Kind) {
		add(t.Dependencies, kind)
		add(t.BuildDependencies, kind)
		add(t.BuildDependencies2, kind)
		add(t.DevDependencies, Dev)
		add(t.DevDependencies2, Dev)
	}
	addAll(m.manifest.cargoTables, Prod)
	for _, platform := range slices.Sorted(maps.Keys(m.manifest.Target)) {
		addAll(m.manifest.Target[platform], Optional)
	}
	return found
}
