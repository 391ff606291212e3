package guardedpush

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/guardrails-ci/guardrails/shared/git"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/alert"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/breaker"
)

// tellTime is how long telling the team may take, also when the step is cancelled: the
// reason can be that the pipeline was disabled by what tripped the breaker.
const tellTime = 30 * time.Second

// hasTeam reports whether there is somebody to be told.
func (s *step) hasTeam() bool { return s.in.AlertWebhook.Reveal() != "" || s.in.AlertWorkItem != "" }

// plans is what onTrip is about to do. Whether it can be done, the log says later.
func (s *step) plans() []string {
	cancels := "the pipeline's other runs for this branch are being cancelled"
	switch s.in.OnTrip {
	case OnTripCancelSiblings:
		return []string{cancels}
	case OnTripDisablePipeline:
		return []string{cancels, "the pipeline is being disabled; what came of it is in the log of the run"}
	}
	return nil
}

// inform tells the team that the breaker is open, and keeps that it knows. The id is that
// of the state; "" if it is not kept.
func (s *step) inform(ctx context.Context, open breaker.State, id git.ID, actions []string) (told bool, now git.ID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellTime)
	defer cancel()
	if !s.tell(ctx, alert.Event{Kind: alert.Tripped, Reason: open.Reason, Actions: actions, Fix: resetFix}) {
		return false, id
	}
	if id == "" {
		return true, id
	}
	open.Told = true
	after, err := s.keep(ctx, open, id)
	if err != nil {
		s.env.Log.Printf("That the team was told could not be kept, so it may be told again: %s", remoteText(err))
		return true, id
	}
	return true, after
}

// informLate tells the team in place of the run that opened the breaker and was ended on
// the way. Of several runs that find that out one does it: who keeps the claim.
func (s *step) informLate(ctx context.Context, t tip, claim breaker.State) {
	if s.in.DryRun || !s.hasTeam() {
		return
	}
	id, err := s.keep(ctx, claim, t.stateID)
	var no *git.RemoteError
	switch {
	case errors.As(err, &no) && no.Kind == git.Raced: // another one does it
	case err != nil:
		s.warn("breaker/alert", "that the breaker is open was told to nobody: "+remoteText(err), s.refRight())
	default:
		s.inform(ctx, claim, id, []string{fmt.Sprintf(
			"run %d opened the breaker on %s, and could not tell; every push of this pipeline is refused since then",
			claim.Run, claim.Since.Format("2006-01-02 15:04:05 UTC"))})
	}
}
