//go:build !windows

package dirstore

import (
	"errors"
	"os"
	"syscall"
)

// syncDir puts a folder's names on the disk. Some network file systems cannot,
// and do it without being asked.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil
	}
	return errors.Join(err, d.Close())
}
