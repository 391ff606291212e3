package safecache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/archive"
	"github.com/guardrails-ci/guardrails/shared/pipeline"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/safecache/entry"
	"github.com/guardrails-ci/guardrails/tasks/safecache/explain"
)

// restore is the commands restore+save, restore and open.
func restore(ctx context.Context, env *task.Env, in Inputs) error {
	r := result{hit: miss}
	if checkHitVariable(in.CacheHitVar) != nil {
		_, err := parseSettings(in) // which says it too, beside whatever else is wrong
		return err
	}
	err := tryRestore(ctx, env, in, &r)
	if in.Command != CommandRestoreSave && r.name != "" {
		err = errors.Join(err, env.Log.SetVariable(rejectedVariable, r.name, pipeline.Var{}))
	}
	if err == nil && in.FailOnMiss && (r.hit == miss || r.hit == rejected) {
		err = &task.UserError{
			Rule: "cache/miss", Msg: "nothing was restored, and failOnMiss is set",
			Hint: "the lines above say why; save an entry first, in a run of a trusted branch",
		}
	}
	return errors.Join(err, keepRefusal(env, in, err), r.announce(env, in.CacheHitVar))
}

func tryRestore(ctx context.Context, env *task.Env, in Inputs, r *result) error {
	s, err := understand(ctx, env, in)
	if err != nil {
		return err
	}
	warnConstant(env, s.keys.key)
	if err := s.judge(); err != nil {
		return err
	}
	state := s.freeze()
	if err := state.keep(env); err != nil {
		return err
	}
	folder, err := s.prepare(ctx)
	if err != nil {
		return s.lostRestore("the folder "+s.folder, err, r)
	}
	err = s.fetch(ctx, folder, r)
	state.Exact, state.Rejected = r.hit == exact, r.name
	state.Restored, state.Since = r.verified > 0, env.Now().Unix()
	if s.eco != nil && err == nil && !in.LookupOnly {
		next := cmp.Or(s.plan.Next, s.eco.Next)
		env.Log.Printf("Now run %s, hit or miss: only that compares what is installed with the lock file.", next)
		err = env.Log.SetVariable(nextVariable, next, pipeline.Var{})
	}
	return errors.Join(err, state.keep(env))
}

// Variables of the job, for later steps: what was rejected, so that a step with the
// command save replaces it, and the command that must follow a restore.
const (
	rejectedVariable = "SAFECACHE_REJECTED"
	nextVariable     = "SAFECACHE_REQUIRED_NEXT"
)

// fetch looks for an entry and restores it to the folder.
func (s *step) fetch(ctx context.Context, folder string, r *result) error {
	repo, err := s.openStore(ctx)
	if err != nil {
		return s.lostRestore(s.storeName(), err, r)
	}
	s.env.Log.Print("Store: " + s.storeName() + s.absence() + ".")
	found, err := s.find(ctx, repo)
	if err != nil {
		r.name = found.replaced(err)
		return s.lostRestore(s.storeName(), err, r)
	}
	if found.entry == nil {
		s.explainMiss(ctx, repo, found)
		return nil
	}
	s.sayFound(found, r)
	if s.in.LookupOnly {
		r.hit = found.hit
		s.env.Log.Print("Looked up only: nothing is restored, and nothing will be saved.")
		return nil
	}
	err = s.unpack(ctx, repo, found, folder, r)
	if errors.Is(err, archive.ErrEmpty) { // only of an entry for another lock file, see unpack
		r.matched = ""
		s.env.Log.Print("Nothing is restored of it: none of its files is named by the lock file.")
		found.hit = miss
		s.explainMiss(ctx, repo, found)
		return nil
	}
	if err != nil {
		r.name = found.replaced(err)
		return s.lostRestore(s.storeName(), err, r)
	}
	r.hit = found.hit
	if found.hit == partial {
		s.env.Log.Print(partialText(found.entry.Manifest, s.keys))
	}
	return nil
}

// found is an entry, and how it was found.
type found struct {
	entry   *entry.Entry
	hit     hit
	expired string // what is too old, if nothing else was found
}

// replaced is the name of the key's own entry if the error rejects it: the next
// save replaces it. Trouble with the store or the disk rejects nothing.
func (f found) replaced(err error) string {
	var bad *entry.RejectedError
	if f.hit != exact || f.entry == nil || !errors.As(err, &bad) {
		return ""
	}
	return f.entry.Name
}

// find returns the entry of the key or else, of the first restore key that has
// any, the newest. What this run would rather believe comes first. What is too old
// is not there.
func (s *step) find(ctx context.Context, repo entry.Repository) (found, error) {
	f, err := s.search(ctx, repo)
	if err == nil && f.hit == partial && !s.namesAny(f.entry.Manifest) {
		s.env.Log.Printf("The nearest entry, of %s, has none of the files that the lock file names.",
			f.entry.Manifest.Producer)
		return found{hit: miss, expired: f.expired}, nil
	}
	if err == nil && f.entry != nil && f.entry.KeyID == "" && s.mustProve(f.hit) {
		err = &entry.RejectedError{
			Entry: f.entry.Name, Kind: entry.KindSignature,
			Reason: "it is not signed by a known key, and nothing else proves what is in its files",
		}
	}
	return f, err
}

// namesAny reports whether today's lock files name any file of an entry, as far as
// its path tells.
func (s *step) namesAny(m entry.Manifest) bool {
	return s.plan.Claims == nil || slices.ContainsFunc(m.Files, func(file entry.File) bool {
		_, named := s.plan.Claims(file.Path)
		return named
	})
}

func (s *step) search(ctx context.Context, repo entry.Repository) (found, error) {
	f := found{hit: miss}
	var err error
	expired := func(err error) bool {
		var bad *entry.RejectedError
		if !errors.As(err, &bad) || bad.Kind != entry.KindExpired {
			return false
		}
		if f.expired == "" {
			f.expired = bad.Reason
		}
		return true
	}
	for _, scope := range s.access.Read {
		f.entry, err = repo.Find(ctx, entryScope(scope), s.keys.key.Values())
		if f.entry != nil || err != nil && !expired(err) {
			f.hit = exact
			return f, err
		}
	}
	for _, restoreKey := range s.keys.restoreKeys {
		for _, scope := range s.access.Read {
			f.entry, err = repo.FindPrefix(ctx, entryScope(scope), restoreKey.Values())
			if f.entry != nil || err != nil && !expired(err) {
				f.hit = partial
				return f, err
			}
		}
	}
	return f, nil
}

func (s *step) sayFound(f found, r *result) {
	m := f.entry.Manifest
	r.found, r.matched, r.storedBytes = true, m.Fingerprint, m.Totals.Stored
	r.age = max(0, s.env.Now().Sub(m.Created))
	s.env.Log.Printf("Entry found at fingerprint: `%s`", m.Fingerprint)
	signed := "is not signed"
	switch {
	case f.entry.KeyID != "":
		signed = "is signed with the key " + f.entry.KeyID
	case len(s.known) == 0:
		signed = "whether it is signed is not looked at, as verifyKeys is empty"
	}
	s.env.Log.Printf("It was saved by %s, %s; it is one of the %s entries of %s and %s.",
		m.Producer, age(r.age), m.Scope.Tier, m.Scope.Branch, signed)
}

// unpack restores an entry, and says what it came to.
func (s *step) unpack(ctx context.Context, repo entry.Repository, f found, folder string, r *result) error {
	if err := s.checkEntry(f.entry); err != nil {
		return err
	}
	started := s.env.Now()
	got, err := repo.Restore(ctx, f.entry, folder, entry.RestoreOptions{
		Claims: s.plan.Claims, MustProve: s.mustProve(f.hit),
	})
	var left *archive.LeftoverError
	if errors.As(err, &left) {
		message := "the cache was restored, but " + left.Error()
		s.env.Log.Warning(pipeline.Issue{Message: message, Code: "cache/leftover"})
		err = nil
	}
	if errors.Is(err, archive.ErrEmpty) && f.hit == exact { // nobody saves such an entry
		return &entry.RejectedError{
			Entry: f.entry.Name, Kind: entry.KindClaim, Reason: "none of its files is named by the lock file",
		}
	}
	if err != nil {
		return err
	}
	archive.Sweep(folder, started.Add(-24*time.Hour))
	took := s.env.Now().Sub(started)
	r.verified, r.dropped = got.Files, got.Dropped
	s.env.Log.Printf("Cache restored to %s: %s, %s, in %s.",
		folder, amount(got.Files, got.Bytes), s.proof(), seconds(took))
	if got.Dropped > 0 {
		s.env.Log.Printf("Left out, not named by the lock file: %s.", counted(got.Dropped, "file"))
	}
	m := f.entry.Manifest
	s.env.Report.Set("restored", map[string]any{
		"files": got.Files, "bytes": got.Bytes, "seconds": took.Seconds(), "producer": m.Producer,
		"created": m.Created, "keyID": f.entry.KeyID,
	})
	advice := s.sayTime(m.Producer.DownloadSeconds, took, r)
	s.env.Report.Summary("Cache (%s): %s, saved by %s, restored in %s. %s", string(f.hit), amount(got.Files, got.Bytes),
		m.Producer.String(), seconds(took), advice)
	return nil
}

// proof says what a restored file was held against.
func (s *step) proof() string {
	if s.plan.Claims != nil && s.plan.Unproven == "" {
		return "each verified against the lock file"
	}
	return "each verified to be as it was saved"
}

// mustProve reports whether an entry needs a trusted signature: where no lock file
// proves its files, and of a critical cache where the key is not the entry's own.
func (s *step) mustProve(h hit) bool {
	return s.plan.Unproven != "" || s.in.Critical && (h == partial || s.plan.Claims == nil)
}

// sayTime compares the restore with the download that it replaces.
func (s *step) sayTime(download float64, took time.Duration, r *result) string {
	if download <= 0 {
		return ""
	}
	saved, advice := explain.Saved(time.Duration(download*float64(time.Second)), took)
	value := saved.Seconds()
	r.saved = &value
	advice = strings.ToUpper(advice[:1]) + advice[1:] + "."
	s.env.Log.Print(advice)
	return advice
}

// lostRestore decides what a failure costs: refusals, cancelling and the loss of
// the folder end the step; everything else costs only the cache, unless it is a
// critical one. What was being used is said by what.
func (s *step) lostRestore(what string, err error, r *result) error {
	var user *task.UserError
	var bad *entry.RejectedError
	var displaced *archive.DisplacedError
	var place *archive.PlaceError
	switch {
	case errors.As(err, &displaced):
		return displacedError(displaced)
	case errors.As(err, &user), errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &bad):
		return s.rejectedEntry(bad, r)
	case errors.As(err, &place):
		what = "the folder " + place.Path
	}
	s.env.Log.Debug(err.Error())
	message := fmt.Sprintf("no cache is restored, as there is trouble with %s%s: %s", what, at(err, what), trouble(err))
	if s.in.Critical || s.in.FailOnMiss {
		return &task.UserError{
			Class: task.Environment, Rule: "cache/environment", Msg: message, Err: err,
			Hint: "correct that; only a cache that is neither critical nor failOnMiss may be missing in silence",
		}
	}
	s.env.Log.Warning(pipeline.Issue{Message: message + "; the build goes on without it", Code: "cache/environment"})
	return nil
}

// rejectedEntry says why an entry was not believed. The build goes on as after a
// miss, and its own save makes a new entry.
func (s *step) rejectedEntry(bad *entry.RejectedError, r *result) error {
	r.hit, r.reason, r.matched = rejected, bad.Reason, ""
	s.env.Report.Set("rejected", map[string]any{"entry": bad.Entry, "kind": string(bad.Kind), "reason": bad.Reason})
	message := fmt.Sprintf("the cache entry %s was rejected, and nothing of it was restored: %s", bad.Entry, bad.Reason)
	hint := rejectedHint(bad)
	s.env.Report.Summary("Cache (rejected): %s", bad.Reason)
	if s.in.Critical {
		return &task.UserError{Rule: "cache/rejected", Msg: message, Hint: hint, Err: bad}
	}
	s.env.Log.Warning(pipeline.Issue{
		Message: message + "; the build goes on as after a miss. How to fix: " + hint, Code: "cache/rejected",
	})
	return nil
}

func rejectedHint(bad *entry.RejectedError) string {
	if bad.Kind == entry.KindSignature {
		return "let a run of a trusted branch save it with the signingKey whose public key is in verifyKeys"
	}
	return "find out who writes to the store: another program, a failing disk or an attacker, as SafeCache never " +
		"changes an entry; the next save of this key makes a new one, and the command delete removes it"
}

// at names what an error is about, if that is not said already.
func at(err error, said string) string {
	if path := troublePath(err); path != "" && !strings.HasSuffix(said, path) {
		return " (at " + path + ")"
	}
	return ""
}
