// Package platformbuild is the task PlatformBuild: an image that cannot lie about where it
// runs.
//
// docker buildx build --platform linux/amd64 --push says what an image is for, and checks
// nothing: with a base image for another processor, a FROM --platform=, or a program that
// was copied from a laptop it pushes an image that says amd64 and holds arm64. So the main
// stage pushes the image without a name, looks into what is in the registry, and gives it
// its tags only then.
//
// The inputs are understood in settings.go and plan.go; source.go says which commit is
// built, screen.go keeps secrets out of the image, connect.go speaks to the registry, and
// build.go has the order of all that. once.go finds an image that need not be built
// again, inspect.go looks into an image, sign.go signs it and knows who has, details.go
// tells Azure DevOps of it. verify.go, policies.go and scan.go are the other commands.
// Each package below knows one thing:
//
//	platform    operating systems and processors
//	machine     what a program's first bytes say it runs on
//	rootfs      single files of an image, from its layers
//	content     what an image starts, and whether that runs
//	reference   the names of images
//	registry    images in a registry, and their tags
//	credential  a registry's credentials, handed to Docker
//	dockerfile  what a Dockerfile starts from and asks for
//	fingerprint everything that decides about an image, as one hash
//	progress    what BuildKit tells of a build
//	buildx      docker buildx: what it can do, its command line, its errors
//	signature   signatures with a key in Key Vault, as cosign has them
//	policy      what a cluster admits
//	workload    which images manifests run
//
// Rules that hold throughout: no image gets a tag before it is verified; what cannot be
// verified is refused; credentials are in no file and no command line.
package platformbuild

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/credential"
)

// Task is PlatformBuild.
var Task = waiting(nil)

// waiting is the task with a way to wait before something is tried again; nil waits on the
// system's clock.
func waiting(sleep func(context.Context, time.Duration) error) task.Task[Inputs] {
	return task.Task[Inputs]{
		Name: "PlatformBuild",
		Main: func(ctx context.Context, env *task.Env, in Inputs) error {
			s := &step{env: env, in: in, sleep: sleep}
			return s.announce(s.work(ctx))
		},
		Helper: credential.Helper,
	}
}

// work does what the command says, with a scratch folder.
func (s *step) work(ctx context.Context) error {
	if err := s.prepare(); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(s.scratch) }() // the agent empties what is left of it
	switch s.in.Command {
	case CommandVerify:
		return s.verify(ctx)
	case CommandPolicies:
		return s.policies(ctx)
	case CommandScan:
		return s.scan(ctx)
	default:
		return s.build(ctx)
	}
}

// prepare finds the network's settings and makes a place to work in.
func (s *step) prepare() error {
	config, warnings, err := httpx.FromAgent(s.env.Lookup)
	if err != nil {
		return err
	}
	for _, warning := range warnings {
		s.warn("image/connection", warning, "")
	}
	config.Secrets, config.Retry.Sleep = s.env.Secrets, s.sleep
	s.http = httpx.New(config)
	s.sources = s.env.Var("Build.SourcesDirectory")
	if s.sources == "" {
		s.sources = s.env.Var("System.DefaultWorkingDirectory")
	}
	if s.scratch, err = os.MkdirTemp(s.env.TempDir(), "platformbuild-"); err != nil {
		return fmt.Errorf("making a folder to work in: %w", err)
	}
	return nil
}
