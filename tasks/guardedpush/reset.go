package guardedpush

import (
	"context"
	"fmt"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/ado"
	"github.com/guardrails-ci/guardrails/shared/git"
	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/alert"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/breaker"
)

// reset closes a breaker half.
func (s *step) reset(ctx context.Context) error {
	if id := strings.TrimSpace(s.in.PipelineID); id != "" {
		text, release := strings.CutPrefix(id, "release-")
		s.self.definition, s.self.release = number(text), release
		s.self.name = s.nameOf(ctx)
		s.stateRef = s.breakerRef()
	}
	return s.again(ctx, s.resetOnce)
}

// nameOf is what people call a pipeline.
func (s *step) nameOf(ctx context.Context) string {
	client, err := s.pipelines()
	if err == nil {
		var d ado.Definition
		if d, err = client.Definition(ctx, s.self.definition); err == nil && d.Name != "" {
			return d.Name
		}
	}
	return "pipeline " + s.self.key()
}

func (s *step) resetOnce(ctx context.Context) error {
	t, err := s.fetchState(ctx)
	if err != nil {
		return err
	}
	if t.stateID == "" {
		s.result.reason, s.result.breaker = "unchanged", breaker.Closed
		s.warn(
			"breaker/none",
			fmt.Sprintf("%s keeps no breaker of pipeline %s: nothing was reset", redact.Line(s.remote.URL),
				s.self.key()),
			"name in repository the one that the pipeline pushes to, and the pipeline in pipelineId",
		)
		return nil
	}
	if t.state.Status == breaker.Closed {
		s.result.reason, s.result.breaker = "unchanged", breaker.Closed
		s.env.Log.Printf("The breaker of pipeline %s is closed: there is nothing to reset.", s.self.key())
		return nil
	}
	s.env.Log.Printf("The breaker of pipeline %s is %s since %s: %s", s.self.key(), t.state.Status,
		t.state.Since.UTC().Format("2006-01-02 15:04:05 UTC"), redact.Line(t.state.Reason))
	next := breaker.Reset(s.env.Now(), number(s.env.Var("Build.BuildId")), s.in.Reason)
	s.result.breaker = t.state.Status
	if s.in.DryRun {
		s.result.reason = "dryRun"
		s.env.Log.Print("Dry run: it would be reset now.")
		return nil
	}
	if _, err := s.keep(ctx, next, t.stateID); err != nil {
		return err
	}
	s.result.breaker, s.result.reason = next.Status, "reset"
	s.env.Log.Printf("It is half open now: one push is let through; another one within %s trips it again.",
		minutes(s.rules.Window))
	done := []string{"one push is let through, then the window counts"}
	if t.state.Disabled {
		done = append(done, s.enable(ctx))
	}
	s.tell(ctx, alert.Event{Kind: alert.Reset, Reason: strings.TrimSpace(s.in.Reason), Actions: done})
	return nil
}

// enable undoes what the breaker has done to the pipeline.
func (s *step) enable(ctx context.Context) string {
	client, err := s.pipelines()
	if err == nil {
		_, err = client.EnableDefinition(ctx, s.self.definition)
	}
	if err != nil {
		s.warn("breaker/enable", "the pipeline is still disabled: "+err.Error(),
			fmt.Sprintf("enable pipeline %d by hand: Pipelines > ... > Settings", s.self.definition))
		return "NOT DONE: the pipeline is still disabled"
	}
	s.env.Log.Printf("Pipeline %s is enabled again.", s.self.key())
	return "the pipeline is enabled again"
}

// fetchState fetches what the breaker keeps, and nothing else.
func (s *step) fetchState(ctx context.Context) (tip, error) {
	var t tip
	refs, err := s.repo.RemoteRefs(ctx, s.stateRef)
	if err != nil || refs[s.stateRef] == "" {
		return t, err
	}
	got, err := s.repo.Fetch(ctx, []string{s.stateRef}, git.Depth{})
	if err != nil {
		return t, err
	}
	return t, s.readState(ctx, &t, got[s.stateRef])
}
