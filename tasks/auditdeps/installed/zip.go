package installed

import (
	"archive/zip"
	"errors"
	"io"
	"io/fs"
)

// maxArchive is the largest package that is looked at; nuget.org takes 250 MB.
const maxArchive = 2 << 30

// archived is an open file, to be read anywhere.
type archived struct {
	io.ReaderAt
	fs.File
	size int64
}

// archive opens a file of at most this many bytes, to be read anywhere.
func (d disk) archive(name string, limit int64) (archived, error) {
	file, size, err := d.open(name)
	if err != nil {
		return archived{}, err
	}
	from, ok := file.(io.ReaderAt)
	switch {
	case !ok:
		err = errUnreadable
	case size > limit:
		err = errTooLarge
	}
	if err != nil {
		file.Close()
		return archived{}, err
	}
	return archived{from, file, size}, nil
}

// bounded refuses a zip that says that it unpacks to more. Nobody reads more of a file in
// it than its list says (archive/zip, checksumReader).
func bounded(archive *zip.Reader, limit uint64) error {
	for _, f := range archive.File {
		if f.UncompressedSize64 > limit {
			return errors.New("unpacks to more than any package does")
		}
		limit -= f.UncompressedSize64
	}
	return nil
}
