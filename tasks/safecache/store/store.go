// Package store keeps named objects: the packs and manifests of cache entries.
//
// An object is whole or not there, never changes, and of several that put one
// the first wins. A store is not trusted: whoever reads an object verifies it.
// [Dir] keeps objects in a directory; package blob in Azure Blob Storage.
package store

import (
	"context"
	"time"
)

// MaxObject is the largest object, in bytes. Objects are handled whole, in memory.
const MaxObject = 64 << 20

// Store is where objects are. Names are slash-separated, of lower-case letters,
// digits, ".", "_" and "-"; no part of one begins with a dot (see [CheckName]). All
// methods may be called by several goroutines, and end when ctx does.
type Store interface {
	// Get appends the object to buf, which may be nil, and returns the result; with
	// an error, buf as it was. The error wraps fs.ErrNotExist if there is no such
	// object. Any other error may pass: trying again was the store's own business.
	Get(ctx context.Context, name string, buf []byte) ([]byte, error)
	// Put makes the object, which is there whole and for good when Put returns nil.
	// The error wraps fs.ErrExist if there is one of this name, whatever it holds.
	Put(ctx context.Context, name string, data []byte) error
	// List returns the objects whose names begin with prefix, sorted by name; prefix
	// may end within a part of a name, or be empty.
	List(ctx context.Context, prefix string) ([]Object, error)
	// Delete removes the object; that there is none is no error.
	Delete(ctx context.Context, name string) error
}

// Object is what a listing says about an object.
type Object struct {
	Name     string
	Size     int64
	Modified time.Time // when it was put, by the store's clock
}
