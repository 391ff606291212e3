package installed

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
)

const modules = "node_modules"

// stores are the folders of node_modules in which package managers keep the packages
// that they link to: pnpm, npm (install-strategy=linked) and Yarn (nodeLinker: pnpm), Bun.
var stores = []string{".pnpm", ".store", ".bun"}

const (
	maxNested   = 64      // folders of node_modules within each other
	maxPackages = 200_000 // of one tree
)

// nodeWalk looks at the folders of node_modules that belong to one lock file. All paths
// are below the lock file's folder.
type nodeWalk struct {
	disk
	dir      string // of the lock file, below the root of the tree
	out      *Tree
	projects map[string]bool
	done     map[string]bool // folders that are no more to be looked at
	next     []folder        // that are
	later    []folder        // that are if nothing else leads to them
	empty    map[string]bool // folders of packages in which there is nothing to load
}

// folder is a node_modules with packages in it.
type folder struct {
	path    string
	bundled bool // what is in it came inside of a package
	own     bool // it is a package's: it was not looked for, but found
}

// listed is what is in a folder.
type listed struct {
	packages []string
	links    []Link
	scopes   []string // folders that packages with a scope are in
	next     []folder
	problems []Problem
	strays   []Problem
}

// Node reads the node_modules of the lock file in dir: of its own folder, of all projects
// that the locations of its entries tell of, and within packages; also those of pnpm and
// others that keep packages in one place and link to them. Where Yarn has installed no
// node_modules, it reads what Plug'n'Play loads. The Tree is empty if there is neither.
func Node(ctx context.Context, tree fs.FS, dir string, locations []string) Tree {
	out := Tree{Kind: NodeModules, Path: path.Join(dir, modules), Ecosystem: "npm"}
	w := &nodeWalk{
		disk: disk{tree, "."}, dir: dir, out: &out,
		projects: map[string]bool{"": true}, done: map[string]bool{}, empty: map[string]bool{},
	}
	for _, location := range locations {
		project, _, inside := strings.Cut("/"+location, "/"+modules+"/")
		project = strings.TrimPrefix(project, "/")
		if fs.ValidPath(path.Join(dir, project)) && (inside || !strings.Contains("/"+location, "/"+modules)) {
			w.projects[project] = true
		}
	}
	if w.exists(pnpCode) || w.exists(pnpData) {
		w.plugAndPlay(ctx)
	}
	for project := range w.projects {
		w.add(folder{path: join(project, modules)})
	}
	found := w.walk(ctx)
	if !found && out.Kind == NodeModules && len(out.Problems) == 0 {
		return Tree{}
	}
	for i, link := range out.Links {
		out.Links[i].Empty = w.empty[link.To]
	}
	w.manifests()
	return out
}

// join is path.Join, in which "" is the lock file's folder.
func join(elements ...string) string {
	joined := path.Join(elements...)
	if joined == "." {
		return ""
	}
	return joined
}

func (w *nodeWalk) at(name string) string { return path.Join(w.dir, name) }

func (w *nodeWalk) exists(name string) bool {
	_, err := fs.Stat(w.tree, w.at(name))
	return err == nil
}

func (w *nodeWalk) problem(name, text string, unread bool) {
	w.out.Problems = append(w.out.Problems, Problem{w.at(name), text, unread})
}

func (w *nodeWalk) add(f folder) {
	if !w.done[f.path] {
		w.done[f.path] = true
		w.next = append(w.next, f)
	}
}

// walk goes from folders to those within: level by level, each on all cores. It reports
// whether there is any folder at all.
func (w *nodeWalk) walk(ctx context.Context) bool {
	found := false
	for level := 0; len(w.next) > 0 || w.behindLinks(); level++ {
		folders := w.next
		slices.SortFunc(folders, func(a, b folder) int { return strings.Compare(a.path, b.path) })
		w.next = nil
		lists := make([]listed, len(folders))
		w.out.gather(ctx, len(folders), func(i int) result {
			lists[i] = w.list(folders[i])
			return result{}
		})
		var packages []folder
		for i, l := range lists {
			found = found || l.packages != nil || l.next != nil || l.links != nil
			for _, name := range l.packages {
				packages = append(packages, folder{path: name, bundled: folders[i].bundled})
			}
			w.out.Problems = append(w.out.Problems, l.problems...)
			w.out.Strays = append(w.out.Strays, l.strays...)
			w.follow(l.links)
			for _, f := range l.next {
				w.add(f)
			}
		}
		if level >= maxNested || len(w.out.Packages)+len(packages) > maxPackages {
			w.problem(modules, "has more packages in it than any project has", true)
			return true
		}
		w.read(ctx, packages)
	}
	return found
}

// read reads packages, and finds what is installed within them.
func (w *nodeWalk) read(ctx context.Context, packages []folder) {
	inner := make([]folder, len(packages))
	strays, empty := make([][]Problem, len(packages)), make([]bool, len(packages))
	w.out.gather(ctx, len(packages), func(i int) result {
		p := packages[i]
		r, bundles := w.one(p)
		inner[i] = folder{path: p.path + "/" + modules, bundled: bundles, own: true}
		if len(r.packages) == 0 && len(r.problems) == 0 {
			strays[i] = w.stray(p.path)
			empty[i] = strays[i] == nil
		}
		return r
	})
	for i, f := range inner {
		w.out.Strays = append(w.out.Strays, strays[i]...)
		w.empty[packages[i].path] = empty[i]
		w.add(f)
	}
}

// one reads the package in a folder, and says whether it brings others.
func (w *nodeWalk) one(p folder) (result, bool) {
	wrong := func(text string, unread bool) result {
		return result{problems: []Problem{{w.at(p.path + "/" + packageFile), text, unread}}}
	}
	data, err := w.small(w.at(p.path+"/"+packageFile), maxNote)
	if errors.Is(err, errNotThere) {
		return result{}, p.bundled
	}
	if err != nil {
		return wrong(err.Error(), true), p.bundled
	}
	m, err := readManifest(data, false)
	if err != nil {
		return wrong(err.Error(), true), p.bundled
	}
	var r result
	if m.problem != "" {
		r = wrong(m.problem, false)
	}
	bundles := p.bundled || m.bundles
	switch {
	case m.version == "" && m.problem != "":
		return r, bundles
	case m.version == "" && w.stray(p.path) == nil && !leads(data):
		return result{}, bundles // Yarn puts that in the place of what is for other systems
	case m.version == "":
		return wrong("names no version", false), bundles
	case m.name == "":
		m.name = nameOf(p.path)
		r = wrong("names no package", false)
	}
	r.packages = []Package{{
		Name: m.name, Version: m.version, Path: p.path, Requires: m.requires, Bundled: p.bundled,
	}}
	return r, bundles
}

// leads reports whether a package.json can name a file to load, anywhere.
func leads(data []byte) bool {
	return bytes.Contains(data, []byte("main")) || bytes.Contains(data, []byte("exports")) || bytes.Contains(data, []byte(`\`))
}

// nameOf returns the name that the package in a folder is required by.
func nameOf(folder string) string {
	_, name, _ := cutLast(folder, modules+"/")
	return name
}

func cutLast(s, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(s, separator); i >= 0 {
		return s[:i], s[i+len(separator):], true
	}
	return "", s, false
}

// stray looks at a folder without package.json. Whoever requires it still gets index.js
// or any file that is asked for by its name.
func (w *nodeWalk) stray(name string) []Problem {
	entries, err := fs.ReadDir(w.tree, w.at(name))
	switch {
	case err != nil:
		return []Problem{{w.at(name), "cannot be read, and is no package that is known", false}}
	case slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return e.Name()[0] != '.' && e.Name() != modules && e.Name() != packageFile
	}):
		return []Problem{{w.at(name), "can be loaded, and has no package.json", false}}
	}
	return nil
}

// list looks what is in a folder of packages.
func (w *nodeWalk) list(f folder) listed {
	var l listed
	entries, err := fs.ReadDir(w.tree, w.at(f.path))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return l
	case err != nil:
		const why = "cannot be looked into: it is no folder, or leads out of the project"
		l.problems = []Problem{{w.at(f.path), why, true}}
		return l
	}
	if info, err := lstat(w.tree, w.at(f.path)); f.own && (err != nil || !info.IsDir()) {
		l.problems = []Problem{{w.at(f.path), "is a link, which no package manager makes of a node_modules", true}}
		return l
	}
	l.packages = []string{}
	w.sort(&l, f.path, entries)
	for _, scope := range l.scopes {
		entries, err := fs.ReadDir(w.tree, w.at(scope))
		if err != nil {
			l.problems = append(l.problems, Problem{w.at(scope), "cannot be looked into", true})
		}
		w.sort(&l, scope, entries)
	}
	return l
}

func lstat(tree fs.FS, name string) (fs.FileInfo, error) {
	if links, ok := tree.(fs.ReadLinkFS); ok {
		return links.Lstat(name)
	}
	return fs.Stat(tree, name)
}

// sort tells packages, links, scopes and stores from each other.
func (w *nodeWalk) sort(l *listed, parent string, entries []fs.DirEntry) {
	top := path.Base(parent) == modules
	for _, e := range entries {
		name := parent + "/" + e.Name()
		switch {
		case e.Name()[0] == '.' && w.hidden(l, name, e):
		case e.Type()&(fs.ModeSymlink|fs.ModeIrregular) != 0: // irregular: a junction of Windows
			w.link(l, name)
		case e.IsDir() && e.Name()[0] == '@' && top:
			l.scopes = append(l.scopes, name)
		case e.IsDir():
			if e.Name() != modules {
				l.packages = append(l.packages, name)
			}
		case loadable(e.Name()):
			l.strays = append(l.strays, Problem{w.at(name), "is loaded instead of the package of that name", false})
		}
	}
}

// tools are how the names of files and folders begin that package managers and builds keep
// in node_modules.
var tools = []string{
	".bin", ".bun", ".cache", ".ignored", ".modules.yaml", ".pnpm", ".store", ".vite", ".yarn-",
}

// loaded are the files that make a folder one that can be required.
var loaded = []string{packageFile, "index.js", "index.json", "index.node"}

// hidden looks at what has a name with a dot, and reports whether it is no link. Such names
// can be required like others, see https://nodejs.org/api/modules.html#all-together.
func (w *nodeWalk) hidden(l *listed, name string, e fs.DirEntry) bool {
	top := path.Base(path.Dir(name)) == modules
	known := top && slices.ContainsFunc(tools, func(start string) bool { return strings.HasPrefix(e.Name(), start) })
	switch {
	case known && e.IsDir() && slices.Contains(stores, e.Name()):
		w.store(l, name)
	case known:
	case !e.IsDir() && !e.Type().IsRegular():
		return false
	case e.IsDir() && slices.ContainsFunc(loaded, func(file string) bool {
		return w.exists(name + "/" + file)
	}):
		l.strays = append(l.strays,
			Problem{w.at(name), "can be loaded, and is no folder of a tool that is known", false})
	case !e.IsDir() && (path.Ext(name) == ".js" || path.Ext(name) == ".node"): // tools keep notes in JSON
		l.strays = append(l.strays, Problem{w.at(name), "can be loaded, and is no file of a tool that is known", false})
	}
	return true
}

// loadable reports whether require finds a file of this name by a package's name: before
// the folder, see https://nodejs.org/api/modules.html#all-together.
func loadable(name string) bool {
	return slices.Contains([]string{"", ".js", ".json", ".node"}, path.Ext(name))
}

// store looks at the folders in which packages are kept under a name of their own.
func (w *nodeWalk) store(l *listed, store string) {
	entries, err := fs.ReadDir(w.tree, w.at(store))
	if err != nil {
		l.problems = append(l.problems, Problem{w.at(store), "cannot be looked into", true})
	}
	for _, e := range entries {
		kept := store + "/" + e.Name()
		switch {
		case !e.IsDir():
		case e.Name() == modules: // what pnpm hoists
			l.next = append(l.next, folder{path: kept})
		default:
			l.next = append(l.next, folder{path: kept + "/" + modules})
			if path.Base(store) == ".store" && w.exists(kept+"/package/"+packageFile) {
				l.packages = append(l.packages, kept+"/package")
			}
		}
	}
}

// link notes where a link leads.
func (w *nodeWalk) link(l *listed, name string) {
	say := func(text string, unread bool) {
		l.problems = append(l.problems, Problem{w.at(name), text, unread})
	}
	to, ok := w.target(name)
	info, err := fs.Stat(w.tree, w.at(name))
	switch {
	case !ok || err != nil && !errors.Is(err, fs.ErrNotExist):
		say("is a link that leads out of the project", true)
	case err != nil:
		say("is a link to what does not exist", false)
	case info.IsDir() || loadable(name):
		l.links = append(l.links, Link{Path: name, To: w.below(to)})
	}
}

// target returns where a link leads, below the root of the tree; false if that is
// elsewhere.
func (w *nodeWalk) target(name string) (string, bool) {
	target, err := fs.ReadLink(w.tree, w.at(name))
	target = strings.ReplaceAll(target, `\`, "/")
	if err != nil || target == "" || path.IsAbs(target) || strings.Contains(target, ":") {
		return "", false
	}
	to := path.Join(path.Dir(w.at(name)), target)
	return to, fs.ValidPath(to)
}

// below returns a path below the lock file's folder of one below the root.
func (w *nodeWalk) below(name string) string {
	dir := path.Clean(w.dir)
	if dir == "." {
		return join(name)
	}
	if name == dir {
		return ""
	}
	if inside, ok := strings.CutPrefix(name, dir+"/"); ok {
		return inside
	}
	return strings.Repeat("../", strings.Count(dir, "/")+1) + name
}

// follow looks at the folders that links lead to: what is installed within projects is
// loaded, too, and packages may be kept in another node_modules.
func (w *nodeWalk) follow(links []Link) {
	for _, link := range links {
		w.out.Links = append(w.out.Links, link)
		kept, _, packaged := cutLast("/"+link.To, "/"+modules+"/")
		switch {
		case link.To == "" || strings.HasPrefix(link.To, "../"):
		case packaged:
			w.later = append(w.later, folder{path: join(strings.TrimPrefix(kept, "/"), modules)})
		case w.projects[link.To] || w.isReal(link.To):
			w.projects[link.To] = true
			w.add(folder{path: join(link.To, modules)})
		}
	}
}

// behindLinks adds the folders that only links lead to, and reports whether there are any.
func (w *nodeWalk) behindLinks() bool {
	for _, f := range w.later {
		if !w.done[f.path] && w.isReal(f.path) {
			w.add(f)
		}
	}
	w.later = nil
	return len(w.next) > 0
}

// isReal reports whether a folder is itself where its path says, so that it is looked at
// once: through links, one folder can be in many places, and in itself.
func (w *nodeWalk) isReal(name string) bool {
	for at := w.at(name); at != "."; at = path.Dir(at) {
		if info, err := lstat(w.tree, at); err != nil || !info.IsDir() {
			return false
		}
	}
	return true
}

// manifests reads what the projects ask for.
func (w *nodeWalk) manifests() {
	for _, project := range slices.Sorted(maps.Keys(w.projects)) {
		name := join(project, packageFile)
		data, err := w.small(w.at(name), maxNote)
		if errors.Is(err, errNotThere) {
			continue
		}
		m, err := manifest{}, err
		if err == nil {
			m, err = readManifest(data, true)
		}
		if err != nil {
			w.problem(name, err.Error(), true)
			continue
		}
		w.out.Projects = append(w.out.Projects, Package{
			Name: m.name, Version: m.version, Path: project, Requires: m.requires, Source: lockfile.Project,
		})
	}
}
