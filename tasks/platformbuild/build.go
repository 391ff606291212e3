package platformbuild

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/buildx"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/credential"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/platform"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/progress"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/registry"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/signature"
)

// build builds an image, pushes it without a name, looks into it, and gives it its tags.
func (s *step) build(ctx context.Context) error {
	started := s.env.Now()
	p, err := s.understand()
	if err != nil {
		return err
	}
	if err := s.beforeBuild(ctx, p); err != nil {
		return err
	}
	key, err := s.signer(ctx)
	if err != nil {
		return err
	}
	defer s.sayLeft(p) // after the next one
	defer s.removeCandidate(ctx,
		p) // once the image has other tags: some registries remove what has lost its last one
	image, once, err := s.reuse(ctx, p, key)
	if err != nil {
		return err
	}
	if image.Reference.Digest == "" {
		if image, err = s.make(ctx, p, key); err != nil {
			return err
		}
	}
	if once, err = s.stillSame(ctx, p, once); err != nil {
		return err
	}
	if err := s.tag(ctx, p, image, once); err != nil {
		return err
	}
	s.result.took = s.env.Now().Sub(started)
	s.publish(ctx, p, image)
	return nil
}

// beforeBuild refuses what should not be built at all.
func (s *step) beforeBuild(ctx context.Context, p *plan) error {
	if err := errors.Join(s.insist(s.outside(p)), s.screen(p), s.insist(s.wanted(p))); err != nil {
		return err
	}
	c, err := s.sourceCommit(ctx, p)
	if err != nil {
		return err
	}
	s.label(p, c, s.env.Now())
	if err := s.connect(); err != nil {
		return err
	}
	if p.image, err = s.target(); err != nil {
		return err
	}
	// Docker would say no more than "unauthorized", and at the end of the build.
	user, password, err := s.source.Get(ctx, false)
	if err != nil {
		return explain(err, "getting credentials")
	}
	s.login = login{user, inputs.NewSecret(password)}
	if err := s.registry.CanPush(ctx, p.image); err != nil {
		return explain(err, "before the build")
	}
	s.env.Log.Printf("Image: %s, tags %s, for %s, of commit %.12s", p.image.Name(), strings.Join(p.tags, ", "),
		platformNames(p.platforms), c.id)
	return s.insist(s.immutable(ctx, p, ""))
}

// make builds the image, pushes it and looks into it.
func (s *step) make(ctx context.Context, p *plan, key *signature.Key) (registry.Image, error) {
	docker, done, err := s.docker(ctx)
	if err != nil {
		return registry.Image{}, err
	}
	defer done()
	builder, remove, err := docker.Choose(ctx, s.in.Builder, s.need(p))
	if err != nil {
		return registry.Image{}, s.buildError(err)
	}
	defer remove(context.WithoutCancel(ctx))
	s.env.Log.Printf("Builder %s: driver %s, BuildKit %s, buildx %s.", builder.Name, builder.Driver,
		cmp.Or(builder.Version, "unknown"), cmp.Or(builder.Buildx, "unknown"))
	b := s.order(p, builder)
	p.candidate = b.Tag
	if err := s.lint(ctx, docker, b, p); err != nil {
		return registry.Image{}, err
	}
	result, err := docker.Run(ctx, b, &progress.Printer{To: s.env.Log, Now: s.env.Now, Warn: s.finding(p, b.Builder)})
	if err != nil {
		return registry.Image{}, s.buildError(err)
	}
	s.account(result)
	ref := p.image
	ref.Digest = result.Digest
	image, err := s.registry.Resolve(ctx, ref)
	if err != nil {
		return image, explain(err, "reading "+ref.String()+", which was just pushed")
	}
	s.untagged = result.Digest
	if err := s.insist(s.inspect(ctx, image, s.built(p))); err != nil {
		return image, err
	}
	return image, s.sign(ctx, p, image, key)
}

// docker is the docker program with a configuration of our own.
func (s *step) docker(ctx context.Context) (*buildx.Docker, func(), error) {
	config, done, err := credential.Serve(ctx, s.scratch, s.env.Environ(), s.source)
	if err != nil {
		return nil, nil, fmt.Errorf("making a configuration for docker: %w", err)
	}
	return &buildx.Docker{
		Env: config.Env, Dir: s.scratch, Secrets: s.env.Secrets, Debug: s.env.Log.Debug, Sleep: s.sleep, Renew: s.renew,
	}, done, nil
}

// renew gets fresh credentials, and tells whether they are others than before the build.
func (s *step) renew(ctx context.Context) (changed bool, err error) {
	user, password, err := s.source.Get(ctx, true)
	return err == nil && (user != s.login.user || password != s.login.password.Reveal()), err
}

// need is what the inputs ask of a builder.
func (s *step) need(p *plan) buildx.Need {
	return buildx.Need{
		Platforms: p.platforms, Annotations: len(s.in.Annotations) > 0, Image: s.in.BuildkitImage,
		Attestations: s.in.Sbom || s.in.Provenance == ProvenanceMin || s.in.Provenance == ProvenanceMax,
		CacheExport:  s.in.Cache == CacheRegistry || len(s.in.CacheTo) > 0,
		Runs:         s.runs(p),
	}
}

// runs are the platforms for which the build has to run programs, as far as the Dockerfile tells.
func (s *step) runs(p *plan) (all []platform.Platform) {
	if len(p.contexts) > 0 {
		return nil // one can take the place of a stage
	}
	for _, target := range p.platforms {
		list, err := p.file.Runs(s.in.Target, withPlatform(p.args, target.OS, target.Arch, target.Variant))
		if err != nil {
			return nil // the build says so
		}
		for _, name := range list {
			one, err := platform.Parse(name)
			switch {
			case name == "":
				all = append(all, target)
			case err == nil: // and not the builder's own
				all = append(all, one)
			}
		}
	}
	return all
}

// order is the build as buildx does it.
func (s *step) order(p *plan, with buildx.Builder) buildx.Build {
	b := buildx.Build{
		Builder: with, Context: p.context, Dockerfile: p.dockerfile, Repository: p.image.Name(), Platforms: p.platforms,
		Args: lines(p.args), Options: p.options, Target: s.in.Target, Labels: p.labels,
		Secrets: p.secrets, SSH: p.ssh, Contexts: p.contexts,
		NoCache: s.in.NoCache, Pull: s.in.Pull, Provenance: "off", SBOM: s.in.Sbom, Scanner: p.scanner,
		Folder: s.scratch,
	}
	if p.annotated = with.Annotations; p.annotated {
		b.Annotations = p.annotations
	}
	if !with.PushByDigest {
		b.Tag = s.candidate()
	}
	if with.Attestations && s.in.Provenance != ProvenanceOff {
		b.Provenance = "min"
		if s.in.Provenance == ProvenanceMax {
			b.Provenance = "max"
		}
	}
	b.CacheFrom, b.CacheTo = s.caches(p, with)
	return b
}

// account keeps what the build came to.
func (s *step) account(r buildx.Result) {
	if steps := r.Summary.Steps; steps > 0 {
		s.result.cacheHits = strconv.Itoa(r.Summary.Cached * 100 / steps)
		cached := fmt.Sprintf("%d of them", r.Summary.Cached)
		if r.Summary.Cached == steps {
			cached = "all"
		}
		s.env.Log.Printf("Built: %s, %s from the cache (%s%%)", count(steps, "step"), cached, s.result.cacheHits)
		if len(r.Summary.Slowest) > 0 {
			s.env.Log.Print("The slowest steps:")
		}
		for _, slow := range r.Summary.Slowest {
			s.env.Log.Printf("  %6.1f s  %s", slow.Duration.Seconds(), redact.Line(slow.Name))
		}
	}
	s.result.metadata = s.keep(r.Metadata)
}

// keep moves the metadata out of the scratch folder, for later steps of the job.
func (s *step) keep(file string) string {
	if file == "" {
		return ""
	}
	to := filepath.Join(filepath.Dir(s.scratch), filepath.Base(s.scratch)+"-metadata.json")
	if err := os.Rename(file, to); err != nil {
		s.env.Log.Debug("keeping buildx's metadata: " + err.Error())
		return ""
	}
	return to
}

// buildError turns what buildx says into what to do about it.
func (s *step) buildError(err error) error {
	var no *buildx.Error
	if !errors.As(err, &no) {
		return err
	}
	e := &task.UserError{
		Class: task.Environment,
		Rule:  "image/" + string(no.Kind),
		Msg:   no.Msg,
		Hint:  no.Hint,
		Err:   err,
	}
	if no.Said != "" {
		e.Msg += " (" + no.Said + ")"
	}
	switch no.Kind {
	case buildx.Step, buildx.Dockerfile, buildx.NoEmulation, buildx.NoPlatform:
		e.Class = task.Refused
	}
	if no.Path != "" {
		e.Path, e.Line = s.shown(no.Path), no.Line
	}
	return e
}
