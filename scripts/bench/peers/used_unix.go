//go:build unix

package peers

import (
	"os"
	"runtime"
	"syscall"
	"time"
)

// used is what a process that has ended took, and all that it has started and left behind.
func used(*os.ProcessState) (user, system time.Duration, peak float64, err error) {
	for {
		if _, err := syscall.Wait4(-1, nil, 0, nil); err != nil && err != syscall.EINTR {
			break
		}
	}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &usage); err != nil {
		return 0, 0, 0, err
	}
	unit := 1024.0
	if runtime.GOOS == "darwin" {
		unit = 1
	}
	return time.Duration(usage.Utime.Nano()), time.Duration(usage.Stime.Nano()), float64(usage.Maxrss) * unit / 1e6, nil
}
