package vsix

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
)

// maxPart bounds what one part of a package being read may decode to.
const maxPart = 256 << 20

// Diff compares two packages and returns one line for each difference; none means that the files
// are the same, byte for byte.
func Diff(left, right string) ([]string, error) {
	same, err := sameBytes(left, right)
	if err != nil || same {
		return nil, err
	}
	a, err := readParts(left)
	if err != nil {
		return nil, err
	}
	b, err := readParts(right)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(a)) {
		other, ok := b[name]
		switch {
		case !ok:
			lines = append(lines, fmt.Sprintf("%s is only in %s", name, left))
		case !bytes.Equal(a[name], other):
			lines = append(lines, fmt.Sprintf("%s differs: %s and %s", name, digest(a[name]), digest(other)))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b)) {
		if _, ok := a[name]; !ok {
			lines = append(lines, fmt.Sprintf("%s is only in %s", name, right))
		}
	}
	if lines == nil {
		lines = []string{"all parts are the same; their order, times or compression differ"}
	}
	return lines, nil
}

func digest(data []byte) string {
	return fmt.Sprintf("%d bytes, sha256 %x", len(data), sha256.Sum256(data))
}

func sameBytes(left, right string) (bool, error) {
	a, err := os.ReadFile(left)
	if err != nil {
		return false, fmt.Errorf("comparing packages: %w", err)
	}
	b, err := os.ReadFile(right)
	if err != nil {
		return false, fmt.Errorf("comparing packages: %w", err)
	}
	return bytes.Equal(a, b), nil
}

func readParts(path string) (map[string][]byte, error) {
	archive, err := zip.OpenReader(path)
	if err != nil {
		return nil, fmt.Errorf("%s is not a readable package: %w", path, err)
	}
	defer archive.Close()
	parts := map[string][]byte{}
	for _, f := range archive.File {
		data, err := readPart(f)
		if err != nil {
			return nil, fmt.Errorf("%s: part %s: %w", path, f.Name, err)
		}
		parts[f.Name] = data
	}
	return parts, nil
}

func readPart(f *zip.File) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxPart+1))
	if err == nil && len(data) > maxPart {
		err = errors.New("larger than any part of this extension can be")
	}
	return data, err
}
