package platformbuild

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/dockerfile"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/fingerprint"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/reference"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/registry"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/signature"
)

// reuse finds an image of the same inputs. The image is empty if there is none that can be trusted; once is the tag by
// which a later build finds the one that is built now.
func (s *step) reuse(
	ctx context.Context,
	p *plan,
	key *signature.Key,
) (image registry.Image, once string, err error) {
	if !s.in.BuildOnce {
		return image, "", nil
	}
	if why := s.unrepeatable(p); why != "" {
		s.warn("image/once", why+", so whether the image is there already cannot be told, and it is built",
			"set buildOnce: false for this image")
		return image, "", nil
	}
	if once, err = s.inputsHash(ctx, p); err != nil {
		s.warn("image/once", "whether the image is there already cannot be told, so it is built: "+errorText(err), "")
		return image, "", nil
	}
	p.labels[labelInputs], p.own[labelInputs] = once, once // so that a signature says so, too
	ref := p.image
	ref.Tag = once
	digest, there, err := s.registry.Digest(ctx, ref)
	if err != nil {
		return image, "", explain(err, "looking for "+ref.String())
	}
	if !there {
		s.env.Log.Printf("No image of these inputs is there (%.15s...): it is built", once)
		return image, once, nil
	}
	ref.Tag, ref.Digest = "", digest
	found, err := s.registry.Resolve(ctx, ref)
	if err != nil {
		return image, "", explain(err, "reading "+ref.String())
	}
	if err := s.trustFound(ctx, p, found, key); err != nil {
		s.warn(
			"image/once",
			fmt.Sprintf("an image of the same inputs is there (%.19s), and is not used: %s; it is built anew",
				digest, errorText(err)),
			"",
		)
		return image, once, nil
	}
	s.env.Log.Printf("Nothing to build: %s is of the same inputs, built by run %s", ref,
		redact.Line(found.Parts[0].Labels[labelBuildID]))
	s.result.reused = true
	return found, once, nil
}

// stillSame is the hash if the inputs are what they were before the build, and nothing if not: a base image can be
// moved, and a file be written.
func (s *step) stillSame(ctx context.Context, p *plan, once string) (string, error) {
	if once == "" || s.result.reused {
		return once, nil
	}
	again, err := s.inputsHash(ctx, p)
	if ctx.Err() != nil {
		return "", err
	}
	if err != nil || again != once {
		s.env.Log.Print("A base image or a file has changed during the build: buildOnce will not find this image")
		return "", nil
	}
	return once, nil
}

// trustFound verifies an image as if it was built now.
func (s *step) trustFound(ctx context.Context, p *plan, found registry.Image, key *signature.Key) error {
	if len(found.Parts) == 0 {
		return errors.New("it is empty")
	}
	user, err := pairs("labels", s.in.Labels)
	if err != nil {
		return err
	}
	if s.inPipeline() {
		user[labelBuiltBy] = builtByPipeline
	}
	user[labelInputs] = p.own[labelInputs] // whoever may push can move the tag
	if key != nil {
		if err := s.signedBy(ctx, found, key); err != nil {
			return err
		}
	}
	return s.inspect(ctx, found, wants{platforms: p.platforms, exactly: true, labels: user, proven: key != nil})
}

// unrepeatable says why the same inputs need not make the same image.
func (s *step) unrepeatable(p *plan) string {
	for _, place := range p.contexts {
		if strings.HasPrefix(place, "docker-image://") && !strings.Contains(place, "@sha256:") {
			return fmt.Sprintf("the context %.100q is not pinned by digest", place)
		}
	}
	for _, stage := range p.file.Stages {
		if len(stage.Downloads) > 0 {
			return fmt.Sprintf("an ADD takes %.100q from the network, and no checksum says what that is",
				stage.Downloads[0])
		}
	}
	ignored, err := fingerprint.Ignored(p.context, p.dockerfile)
	if err == nil && isFolder(filepath.Join(p.context, ".git")) && !ignored(".git") {
		return "the folder .git is in the build context, and is another one in every checkout: name it in .dockerignore"
	}
	return s.unhashed(p)
}

// unhashed names an input that decides about the image and is not in the hash.
func (s *step) unhashed(p *plan) string {
	switch {
	case !s.in.Pull:
		return "pull is false, so a base image can be an old one that only this machine has"
	case strings.Contains(strings.Join(p.options, " "), "--no-cache-filter"):
		return "--no-cache-filter wants steps to run"
	case p.args["BUILDKIT_SYNTAX"] != "":
		return "BUILDKIT_SYNTAX names another frontend"
	case s.in.NoCache:
		return "noCache wants every step to run"
	case len(p.secrets) > 0 || len(s.in.SSH) > 0:
		return "the build gets secrets, which are no part of the hash"
	}
	return ""
}

// inputsHash is the tag of the inputs.
func (s *step) inputsHash(ctx context.Context, p *plan) (string, error) {
	bases := map[string]string{}
	if p.file.Syntax != "" {
		if err := s.baseDigest(ctx, dockerfile.Base{Image: p.file.Syntax}, bases); err != nil {
			return "", err
		}
	}
	for _, target := range p.platforms {
		list, err := p.file.Bases(s.in.Target, withPlatform(p.args, target.OS, target.Arch, target.Variant))
		if err != nil {
			return "", err
		}
		for _, base := range list {
			if _, named := p.contexts[base.Image]; named {
				continue // it counts as a context
			}
			if err := s.baseDigest(ctx, base, bases); err != nil {
				return "", err
			}
		}
	}
	var platforms []string
	for _, target := range p.platforms {
		platforms = append(platforms, target.String())
	}
	slices.Sort(platforms)
	settings := map[string]string{
		"syntax": p.file.Syntax, "options": strings.Join(p.options, "\x00"), "provenance": string(s.in.Provenance),
		"sbom": fmt.Sprint(s.in.Sbom), "sbomGenerator": p.scanner, "labels": strings.Join(s.in.Labels, "\n"),
		"annotations": strings.Join(s.in.Annotations, "\n"),
	}
	return fingerprint.Of(ctx, fingerprint.Inputs{
		Context: p.context, Dockerfile: p.dockerfile, Named: p.contexts, Bases: bases, Args: maps.Clone(p.args),
		Target: s.in.Target, Platforms: platforms, Settings: settings,
	})
}

// baseDigest asks what a base image is now.
func (s *step) baseDigest(ctx context.Context, base dockerfile.Base, known map[string]string) error {
	if _, done := known[base.Image]; done {
		return nil
	}
	ref, err := reference.Parse(base.Image)
	if err != nil {
		return &task.UserError{
			Rule: "image/once",
			Msg:  "the Dockerfile's base image is no image: " + redact.Line(err.Error()),
		}
	}
	if ref.Digest != "" {
		known[base.Image] = ref.Digest
		return nil
	}
	if ref.Tag == "" {
		ref.Tag = "latest"
	}
	digest, there, err := s.registry.Digest(ctx, ref)
	switch {
	case err != nil:
		return explain(err, "asking for the base image "+ref.String())
	case !there:
		return &task.UserError{Rule: "image/once", Msg: fmt.Sprintf("there is no base image %s", ref)}
	}
	known[base.Image] = digest
	return nil
}

// withPlatform adds the arguments that BuildKit sets for a target platform.
func withPlatform(args map[string]string, os, arch, variant string) map[string]string {
	all := map[string]string{
		"TARGETOS": os, "TARGETARCH": arch, "TARGETVARIANT": variant, "TARGETPLATFORM": os + "/" + arch,
	}
	if variant != "" {
		all["TARGETPLATFORM"] += "/" + variant
	}
	maps.Copy(all, args)
	return all
}
