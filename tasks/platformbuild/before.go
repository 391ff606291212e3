package platformbuild

import (
	"context"
	"errors"
	"fmt"

	"github.com/guardrails-ci/guardrails/shared/task"
)

// outside refuses to build on somebody's machine, and to say that a pipeline did.
func (s *step) outside(p *plan) error {
	_, pretends := p.labels[labelBuiltBy]
	switch {
	case s.inPipeline():
		return nil
	case pretends:
		return &task.UserError{
			Rule: "image/origin", Final: true,
			Msg: fmt.Sprintf("this is no agent of Azure Pipelines, and the label %s says who built the image",
				labelBuiltBy),
			Hint: "leave the label out",
		}
	case s.in.AllowOutsideAgent:
		return nil
	}
	return &task.UserError{
		Rule: "image/origin",
		Msg: "this is no agent of Azure Pipelines: images that are built on somebody's machine are what this task " +
			"is against",
		Hint: "build in a pipeline, or set allowOutsideAgent: true",
	}
}

// immutable refuses tags that stand for another image than the one with the digest; "" is one that is not built yet.
func (s *step) immutable(ctx context.Context, p *plan, digest string) error {
	if !s.in.ImmutableTags {
		return nil
	}
	var errs []error
	for _, tag := range p.tags {
		ref := p.image
		ref.Tag = tag
		now, there, err := s.registry.Digest(ctx, ref)
		switch {
		case err != nil:
			errs = append(errs, explain(err, "looking for the tag "+ref.String()))
		case there && now != digest && !(digest == "" && s.in.BuildOnce): // the same image may be found again
			errs = append(errs, &task.UserError{
				Rule: "image/tag", Msg: fmt.Sprintf("%s is there already, and is %.19s: tags are immutable", ref, now),
				Hint: "use a tag of its own for every build, such as $(Build.BuildId)",
			})
		}
	}
	return errors.Join(errs...)
}
