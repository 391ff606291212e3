package installed

import (
	"bytes"
	"context"
	"io/fs"
	"path"
	"slices"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
)

// GoVendor reads vendor/modules.txt of a module's folder, and looks whether the folders
// that it names are there, and no others. Of a project without vendor/modules.txt the
// tree has no packages. modcache is the module cache, nil if there is none: each vendored
// file is compared with the one there, which [GoModules] proves. What it does not have is a
// problem, one for all: the go command never compares a vendored file with anything.
func GoVendor(ctx context.Context, tree fs.FS, dir string, modcache fs.FS) Tree {
	t := Tree{Kind: GoVendored, Path: path.Join(dir, "vendor"), Ecosystem: "Go"}
	v := vendored{disk: disk{tree, dir}, folders: map[string]string{}, originals: map[string]goOriginal{},
		zips: map[string]goOriginal{}, isModule: map[string]bool{}, files: map[string][]string{}}
	data, err := v.small("vendor/modules.txt", maxNote)
	switch {
	case err == errNotThere:
		return t
	case err != nil:
		t.unread("modules.txt", "it %v", err)
		return t
	}
	c := complaints{at: v.disk}
	modules := v.read(data, &c)
	defer v.close()
	for _, m := range modules {
		v.find(m, modcache, &c)
	}
	t.Problems = append(c.all(), v.list()...)
	t.gather(ctx, len(modules), func(i int) result { return v.look(ctx, modules[i]) })
	v.unproven(modules, &t)
	return t
}

// vendored is a module's vendor folder.
type vendored struct {
	disk
	folders   map[string]string     // the packages that modules.txt lists, by folder, and their modules
	originals map[string]goOriginal // by the module's path
	zips      map[string]goOriginal // of the module cache, by their names
	isModule  map[string]bool
	files     map[string][]string // what is there, by the module's path
}

// vendoredModule is a module of modules.txt.
type vendoredModule struct {
	module.Version
	replaced module.Version // what is there in its place, the path of a folder without version
	packages []string
}

// read understands modules.txt (cmd/go, modload/vendor.go):
//
//	# example.com/a v1.0.0 => example.com/b v1.1.0
//	## explicit; go 1.20
//	example.com/a/package
func (v *vendored) read(data []byte, c *complaints) []vendoredModule {
	var modules []vendoredModule
	line := 0
	for text := range bytes.Lines(data) {
		line++
		text := strings.TrimSpace(string(text))
		fields := strings.Fields(text)
		switch {
		case text == "" || strings.HasPrefix(text, "## "):
		case strings.HasPrefix(text, "# "):
			m, ok := readVendoredModule(fields[1:])
			if !ok {
				c.unread("vendor/modules.txt", "line %d names no module", line)
			}
			modules = append(modules, m)
		case len(modules) == 0 || module.CheckImportPath(text) != nil:
			c.unread("vendor/modules.txt", "line %d names no package of a module", line)
		default:
			last := &modules[len(modules)-1]
			last.packages = append(last.packages, text)
			v.folders["vendor/"+text] = last.Path
		}
	}
	return slices.DeleteFunc(modules, func(m vendoredModule) bool {
		return m.Version == module.Version{} || m.Version.Version == "" // a replacement that is not needed
	})
}

// readVendoredModule understands "path version", "path => ...", "path version => ...".
func readVendoredModule(fields []string) (m vendoredModule, ok bool) {
	arrow := slices.Index(fields, "=>")
	original := fields
	if arrow >= 0 {
		original = fields[:arrow]
		m.replaced, ok = readGoVersion(fields[arrow+1:])
		if !ok {
			return vendoredModule{}, false
		}
	}
	m.Version, ok = readGoVersion(original)
	if !ok || m.Version.Version == "" && arrow < 0 || module.CheckImportPath(m.Path) != nil {
		return vendoredModule{}, false
	}
	return m, true
}

func readGoVersion(fields []string) (module.Version, bool) {
	switch len(fields) {
	case 1:
		return module.Version{Path: fields[0]}, true
	case 2:
		return module.Version{Path: fields[0], Version: fields[1]}, semver.IsValid(fields[1])
	}
	return module.Version{}, false
}

// pkg is what is there of a module.
func (v *vendored) pkg(m vendoredModule) Package {
	pkg := Package{Name: m.Path, Version: m.Version.Version, Path: path.Join(v.path, "vendor", m.Path)}
	switch {
	case m.replaced.Version != "":
		pkg.Name, pkg.Version, pkg.Key = m.replaced.Path, m.replaced.Version, m.Path
	case m.replaced.Path != "":
		pkg.Source = lockfile.Folder
	}
	return pkg
}

// look compares the files of one module.
func (v *vendored) look(ctx context.Context, m vendoredModule) result {
	c := complaints{at: v.disk}
	for _, name := range m.packages {
		if info, err := fs.Stat(v.tree, "vendor/"+name); err != nil || !info.IsDir() {
			c.wrong("vendor/"+name, "modules.txt lists this package of %s %s, and it is not there",
				m.Path, m.Version.Version)
		}
	}
	for _, file := range v.files[m.Path] {
		if ctx.Err() == nil {
			v.compare(file, m, &c)
		}
	}
	return result{packages: []Package{v.pkg(m)}, problems: c.all()}
}

// compare holds a vendored file against that of its module.
func (v *vendored) compare(file string, m vendoredModule, c *complaints) {
	folder := path.Dir(file)
	got, err := v.sha256(file)
	if err != nil {
		c.about(file, m.Path, err)
		return
	}
	sums, known, err := v.wanted(file, m)
	listed := v.folders[folder] != ""
	switch {
	case err != nil:
		c.unread(file, "the file of %s in the module cache %v", m.Path, err)
	case slices.Contains(sums, got):
	case len(sums) > 0:
		c.wrong(file, "the file is not as %s %s has it", m.Path, m.Version.Version)
	case !listed && path.Ext(file) == ".go" && !ignoredByGo(folder):
		c.wrong(file, "modules.txt does not list this package")
	case known:
		c.wrong(file, "%s %s has no such file", m.Path, m.Version.Version)
	}
}

// wanted are the hashes that a file may have; known says that there is something to compare
// it with. Files that are not of a package can be of another module that the path begins
// with, too: a license, or data to embed.
func (v *vendored) wanted(file string, m vendoredModule) (sums []string, known bool, err error) {
	folder := path.Dir(file)
	for at := folder; at != "vendor"; at = path.Dir(at) {
		name := strings.TrimPrefix(at, "vendor/")
		original, ok := v.originals[name]
		if !ok || v.folders[folder] != "" && name != m.Path {
			continue
		}
		known = true
		sum, err := original.sum(strings.TrimPrefix(file, at+"/"))
		switch {
		case err == nil:
			sums = append(sums, sum)
		case err != errNotThere:
			return nil, true, err
		}
	}
	return sums, known, nil
}

// list lists the files of the vendor folder by their modules. Of a folder that modules.txt
// does not list it is the one that its path begins with. Go files that are of none, modules
// of before Go 1.23 can import (cmd/go, modload/import.go), and nothing says what they are.
func (v *vendored) list() []Problem {
	c := complaints{at: v.disk}
	seen := map[string]bool{}
	err := v.walk("vendor", func(name string, entry fs.DirEntry) {
		folder := path.Dir(name)
		isLink := entry.Type()&fs.ModeSymlink != 0
		owner := v.folders[folder]
		for at := folder; owner == "" && at != "vendor"; at = path.Dir(at) {
			if v.isModule[strings.TrimPrefix(at, "vendor/")] {
				owner = strings.TrimPrefix(at, "vendor/")
			}
		}
		switch {
		case v.folders[folder] == "" && (isLink || owner == "" && path.Ext(name) == ".go"):
			if !seen[folder] && !ignoredByGo(folder) {
				seen[folder] = true
				c.wrong(name, "modules.txt does not list this package")
			}
		case owner != "":
			v.files[owner] = append(v.files[owner], name)
		}
	})
	if err != nil {
		c.unread("vendor", "the folder %v", err)
	}
	return c.all()
}

// ignoredByGo reports whether a folder cannot be a package.
func ignoredByGo(folder string) bool {
	for element := range strings.SplitSeq(folder, "/") {
		if element == "testdata" || strings.HasPrefix(element, "_") || strings.HasPrefix(element, ".") {
			return true
		}
	}
	return false
}
