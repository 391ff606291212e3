//go:build !linux

package main

// adopt is Linux's alone. Elsewhere a process that another has left behind is not counted.
func adopt() error { return nil }
