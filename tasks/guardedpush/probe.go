package guardedpush

import (
	"context"
	"errors"
	"time"

	"github.com/guardrails-ci/guardrails/shared/git"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/breaker"
)

// giveBackTime is how long that may take, also when the step is cancelled.
const giveBackTime = 20 * time.Second

// probe is the one push after a reset, as this run has it.
type probe struct {
	state   breaker.State
	stateID git.ID
	used    bool // something was pushed, or may have been
}

// mayHaveLanded reports whether a push that ended like this can have changed something.
func mayHaveLanded(err error) bool {
	var no *git.RemoteError
	if !errors.As(err, &no) {
		return true // it was done, or was stopped on the way
	}
	return no.Kind == git.Unreachable || no.Kind == git.Other
}

// giveBack leaves the one push after a reset to the next run, as this one has pushed
// nothing. Where that fails the next run has to wait for the window's end, or for a reset.
func (s *step) giveBack(ctx context.Context) {
	next, ours := s.probe.state.GiveBack(s.self.id)
	if !ours || s.probe.used {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveBackTime)
	defer cancel()
	if _, err := s.keep(ctx, next, s.probe.stateID); err != nil {
		s.env.Log.Printf("The one push after the reset could not be left to another run: %s", remoteText(err))
		return
	}
	s.env.Log.Print("Nothing was pushed: the one push after the reset is left to the next run.")
}
