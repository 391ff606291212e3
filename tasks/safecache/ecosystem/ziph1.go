package ecosystem

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

	"github.com/klauspost/compress/flate"
)

const (
	// maxModuleZip is the most that a module's zip may have, packed and unpacked:
	// the go command refuses more (golang.org/x/mod/zip, MaxZipFile).
	maxModuleZip = 500 << 20
	// maxZipDirectory bounds the list of files of a zip, at about 100 bytes each.
	maxZipDirectory = 32 << 20
)

// zipH1 is the hash that go.sum has of a module's zip: of the sorted list of its
// files with the SHA-256 of each (golang.org/x/mod/sumdb/dirhash, Hash1). It reads
// hostile zips: more than the go command would unpack is refused.
func zipH1(file io.ReaderAt, size int64) (string, error) {
	archive, err := openZip(file, size)
	if err != nil {
		return "", err
	}
	files := make([]hashedFile, 0, len(archive.File))
	buffer := zipBuffers.Get().(*[]byte)
	defer zipBuffers.Put(buffer)
	left := uint64(maxModuleZip)
	for _, f := range archive.File {
		if strings.Contains(f.Name, "\n") {
			return "", errors.New("a file name in the zip has a line break")
		}
		if f.UncompressedSize64 > left {
			return "", fmt.Errorf("the zip unpacks to more than %d MiB", maxModuleZip>>20)
		}
		left -= f.UncompressedSize64
		sum, err := hashZipEntry(f, *buffer)
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
	return h1Text(digest.Sum(nil)), nil
}

type hashedFile struct {
	name string
	sum  [sha256.Size]byte
}

func h1Text(sum []byte) string { return "h1:" + base64.StdEncoding.EncodeToString(sum) }

// hashZipEntry is the SHA-256 of a file in a zip. It reads no more than
// the size that the zip's directory declares.
func hashZipEntry(f *zip.File, buffer []byte) (sum [sha256.Size]byte, err error) {
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

// openZip reads a zip's directory, with a faster decompressor than the standard
// library's: unpacking is nearly all of what checking a module costs.
func openZip(file io.ReaderAt, size int64) (*zip.Reader, error) {
	directory := &boundedReaderAt{file: file, left: maxZipDirectory}
	archive, err := zip.NewReader(directory, size)
	if directory.left < 0 {
		return nil, fmt.Errorf("the zip's list of files is larger than %d MiB", maxZipDirectory>>20)
	}
	if err != nil {
		return nil, errors.New("it is not a zip file")
	}
	directory.done = true // from here on files are read, each with a bound of its own
	archive.RegisterDecompressor(zip.Deflate, newInflater)
	return archive, nil
}

// boundedReaderAt stops the reading of a zip's directory at a bound, which
// archive/zip itself does not have.
type boundedReaderAt struct {
	file io.ReaderAt
	left int64
	done bool // the directory was read
}

func (b *boundedReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if !b.done {
		if b.left -= int64(len(p)); b.left < 0 {
			return 0, io.ErrUnexpectedEOF
		}
	}
	return b.file.ReadAt(p, off)
}

var (
	inflaters  sync.Pool
	zipBuffers = sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }}
)

// inflater gives its decompressor back for the next file when it is closed.
type inflater struct{ io.ReadCloser }

func newInflater(r io.Reader) io.ReadCloser {
	if used, ok := inflaters.Get().(io.ReadCloser); ok {
		if used.(flate.Resetter).Reset(r, nil) == nil {
			return &inflater{used}
		}
	}
	return &inflater{flate.NewReader(r)}
}

func (i *inflater) Close() error {
	if i.ReadCloser == nil {
		return nil
	}
	err := i.ReadCloser.Close()
	inflaters.Put(i.ReadCloser)
	i.ReadCloser = nil
	return err
}
