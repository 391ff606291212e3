//go:build !windows

package inputs

func samePath(a, b string) bool { return a == b }
