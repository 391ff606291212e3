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
	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/shared/pipeline"
	"github.com/guardrails-ci/guardrails/shared/report"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/safecache/entry"
	"github.com/guardrails-ci/guardrails/tasks/safecache/trust"
)

// post is the post stage. The agent runs it whatever happened before.
func post(ctx context.Context, env *task.Env, in Inputs) error {
	if in.Command != CommandRestoreSave {
		return nil
	}
	err := saveAtEnd(ctx, env, in)
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

// saveAtEnd saves what belongs to the key that the main stage looked for.
func saveAtEnd(ctx context.Context, env *task.Env, in Inputs) error {
	if env.TaskVar(refusedVariable) == "true" {
		env.Log.Print("Not saved: this step refused something above.")
		return nil
	}
	state, ran := thaw(env)
	if reason := skip(env.Var("Agent.JobStatus"), in, ran, state); reason != "" {
		env.Log.Print(reason)
		return nil
	}
	s, err := understand(ctx, env, state.in(in))
	if err != nil {
		return keyLost(env, err)
	}
	if changes := state.changes(s.keys.key); changes != nil {
		notSaved(env, "cache/key-changed", "the key changed since the cache was restored: "+strings.Join(changes, "; ")+
			"; what this build downloaded would be stored under a key that it does not belong to",
			"let no step change the files that the key is made from; "+
				"npm install edits package-lock.json, where npm ci does not")
		return nil
	}
	if err := s.judge(); err != nil {
		return staleNow(env, err)
	}
	return s.save(ctx, state, &result{})
}

// staleNow is a lock file that was good when the step began, and is stale now: a
// release may have raised versions in the manifests. Then nothing is saved.
func staleNow(env *task.Env, err error) error {
	var stale *lockfile.StaleError
	if !errors.As(err, &stale) {
		return err
	}
	reason := fmt.Sprintf("%s does not belong to %s any more, which a step of this job changed: %s",
		stale.Path, stale.Manifest, some(stale.Differences, 5))
	notSaved(env, "cache/stale-lock", reason,
		"save before that step, with the command save, or let no step change the manifests")
	return nil
}

// saveNow is the command save.
func saveNow(ctx context.Context, env *task.Env, in Inputs) error {
	r := result{hit: miss}
	err := func() error {
		s, err := understand(ctx, env, in)
		if err != nil {
			return err
		}
		if err := s.judge(); err != nil {
			return err
		}
		state := s.freeze()
		state.Rejected = env.Var(rejectedVariable)
		return s.save(ctx, state, &r)
	}()
	return errors.Join(err, r.announce(env, in.CacheHitVar))
}

// skip returns why nothing is to be saved; the first two texts begin as Cache@2's.
func skip(jobStatus string, in Inputs, ran bool, state frozen) string {
	wanted := []string{"Succeeded"}
	if in.SaveOn == SaveOnSucceededWithIssues {
		wanted = append(wanted, "SucceededWithIssues")
	}
	is := func(status string) bool { return strings.EqualFold(status, jobStatus) }
	switch {
	case in.LookupOnly:
		return "Nothing is saved: lookupOnly is set."
	case in.SaveOn == SaveOnNever:
		return "Nothing is saved: saveOn is never."
	case !slices.ContainsFunc(wanted, is):
		return fmt.Sprintf("Skipping because the job status was not '%s' (it is '%s').",
			strings.Join(wanted, "' or '"), jobStatus)
	case !ran:
		return "Skipping because restore step did not run."
	case state.Exact:
		return "There is nothing to save: the entry of this very key was restored, and entries never change."
	}
	return ""
}

// keyLost is a key that cannot be resolved any more: then nothing is saved.
func keyLost(env *task.Env, err error) error {
	var user *task.UserError
	if errors.Is(err, context.Canceled) || !errors.As(err, &user) || user.Rule != "cache/key" {
		return err
	}
	env.Log.Debug(err.Error())
	notSaved(env, "cache/key-changed",
		"the key cannot be resolved any more: "+strings.ReplaceAll(err.Error(), "\n", "; "),
		"let no step delete the files that the key is made from")
	return nil
}

// notSaved says why there is no entry. The step still succeeds: the result of a
// post stage becomes the job's status (Agent.JobStatus), and with any other than
// Succeeded the caches of all other steps would not be saved either.
func notSaved(env *task.Env, rule, reason, hint string) {
	env.Log.Warning(pipeline.Issue{Message: "the cache is not saved: " + reason + ". How to fix: " + hint, Code: rule})
	env.Report.Set("notSaved", reason)
}

// save makes an entry of the folder, if this run may.
func (s *step) save(ctx context.Context, state frozen, r *result) error {
	if reason := s.mayNotSave(); reason != "" {
		s.env.Log.Print("Not saved: " + reason)
		s.env.Report.Set("notSaved", reason)
		return nil
	}
	around := look(s.env, s.directory())
	if err := around.refuse(s.folder); err != nil {
		return err
	}
	folder, err := around.resolve(s.folder)
	if err == nil {
		err = inspect(ctx, folder, s.contents())
	}
	if err == nil {
		err = s.store(ctx, folder, state, r)
	}
	return s.lostSave(err)
}

// mayNotSave returns why this run saves nothing, which is as it should be.
func (s *step) mayNotSave() string {
	trusted := s.access.Write != nil && s.access.Write.Tier == trust.Trusted
	switch {
	case s.access.Write == nil:
		return s.access.WhyNoWrite
	case trusted && len(s.known) > 0 && s.signer == nil:
		return "verifyKeys is set, so what a trusted branch saves must be signed, and this run has no signingKey"
	case s.plan.Unproven != "" && !trusted:
		return "only signed entries of trusted branches can be restored here, as " + s.plan.Unproven
	}
	return ""
}

// contents is the rule for what is in the folder: where a lock file names what is
// stored, what else is there does not matter.
func (s *step) contents() rule {
	if s.plan.Claims != nil {
		return lenient
	}
	return strict
}

func (s *step) store(ctx context.Context, folder string, state frozen, r *result) error {
	info, err := os.Stat(folder)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return archive.ErrEmpty
	}
	repo, err := s.openStore(ctx)
	if err != nil {
		return err
	}
	started := s.env.Now()
	draft, err := s.draft(ctx, repo, state)
	if err != nil {
		return err
	}
	if !state.Restored && state.Since > 0 {
		draft.Producer.DownloadSeconds = s.downloadSeconds(ctx, folder, time.Unix(state.Since, 0))
	}
	saved, err := repo.Save(ctx, folder, draft)
	if err != nil {
		return err
	}
	if s.in.Store == StoreStage {
		if err := repo.Keep(ctx, saved); err != nil {
			return err
		}
	}
	s.saySaved(saved, s.env.Now().Sub(started), r)
	return nil
}

// draft is what the entry says of itself.
func (s *step) draft(ctx context.Context, repo entry.Repository, state frozen) (entry.Draft, error) {
	bases, err := s.bases(ctx, repo)
	if err != nil {
		return entry.Draft{}, err
	}
	now := s.env.Now()
	age := s.maxAge
	if s.access.MaxAge > 0 {
		age = min(age, s.access.MaxAge)
	}
	d := entry.Draft{
		Scope: entryScope(*s.access.Write), Segments: segments(s.keys.key), Producer: s.producer(),
		Expires: now.Add(age), Claims: s.plan.Claims, Bases: bases, Packages: packages(s.locks),
		MaxBytes: int64(s.in.MaxSizeMB) * 1_000_000, Replaces: state.Rejected,
		Distrust: !state.Restored,
	}
	if s.eco != nil {
		d.Ecosystem = s.eco.Name
	}
	return d, nil
}

// bases are entries whose packs the new one may use: the nearest of what this run
// may write to.
func (s *step) bases(ctx context.Context, repo entry.Repository) ([]*entry.Entry, error) {
	values := s.keys.key.Values()
	for _, scope := range s.access.Read {
		if scope.Tier != s.access.Write.Tier {
			continue
		}
		for n := len(values) - 1; n > 0; n-- {
			e, err := repo.FindPrefix(ctx, entryScope(scope), values[:n])
			var bad *entry.RejectedError
			if errors.As(err, &bad) {
				s.env.Log.Debug(err.Error())
				break
			}
			if e != nil || err != nil {
				return []*entry.Entry{e}, err
			}
		}
	}
	return nil, nil
}

// downloadSeconds estimates how long the downloads took that a hit would replace:
// from the first to the last file that was written since the restore; 0: unknown.
func (s *step) downloadSeconds(ctx context.Context, folder string, since time.Time) float64 {
	tree, err := archive.Scan(ctx, folder)
	if err != nil {
		return 0
	}
	defer tree.Close() // only read from
	var first, last time.Time
	for _, file := range tree.Files {
		at := tree.ModTime(file.Path)
		if at.Before(since) {
			continue
		}
		if first.IsZero() || at.Before(first) {
			first = at
		}
		if at.After(last) {
			last = at
		}
	}
	return last.Sub(first).Seconds()
}

// packages lists what the lock files name, for later comparisons.
func packages(locks []lockfile.Lock) []string {
	var list []string
	for _, lock := range locks {
		for _, p := range lock.Packages {
			name := strings.ReplaceAll(p.Name+"@"+p.Version, " ", "_")
			list = append(list, strings.TrimSpace(name+" "+strings.Join(p.Integrity, " ")))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (s *step) saySaved(saved entry.Saved, took time.Duration, r *result) {
	m := saved.Manifest
	r.stored, r.storedBytes, r.newBytes = true, saved.StoredBytes, saved.NewBytes
	r.verified, r.dropped = len(m.Files), saved.Dropped
	s.env.Log.Printf("Saved %s, in %s. The entry takes %s in the store, %s of it new.",
		amount(len(m.Files), m.Totals.Bytes), seconds(took), size(saved.StoredBytes), size(saved.NewBytes))
	if saved.Dropped > 0 {
		s.env.Log.Printf("Left out, not named by the lock file: %s.", counted(saved.Dropped, "file"))
	}
	who := "not signed"
	if saved.KeyID != "" {
		who = "signed with the key " + saved.KeyID
	}
	s.env.Log.Printf("Written by %s, to the %s entries of %s, %s; it expires %s. Manifest: %s; contents: SHA-256 %s.",
		m.Producer, m.Scope.Tier, m.Scope.Branch, who, m.Expires.UTC().Format(time.RFC3339), saved.Name, m.Content)
	s.env.Log.Printf("The entry's fingerprint is `%s`.", m.Fingerprint)
	s.env.Report.Summary("Cache saved: %s; %s are new in the store; %s, expires %s.",
		amount(len(m.Files), m.Totals.Bytes), size(saved.NewBytes), who, m.Expires.UTC().Format(time.RFC3339))
	s.env.Report.Set("saved", map[string]any{
		"fingerprint": m.Fingerprint, "files": len(m.Files), "bytes": m.Totals.Bytes, "storedBytes": saved.StoredBytes,
		"newBytes": saved.NewBytes, "droppedNotInLock": saved.Dropped, "seconds": took.Seconds(), "tier": m.Scope.Tier,
		"branch": m.Scope.Branch, "expires": m.Expires, "name": saved.Name, "digest": m.Content,
	})
}
