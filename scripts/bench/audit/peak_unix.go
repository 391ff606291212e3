//go:build unix

package main

import (
	"os"
	"syscall"
)

// peak is the most memory that a program had, or the largest it started, in MB (10^6 bytes).
func peak(state *os.ProcessState) float64 {
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		return float64(usage.Maxrss) * 1024 / 1e6
	}
	return 0
}
