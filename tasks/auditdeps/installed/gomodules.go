package installed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/shared/pkgzip"
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
	sum, err := dirhash.Hash1(files, func(name string) (io.ReadCloser, error) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		file, _, err := cache.open(folder + "/" + strings.TrimPrefix(name, prefix))
		return file, err
	})
	if err != nil {
		return "", errors.New("has a file that cannot be read")
	}
	return sum, nil
}

// hashGoZip is the h1 of a module's zip.
func hashGoZip(_ context.Context, cache disk, name, _ string) (string, error) {
	archive, err := cache.archive(name, pkgzip.MaxModule)
	if err != nil {
		return "", err
	}
	defer archive.Close()
	sum, err := pkgzip.ModuleHash(archive, archive.size)
	if err != nil {
		return "", fmt.Errorf("cannot be hashed: %w", err)
	}
	return sum, nil
}
