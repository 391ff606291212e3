package safecache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/safecache/cachekey"
	"github.com/guardrails-ci/guardrails/tasks/safecache/ecosystem"
)

// chooseEcosystem returns the ecosystem of a step, nil for a generic cache. The
// names are those of the files that the key is made from or, without a key, of the
// files in the sources folder.
func chooseEcosystem(choice Ecosystem, names []string) (*ecosystem.Ecosystem, error) {
	if choice == EcosystemGeneric {
		return nil, nil
	}
	if known, ok := ecosystem.Named(string(choice)); ok {
		return &known, nil
	}
	var found []ecosystem.Ecosystem
	var list []string
	for _, candidate := range ecosystem.All() {
		if slices.ContainsFunc(names, func(name string) bool { return isLock(candidate, name) }) {
			found, list = append(found, candidate), append(list, candidate.Name)
		}
	}
	switch len(found) {
	case 0:
		return nil, nil
	case 1:
		return &found[0], nil
	}
	return nil, &task.UserError{
		Class: task.BadInput, Rule: "cache/ecosystem",
		Msg: "there are lock files of several package managers: " + strings.Join(list, ", "),
		Hint: "set ecosystem to the one whose downloads path holds, and use a step for each, " +
			"or set ecosystem: generic for a folder that holds something else",
	}
}

// isLock reports whether a file is a lock file of the ecosystem, by its name.
func isLock(e ecosystem.Ecosystem, name string) bool {
	base := path.Base(filepath.ToSlash(name))
	return slices.ContainsFunc(e.Locks, func(pattern string) bool {
		ok, err := path.Match(pattern, base)
		return ok && err == nil
	})
}

// mainLock is the lock file among names that says most of the ecosystem's packages:
// of several of one kind the one with the plainest name. "" if there is none.
func mainLock(e ecosystem.Ecosystem, names []string) string {
	for _, pattern := range e.Locks {
		best := ""
		for _, name := range names {
			if ok, err := path.Match(pattern, name); ok && err == nil && (best == "" || len(name) < len(best)) {
				best = name
			}
		}
		if best != "" {
			return best
		}
	}
	return ""
}

// lockNames are the files that the key is made from.
func lockNames(key cachekey.Resolved) []string {
	var names []string
	for _, segment := range key {
		for _, match := range segment.Matches {
			names = append(names, match.Path)
		}
	}
	return names
}

// readLocks reads the lock files among names, which are relative to the workspace
// as a key's matches are, and refuses those from which nothing can be verified.
func readLocks(workspace string, e ecosystem.Ecosystem, names []string) ([]lockfile.Lock, error) {
	var locks []lockfile.Lock
	var errs []error
	for _, name := range names {
		if !isLock(e, name) {
			continue
		}
		lock, err := readLock(workspace, name)
		if err != nil {
			errs = append(errs, lockError(name, err))
			continue
		}
		locks = append(locks, lock)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if len(locks) == 0 {
		return nil, &task.UserError{
			Class: task.BadInput, Rule: "cache/lock",
			Msg:  fmt.Sprintf("no lock file of %s is part of the key, so nothing says what may be cached", e.Name),
			Hint: fmt.Sprintf("add it to the key (%s), or set ecosystem: generic", strings.Join(e.Locks, ", ")),
		}
	}
	return locks, nil
}

func readLock(workspace, name string) (lockfile.Lock, error) {
	root, rel := workspace, name
	if !filepath.IsLocal(name) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(workspace, name)
		}
		root, rel = filepath.Dir(name), filepath.Base(name)
	}
	tree, err := os.OpenRoot(root)
	if err != nil {
		return lockfile.Lock{}, err
	}
	defer tree.Close() // only read from
	lock, err := lockfile.Read(tree.FS(), filepath.ToSlash(rel))
	if err != nil {
		return lock, err
	}
	return lock, errors.Join(unproven(lock), lockfile.Stale(tree.FS(), lock))
}

// unproven refuses packages that a registry could change without anybody noticing.
func unproven(lock lockfile.Lock) error {
	if len(lock.Unproven) == 0 {
		return nil
	}
	return &task.UserError{
		Rule: "cache/integrity",
		Msg: fmt.Sprintf("%s has no hash for %s, so nothing could verify what the cache brings back",
			lock.Path, some(lock.Unproven, 5)),
		Hint: "let the package manager write the lock file again with hashes (npm: delete the entries and run " +
			"npm install; pip: pip-compile --generate-hashes), and commit it; or set ecosystem: generic to trust " +
			"whoever can write to the store",
	}
}

func lockError(name string, err error) error {
	var stale *lockfile.StaleError
	var format *lockfile.FormatError
	var user *task.UserError
	switch {
	case errors.As(err, &stale):
		return errors.Join(&task.UserError{
			Rule: "cache/stale-lock",
			Msg: fmt.Sprintf("%s does not belong to %s: %s; a cache of it would bring back what the lock file "+
				"says, not what the build asks for", stale.Path, stale.Manifest, some(stale.Differences, 5)),
			Hint: stale.Fix, Err: stale,
		}, otherUser(err))
	case errors.As(err, &format) && path.Base(format.Path) != path.Base(filepath.ToSlash(name)):
		return errors.Join(&task.UserError{
			Class: task.BadInput, Rule: "cache/lock", Err: format,
			Msg:  fmt.Sprintf("%s cannot be compared with what it was made for: %s", name, format.Error()),
			Hint: "correct that file",
		}, otherUser(err))
	case errors.As(err, &format):
		return &task.UserError{
			Class: task.BadInput, Rule: "cache/lock", Err: err,
			Msg:  "the lock file cannot be read: " + format.Error(),
			Hint: "let the package manager write it again, and commit it",
		}
	case errors.As(err, &user), errors.Is(err, context.Canceled):
		return err
	}
	return &task.UserError{
		Class: task.Environment, Rule: "cache/lock", Err: err,
		Msg:  fmt.Sprintf("the lock file %s cannot be read: %s", name, trouble(err)),
		Hint: "is the checkout before this step, and is the file one of the workspace and no link out of it?",
	}
}

// otherUser returns the refusal that was found beside another error, or nil.
func otherUser(err error) error {
	var user *task.UserError
	if errors.As(err, &user) {
		return user
	}
	return nil
}

// some names the first few of a list.
func some(list []string, most int) string {
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
}

// knownLocks lists the lock files in a folder.
func knownLocks(folder string) []string {
	entries, _ := os.ReadDir(folder) // one that cannot be read has none that could be
	var names []string
	for _, entry := range entries {
		if !entry.IsDir() && lockfile.Known(entry.Name()) {
			names = append(names, entry.Name())
		}
	}
	return names
}
