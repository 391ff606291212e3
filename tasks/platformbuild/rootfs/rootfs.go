// Package rootfs reads single files of an image's file system from its layers, without
// unpacking them: from the top layer down, and no further than needed.
//
// Layers are applied as containerd and the Docker engine apply them on overlayfs: the last of
// several entries with one name counts, whiteouts hide what is in lower layers only, a folder on
// top of a link or a file hides it, and names never lead out of the root. Nothing is written
// anywhere. Of a file's bytes only what its first ones say is kept.
package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/machine"
)

// Layer is a layer of an image, as a compressed or plain tar stream. Open's reader fails at its end if
// what it gave is not what Digest says. Open's error wraps ErrForeign for a layer that the registry
// does not have.
type Layer interface {
	Digest() string // "sha256:..."
	Size() int64    // bytes in the registry
	Open(ctx context.Context) (io.ReadCloser, error)
}

// ErrForeign is for layers that are to be had elsewhere only, as those of Windows once were.
var ErrForeign = errors.New("the layer is not in the registry")

// Limits bound what hostile layers can cost. The zero value means the defaults.
type Limits struct {
	Download int64 // bytes read from layers as they are stored: 8 GB
	Unpacked int64 // bytes read from layers after decompression: 32 GB
	Entries  int   // files, links and folders: a million
	Names    int64 // bytes of their names and of what links lead to, which are kept in memory: 128 MB

	// Quick believes an entry as soon as it is read. Every builder names a file once in a layer; but
	// only at a layer's end is it certain that no second entry replaces the first, and that the layer
	// is what its digest says. So this is for layers that nobody has laid out to deceive a reader.
	Quick bool
	Own   int // Quick, for so many of the highest layers
}

// FS is the file system of an image for one platform. It remembers what it has read. It is not for use
// by several goroutines at a time.
type FS struct {
	layers []*layer // the highest first
	budget *budget
}

// New is the file system made of layers, the lowest first. Close it.
func New(layers []Layer, l Limits) *FS {
	f := &FS{budget: newBudget(l)}
	for i, source := range layers {
		quick := l.Quick || i >= len(layers)-l.Own
		f.layers = append([]*layer{{source: source, budget: f.budget, quick: quick}}, f.layers...)
	}
	return f
}

// Close ends the downloads that are under way. What has been read stays known.
func (f *FS) Close() error {
	var problems []error
	for _, l := range f.layers {
		problems = append(problems, l.close())
	}
	return errors.Join(problems...)
}

// Downloaded is how many bytes have been read from layers.
func (f *FS) Downloaded() int64 { return f.budget.downloaded.Load() }

// File is a file, with links followed.
type File struct {
	Path string      // where it really is, such as /usr/bin/dash or C:\app\app.exe
	Mode fs.FileMode // with its type
	Size int64
	// Program is what the first bytes say of a regular file that is executable or begins like a program.
	Program machine.Program
}

// BudgetError says that a limit ended the search.
type BudgetError struct {
	Limit string // "download", "unpacked", "entries" or "names"
	Max   int64
}

// Error says which limit and how much it is.
func (e *BudgetError) Error() string {
	switch e.Limit {
	case "download":
		return fmt.Sprintf("more than %d bytes of layers would have to be downloaded", e.Max)
	case "unpacked":
		return fmt.Sprintf("the layers unpack to more than %d bytes", e.Max)
	case "names":
		return fmt.Sprintf("the names and links in the layers have more than %d bytes", e.Max)
	}
	return fmt.Sprintf("the layers hold more than %d files", e.Max)
}

// LayerError says that a layer cannot be read because of what it is, so that it would be no better next time.
type LayerError struct {
	Digest string
	Reason string
	Err    error // may be nil
}

// Error names the layer.
func (e *LayerError) Error() string { return fmt.Sprintf("layer %.80s: %s", e.Digest, e.Reason) }

// Unwrap returns the cause.
func (e *LayerError) Unwrap() error { return e.Err }

// MissingError says that there is no file at a path: it is fs.ErrNotExist.
type MissingError struct {
	Path   string // where the search ended, links followed; as the image has it
	Reason string // in the words of a runtime: "no such file or directory"
}

// Error has the path cleaned and cut.
func (e *MissingError) Error() string {
	return fmt.Sprintf("%s: %s", redact.Line(e.Path), e.Reason)
}

// Unwrap returns fs.ErrNotExist.
func (e *MissingError) Unwrap() error { return fs.ErrNotExist }

const (
	absent  = "no such file or directory"
	noDir   = "not a directory"
	looping = "too many levels of symbolic links"
	tooLong = "file name too long"
)

// maxLinks is how many links the kernel follows on the way to a file (MAXSYMLINKS).
const maxLinks = 40

// Find returns the file at an absolute path, of Linux or of Windows: with a drive letter it is looked
// for under Files, in upper or lower case. The error is a *MissingError if there is none, a
// *BudgetError if a limit ended the search, a *LayerError if a layer is broken, or wraps one of them.
// Any other is the registry's, or ctx's. ctx must live until Close.
func (f *FS) Find(ctx context.Context, path string) (File, error) {
	w := walk{fs: f, ctx: ctx, windows: isWindows(path)}
	names, n, err := w.resolve(path)
	if err != nil {
		return File{}, err
	}
	return n.file(w.show(names)), nil
}

// walk is one search.
type walk struct {
	fs      *FS
	ctx     context.Context
	windows bool
	links   int
}

// resolve follows a path name by name, as the kernel does: a link's target takes its place.
func (w *walk) resolve(path string) ([]string, *inode, error) {
	rest, err := split(path, w.windows)
	if err != nil {
		return nil, nil, &MissingError{path, tooLong}
	}
	real := w.root()
	found := folder
	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		if name == ".." {
			real = real[:max(len(real)-1, len(w.root()))]
			continue
		}
		found, err = w.lstat(append(real[:len(real):len(real)], name))
		if err != nil {
			return nil, nil, err
		}
		if found.mode&fs.ModeSymlink != 0 {
			if real, rest, err = w.follow(found.link, real, rest); err != nil {
				return nil, nil, err
			}
			found = folder // if the link is to "/" or ".."
			continue
		}
		real = append(real[:len(real):len(real)], name)
		if len(rest) > 0 && !found.mode.IsDir() {
			return nil, nil, &MissingError{w.show(real), noDir}
		}
	}
	return real, found, nil
}

func (w *walk) follow(target string, real, rest []string) (from, to []string, err error) {
	w.links++
	if w.links > maxLinks {
		return nil, nil, &MissingError{w.show(real), looping}
	}
	names, err := split(target, w.windows)
	if err != nil || len(names)+len(rest) > maxPath {
		return nil, nil, &MissingError{w.show(real), tooLong}
	}
	if isAbsolute(target, w.windows) {
		real = w.root()
	}
	return real, append(names, rest...), nil
}

// lstat is the topmost inode with exactly this path. No name of it is a link, the last may be.
func (w *walk) lstat(names []string) (*inode, error) {
	n, err := w.under(0, names)
	for err == nil && n.hard {
		// A link to a file of a lower layer, or of a name that the same layer has later.
		w.links++
		if w.links > maxLinks {
			return nil, &MissingError{w.show(names), looping}
		}
		n, err = w.under(n.layer, strings.Split(n.link, "/"))
	}
	return n, err
}

// under looks in the layers from the one with the index first on.
func (w *walk) under(first int, names []string) (*inode, error) {
	for i, l := range w.fs.layers[first:] {
		n, hides, err := w.inLayer(l, names)
		if err != nil {
			return nil, err
		}
		if n != nil {
			if n.ino.hard {
				ino := *n.ino
				ino.layer = first + i
				return &ino, nil
			}
			return n.ino, nil
		}
		if hides {
			break
		}
	}
	return nil, &MissingError{w.show(names), absent}
}

// inLayer reads as much of the layer as it takes to know. A layer hides what those below it have at
// this path by whiteouts, or by something that is not a folder on the way.
func (w *walk) inLayer(l *layer, names []string) (n *node, hides bool, err error) {
	for {
		n, hides = l.tree.walk(names, w.windows)
		if n != nil && n.ino != nil {
			n.given = true
			return n, hides, nil
		}
		if l.done {
			return nil, hides, nil
		}
		if err := l.read(w.ctx, l.quick); err != nil {
			return nil, false, err
		}
	}
}

func (n *inode) file(path string) File {
	file := File{Path: path, Mode: n.mode, Size: n.size}
	if n.program != nil {
		file.Program = *n.program
	}
	return file
}
