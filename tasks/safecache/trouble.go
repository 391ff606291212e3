package safecache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/guardrails-ci/guardrails/shared/archive"
	"github.com/guardrails-ci/guardrails/shared/azure"
	"github.com/guardrails-ci/guardrails/shared/pipeline"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/safecache/entry"
	"github.com/guardrails-ci/guardrails/tasks/safecache/store"
	"github.com/guardrails-ci/guardrails/tasks/safecache/store/blob"
)

// lostSave decides what a failure costs: refusals and cancelling end the step,
// everything else only the entry.
func (s *step) lostSave(err error) error {
	var user *task.UserError
	var exists *entry.ExistsError
	var bad *entry.RejectedError
	var file *entry.FileError
	var refused *archive.RefusedError
	var unmade *store.MakeError
	switch {
	case err == nil, errors.As(err, &user), errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &exists):
		s.sayExists(exists)
	case errors.As(err, &file):
		return &task.UserError{
			Rule: "cache/poisoned", Err: err,
			Msg: fmt.Sprintf("%s holds a file that is not what the lock file says, so nothing is saved: %s: %s",
				s.folder, file.Path, file.Reason),
			Hint: "delete the folder and install again; if that happens again, find out what writes there: " +
				"a build step, another job on this agent, or an attacker",
		}
	case errors.As(err, &bad):
		notSaved(s.env, "cache/rejected", bad.Reason, savedHint(bad))
	case errors.As(err, &refused):
		notSaved(s.env, "cache/content", fmt.Sprintf("%s cannot be a cache: %s", s.folder, refused.Error()),
			"cache only the folder that the package manager downloads to; one with links in it cannot be stored")
	case errors.As(err, &unmade):
		s.env.Log.Debug(err.Error())
		notSaved(s.env, "cache/environment", fmt.Sprintf("%s cannot be made: %s%s", s.storeName(), trouble(err),
			at(err, s.storeName())), "make room, or correct what is there and its permissions")
	case errors.Is(err, archive.ErrEmpty):
		s.sayEmpty()
	case errors.Is(err, archive.ErrChanged):
		s.env.Log.Debug(err.Error())
		notSaved(s.env, "cache/busy", "somebody wrote to "+s.folder+" while it was being read, twice",
			"let no background process outlive its step")
	default:
		s.env.Log.Debug(err.Error())
		notSaved(s.env, "cache/environment", fmt.Sprintf("there is trouble with %s%s: %s", s.storeName(),
			at(err, s.storeName()), trouble(err)), "make room, or correct what is there and its permissions")
	}
	return nil
}

func savedHint(bad *entry.RejectedError) string {
	if bad.Kind == entry.KindSignature {
		return "add the public key that belongs to signingKey to verifyKeys, or sign with the key of one that is there"
	}
	return rejectedHint(bad)
}

// sayExists tells of an entry that another run was faster to save. Other contents
// under one key are a sign: downloads that differ from run to run, or poison.
func (s *step) sayExists(exists *entry.ExistsError) {
	m := exists.Manifest
	s.env.Log.Printf("Cache with fingerprint `%s` already exists: it was already saved by %s. Nothing is saved.",
		m.Fingerprint, m.Producer)
	if exists.SameContent {
		return
	}
	s.env.Log.Warning(pipeline.Issue{
		Message: fmt.Sprintf("the entry that %s saved under this key has other contents than what this run has. "+
			"How to fix: find out which of them is right: with one lock file, two runs should download the same",
			m.Producer),
		Code: "cache/different-content",
	})
	s.env.Report.Set("differentContent", m.Producer.String())
}

// sayEmpty tells why there is nothing to save.
func (s *step) sayEmpty() {
	if s.plan.Claims == nil {
		notSaved(s.env, "cache/empty", "there are no files in "+s.folder,
			"check that path is where the package manager keeps its downloads")
		return
	}
	notSaved(s.env, "cache/empty", fmt.Sprintf("there is no file in %s that the lock file names", s.folder),
		"check that path is where "+s.eco.Name+" keeps its downloads, and that the install step downloads; "+
			"if path is not that cache, set ecosystem: generic")
}

// trouble says in our own words why the disk or the network did not do something.
func trouble(err error) string {
	var access *blob.AccessError
	var connection *azure.Error
	switch {
	case errors.As(err, &access):
		return access.Error()
	case errors.As(err, &connection):
		return connection.Error()
	}
	var place *archive.PlaceError
	if errors.As(err, &place) && place.Reason != "" {
		return place.Reason + ", and cannot be replaced by another folder"
	}
	for _, known := range []struct {
		is    error
		words string
	}{
		{context.Canceled, "the step was stopped"},
		{syscall.ENOSPC, "the disk is full"},
		{syscall.EROFS, "the disk is read-only"},
		{syscall.EBUSY, "it is a mount point or in use, and cannot be replaced by another folder"},
		{syscall.EXDEV, "it is a mount point or comes with a container's image, and cannot be replaced"},
		{fs.ErrPermission, "the agent's account has no permission for it"},
		{fs.ErrNotExist, "it does not exist"},
		{syscall.ENOTDIR, "a file is in the place of a folder"},
		{fs.ErrExist, "something else is in its place"},
	} {
		if errors.Is(err, known.is) {
			return known.words
		}
	}
	return "it could not be read or written"
}

// troublePath is the file or folder that an error is about, or "".
func troublePath(err error) string {
	var path *fs.PathError
	var link *os.LinkError
	var place *archive.PlaceError
	switch {
	case errors.As(err, &place):
		return place.Path
	case errors.As(err, &path):
		return path.Path
	case errors.As(err, &link):
		return link.New
	}
	return ""
}

func displacedError(err *archive.DisplacedError) error {
	return &task.UserError{
		Class: task.Environment, Rule: "cache/displaced",
		Msg: fmt.Sprintf("the folder %s is missing: it was moved aside to be replaced, and neither the cache nor it "+
			"could be put in its place; it is now %s, whole", err.Path, err.Old),
		Hint: "find out what else works in " + filepath.Dir(err.Path) + " while the step runs; " +
			"the next run of this step puts the folder back, or rename it yourself",
		Err: err,
	}
}
