package lockfile

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// goMod and goWork are no lock files, yet say which versions are used.
const goMod, goWork = "go.mod", "go.work"

// goHash is what a go.sum says of one module version.
type goHash struct {
	zip  string // the hash of its contents, as written
	line int    // of that, or else of the hash of its go.mod
}

// goHashes are the hashes by module version; the lines are those of the lock file itself.
type goHashes map[module.Version]goHash

func (s goHashes) add(data []byte, own bool) {
	number := 0
	for line := range bytes.Lines(data) {
		number++
		words := strings.Fields(string(line))
		if len(words) != 3 {
			continue
		}
		version, isMod := strings.CutSuffix(words[1], goModSuffix)
		m := module.Version{Path: words[0], Version: version}
		sum := s[m]
		if !isMod {
			sum.zip = cmp.Or(sum.zip, words[2])
		}
		if own && (sum.line == 0 || !isMod) {
			sum.line = number
		}
		s[m] = sum
	}
}

// goGraph collects the entries of a build list.
type goGraph struct {
	*Lock
	ws   *workspace
	sums goHashes
	// own says that the lock file is the go.mod itself, whose lines count then.
	own      bool
	selected map[string]int  // index of the entry, by module path
	replaces map[string]bool // modules that are there in the place of others
}

func newGoGraph(lock *Lock, ws *workspace) goGraph {
	return goGraph{Lock: lock, ws: ws, sums: goHashes{}, selected: map[string]int{}, replaces: map[string]bool{}}
}

// addGoSum fills in the entries of a go.sum or go.work.sum: the build list of the modules
// it is for. Without a go.mod it is everything there is a hash for.
func (l *Lock) addGoSum(data []byte, tree fs.FS) {
	g := newGoGraph(l, nil)
	g.sums.add(data, true)
	ws, err := findWorkspace(tree, l.Path)
	if err != nil || ws == nil || len(ws.checked) == 0 {
		// A go.mod that is not valid is an error of Stale.
		g.everything(nil)
		return
	}
	g.ws = ws
	g.others(tree)
	g.buildList()
}

// others reads the hashes that the other lock files of the workspace have.
func (g goGraph) others(tree fs.FS) {
	names := []string{path.Join(g.ws.dir, "go.work.sum")}
	for _, mod := range g.ws.modules {
		names = append(names, path.Join(path.Dir(mod.path), "go.sum"))
	}
	for _, name := range names {
		if name != g.Path {
			data, err := manifest(tree, name)
			if err == nil { // else Stale says so
				g.sums.add(data, false)
			}
		}
	}
}

// parseGoMod reads a go.mod for those who audit: modules that only need the standard
// library have no go.sum, and who vendors may not have one either.
func parseGoMod(_ []byte, tree fs.FS, lock *Lock) error {
	lock.Format = Go
	dir := path.Dir(lock.Path)
	mod, err := readGoModule(tree, dir)
	if err != nil {
		return err
	}
	if mod == nil {
		return malformed(lock, "it is not a regular file")
	}
	ws := &workspace{dir: dir, modules: []goModule{*mod}, checked: []goModule{*mod},
		replace: map[module.Version]module.Version{}}
	ws.addReplacements(mod.file.Replace)
	g := newGoGraph(lock, ws)
	g.own = true
	g.others(tree)
	g.buildList()
	return nil
}

// parseGoWork reads a go.work for those who audit: the modules that it uses, built
// together.
func parseGoWork(data []byte, tree fs.FS, lock *Lock) error {
	lock.Format = Go
	if _, err := modfile.ParseWork("go.work", data, nil); err != nil {
		return goModError(lock.Path, err)
	}
	ws, err := readWorkspace(tree, path.Dir(lock.Path), data)
	if err != nil {
		return err
	}
	if ws == nil {
		return malformed(lock, "it uses a folder without a go.mod, or one outside of the repository")
	}
	g := newGoGraph(lock, ws)
	g.others(tree)
	g.buildList()
	return nil
}

// buildList adds the main modules, and what go.mod lists since Go 1.17: every module that
// a build of theirs or a test can need, in the version that is chosen. Of several main
// modules the highest version counts (https://go.dev/ref/mod#workspaces).
func (g goGraph) buildList() {
	for _, mod := range g.ws.checked {
		g.main(mod)
	}
	for i, mod := range g.ws.checked {
		excluded := map[module.Version]bool{}
		for _, x := range mod.file.Exclude {
			excluded[x.Mod] = true
		}
		seen := map[string]bool{}
		for _, r := range mod.file.Require {
			if excluded[r.Mod] {
				text := fmt.Sprintf("%s requires %s %s and excludes it", mod.path, r.Mod.Path, r.Mod.Version)
				g.contradict(mod, r, text)
			}
			if seen[r.Mod.Path] {
				g.contradict(mod, r, fmt.Sprintf("%s requires %s twice", mod.path, r.Mod.Path))
			}
			seen[r.Mod.Path] = true
			g.require(i, r)
		}
		g.toolchain(i, mod.file)
		if mod.file.Go == nil || semver.Compare("v"+mod.file.Go.Version, "v1.17") < 0 {
			g.everything(&i)
		}
	}
}

func (g goGraph) main(mod goModule) {
	e := Entry{Source: Project, Location: strings.TrimPrefix(path.Dir(mod.path), g.ws.dir+"/")}
	if e.Location == "." || e.Location == g.ws.dir {
		e.Location = ""
	}
	if mod.file.Module != nil {
		e.Name = mod.file.Module.Mod.Path
		if g.own {
			e.Line = mod.file.Module.Syntax.Start.Line
		}
	}
	g.selected[e.Name] = len(g.Entries)
	g.Entries = append(g.Entries, e)
}

// require adds what a main module requires, unless it is there in a higher version.
func (g goGraph) require(root int, r *modfile.Require) {
	at, ok := g.selected[r.Mod.Path]
	if ok && g.Entries[at].Source == Project {
		g.edge(root, r.Mod, at)
		return
	}
	e := g.entry(r.Mod)
	if g.own {
		e.Line = r.Syntax.Start.Line
	}
	switch {
	case !ok:
		at = len(g.Entries)
		g.selected[r.Mod.Path] = at
		g.Entries = append(g.Entries, e)
	case semver.Compare(e.Version, g.Entries[at].Version) > 0:
		g.Entries[at] = e
	}
	g.edge(root, r.Mod, at)
}

func (g goGraph) edge(root int, m module.Version, to int) {
	g.Entries[root].Requires = append(g.Entries[root].Requires,
		Require{Name: m.Path, Range: m.Version, Kind: Prod, To: to})
}

func (g goGraph) contradict(mod goModule, r *modfile.Require, text string) {
	c := Contradiction{Text: text}
	if g.own {
		c.Line = r.Syntax.Start.Line
	}
	g.Contradictions = append(g.Contradictions, c)
}

// entry is a module version of the build list, replaced if it is.
func (g goGraph) entry(m module.Version) Entry {
	by, ok := g.ws.replace[m]
	if !ok {
		by, ok = g.ws.replace[module.Version{Path: m.Path}]
	}
	e := Entry{Name: m.Path, Version: m.Version, Source: Registry}
	switch {
	case ok && by.Version == "":
		e.Source, e.URL = Folder, by.Path
		return e
	case ok:
		if by.Path != m.Path {
			e.Alias = m.Path
			g.replaces[by.Path] = true
		}
		e.Name, e.Version = by.Path, by.Version
	}
	g.proof(&e)
	return e
}

// proof adds the hash and its line.
func (g goGraph) proof(e *Entry) {
	sum := g.sums[module.Version{Path: e.Name, Version: e.Version}]
	if sum.zip != "" {
		e.Integrity = []string{sum.zip}
	}
	if !g.own {
		e.Line = sum.line
	}
}

// everything adds the highest version of each module whose contents there is a hash for,
// and which is not there yet: before Go 1.17 go.mod does not say what its dependencies
// bring with them. Some of it may not be used any more.
func (g goGraph) everything(root *int) {
	highest := map[string]string{}
	for m, sum := range g.sums {
		if sum.zip != "" && semver.Compare(m.Version, highest[m.Path]) > 0 {
			highest[m.Path] = m.Version
		}
	}
	var found []Entry
	for name, version := range highest {
		if _, ok := g.selected[name]; ok {
			continue
		}
		e := Entry{Name: name, Version: version, Source: Registry}
		if g.ws != nil {
			e = g.entry(module.Version{Path: name, Version: version})
		}
		g.proof(&e)
		found = append(found, e)
	}
	found = slices.DeleteFunc(found, func(e Entry) bool { return e.Alias == "" && g.replaces[e.Name] })
	slices.SortFunc(found, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Name, b.Name))
	})
	for _, e := range found {
		to := len(g.Entries)
		g.selected[cmp.Or(e.Alias, e.Name)] = to
		g.Entries = append(g.Entries, e)
		if root != nil {
			g.Entries[*root].Requires = append(g.Entries[*root].Requires, Require{Name: e.Name, Kind: Prod, To: to})
		}
	}
}

// toolchain adds the standard library as advisories know it, in the version that the
// toolchain line asks for: no build uses an older one. The go line does not say that much;
// modules keep it low for those who use them.
func (g goGraph) toolchain(root int, file *modfile.File) {
	if file.Toolchain == nil {
		return
	}
	version := goVersion(file.Toolchain.Name)
	if version == "" {
		return // "default", or of somebody's own making
	}
	to, ok := g.selected["stdlib"]
	if !ok {
		to = len(g.Entries)
		g.selected["stdlib"] = to
		e := Entry{Name: "stdlib", Version: version, Source: Registry}
		if g.own {
			e.Line = file.Toolchain.Syntax.Start.Line
		}
		g.Entries = append(g.Entries, e)
	} else if semver.Compare("v"+version, "v"+g.Entries[to].Version) > 0 {
		g.Entries[to].Version = version
	}
	g.Entries[root].Requires = append(g.Entries[root].Requires,
		Require{Name: "stdlib", Range: file.Toolchain.Name, Kind: Prod, To: to})
}

// goVersion turns the name of a toolchain, such as go1.21rc2 or go1.22.3-custom, into a
// version as advisories have it: 1.21.0-rc.2, 1.22.3. Empty if it is none.
func goVersion(toolchain string) string {
	name, _, _ := strings.Cut(toolchain, "-")
	version, ok := strings.CutPrefix(name, "go")
	if !ok {
		return ""
	}
	pre := ""
	for _, kind := range []string{"beta", "rc"} {
		if before, number, found := strings.Cut(version, kind); found {
			version, pre = before, "-"+kind+"."+number
		}
	}
	for strings.Count(version, ".") < 2 {
		version += ".0"
	}
	if !semver.IsValid("v" + version + pre) {
		return ""
	}
	return version + pre
}
