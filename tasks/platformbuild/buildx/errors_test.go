package buildx_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/buildx"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/platform"
)

// real is a build that fails. TestErrorsAreTold has the texts of one version only; these are told by the buildx that runs.
type real struct {
	dockerfile string
	change     func(*buildx.Build)
	kind       buildx.Kind
	msg        string // with FOREIGN for an image that is there for arm64 only
}

func (r real) hold(t *testing.T, b *bench, x buildx.Build) {
	t.Helper()
	if r.change != nil {
		r.change(&x)
	}
	r.msg = strings.ReplaceAll(r.msg, "FOREIGN", b.foreign)
	to := &recorder{}
	_, err := b.Run(context.Background(), x, to)
	var e *buildx.Error
	if !errors.As(err, &e) || e.Kind != r.kind || e.Msg != r.msg || e.Hint == "" {
		t.Errorf("Run by buildx %s: %+v\nwant kind %s, %q\n%s", b.daemons.Buildx, e, r.kind, r.msg, strings.Join(to.lines, "\n"))
	}
	if r.kind == buildx.NoPlatform && e.Path != x.Dockerfile {
		t.Errorf("the error's file is %q, want %q", e.Path, x.Dockerfile)
	}
}

func TestRealErrors(t *testing.T) {
	t.Parallel()
	b := newBench(t, containertest.Settings{BuildKit: true})
	b.Env = slices.DeleteFunc(b.Env, func(entry string) bool { return strings.HasPrefix(entry, "SSH_AUTH_SOCK=") })
	builder := b.choose(t, "", buildx.Need{})
	const good = "FROM BASE\n"
	t.Run("no platform, by its lint", func(t *testing.T) {
		x := b.build(t, builder, "# a comment\nFROM FOREIGN\n")
		_, err := b.Lint(context.Background(), x)
		var e *buildx.Error
		if !errors.As(err, &e) || e.Kind != buildx.NoPlatform || e.Path != x.Dockerfile || e.Line != 2 {
			t.Errorf("Lint: %+v, want kind platform at line 2", err)
		}
	})
	for name, r := range map[string]real{
		"no Dockerfile": {good, func(x *buildx.Build) { x.Dockerfile = filepath.Join(x.Context, "Nope") },
			buildx.Dockerfile, "there is no such Dockerfile"},
		"broken Dockerfile": {good + "RUNN x\n", nil, buildx.Dockerfile, "the Dockerfile has an error"},
		"no stage": {good, func(x *buildx.Build) { x.Target = "q" },
			buildx.Dockerfile, "the Dockerfile has no stage q"},
		"no file":   {good + "COPY nofile /x\n", nil, buildx.Dockerfile, "/nofile is to be copied, and is not there"},
		"no secret": {good + "RUN --mount=type=secret,id=s,required=true true\n", nil, buildx.Dockerfile, "the Dockerfile needs the secret s"},
		"no secret's file": {good, func(x *buildx.Build) { x.Secrets = []buildx.Secret{{ID: "s", File: "/nope"}} },
			buildx.Dockerfile, "the file /nope of a secret is not there"},
		"no SSH agent": {good, func(x *buildx.Build) { x.SSH = []string{"default"} },
			buildx.Other, "there is no SSH agent"},
		"no SSH key": {good, func(x *buildx.Build) { x.SSH = []string{"default=/nope"} },
			buildx.Other, "an SSH key cannot be used"},
		"an SSH key that is none": {good, func(x *buildx.Build) { x.SSH = []string{"default=" + x.Dockerfile} },
			buildx.Other, "an SSH key cannot be used"},
		"no folder": {good, func(x *buildx.Build) { x.Context = "/nope" },
			buildx.Dockerfile, "the build's context is not there"},
		"no named context": {good, func(x *buildx.Build) { x.Contexts = map[string]string{"x": "/nope"} },
			buildx.Dockerfile, "the context x is not there"},
		"entitlement": {good, func(x *buildx.Build) { x.Options = []string{"--allow=security.insecure"} },
			buildx.Unsupported, "the builder does not allow security.insecure"},
		"unknown entitlement": {good, func(x *buildx.Build) { x.Options = []string{"--allow=bogus"} },
			buildx.Unsupported, "buildx does not take an option of this build"},
		"bad option": {good, func(x *buildx.Build) { x.Options = []string{"--ulimit=bogus"} },
			buildx.Unsupported, "buildx does not take an option of this build"},
		"no base":     {"FROM BASE-not\n", nil, buildx.Base, "a base image cannot be read"},
		"no platform": {"FROM FOREIGN\n", nil, buildx.NoPlatform, "the base image FOREIGN has nothing for linux/amd64"},
		"no platform to copy of": {good + "COPY --from=FOREIGN /bin/sh /x\n", nil,
			buildx.NoPlatform, "the base image FOREIGN has nothing for linux/amd64"},
		"no platform of several": {"FROM FOREIGN\n", func(x *buildx.Build) { x.Platforms = []platform.Platform{arm64, amd64} },
			buildx.NoPlatform, "the base image FOREIGN has nothing for linux/amd64"},
		"no platform as it is named": {"FROM --platform=linux/s390x FOREIGN\n", func(x *buildx.Build) { x.Platforms[0] = arm64 },
			buildx.NoPlatform, "the base image FOREIGN has nothing for the platform of its FROM"},
		"unknown host": {"FROM nosuch.invalid/x\n", nil, buildx.Base, "the registry of a base image cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) { r.hold(t, b, b.build(t, builder, r.dockerfile)) })
	}
}

func TestRealEngineErrors(t *testing.T) {
	t.Parallel()
	b := newBench(t, containertest.Settings{Engine: true})
	builder := b.choose(t, "", buildx.Need{})
	for name, r := range map[string]real{
		"platforms": {"FROM BASE\n", func(x *buildx.Build) { x.Platforms = append(x.Platforms, arm64) },
			buildx.Unsupported, "the docker driver cannot do this: Multi-platform build"},
		"provenance": {"FROM BASE\n", func(x *buildx.Build) { x.Provenance = "max" },
			buildx.Unsupported, "the docker driver cannot do this: Attestation"},
		"cache": {"FROM BASE\n", func(x *buildx.Build) { x.CacheTo = []string{"type=registry,ref=" + b.registry.Host() + "/c"} },
			buildx.Unsupported, "the docker driver cannot do this: Cache export"},
		"no base":     {"FROM BASE-not\n", nil, buildx.Base, "a base image cannot be read"},
		"no platform": {"FROM FOREIGN\n", nil, buildx.NoPlatform, "the base image FOREIGN has nothing for linux/amd64"},
		"no platform to copy of": {"FROM BASE\nCOPY --from=FOREIGN /bin/sh /x\n", nil,
			buildx.NoPlatform, "the base image FOREIGN has nothing for linux/amd64"},
		"no file":       {"FROM BASE\nCOPY nofile /x\n", nil, buildx.Dockerfile, "/nofile is to be copied, and is not there"},
		"no stage":      {"FROM BASE\n", func(x *buildx.Build) { x.Target = "q" }, buildx.Dockerfile, "the Dockerfile has no stage q"},
		"no Dockerfile": {"FROM BASE\n", func(x *buildx.Build) { x.Dockerfile += "x" }, buildx.Dockerfile, "there is no such Dockerfile"},
	} {
		t.Run(name, func(t *testing.T) {
			x := b.build(t, builder, r.dockerfile)
			x.Tag = "candidate"
			r.hold(t, b, x)
		})
	}
}

func TestRealBuilderErrors(t *testing.T) {
	t.Parallel()
	b := newBench(t, containertest.Settings{BuildKit: true})
	if _, err := b.daemons.Docker("buildx", "create", "--name", "dead", "--driver", "remote", "unix:///nowhere.sock"); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		builder, env string
		kind         buildx.Kind
	}{
		"no builder": {builder: "nope", kind: buildx.NoBuilder},
		"dead":       {builder: "dead", kind: buildx.NoBuilder},
		"no daemon":  {builder: "default", kind: buildx.NoDaemon},
		"no context": {builder: "default", env: "DOCKER_CONTEXT=nope", kind: buildx.NoDaemon},
	} {
		t.Run(name, func(t *testing.T) {
			d := *b.Docker
			if d.Env = slices.Clone(d.Env); tc.env != "" {
				d.Env = append(slices.DeleteFunc(d.Env, func(e string) bool { return strings.HasPrefix(e, "DOCKER_HOST=") }), tc.env)
			}
			_, _, err := d.Choose(context.Background(), tc.builder, buildx.Need{})
			if got := kindOf(t, err); got != tc.kind {
				t.Errorf("Choose(%q) by buildx %s: %+v, want kind %s", tc.builder, b.daemons.Buildx, err, tc.kind)
			}
		})
	}
}
