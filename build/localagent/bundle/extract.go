package bundle

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Extract unpacks the task into dir, which must not exist yet. Files become
// 0644: packages carry no executable bit, and a task that relies on one works
// from a folder but not from the marketplace. When it fails, dir is gone.
func (t *Task) Extract(dir string) error {
	if err := t.extract(dir); err != nil {
		return errors.Join(fmt.Errorf("unpacking task %s %s: %w", t.Name, t.Version, err), os.RemoveAll(dir))
	}
	return nil
}

func (t *Task) extract(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return fs.WalkDir(t.files, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name == ".":
			return nil
		case entry.IsDir():
			return root.Mkdir(filepath.FromSlash(name), 0o755)
		default:
			return t.copyFile(root, name)
		}
	})
}

// Open opens one of the task's files as it was packed, by its name with slashes.
func (t *Task) Open(name string) (fs.File, error) {
	f, err := t.files.Open(name)
	if err != nil {
		return nil, fmt.Errorf("opening %s of task %s: %w", name, t.Name, cause(err))
	}
	return f, nil
}

// copyFile follows a link to a file, as packers do (node_modules/.bin is full
// of them); where the link leaves the folder the bundle was opened with, opening
// it fails.
func (t *Task) copyFile(root *os.Root, name string) error {
	in, err := t.files.Open(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, cause(err))
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return fmt.Errorf("%s: %w", name, cause(err))
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file: a package cannot hold it", name)
	}
	out, err := root.OpenFile(filepath.FromSlash(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	// Reading to the end also verifies a zip entry's size and checksum.
	if _, err := io.Copy(out, in); err != nil {
		return errors.Join(fmt.Errorf("%s: %w", name, cause(err)), out.Close())
	}
	return out.Close()
}
