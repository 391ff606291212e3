package auditdeps

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/shared/safepath"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/installed"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/versions"
)

// readTrees reads what is installed for a project. Nothing is executed for that: where
// package managers keep things is known from the environment and the places they use.
func (s *step) readTrees(ctx context.Context, p *project) {
	read := map[string]func(context.Context, *project){
		"npm": s.nodeTree, "yarn": s.nodeTree, "pnpm": s.nodeTree, "pip": s.pythonTrees, "go": s.goTrees,
		"cargo": s.cargoTrees, "nuget": s.nugetTrees,
	}[p.manager]
	if read != nil {
		read(ctx, p)
	}
}

// add keeps a tree in which there is something.
func (p *project) add(tree installed.Tree) {
	if len(tree.Packages) > 0 || len(tree.Problems) > 0 || tree.Kind == installed.NodeModules {
		p.trees = append(p.trees, tree)
	}
}

// nodeTree reads node_modules, unless another lock file of the folder made them.
func (s *step) nodeTree(ctx context.Context, p *project) {
	if owner := nodeOwner(p); owner != "" && owner != path.Base(p.path) {
		p.owner = owner
		s.env.Log.Printf("%s: node_modules beside it was made from %s, and is audited with that.", p.shown, owner)
		return
	}
	var locations []string
	for _, e := range p.lock.Entries {
		if e.Source == lockfile.Project {
			locations = append(locations, e.Location)
		}
	}
	tree := installed.Node(ctx, p.tree, p.dir(), locations)
	if tree.Kind != "" {
		p.add(tree)
	}
	hidden := path.Join(p.dir(), "node_modules", ".package-lock.json")
	if lock, err := lockfile.Read(p.tree, hidden); err == nil {
		p.hidden = &lock
	} else if !errors.Is(err, fs.ErrNotExist) {
		p.unknown = append(p.unknown, s.show(p.place, hidden)+" cannot be read, in which npm notes what it installed")
	}
	overrides, err := installed.Overrides(p.tree, p.dir())
	if err != nil {
		p.unknown = append(p.unknown, "what the manifest of "+p.shown+" forces on packages cannot be read")
	}
	p.overrides = overrides
}

// nodeOwner is the lock file that node_modules was made from, as what package managers
// leave there tells, if the folder has several; "" if nobody can tell.
func nodeOwner(p *project) string {
	there := func(name string) bool {
		_, err := fs.Stat(p.tree, path.Join(p.dir(), name))
		return err == nil
	}
	owners := []struct{ mark, lock string }{
		{"node_modules/.modules.yaml", "pnpm-lock.yaml"}, {"node_modules/.yarn-integrity", "yarn.lock"},
		{"node_modules/.yarn-state.yml", "yarn.lock"}, {".pnp.cjs", "yarn.lock"},
		{"node_modules/.package-lock.json", "npm-shrinkwrap.json"},
		{"node_modules/.package-lock.json", "package-lock.json"},
	}
	for _, o := range owners {
		if there(o.mark) && there(o.lock) {
			return o.lock
		}
	}
	return ""
}

// pythonTrees reads the virtual environments beside the lock file and the one that the job
// uses; without any of these what is installed for the job's Python.
func (s *step) pythonTrees(ctx context.Context, p *project) {
	own := filepath.Join(p.root, filepath.FromSlash(p.dir()))
	var places []string
	for _, name := range []string{".venv", "venv", "__pypackages__"} {
		places = append(places, sitePackages(filepath.Join(own, name))...)
	}
	first := len(places) // from there on they are not the project's alone
	if active, _ := s.env.Lookup("VIRTUAL_ENV"); filepath.IsAbs(active) {
		places = append(places, sitePackages(active)...)
		if first == 0 {
			first = len(places)
		}
	} else if first == 0 {
		places = s.pathPython()
	}
	for i, dir := range places {
		if slices.ContainsFunc(places[:i], func(other string) bool { return sameFile(dir, other) }) {
			continue
		}
		s.at(dir, func(tree fs.FS) {
			found := installed.Python(ctx, tree, p.below(dir))
			found.Shared = i >= first
			p.add(found)
		})
	}
}

// pathPython are the folders that the Python in PATH imports from: those of the virtual
// environment that it stands in, or of its own installation.
func (s *step) pathPython() []string {
	for _, name := range []string{"python3", "python"} {
		for _, dir := range s.path() {
			program := filepath.Join(dir, name)
			if !exists(program) && !exists(program+".exe") {
				continue
			}
			prefix := filepath.Dir(dir)
			if exists(filepath.Join(prefix, "pyvenv.cfg")) {
				return sitePackages(prefix)
			}
			if real := s.which(name); real != "" { // on Windows it stands in the prefix itself
				return append(sitePackages(filepath.Dir(filepath.Dir(real))), sitePackages(filepath.Dir(real))...)
			}
		}
	}
	return nil
}

// exists reports whether there is something of this name, also a link to nothing.
func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// path are the folders of PATH.
func (s *step) path() []string {
	list, _ := s.env.Lookup("PATH")
	return slices.DeleteFunc(filepath.SplitList(list), func(dir string) bool { return !filepath.IsAbs(dir) })
}

// below is how the trees of a project call a folder of the machine: below the project's
// root if it is there, else as it is.
func (p *project) below(dir string) string {
	if rel, err := safepath.Rel(p.root, dir); err == nil {
		return rel
	}
	return filepath.ToSlash(dir)
}

// apart takes out of each environment that several lock files share what only the others
// name: requirements.txt and requirements-dev.txt are installed into one.
func apart(projects []*project) {
	named := map[string]map[*project]bool{}
	for _, p := range projects {
		for _, e := range p.lock.Entries {
			if p.manager == "pip" {
				if named[e.Name] == nil {
					named[e.Name] = map[*project]bool{}
				}
				named[e.Name][p] = true
			}
		}
	}
	for _, p := range projects {
		for i, tree := range p.trees {
			if tree.Kind == installed.SitePackages {
				p.trees[i].Packages = slices.DeleteFunc(tree.Packages, func(pkg installed.Package) bool {
					return len(named[pkg.Name]) > 0 && !named[pkg.Name][p]
				})
			}
		}
	}
}

// sitePackages are the folders of an environment that Python imports from.
func sitePackages(prefix string) []string {
	var dirs []string
	for _, pattern := range []string{"lib/python3*/site-packages", "Lib/site-packages", "3*/lib"} {
		found, _ := filepath.Glob(filepath.Join(prefix, filepath.FromSlash(pattern)))
		for _, dir := range found {
			if !slices.ContainsFunc(dirs, func(other string) bool { return sameFile(dir, other) }) {
				dirs = append(dirs, dir)
			}
		}
	}
	return dirs
}

// sameFile reports whether two names are of one file: on Windows lib and Lib are.
func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// goTrees reads the vendor folder, or else the module cache, and which Go there is.
func (s *step) goTrees(ctx context.Context, p *project) {
	cache := s.folder([]string{"GOMODCACHE"}, "")
	if first, _ := s.env.Lookup("GOPATH"); cache == "" && first != "" {
		cache = filepath.Join(filepath.SplitList(first)[0], "pkg", "mod")
	}
	if cache == "" {
		cache = s.folder(nil, "go/pkg/mod")
	}
	own, err := fs.Sub(p.tree, p.dir())
	if err != nil {
		return
	}
	if _, err := fs.Stat(own, "vendor/modules.txt"); err == nil {
		// What is vendored is compared with the cache, and that with go.sum.
		s.with(cache, func(tree fs.FS) { p.add(installed.GoVendor(ctx, own, p.dir(), tree)) })
	}
	s.at(cache, func(tree fs.FS) { p.add(installed.GoModules(ctx, tree, p.below(cache), p.lock.Entries)) })
	if program := s.which("go"); program != "" {
		root := filepath.Dir(filepath.Dir(program))
		s.at(root, func(tree fs.FS) {
			if release := installed.GoStdlib(tree, p.below(root)); s.usedGo(release, p.lock) {
				p.add(release)
			}
		})
	}
}

// usedGo reports whether an installed Go is the one that builds the project: a newer one
// that go.mod names is downloaded and used instead (https://go.dev/doc/toolchain).
func (s *step) usedGo(release installed.Tree, lock lockfile.Lock) bool {
	for _, e := range lock.Entries {
		for _, there := range release.Packages {
			if e.Name != there.Name {
				continue
			}
			if order, err := versions.Compare("Go", e.Version, there.Version); err == nil && order > 0 {
				return false
			}
		}
	}
	return true
}

// cargoTrees reads the vendored crates, or else Cargo's own copies.
func (s *step) cargoTrees(ctx context.Context, p *project) {
	own, err := fs.Sub(p.tree, p.dir())
	if err != nil {
		return
	}
	home := s.folder([]string{"CARGO_HOME"}, ".cargo")
	if !replacesSource(own) { // else Cargo reads no registry
		s.at(home, func(tree fs.FS) { p.add(installed.CargoRegistry(ctx, tree, p.below(home), p.lock.Entries)) })
	}
	vendor, err := fs.Sub(own, "vendor")
	crates, _ := fs.Glob(own, "vendor/*/.cargo-checksum.json")
	if err != nil || len(crates) == 0 {
		return
	}
	s.with(home, func(tree fs.FS) { p.add(installed.CargoVendor(ctx, vendor, path.Join(p.dir(), "vendor"), tree)) })
}

// nugetTrees reads NuGet's packages folder, and what a restore has chosen.
func (s *step) nugetTrees(ctx context.Context, p *project) {
	if own, err := fs.Sub(p.tree, p.dir()); err == nil {
		p.add(installed.NuGetAssets(own, p.dir()))
	}
	packages := s.folder([]string{"NUGET_PACKAGES"}, ".nuget/packages")
	s.at(packages, func(tree fs.FS) { p.add(installed.NuGet(ctx, tree, p.below(packages), p.lock.Entries)) })
}

// replacesSource reports whether Cargo's configuration beside a lock file puts something in
// the place of the registry, which cargo vendor tells to do.
func replacesSource(project fs.FS) bool {
	for _, name := range []string{".cargo/config.toml", ".cargo/config"} {
		if data, err := fs.ReadFile(project, name); err == nil && bytes.Contains(data, []byte("replace-with")) {
			return true
		}
	}
	return false
}

// folder is the one that a variable of the environment names, or else one below the home
// folder.
func (s *step) folder(variables []string, below string) string {
	for _, name := range variables {
		if dir, _ := s.env.Lookup(name); filepath.IsAbs(dir) {
			return dir
		}
	}
	home, _ := s.env.Lookup("HOME")
	if runtime.GOOS == "windows" {
		home, _ = s.env.Lookup("USERPROFILE")
	}
	if below == "" || !filepath.IsAbs(home) {
		return ""
	}
	return filepath.Join(home, filepath.FromSlash(below))
}

// which finds a program in PATH, without the links that lead to it.
func (s *step) which(name string) string {
	for _, dir := range s.path() {
		for _, ending := range []string{"", ".exe"} {
			full := filepath.Join(dir, name+ending)
			if info, err := os.Stat(full); err == nil && info.Mode().IsRegular() {
				if real, err := filepath.EvalSymlinks(full); err == nil {
					return real
				}
			}
		}
	}
	return ""
}

// at calls do with a folder of the machine, if it is there.
func (s *step) at(dir string, do func(tree fs.FS)) {
	s.with(dir, func(tree fs.FS) {
		if tree != nil {
			do(tree)
		}
	})
}

// with calls do with a folder of the machine, or with nil if it is not there.
func (s *step) with(dir string, do func(tree fs.FS)) {
	if dir == "" {
		do(nil)
		return
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		do(nil)
		return
	}
	defer root.Close()
	do(root.FS())
}
