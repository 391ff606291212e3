package safecache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/archive"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/safecache/cachekey"
	"github.com/guardrails-ci/guardrails/tasks/safecache/claim"
	"github.com/guardrails-ci/guardrails/tasks/safecache/entry"
	"github.com/guardrails-ci/guardrails/tasks/safecache/trust"
)

// run is the main stage.
func run(ctx context.Context, env *task.Env, in Inputs) error {
	switch in.Command {
	case CommandSave:
		return saveNow(ctx, env, in)
	case CommandVerify:
		return verify(ctx, env, in)
	case CommandExplain:
		return explainOnly(ctx, env, in)
	case CommandList:
		return list(ctx, env, in)
	case CommandDelete:
		return remove(ctx, env, in)
	case CommandGc:
		return collect(ctx, env, in)
	}
	return restore(ctx, env, in)
}

// verify holds the folder against the lock file, without a store.
func verify(ctx context.Context, env *task.Env, in Inputs) error {
	s, err := understand(ctx, env, in)
	if err != nil {
		return err
	}
	if err := s.judge(); err != nil {
		return err
	}
	if s.eco == nil {
		return badInput(errors.New("a generic cache cannot be verified"), "ecosystem", "set it to the package manager")
	}
	folder, err := look(env, s.directory()).resolve(s.folder)
	if err != nil {
		return err
	}
	tree, err := archive.Scan(ctx, folder)
	if err != nil {
		return s.folderTrouble(err)
	}
	defer tree.Close() // only read from
	named, other, bad, err := s.checkFiles(ctx, tree)
	if err != nil {
		return err
	}
	env.Report.Set("verified", map[string]any{"files": named, "bad": bad, "notInLock": other})
	if len(bad) > 0 {
		return s.poisoned(bad)
	}
	env.Log.Printf("Verified in %s: %s the lock file names, each as the lock file says; %s not named by it, "+
		"which would not be saved.", folder, counted(named, "file"), counted(other, "file"))
	if s.plan.Unproven != "" {
		env.Log.Print("That says little: " + s.plan.Unproven + ".")
	}
	return result{hit: miss, verified: named, dropped: other}.announce(env, in.CacheHitVar)
}

// checkFiles holds every file against the lock file: how many it names, how many it
// does not, and which are not what it says.
func (s *step) checkFiles(ctx context.Context, tree *archive.Tree) (named, other int, bad []string, err error) {
	other = len(tree.Special)
	for _, file := range tree.Files {
		if err := ctx.Err(); err != nil {
			return 0, 0, nil, err
		}
		c, ok := s.plan.Claims(file.Path)
		var wrong error
		if ok {
			wrong = c.Check(tree.FS(), file.Path)
		}
		switch {
		case !ok || c.Maybe && errors.Is(wrong, claim.ErrNotNamed):
			other++
			continue
		case wrong != nil:
			bad = append(bad, file.Path+": "+wrong.Error())
		}
		named++
	}
	return named, other, bad, nil
}

func (s *step) poisoned(bad []string) error {
	return &task.UserError{
		Rule: "cache/poisoned",
		Msg:  fmt.Sprintf("%s in %s not as the lock file says: %s", counted(len(bad), "file"), s.folder, some(bad, 5)),
		Hint: "delete the folder and install again; if that happens again, find out what writes there: " +
			"a build step, another job on this agent, or an attacker",
	}
}

func (s *step) folderTrouble(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return &task.UserError{
		Class: task.Environment, Rule: "cache/environment", Err: err,
		Msg:  fmt.Sprintf("the folder %s cannot be read: %s", s.folder, trouble(err)),
		Hint: "is the install step before this one, and does it download to this folder?",
	}
}

// explainOnly says what a restore would do, and changes nothing.
func explainOnly(ctx context.Context, env *task.Env, in Inputs) error {
	s, err := understand(ctx, env, in)
	if err != nil {
		return err
	}
	if err := s.judge(); err != nil {
		return err
	}
	r := result{hit: miss}
	repo, err := s.openStore(ctx)
	var f found
	if err == nil {
		f, err = s.find(ctx, repo)
	}
	var bad *entry.RejectedError
	switch {
	case errors.As(err, &bad):
		r.hit, r.reason = rejected, bad.Reason
		env.Log.Printf("REJECTED: %s: %s", bad.Entry, bad.Reason)
	case err != nil:
		return s.storeTrouble(err)
	case f.entry == nil:
		s.explainMiss(ctx, repo, f)
	default:
		s.sayFound(f, &r)
		r.hit = f.hit
		env.Log.Printf("HIT (%s): a restore would take this entry.", f.hit)
		if f.hit == partial {
			s.explainMiss(ctx, repo, f)
		}
	}
	return r.announce(env, in.CacheHitVar)
}

func (s *step) storeTrouble(err error) error {
	var user *task.UserError
	if errors.As(err, &user) || errors.Is(err, context.Canceled) {
		return err
	}
	return &task.UserError{
		Class: task.Environment, Rule: "cache/environment", Err: err,
		Msg:  fmt.Sprintf("there is trouble with %s%s: %s", s.storeName(), at(err, s.storeName()), trouble(err)),
		Hint: "correct what is there and its permissions",
	}
}

// visitor is a step that looks at the store and at no cache.
func visitor(ctx context.Context, env *task.Env, in Inputs) (*step, entry.Repository, error) {
	s := &step{env: env, in: in}
	var err error
	s.settings, err = parseSettings(in)
	if err := errors.Join(err, checkDirectory(env, in)); err != nil {
		return s, entry.Repository{}, err
	}
	s.access = trust.Decide(trust.FromAgent(env.Var), trust.Policy{TrustedBranches: s.branches, Critical: in.Critical})
	repo, err := s.openStore(ctx)
	return s, repo, err
}

// list shows all entries of this pipeline, those that this run cannot read too.
func list(ctx context.Context, env *task.Env, in Inputs) error {
	s, repo, err := visitor(ctx, env, in)
	if err != nil {
		return err
	}
	own := s.pipeline()
	all, err := repo.List(ctx, &own)
	if err != nil {
		return s.storeTrouble(err)
	}
	env.Log.Printf("%s in %s.", counted(len(all), "entry"), s.storeName())
	for _, e := range all {
		env.Log.Print(s.listed(e))
	}
	env.Report.Set("entries", len(all))
	return nil
}

func (s *step) listed(e entry.Listed) string {
	if e.Entry == nil {
		return fmt.Sprintf("%s  %s  cannot be read: %s", e.Modified.UTC().Format("2006-01-02 15:04"), e.Name, e.Err)
	}
	m := e.Entry.Manifest
	state := "expires " + m.Expires.UTC().Format("2006-01-02 15:04")
	if m.Expires.Before(s.env.Now()) {
		state = "expired"
	}
	return fmt.Sprintf("%s  %-9s %s  %s  %s  %s, by %s", m.Created.UTC().Format("2006-01-02 15:04"), m.Scope.Tier,
		m.Scope.Branch, m.Fingerprint, amount(len(m.Files), m.Totals.Stored), state, m.Producer)
}

// pipeline is the scope of everything of this pipeline.
func (s *step) pipeline() entry.Scope {
	run := trust.FromAgent(s.env.Var)
	return entry.Scope{Collection: run.Collection, Project: run.Project, Definition: run.Definition}
}

// mayRemove refuses runs that may not write to remove anything.
func (s *step) mayRemove() error {
	if s.access.Write != nil {
		return nil
	}
	return &task.UserError{
		Rule: "cache/scope", Msg: "this run may not remove entries: " + s.access.WhyNoWrite,
		Hint: "run it on a trusted branch",
	}
}

// within reports whether this run may remove what is in a scope: its own entries,
// and a run of a trusted branch all of the pipeline's.
func (s *step) within(scope entry.Scope) bool {
	return s.access.Write.Tier == trust.Trusted || scope == entryScope(*s.access.Write)
}

// remove deletes the entries of the key, and those that begin with a restore key.
func remove(ctx context.Context, env *task.Env, in Inputs) error {
	s, err := understand(ctx, env, in)
	if err != nil {
		return err
	}
	if err := s.mayRemove(); err != nil {
		return err
	}
	repo, err := s.openStore(ctx)
	if err != nil {
		return s.storeTrouble(err)
	}
	own := s.pipeline()
	all, err := repo.List(ctx, &own)
	if err != nil {
		return s.storeTrouble(err)
	}
	if in.Key == "" && len(in.RestoreKeys) == 0 {
		s.keys.restoreKeys = nil // only what was asked for
	}
	removed := 0
	for _, e := range all {
		if !s.isOurs(e) {
			continue
		}
		if err := repo.Delete(ctx, e.Name); err != nil {
			return s.storeTrouble(err)
		}
		removed++
		env.Log.Print("Deleted: " + s.listed(e))
	}
	env.Log.Printf("%s deleted. gc removes its packs when they are 30 days old and nothing else uses them.",
		counted(removed, "entry"))
	env.Report.Set("deleted", removed)
	return nil
}

// isOurs reports whether a listed entry is one that this run deletes. What cannot be
// read is known by its name alone.
func (s *step) isOurs(e entry.Listed) bool {
	if e.Entry != nil {
		return s.within(e.Entry.Manifest.Scope) && s.named(e.Entry.Manifest)
	}
	scope := entryScope(*s.access.Write)
	if s.access.Write.Tier == trust.Trusted {
		scope = s.pipeline()
	}
	return e.IsOf(scope, s.keys.key.Values())
}

// named reports whether an entry is the key's, or begins with one of the restore keys.
func (s *step) named(m entry.Manifest) bool {
	if len(m.Segments) == len(s.keys.key) && m.StartsWith(s.keys.key.Values()) {
		return true
	}
	begins := func(key cachekey.Resolved) bool { return m.StartsWith(key.Values()) }
	return slices.ContainsFunc(s.keys.restoreKeys, begins)
}

// collect removes expired entries and what nothing uses any more.
func collect(ctx context.Context, env *task.Env, in Inputs) error {
	s, repo, err := visitor(ctx, env, in)
	if err != nil {
		return err
	}
	if err := s.mayRemove(); err != nil {
		return err
	}
	scope := entryScope(*s.access.Write)
	got, err := repo.Collect(ctx, &scope)
	if err != nil {
		return s.storeTrouble(err)
	}
	env.Log.Printf("Removed %s and %s; %s are free again.", counted(got.Entries, "expired entry"),
		counted(got.Packs, "pack"), size(got.Bytes))
	env.Report.Set("collected", got)
	return nil
}

// counted is "1 file" or "3 files".
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	if stem, ok := strings.CutSuffix(what, "ry"); ok {
		return fmt.Sprintf("%d %sries", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, what)
}
