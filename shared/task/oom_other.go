//go:build !linux

package task

// volunteerForOOM does nothing here: only Linux chooses a process by score.
func volunteerForOOM() {}
