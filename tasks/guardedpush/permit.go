package guardedpush

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/guardrails-ci/guardrails/shared/ado"
	"github.com/guardrails-ci/guardrails/shared/git"
	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/breaker"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/message"
)

// tip is what was fetched: the branch's newest commit and what the breaker keeps.
type tip struct {
	commit  git.ID
	state   breaker.State
	stateID git.ID // "" if nothing is kept
	head    git.ID // of the pull request's branch, "" if there is none
}

// mostCommits is how many commits of the branch are looked at. A branch with more in a day
// has other troubles, and the list of runs is the other source.
const mostCommits = 5000

// manyCommits is how many are fetched of a branch whose commits' times cannot be trusted.
const manyCommits = 500

// permit refuses the push if the pipeline is in a loop. What the breaker has to keep is
// kept before anything is pushed.
func (s *step) permit(ctx context.Context, t tip, st message.Stamp) error {
	if err := s.looped(s.cause); err != nil {
		if err := s.insist(ctx, err); err != nil {
			return err
		}
	}
	facts, err := s.facts(ctx, t, st)
	if err != nil {
		return err
	}
	v := breaker.Decide(facts, s.rules)
	if !s.in.DryRun {
		s.result.breaker = v.Next.Status
	}
	s.env.Report.Set("breaker", map[string]any{
		"runs": len(facts.Runs), "runsKnown": facts.RunsKnown, "pushes": len(facts.Pushes), "allowed": v.Allowed,
		"rule": v.Rule, "reason": v.Reason,
	})
	if !v.Allowed {
		return s.refuse(ctx, t, v)
	}
	s.env.Log.Print(position(v.Next.Status, facts, s.rules))
	if s.in.DryRun {
		return nil
	}
	if v.Next != t.state {
		if t.stateID, err = s.keep(ctx, v.Next, t.stateID); err != nil {
			return err
		}
	}
	s.probe.state, s.probe.stateID = v.Next, t.stateID
	return nil
}

// refuse is what happens when the breaker does not let the push through.
func (s *step) refuse(ctx context.Context, t tip, v breaker.Verdict) error {
	class := task.Refused
	hint := "find out what starts the pipeline again, then run GuardedPush with command: reset, pipelineId: " +
		s.self.key() + ", the same repository and a reason"
	if v.Rule == "breaker/blind" {
		class = task.Environment
		hint = "give the build service the permission \"View builds\", or let the branch's history be fetched"
	}
	refusal := &task.UserError{Class: class, Rule: v.Rule, Msg: v.Reason, Hint: hint}
	if s.in.Override || s.warnsOnly() {
		s.result.breaker = t.state.Status
		return s.insist(ctx, refusal)
	}
	if v.Tripped {
		if err := s.trip(ctx, t, v); err != nil {
			return err
		}
	}
	if v.Untold {
		s.informLate(ctx, t, v.Next)
	}
	return refusal
}

func (s *step) warnsOnly() bool { return s.in.Enforcement == inputs.Warn }

// insist goes on although the push is refused, if the user has said so, and says it.
func (s *step) insist(ctx context.Context, refusal error) error {
	var e *task.UserError
	switch {
	case !errors.As(refusal, &e):
		return refusal
	case s.in.Override:
		if !s.overridden {
			s.overridden = true
			s.warn(e.Rule, e.Msg, "")
			s.warn("breaker/override", "the breaker is overridden: "+redact.Line(s.in.Reason),
				"set override to false again")
			s.tellOverride(ctx, e)
		}
	case s.warnsOnly():
		s.warn(e.Rule, e.Msg+"; it is pushed all the same, as enforcement is warn", e.Hint)
	default:
		return refusal
	}
	return nil
}

// facts is what the breaker decides by, from two sources that do not know each other.
func (s *step) facts(ctx context.Context, t tip, st message.Stamp) (breaker.Facts, error) {
	f := breaker.Facts{
		Now: s.env.Now(), State: t.state, Pipeline: st.Pipeline, Fingerprint: st.Fingerprint, Target: target(st),
		Self: breaker.Run{ID: s.self.id, Reason: s.self.reason, Branch: s.self.branch, Queued: s.env.Now()},
	}
	var err error
	if f.Runs, err = s.runs(ctx); err == nil {
		f.RunsKnown = true
	} else if ctx.Err() != nil {
		return f, context.Cause(ctx)
	} else {
		s.warn("breaker/runs", "the pipeline's runs could not be listed: "+err.Error(),
			"the commits of the branch are asked alone; they do not show runs that have not pushed")
	}
	f.Now = s.now() // the answer says what time the server has
	f.Self.Queued = f.Now
	if f.Pushes, err = s.pushes(ctx, t, f.Now); err == nil {
		f.PushesKnown = true
	} else if ctx.Err() != nil {
		return f, context.Cause(ctx)
	} else if st.Fingerprint != "" && s.rules.MaxRepeats > 0 {
		return f, err // nothing else knows how often a version was deployed
	} else {
		s.warn("breaker/history", "the commits of the branch could not be read: "+remoteText(err),
			"the list of the pipeline's runs is asked alone")
	}
	return f, nil
}

// errNoRuns says that there is no list of runs to be read.
var errNoRuns = errors.New("a classic release is no run of a pipeline")

// pipelines is the server for what is asked of it by the id of this pipeline. A release's
// id may be that of somebody else's pipeline.
func (s *step) pipelines() (*ado.Client, error) {
	if s.self.release {
		return nil, errNoRuns
	}
	return s.server()
}

// runs lists the pipeline's other runs for the branch that are young enough to count.
func (s *step) runs(ctx context.Context) ([]breaker.Run, error) {
	client, err := s.pipelines()
	if err != nil {
		return nil, err
	}
	builds, err := s.builds(ctx, client)
	if err != nil {
		return nil, err
	}
	runs := []breaker.Run{}
	for _, b := range builds {
		if b.ID != s.self.id {
			runs = append(runs, breaker.Run{ID: b.ID, Reason: b.Reason, Branch: b.Branch, Queued: b.Queued})
		}
	}
	return runs, nil
}

// pushes reads our commits in the history of the branch, and in that of the pull request's
// branch, as far back as they count; newest first.
func (s *step) pushes(ctx context.Context, t tip, now time.Time) ([]breaker.Push, error) {
	since := now.Add(-max(s.rules.Window, s.rules.RepeatWindow))
	commits, err := s.history(ctx, s.branch, t.commit, since)
	if err != nil {
		return nil, err
	}
	if t.head != "" {
		proposed, err := s.history(ctx, s.headRef(), t.head, since)
		var no *git.RemoteError
		// Deleted just now, it was most likely merged: then the push loses the race, too.
		if err != nil && !(errors.As(err, &no) && no.Kind == git.NoRef) {
			return nil, err
		}
		commits = append(commits, proposed...)
		slices.SortStableFunc(commits, func(a, b git.Commit) int { return b.Committed.Compare(a.Committed) })
	}
	pushes, seen := []breaker.Push{}, map[git.ID]bool{}
	for _, c := range commits {
		if st, ours := message.Read(c.Message); ours && !seen[c.ID] && !c.Committed.Before(since) {
			seen[c.ID] = true
			pushes = append(pushes, breaker.Push{
				Run: st.Run, Pipeline: st.Pipeline, Fingerprint: st.Fingerprint, Target: target(st), When: c.Committed,
			})
		}
	}
	return pushes, nil
}

// history is what was fetched of a branch's history, and as much more as counts.
func (s *step) history(ctx context.Context, ref string, commit git.ID, since time.Time) ([]git.Commit, error) {
	commits, err := s.repo.Commits(ctx, commit, mostCommits)
	if err != nil {
		return nil, err
	}
	more, ok := deeper(commits, since)
	if !ok {
		return commits, nil
	}
	if _, err := s.repo.Fetch(ctx, []string{ref}, more); err != nil {
		return nil, err
	}
	return s.repo.Commits(ctx, commit, mostCommits)
}

// deeper is what to fetch if a commit counts whose parents have not been fetched.
func deeper(commits []git.Commit, since time.Time) (git.Depth, bool) {
	here := map[git.ID]bool{}
	old := false
	for _, c := range commits {
		here[c.ID] = true
		old = old || c.Committed.Before(since)
	}
	missing := func(id git.ID) bool { return !here[id] }
	if !slices.ContainsFunc(commits, func(c git.Commit) bool {
		return !c.Committed.Before(since) && slices.ContainsFunc(c.Parents, missing)
	}) {
		return git.Depth{}, false
	}
	if old {
		// Clocks differ. Asked by time a server would leave out what is below the old one.
		return git.Depth{Commits: manyCommits}, true
	}
	return git.Depth{Since: since}, true
}

// target is what a deployment replaces.
func target(st message.Stamp) string {
	if st.Fingerprint == "" {
		return ""
	}
	return st.Application + " in " + st.Environment
}

// position says where the breaker stands, and how far from tripping.
func position(status breaker.Status, f breaker.Facts, r breaker.Rules) string {
	counts := breaker.Count(f, r)
	text := "Circuit breaker " + map[breaker.Status]string{
		breaker.Closed: "closed", breaker.HalfOpen: "half open", breaker.Open: "open",
	}[status]
	if r.MaxRuns > 0 {
		text += fmt.Sprintf(", run %d of %d within %s", counts.Runs, r.MaxRuns, minutes(r.Window))
	}
	if r.MaxRepeats > 0 && counts.Deployments > 0 {
		text += fmt.Sprintf(", deployment %d of %d of this version", counts.Deployments, r.MaxRepeats)
	}
	if f.PushesKnown {
		text += ", " + count(len(f.Pushes), "guarded commit") + " on the branch in the last day"
	}
	return text + "."
}

func minutes(d time.Duration) string { return count(int(d/time.Minute), "minute") }

// breakerRef is where the pipeline's breaker keeps its state, in the repository pushed to.
// Elsewhere than in Azure Repos pipelines of several organizations may push to one.
func (s *step) breakerRef() string {
	name := s.self.key()
	if !s.remote.azure {
		name = plainName(s.self.organization) + "-" + name
	}
	return "refs/guardrails/breaker/" + name
}

// keep writes the breaker's state down, if nobody else was first.
func (s *step) keep(ctx context.Context, state breaker.State, old git.ID) (git.ID, error) {
	c := git.NewCommit{
		Message: state.Format(), Author: git.Ident{Name: s.in.AuthorName, Email: s.in.AuthorEmail}, When: s.env.Now(),
	}
	if old != "" {
		c.Parents = []git.ID{old}
	}
	id, err := s.repo.Commit(ctx, c)
	if err != nil {
		return "", fmt.Errorf("writing down the breaker's state: %w", err)
	}
	err = s.repo.Push(ctx, git.Update{Ref: s.stateRef, Old: old, New: id})
	return id, err
}
