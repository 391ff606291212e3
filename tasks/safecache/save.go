package safecache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/archive"
	"github.com/guardrails-ci/guardrails/shared/pipeline"
	"github.com/guardrails-ci/guardrails/shared/report"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/safecache/cachekey"
	"github.com/guardrails-ci/guardrails/tasks/safecache/dirstore"
)

// save is the post stage. The agent runs it whatever happened before.
func save(ctx context.Context, env *task.Env, in Inputs) error {
	err := trySave(ctx, env, in)
	var user *task.UserError
	if !toleratedRefusal(in, err) || !errors.As(err, &user) {
		return err
	}
	// Not returned: see notSaved.
	env.Report.Add(report.Finding{
		Rule: user.Rule, Severity: report.Warning, Message: "the cache is not saved: " + user.Msg, Hint: user.Hint,
	})
	env.Report.Set("notSaved", user.Msg)
	return nil
}

func trySave(ctx context.Context, env *task.Env, in Inputs) error {
	if env.TaskVar(refusedVariable) == "true" {
		env.Log.Print("Not saved: this step refused something above.")
		return nil
	}
	state, ran := thaw(env)
	if reason := skip(env.Var("Agent.JobStatus"), ran, state); reason != "" {
		env.Log.Print(reason)
		return nil
	}
	key, err := keyNow(ctx, env, in, state)
	if key == nil || err != nil {
		return err
	}
	around := look(env, state.Directory)
	if err := around.refuse(state.Path); err != nil {
		return err
	}
	folder, err := around.resolve(state.Path)
	if err == nil {
		err = inspect(ctx, folder, strict)
	}
	if err == nil {
		err = store(ctx, env, state, folder, key)
	}
	return lostSave(env, state, err)
}

// skip returns why nothing is to be saved; the first two texts begin as Cache@2's.
func skip(jobStatus string, ran bool, state frozen) string {
	switch {
	case !strings.EqualFold(jobStatus, "Succeeded"):
		return fmt.Sprintf("Skipping because the job status was not 'Succeeded' (it is '%s').", jobStatus)
	case !ran:
		return "Skipping because restore step did not run."
	case state.Exact:
		return "There is nothing to save: the entry of this very key was restored, and entries never change."
	}
	return ""
}

// keyNow resolves the key again. It returns nil if it is not the one that was
// looked for: what the build downloaded belongs to the files it started with.
func keyNow(ctx context.Context, env *task.Env, in Inputs, state frozen) (cachekey.Resolved, error) {
	spec, err := parseKeys(env, in)
	if err != nil {
		return nil, err
	}
	key, err := resolve(ctx, env, "Resolving key:", spec.Key, "")
	if errors.Is(err, context.Canceled) {
		return nil, err
	}
	if err != nil {
		env.Log.Debug(err.Error())
		notSaved(env, "cache/key-changed",
			"the key cannot be resolved any more: "+strings.ReplaceAll(err.Error(), "\n", "; "),
			"let no step delete the files that the key is made from")
		return nil, nil
	}
	if changes := state.changes(key); changes != nil {
		notSaved(env, "cache/key-changed", "the key changed since the cache was restored: "+strings.Join(changes, "; ")+
			"; what this build downloaded would be stored under a key that it does not belong to",
			"let no step change the files that the key is made from; "+
				"npm install edits package-lock.json, where npm ci does not")
		return nil, nil
	}
	return key, nil
}

// notSaved says why there is no entry. The step still succeeds: the result of a
// post stage becomes the job's status (Agent.JobStatus), and with any other than
// Succeeded the caches of all other steps would not be saved either.
func notSaved(env *task.Env, rule, reason, hint string) {
	env.Log.Warning(pipeline.Issue{Message: "the cache is not saved: " + reason + ". How to fix: " + hint, Code: rule})
	env.Report.Set("notSaved", reason)
}

func store(ctx context.Context, env *task.Env, state frozen, folder string, key cachekey.Resolved) error {
	info, err := os.Stat(folder)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return archive.ErrEmpty
	}
	started := env.Now()
	m, err := newStore(env, state.Directory).Save(ctx, folder, dirstore.Manifest{
		Segments: segments(key), Producer: producer(env),
	})
	if err != nil {
		return err
	}
	took := env.Now().Sub(started)
	env.Log.Printf("Saved %s, stored in %s, in %s.", amount(m.Files, m.Bytes), size(m.Data.Size), seconds(took))
	env.Log.Printf("The entry's fingerprint is `%s`.", m.Fingerprint)
	env.Report.Set("saved", map[string]any{
		"fingerprint": m.Fingerprint, "files": m.Files, "bytes": m.Bytes, "storedBytes": m.Data.Size,
		"seconds": took.Seconds(),
	})
	return nil
}

// lostSave decides what a failure costs: refusals and cancelling end the step,
// everything else only the entry.
func lostSave(env *task.Env, state frozen, err error) error {
	var user *task.UserError
	var tampered *dirstore.TamperedError
	var exists *dirstore.ExistsError
	var refused *archive.RefusedError
	var unmade *dirstore.MakeError
	switch {
	case err == nil, errors.As(err, &user), errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &tampered):
		return tamperedError(tampered, exact)
	case errors.As(err, &exists):
		env.Log.Printf("Cache with fingerprint `%s` already exists: it was %s. Nothing is saved.",
			exists.Manifest.Fingerprint, exists.Error())
	case errors.As(err, &refused):
		notSaved(env, "cache/content", fmt.Sprintf("%s cannot be a cache: %s", state.Path, refused.Error()),
			"cache only the folder that the package manager downloads to")
	case errors.As(err, &unmade):
		env.Log.Debug(err.Error())
		notSaved(env, "cache/environment", fmt.Sprintf("the cache directory %s cannot be made: %s%s",
			state.Directory, trouble(err), at(err, state.Directory)),
			"make room, or correct what is there and its permissions")
	case errors.Is(err, archive.ErrEmpty):
		notSaved(env, "cache/empty", "there are no files in "+state.Path,
			"check that path is where the package manager keeps its downloads")
	case errors.Is(err, archive.ErrChanged):
		env.Log.Debug(err.Error())
		notSaved(env, "cache/busy", "somebody wrote to "+state.Path+" while it was being read, twice",
			"let no background process outlive its step")
	default:
		env.Log.Debug(err.Error())
		where := troublePath(err)
		if where == "" {
			where = state.Directory + " or " + state.Path
		}
		notSaved(env, "cache/environment", fmt.Sprintf("there is trouble at %s: %s", where, trouble(err)),
			"make room, or correct what is there and its permissions")
	}
	return nil
}
