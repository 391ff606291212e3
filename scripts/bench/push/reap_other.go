//go:build !linux

package main

// adopt is Linux's alone. Elsewhere a helper that git has left behind is not counted.
func adopt() error { return nil }
