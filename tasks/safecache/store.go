package safecache

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/guardrails-ci/guardrails/shared/archive"
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
		Dir: dir, Now: env.Now(), Limits: archive.DefaultLimits(),
		Scope: dirstore.Scope{
			Collection: env.Var("System.CollectionUri"),
			Project:    env.Var("System.TeamProjectId"),
			Definition: definition,
		},
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
	for _, known := range []struct {
		is    error
		words string
	}{
		{context.Canceled, "the step was stopped"},
		{syscall.ENOSPC, "the disk is full"},
		{syscall.EROFS, "the disk is read-only"},
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
	if errors.As(err, &path) {
		return path.Path
	}
	return ""
}

func tamperedError(err *dirstore.TamperedError) error {
	return &task.UserError{
		Rule: "cache/tampered",
		Msg: "the cache entry of this key was tampered with or damaged: " + err.File +
			" is not as it was saved (" + err.Reason + "); nothing of it was restored",
		Hint: "delete the folder " + err.Entry + ", so that the next run makes a new one, " +
			"and find out who writes there: another program, a failing disk or an attacker, " +
			"as SafeCache never changes an entry",
		Err: err,
	}
}
