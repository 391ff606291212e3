package lockfile

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

// goModule is one go.mod of a workspace, or the only one.
type goModule struct {
	path string // of go.mod
	file *modfile.File
}

// workspace is the modules that the go command takes as main modules together.
type workspace struct {
	dir     string // of go.work, or of the only module
	modules []goModule
	checked []goModule // those whose requirements the lock file in question must have
	// replace is by module and version, or by module with an empty version; a
	// module's own replacements come first only where go.work has none.
	replace map[module.Version]module.Version
}

// maxModules bounds the modules of one workspace.
const maxModules = 10_000

// findWorkspace returns the workspace that the lock file belongs to: that of a
// go.work beside or above it which uses its folder, or else the module beside it.
// It is nil if there is no go.mod to compare with.
func findWorkspace(tree fs.FS, lockPath string) (*workspace, error) {
	dir := path.Dir(lockPath)
	for at := dir; ; at = path.Dir(at) {
		data, err := manifest(tree, path.Join(at, "go.work"))
		if err != nil {
			return nil, err
		}
		if data != nil {
			ws, err := readWorkspace(tree, at, data)
			if err != nil || ws == nil || path.Base(lockPath) == "go.work.sum" && at == dir {
				return ws, err
			}
			ws.checked = slices.DeleteFunc(ws.checked, func(m goModule) bool { return path.Dir(m.path) != dir })
			if len(ws.checked) > 0 {
				return ws, nil
			}
		}
		if at == path.Dir(at) {
			break
		}
	}
	mod, err := readGoModule(tree, dir)
	if err != nil || mod == nil || path.Base(lockPath) != "go.sum" {
		return nil, err
	}
	ws := &workspace{dir: dir, modules: []goModule{*mod}, checked: []goModule{*mod},
		replace: map[module.Version]module.Version{}}
	ws.addReplacements(mod.file.Replace)
	return ws, nil
}

// readWorkspace returns nil for a go.work that a newer go command may understand,
// and for one that reaches out of the tree: there is nothing to compare with then.
func readWorkspace(tree fs.FS, dir string, data []byte) (*workspace, error) {
	work, err := modfile.ParseWork("go.work", data, nil)
	if err != nil || len(work.Use) > maxModules {
		return nil, nil
	}
	ws := &workspace{dir: dir, replace: map[module.Version]module.Version{}}
	ws.addReplacements(work.Replace)
	for _, use := range work.Use {
		mod, err := readGoModule(tree, path.Join(dir, path.Clean(strings.ReplaceAll(use.Path, `\`, "/"))))
		if err != nil || mod == nil {
			return nil, err
		}
		ws.modules = append(ws.modules, *mod)
	}
	for _, mod := range ws.modules {
		ws.addReplacements(mod.file.Replace)
	}
	ws.checked = slices.Clone(ws.modules)
	return ws, nil
}

func (ws *workspace) addReplacements(replace []*modfile.Replace) {
	for _, r := range replace {
		if _, ok := ws.replace[r.Old]; !ok {
			ws.replace[r.Old] = r.New
		}
	}
}

// sums are the module versions whose go.mod the lock files of the workspace know.
func (ws *workspace) sums(tree fs.FS, lock Lock) (map[module.Version]bool, error) {
	have := map[module.Version]bool{}
	add := func(l Lock) {
		for _, p := range l.Packages {
			if version, ok := strings.CutSuffix(p.Version, goModSuffix); ok {
				have[module.Version{Path: p.Name, Version: version}] = true
			}
		}
	}
	add(lock)
	names := []string{path.Join(ws.dir, "go.work.sum")}
	for _, mod := range ws.modules {
		names = append(names, path.Join(path.Dir(mod.path), "go.sum"))
	}
	for _, name := range names {
		if name == lock.Path {
			continue
		}
		data, err := manifest(tree, name)
		if err != nil {
			return nil, err
		}
		other := Lock{Path: name}
		if err := parseGoSum(data, nil, &other); err != nil {
			return nil, err
		}
		add(other)
	}
	return have, nil
}

// required are the module versions whose go.mod the go command reads for a main
// module: its requirements, replaced where they are replaced.
func (ws *workspace) required(mod goModule) []module.Version {
	mains := map[string]bool{}
	for _, m := range ws.modules {
		if m.file.Module != nil {
			mains[m.file.Module.Mod.Path] = true
		}
	}
	excluded := map[module.Version]bool{}
	for _, x := range mod.file.Exclude {
		excluded[x.Mod] = true
	}
	var need []module.Version
	for _, r := range mod.file.Require {
		if mains[r.Mod.Path] || excluded[r.Mod] {
			continue
		}
		by, ok := ws.replace[r.Mod]
		if !ok {
			by, ok = ws.replace[module.Version{Path: r.Mod.Path}]
		}
		switch {
		case !ok:
			need = append(need, r.Mod)
		case by.Version != "": // else a folder, which no go.sum knows
			need = append(need, by)
		}
	}
	return need
}

// knownVerbs are the statements of go.mod that modfile understands. Those that a
// newer go command may have added are passed over: they are not requirements.
var knownVerbs = []string{"module", "go", "toolchain", "godebug", "require", "exclude", "replace",
	"retract", "tool", "ignore"}

// readGoModule reads the go.mod of a folder; nil if there is none.
func readGoModule(tree fs.FS, dir string) (*goModule, error) {
	name := path.Join(dir, "go.mod")
	data, err := manifest(tree, name)
	if err != nil || data == nil {
		return nil, err
	}
	lax, err := modfile.ParseLax("go.mod", data, nil)
	if err != nil {
		return nil, goModError(name, err)
	}
	lax.Syntax.Stmt = slices.DeleteFunc(lax.Syntax.Stmt, func(e modfile.Expr) bool {
		switch e := e.(type) {
		case *modfile.Line:
			return len(e.Token) > 0 && !slices.Contains(knownVerbs, e.Token[0])
		case *modfile.LineBlock:
			return len(e.Token) > 0 && !slices.Contains(knownVerbs, e.Token[0])
		}
		return false
	})
	file, err := modfile.Parse("go.mod", modfile.Format(lax.Syntax), nil)
	if err != nil {
		return nil, goModError(name, err)
	}
	return &goModule{name, file}, nil
}

func goModError(name string, err error) error {
	var list modfile.ErrorList
	if errors.As(err, &list) && len(list) > 0 {
		return &FormatError{name, fmt.Sprintf("line %d is not valid", list[0].Pos.Line)}
	}
	return &FormatError{name, "it is not a valid go.mod"}
}
