package vsix

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"fmt"
	"hash/crc32"
	"io"
	"path"
	"strings"
)

// Size is how many bytes a part takes in the package.
type Size struct {
	Name  string
	Bytes int64
}

// compressed are the file extensions of parts that deflate would only make larger.
var compressed = map[string]bool{".br": true, ".png": true}

// Write writes the package and returns what each part takes in it.
func Write(w io.Writer, parts []Part) ([]Size, error) {
	archive := zip.NewWriter(w)
	sizes := make([]Size, 0, len(parts))
	for _, p := range parts {
		size, err := writePart(archive, p)
		if err != nil {
			return nil, fmt.Errorf("writing part %s: %w", p.Name, err)
		}
		sizes = append(sizes, Size{p.Name, size})
	}
	if err := archive.Close(); err != nil {
		return nil, fmt.Errorf("writing the package: %w", err)
	}
	return sizes, nil
}

// newYear1980 is 1980-01-01, the first day a zip file can name, as its date field.
const newYear1980 = 1<<5 | 1

// writePart uses CreateRaw, for the sizes then stand before the data, as in tfx-cli's packages, and
// not in a descriptor behind it; and nothing is added about times and modes.
func writePart(archive *zip.Writer, p Part) (int64, error) {
	method, data := zip.Store, p.Data
	if !compressed[strings.ToLower(path.Ext(p.Name))] {
		var err error
		if method, data, err = deflate(p.Data); err != nil {
			return 0, err
		}
	}
	w, err := archive.CreateRaw(&zip.FileHeader{
		Name:               p.Name,
		Method:             method,
		CreatorVersion:     20, // 2.0, on FAT
		ReaderVersion:      20,
		ModifiedDate:       newYear1980, //lint:ignore SA1019 CreateRaw writes this field, and not Modified
		CRC32:              crc32.ChecksumIEEE(p.Data),
		CompressedSize64:   uint64(len(data)),
		UncompressedSize64: uint64(len(p.Data)),
	})
	if err != nil {
		return 0, err
	}
	n, err := w.Write(data)
	return int64(n), err
}

func deflate(data []byte) (method uint16, out []byte, err error) {
	var buffer bytes.Buffer
	w, err := flate.NewWriter(&buffer, flate.BestCompression)
	if err != nil {
		return 0, nil, err
	}
	if _, err := w.Write(data); err != nil {
		return 0, nil, err
	}
	if err := w.Close(); err != nil {
		return 0, nil, err
	}
	if buffer.Len() >= len(data) {
		return zip.Store, data, nil
	}
	return zip.Deflate, buffer.Bytes(), nil
}
