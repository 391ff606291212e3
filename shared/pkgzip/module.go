package pkgzip

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

// MaxModule is the most that a module's zip may have, packed and unpacked: the go command
// refuses more (golang.org/x/mod/zip, MaxZipFile).
const MaxModule = 500 << 20

// ModuleHash is the hash that go.sum has of a module's zip: of the sorted list of its
// files with the SHA-256 of each (golang.org/x/mod/sumdb/dirhash, Hash1). It reads
// hostile zips: more than the go command would unpack is refused.
func ModuleHash(file io.ReaderAt, size int64) (string, error) {
	archive, err := Open(file, size)
	if err != nil {
		return "", err
	}
	files := make([]hashedFile, 0, len(archive.File))
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	left := uint64(MaxModule)
	for _, f := range archive.File {
		if strings.Contains(f.Name, "\n") {
			return "", errors.New("a file name in the zip has a line break")
		}
		if f.UncompressedSize64 > left {
			return "", fmt.Errorf("the zip unpacks to more than %d MiB", MaxModule>>20)
		}
		left -= f.UncompressedSize64
		sum, err := hashFile(f, *buffer)
		if err != nil {
			return "", err
		}
		files = append(files, hashedFile{f.Name, sum})
	}
	slices.SortFunc(files, func(a, b hashedFile) int { return strings.Compare(a.name, b.name) })
	digest := sha256.New()
	for i, f := range files {
		// dirhash hashes the last file of a name, an unpacker may take the first.
		if i > 0 && files[i-1].name == f.name {
			return "", errors.New("the zip has two files of one name")
		}
		fmt.Fprintf(digest, "%x  %s\n", f.sum, f.name)
	}
	return "h1:" + base64.StdEncoding.EncodeToString(digest.Sum(nil)), nil
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }}

type hashedFile struct {
	name string
	sum  [sha256.Size]byte
}

// hashFile is the SHA-256 of a file in a zip. It reads no more than
// the size that the zip's directory declares.
func hashFile(f *zip.File, buffer []byte) (sum [sha256.Size]byte, err error) {
	r, err := f.Open()
	if err != nil {
		return sum, errors.New("a file of the zip cannot be opened")
	}
	defer r.Close()
	digest := sha256.New()
	// Hidden from io.CopyBuffer is every method but Read and Write: it shall use the
	// buffer. The declared size was bounded by the caller.
	n, err := io.CopyBuffer(struct{ io.Writer }{digest}, io.LimitReader(r, int64(f.UncompressedSize64)+1), buffer)
	if err != nil || uint64(n) != f.UncompressedSize64 {
		return sum, errors.New("a file of the zip cannot be unpacked")
	}
	return [sha256.Size]byte(digest.Sum(nil)), nil
}
