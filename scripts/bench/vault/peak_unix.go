//go:build unix

package main

import (
	"os"
	"syscall"
)

// peak is the most memory that a program had, in MB as Linux counts (KiB / 1024).
func peak(state *os.ProcessState) float64 {
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		return float64(usage.Maxrss) / 1024
	}
	return 0
}
