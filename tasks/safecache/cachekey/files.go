package cachekey

import (
	"io"
	"io/fs"
	"os"
)

// Files is what a key needs of a file system. Names are absolute, in the form of
// the operating system that the [Place] says. ReadDir does not follow symbolic
// links, Stat and Open do.
type Files interface {
	ReadDir(dir string) ([]fs.DirEntry, error)
	Stat(name string) (fs.FileInfo, error)
	Open(name string) (io.ReadCloser, error)
}

// Disk returns the Files of this machine.
func Disk() Files { return disk{} }

type disk struct{}

func (disk) ReadDir(dir string) ([]fs.DirEntry, error) { return os.ReadDir(dir) }
func (disk) Stat(name string) (fs.FileInfo, error)     { return os.Stat(name) }
func (disk) Open(name string) (io.ReadCloser, error)   { return os.Open(name) }
