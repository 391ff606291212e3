// Package rootfs reads single files of an image's file system from its layers, without
// unpacking them: from the top layer down, and no further than needed.
package rootfs

import (
	"context"
	"io"
	"io/fs"
)

// Layer is a layer of an image, as a compressed or plain tar stream.
type Layer interface {
	Digest() string // "sha256:..."
	Size() int64    // bytes in the registry
	Open(ctx context.Context) (io.ReadCloser, error)
}

// Limits bound what hostile layers can cost. The zero value means the defaults.
type Limits struct {
	Download int64 // bytes read from layers as they are stored
	Unpacked int64 // bytes read from layers after decompression
	Entries  int   // files, links and folders
}

// FS is the file system of an image for one platform. It remembers what it has read.
type FS struct{}

// New is the file system made of layers, the lowest first.
func New(layers []Layer, l Limits) *FS { panic("skeleton") }

// File is a file, with links followed.
type File struct {
	Path string      // where it really is, such as /usr/bin/dash
	Mode fs.FileMode // with its type
	Size int64
	Head []byte // the first machine.HeadSize bytes of a regular file
}

// Find returns the file at an absolute path. The error wraps fs.ErrNotExist if there is none, and is a *BudgetError if
// a limit ended the search.
func (f *FS) Find(ctx context.Context, path string) (File, error) { panic("skeleton") }

// Programs calls visit for every regular file of the image that is executable or begins like a program,
// in the order of paths.
func (f *FS) Programs(ctx context.Context, visit func(File) error) error { panic("skeleton") }

// Downloaded is how many bytes have been read from layers.
func (f *FS) Downloaded() int64 { panic("skeleton") }
