//go:build unix

package safepath

import "os"

func rename(from, to string) error { return os.Rename(from, to) }

// syncDir makes the new name durable. Not every file system can, and the file
// itself is safe by now, so an error is of no consequence.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}
