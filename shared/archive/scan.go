package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/safepath"
)

// Tree is what a folder held when it was scanned.
type Tree struct {
	Files     []File    // sorted by path
	EmptyDirs []string  // sorted; with slashes, below the root
	Special   []Special // sorted by path

	root  *os.Root
	infos map[string]fs.FileInfo // of the files
}

// Special is something in a tree that is neither a file nor a folder. It cannot
// be opened, nor put back safely.
type Special struct {
	Path string
	What string // "a symbolic link", "a device", ...
}

// Scan describes the folder root without reading its files. It follows no link
// below root. The tree is to be closed.
func Scan(ctx context.Context, root string) (*Tree, error) {
	dir, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	t := &Tree{root: dir, infos: map[string]fs.FileInfo{}}
	if err := t.scan(ctx, "."); err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	slices.SortFunc(t.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	slices.Sort(t.EmptyDirs)
	slices.SortFunc(t.Special, func(a, b Special) int { return strings.Compare(a.Path, b.Path) })
	return t, nil
}

func (t *Tree) scan(ctx context.Context, dir string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := fs.ReadDir(t.root.FS(), dir)
	if err != nil {
		return gone(err, dir)
	}
	if len(entries) == 0 && dir != "." {
		t.EmptyDirs = append(t.EmptyDirs, dir)
	}
	for _, entry := range entries {
		name := path.Join(dir, entry.Name())
		switch {
		case entry.IsDir():
			if err := t.scan(ctx, name); err != nil {
				return err
			}
			continue
		case !entry.Type().IsRegular():
			t.Special = append(t.Special, Special{name, describe(entry.Type())})
			continue
		}
		info, err := entry.Info()
		if err != nil {
			return gone(err, name)
		}
		t.infos[name] = info
		t.Files = append(t.Files, File{name, info.Size(), info.Mode()&0o100 != 0})
	}
	return nil
}

// gone turns the loss of something that was there a moment ago into ErrChanged.
func gone(err error, name string) error {
	if errors.Is(err, fs.ErrNotExist) && name != "." {
		return changed(name)
	}
	return err
}

func changed(name string) error { return fmt.Errorf("%q: %w", name, ErrChanged) }

func describe(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "not a regular file"
}

// same reports whether nothing happened to a file between two looks. The change
// time shows writes whose author has set the modification time back.
func same(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.Mode() == b.Mode() &&
		a.ModTime().Equal(b.ModTime()) && safepath.ChangeTime(a).Equal(safepath.ChangeTime(b))
}

// Open opens one of the tree's files. The error is ErrChanged if that is not the
// file any more that was scanned; what happens to it later, Unchanged tells.
func (t *Tree) Open(name string) (fs.File, error) {
	want, known := t.infos[name]
	if !known {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	// Not t.root.Open, which would wait for ever for the writer of a named pipe
	// that somebody has put in the file's place.
	file, err := t.root.OpenFile(filepath.FromSlash(name), os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, gone(err, name)
	}
	info, err := file.Stat()
	if err == nil && !same(want, info) {
		err = changed(name)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// FS returns the folder as it is now, changed or not. It cannot be left by a link.
func (t *Tree) FS() fs.FS { return t.root.FS() }

// ModTime returns when a file had been written to, as it was scanned; zero if the
// tree has no such file.
func (t *Tree) ModTime(name string) time.Time {
	if info, known := t.infos[name]; known {
		return info.ModTime()
	}
	return time.Time{}
}

// Unchanged returns ErrChanged, with the name, if one of these files is not as it
// was scanned. Without names that is the whole tree: new files count as well.
func (t *Tree) Unchanged(ctx context.Context, names []string) error {
	if names == nil {
		return t.allUnchanged(ctx)
	}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		want, known := t.infos[name]
		if !known {
			return changed(name)
		}
		now, err := t.root.Lstat(filepath.FromSlash(name))
		if err != nil {
			return gone(err, name)
		}
		if !same(want, now) {
			return changed(name)
		}
	}
	return nil
}

func (t *Tree) allUnchanged(ctx context.Context) error {
	now := &Tree{root: t.root, infos: map[string]fs.FileInfo{}}
	if err := now.scan(ctx, "."); err != nil {
		return err
	}
	for _, f := range now.Files {
		if want, known := t.infos[f.Path]; !known || !same(want, now.infos[f.Path]) {
			return changed(f.Path)
		}
	}
	for _, f := range t.Files {
		if _, there := now.infos[f.Path]; !there {
			return changed(f.Path)
		}
	}
	return nil
}

// Close lets go of the folder.
func (t *Tree) Close() error { return t.root.Close() }
