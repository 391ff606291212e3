// Package workspace finds the files that a job has made or changed.
//
// What it promises: no named pipe is waited for; what cannot be looked at is reported
// with the reason, never left out in silence; a file counts as old only if its change
// time, which nobody can set back, lies before the job. That git knows a file as it is
// on the disk is said and no more, because any step can tell git so.
//
// What it does not do: read the files, run git, or look into .git's objects.
package workspace

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/safepath"
)

// File is a file that a job has made or changed.
type File struct {
	Path       string // without links on the way
	Name       string // where it was found, as people know it
	Dependency bool   // it lies in a folder of installed or downloaded packages
	Committed  bool   // git's index has it as it is: it was checked out, or added
}

// Unread is what could not be looked at.
type Unread struct{ Path, Reason string }

// Found is what there is below a folder.
type Found struct {
	Files  []File
	Unread []Unread
}

// slack is how far the clock of a file system may be behind.
const slack = 2 * time.Second

// dependencies are the folders that package managers fill: what is in them comes from
// other people, whose test data is full of what looks like a secret.
var dependencies = []string{
	"node_modules", "bower_components", "jspm_packages", ".yarn", ".pnpm-store", ".npm", "site-packages", ".venv",
	"venv", "__pypackages__", ".tox", ".nox", "vendor", ".bundle", ".m2", ".ivy2", ".gradle", ".nuget", ".cargo",
	"Pods", ".pub-cache", ".terraform", "_cacache",
}

// goModules ends the folder that Go downloads modules to.
const goModules = "/pkg/mod/"

// Changed finds the files below root that are newer than since. Links are not followed.
// Root may be a file, which then is found whatever its age. A root that does not exist
// has no files.
func Changed(ctx context.Context, root string, since time.Time) (Found, error) {
	return find(ctx, root, &walk{since: since.Add(-slack), indexes: map[string]index{}})
}

// Published finds all files below root, also those behind links: what publishes a folder
// follows them. Each folder is entered once.
func Published(ctx context.Context, root string) (Found, error) {
	return find(ctx, root, &walk{indexes: map[string]index{}, follow: map[string]bool{}})
}

func find(ctx context.Context, root string, w *walk) (Found, error) {
	w.ctx = ctx
	info, err := os.Lstat(root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Found{}, nil
	case err != nil:
		w.cannot(root, err)
		return w.found, nil
	case info.Mode().IsRegular():
		return Found{Files: []File{{Path: root, Name: root}}}, nil
	case info.Mode()&fs.ModeSymlink != 0:
		// The root itself may be a link: somebody who configured the agent has made it.
		if real, err := filepath.EvalSymlinks(root); err == nil {
			root = real
		}
	}
	return w.found, w.below(root)
}

type walk struct {
	ctx     context.Context
	since   time.Time
	follow  map[string]bool  // the folders that links have led to; nil: links are not followed
	indexes map[string]index // by the folder that is under git's control
	tops    []string         // those folders, the innermost last
	found   Found
}

func (w *walk) below(root string) error {
	if w.follow != nil {
		w.follow[root] = true
	}
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if w.ctx.Err() != nil {
			return context.Cause(w.ctx)
		}
		return w.visit(path, entry, err)
	})
}

func (w *walk) visit(path string, entry fs.DirEntry, err error) error {
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) { // gone in the meantime: nothing to leak
			w.cannot(path, err)
		}
		if entry != nil && entry.IsDir() {
			return filepath.SkipDir
		}
		return nil
	}
	if entry.IsDir() {
		return w.enter(path)
	}
	if entry.Type()&fs.ModeSymlink != 0 && w.follow != nil {
		return w.link(path)
	}
	if !entry.Type().IsRegular() {
		return nil // a pipe, a socket, a device: nothing stands in it
	}
	info, err := entry.Info()
	if err != nil {
		return w.visit(path, entry, err)
	}
	if w.fresh(info) {
		w.found.Files = append(w.found.Files, File{
			Path: path, Name: path,
			Dependency: isDependency(path), Committed: w.committed(path, info),
		})
	}
	return nil
}

// link follows a link. One that leads nowhere publishes nothing.
func (w *walk) link(path string) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil
	}
	info, err := os.Lstat(real)
	switch {
	case err != nil:
		w.cannot(path, err)
	case info.Mode().IsRegular():
		w.found.Files = append(w.found.Files, File{Path: real, Name: path})
	case info.IsDir() && !w.follow[real]:
		return w.below(real)
	}
	return nil
}

// enter looks for an index of git when a folder is entered, and leaves out what git
// keeps compressed.
func (w *walk) enter(path string) error {
	base, parent := filepath.Base(path), filepath.Base(filepath.Dir(path))
	if parent == ".git" && (base == "objects" || base == "lfs") {
		return filepath.SkipDir
	}
	if files, err := readIndex(path); err == nil {
		w.indexes[path] = files
		w.tops = append(w.tops, path)
	}
	return nil
}

func (w *walk) fresh(info fs.FileInfo) bool {
	changed := safepath.ChangeTime(info)
	if changed.Before(info.ModTime()) {
		changed = info.ModTime()
	}
	return !changed.Before(w.since)
}

// committed reports whether git's index has the file as it is.
func (w *walk) committed(path string, info fs.FileInfo) bool {
	for _, top := range slices.Backward(w.tops) {
		if name, err := safepath.Rel(top, path); err == nil {
			entry, known := w.indexes[top][name]
			return known && entry.is(info)
		}
	}
	return false
}

func (w *walk) cannot(path string, err error) {
	reason := "it cannot be read"
	switch {
	case errors.Is(err, fs.ErrPermission):
		reason = "the agent's user may not read it"
	case errors.Is(err, fs.ErrNotExist):
		reason = "it is gone"
	}
	w.found.Unread = append(w.found.Unread, Unread{path, reason})
}

func isDependency(path string) bool {
	if strings.Contains(filepath.ToSlash(path), goModules) {
		return true
	}
	for part := range strings.SplitSeq(filepath.ToSlash(filepath.Dir(path)), "/") {
		if slices.Contains(dependencies, part) {
			return true
		}
	}
	return false
}

// Open opens a regular file for reading, and nothing else: no link, and no pipe that
// would have us wait for its writer. The error says why, without the path.
func Open(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|only, 0)
	if err != nil {
		return nil, cause(err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a regular file any more")
	}
	if err != nil {
		return nil, errors.Join(cause(err), file.Close())
	}
	return file, nil
}

func cause(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}
