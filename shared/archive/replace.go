package archive

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Sweep deletes what an Unpack to dst left behind that was killed: the folders
// beside dst that it makes, if they have not changed since before. What cannot be
// deleted stays; the next sweep tries again.
func Sweep(dst string, before time.Time) {
	beside, _ := os.ReadDir(filepath.Dir(dst))
	for _, entry := range beside {
		info, err := entry.Info()
		if err == nil && entry.IsDir() && strings.HasPrefix(entry.Name(), filepath.Base(dst)+stageMark) &&
			info.ModTime().Before(before) {
			_ = remove(filepath.Join(filepath.Dir(dst), entry.Name()))
		}
	}
}

// replace puts the folder stage in the place of dst. Two renames are as close to
// one step as a folder that is not empty allows; between them dst is missing, and
// never half full.
func replace(stage, dst string) error {
	old := stage + "-old"
	err := rename(dst, old)
	hadOld := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, remove(stage))
	}
	if err := rename(stage, dst); err != nil {
		if hadOld {
			err = errors.Join(err, rename(old, dst))
		}
		return errors.Join(err, remove(stage))
	}
	if hadOld {
		if err := remove(old); err != nil {
			return &LeftoverError{old, err}
		}
	}
	return nil
}

// remove deletes a tree, folders without write permission included, as some
// package managers make them.
func remove(tree string) error {
	if os.RemoveAll(tree) == nil {
		return nil
	}
	err := filepath.WalkDir(tree, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			return os.Chmod(name, 0o700) //nolint:gosec // a folder, to delete what is in it
		}
		return nil
	})
	return errors.Join(os.RemoveAll(tree), err)
}
