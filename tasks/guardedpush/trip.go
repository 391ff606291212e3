package guardedpush

import (
	"context"
	"errors"
	"fmt"
	"html"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/ado"
	"github.com/guardrails-ci/guardrails/shared/git"
	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/alert"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/breaker"
)

// tripTag marks the run in the list of runs.
const tripTag = "guardrails-breaker-open"

// trip opens the breaker: the state first, so that of several runs that see the loop only
// one tells the team, and every later push is refused; then the team, before anything that
// can take long or end this run; then what onTrip says. Nothing that fails here lets the
// push through. The error is the race's that somebody else won.
func (s *step) trip(ctx context.Context, t tip, v breaker.Verdict) error {
	if s.in.DryRun {
		s.env.Log.Print("Dry run: the breaker would trip now.")
		return nil
	}
	kept := "every further push of this pipeline is refused until the breaker is reset"
	id, err := s.keep(ctx, v.Next, t.stateID)
	var no *git.RemoteError
	switch {
	case errors.As(err, &no) && no.Kind == git.Raced:
		return err
	case ctx.Err() != nil: // whether it is kept is not known: a later run tells, or trips
		return context.Cause(ctx)
	case err != nil:
		s.result.breaker, id = t.state.Status, ""
		kept = "NOT DONE: the breaker's state could not be kept (" + remoteText(err) + "); " +
			"the next run decides anew. " + s.refRight()
	}
	s.env.Log.AddBuildTag(tripTag)
	v.Next.Told, id = s.inform(ctx, v.Next, id, append([]string{kept}, s.plans()...))
	s.act(ctx, v.Next, id, kept)
	return nil
}

// act does what onTrip says, and says what came of it.
func (s *step) act(ctx context.Context, state breaker.State, id git.ID, done ...string) {
	if s.in.OnTrip != OnTripRefuse {
		done = append(done, s.cancelSiblings(ctx)...)
	}
	if s.in.OnTrip == OnTripDisablePipeline {
		disabled, said := s.disable(ctx)
		done = append(done, said)
		if disabled && id != "" {
			state.Disabled = true
			if _, err := s.keep(ctx, state, id); err != nil {
				done = append(done,
					"NOT DONE: that the pipeline was disabled could not be kept; a reset will not enable it")
			}
		}
	}
	for _, line := range done {
		if strings.HasPrefix(line, "NOT DONE") { // the team was told before
			s.warn("breaker/on-trip", line, "")
			continue
		}
		s.env.Log.Printf("Breaker tripped: %s", line)
	}
}

const resetFix = "Find out what starts the pipeline again, then run GuardedPush with command: reset and a reason."

// cancelSiblings stops the pipeline's other runs for the branch.
func (s *step) cancelSiblings(ctx context.Context) (done []string) {
	client, err := s.pipelines()
	if err != nil {
		return []string{"NOT DONE: the other runs were not cancelled: " + err.Error()}
	}
	builds, err := client.Builds(ctx,
		ado.BuildQuery{Definition: s.self.definition, Branch: s.self.branch, Unfinished: true})
	if err != nil {
		return []string{"NOT DONE: the other runs were not cancelled: " + err.Error()}
	}
	for _, b := range builds {
		if b.ID == s.self.id {
			continue
		}
		if err := client.CancelBuild(ctx, b.ID); err != nil {
			done = append(done, fmt.Sprintf("NOT DONE: run %d was not cancelled: %v", b.ID, err))
			continue
		}
		done = append(done, fmt.Sprintf("run %d was cancelled", b.ID))
	}
	if done == nil {
		done = []string{"no other run of the pipeline waits or runs"}
	}
	return done
}

// disable keeps the pipeline from being started.
func (s *step) disable(ctx context.Context) (disabled bool, said string) {
	client, err := s.pipelines()
	if err == nil {
		disabled, err = client.DisableDefinition(ctx, s.self.definition)
	}
	switch {
	case err != nil:
		return false, "NOT DONE: the pipeline was not disabled: " + err.Error()
	case !disabled:
		return false, "the pipeline was disabled already"
	}
	return true, "the pipeline was disabled: nothing starts it until it is enabled again"
}

// tell tells the team, and returns whether it knows. That nobody could be told is said,
// and stops nothing.
func (s *step) tell(ctx context.Context, e alert.Event) bool {
	e.Time = s.env.Now()
	e.Key, e.Pipeline, e.Run, e.RunURL = s.self.pipeline(), s.self.name, s.self.number, s.self.url
	e.Repository, e.Branch = s.remote.URL, s.branch
	e = s.masked(e)
	told := false
	if s.in.AlertWebhook.Reveal() != "" {
		if err := alert.Send(ctx, s.http, s.receiver, e); err != nil {
			s.warn("breaker/alert", "the team was not told: "+err.Error(), "check the input alertWebhook")
		} else {
			told = true
			s.env.Log.Printf("The team was told (%s).", s.in.AlertFormat)
		}
	}
	if s.in.AlertWorkItem != "" && e.Kind == alert.Tripped {
		told = s.workItem(ctx, e) || told
	}
	if e.Kind == alert.Tripped && !s.hasTeam() {
		s.env.Log.Print("Nobody was told: neither alertWebhook nor alertWorkItem is set.")
	}
	return told
}

// workItem writes the incident down where work is planned.
func (s *step) workItem(ctx context.Context, e alert.Event) bool {
	client, err := s.server()
	var page string
	if err == nil {
		var lines []string
		for _, line := range append([]string{e.Reason}, append(e.Actions, e.Fix)...) {
			lines = append(lines, "<li>"+html.EscapeString(line)+"</li>")
		}
		_, page, err = client.CreateWorkItem(ctx, ado.WorkItem{
			Type: s.in.AlertWorkItem, Title: "Pipeline " + e.Pipeline + " is in a loop: GuardedPush has stopped it",
			HTML: `<p><a href="` + html.EscapeString(e.RunURL) + `">Run ` + html.EscapeString(e.Run) + "</a></p>" +
				"<ul>" + strings.Join(lines, "") + "</ul>",
			Tags: []string{"guardrails"},
		})
	}
	if err != nil {
		s.warn("breaker/alert", "no work item was created: "+err.Error(), "")
		return false
	}
	s.env.Log.Printf("Work item: %s", redact.Line(page))
	return true
}

// tellOverride tells the team that somebody knew better.
func (s *step) tellOverride(ctx context.Context, refusal *task.UserError) {
	if s.in.DryRun {
		return
	}
	s.tell(ctx, alert.Event{
		Kind: alert.Overridden, Reason: strings.TrimSpace(s.in.Reason),
		Actions: []string{"goes on although: " + refusal.Msg}, Fix: "Set override to false again.",
	})
}
