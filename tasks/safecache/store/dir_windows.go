package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/windows"

	"github.com/guardrails-ci/guardrails/shared/retry"
)

// readFlags open a file for reading.
const readFlags = os.O_RDONLY

// syncFolder does nothing: Windows writes a folder's names through its journal, and
// has no call for it.
func syncFolder(*os.Root, string) error { return nil }

// nameNew renames the file, in one step, unless the name is taken: MoveFileEx does
// not replace unless told to, on every file system. Virus scanners look at new
// files for a moment, so it tries again while somebody has the file open.
func (d Dir) nameNew(_ *os.Root, from, to string) error {
	from, to = filepath.Join(d.path, from), filepath.Join(d.path, to)
	old, err := windows.UTF16PtrFromString(from)
	if err != nil {
		return err
	}
	name, err := windows.UTF16PtrFromString(to)
	if err != nil {
		return err
	}
	patience := retry.Policy{Attempts: 8, Base: 50 * time.Millisecond, Max: time.Second}
	return retry.Do(context.Background(), patience, func(context.Context) error {
		err := windows.MoveFileEx(old, name, windows.MOVEFILE_WRITE_THROUGH)
		if err == nil {
			return nil
		}
		moved := &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
		if errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_ACCESS_DENIED) {
			return retry.Temporary(moved, 0)
		}
		return moved
	})
}
