package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	tmpFolder  = ".tmp"         // below the directory; no object's name begins with a dot
	staleAfter = 24 * time.Hour // no Put takes that long
	oneStep    = 4 << 20        // bytes read or written between two looks at ctx
)

// Dir keeps objects as files below a directory, on a disk or a share (NFS, SMB).
// Only the account that puts an object can read it. The zero value is of no use.
type Dir struct{ path string }

// NewDir returns the store in the directory, which the first Put makes.
func NewDir(path string) Dir { return Dir{path} }

var _ Store = Dir{}

// MakeError says that a store's folders are not there and cannot be made.
type MakeError struct {
	Dir string // the store's directory
	Err error  // the file system's
}

// Error says which directory, and why.
func (e *MakeError) Error() string { return "making " + e.Dir + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *MakeError) Unwrap() error { return e.Err }

// open opens the directory. That something else is in its place is said as the
// system says it of any path through a file.
func (d Dir) open() (*os.Root, error) {
	root, err := os.OpenRoot(d.path)
	if info, statErr := os.Stat(d.path); err != nil && statErr == nil && !info.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: d.path, Err: syscall.ENOTDIR}
	}
	return root, err
}

// wrap says which object an error is about. It keeps the cause for errors.Is.
func (d Dir) wrap(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("object %s in %s: %w", name, d.path, err)
}

// Get is Store's. What is not a plain file is an error, and a link is not followed.
func (d Dir) Get(ctx context.Context, name string, buf []byte) ([]byte, error) {
	if err := CheckName(name); err != nil {
		return buf, err
	}
	root, err := d.open()
	if err != nil {
		return buf, d.wrap(name, err)
	}
	defer root.Close() // only read from
	f, size, err := openFile(root, name)
	if err != nil {
		return buf, d.wrap(name, err)
	}
	defer f.Close() // only read from
	full, err := appendFile(ctx, f, size, buf)
	if err != nil {
		return buf, d.wrap(name, err)
	}
	return full, nil
}

// openFile opens a plain file. Somebody may have put something else in its place: a
// link, or a pipe at which one waits for ever.
func openFile(root *os.Root, name string) (*os.File, int64, error) {
	seen, err := root.Lstat(filepath.FromSlash(name))
	if err != nil {
		return nil, 0, err
	}
	if !seen.Mode().IsRegular() {
		return nil, 0, errors.New("it is not a file")
	}
	f, err := root.OpenFile(filepath.FromSlash(name), readFlags, 0)
	if err != nil {
		return nil, 0, err
	}
	opened, err := f.Stat()
	switch {
	case err != nil:
	case !os.SameFile(seen, opened):
		err = errors.New("it was replaced while it was opened")
	case opened.Size() > MaxObject:
		err = fmt.Errorf("it has %d bytes, and %d is the most", opened.Size(), MaxObject)
	default:
		return f, opened.Size(), nil
	}
	return nil, 0, errors.Join(err, f.Close())
}

// appendFile appends the size bytes of a file.
func appendFile(ctx context.Context, f io.Reader, size int64, buf []byte) ([]byte, error) {
	have := len(buf)
	buf = slices.Grow(buf, int(size))[:have+int(size)]
	for rest := buf[have:]; len(rest) > 0; {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		n, err := io.ReadFull(f, rest[:min(len(rest), oneStep)])
		if err != nil {
			return nil, fmt.Errorf("reading it: %w", err)
		}
		rest = rest[n:]
	}
	return buf, context.Cause(ctx)
}

// Put is Store's. The error is a *MakeError if there is no place for objects.
func (d Dir) Put(ctx context.Context, name string, data []byte) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if len(data) > MaxObject {
		return fmt.Errorf("object %s has %d bytes, and %d is the most", name, len(data), MaxObject)
	}
	root, err := d.makeRoot()
	if err != nil {
		return &MakeError{d.path, err}
	}
	defer root.Close() // nothing is written through it
	if _, err := root.Lstat(filepath.FromSlash(name)); err == nil {
		return d.wrap(name, fs.ErrExist)
	}
	tmp, err := writeTemp(ctx, root, data)
	if err != nil {
		return d.wrap(name, err)
	}
	err = d.publish(root, tmp, name)
	_ = root.Remove(tmp) // or sweep does it
	return d.wrap(name, err)
}

// makeRoot makes the directory and opens it. What a build downloads may be
// private, and a hidden object cannot be changed by another account either.
func (d Dir) makeRoot() (*os.Root, error) {
	if err := os.MkdirAll(filepath.Dir(d.path), 0o755); err != nil {
		return nil, err
	}
	if err := os.Mkdir(d.path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	root, err := d.open()
	if err != nil {
		return nil, err
	}
	if err := makeFolders(root, tmpFolder); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return root, nil
}

// makeFolders makes the folder and those above it, each one on the disk.
func makeFolders(root *os.Root, folder string) error {
	above := "."
	for part := range strings.SplitSeq(folder, "/") {
		at := path.Join(above, part)
		err := root.Mkdir(filepath.FromSlash(at), 0o700)
		if err == nil {
			err = syncFolder(root, above)
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		above = at
	}
	return nil
}

// writeTemp makes a file that is on the disk when it returns, and removes what
// killed savers have left. On an error nothing is left of it.
func writeTemp(ctx context.Context, root *os.Root, data []byte) (name string, err error) {
	name = filepath.Join(tmpFolder, strings.ToLower(rand.Text()))
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	for len(data) > 0 && err == nil {
		step := data[:min(len(data), oneStep)]
		data = data[len(step):]
		if _, err = f.Write(step); err == nil {
			err = context.Cause(ctx)
		}
	}
	if err == nil {
		err = errors.Join(context.Cause(ctx), f.Sync())
	}
	if info, statErr := f.Stat(); statErr == nil {
		sweep(root, info.ModTime())
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, root.Remove(name))
	}
	return name, nil
}

// sweep deletes what savers left that were killed. Now is the time by the clock of
// the file system, which on a share is not ours. Others may do the same at the same
// time, and nothing depends on it.
func sweep(root *os.Root, now time.Time) {
	left, err := fs.ReadDir(root.FS(), tmpFolder)
	if err != nil {
		return
	}
	for _, entry := range left {
		info, err := entry.Info()
		if err == nil && now.Sub(info.ModTime()) > staleAfter {
			_ = root.Remove(filepath.Join(tmpFolder, entry.Name()))
		}
	}
}

// publish gives the file its name, unless something has that name by now.
func (d Dir) publish(root *os.Root, tmp, name string) error {
	folder := path.Dir(name)
	var err error
	for range 100 { // a Delete may remove a folder as empty before there is something in it
		if err = makeFolders(root, folder); err == nil {
			err = d.nameNew(root, tmp, filepath.FromSlash(name))
		}
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if errors.Is(err, fs.ErrExist) && sameFile(root, tmp, filepath.FromSlash(name)) {
		err = nil // it was us: NFS asks again when an answer was lost
	}
	if err != nil {
		return err
	}
	return syncFolder(root, folder)
}

func sameFile(root *os.Root, a, b string) bool {
	one, err := root.Lstat(a)
	if err != nil {
		return false
	}
	other, err := root.Lstat(b)
	return err == nil && os.SameFile(one, other)
}

// List is Store's. A directory that is not there is empty.
func (d Dir) List(ctx context.Context, prefix string) ([]Object, error) {
	if err := CheckPrefix(prefix); err != nil {
		return nil, err
	}
	root, err := d.open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", d.path, err)
	}
	defer root.Close() // only read from
	var found []Object
	folder, _ := splitPrefix(prefix)
	err = fs.WalkDir(root.FS(), folder, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case context.Cause(ctx) != nil:
			return context.Cause(ctx)
		case errors.Is(err, fs.ErrNotExist): // deleted meanwhile
			return nil
		case err != nil:
			return err
		case entry.IsDir():
			if name != "." && (CheckName(name) != nil || !strings.HasPrefix(name+"/", prefix) &&
				!strings.HasPrefix(prefix, name+"/")) {
				return fs.SkipDir
			}
			return nil
		case !entry.Type().IsRegular() || !strings.HasPrefix(name, prefix) || CheckName(name) != nil:
			return nil
		}
		return addFile(&found, name, entry)
	})
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", d.path, err)
	}
	// The walk sorts by parts: "a/b" comes before "a.b" there.
	slices.SortFunc(found, func(a, b Object) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

func addFile(found *[]Object, name string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	*found = append(*found, Object{Name: name, Size: info.Size(), Modified: info.ModTime()})
	return nil
}

// Delete is Store's. Folders that become empty go too.
func (d Dir) Delete(ctx context.Context, name string) error {
	if err := errors.Join(CheckName(name), context.Cause(ctx)); err != nil {
		return err
	}
	root, err := d.open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return d.wrap(name, err)
	}
	defer root.Close() // nothing is written through it
	seen, err := root.Lstat(filepath.FromSlash(name))
	if err == nil && seen.IsDir() {
		err = errors.New("it is a folder")
	}
	if err == nil {
		err = root.Remove(filepath.FromSlash(name))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return d.wrap(name, err)
	}
	for folder := path.Dir(name); folder != "."; folder = path.Dir(folder) {
		if root.Remove(filepath.FromSlash(folder)) != nil { // not empty, or gone
			break
		}
	}
	return nil
}
