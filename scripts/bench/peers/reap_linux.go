package peers

import (
	"fmt"
	"syscall"
)

const setChildSubreaper = 36 // PR_SET_CHILD_SUBREAPER of linux/prctl.h

// adopt makes this process the parent of what those it starts leave behind, so that
// nothing goes uncounted: git, for one, does not wait for its helper when a server says no.
func adopt() error {
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0); errno != 0 {
		return fmt.Errorf("prctl: %w", errno)
	}
	return nil
}
