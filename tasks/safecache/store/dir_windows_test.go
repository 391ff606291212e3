package store

import (
	"errors"
	"os"
	"path/filepath"
)

func makePipe(string) error { return errors.ErrUnsupported }

func rename(from, to string) error {
	return NewDir(filepath.VolumeName(from)+`\`).nameNew((*os.Root)(nil), from[3:], to[3:])
}
