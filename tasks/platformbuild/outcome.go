package platformbuild

import (
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/pipeline"
	"github.com/guardrails-ci/guardrails/shared/report"
	"github.com/guardrails-ci/guardrails/shared/safepath"
	"github.com/guardrails-ci/guardrails/shared/task"
)

// outcome is what the step came to.
type outcome struct {
	digest, ref  string
	tagged       []string // whole names
	platforms    []string
	cacheHits    string // percent, "" if nothing was built
	took         time.Duration
	reused       bool
	metadata     string
	policyFolder string
}

// announce sets the output variables, also for a step that is refused. What enforcement:
// warn forgives was forgiven before (see insist): whatever gets here has kept the step from
// doing what it was to do, and a step that has not done it must not look as if it had.
func (s *step) announce(err error) error {
	var errs []error
	for _, e := range flat(err) {
		var refusal *task.UserError
		if errors.As(e, &refusal) {
			refusal.Final = true
		} else {
			e = &task.UserError{Class: task.Environment, Rule: "image/environment", Msg: e.Error(), Final: true, Err: e}
		}
		errs = append(errs, e)
	}
	facts := s.outputs()
	for _, v := range facts {
		errs = append(errs, s.env.Log.SetVariable(v.Name, v.Value, v.Var))
		s.env.Report.Set(v.Name, v.Value)
	}
	return errors.Join(errs...)
}

func (s *step) outputs() []pipeline.Variable {
	r := s.result
	took := ""
	if r.took > 0 {
		took = strconv.FormatFloat(r.took.Seconds(), 'f', 1, 64)
	}
	return []pipeline.Variable{
		{Name: OutputDigest, Value: r.digest},
		{Name: OutputImageRef, Value: r.ref},
		{Name: OutputImageRefs, Value: strings.Join(r.tagged, ",")},
		{Name: OutputPlatforms, Value: strings.Join(r.platforms, ",")},
		{Name: OutputCacheHitPercent, Value: r.cacheHits},
		{Name: OutputDurationSeconds, Value: took},
		{Name: OutputReused, Value: strconv.FormatBool(r.reused)},
		{Name: OutputMetadataFile, Value: r.metadata},
		{Name: OutputPolicyFolder, Value: r.policyFolder},
	}
}

// insist returns what cannot be forgiven of err: with enforcement: warn a refusal, and a look
// that could not be taken, become warnings.
func (s *step) insist(err error) error {
	if err == nil || s.in.Enforcement != inputs.Warn {
		return err
	}
	var errs []error
	for _, e := range flat(err) {
		var refusal *task.UserError
		pardon := errors.As(e, &refusal) && !refusal.Final &&
			(refusal.Class == "" || refusal.Class == task.Refused || refusal.Class == task.Environment)
		if !pardon {
			errs = append(errs, e)
			continue
		}
		f := report.Finding{
			Rule: refusal.Rule, Severity: report.Warning, Hint: refusal.Hint, Path: refusal.Path, Line: refusal.Line,
			Message: refusal.Msg + "; the step goes on, as enforcement is warn",
		}
		if slices.Contains(s.warned, f) {
			continue
		}
		s.forgiven++
		s.env.Log.Print("Forgiven (enforcement: warn): " + refusal.Msg) // the warning stands at the end of the log
		s.add(f)
	}
	return errors.Join(errs...)
}

// flat lists the errors that errors.Join has joined.
func flat(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, flat(e)...)
	}
	return all
}

// warn says at the end of the step what is not as it should be, and does not stop it.
func (s *step) warn(rule, text, hint string) {
	s.add(report.Finding{Rule: rule, Severity: report.Warning, Message: text, Hint: hint})
}

func (s *step) add(f report.Finding) {
	if slices.Contains(s.warned, f) {
		return
	}
	s.warned = append(s.warned, f)
	s.env.Report.Add(f)
	s.env.Degrade()
}

// shown is a path as people know it.
func (s *step) shown(path string) string {
	if rel, err := safepath.Rel(s.sources, path); err == nil && s.sources != "" && rel != "." {
		return rel
	}
	return filepath.ToSlash(path)
}

// warnAt is warn for what a place in the sources is to blame for.
func (s *step) warnAt(e *task.UserError) {
	s.add(report.Finding{
		Rule: e.Rule, Severity: report.Warning, Message: e.Msg, Hint: e.Hint, Path: e.Path, Line: e.Line,
	})
}

// note is warnAt for what is worth a word, and leaves the step's result as it is.
func (s *step) note(e *task.UserError) {
	f := report.Finding{
		Rule: e.Rule, Severity: report.Warning, Message: e.Msg, Hint: e.Hint, Path: e.Path, Line: e.Line,
	}
	if !slices.Contains(s.warned, f) {
		s.warned = append(s.warned, f)
		s.env.Report.Add(f)
	}
}
