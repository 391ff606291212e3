package buildx_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/pipeline"
	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/buildx"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/platform"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/progress"
)

// bench is a real docker with a registry.
type bench struct {
	*buildx.Docker
	daemons  *containertest.Daemons
	registry *containertest.Registry
	base     string // an image for amd64 and arm64
	foreign  string // an index without amd64
	slept    []time.Duration
}

func newBench(t *testing.T, s containertest.Settings) *bench {
	t.Helper()
	r := containertest.NewRegistry(t)
	s.Registries = append(s.Registries, r)
	b := &bench{daemons: containertest.Start(t, s), registry: r}
	var err error
	if b.base, err = r.PushBase("base", "1", "amd64", "arm64"); err != nil {
		t.Fatal(err)
	}
	if b.foreign, err = r.PushBase("foreign", "1", "arm64", "riscv64=arm64"); err != nil {
		t.Fatal(err)
	}
	r.Forget()
	b.Docker = &buildx.Docker{
		Env: append(os.Environ(), b.daemons.Env...), Secrets: new(redact.Set), Debug: func(text string) { t.Log(text) },
		Sleep: func(_ context.Context, d time.Duration) error {
			b.slept = append(b.slept, d)
			r.Heal()
			return nil
		},
	}
	return b
}

// build makes a build of a Dockerfile, with BASE and FOREIGN replaced.
func (b *bench) build(t *testing.T, builder buildx.Builder, dockerfile string) buildx.Build {
	t.Helper()
	dir := t.TempDir()
	text := strings.NewReplacer("BASE", b.base, "FOREIGN", b.foreign).Replace(dockerfile)
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return buildx.Build{
		Builder: builder, Context: dir, Dockerfile: filepath.Join(dir, "Dockerfile"), Repository: b.registry.Host() + "/app",
		Platforms: []platform.Platform{amd64}, Provenance: "off", Folder: t.TempDir(), Labels: map[string]string{"a": "b, c"},
	}
}

func (b *bench) choose(t *testing.T, name string, n buildx.Need) buildx.Builder {
	t.Helper()
	builder, remove, err := b.Choose(context.Background(), name, n)
	if err != nil {
		t.Fatalf("Choose(%q, %+v): %v", name, n, err)
	}
	t.Cleanup(func() { remove(context.Background()) })
	if builder.Buildx != b.daemons.Buildx {
		t.Errorf("the builder is asked by buildx %q, want %q", builder.Buildx, b.daemons.Buildx)
	}
	return builder
}

// kindOf is the kind of an error; "" if there is none.
func kindOf(t *testing.T, err error) buildx.Kind {
	t.Helper()
	var e *buildx.Error
	if err != nil && !errors.As(err, &e) {
		t.Errorf("error %v is no *buildx.Error", err)
	}
	if e == nil {
		return ""
	}
	return e.Kind
}

func TestRealBuildKit(t *testing.T) {
	t.Parallel()
	b := newBench(t, containertest.Settings{BuildKit: true})
	builder := b.choose(t, "", buildx.Need{Platforms: []platform.Platform{amd64, arm64}, Attestations: true, CacheExport: true})
	if builder.Driver != "remote" || !builder.Lint || !slices.Contains(builder.Platforms, amd64) || slices.Contains(builder.Platforms, arm64) {
		t.Fatalf("builder: %+v, want remote, with rules, for amd64 and not for arm64", builder)
	}
	t.Run("everything", func(t *testing.T) {
		x := b.build(t, builder, "FROM BASE\nARG A\nRUN --mount=type=secret,id=s,required=true "+
			`test "$A" = "x, y" && test "$(cat /run/secrets/s)" = hunter2-hunter2 && cp /run/secrets/s /leak && cat /leak`)
		x.Args = []string{"A=x, y"}
		x.Secrets = []buildx.Secret{{ID: "s", Value: inputs.NewSecret("hunter2-hunter2")}}
		x.Annotations = map[string]string{"org.opencontainers.image.title": "a, b=c"}
		x.Provenance = "max"
		x.CacheTo = []string{"type=registry,ref=" + b.registry.Host() + "/app:cache,mode=max"}
		var log bytes.Buffer
		r, err := b.Run(context.Background(), x, &progress.Printer{To: pipeline.New(&log, b.Secrets), Now: time.Now})
		if err != nil {
			t.Fatalf("Run: %+v\n%s", err, log.String())
		}
		var index struct {
			Annotations map[string]string
			Manifests   []struct{ Digest string }
		}
		if err := b.registry.Manifest("app", r.Digest, &index); err != nil || len(index.Manifests) != 2 ||
			index.Annotations["org.opencontainers.image.title"] != "a, b=c" {
			t.Errorf("the index is %+v, %v; want an image and its provenance, and the annotation", index, err)
		}
		if tags := b.registry.Tags("app"); !slices.Equal(tags, []string{"cache"}) {
			t.Errorf("tags %q; want none but the cache's", tags)
		}
		if r.Summary.Steps != 1 || r.Summary.Cached != 0 || strings.Contains(log.String(), "hunter2") || !strings.Contains(log.String(), "***") {
			t.Errorf("summary %+v, log:\n%s\nwant one step, and the secret hidden", r.Summary, log.String())
		}
		if left, _ := filepath.Glob(filepath.Join(x.Folder, "*")); len(left) != 1 || left[0] != r.Metadata {
			t.Errorf("the folder holds %q, want the metadata only", left)
		}
	})
	t.Run("two platforms", func(t *testing.T) {
		x := b.build(t, builder, "FROM BASE\nCOPY Dockerfile /\n")
		x.Platforms = append(x.Platforms, arm64)
		r, err := b.Run(context.Background(), x, &recorder{})
		var index struct{ Manifests []struct{ Digest string } }
		if err != nil || b.registry.Manifest("app", r.Digest, &index) != nil || len(index.Manifests) != 2 {
			t.Errorf("Run: %v, index %+v", err, index)
		}
	})
	t.Run("no emulation", func(t *testing.T) {
		x := b.build(t, builder, "FROM BASE\nRUN true\n")
		x.Platforms = []platform.Platform{arm64}
		_, err := b.Run(context.Background(), x, &recorder{})
		if kindOf(t, err) != buildx.NoEmulation {
			t.Errorf("a RUN for arm64 on amd64: %+v, want kind emulation", err)
		}
	})
	t.Run("step fails", func(t *testing.T) {
		x := b.build(t, builder, "FROM BASE\n\nRUN echo '##vso[task.complete]'; exit 3\n")
		var log bytes.Buffer
		_, err := b.Run(context.Background(), x, &progress.Printer{To: pipeline.New(&log, nil), Now: time.Now})
		var e *buildx.Error
		if !errors.As(err, &e) || e.Kind != buildx.Step || e.Line != 3 || e.Path != x.Dockerfile || !strings.Contains(e.Msg, "exit code 3") {
			t.Errorf("RUN exit 3: %+v, want kind step at line 3", err)
		}
		if strings.Contains(log.String(), "##vso[task.complete]") {
			t.Errorf("the build commands the agent:\n%s", log.String())
		}
	})
	t.Run("rules", func(t *testing.T) {
		x := b.build(t, builder, "FROM --platform=linux/arm64 BASE\nCOPY Dockerfile /\n")
		found, err := b.Lint(context.Background(), x)
		var rules []string
		for _, w := range found {
			rules = append(rules, w.Rule)
			if w.Line != 1 || w.Text == "" {
				t.Errorf("finding %+v, want line 1", w)
			}
		}
		if err != nil || !slices.Contains(rules, "FromPlatformFlagConstDisallowed") {
			t.Errorf("Lint: rules %q, %v", rules, err)
		}
	})
	t.Run("rules that are skipped", func(t *testing.T) {
		const lies = "from --platform=linux/arm64 BASE\nCOPY Dockerfile /\n"
		for directive, args := range map[string][]string{
			"# check=skip=all\n": nil, "# check=skip=FromPlatformFlagConstDisallowed,ConsistentInstructionCasing;error=true\n": nil,
			"": {"BUILDKIT_DOCKERFILE_CHECK=skip=all", "A=b"},
		} {
			x := b.build(t, builder, directive+lies)
			x.Args = args
			found, err := b.Lint(context.Background(), x)
			if err != nil || len(found) != 1 || found[0].Rule != "FromPlatformFlagConstDisallowed" {
				t.Errorf("Lint with %q and %q: %+v, %v, want the platform's rule alone", directive, args, found, err)
			}
		}
	})
	t.Run("rules of a good one", func(t *testing.T) {
		if found, err := b.Lint(context.Background(), b.build(t, builder, "FROM BASE\nCOPY Dockerfile /\n")); err != nil || len(found) != 0 {
			t.Errorf("Lint: %+v, %v, want nothing", found, err)
		}
	})
	t.Run("rules of a broken one", func(t *testing.T) {
		_, err := b.Lint(context.Background(), b.build(t, builder, "FROM BASE\nRUNN x\n"))
		var e *buildx.Error
		if !errors.As(err, &e) || e.Kind != buildx.Dockerfile || e.Line != 2 {
			t.Errorf("Lint of RUNN: %+v, want kind dockerfile at line 2", err)
		}
	})
}

func TestRealRegistryTroubles(t *testing.T) {
	t.Parallel()
	b := newBench(t, containertest.Settings{BuildKit: true})
	builder := b.choose(t, "", buildx.Need{})
	for name, tc := range map[string]struct {
		fault containertest.Fault
		kind  buildx.Kind // "": it went well after a wait
	}{
		"busy":          {containertest.Fault{Operation: "write", Status: 429}, ""},
		"token expired": {containertest.Fault{Operation: "write", Status: 401}, ""},
		"not allowed":   {containertest.Fault{Operation: "write", Status: 403}, buildx.Denied},
		"bad manifest":  {containertest.Fault{Operation: "manifest.put", Status: 400}, buildx.Refused},
		"outage of 7 s": {containertest.Fault{Operation: "write", Status: 503}, ""},
		"base is busy":  {containertest.Fault{Operation: "manifest.head", Path: "/base/", Status: 429}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b.slept = nil
			b.registry.Fail(tc.fault)
			defer b.registry.Heal()
			x := b.build(t, builder, "FROM BASE\nCOPY Dockerfile /\nRUN echo '"+name+"' >/x\n")
			r, err := b.Run(context.Background(), x, &recorder{})
			if got := kindOf(t, err); got != tc.kind || (len(b.slept) == 1) != (tc.kind == "") {
				t.Errorf("after %+v: kind %q, waits %v; want kind %q\n%+v", tc.fault, got, b.slept, tc.kind, err)
			}
			if tc.kind == "" && b.registry.Digest("app", r.Digest) == "" {
				t.Errorf("the image %s was not pushed", r.Digest)
			}
		})
	}
}

func TestRealEngine(t *testing.T) {
	t.Parallel()
	b := newBench(t, containertest.Settings{Engine: true})
	builder := b.choose(t, "", buildx.Need{Platforms: []platform.Platform{amd64}})
	if builder.Driver != "docker" || builder.PushByDigest || builder.Attestations || builder.Annotations || builder.Lint {
		t.Fatalf("builder: %+v, want the docker driver, which can little", builder)
	}
	x := b.build(t, builder, "FROM BASE\nRUN echo x >/x\n")
	x.Tag = "candidate"
	r, err := b.Run(context.Background(), x, &recorder{})
	if err != nil || b.registry.Digest("app", "candidate") != r.Digest {
		t.Errorf("Run: %+v, %v; the tag is %q", r, err, b.registry.Digest("app", "candidate"))
	}
	b.registry.Fail(containertest.Fault{Operation: "write", Status: 401})
	x = b.build(t, builder, "FROM BASE\nRUN echo y >/x\n")
	x.Tag = "candidate"
	if r, err = b.Run(context.Background(), x, &recorder{}); err != nil || len(b.slept) != 1 || b.registry.Digest("app", "candidate") != r.Digest {
		t.Errorf("Run with an expired token: %+v, %v, waits %v", r, err, b.slept)
	}
	x = b.build(t, builder, "FROM BASE\nRUN exit 3\n")
	x.Tag = "candidate"
	if _, err = b.Run(context.Background(), x, &recorder{}); kindOf(t, err) != buildx.Step {
		t.Errorf("RUN exit 3: %+v, want kind step", err)
	}
	if out, err := b.daemons.Docker("images", "--all"); err != nil || strings.Contains(out, "candidate") {
		t.Errorf("the engine keeps the candidate: %v\n%s", err, out)
	}
	if _, _, err = b.Choose(context.Background(), builder.Name, buildx.Need{Attestations: true}); kindOf(t, err) != buildx.Unsupported {
		t.Errorf("the docker driver with provenance: %+v, want kind driver", err)
	}

	image, err := b.registry.PushBuildKit("moby/buildkit", "test")
	if err != nil {
		t.Fatal(err)
	}
	made, remove, err := b.Choose(context.Background(), "", buildx.Need{Attestations: true, Image: image})
	if err != nil {
		t.Fatalf("Choose with the need for a builder: %+v", err)
	}
	if made.Driver != "docker-container" || !made.PushByDigest || !strings.HasPrefix(made.Name, "guardrails-") {
		t.Errorf("made %+v", made)
	}
	remove(context.Background())
	if out, err := b.daemons.Docker("ps", "--all", "--quiet"); err != nil || strings.TrimSpace(out) != "" {
		t.Errorf("containers that are left: %q, %v", out, err)
	}
	if out, err := b.daemons.Docker("buildx", "ls"); err != nil || strings.Contains(out, made.Name) {
		t.Errorf("the builder is still there: %v\n%s", err, out)
	}
	if _, _, err = b.Choose(context.Background(), "", buildx.Need{Attestations: true, Image: b.registry.Host() + "/none:1"}); kindOf(t, err) == "" {
		t.Error("a builder was made of an image that is not there")
	}
	if out, err := b.daemons.Docker("buildx", "ls"); err != nil || strings.Contains(out, "guardrails-") {
		t.Errorf("a builder that could not start is left: %v\n%s", err, out)
	}
}

func TestRealBuildIsCancelled(t *testing.T) {
	t.Parallel()
	b := newBench(t, containertest.Settings{BuildKit: true})
	x := b.build(t, b.choose(t, "", buildx.Need{}), "FROM BASE\nRUN echo begun; sleep 3000\n")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	_, err := b.Run(ctx, x, waiter{cancel})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Run, cancelled: %v", err)
	}
}

// waiter cancels when a step prints.
type waiter struct{ cancel func() }

func (waiter) Step(progress.Step)             {}
func (w waiter) Output(progress.Step, string) { w.cancel() }
func (waiter) Warning(progress.Warning)       {}
func (waiter) Plain(string)                   {}
