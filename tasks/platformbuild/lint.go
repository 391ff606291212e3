package platformbuild

import (
	"context"
	"errors"
	"fmt"

	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/buildx"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/platform"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/progress"
)

// lint has BuildKit check the Dockerfile before anything is built.
func (s *step) lint(ctx context.Context, docker *buildx.Docker, b buildx.Build, p *plan) error {
	if s.in.Lint == LintOff {
		return nil
	}
	if !b.Builder.Lint {
		return s.insist(s.lintOurselves(p, b.Builder))
	}
	found, err := docker.Lint(ctx, b)
	if err != nil {
		return s.buildError(err)
	}
	var errs []error
	for _, w := range found {
		e := s.lintFinding(p, w)
		if s.in.Lint == LintError || platformRule(w.Rule) {
			errs = append(errs, e)
			continue
		}
		s.note(e)
	}
	if len(errs) == 0 {
		errs = append(errs, s.lintOurselves(p, b.Builder))
	}
	return s.insist(errors.Join(errs...))
}

// lintOurselves makes the check that matters most: not every builder has checks, and a Dockerfile can switch them off.
// The look into what was pushed sees the rest of what matters.
func (s *step) lintOurselves(p *plan, with buildx.Builder) error {
	if s.in.Lint == LintError && !with.Lint {
		return &task.UserError{
			Class: task.Environment, Rule: "image/lint",
			Msg: fmt.Sprintf("lint is error, and this builder (%s, BuildKit %s) cannot check a Dockerfile",
				with.Driver, redact.Line(with.Version)),
			Hint: "use a builder with BuildKit 0.14 or newer (input builder), or set lint: warn",
		}
	}
	if !with.Lint {
		s.env.Log.Printf("This builder (%s) has no checks of Dockerfiles; what is pushed is looked into all the same.",
			with.Driver)
	}
	var errs []error
	for _, target := range p.platforms {
		made, line, err := p.file.Made(s.in.Target, withPlatform(p.args, target.OS, target.Arch, target.Variant))
		if err != nil {
			return nil // BuildKit will say what it makes of it
		}
		if wanted, err := platform.Parse(made); err == nil && wanted != target {
			errs = append(errs, &task.UserError{
				Rule: "image/platform", Path: s.shown(p.dockerfile), Line: line,
				Msg:  fmt.Sprintf("the last stage is FROM --platform=%s, and the image is for %s", wanted, target),
				Hint: "leave --platform out of the last FROM",
			})
		}
	}
	return errors.Join(errs...)
}

// platformRule reports whether a finding means that the image would not be for the platform it is built for.
func platformRule(rule string) bool {
	return rule == "InvalidBaseImagePlatform" || rule == "FromPlatformFlagConstDisallowed"
}

func (s *step) lintFinding(p *plan, w progress.Warning) *task.UserError {
	e := &task.UserError{
		Rule: "image/lint", Path: s.shown(p.dockerfile), Line: w.Line, Msg: redact.Line(w.Rule + ": " + w.Text),
		Hint: "see " + redact.Line(w.URL),
	}
	if platformRule(w.Rule) {
		e.Rule = "image/platform"
		e.Hint = "use a base image that has " + platformNames(p.platforms) +
			", and no platform in FROM but $BUILDPLATFORM in stages that compile"
	}
	return e
}

// finding turns what BuildKit warns of in the middle of a build into a warning of the step, if it has not said so
// before.
func (s *step) finding(p *plan, with buildx.Builder) func(progress.Warning) {
	return func(w progress.Warning) {
		if s.in.Lint != LintOff && !with.Lint {
			s.note(s.lintFinding(p, w))
		}
	}
}
