package installed

import (
	"bytes"
	"context"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
)

// GoVendor reads vendor/modules.txt of a module's folder, and looks whether the folders
// that it names are there, and no others. Of a project without vendor/modules.txt the
// tree has no packages. modcache is the module cache, nil if there is none: each vendored
// file is compared with the one there, which [GoModules] proves.
func GoVendor(ctx context.Context, tree fs.FS, dir string, modcache fs.FS) Tree {
	t := Tree{Kind: GoVendored, Path: path.Join(dir, "vendor"), Ecosystem: "Go"}
	v := vendored{disk: disk{tree, dir}, folders: map[string]string{}}
	data, err := v.small("vendor/modules.txt", maxNote)
	switch {
	case err == errNotThere:
		return t
	case err != nil:
		t.unread("modules.txt", "it %v", err)
		return t
	}
	if modcache != nil {
		v.cache = &disk{modcache, ""}
	}
	c := complaints{at: v.disk}
	modules := v.read(data, &c)
	t.Problems = c.all()
	t.gather(ctx, len(modules), func(i int) result { return v.look(ctx, modules[i]) })
	t.Problems = append(t.Problems, v.foreign()...)
	return t
}

// vendored is a module's vendor folder.
type vendored struct {
	disk
	cache   *disk
	folders map[string]string // the packages that modules.txt lists, by folder, and their modules
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

// look reads the folders of one module.
func (v *vendored) look(ctx context.Context, m vendoredModule) result {
	pkg := Package{Name: m.Path, Version: m.Version.Version, Path: path.Join(v.path, "vendor", m.Path)}
	switch {
	case m.replaced.Version != "":
		pkg.Name, pkg.Version, pkg.Key = m.replaced.Path, m.replaced.Version, m.Path
	case m.replaced.Path != "":
		pkg.Source = lockfile.Folder
	}
	c := complaints{at: v.disk}
	original := v.original(pkg)
	for _, name := range m.packages {
		folder := "vendor/" + name
		entries, err := fs.ReadDir(v.tree, folder)
		if err != nil {
			c.wrong(folder, "modules.txt lists this package of %s %s, and it is not there", m.Path, m.Version.Version)
			continue
		}
		for _, entry := range entries {
			if ctx.Err() == nil && original != "" && !entry.IsDir() {
				inside := strings.TrimPrefix(strings.TrimPrefix(name, m.Path)+"/"+entry.Name(), "/")
				v.compare(folder+"/"+entry.Name(), original+"/"+inside, m, &c)
			}
		}
	}
	return result{packages: []Package{pkg}, problems: c.all()}
}

// original is the folder of a module in the module cache, "" if it is not there.
func (v *vendored) original(pkg Package) string {
	if v.cache == nil || pkg.Source == lockfile.Folder {
		return ""
	}
	folder, _, err := goPlaces(module.Version{Path: pkg.Name, Version: pkg.Version})
	if err != nil {
		return ""
	}
	if info, err := fs.Stat(v.cache.tree, folder); err != nil || !info.IsDir() {
		return ""
	}
	return folder
}

// compare holds a vendored file against the one of the module cache.
func (v *vendored) compare(file, original string, m vendoredModule, c *complaints) {
	want, err := v.cache.sha256(original)
	if err == errNotThere {
		c.wrong(file, "%s %s has no such file", m.Path, m.Version.Version)
		return
	}
	got, err2 := v.sha256(file)
	switch {
	case err2 != nil:
		c.about(file, m.Path, err2)
	case err != nil:
		c.unread(file, "the file of %s in the module cache %v", m.Path, err)
	case got != want:
		c.wrong(file, "the file is not as %s %s has it", m.Path, m.Version.Version)
	}
}

// foreign finds Go files in folders that modules.txt does not list: modules of before Go
// 1.23 can import them (cmd/go, modload/import.go), and nothing says what they are.
func (v *vendored) foreign() []Problem {
	c := complaints{at: v.disk}
	seen := map[string]bool{}
	err := v.walk("vendor", func(name string, entry fs.DirEntry) {
		folder := path.Dir(name)
		isLink := entry.Type()&fs.ModeSymlink != 0
		if (path.Ext(name) == ".go" || isLink) && v.folders[folder] == "" && !seen[folder] && !ignoredByGo(folder) {
			seen[folder] = true
			c.wrong(name, "modules.txt does not list this package")
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

// goRelease is a release of Go, as its file VERSION begins: "go1.26.8", "go1.27rc1".
var goRelease = regexp.MustCompile(`^go([0-9]+)\.([0-9]+)(?:\.([0-9]+))?(?:(rc|beta|alpha)([0-9]+))?(?:[-+ \n\r].*)?$`)

// GoStdlib tells from its file VERSION which release of Go is installed at goroot. It is
// two packages, as in OSV: the standard library and the toolchain.
func GoStdlib(goroot fs.FS, dir string) Tree {
	t := Tree{Kind: GoToolchain, Path: dir, Ecosystem: "Go"}
	data, err := disk{goroot, dir}.small("VERSION", maxNote)
	if err != nil {
		t.unread("VERSION", "it %v: which release of Go this is cannot be told", err)
		return t
	}
	first, _, _ := strings.Cut(string(data), "\n")
	match := goRelease.FindStringSubmatch(strings.TrimSpace(first))
	if match == nil {
		t.unread("VERSION", "which release of Go this is cannot be told: it names none")
		return t
	}
	version := match[1] + "." + match[2] + "." + match[3]
	if match[3] == "" {
		version += "0"
	}
	if match[4] != "" {
		version += "-" + match[4] + "." + match[5]
	}
	for _, name := range goItself {
		t.Packages = append(t.Packages, Package{Name: name, Version: version, Path: dir})
	}
	return t
}
