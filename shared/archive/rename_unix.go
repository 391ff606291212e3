//go:build !windows

package archive

import "os"

func rename(from, to string) error { return os.Rename(from, to) }
