package archive

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/guardrails-ci/guardrails/shared/safepath"
)

// Folder is a new folder beside the place that it is to take. Its files may be
// written by several goroutines. It ends with Place or Discard.
type Folder struct {
	dst   string
	old   fs.FileInfo // of the folder at dst; nil if there is none
	stage string      // the new folder
	root  *os.Root    // of stage
	dirs  sync.Map    // folders that are there already
}

// NewFolder makes a folder that is to take the place of dst, whose parent is made
// if need be. The error is a *PlaceError if that cannot be.
func NewFolder(dst string) (*Folder, error) {
	old, err := os.Lstat(dst)
	switch {
	case err == nil && !old.IsDir():
		return nil, &PlaceError{Path: dst, Reason: "it is not a folder"}
	case err == nil && isMount(dst):
		return nil, &PlaceError{Path: dst, Reason: "it is a mount point"}
	}
	if err := os.MkdirAll(filepath.Dir(dst), 0o755); err != nil {
		return nil, &PlaceError{Path: dst, Err: err}
	}
	// What replaces a private folder is private from the start.
	perm := fs.FileMode(0o755)
	if old != nil {
		perm = 0o700
	}
	f := &Folder{dst: dst, old: old, stage: dst + stageMark + strings.ToLower(rand.Text()[:stageLetters])}
	if err := os.Mkdir(f.stage, perm); err != nil {
		return nil, &PlaceError{Path: dst, Err: err}
	}
	if f.root, err = os.OpenRoot(f.stage); err != nil {
		return nil, errors.Join(&PlaceError{Path: dst, Err: err}, remove(f.stage))
	}
	return f, nil
}

// WriteFile makes a file with this content, which there must not be yet.
func (f *Folder) WriteFile(file File, data []byte) error {
	out, err := f.create(file)
	if err != nil {
		return err
	}
	_, err = out.Write(data)
	return errors.Join(err, out.Close())
}

// Create makes a file of the given size, which there must not be yet, to be
// written in pieces (WriteAt). The caller closes it.
func (f *Folder) Create(file File) (*os.File, error) {
	out, err := f.create(file)
	if err != nil {
		return nil, err
	}
	if err := out.Truncate(file.Size); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	return out, nil
}

func (f *Folder) create(file File) (*os.File, error) {
	if err := safepath.CheckPortable(file.Path); err != nil {
		return nil, &RefusedError{file.Path, err.Error()}
	}
	if err := f.Mkdir(path.Dir(file.Path)); err != nil {
		return nil, err
	}
	perm := fs.FileMode(0o644)
	if file.Executable {
		perm = 0o755
	}
	// O_EXCL: a link that somebody has put there is not followed.
	return f.root.OpenFile(filepath.FromSlash(file.Path), os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
}

// Remove takes a file out of the folder again.
func (f *Folder) Remove(name string) error { return f.root.Remove(name) }

// Mkdir makes a folder, and those above it, unless they are there.
func (f *Folder) Mkdir(dir string) error {
	if _, made := f.dirs.Load(dir); made || dir == "." {
		return nil
	}
	if err := safepath.CheckPortable(dir); err != nil {
		return &RefusedError{dir, err.Error()}
	}
	if err := f.root.MkdirAll(filepath.FromSlash(dir), 0o755); err != nil {
		return err
	}
	f.dirs.Store(dir, true)
	return nil
}

// FS returns what was written so far, to be verified before it takes its place.
func (f *Folder) FS() fs.FS { return f.root.FS() }

// Place puts the folder in its place. A folder that is there already is replaced
// as a whole; its permissions stay. Errors are *PlaceError, *DisplacedError and
// *LeftoverError; but for the last, the new folder is gone then.
func (f *Folder) Place() error {
	if err := f.root.Close(); err != nil { // Windows moves no open folder
		return errors.Join(&PlaceError{Path: f.dst, Err: err}, remove(f.stage))
	}
	if f.old != nil {
		if err := os.Chmod(f.stage, f.old.Mode()&(fs.ModePerm|fs.ModeSetgid|fs.ModeSticky)); err != nil {
			return errors.Join(&PlaceError{Path: f.dst, Err: err}, remove(f.stage))
		}
	}
	return disk.replace(f.stage, f.dst)
}

// Discard deletes the folder. What was to be replaced stays as it is.
func (f *Folder) Discard() error { return errors.Join(f.root.Close(), remove(f.stage)) }
