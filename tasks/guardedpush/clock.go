package guardedpush

import (
	"context"
	"time"

	"github.com/guardrails-ci/guardrails/shared/ado"
)

const (
	// accepted is how far the agent's clock may be from the server's.
	accepted = 2 * time.Minute
	// margin is how much older runs are asked for, as a clock that is fast would find none.
	margin = time.Hour
)

// now is the time by the server's clock, where the agent's is known to be wrong: the times
// of runs are the server's.
func (s *step) now() time.Time { return s.env.Now().Add(s.skew) }

// builds lists the pipeline's runs for the branch that are as young as the window.
func (s *step) builds(ctx context.Context, client *ado.Client) ([]ado.Build, error) {
	q := ado.BuildQuery{Definition: s.self.definition, Branch: s.self.branch}
	q.Since = s.now().Add(-s.rules.Window - margin)
	all, err := client.Builds(ctx, q)
	if err != nil {
		return nil, err
	}
	s.heed(client.Skew())
	since := s.now().Add(-s.rules.Window)
	if since.Before(q.Since) { // it is wrong by more than the margin
		q.Since = since
		if all, err = client.Builds(ctx, q); err != nil {
			return nil, err
		}
	}
	young := []ado.Build{}
	for _, b := range all {
		if b.Queued.IsZero() || b.Queued.After(since) {
			young = append(young, b)
		}
	}
	return young, nil
}

// heed goes by the server's clock from now on if the agent's is wrong.
func (s *step) heed(skew time.Duration) {
	if skew.Abs() <= accepted {
		skew = 0
	}
	if skew != 0 && s.skew == 0 {
		how := "slow"
		if skew < 0 {
			how = "fast"
		}
		s.env.Log.Printf("The agent's clock is %s by %s: the breaker goes by the clock of Azure DevOps.",
			how, skew.Abs().Round(time.Second))
	}
	s.skew = skew
}
