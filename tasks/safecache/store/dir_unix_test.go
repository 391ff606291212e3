//go:build !windows

package store

import (
	"io/fs"
	"os"
	"syscall"
	"testing"
)

func makePipe(path string) error { return syscall.Mkfifo(path, 0o600) }

func rename(from, to string) error { return renameNew(from, to) }

// Only where there are no links is a rename the way: anything else is an error.
func TestCannotLink(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		nil: false, fs.ErrExist: false, syscall.EEXIST: false, syscall.ENOENT: false, syscall.ENOSPC: false,
		syscall.EACCES: false, syscall.EPERM: true, syscall.ENOTSUP: true, syscall.EXDEV: true,
	} {
		if err != nil {
			err = &os.LinkError{Op: "linkat", Err: err}
		}
		if got := cannotLink(err); got != want {
			t.Errorf("cannotLink(%v) = %v, want %v", err, got, want)
		}
	}
}
