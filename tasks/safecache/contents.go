package safecache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/guardrails-ci/guardrails/shared/safepath"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/safecache/entry"
)

// A rule says why a file or folder must not be in a cache; nil if it may. The name
// has slashes, and begins below the cache.
type rule func(name string, dir bool) error

// lenient is the rule for what a restore replaces: only what certainly is no
// download cache, as the folder may be there for another reason.
func lenient(name string, dir bool) error {
	if isRepository(name) {
		return refusePath(fmt.Sprintf("path holds %q, so it is not only a download cache: "+
			"a restore would bring back the repository's hooks", name))
	}
	if kind := markedBy(name); kind != nil && !dir {
		return refusePart(kind, name)
	}
	return nil
}

// strict is the rule for what is saved.
func strict(name string, dir bool) error {
	folder := name
	if !dir {
		folder = path.Dir(name)
	}
	if kind, part := holds(folder); kind != nil {
		return refusePart(kind, part)
	}
	return lenient(name, dir)
}

func refusePart(kind *installation, name string) error {
	return refuseInstallation(kind, fmt.Sprintf("path holds %q, which is a part of an installation (%s), "+
		"so it is not only a download cache", name, kind.ecosystem))
}

// inspect is refuse for what is in a folder without links, if it is there: what
// gives an installation or a repository away.
func inspect(ctx context.Context, folder string, rule rule) error {
	info, err := os.Lstat(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return refusePath("path is a file, not a folder")
	}
	return filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return errors.Join(ctx.Err(), ignoreMissing(err))
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		rel, err := safepath.Rel(folder, name)
		if err != nil {
			return err
		}
		return rule(rel, entry.IsDir())
	})
}

// checkEntry returns why what an entry holds must not be restored: where nothing
// names its files, strict kept it from being saved, so something else made it.
func (s *step) checkEntry(e *entry.Entry) error {
	if s.plan.Claims != nil {
		return nil
	}
	check := func(name string, isDir bool) error {
		var user *task.UserError
		if !errors.As(strict(name, isDir), &user) {
			return nil
		}
		return &entry.RejectedError{
			Entry: e.Name, Kind: entry.KindTampered, Reason: "no SafeCache saves such an entry: " + user.Msg,
		}
	}
	for _, file := range e.Manifest.Files {
		if err := check(file.Path, false); err != nil {
			return err
		}
	}
	for _, folder := range e.Manifest.EmptyDirs {
		if err := check(folder, true); err != nil {
			return err
		}
	}
	return nil
}
