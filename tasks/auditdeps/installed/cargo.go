package installed

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
)

// CargoRegistry looks into CARGO_HOME/registry for the crates that Cargo.lock names: the
// downloaded archives, and what Cargo unpacked of them to registry/src and compiles,
// which it never looks at again (`cargo build --locked` takes changed sources). A crate
// that is in neither is left out. Checkouts from git have no hash that would prove them.
func CargoRegistry(ctx context.Context, cargoHome fs.FS, dir string, list []lockfile.Entry) Tree {
	t := Tree{Kind: CargoCache, Path: dir, Ecosystem: "crates.io"}
	home := cargoHomeDir{disk: disk{cargoHome, dir}}
	home.registries(&t)
	var crates []lockfile.Entry
	for _, entry := range list {
		if entry.Source == lockfile.Registry {
			crates = append(crates, entry)
		}
	}
	t.gather(ctx, len(crates), func(i int) result { return home.look(ctx, crates[i]) })
	return t
}

// cargoHomeDir is CARGO_HOME.
type cargoHomeDir struct {
	disk
	names []string // of the folders of registries: "index.crates.io-1949cf8c6b5b557f"
}

// registries lists the folders of registries, of which each has crates of its own.
func (h *cargoHomeDir) registries(t *Tree) {
	for _, folder := range []string{"registry/cache", "registry/src"} {
		entries, err := fs.ReadDir(h.tree, folder)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.unread(folder, "the folder cannot be read")
		}
		for _, entry := range entries {
			if !slices.Contains(h.names, entry.Name()) {
				h.names = append(h.names, entry.Name())
			}
		}
	}
}

// look looks at a crate in all registries.
func (h *cargoHomeDir) look(ctx context.Context, entry lockfile.Entry) result {
	c := complaints{at: h.disk}
	var r result
	name := entry.Name + "-" + entry.Version
	if strings.Contains(name, "/") || !fs.ValidPath(name) {
		c.unread("", "%.100q is not a crate that the cache could have", name)
	}
	for _, registry := range h.names {
		if ctx.Err() != nil || len(c.list) > 0 && c.list[0].Path == h.path {
			break
		}
		archive, source := "registry/cache/"+registry+"/"+name+".crate", "registry/src/"+registry+"/"+name
		pkg := Package{Name: entry.Name, Version: entry.Version, Path: path.Join(h.path, archive)}
		sum, err := h.sha256(archive)
		switch {
		case err == nil:
			pkg.Integrity = "sha256:" + sum
		case !errors.Is(err, errNotThere):
			c.unread(archive, "the archive of %s %s %v", entry.Name, entry.Version, err)
		}
		unpacked := false
		if _, statErr := fs.Stat(h.tree, source); !errors.Is(statErr, fs.ErrNotExist) {
			unpacked, pkg.Path = true, path.Join(h.path, source)
			h.compare(archive, source, pkg, &c)
		}
		if pkg.Integrity != "" || unpacked {
			r.packages = append(r.packages, pkg)
		}
	}
	r.problems = c.all()
	return r
}

// compare holds what was unpacked of a crate against its archive.
func (h *cargoHomeDir) compare(archive, source string, pkg Package, c *complaints) {
	files, err := h.crateFiles(archive, pkg.Name+"-"+pkg.Version)
	if err != nil {
		c.unread(source, "what was unpacked of %s %s cannot be compared with its archive, which %v",
			pkg.Name, pkg.Version, err)
		return
	}
	h.compareFolder(source, pkg, files, c)
	for _, file := range slices.Sorted(keys(files)) {
		c.wrong(source+"/"+file, "a file of %s %s is missing", pkg.Name, pkg.Version)
	}
}

// compareFolder holds the files of a folder against the hashes that they must have, which
// it removes from files.
func (d disk) compareFolder(folder string, pkg Package, files map[string]string, c *complaints) {
	err := d.walk(folder, func(name string, entry fs.DirEntry) {
		inside := strings.TrimPrefix(name, folder+"/")
		want, known := files[inside]
		delete(files, inside)
		switch {
		case inside == ".cargo-ok" || inside == cargoChecksums: // Cargo's own
		case !known:
			c.wrong(name, "%s %s has no such file", pkg.Name, pkg.Version)
		case !entry.Type().IsRegular():
			c.wrong(name, "it is not a file, as it is in %s %s", pkg.Name, pkg.Version)
		default:
			got, err := d.sha256(name)
			if err != nil {
				c.about(name, pkg.Name, err)
			} else if got != want {
				c.wrong(name, "a file of %s %s was changed after it was installed", pkg.Name, pkg.Version)
			}
		}
	})
	if err != nil {
		c.unread(folder, "the folder of %s %s %v", pkg.Name, pkg.Version, err)
	}
}

const (
	// maxCrate and maxCrateUnpacked are far above what crates.io takes, and what Cargo
	// unpacks (cargo's MAX_UNPACK_SIZE).
	maxCrate         = 512 << 20
	maxCrateUnpacked = 512 << 20
)

var errNoCrate = errors.New("is not an archive of a crate, or none of that size")

// crateFiles are the hashes of the files in a crate's archive, by their names below its
// only folder.
func (d disk) crateFiles(archive, folder string) (map[string]string, error) {
	file, size, err := d.open(archive)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil || size > maxCrate {
		return nil, errNoCrate
	}
	bounded := &io.LimitedReader{R: unzipped, N: maxCrateUnpacked}
	files := map[string]string{}
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	for reader := tar.NewReader(bounded); ; {
		header, err := reader.Next()
		switch {
		case err == io.EOF:
			return files, nil
		case err != nil || bounded.N <= 0 || len(files) > maxFiles:
			return nil, errNoCrate
		case header.Typeflag == tar.TypeDir:
			continue
		}
		name, ok := inCrate(header, folder)
		if _, twice := files[name]; twice || !ok {
			return nil, errNoCrate
		}
		digest := sha256.New()
		if _, err := io.CopyBuffer(digest, struct{ io.Reader }{reader}, *buffer); err != nil {
			return nil, errNoCrate
		}
		files[name] = hex.EncodeToString(digest.Sum(nil))
	}
}

// inCrate is the name of a file below the only folder of an archive.
func inCrate(header *tar.Header, folder string) (string, bool) {
	name, inside := strings.CutPrefix(path.Clean(header.Name), folder+"/")
	return name, inside && header.Typeflag == tar.TypeReg
}

func keys(files map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for name := range files {
			if !yield(name) {
				return
			}
		}
	}
}
