package installed

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"golang.org/x/mod/module"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/shared/pkgzip"
)

// goOriginal is what a vendored module must be like.
type goOriginal struct {
	sum   func(name string) (string, error) // the SHA-256 of a file, or errNotThere
	close func() error                      // of a zip
}

func (v *vendored) close() {
	for _, original := range v.zips {
		original.close()
	}
}

// find looks for a module in the module cache: its folder, or else its zip; or for the
// folder of the project that is in its place.
func (v *vendored) find(m vendoredModule, modcache fs.FS, c *complaints) {
	v.isModule[m.Path] = true
	pkg := v.pkg(m)
	if pkg.Source == lockfile.Folder {
		if folder := path.Clean(m.replaced.Path); fs.ValidPath(folder) {
			v.add(m.Path, v.disk, folder)
		}
		return
	}
	folder, archive, err := goPlaces(module.Version{Path: pkg.Name, Version: pkg.Version})
	if modcache == nil || err != nil {
		return
	}
	cache := disk{modcache, ""}
	if v.add(m.Path, cache, folder) {
		return
	}
	original, ok := v.zips[archive]
	if !ok {
		original, err = zipOriginal(cache, archive, pkg.Name+"@"+pkg.Version+"/")
	}
	switch {
	case err == nil:
		v.zips[archive], v.originals[m.Path] = original, original
	case !errors.Is(err, errNotThere):
		c.unread(path.Join("vendor", m.Path), "it cannot be compared with the zip in the module cache, which %v", err)
	}
}

// add adds a folder as an original, if it is there.
func (v *vendored) add(name string, at disk, folder string) bool {
	if info, err := fs.Stat(at.tree, folder); err != nil || !info.IsDir() {
		return false
	}
	v.originals[name] = goOriginal{
		sum: func(file string) (string, error) { return at.sha256(path.Join(folder, file)) },
	}
	return true
}

// zipOriginal is a module's zip, whose files all have a name that begins with prefix.
func zipOriginal(cache disk, name, prefix string) (goOriginal, error) {
	archive, err := cache.archive(name, pkgzip.MaxModule)
	if err != nil {
		return goOriginal{}, err
	}
	reader, err := pkgzip.Open(archive, archive.size)
	if err == nil {
		err = bounded(reader, pkgzip.MaxModule)
	}
	files := map[string]*zip.File{}
	for i := 0; err == nil && i < len(reader.File); i++ {
		file := strings.TrimPrefix(reader.File[i].Name, prefix)
		if files[file] != nil {
			err = errors.New("has two files of one name")
		}
		files[file] = reader.File[i]
	}
	if err != nil {
		archive.Close()
		return goOriginal{}, err
	}
	return goOriginal{close: archive.Close, sum: func(file string) (string, error) {
		if files[file] == nil {
			return "", errNotThere
		}
		return sumOf(files[file])
	}}, nil
}

func sumOf(f *zip.File) (string, error) {
	from, err := f.Open()
	if err != nil {
		return "", errUnreadable
	}
	defer from.Close()
	digest := sha256.New()
	if _, err := io.Copy(digest, from); err != nil {
		return "", errUnreadable
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}

// unproven says of which modules nothing is there to compare them with.
func (v *vendored) unproven(modules []vendoredModule, t *Tree) {
	var names []string
	all := 0
	for _, m := range modules {
		if len(v.files[m.Path]) == 0 || v.pkg(m).Source == lockfile.Folder {
			continue
		}
		all++
		if _, ok := v.originals[m.Path]; !ok {
			names = append(names, m.Path+" "+m.Version.Version)
		}
	}
	if len(names) > 0 {
		t.unread("", "%s: the module cache does not have it. Run go mod download before, "+
			"or leave installed out of checks", nothingToCompare(names, all))
	}
}

// nothingToCompare words that the files of so many packages were not looked at.
func nothingToCompare(names []string, all int) string {
	const few = 3
	more := ""
	if len(names) > few {
		more = fmt.Sprintf(" and %d more", len(names)-few)
	}
	return fmt.Sprintf("the files of %d of %d packages in it can be compared with nothing (%.300s%s)",
		len(names), all, strings.Join(names[:min(few, len(names))], ", "), more)
}
