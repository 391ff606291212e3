package installed

import (
	"archive/zip"
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
)

// GoModules hashes what the module cache (GOMODCACHE) has of the build list: the
// extracted folder of each module, which the go command never checks again, and its zip,
// of which it believes what the file beside it says. A module of which there is neither
// is left out: not every module of a build list is needed.
func GoModules(ctx context.Context, modcache fs.FS, dir string, list []lockfile.Entry) Tree {
	t := Tree{Kind: GoModuleCache, Path: dir, Ecosystem: "Go"}
	var modules []lockfile.Entry
	for _, entry := range list {
		if entry.Source == lockfile.Registry && !slices.Contains(goItself, entry.Name) {
			modules = append(modules, entry)
		}
	}
	cache := disk{modcache, dir}
	t.gather(ctx, len(modules), func(i int) result {
		return goModule(ctx, cache, module.Version{Path: modules[i].Name, Version: modules[i].Version})
	})
	return t
}

// goItself are the packages of the Go release (in OSV and in go.mod), which no module
// cache has.
var goItself = []string{"stdlib", "toolchain"}

// goModule hashes the folder and the zip of one module.
func goModule(ctx context.Context, cache disk, mod module.Version) result {
	c := complaints{at: cache}
	folder, archive, err := goPlaces(mod)
	if err != nil {
		c.unread("", "%.100s %.100s is not a module that the cache could have", mod.Path, mod.Version)
		return result{problems: c.all()}
	}
	var r result
	for _, place := range []string{folder, archive} {
		hash := hashGoFolder
		if place == archive {
			hash = hashGoZip
		}
		h1, err := hash(ctx, cache, place, mod.Path+"@"+mod.Version+"/")
		switch {
		case errors.Is(err, errNotThere) || ctx.Err() != nil:
		case err != nil:
			c.unread(place, "%s %s %v", mod.Path, mod.Version, err)
		default:
			r.packages = append(r.packages,
				Package{Name: mod.Path, Version: mod.Version, Path: path.Join(cache.path, place), Integrity: h1})
		}
	}
	r.problems = c.all()
	return r
}

// goPlaces are where the cache has a module.
func goPlaces(mod module.Version) (folder, archive string, err error) {
	if err := module.Check(mod.Path, mod.Version); err != nil {
		return "", "", err
	}
	escaped, err := module.EscapePath(mod.Path)
	if err != nil {
		return "", "", err
	}
	version, err := module.EscapeVersion(mod.Version)
	if err != nil {
		return "", "", err
	}
	return escaped + "@" + version, "cache/download/" + escaped + "/@v/" + version + ".zip", nil
}

// hashGoFolder is the h1 of an extracted module. Its files are not more than those of a zip.
func hashGoFolder(ctx context.Context, cache disk, folder, prefix string) (string, error) {
	if info, err := fs.Stat(cache.tree, folder); err != nil || !info.IsDir() {
		if errors.Is(err, fs.ErrNotExist) {
			return "", errNotThere
		}
		return "", errUnreadable
	}
	var files []string
	link := false
	err := cache.walk(folder, func(name string, entry fs.DirEntry) {
		files = append(files, prefix+strings.TrimPrefix(name, folder+"/"))
		link = link || !entry.Type().IsRegular()
	})
	switch {
	case err != nil:
		return "", err
	case link:
		return "", errors.New("has something that is not a file, which no module has")
	}
	return hashAll(ctx, files, func(name string) (io.ReadCloser, error) {
		file, _, err := cache.open(folder + "/" + strings.TrimPrefix(name, prefix))
		return file, err
	})
}

// hashAll is the h1 of files, as go.sum has it.
func hashAll(ctx context.Context, files []string, open func(string) (io.ReadCloser, error)) (string, error) {
	sum, err := dirhash.Hash1(files, func(name string) (io.ReadCloser, error) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return open(name)
	})
	if err != nil {
		return "", errors.New("has a file that cannot be read")
	}
	return sum, nil
}

const (
	// maxModule is the most that a module may have, packed and unpacked: the go command
	// refuses more (golang.org/x/mod/zip, MaxZipFile).
	maxModule = 500 << 20
	// maxZipDirectory bounds the list of files of a zip, at about 100 bytes each.
	maxZipDirectory = 32 << 20
)

// hashGoZip is the h1 of a module's zip.
func hashGoZip(ctx context.Context, cache disk, name, _ string) (string, error) {
	archive, err := cache.zip(name, maxModule, maxModule)
	if err != nil {
		return "", err
	}
	defer archive.Close()
	files, byName := make([]string, 0, len(archive.File)), make(map[string]*zip.File, len(archive.File))
	for _, f := range archive.File {
		if byName[f.Name] != nil {
			return "", errors.New("is a zip with two files of one name")
		}
		files, byName[f.Name] = append(files, f.Name), f
	}
	return hashAll(ctx, files, func(name string) (io.ReadCloser, error) { return byName[name].Open() })
}
