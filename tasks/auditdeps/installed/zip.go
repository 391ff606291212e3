package installed

import (
	"archive/zip"
	"errors"
	"io"
	"io/fs"
)

// archived is an open zip.
type archived struct {
	*zip.Reader
	from io.ReaderAt
	size int64
	file fs.File
}

// Close closes the file.
func (a archived) Close() error { return a.file.Close() }

var errNoZip = errors.New("is not a zip file, or none of that size")

// zip opens a zip of at most this many bytes, which says that it unpacks to at most that
// many. Nobody reads more of a file in it than its list says (archive/zip, checksumReader).
func (d disk) zip(name string, packed, unpacked uint64) (archived, error) {
	file, size, err := d.open(name)
	if err != nil {
		return archived{}, err
	}
	from, ok := file.(io.ReaderAt)
	if !ok || uint64(size) > packed {
		file.Close()
		return archived{}, errNoZip
	}
	directory := &boundedReaderAt{from: from, left: maxZipDirectory}
	reader, err := zip.NewReader(directory, size)
	directory.done = true // from here on files are read, each with a bound of its own
	if err == nil {
		for _, f := range reader.File {
			if f.UncompressedSize64 > unpacked {
				err = errNoZip
				break
			}
			unpacked -= f.UncompressedSize64
		}
	}
	if err != nil {
		file.Close()
		return archived{}, errNoZip
	}
	return archived{reader, from, size, file}, nil
}

// boundedReaderAt stops the reading of a zip's list of files at a bound, which
// archive/zip itself does not have.
type boundedReaderAt struct {
	from io.ReaderAt
	left int64
	done bool // the list was read
}

// ReadAt reads until the bound is reached.
func (b *boundedReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if !b.done {
		if b.left -= int64(len(p)); b.left < 0 {
			return 0, io.ErrUnexpectedEOF
		}
	}
	return b.from.ReadAt(p, off)
}
