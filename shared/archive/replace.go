package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Beside the destination there are two folders while a Folder is written and placed:
//
//	<dst>.guardrails-<stageLetters>      a Folder being written, then the old
//	                                     folder being deleted: never anything of value
//	<dst>.guardrails-<stageLetters>-old  the old folder, until the new one is in its
//	                                     place: perhaps the only copy
const (
	stageMark    = ".guardrails-"
	oldMark      = "-old"
	stageLetters = 12
)

// LeftoverError is a success with a flaw: the new folder is in its place, but
// the old one, now at Path, could not be deleted.
type LeftoverError struct {
	Path string
	Err  error
}

// Error names what is left.
func (e *LeftoverError) Error() string {
	return fmt.Sprintf("the folder that was there before could not be deleted; what is left of it is %s", e.Path)
}

// Unwrap returns why.
func (e *LeftoverError) Unwrap() error { return e.Err }

// PlaceError is a destination that cannot be made or replaced, whatever the
// is to be there. It is as it was before.
type PlaceError struct {
	Path   string
	Reason string // "" if only Err knows
	Err    error
}

// Error names the destination and what is wrong with it.
func (e *PlaceError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("%s cannot be replaced: %v", e.Path, e.Err)
	}
	return fmt.Sprintf("%s cannot be replaced: %s", e.Path, e.Reason)
}

// Unwrap returns the file system's error, if there is one.
func (e *PlaceError) Unwrap() error { return e.Err }

// DisplacedError is the worst that a failed Place leaves: the old folder was
// moved aside, and neither the new one nor it could be put into the destination.
type DisplacedError struct {
	Path string // the destination, where nothing is now
	Old  string // where its folder is, whole
	Err  error
}

// Error says where the folder is.
func (e *DisplacedError) Error() string {
	return fmt.Sprintf("%s is missing; the folder that was there is now %s: %v", e.Path, e.Old, e.Err)
}

// Unwrap returns why.
func (e *DisplacedError) Unwrap() error { return e.Err }

// leftover is a folder that was made beside its destination.
type leftover struct {
	path  string
	isOld bool
	at    time.Time
}

// leftovers lists them, by their exact names: what only begins like one is
// somebody else's.
func leftovers(dst string) []leftover {
	beside, _ := os.ReadDir(filepath.Dir(dst)) // what can be listed
	var found []leftover
	for _, entry := range beside {
		letters, ours := strings.CutPrefix(entry.Name(), filepath.Base(dst)+stageMark)
		letters, isOld := strings.CutSuffix(letters, oldMark)
		info, err := entry.Info()
		if ours && err == nil && info.IsDir() && len(letters) == stageLetters &&
			strings.Trim(letters, "abcdefghijklmnopqrstuvwxyz234567") == "" {
			found = append(found, leftover{filepath.Join(filepath.Dir(dst), entry.Name()), isOld, info.ModTime()})
		}
	}
	return found
}

// Recover puts back the folder that a Place at dst had moved aside when it was
// killed or failed, if dst is missing. It returns where that folder was, or "" if
// there was nothing to do.
func Recover(dst string) (string, error) {
	if _, err := os.Lstat(dst); !errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	var newest leftover
	for _, l := range leftovers(dst) {
		if l.isOld && (newest.path == "" || l.at.After(newest.at)) {
			newest = l
		}
	}
	if newest.path == "" {
		return "", nil
	}
	return newest.path, rename(newest.path, dst)
}

// Sweep deletes what a Folder for dst left behind whose maker was killed, if it was made
// before the given time: a younger one may be at work. While dst is missing, what
// may be the only copy of it stays. So does what cannot be deleted; the next sweep
// tries again.
func Sweep(dst string, before time.Time) {
	_, missing := os.Lstat(dst)
	for _, l := range leftovers(dst) {
		if l.at.Before(before) && (!l.isOld || missing == nil) {
			_ = remove(l.path)
		}
	}
}

// mover is what replace needs of the file system.
type mover struct {
	rename func(from, to string) error
	// exchange swaps two folders in one step, or fails with errors.ErrUnsupported.
	exchange func(a, b string) error
}

var disk = mover{rename, exchange}

// replace puts the folder stage in the place of dst: in one step where the system
// can. Otherwise two renames are as close to it as a folder that is not empty
// allows; between them dst is missing, and never half full.
func (m mover) replace(stage, dst string) error {
	touch(dst, stage)
	err := m.exchange(stage, dst)
	switch {
	case err == nil:
		return discard(stage)
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, fs.ErrNotExist):
		return m.replaceInTwo(stage, dst)
	}
	return errors.Join(&PlaceError{Path: dst, Err: err}, remove(stage))
}

func (m mover) replaceInTwo(stage, dst string) error {
	old := stage + oldMark
	err := m.rename(dst, old)
	hadOld := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(&PlaceError{Path: dst, Err: err}, remove(stage))
	}
	if err := m.rename(stage, dst); err != nil {
		if hadOld && m.rename(old, dst) != nil {
			return errors.Join(&DisplacedError{dst, old, err}, remove(stage))
		}
		return errors.Join(&PlaceError{Path: dst, Err: err}, remove(stage))
	}
	if !hadOld {
		return nil
	}
	// Half deleted, it must not be taken for what Recover may put back.
	if m.rename(old, stage) != nil {
		return discard(old)
	}
	return discard(stage)
}

// touch gives dst, which is about to be moved aside, the time of this restore:
// renaming keeps times, and Sweep would take it for something left long ago.
func touch(dst, stage string) {
	if info, err := os.Stat(stage); err == nil {
		_ = os.Chtimes(dst, info.ModTime(), info.ModTime()) // without it, Sweep may come early, for what is worthless
	}
}

func discard(tree string) error {
	if err := remove(tree); err != nil {
		return &LeftoverError{tree, err}
	}
	return nil
}

// remove deletes a tree, folders without write permission included, as some
// package managers make them.
func remove(tree string) error {
	if os.RemoveAll(tree) == nil {
		return nil
	}
	err := filepath.WalkDir(tree, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			return os.Chmod(name, 0o700) // a folder, to delete what is in it
		}
		return nil
	})
	return errors.Join(os.RemoveAll(tree), err)
}
