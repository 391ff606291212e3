package platformbuild

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/platform"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/reference"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/registry"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/signature"
)

// verify looks into images that are there.
func (s *step) verify(ctx context.Context) error {
	platforms, err := s.wantedPlatforms()
	errs := []error{err, s.checkKeyInputs(), s.connect()} // which asks nobody yet
	var refs []reference.Reference
	for _, name := range words(s.in.Images) {
		ref, err := s.named(name)
		errs, refs = append(errs, err), append(refs, ref)
	}
	if len(refs) == 0 {
		errs = append(errs, badInput("images", "it is empty", "name at least one image"))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	key, err := s.signer(ctx)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		errs = append(errs, s.insist(s.verifyImage(ctx, ref, platforms, key)))
	}
	if len(refs) > 1 { // which of them would it be?
		s.result.digest, s.result.ref = "", ""
	}
	return errors.Join(errs...)
}

// named is an image of the input; without a registry it is one of the connection's, as for build.
func (s *step) named(name string) (reference.Reference, error) {
	ref, err := reference.Parse(name)
	if err == nil && ref.Implicit && s.source != nil {
		ref, err = reference.Parse(s.source.Host() + "/" + name)
	}
	switch {
	case err != nil:
		return ref, badInput("images", err.Error(), "write registry/name:tag, or registry/name@sha256:...")
	case ref.Tag == "" && ref.Digest == "":
		return ref, badInput("images", fmt.Sprintf("%.200q has no tag and no digest", name),
			"say which image: name:tag, or name@sha256:...")
	}
	return ref, nil
}

// verifyImage looks into one image.
func (s *step) verifyImage(
	ctx context.Context, ref reference.Reference, platforms []platform.Platform, key *signature.Key,
) error {
	image, err := s.registry.Resolve(ctx, ref)
	if err != nil {
		return explain(err, "verifying")
	}
	s.env.Log.Printf("%s is %s", ref, image.Reference.Digest)
	origin := s.checkOrigin(ctx, image, key)
	// What the image holds comes first: origin: any does not mend that.
	err = errors.Join(s.inspect(ctx, image, wants{platforms: platforms, proven: key != nil && origin == nil}),
		origin, s.checkProvenance(ctx, image, key))
	if err != nil {
		return err
	}
	s.certify(image, key)
	s.result.digest, s.result.ref = image.Reference.Digest, image.Reference.String()
	s.result.tagged = append(s.result.tagged, image.Reference.String())
	for _, part := range image.Parts {
		if name := part.Config.Platform.String(); !slices.Contains(s.result.platforms, name) {
			s.result.platforms = append(s.result.platforms, name)
		}
	}
	return nil
}

// certify says what is known of an image that has passed.
func (s *step) certify(image registry.Image, key *signature.Key) {
	who := "nothing was asked about its origin"
	switch {
	case key != nil:
		who = "signed by " + key.String()
	case s.in.Origin != OriginAny:
		who = "labelled by a pipeline, not signed"
	}
	for _, part := range image.Parts {
		built := ""
		if run := part.Labels[labelBuildID]; run != "" {
			built = fmt.Sprintf(", built by run %s of pipeline %s from commit %s", redact.Line(run),
				redact.Line(part.Labels[labelPipeline]), redact.Line(part.Labels[labelCommit]))
		}
		s.env.Log.Printf("Verified %s for %s: %s%s", image.Reference, part.Config.Platform, who, built)
		s.env.Report.Summary("Verified **%s** for %s: %s%s", image.Reference.String(), part.Config.Platform.String(),
			who, built)
		if strings.HasSuffix(part.Labels[labelCommit], dirty) {
			s.warn("image/source",
				fmt.Sprintf("%s was built from files that differ from its commit", image.Reference),
				"build it from a clean checkout")
		}
	}
}

// checkOrigin refuses an image that no pipeline has built.
func (s *step) checkOrigin(ctx context.Context, image registry.Image, key *signature.Key) error {
	switch {
	case key != nil:
		return s.signedBy(ctx, image, key)
	case s.in.Origin == OriginAny:
		return nil
	}
	var without []platform.Platform
	for _, part := range image.Parts {
		if part.Labels[labelBuiltBy] != builtByPipeline || part.Labels[labelBuildID] == "" ||
			part.Labels[labelCommit] == "" {
			without = append(without, part.Config.Platform)
		}
	}
	if len(without) == 0 {
		return nil
	}
	return &task.UserError{
		Rule: "image/origin",
		Msg: fmt.Sprintf("%s (%s) was not built by a pipeline: it has no labels %s, %s and %s of one",
			brief(image), platformNames(without), labelBuiltBy, labelBuildID, labelCommit),
		Hint: "build it with PlatformBuild; for an image of somebody else's set origin: any",
	}
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
				Msg:  fmt.Sprintf("%s (%s) has no provenance", brief(image), part.Config.Platform),
				Hint: "build it with provenance: min, with a builder that can (not the docker driver)",
			})
		}
	}
	if len(errs) == 0 {
		s.env.Log.Printf("Provenance of %s: there, not signed", brief(image))
	}
	return errors.Join(errs...)
}
