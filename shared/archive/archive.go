// Package archive takes a tree of files out of the file system and puts one back,
// contained.
//
// [Scan] says what is in a folder and lends out its files, one by one; [Check]
// says whether a list of files can be put back the same everywhere; a [Folder] is
// written beside the place that it will take, and takes it in one step. What is
// stored in between, and how it is verified, is the caller's business.
//
// Promises:
//   - a [Tree] is as it was at one moment: a file that somebody writes to after
//     the scan is not read, or [Tree.Unchanged] notices ([ErrChanged]);
//   - Check refuses ([RefusedError]) names that some system lacks, and names that
//     are one where upper and lower case do not count;
//   - a Folder never writes outside itself nor through a link, whatever names it
//     is given, and nobody sees it before it is complete: until [Folder.Place] the
//     old folder stays, and after [Folder.Discard] nothing else does.
//
// Owners, times and permissions other than the executable bit are not kept.
package archive

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/guardrails-ci/guardrails/shared/safepath"
)

// File is a file of a tree.
type File struct {
	Path       string // with slashes, below the root
	Size       int64
	Executable bool
}

// Limits bound what a tree may hold, the same in both directions.
type Limits struct {
	Files int   // files and empty folders together; and as many folders that hold something
	Bytes int64 // sizes of all files together
}

// DefaultLimits returns limits that no sensible dependency cache reaches.
func DefaultLimits() Limits { return Limits{Files: 1_000_000, Bytes: 64 << 30} }

// maxPath is the longest path in bytes: what macOS takes. Without a limit, one name
// of a few kilobytes would stand for thousands of folders.
const maxPath = 1024

// Errors that a caller branches on.
var (
	// ErrEmpty: there are no files to keep.
	ErrEmpty = errors.New("there are no files in it")
	// ErrChanged: somebody wrote to the tree while it was read. Trying again may help.
	ErrChanged = errors.New("it changed while it was being read")
)

// RefusedError is a tree that cannot be put back safely.
type RefusedError struct {
	Path   string // below the root; "" if it is about the whole tree
	Reason string
}

// Error names the path and the reason.
func (e *RefusedError) Error() string {
	if e.Path == "" {
		return e.Reason
	}
	return fmt.Sprintf("%q: %s", e.Path, e.Reason)
}

// Check returns a *RefusedError unless these files and empty folders can stand
// together below a root on every operating system, and are within the limits.
func Check(files []File, emptyDirs []string, l Limits) error {
	if len(files)+len(emptyDirs) > l.Files {
		return &RefusedError{"", fmt.Sprintf("it has more than %d files", l.Files)}
	}
	left := l.Bytes
	names := names{byKey: make(map[string]name, 2*len(files)), dirs: map[string]bool{}}
	for _, f := range files {
		if f.Size < 0 {
			return &RefusedError{f.Path, "its size is negative"}
		}
		if f.Size > left {
			return &RefusedError{"", fmt.Sprintf("its files have more than %d bytes together", l.Bytes)}
		}
		left -= f.Size
		if reason := names.add(f.Path, isFile); reason != "" {
			return &RefusedError{f.Path, reason}
		}
		if len(names.dirs) > l.Files {
			return &RefusedError{"", fmt.Sprintf("it has more than %d folders", l.Files)}
		}
	}
	for _, dir := range emptyDirs {
		if reason := names.add(dir, isEmptyDir); reason != "" {
			return &RefusedError{dir, reason}
		}
		if len(names.dirs) > l.Files {
			return &RefusedError{"", fmt.Sprintf("it has more than %d folders", l.Files)}
		}
	}
	return nil
}

// kind is what a name stands for.
type kind int

const (
	isFile kind = iota + 1
	isEmptyDir
	isDir // it holds something
)

// names are all names of a tree.
type names struct {
	byKey map[string]name // by the key under which they would collide
	dirs  map[string]bool // the folders that hold something and are in byKey, as they are written
}

type name struct {
	path string
	kind kind
}

// add returns why path cannot stand beside the names before it.
func (n names) add(p string, k kind) string {
	if len(p) > maxPath {
		return fmt.Sprintf("it has %d bytes, and %d is the most", len(p), maxPath)
	}
	if path.Clean(p) != p {
		return "it is not in its shortest form"
	}
	if err := safepath.CheckPortable(p); err != nil {
		if why := errors.Unwrap(err); why != nil {
			err = why // without the path, which the caller names
		}
		return "it cannot be used on every operating system: " + err.Error()
	}
	return n.put(p, k)
}

func (n names) put(p string, k kind) string {
	if k == isDir && n.dirs[p] {
		return ""
	}
	key := foldKey(p)
	other, taken := n.byKey[key]
	switch {
	case taken && other.path != p:
		return fmt.Sprintf("it and %q are one file where upper and lower case do not count", other.path)
	case taken:
		return "it is there twice"
	}
	n.byKey[key] = name{p, k}
	if k == isDir {
		n.dirs[p] = true
	}
	if dir := path.Dir(p); dir != "." {
		return n.put(dir, isDir)
	}
	return ""
}

// foldKey is safepath.FoldKey, at a fraction of its price for the usual names.
func foldKey(p string) string {
	for i := range len(p) {
		if p[i] >= utf8.RuneSelf {
			return safepath.FoldKey(p)
		}
	}
	return strings.ToUpper(p)
}
