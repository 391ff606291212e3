package guardedpush

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/endpoint"
	"github.com/guardrails-ci/guardrails/shared/git"
	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/message"
)

// cause is what has started this run.
type cause struct {
	known bool          // the commit's message could be read, or there was no commit that mattered
	stamp message.Stamp // of the commit, if it is ours
	ours  bool
	id    git.ID
}

var wholeID = regexp.MustCompile(`^[0-9a-f]{40}$`)

// startedBy finds out whether a commit of ours has started this run. A person or a
// schedule that starts it is no loop.
func (s *step) startedBy(ctx context.Context) cause {
	var id git.ID
	switch strings.ToLower(s.self.reason) {
	case "individualci", "batchedci":
		id = git.ID(strings.ToLower(s.env.Var("Build.SourceVersion")))
	case "pullrequest":
		id = git.ID(strings.ToLower(s.env.Var("System.PullRequest.SourceCommitId")))
	default:
		// A person, a schedule, or another pipeline's end: what is checked out then is the
		// branch's newest commit, which has started nothing. The breaker counts these runs.
		return cause{known: true}
	}
	if !wholeID.MatchString(string(id)) {
		return cause{id: id}
	}
	text, ok := s.messageOf(ctx, id)
	if !ok {
		return cause{id: id}
	}
	stamp, ours := message.Read(text)
	return cause{known: true, stamp: stamp, ours: ours, id: id}
}

// messageOf reads the message of a commit where it is to be had: in the sources, in what
// was fetched of the branch, or from the server.
func (s *step) messageOf(ctx context.Context, id git.ID) (string, bool) {
	places := []string{s.env.Var("Build.Repository.LocalPath"), s.env.Var("Build.SourcesDirectory"), s.sources}
	for _, dir := range places {
		if dir == "" {
			continue
		}
		if repo, err := s.git.Open(dir); err == nil {
			if commits, err := repo.Commits(ctx, id, 1); err == nil && len(commits) == 1 {
				return commits[0].Message, true
			}
		}
	}
	if commits, err := s.repo.Commits(ctx, id, 1); err == nil && len(commits) == 1 {
		return commits[0].Message, true
	}
	return s.askMessage(ctx, id)
}

// askMessage asks the repository that the run was started for, which a job without a
// checkout has not: that of a deployment, mostly. The job's token may read it.
func (s *step) askMessage(ctx context.Context, id git.ID) (string, bool) {
	address, err := plainAddress(s.env.Var("Build.Repository.Uri"))
	if err != nil || !s.isOwn(address) {
		return "", false
	}
	token, err := endpoint.New(s.env.Environ()).SystemToken()
	if err != nil {
		return "", false
	}
	dir, err := os.MkdirTemp(s.scratch, "started-") // a later attempt asks again
	if err != nil {
		return "", false
	}
	repo, err := s.git.Init(ctx, filepath.Join(dir, "repository"), git.Remote{
		URL: address, Authorization: inputs.NewSecret("bearer " + token.Reveal()),
	})
	if err != nil {
		return "", false
	}
	if _, err := repo.Run(ctx, nil, "fetch", "--quiet", "--depth=1", "--filter=tree:0", "--no-tags", "--", "origin",
		string(id)); err != nil {
		return "", false
	}
	commits, err := repo.Commits(ctx, id, 1)
	if err != nil || len(commits) != 1 {
		return "", false
	}
	return commits[0].Message, true
}

// looped says why this run must not push: its own pipeline's commit, or the commit of one
// that its own commit has started, has started it.
func (s *step) looped(c cause) error {
	self := s.self.pipeline()
	switch {
	case !c.known:
		return &task.UserError{
			Class: task.Environment, Rule: "loop/unknown-start",
			Msg: fmt.Sprintf("whether a commit of this pipeline has started this run cannot be told: "+
				"commit %.12q is not in the sources", c.id),
			Hint: "check the run's repository out in this job (checkout: self); if it is, run the job again",
		}
	case !c.ours:
		return nil
	case c.stamp.Pipeline == self:
		return &task.UserError{
			Rule: "loop/own-commit",
			Msg: fmt.Sprintf("this run was started by commit %.12s, which run %s of this pipeline has pushed: "+
				"to push again would be a loop", c.id, redact.Line(c.stamp.Run)),
			Hint: "exclude the pushed files from the pipeline's trigger (trigger: paths: exclude:), or push " +
				"commits that are not deployments with commitKind: other",
		}
	case slices.Contains(c.stamp.Causes, self):
		return &task.UserError{
			Rule: "loop/own-commit",
			Msg: fmt.Sprintf("this run was started by commit %.12s of pipeline %s, which was itself started by a "+
				"commit of this pipeline: to push again would be a loop", c.id, redact.Line(c.stamp.Pipeline)),
			Hint: "let one of the pipelines leave the other's files alone (trigger: paths: exclude:), or push " +
				"commits that are not deployments with commitKind: other",
		}
	}
	return nil
}

// causes is the chain of pipelines whose commits led to ours.
func causes(c cause) []string {
	if !c.ours {
		return nil
	}
	return append(slices.Clone(c.stamp.Causes), c.stamp.Pipeline)
}
