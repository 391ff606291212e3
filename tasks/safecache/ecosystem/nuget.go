package ecosystem

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"sync"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/shared/pkgzip"
	"github.com/guardrails-ci/guardrails/tasks/safecache/claim"
)

// nuget keeps the global packages folder, in which each package lies as it was
// downloaded and unpacked. NuGet compares only hashes that it wrote down there
// itself: whoever changes the files changes the builds. So the package is held
// against the lock file, and every unpacked file against the package.
//
// Not kept: what is in a package's folder and not in the package, the unpacked
// signature (which the hash in the lock file leaves out, and no restore needs), and
// NuGet's other caches.
var nuget = Ecosystem{
	Name:   "nuget",
	Locks:  []string{"packages.lock.json", "packages.*.lock.json"},
	Folder: nugetFolder,
	Tool:   []string{"dotnet", "--version"},
	Next:   "dotnet restore --locked-mode",
	Plan:   nugetPlan,
}

func nugetFolder(h Host) string {
	if folder := h.env("NUGET_PACKAGES"); folder != "" {
		return folder
	}
	return h.join(h.Home, ".nuget", "packages")
}

// nugetPackage is one package of the global packages folder.
type nugetPackage struct {
	archive string // the name of its .nupkg, below its folder
	hash    string // of its contents, base64 of a SHA-512, from the lock file
}

// nugetPlan claims the folders of the packages that the lock files name.
func nugetPlan(locks []lockfile.Lock) Plan {
	hashes := hashesByFile{}
	for _, lock := range locks {
		for _, p := range lock.Packages {
			if len(p.Integrity) == 1 {
				hashes.add(p.Name+"/"+p.Version, strings.TrimPrefix(p.Integrity[0], "sha512-"))
			}
		}
	}
	return Plan{Claims: func(name string) (claim.Claim, bool) {
		id, rest, _ := strings.Cut(name, "/")
		version, file, _ := strings.Cut(rest, "/")
		hash := hashes[id+"/"+version]
		if hash == "" || file == "" {
			return claim.Claim{}, false
		}
		return nugetPackage{id + "." + version + ".nupkg", hash}.claim(id, file)
	}}
}

// claim is the claim about a file of the package's folder. Its ID tells the package
// and the file, so that it means the same contents wherever it is met.
func (p nugetPackage) claim(id, file string) (claim.Claim, bool) {
	c := claim.Claim{ID: file + " of sha512-" + p.hash, Maybe: true}
	switch file {
	case p.archive:
		c.Maybe = false
		c.Deep = p.checkArchive
	case p.archive + ".sha512":
		c.Deep = p.checkHashFile
	case ".nupkg.metadata":
		c.Deep = func(tree fs.FS, name string) error {
			if err := p.checkMetadata(tree, name); err != nil {
				return err
			}
			return notNamed(p.checkWhole(tree, strings.TrimSuffix(name, file)))
		}
	case pkgzip.Signature:
		return claim.Claim{}, false
	default:
		c.Deep = func(tree fs.FS, name string) error {
			folder := strings.TrimSuffix(name, file)
			return p.checkUnpacked(tree, folder, file, id+".nuspec")
		}
	}
	return c, true
}

// checkArchive holds the package against the lock file.
func (p nugetPackage) checkArchive(tree fs.FS, name string) error {
	archive, err := openNupkg(tree, name)
	if err != nil {
		return err
	}
	defer archive.Close()
	got, err := archive.Hash()
	if err != nil {
		return err
	}
	return sameHash("contentHash "+p.hash, "contentHash "+got)
}

const (
	// maxNupkg is the largest package that is checked; nuget.org takes 250 MB.
	maxNupkg = 2 << 30
	// maxNupkgNote bounds the small files that NuGet writes beside a package.
	maxNupkgNote = 4 << 10
)

// checkHashFile compares the hash that NuGet wrote down of the package file.
func (p nugetPackage) checkHashFile(tree fs.FS, name string) error {
	got, err := readSmall(tree, name, maxNupkgNote)
	if err != nil {
		return err
	}
	file, size, err := openAt(tree, path.Dir(name)+"/"+p.archive, maxNupkg)
	if err != nil {
		return notNamed(errors.New("the package is not beside it"))
	}
	defer file.Close()
	sum := sha512.New()
	if _, err := io.Copy(sum, io.NewSectionReader(file, 0, size)); err != nil {
		return errors.New("the package beside it cannot be read")
	}
	return sameHash(base64.StdEncoding.EncodeToString(sum.Sum(nil)), string(got))
}

// checkMetadata looks into .nupkg.metadata, whose hash NuGet compares with the lock
// file instead of the package. Where the package came from is not proven; NuGet
// only shows it.
func (p nugetPackage) checkMetadata(tree fs.FS, name string) error {
	data, err := readSmall(tree, name, maxNupkgNote)
	if err != nil {
		return err
	}
	var note struct {
		Version     int    `json:"version"`
		ContentHash string `json:"contentHash"`
		Source      string `json:"source"`
	}
	decoder := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&note); err != nil || decoder.More() {
		return notNamed(errors.New("it is not what NuGet writes"))
	}
	// A field that is there twice is read differently by different readers.
	if bytes.Count(bytes.ToLower(data), []byte(`"contenthash"`)) != 1 {
		return notNamed(errors.New("it has not one contentHash"))
	}
	return sameHash("contentHash "+p.hash, "contentHash "+note.ContentHash)
}

// checkWhole looks for everything that NuGet unpacks of the package. To NuGet, a
// folder with .nupkg.metadata is an installed package, also if files are missing:
// builds would do without its analyzers or targets, and nobody would be told.
// Without that note NuGet installs the package anew.
func (p nugetPackage) checkWhole(tree fs.FS, folder string) error {
	archive, err := openNupkg(tree, folder+p.archive)
	if err != nil {
		return errors.New("the package is not beside it")
	}
	defer archive.Close()
	names, err := archive.unpacked()
	if err != nil {
		return err
	}
	for _, name := range names {
		if info, err := fs.Stat(tree, folder+name); err != nil || !info.Mode().IsRegular() {
			return fmt.Errorf("%.100q of the package is missing", name)
		}
	}
	return nil
}

// checkUnpacked compares a file with the one of that name in the package beside it,
// which has a claim of its own.
func (p nugetPackage) checkUnpacked(tree fs.FS, folder, name, nuspec string) error {
	archive, err := openNupkg(tree, folder+p.archive)
	if err != nil {
		return notNamed(errors.New("the package beside it cannot be read"))
	}
	defer archive.Close()
	entry, err := archive.entry(name, nuspec)
	if err != nil {
		return err
	}
	file, size, err := openAt(tree, folder+name, maxNupkg)
	if err != nil {
		return err
	}
	defer file.Close()
	if uint64(size) != entry.UncompressedSize64 {
		return errors.New("it is not as large as in the package")
	}
	packed, err := entry.Open()
	if err != nil {
		return errors.New("it cannot be unpacked from the package")
	}
	defer packed.Close()
	return sameContents(packed, io.NewSectionReader(file, 0, size))
}

var compared = sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }}

// sameContents compares an unpacked file with what the package has.
func sameContents(packed, file io.Reader) error {
	buffers := compared.Get().(*[]byte)
	defer compared.Put(buffers)
	half := len(*buffers) / 2
	a, b := (*buffers)[:half], (*buffers)[half:]
	for {
		n, err := io.ReadFull(file, a)
		m, packedErr := io.ReadFull(packed, b)
		if n != m || !bytes.Equal(a[:n], b[:m]) {
			return errors.New("it is not as in the package")
		}
		switch {
		case packedErr == io.EOF || packedErr == io.ErrUnexpectedEOF:
			return nil // and the file ended there, too
		case err != nil || packedErr != nil:
			return errors.New("it cannot be compared with the package")
		}
	}
}
