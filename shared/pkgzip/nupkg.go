package pkgzip

import (
	"archive/zip"
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"
)

// Signature is the file in a package that holds its signatures. The hash of a
// package's contents is that of the package without it, as it was before it was
// signed (NuGet.Client, SignedPackageArchiveUtility): otherwise a signature of the
// registry would change the hash.
const Signature = ".signature.p7s"

// Nupkg is a package of NuGet as it was before it was signed: its hash is what lock files
// have, so nothing that can be read in it is beyond that hash.
type Nupkg struct {
	pieces []piece
	size   int64
}

// piece is a part of the unsigned package.
type piece struct {
	at   int64 // in the unsigned package
	size int64
	from io.ReaderAt
	off  int64 // in from
}

// ReadAt reads the unsigned package.
func (n *Nupkg) ReadAt(p []byte, off int64) (int, error) {
	done := 0
	for _, piece := range n.pieces {
		inside := off + int64(done) - piece.at
		if inside < 0 || inside >= piece.size || done == len(p) {
			continue
		}
		want := min(int64(len(p)-done), piece.size-inside)
		got, err := piece.from.ReadAt(p[done:done+int(want)], piece.off+inside)
		done += got
		if int64(got) < want {
			return done, errors.Join(err, io.ErrUnexpectedEOF)
		}
	}
	if done < len(p) {
		return done, io.EOF
	}
	return done, nil
}

func (n *Nupkg) add(size int64, from io.ReaderAt, off int64) {
	n.pieces = append(n.pieces, piece{n.size, size, from, off})
	n.size += size
}

var errNupkg = errors.New("it is not a package whose parts follow one another without gaps")

// Unsigned takes the signature out of a package. One without is what it is. A signed one
// must be put together in the plainest way, so that all readers see the same in it.
func Unsigned(file io.ReaderAt, size int64) (*Nupkg, error) {
	archive, err := Open(file, size)
	if err != nil {
		return nil, err
	}
	n := &Nupkg{}
	if !slices.ContainsFunc(archive.File, func(f *zip.File) bool { return f.Name == Signature }) {
		n.add(size, file, 0)
		return n, nil
	}
	d, err := readDirectory(file, size)
	if err != nil {
		return nil, err
	}
	record, err := d.findSignature()
	if err != nil {
		return nil, err
	}
	length := d.lengthOf(record)
	if !isPlainSignature(file, record, length) {
		return nil, errNupkg
	}
	n.add(int64(record.offset), file, 0)
	after := int64(record.offset) + length
	n.add(int64(d.start)-after, file, after)
	rest := d.without(record, uint32(length))
	n.add(int64(len(rest)), bytes.NewReader(rest), 0)
	return n, nil
}

// Open reads the list of the package's files.
func (n *Nupkg) Open() (*zip.Reader, error) { return Open(n, n.size) }

// Hash is the SHA-512 of the package, in base64: its contentHash.
func (n *Nupkg) Hash() (string, error) {
	sum := sha512.New()
	if _, err := io.Copy(sum, io.NewSectionReader(n, 0, n.size)); err != nil {
		return "", errors.New("it cannot be read")
	}
	return base64.StdEncoding.EncodeToString(sum.Sum(nil)), nil
}

// UnpackedName is where NuGet puts a file of a package: it takes names for addresses. It
// does not unpack what is its own (PackageHelper.IsPackageFile), or a folder.
func UnpackedName(name string) (unpacked string, ok bool) {
	if unescaped, err := url.PathUnescape(name); err == nil {
		name = unescaped
	}
	name = strings.ReplaceAll(name, `\`, "/")
	lower := strings.ToLower(name)
	own := strings.HasPrefix(lower, "_rels/") || strings.HasPrefix(lower, "package/") ||
		strings.HasPrefix(lower, "[content_types].xml") || strings.HasSuffix(lower, ".nupkg.sha512")
	return name, !own && !strings.HasSuffix(name, "/") && name != Signature
}

// IsNuspec reports whether an unpacked file is the package's manifest, which NuGet gives
// another name.
func IsNuspec(name string) bool {
	return !strings.Contains(name, "/") && strings.HasSuffix(strings.ToLower(name), ".nuspec")
}
