package platformbuild

import (
	"context"
	"errors"
	"fmt"

	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/platform"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/reference"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/registry"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/signature"
)

// verify looks into images that are there.
func (s *step) verify(ctx context.Context) error {
	platforms, err := s.wantedPlatforms()
	errs := []error{err, s.checkKeyInputs()}
	var refs []reference.Reference
	for _, name := range words(s.in.Images) {
		ref, err := reference.Parse(name)
		switch {
		case err != nil:
			errs = append(errs, badInput("images", err.Error(), ""))
		case ref.Tag == "" && ref.Digest == "":
			errs = append(errs, badInput("images", fmt.Sprintf("%.200q has no tag and no digest", name),
				"say which image: name:tag, or name@sha256:..."))
		}
		refs = append(refs, ref)
	}
	if len(refs) == 0 {
		errs = append(errs, badInput("images", "it is empty", "name at least one image"))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if err := s.connect(); err != nil {
		return err
	}
	key, err := s.signer(ctx)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		errs = append(errs, s.insist(s.verifyImage(ctx, ref, platforms, key)))
	}
	return errors.Join(errs...)
}

// verifyImage looks into one image.
func (s *step) verifyImage(
	ctx context.Context,
	ref reference.Reference,
	platforms []platform.Platform,
	key *signature.Key,
) error {
	image, err := s.registry.Resolve(ctx, ref)
	if err != nil {
		return explain(err, "reading "+ref.String())
	}
	s.env.Log.Printf("%s is %s", ref, image.Reference.Digest)
	s.result.digest, s.result.ref = image.Reference.Digest, image.Reference.String()
	for _, part := range image.Parts {
		s.result.platforms = append(s.result.platforms, part.Config.Platform.String())
	}
	origin := s.checkOrigin(ctx, image, key)
	return errors.Join(origin, s.checkProvenance(ctx, image, key),
		s.inspect(ctx, image, wants{platforms: platforms, proven: key != nil && origin == nil}))
}

// checkOrigin refuses an image that no pipeline has built.
func (s *step) checkOrigin(ctx context.Context, image registry.Image, key *signature.Key) error {
	switch {
	case key != nil:
		return s.signedBy(ctx, image, key)
	case s.in.Origin == OriginAny:
		return nil
	}
	var errs []error
	for _, part := range image.Parts {
		if part.Labels[labelBuiltBy] == builtByPipeline && part.Labels[labelBuildID] != "" &&
			part.Labels[labelCommit] != "" {
			continue
		}
		errs = append(errs, &task.UserError{
			Rule: "image/origin",
			Msg: fmt.Sprintf("%s (%s) was not built by a pipeline: it has no labels %s, %s and %s of one",
				image.Reference, part.Config.Platform, labelBuiltBy, labelBuildID, labelCommit),
			Hint: "build it with PlatformBuild; for an image of somebody else's set origin: any",
		})
	}
	return errors.Join(errs...)
}

// checkProvenance asks for what is written down about the build.
func (s *step) checkProvenance(ctx context.Context, image registry.Image, key *signature.Key) error {
	if s.in.Provenance != ProvenanceMin && s.in.Provenance != ProvenanceMax {
		return nil
	}
	if key != nil {
		return s.attestedBy(ctx, image, key)
	}
	var errs []error
	for _, part := range image.Parts {
		if len(image.Provenance[part.Digest]) == 0 {
			errs = append(errs, &task.UserError{
				Rule: "image/provenance",
				Msg:  fmt.Sprintf("%s (%s) has no provenance", image.Reference, part.Config.Platform),
				Hint: "build it with provenance: min, with a builder that can (not the docker driver)",
			})
		}
	}
	return errors.Join(errs...)
}
