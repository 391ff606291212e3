//go:build !linux

package peers

// adopt is Linux's alone. Elsewhere what a program leaves behind is not counted.
func adopt() error { return nil }
