package installed

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/shared/pkgzip"
)

// NuGet looks into the global packages folder for the packages that the lock file names:
// what each one says that it is, the hash of its .nupkg as lock files have it, and whether
// its unpacked files are those of the .nupkg. NuGet itself only reads the hash that it
// noted down beside them. A package that is not there is left out.
func NuGet(ctx context.Context, packages fs.FS, dir string, list []lockfile.Entry) Tree {
	t := Tree{Kind: NuGetCache, Path: dir, Ecosystem: "NuGet"}
	var folders []string
	for _, entry := range list {
		if entry.Source == lockfile.Registry {
			version, _, _ := strings.Cut(entry.Version, "+") // of builds, which is in no folder's name
			folders = append(folders, strings.ToLower(entry.Name+"/"+version))
		}
	}
	slices.Sort(folders)
	folders = slices.Compact(folders)
	store := nugetStore{disk{packages, dir}}
	t.gather(ctx, len(folders), func(i int) result { return store.look(folders[i]) })
	return t
}

// nugetStore is the global packages folder.
type nugetStore struct{ disk }

// nugetFolder is where a package lies: id/version, in small letters.
var nugetFolder = regexp.MustCompile(`^[0-9a-z_]+(?:[.-][0-9a-z_]+)*/[0-9]+(?:\.[0-9]+){0,3}(?:-[0-9a-z.-]+)?$`)

// look reads one package.
func (s nugetStore) look(folder string) result {
	c := complaints{at: s.disk}
	if !nugetFolder.MatchString(folder) {
		c.unread("", "%.100q is not a package that the folder could have", folder)
		return result{problems: c.all()}
	}
	if _, err := fs.Stat(s.tree, folder); errors.Is(err, fs.ErrNotExist) {
		return result{}
	}
	id, version, _ := strings.Cut(folder, "/")
	manifest := folder + "/" + id + ".nuspec"
	pkg, err := s.manifest(manifest)
	if err != nil {
		c.unread(manifest, "it does not say which package it is: it %v", err)
		pkg = Package{Name: id, Version: version}
	}
	pkg.Key, pkg.Path = folder, path.Join(s.path, folder)
	s.compare(folder, id, version, &pkg, &c)
	return result{[]Package{pkg}, c.all()}
}

// manifest reads who a package is from its .nuspec.
func (s nugetStore) manifest(name string) (Package, error) {
	data, err := s.small(name, maxNote)
	if err != nil {
		return Package{}, err
	}
	type dependency struct {
		ID      string `xml:"id,attr"`
		Version string `xml:"version,attr"`
	}
	var nuspec struct {
		Metadata []struct {
			ID      []string     `xml:"id"`
			Version []string     `xml:"version"`
			Plain   []dependency `xml:"dependencies>dependency"`
			Grouped []dependency `xml:"dependencies>group>dependency"`
		} `xml:"metadata"`
	}
	if err := xml.Unmarshal(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), &nuspec); err != nil {
		return Package{}, errors.New("is not the XML that belongs there")
	}
	if len(nuspec.Metadata) != 1 || len(nuspec.Metadata[0].ID) != 1 || len(nuspec.Metadata[0].Version) != 1 {
		return Package{}, errors.New("has not one id and one version")
	}
	m := nuspec.Metadata[0]
	pkg := Package{Name: strings.TrimSpace(m.ID[0]), Version: nugetNormal(strings.TrimSpace(m.Version[0]))}
	if !nugetFolder.MatchString(strings.ToLower(pkg.Name + "/" + pkg.Version)) {
		return Package{}, errors.New("has an id or a version that none is")
	}
	for _, d := range append(m.Plain, m.Grouped...) {
		// Which group counts depends on the project: any of them may be missing.
		require := lockfile.Require{Name: d.ID, Range: d.Version, Kind: lockfile.Optional, To: -1}
		if !slices.Contains(pkg.Requires, require) {
			pkg.Requires = append(pkg.Requires, require)
		}
	}
	return pkg, nil
}

// nugetNormal is how folders and lock files write a version: three numbers, or four if the
// last is not 0, without leading zeros and without what follows a "+".
func nugetNormal(version string) string {
	version, _, _ = strings.Cut(version, "+")
	numbers, label, labelled := strings.Cut(version, "-")
	parts := strings.Split(numbers, ".")
	for i, part := range parts {
		if parts[i] = strings.TrimLeft(part, "0"); parts[i] == "" && part != "" {
			parts[i] = "0"
		}
	}
	for len(parts) < 3 {
		parts = append(parts, "0")
	}
	if len(parts) == 4 && parts[3] == "0" {
		parts = parts[:3]
	}
	version = strings.Join(parts, ".")
	if labelled {
		version += "-" + label
	}
	return version
}

// compare holds what NuGet unpacked and noted down against the .nupkg.
func (s nugetStore) compare(folder, id, version string, pkg *Package, c *complaints) {
	name := folder + "/" + id + "." + version + ".nupkg"
	noted := s.noted(folder+"/.nupkg.metadata", c)
	archive, err := s.archive(name, maxArchive)
	if err != nil {
		c.unread(name, "the files of %s %s cannot be compared with their package: it %v", id, version, err)
		return
	}
	defer archive.Close()
	unsigned, err := pkgzip.Unsigned(archive, archive.size)
	hash := ""
	if err == nil {
		hash, err = unsigned.Hash()
	}
	if err != nil {
		c.unread(name, "the files of %s %s cannot be compared with their package: %v", id, version, err)
		return
	}
	pkg.Integrity = "sha512-" + hash
	if noted != "" && noted != hash {
		c.wrong(folder+"/.nupkg.metadata", "it has another hash than the package beside it: NuGet would believe it")
	}
	files, err := nupkgFiles(unsigned, id)
	if err != nil {
		c.unread(name, "the package %s %s %v", id, version, err)
		return
	}
	own := []string{".nupkg.metadata", path.Base(name), path.Base(name) + ".sha512", pkgzip.Signature}
	s.compareUnpacked(folder, files, own, c)
}

// noted is the hash that NuGet wrote down, and compares with the lock file's.
func (s nugetStore) noted(name string, c *complaints) string {
	data, err := s.small(name, 64<<10)
	var note struct {
		ContentHash string `json:"contentHash"`
	}
	if err == nil && json.Unmarshal(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), &note) != nil {
		err = errors.New("is not what NuGet writes")
	}
	sum, decodeErr := base64.StdEncoding.DecodeString(note.ContentHash)
	switch {
	case errors.Is(err, errNotThere): // NuGet would install it anew
	case err != nil:
		c.unread(name, "the note of the package's hash %v", err)
	case decodeErr != nil || len(sum) != 64:
		c.wrong(name, "its contentHash is no hash")
	}
	return note.ContentHash
}

// nupkgFiles are the files that NuGet unpacks of a package, by the names that it gives them.
func nupkgFiles(pkg *pkgzip.Nupkg, id string) (map[string]*zip.File, error) {
	archive, err := pkg.Open()
	if err == nil {
		err = bounded(archive, maxArchive)
	}
	if err != nil {
		return nil, err
	}
	files := map[string]*zip.File{}
	for _, f := range archive.File {
		name, ok := pkgzip.UnpackedName(f.Name)
		switch {
		case !ok:
			continue
		case pkgzip.IsNuspec(name):
			name = id + ".nuspec"
		}
		if files[name] != nil {
			return nil, errors.New("has two files of one name")
		}
		files[name] = f
	}
	return files, nil
}

// compareUnpacked compares the files of a folder with those of the package; own are what
// NuGet itself puts beside them.
func (s nugetStore) compareUnpacked(folder string, files map[string]*zip.File, own []string, c *complaints) {
	label := strings.ReplaceAll(folder, "/", " ")
	err := s.walk(folder, func(name string, entry fs.DirEntry) {
		inside := strings.TrimPrefix(name, folder+"/")
		f := files[inside]
		delete(files, inside)
		switch {
		case f == nil && slices.Contains(own, inside):
		case f == nil:
			c.wrong(name, "%s has no such file", label)
		case !entry.Type().IsRegular():
			c.wrong(name, "it is not a file, as it is in %s", label)
		default:
			s.compareFile(name, f, label, c)
		}
	})
	if err != nil {
		c.unread(folder, "the folder %v", err)
	}
	var missing []string
	for name := range files {
		missing = append(missing, name)
	}
	slices.Sort(missing)
	for _, name := range missing {
		c.wrong(folder+"/"+name, "a file of %s is missing", label)
	}
}

func (s nugetStore) compareFile(name string, f *zip.File, label string, c *complaints) {
	packed, err := f.Open()
	if err != nil {
		c.unread(name, "it cannot be unpacked from %s", label)
		return
	}
	defer packed.Close()
	digest := sha256.New()
	if _, err := io.Copy(digest, packed); err != nil {
		c.unread(name, "it cannot be unpacked from %s", label)
		return
	}
	got, err := s.sha256(name)
	if err != nil {
		c.about(name, label, err)
	} else if got != hex.EncodeToString(digest.Sum(nil)) {
		c.wrong(name, "a file of %s was changed after it was installed", label)
	}
}
