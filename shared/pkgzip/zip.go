// Package pkgzip reads the zip files that packages come in, and hashes what lock files
// have hashes of: modules of Go, and packages of NuGet without their signatures. The files
// can be anybody's: what is read is bounded, and what could be read in two ways is refused.
package pkgzip

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
)

// maxDirectory bounds the list of files of a zip, at about 100 bytes each.
const maxDirectory = 32 << 20

// Open reads a zip's list of files. It unpacks with a faster decompressor than the standard
// library's: unpacking is nearly all of what checking a module costs.
func Open(file io.ReaderAt, size int64) (*zip.Reader, error) {
	directory := &boundedReaderAt{file: file, left: maxDirectory}
	archive, err := zip.NewReader(directory, size)
	if directory.left < 0 {
		return nil, fmt.Errorf("the zip's list of files is larger than %d MiB", maxDirectory>>20)
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

var inflaters sync.Pool

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
