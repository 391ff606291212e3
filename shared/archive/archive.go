// Package archive takes a tree of files out of the file system and puts it back,
// contained and verified.
//
// An archive is two things. The stream is the contents of all files, one after
// the other, in one zstd stream. The [Index] says what they are: for each file,
// in the stream's order, its path, size, SHA-256 and whether it is executable;
// and the empty folders. Keep the index, and the stream's own SHA-256 and size
// ([Stream]), where they can be trusted: all that [Unpack] believes follows from
// them.
//
// Promises:
//   - Pack takes the tree as it was at one moment, or fails with [ErrChanged].
//   - Pack refuses ([RefusedError]) what cannot be put back the same everywhere:
//     links, devices, names that some system lacks, names that differ by case.
//   - Unpack never writes outside a folder that it made itself, whatever index
//     and stream hold, and checks each byte before anyone can see it: the folder
//     takes its place in one step, after all hashes were right. Otherwise it
//     fails ([CorruptError] if the archive is to blame), the old folder stays,
//     and nothing else does.
//
// Owners, times and permissions other than the executable bit are not kept.
package archive

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/safepath"
)

// File is a file of an archive.
type File struct {
	Path       string `json:"path"` // with slashes, below the root
	Size       int64  `json:"size"`
	SHA256     string `json:"sha256"` // lower-case hex
	Executable bool   `json:"executable,omitempty"`
}

// Index says what an archive holds.
type Index struct {
	Files     []File   `json:"files"`
	EmptyDirs []string `json:"emptyDirs,omitempty"`
}

// Stream identifies the compressed contents.
type Stream struct {
	SHA256 string `json:"sha256"` // lower-case hex
	Size   int64  `json:"size"`
}

// Limits bound what an archive may hold, the same in both directions.
type Limits struct {
	Files int   // files and empty folders together
	Bytes int64 // sizes of all files together
	Ratio int64 // Bytes to the stream's size; nothing below 64 MiB is measured
}

// DefaultLimits returns limits that no sensible dependency cache reaches.
func DefaultLimits() Limits { return Limits{Files: 1_000_000, Bytes: 64 << 30, Ratio: 500} }

// ratioFloor is what a bomb may unpack to without being measured.
const ratioFloor = 64 << 20

// Errors of Pack that a caller branches on.
var (
	// ErrEmpty: the tree has no files.
	ErrEmpty = errors.New("there are no files in it")
	// ErrChanged: somebody wrote to the tree while it was read. Trying again may help.
	ErrChanged = errors.New("it changed while it was being read")
)

// RefusedError is a tree that must not become an archive.
type RefusedError struct {
	Path   string // below the root; "" if it is about the whole tree
	Reason string
}

// Error names the path and the reason.
func (e *RefusedError) Error() string { return about(e.Path, e.Reason) }

// CorruptError is an archive that is not what it should be.
type CorruptError struct {
	Path   string // the file of the tree; "" if it is about the whole archive
	Reason string
}

// Error names the file and the reason.
func (e *CorruptError) Error() string { return about(e.Path, e.Reason) }

func about(path, reason string) string {
	if path == "" {
		return reason
	}
	return fmt.Sprintf("%q: %s", path, reason)
}

// Bytes returns the sizes of all files together.
func (x Index) Bytes() int64 {
	var sum int64
	for _, f := range x.Files {
		sum += f.Size
	}
	return sum
}

// check returns what is wrong with the index, and of which path: the rules that
// make it safe to follow on every operating system.
func (x Index) check(l Limits) (path, reason string) {
	if len(x.Files)+len(x.EmptyDirs) > l.Files {
		return "", fmt.Sprintf("it has more than %d files", l.Files)
	}
	left := l.Bytes
	names := names{}
	for _, f := range x.Files {
		switch {
		case f.Size < 0:
			return f.Path, "its size is negative"
		case f.Size > left:
			return "", fmt.Sprintf("its files have more than %d bytes together", l.Bytes)
		case !isSHA256(f.SHA256):
			return f.Path, "its hash is not a SHA-256"
		}
		left -= f.Size
		if reason := names.add(f.Path, isFile); reason != "" {
			return f.Path, reason
		}
	}
	for _, dir := range x.EmptyDirs {
		if reason := names.add(dir, isEmptyDir); reason != "" {
			return dir, reason
		}
	}
	return "", ""
}

func isSHA256(text string) bool {
	return len(text) == 64 && strings.Trim(text, "0123456789abcdef") == ""
}

// checkRatio returns why the stream is suspiciously small for what it holds.
func (l Limits) checkRatio(bytes int64, s Stream) string {
	if bytes > ratioFloor && bytes/l.Ratio > s.Size {
		return fmt.Sprintf("%d bytes would unpack to %d, more than %d times as many", s.Size, bytes, l.Ratio)
	}
	return ""
}

// kind is what a name stands for.
type kind int

const (
	isFile kind = iota + 1
	isEmptyDir
	isDir // it holds something
)

// names are all names of a tree, by the key under which they would collide.
type names map[string]name

type name struct {
	path string
	kind kind
}

// add returns why path cannot stand beside the names before it.
func (n names) add(p string, k kind) string {
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
	key := safepath.FoldKey(p)
	other, taken := n[key]
	switch {
	case taken && other.path != p:
		return fmt.Sprintf("it and %q are one file where upper and lower case do not count", other.path)
	case taken && k == isDir && other.kind == isDir:
		return ""
	case taken:
		return "it is there twice"
	}
	n[key] = name{p, k}
	if dir := path.Dir(p); dir != "." {
		return n.put(dir, isDir)
	}
	return ""
}
