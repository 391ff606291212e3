package ecosystem

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/guardrails-ci/guardrails/tasks/safecache/claim"
)

// sameHash is nil if the hashes are the same, and else says what was expected.
func sameHash(want, got string) error {
	if got == want {
		return nil
	}
	return fmt.Errorf("expected %s, found %s", want, got)
}

// notNamed says that a file is none that a lock file names, and why.
func notNamed(why error) error {
	if why == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", claim.ErrNotNamed, why)
}

// readSmall reads a file of a download cache that must not be larger than limit.
func readSmall(tree fs.FS, name string, limit int64) ([]byte, error) {
	file, err := tree.Open(name)
	if err != nil {
		return nil, errors.New("it cannot be opened")
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, errors.New("it cannot be read")
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("it is larger than %d bytes", limit)
	}
	return data, nil
}

// openFile is a file of a download cache, to be read anywhere.
type openFile struct {
	io.ReaderAt
	io.Closer
}

// openAt opens a file of a download cache that must not be larger than limit, and
// returns its size.
func openAt(tree fs.FS, name string, limit int64) (openFile, int64, error) {
	file, err := tree.Open(name)
	if err != nil {
		return openFile{}, 0, errors.New("it cannot be opened")
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		file.Close()
		return openFile{}, 0, errors.New("it is not a file")
	}
	if info.Size() > limit {
		file.Close()
		return openFile{}, 0, fmt.Errorf("it is larger than %d MiB", limit>>20)
	}
	if at, ok := file.(io.ReaderAt); ok {
		return openFile{at, file}, info.Size(), nil
	}
	file.Close()
	data, err := readSmall(tree, name, limit)
	if err != nil {
		return openFile{}, 0, err
	}
	return openFile{bytes.NewReader(data), io.NopCloser(nil)}, int64(len(data)), nil
}

// env returns an environment variable of the machine, empty if it is not set.
func (h Host) env(name string) string {
	value, _ := h.Lookup(name)
	return value
}

// join makes a path of the machine, whose separator need not be this one's.
func (h Host) join(elements ...string) string {
	separator := "/"
	if h.OS == "windows" {
		separator = `\`
	}
	elements[0] = strings.TrimRight(elements[0], "/"+separator)
	return strings.Join(elements, separator)
}
