//go:build !windows

package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// readFlags open a file for reading; who put a pipe there cannot make us wait.
const readFlags = os.O_RDONLY | syscall.O_NONBLOCK

// syncFolder puts a folder's names on the disk. Some network file systems cannot,
// and do it without being asked.
func syncFolder(root *os.Root, folder string) error {
	d, err := root.Open(filepath.FromSlash(folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a Delete has removed it as empty, and the caller makes it again
	}
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil
	}
	return errors.Join(err, d.Close())
}

// nameNew gives the file to another name, in one step, unless that is taken: with a
// second link, or where there are none (exFAT, some shares) with a rename that does
// not replace.
func (d Dir) nameNew(root *os.Root, from, to string) error {
	err := root.Link(from, to)
	if !cannotLink(err) {
		return err
	}
	renamed := renameNew(filepath.Join(d.path, from), filepath.Join(d.path, to))
	if !errors.Is(renamed, errors.ErrUnsupported) {
		return renamed
	}
	return errors.Join(errors.New("the file system can neither link a file nor rename it without replacing another; "+
		"use a directory on another file system"), err)
}

// cannotLink reports whether err says that there are no second links here.
func cannotLink(err error) bool {
	return slices.ContainsFunc([]error{
		syscall.EPERM, syscall.ENOTSUP, syscall.EOPNOTSUPP, syscall.ENOSYS, syscall.EINVAL, syscall.EXDEV,
	}, func(e error) bool { return errors.Is(err, e) })
}
