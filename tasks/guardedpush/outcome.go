package guardedpush

import (
	"errors"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/guardrails-ci/guardrails/shared/git"
	"github.com/guardrails-ci/guardrails/shared/pipeline"
	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/report"
	"github.com/guardrails-ci/guardrails/shared/safepath"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/breaker"
)

// outcome is what the step came to.
type outcome struct {
	pushed      bool
	reason      string
	commit      git.ID
	breaker     breaker.Status
	pullRequest string
}

// announce sets the output variables, also for a step that is refused. What enforcement:
// warn forgives was forgiven before (see insist): whatever gets here has kept the step from
// doing what it was to do, and a step that has not done it must not look as if it had.
func (s *step) announce(err error) error {
	var refusal *task.UserError
	if err != nil {
		if !errors.As(err, &refusal) {
			refusal = &task.UserError{
				Class: task.Environment, Rule: "push/environment", Err: err, Msg: redact.Line(err.Error()),
			}
			err = refusal
		}
		refusal.Final = true
		if !s.result.pushed {
			s.result.reason = refusal.Rule
		}
	}
	s.env.Report.Set("pushed", s.result.pushed)
	s.env.Report.Set("reason", s.result.reason)
	s.env.Report.Set("commit", s.result.commit)
	s.env.Report.Set("breakerState", s.result.breaker)
	errs := []error{err}
	for _, v := range []pipeline.Variable{
		{Name: OutputPushed, Value: strconv.FormatBool(s.result.pushed)},
		{Name: OutputReason, Value: s.result.reason},
		{Name: OutputCommit, Value: string(s.result.commit)},
		{Name: OutputBreakerState, Value: string(s.result.breaker)},
		{Name: OutputPullRequestURL, Value: s.result.pullRequest},
	} {
		errs = append(errs, s.env.Log.SetVariable(v.Name, v.Value, v.Var))
	}
	return errors.Join(errs...)
}

// warn says at the end of the step what is not as it should be, and does not stop the push.
// After a lost race the same is found again, and not said again.
func (s *step) warn(rule, text, hint string) {
	f := report.Finding{Rule: rule, Severity: report.Warning, Message: text, Hint: hint}
	if slices.Contains(s.warned, f) {
		return
	}
	s.warned = append(s.warned, f)
	s.env.Report.Add(f)
	s.env.Degrade()
}

// shown is a folder as people know it.
func (s *step) shown(dir string) string {
	sources := s.env.Var("Build.SourcesDirectory")
	if rel, err := safepath.Rel(sources, dir); err == nil && sources != "" && rel != "." {
		return rel
	}
	return filepath.ToSlash(dir)
}
