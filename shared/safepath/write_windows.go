package safepath

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

func rename(from, to string) error {
	return patiently(func() error { return os.Rename(from, to) })
}

// patiently tries again for a second when somebody has one of the files open: virus
// scanners open every new file, for some milliseconds.
func patiently(do func() error) error {
	const tries = 20
	var err error
	for range tries {
		err = do()
		if !errors.Is(err, windows.ERROR_SHARING_VIOLATION) && !errors.Is(err, windows.ERROR_ACCESS_DENIED) {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

// syncDir does nothing: Windows has no such thing.
func syncDir(string) {}
