package lockfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// maxManifest is the largest manifest that is compared with a lock file.
const maxManifest = 16 << 20

// manifest returns the contents of a file beside a lock file, and nil if there is
// no such file, or if its name leads out of the tree.
func manifest(tree fs.FS, name string) ([]byte, error) {
	if !fs.ValidPath(name) {
		return nil, nil
	}
	file, err := tree.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && !info.Mode().IsRegular() {
		return nil, nil
	}
	data, err := io.ReadAll(io.LimitReader(file, maxManifest+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if len(data) > maxManifest {
		return nil, &FormatError{name, fmt.Sprintf("it is larger than %d MiB", maxManifest>>20)}
	}
	return data, nil
}

// malformed is a FormatError about the lock file.
func malformed(lock *Lock, format string, args ...any) error {
	return &FormatError{lock.Path, fmt.Sprintf(format, args...)}
}
