// Package buildx runs docker buildx: it finds out what the machine can do, writes the command line, and knows what its
// errors mean.
package buildx

import (
	"context"

	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/platform"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/progress"
)

// Docker is the docker program with its environment.
type Docker struct {
	Env     []string
	Dir     string
	Secrets *redact.Set
	Debug   func(string)
}

// Builder is what will build.
type Builder struct {
	Name                                                                      string
	Driver                                                                    string              // docker, docker-container, kubernetes, remote
	Version                                                                   string              // of BuildKit
	Buildx                                                                    string              // version
	Platforms                                                                 []platform.Platform // that it can run programs of
	PushByDigest, MultiPlatform, Attestations, CacheExport, Annotations, Lint bool
}

// Need is what a build asks of a builder.
type Need struct {
	Platforms                              []platform.Platform
	Attestations, CacheExport, Annotations bool
	Image                                  string // of a builder that has to be made
}

// Choose finds the builder: the one that is named, else the current one if it can do what is needed, else one
// that is made for this job (docker-container); close removes that one.
func (d *Docker) Choose(ctx context.Context, name string, n Need) (b Builder, close func(context.Context), err error) {
	panic("skeleton")
}

// Build is one build.
type Build struct {
	Builder            Builder
	Context            string
	Dockerfile         string
	Repository         string // registry/repository
	Tag                string // of the candidate, where the builder cannot push by digest; otherwise ""
	Platforms          []platform.Platform
	Args               []string // KEY=value or KEY
	Options            []string // checked by ParseOptions
	Target             string
	Labels             map[string]string
	Annotations        map[string]string
	Secrets            []Secret
	SSH                []string
	Contexts           map[string]string
	NoCache, Pull      bool
	CacheFrom, CacheTo []string
	Provenance         string // max, min, off
	SBOM               bool
	Folder             string   // private, for metadata and secrets
	Variables          []string // further environment KEY=value
}

// Secret is a secret of the build, handed over in a file of Folder for as long as the build runs.
type Secret struct {
	ID    string
	Value inputs.Secret
	File  string // instead of Value: a file of the job
}

// Result is what was built and pushed.
type Result struct {
	Digest   string // of the index or manifest
	Metadata string // file
	Summary  progress.Summary
}

// Run builds and pushes. A failure is an *Error.
func (d *Docker) Run(ctx context.Context, b Build, to progress.Log) (Result, error) {
	panic("skeleton")
}

// Lint runs BuildKit's checks of the Dockerfile without building.
func (d *Docker) Lint(ctx context.Context, b Build) ([]progress.Warning, error) { panic("skeleton") }

// ParseOptions splits the input "arguments" as Docker@2 does and takes what does not get in our way:
// --build-arg (returned as args), --add-host, --shm-size, --ulimit, --network, --cgroup-parent, --no-cache-filter, --allow.
func ParseOptions(text string) (args, options []string, err error) { panic("skeleton") }

// Kind is what went wrong.
type Kind string

// The kinds.
const (
	NoDocker     Kind = "docker"
	NoBuildx     Kind = "buildx"
	NoDaemon     Kind = "daemon"
	NoBuilder    Kind = "builder"
	NoEmulation  Kind = "emulation"
	Unsupported  Kind = "driver"
	Step         Kind = "step" // a step of the build failed
	Dockerfile   Kind = "dockerfile"
	Unauthorized Kind = "unauthorized"
	Denied       Kind = "denied"
	Push         Kind = "push" // temporary: worth another try
	Other        Kind = "other"
)

// Error is a build that failed.
type Error struct {
	Kind      Kind
	Msg, Hint string // in our words
	Said      string // the tool's words, one line, cleaned
	Path      string
	Line      int
}

// Error is Msg and what the tool said.
func (e *Error) Error() string { return e.Msg }

// Temporary reports whether the push, and only that, is worth another try.
func (e *Error) Temporary() bool { return e.Kind == Push || e.Kind == Unauthorized }
