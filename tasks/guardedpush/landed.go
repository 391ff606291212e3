package guardedpush

import (
	"context"
	"slices"

	"github.com/guardrails-ci/guardrails/shared/git"
	"github.com/guardrails-ci/guardrails/shared/redact"
)

// candidate is a commit that was to be pushed. Whether it has arrived is not always said.
type candidate struct {
	id    git.ID
	draft *draft
}

// landed finds out whether an earlier attempt has got through, though its answer was lost
// and somebody has pushed since. It is false for the pull request's branch: that still
// needs its pull request.
func (s *step) landed(ctx context.Context, t tip) (bool, error) {
	if c, err := s.arrived(ctx, t.head); err != nil {
		return false, err
	} else if c != nil {
		s.result.pushed, s.result.reason, s.result.commit = true, "pullRequest", c.id
		s.env.Log.Printf("An earlier attempt has pushed %s to %s.", c.id, redact.Line(s.headRef()))
	}
	c, err := s.arrived(ctx, t.commit)
	if err != nil || c == nil {
		return false, err
	}
	s.result.pushed, s.result.reason, s.result.commit = true, "pushed", c.id
	s.env.Log.Printf("An earlier attempt has pushed %s to %s.", c.id, redact.Line(s.branch))
	s.summarize(c.draft)
	return true, nil
}

// arrived is what was tried and is in the history of a commit now; nil if nothing is.
func (s *step) arrived(ctx context.Context, tip git.ID) (*candidate, error) {
	if len(s.tried) == 0 || tip == "" {
		return nil, nil
	}
	commits, err := s.repo.Commits(ctx, tip, mostCommits)
	if err != nil {
		return nil, err
	}
	for _, c := range s.tried {
		if slices.ContainsFunc(commits, func(there git.Commit) bool { return there.ID == c.id }) {
			return &c, nil
		}
	}
	return nil, nil
}
