package guardedpush

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/checkout"
	"github.com/guardrails-ci/guardrails/shared/git"
	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/retry"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/breaker"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/message"
)

// attempts is how often a lost race is run again.
const attempts = 10

// How long to wait before that.
const (
	leastRaceWindow = 500 * time.Millisecond
	maxWait         = 2 * time.Minute
	maxOutageWait   = 30 * time.Second
)

// raceWait is how long to wait after a lost race: any time of a window that doubles with
// each one, from twice as long as the attempt took. Of many that push to one branch each is
// alone for a moment then, also where a fetch takes seconds, and nobody waits for nothing.
// random is a number in [0, 1).
func raceWait(lost int, took time.Duration, random float64) time.Duration {
	window := max(leastRaceWindow, 2*took)
	for range lost - 1 {
		window = min(2*window, maxWait)
	}
	// Not 0: that would leave it to the policy.
	return 1 + time.Duration(random*float64(min(window, maxWait)-1))
}

// again does something until nobody else was first, and translates what the remote says.
func (s *step) again(ctx context.Context, do func(context.Context) error) error {
	half := retry.HalfJitter(rand.Float64)
	policy := retry.Policy{
		Attempts: attempts, Base: 500 * time.Millisecond, Max: maxWait, Sleep: s.sleep,
		Jitter: func(wait time.Duration) time.Duration { return half(min(wait, maxOutageWait)) },
	}
	tried := 0
	err := retry.Do(ctx, policy, func(ctx context.Context) error {
		tried++
		began := s.env.Now()
		err := do(ctx)
		var no *git.RemoteError
		if !errors.As(err, &no) || no.Kind != git.Raced && !no.Temporary() {
			return err
		}
		s.env.Log.Printf("Attempt %d of %d: %s", tried, attempts, remoteText(err))
		if no.Kind == git.Raced {
			return retry.Temporary(err, raceWait(tried, s.env.Now().Sub(began), rand.Float64()))
		}
		return retry.Temporary(err, 0)
	})
	return s.explain(err)
}

// push pushes the change, once.
func (s *step) push(ctx context.Context) error {
	w, err := s.want(ctx)
	if err != nil {
		return err
	}
	if s.key, err = s.signingKey(ctx); err != nil {
		return err
	}
	err = s.again(ctx, func(ctx context.Context) error { return s.attempt(ctx, w) })
	if err != nil {
		s.giveBack(ctx)
	}
	return err
}

// attempt makes the change on the branch's newest commit, with every check. An error that
// is a race is the reason for another one.
func (s *step) attempt(ctx context.Context, w wanted) error {
	t, err := s.fetch(ctx)
	if err != nil {
		return err
	}
	if done, err := s.landed(ctx, t); done || err != nil {
		return err
	}
	d, err := s.lay(ctx, w, t.commit)
	if err != nil {
		return err
	}
	s.result.breaker = t.state.Status
	if !s.cause.known {
		s.cause = s.startedBy(ctx)
	}
	if !d.counts {
		s.unchanged(d)
		return nil
	}
	st, text, err := s.compose(ctx, d)
	if err != nil {
		return err
	}
	s.show(d)
	there, err := s.proposed(ctx, t, d)
	if err != nil {
		return err
	}
	if !there { // else nothing is pushed
		if err := s.permit(ctx, t, st); err != nil {
			return err
		}
	}
	if s.in.PullRequest == PullRequestAlways {
		return s.propose(ctx, t, d, text)
	}
	return s.land(ctx, t, d, text)
}

// compose writes the commit's message, and screens it and the draft.
func (s *step) compose(ctx context.Context, d *draft) (message.Stamp, string, error) {
	if err := s.screen(ctx, d); err != nil {
		return message.Stamp{}, "", err
	}
	st := s.stamp(d)
	text, err := message.Compose(s.text(d, st), st, s.skip())
	if err != nil {
		return st, "", badInput("message", err.Error(), "write another message")
	}
	if err := s.screenText(ctx, text); err != nil {
		return st, "", err
	}
	if token, skips := message.Skips(text); skips && s.in.CommitKind == CommitKindDeployment {
		s.warn("push/skip", "the message holds "+token+", so this deployment starts no pipeline",
			"take it out of message")
	}
	return st, text, nil
}

// land pushes to the branch itself.
func (s *step) land(ctx context.Context, t tip, d *draft, text string) error {
	id, err := s.repo.Commit(ctx, s.commit(d, text, t.commit))
	if err != nil {
		return s.unmade(err)
	}
	if s.in.DryRun {
		s.result.reason = "dryRun"
		s.env.Log.Printf("Dry run: commit %s would be pushed to %s now; whether the server takes it is not asked.",
			short(id), redact.Line(s.branch))
		return nil
	}
	s.warnOfValidation(ctx)
	err = s.publish(ctx, d, git.Update{Ref: s.branch, Old: t.commit, New: id})
	var no *git.RemoteError
	if errors.As(err, &no) && no.Kind == git.Policy && s.in.PullRequest == PullRequestWhenRequired {
		s.env.Log.Printf("%s takes pull requests only: %s", redact.Line(s.branch), no.Said)
		return s.propose(ctx, t, d, text)
	}
	if err != nil {
		return err
	}
	s.result.pushed, s.result.reason, s.result.commit = true, "pushed", id
	s.env.Log.Printf("Pushed %s to %s.", id, redact.Line(s.branch))
	s.summarize(d)
	return nil
}

// publish pushes a commit of the draft; the large contents that its pointers name come
// first, so that nobody finds a pointer to nothing.
func (s *step) publish(ctx context.Context, d *draft, u git.Update) error {
	sent, err := checkout.Upload(ctx, checkout.Server{
		HTTP: s.http, URL: s.remote.URL, Authorization: s.remote.Authorization, Ref: u.Ref, Store: d.store,
		Retry: retry.Policy{Sleep: s.sleep},
	}, d.large)
	if err != nil {
		return &task.UserError{
			Class: task.Environment, Rule: "push/large", Final: true, Err: err, Msg: redact.Line(err.Error()),
			Hint: "the commit was not pushed; mend what the server says, or leave the file out with paths",
		}
	}
	if sent > 0 {
		s.env.Log.Printf("Uploaded %s of Git LFS.", count(sent, "large file"))
	}
	s.tried = append(s.tried, candidate{u.New, d})
	err = s.repo.Push(ctx, u)
	s.probe.used = s.probe.used || mayHaveLanded(err)
	return err
}

// commit is the draft as a commit on top of others.
func (s *step) commit(d *draft, text string, parents ...git.ID) git.NewCommit {
	c := git.NewCommit{
		Parents: parents, Message: text, When: s.now(), SigningKey: s.key,
		Author: git.Ident{Name: s.in.AuthorName, Email: s.in.AuthorEmail},
	}
	for _, f := range d.files {
		c.Changes = append(c.Changes, f.Change)
	}
	return c
}

// unmade says why there is no commit.
func (s *step) unmade(err error) error {
	if s.key == "" {
		return fmt.Errorf("making the commit: %w", err)
	}
	return &task.UserError{
		Class: task.Environment, Rule: "push/sign", Final: true, Err: err,
		Msg: "the commit could not be made and signed: " + redact.Line(err.Error()),
		Hint: "check the key of the input sign: OpenPGP (armoured) needs gpg on the agent, OpenSSH ssh-keygen and " +
			"git 2.34; neither may have a passphrase",
	}
}

// unchanged is success: there is nothing that would be pushed.
func (s *step) unchanged(d *draft) {
	s.result.reason = "unchanged"
	for _, f := range d.files {
		s.env.Log.Printf("%s: nothing that counts has changed", redact.Line(f.Path))
	}
	s.env.Log.Printf("Nothing to push: nothing that counts would change on %s.", redact.Line(s.branch))
	if err := s.looped(s.cause); s.cause.known && err != nil {
		s.warn("loop/own-commit", "a commit of this pipeline has started this run, for nothing",
			"exclude the pushed files from the pipeline's trigger (trigger: paths: exclude:)")
	}
}

// firstCommits is how much history is fetched at once: more than most branches get in a
// day, so that no more need be asked for.
const firstCommits = 20

// fetch fetches the branch's newest commits and the breaker's state.
func (s *step) fetch(ctx context.Context) (tip, error) {
	wanted := []string{s.branch, s.stateRef}
	if s.in.PullRequest != PullRequestOff {
		wanted = append(wanted, s.headRef())
	}
	there, err := s.repo.RemoteRefs(ctx, wanted...)
	if err != nil {
		return tip{}, err
	}
	if there[s.branch] == "" {
		return tip{}, badInput("branch", fmt.Sprintf("the repository has no branch %.200q", s.branch),
			"correct its name, or create it first")
	}
	refs := wanted[:0]
	for _, ref := range wanted {
		if there[ref] != "" {
			refs = append(refs, ref)
		}
	}
	got, err := s.repo.Fetch(ctx, refs, git.Depth{Commits: firstCommits})
	if err != nil {
		return tip{}, err
	}
	t := tip{commit: got[s.branch]}
	if s.in.PullRequest != PullRequestOff {
		t.head = got[s.headRef()]
	}
	return t, s.readState(ctx, &t, got[s.stateRef])
}

// stateText is what stands where the breaker keeps its state. Nothing is no state: who has
// put that there would have closed it.
func (s *step) stateText(ctx context.Context, id git.ID) (string, error) {
	commits, err := s.repo.Commits(ctx, id, 1)
	switch {
	case err != nil:
		return "", err
	case len(commits) == 0:
		return "", errors.New("it is no commit")
	case strings.TrimSpace(commits[0].Message) == "":
		return "", errors.New("it is empty")
	}
	return commits[0].Message, nil
}

// readState reads what the breaker keeps.
func (s *step) readState(ctx context.Context, t *tip, id git.ID) error {
	var text string
	var err error
	if t.stateID = id; id != "" {
		text, err = s.stateText(ctx, id)
	}
	if err == nil {
		t.state, err = breaker.Parse(text)
	}
	if err != nil {
		return &task.UserError{
			Class: task.Environment, Rule: "breaker/state", Err: err, Final: true,
			Msg: fmt.Sprintf("the breaker's state in %s cannot be read: %s", s.stateRef, redact.Line(err.Error())),
			Hint: "somebody else has written there; delete that ref (git push origin :" + s.stateRef + ") when you " +
				"are sure that nothing loops",
		}
	}
	return nil
}
