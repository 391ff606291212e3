package ecosystem

import (
	"archive/zip"
	"errors"
	"io"
	"io/fs"

	"github.com/guardrails-ci/guardrails/shared/pkgzip"
)

// nupkg is a package as it was before it was signed.
type nupkg struct {
	*pkgzip.Nupkg
	io.Closer
}

// openNupkg opens a package and takes its signature out.
func openNupkg(tree fs.FS, name string) (nupkg, error) {
	file, size, err := openAt(tree, name, maxNupkg)
	if err != nil {
		return nupkg{}, err
	}
	unsigned, err := pkgzip.Unsigned(file, size)
	if err != nil {
		file.Close()
		return nupkg{}, err
	}
	return nupkg{unsigned, file}, nil
}

// entry finds the file of the package that is unpacked to name.
func (n nupkg) entry(name, nuspec string) (*zip.File, error) {
	archive, err := n.Open()
	if err != nil {
		return nil, err
	}
	var found *zip.File
	for _, f := range archive.File {
		// NuGet writes the manifest's name in small letters.
		unpacked, _ := pkgzip.UnpackedName(f.Name)
		if unpacked != name && !(pkgzip.IsNuspec(unpacked) && name == nuspec) {
			continue
		}
		if found != nil {
			return nil, errors.New("the package has two files of its name")
		}
		found = f
	}
	if found == nil {
		return nil, notNamed(errors.New("it is not in the package"))
	}
	return found, nil
}

// unpacked are the names of the files that NuGet unpacks, but for the manifest.
func (n nupkg) unpacked() ([]string, error) {
	archive, err := n.Open()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range archive.File {
		if name, ok := pkgzip.UnpackedName(f.Name); ok && !pkgzip.IsNuspec(name) {
			names = append(names, name)
		}
	}
	return names, nil
}
