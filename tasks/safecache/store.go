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
	"github.com/guardrails-ci/guardrails/shared/pipeline"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/safecache/dirstore"
)

// directory returns the absolute cache directory.
func directory(env *task.Env, in Inputs) (string, error) {
	dir := in.Directory
	if tools := env.Var("Agent.ToolsDirectory"); dir == "" && tools != "" {
		dir = filepath.Join(tools, "guardrails-cache")
	}
	if !filepath.IsAbs(dir) {
		return "", &task.UserError{
			Class: task.BadInput, Rule: "cache/directory", Msg: "directory is not an absolute path",
			Hint: "leave it empty, or begin it with a folder that outlives the job, such as $(Agent.ToolsDirectory)/",
		}
	}
	return filepath.Clean(dir), nil
}

func newStore(env *task.Env, dir string) dirstore.Store {
	definition := env.Var("System.DefinitionId")
	if env.Var("System.HostType") == "release" || env.Var("System.HostType") == "deployment" {
		definition = "release/" + env.Var("Release.DefinitionId")
	}
	return dirstore.Store{
		Skipped: warnOnce(env), Check: checkEntry,
		Dir: dir, Now: env.Now(), Limits: archive.DefaultLimits(),
		Scope: dirstore.Scope{
			Collection: env.Var("System.CollectionUri"),
			Project:    env.Var("System.TeamProjectId"),
			Definition: definition,
		},
	}
}

// warnOnce returns what tells of each incomplete entry, however often it is found.
func warnOnce(env *task.Env) func(*dirstore.IncompleteError) {
	told := map[string]bool{}
	return func(e *dirstore.IncompleteError) {
		if told[e.Entry] {
			return
		}
		told[e.Entry] = true
		env.Log.Warning(pipeline.Issue{
			Message: fmt.Sprintf("the cache entry %s counts as none, because somebody has deleted a part of it: "+
				"%s is missing; it is replaced when its key is saved again. How to fix: delete the whole folder",
				e.Entry, e.File),
			Code: "cache/incomplete",
		})
	}
}

func producer(env *task.Env) dirstore.Producer {
	return dirstore.Producer{
		BuildID:     env.Var("Build.BuildId"),
		BuildNumber: env.Var("Build.BuildNumber"),
		Commit:      env.Var("Build.SourceVersion"),
		Branch:      env.Var("Build.SourceBranch"),
		Agent:       env.Var("Agent.Name"),
	}
}

// trouble says in our own words why the disk or the network did not do something.
func trouble(err error) string {
	var incomplete *dirstore.IncompleteError
	if errors.As(err, &incomplete) {
		return "somebody is deleting it, and " + incomplete.File + " is gone"
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

func tamperedError(err *dirstore.TamperedError, found hit) error {
	which := "the cache entry of this key"
	if found != exact {
		which = "a cache entry that was found through a restore key"
	}
	return &task.UserError{
		Rule: "cache/tampered",
		Msg: which + " was tampered with or damaged: " + err.File +
			" is not as it was saved (" + err.Reason + "); nothing of it was restored",
		Hint: "delete the folder " + err.Entry + ", so that the next run makes a new one, " +
			"and find out who writes there: another program, a failing disk or an attacker, " +
			"as SafeCache never changes an entry; without access to the agent, change the variable AZP_CACHING_SALT " +
			"to start afresh (keep the folder for whoever looks into it)",
		Err: err,
	}
}
