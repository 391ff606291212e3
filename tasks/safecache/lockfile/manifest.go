package lockfile

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
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

// arrange sorts what was found and drops what was found twice.
func arrange(lock *Lock) {
	slices.SortFunc(lock.Packages, func(a, b Package) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version), cmp.Compare(a.URL, b.URL),
			slices.Compare(a.Integrity, b.Integrity))
	})
	lock.Packages = slices.CompactFunc(lock.Packages, func(a, b Package) bool {
		return a.Name == b.Name && a.Version == b.Version && a.URL == b.URL && slices.Equal(a.Integrity, b.Integrity)
	})
	slices.Sort(lock.Unproven)
	lock.Unproven = slices.Compact(lock.Unproven)
}
