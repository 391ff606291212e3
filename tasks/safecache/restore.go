package safecache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/archive"
	"github.com/guardrails-ci/guardrails/shared/pipeline"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/safecache/dirstore"
)

// hit is what a restore came to.
type hit string

const (
	exact    hit = "exact"
	partial  hit = "partial"
	miss     hit = "miss"
	rejected hit = "rejected"
)

// variable is the value of cacheHitVar, as Cache@2 has it.
func (h hit) variable() string {
	switch h {
	case exact:
		return "true"
	case partial:
		return "inexact"
	}
	return "false"
}

// restore is the main stage.
func restore(ctx context.Context, env *task.Env, in Inputs) error {
	if err := checkHitVariable(in.CacheHitVar); err != nil {
		return err
	}
	result, matched, err := tryRestore(ctx, env, in)
	return errors.Join(err, keepRefusal(env, in, err), announce(env, in, result, matched))
}

// checkHitVariable refuses names that the agent would not set: it turns every
// variable named as an output of the task, in any case, into <step>.<name>
// (ExecutionContext.cs SetVariable), and $(HIT) would stay undefined in silence.
func checkHitVariable(name string) error {
	problem := ""
	switch {
	case strings.EqualFold(name, OutputHit), strings.EqualFold(name, OutputMatchedKey):
		problem = fmt.Sprintf(
			"cacheHitVar cannot be %q: that is an output of this task, and the agent would not set it", name)
	case strings.ContainsAny(name, " \t\r\n$()%|;]"):
		problem = fmt.Sprintf("cacheHitVar is %q, which is not a name that steps can use", name)
	case strings.Contains(name, "."):
		problem = fmt.Sprintf("cacheHitVar is %q, and a name with a dot belongs to the agent or a step's outputs", name)
	case needed(name):
		problem = fmt.Sprintf("cacheHitVar would overwrite %s, which other steps need", name)
	default:
		return nil
	}
	return &task.UserError{
		Class: task.BadInput, Rule: "cache/input", Msg: problem,
		Hint: "use a name such as CACHE_RESTORED",
	}
}

// Variables of the job become the environment of every later step, so these names
// would break it, or decide what it runs.
var (
	neededNames    = []string{"PATH", "HOME", "LD_PRELOAD", "LD_LIBRARY_PATH", "NODE_OPTIONS", "BASH_ENV", "ENV", "IFS"}
	neededPrefixes = []string{"AZP_", "SYSTEM_", "AGENT_", "BUILD_", "INPUT_", "SECRET_", "ENDPOINT_", "VSTS_"}
)

func needed(name string) bool {
	name = strings.ToUpper(name)
	return slices.Contains(neededNames, name) ||
		slices.ContainsFunc(neededPrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// announce sets the variables that later steps read, whatever happened.
func announce(env *task.Env, in Inputs, result hit, matched string) error {
	env.Report.Set("hit", string(result))
	env.Report.Set("matchedKey", matched)
	if err := env.Log.SetVariable(OutputHit, string(result), pipeline.Var{}); err != nil {
		return err
	}
	if err := env.Log.SetVariable(OutputMatchedKey, matched, pipeline.Var{}); err != nil {
		env.Log.Debug("the output matchedKey is not set: " + err.Error())
	}
	if in.CacheHitVar == "" {
		return nil
	}
	return env.Log.SetVariable(in.CacheHitVar, result.variable(), pipeline.Var{})
}

func tryRestore(ctx context.Context, env *task.Env, in Inputs) (hit, string, error) {
	dir, err := directory(env, in)
	if err != nil {
		return miss, "", err
	}
	around := look(env, dir)
	folder := string(in.Path)
	if err := around.refuse(folder); err != nil {
		return miss, "", err
	}
	spec, err := parseKeys(env, in)
	if err != nil {
		return miss, "", err
	}
	found, err := resolveKeys(ctx, env, spec)
	if err != nil {
		return miss, "", err
	}
	warnConstant(env, found.key)
	state := freeze(folder, dir, found.key)
	if err := state.keep(env); err != nil {
		return miss, "", err
	}
	folder, err = prepare(ctx, env, around, folder)
	if err != nil {
		return miss, "", lostRestore(env, "the folder "+string(in.Path), exact, err)
	}
	entry, result, err := find(ctx, newStore(env, dir), found)
	if err != nil {
		return wasRejected(err), "", lostRestore(env, "the cache directory "+dir, result, err)
	}
	if entry == nil {
		env.Log.Print(missText(dir))
		return miss, "", nil
	}
	if err := unpack(ctx, env, entry, folder); err != nil {
		return wasRejected(err), "", lostRestore(env, "the cache entry "+entry.Dir, result, err)
	}
	if result == partial {
		env.Log.Print(partialText(entry.Manifest, found))
	}
	if state.Exact = result == exact; state.Exact {
		err = state.keep(env)
	}
	return result, entry.Manifest.Fingerprint, err
}

func missText(dir string) string {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return "The cache directory does not exist yet; the first save makes it."
	}
	return "There is no entry for this key, nor for a restore key."
}

// prepare returns the folder to restore to, without links, after a look at it.
// Before that, what a restore that was killed has moved aside is put back.
func prepare(ctx context.Context, env *task.Env, around surroundings, folder string) (string, error) {
	folder, err := around.resolve(folder)
	if err != nil {
		return "", err
	}
	from, err := archive.Recover(folder)
	if err != nil {
		return "", fmt.Errorf("putting back %s: %w", from, err)
	}
	if from != "" {
		env.Log.Warning(pipeline.Issue{
			Message: "an earlier restore was interrupted; the folder that was there before is back in its place, " +
				"from " + from,
			Code: "cache/recovered",
		})
	}
	return folder, inspect(ctx, folder, lenient)
}

// find returns the entry of the key, or else the newest of the first restore key
// that has any.
func find(ctx context.Context, store dirstore.Store, k keys) (*dirstore.Entry, hit, error) {
	entry, err := store.Find(k.key.Values())
	if entry != nil || err != nil {
		return entry, exact, err
	}
	for _, restoreKey := range k.restoreKeys {
		entry, err := store.FindPrefix(ctx, restoreKey.Values())
		if entry != nil || err != nil {
			return entry, partial, err
		}
	}
	return nil, miss, nil
}

func unpack(ctx context.Context, env *task.Env, entry *dirstore.Entry, folder string) error {
	m := entry.Manifest
	env.Log.Printf("Entry found at fingerprint: `%s`", m.Fingerprint)
	env.Log.Printf("It was saved by %s, %s.", m.Producer, age(env.Now().Sub(m.Created)))
	started := env.Now()
	err := entry.Restore(ctx, folder)
	var left *archive.LeftoverError
	if errors.As(err, &left) {
		env.Log.Warning(pipeline.Issue{Message: "the cache was restored, but " + left.Error(), Code: "cache/leftover"})
		err = nil
	}
	if err != nil {
		return err
	}
	archive.Sweep(folder, started.Add(-24*time.Hour))
	took := env.Now().Sub(started)
	env.Log.Printf("Cache restored to %s: %s, each verified by its SHA-256, in %s.",
		folder, amount(m.Files, m.Bytes), seconds(took))
	env.Report.Set("restored", map[string]any{
		"files": m.Files, "bytes": m.Bytes, "seconds": took.Seconds(), "producer": m.Producer, "created": m.Created,
	})
	return nil
}

func wasRejected(err error) hit {
	var tampered *dirstore.TamperedError
	var refused *task.UserError
	if errors.As(err, &tampered) || errors.As(err, &refused) {
		return rejected
	}
	return miss
}

// lostRestore decides what a failure costs: refusals, cancelling and the loss of
// the folder end the step, everything else only the cache. What was being used is
// said by what, and of an entry how it was found.
func lostRestore(env *task.Env, what string, found hit, err error) error {
	var user *task.UserError
	var tampered *dirstore.TamperedError
	var displaced *archive.DisplacedError
	var place *archive.PlaceError
	switch {
	case errors.As(err, &displaced):
		return displacedError(displaced)
	case errors.As(err, &user), errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &tampered):
		return tamperedError(tampered, found)
	case errors.As(err, &place):
		what = "the folder " + place.Path
	}
	env.Log.Debug(err.Error())
	env.Log.Warning(pipeline.Issue{
		Message: fmt.Sprintf("no cache is restored, as there is trouble with %s%s: %s; the build goes on without it",
			what, at(err, what), trouble(err)),
		Code: "cache/environment",
	})
	return nil
}

// at names what an error is about, if that is not said already.
func at(err error, said string) string {
	if path := troublePath(err); path != "" && !strings.HasSuffix(said, path) {
		return " (at " + path + ")"
	}
	return ""
}

// amount is "3 files, 1.2 MB".
func amount(files int, bytes int64) string {
	if files == 1 {
		return "1 file, " + size(bytes)
	}
	return fmt.Sprintf("%d files, %s", files, size(bytes))
}

func size(bytes int64) string {
	switch {
	case bytes < 1000:
		return fmt.Sprintf("%d bytes", bytes)
	case bytes < 1_000_000:
		return fmt.Sprintf("%.1f kB", float64(bytes)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "just now"
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}
