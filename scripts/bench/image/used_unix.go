//go:build unix

package main

import (
	"os"
	"syscall"
	"time"
)

// used is what a process that has ended took, and all that it has started and left behind.
func used(*os.ProcessState) (time.Duration, error) {
	for {
		if _, err := syscall.Wait4(-1, nil, 0, nil); err != nil && err != syscall.EINTR {
			break
		}
	}
	var usage syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), err
}
