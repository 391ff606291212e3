//go:build unix

package safepath

import (
	"errors"
	"io/fs"
	"os"
)

// O_EXCL follows no symbolic link at the end of path (POSIX open).
func createPrivate(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, cause(err)
	}
	if err := keepPrivate(f); err != nil {
		_ = f.Close()
		_ = os.Remove(path)
		return nil, err
	}
	return f, nil
}

// keepPrivate undoes what the umask took away, and looks at what the file system
// has made of it: one without permissions takes any and answers 0777.
func keepPrivate(f *os.File) error {
	_ = f.Chmod(0o600) // what counts is what it looks like now
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Mode().Perm() != 0o600 {
		return errShared
	}
	return nil
}

// linkNew gives the file from a second name, which must be new, and then takes the
// first away.
func linkNew(from, to string) error {
	if err := os.Link(from, to); err != nil {
		return cause(err)
	}
	return os.Remove(from)
}

// cause is an error without the paths, which the caller names.
func cause(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	if link, ok := errors.AsType[*os.LinkError](err); ok {
		return link.Err
	}
	return err
}
