package archive

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/guardrails-ci/guardrails/shared/retry"
	"golang.org/x/sys/windows"
)

// rename tries again while somebody has a file of the tree open: virus scanners
// and indexers look at new files for a moment.
func rename(from, to string) error {
	patience := retry.Policy{Attempts: 8, Base: 50 * time.Millisecond, Max: time.Second}
	return retry.Do(context.Background(), patience, func(context.Context) error {
		err := os.Rename(from, to)
		if errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_ACCESS_DENIED) {
			return retry.Temporary(err, 0)
		}
		return err
	})
}
