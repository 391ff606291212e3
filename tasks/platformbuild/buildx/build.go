package buildx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/safepath"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/platform"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/progress"
)

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
	Scanner            string // image that makes the SBOM; "" is what BuildKit takes
	Folder             string // private, for metadata and secrets
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

// waits are the times between tries to push: an outage or a throttled registry needs some.
var waits = []time.Duration{10 * time.Second, 30 * time.Second, time.Minute}

// Run builds and pushes. When the push failed, or the reading of an image that is built on, for a reason that may pass,
// it builds again: the steps come from the builder's cache then. Credentials that were refused are tried again if there
// are others, once. A failure is an *Error, unless ctx has ended.
func (d *Docker) Run(ctx context.Context, b Build, to progress.Log) (Result, error) {
	if err := b.check(); err != nil {
		return Result{}, err
	}
	files, err := b.writeSecrets(d.Secrets)
	defer func() { removeAll(files) }()
	if err != nil {
		return Result{}, err
	}
	result := Result{Metadata: filepath.Join(b.Folder, "metadata.json")}
	args := []string{"buildx", "build", "--progress=rawjson", "--metadata-file=" + result.Metadata}
	args = append(args, b.arguments(files)...)
	if b.Tag != "" && b.Builder.Driver == "docker" {
		defer d.removeLocal(ctx, b)
	}
	for try := 0; ; try++ {
		sum, err := d.attempt(ctx, b, args, to)
		if try == 0 {
			result.Summary = sum // later ones find everything in the cache
		}
		if err == nil {
			result.Summary.Failed, result.Summary.Error, result.Summary.Pushing = nil, "", nil
			result.Digest, err = readDigest(result.Metadata)
			return result, err
		}
		e, again := d.again(ctx, err, try)
		if !again {
			if e != nil && e.Temporary() && try > 0 {
				e.Msg += fmt.Sprintf(", in %d tries", try+1)
			}
			return result, err
		}
		to = quiet{to}
		to.Plain(fmt.Sprintf("%s (%s): trying again in %s (try %d of %d)", e.Msg, e.Said, waits[try], try+2, e.tries()))
		if err := d.sleep(ctx, waits[try]); err != nil {
			return result, fmt.Errorf("waiting to push again: %w", err)
		}
	}
}

// again reports whether a failure is worth another try.
func (d *Docker) again(ctx context.Context, err error, try int) (*Error, bool) {
	var e *Error
	if !errors.As(err, &e) || try+1 >= e.tries() {
		return e, false
	}
	return e, e.Kind != Unauthorized || d.renewed(ctx)
}

// tries is how often a build is tried that fails so.
func (e *Error) tries() int {
	switch {
	case e.Kind == Unauthorized:
		return 2 // with fresh credentials
	case e.Temporary():
		return len(waits) + 1
	}
	return 1
}

func (d *Docker) attempt(ctx context.Context, b Build, args []string, to progress.Log) (progress.Summary, error) {
	// What an earlier try has left would be taken for this one's.
	if err := os.Remove(filepath.Join(b.Folder, "metadata.json")); err != nil && !os.IsNotExist(err) {
		return progress.Summary{}, err
	}
	ears := &ears{Log: to, over: func() bool { return ctx.Err() != nil }, debug: d.Debug}
	reader := progress.NewReader(ears)
	err := d.start(ctx, d.environment(), reader, args...)
	sum := reader.Close()
	if ran(err) && ctx.Err() != nil { // it was told to end before we were
		err = fmt.Errorf("building: %w", context.Cause(ctx))
	}
	if !ran(err) {
		ears.tell(nil)
		return sum, err
	}
	f := facts{build: &b}
	if sum.Failed != nil {
		f.last, f.foreign = ears.last[sum.Failed.Digest], ears.heard[sum.Failed.Digest]
	}
	e := d.classify(sum, f)
	ears.tell(e)
	return sum, e
}

// removeLocal removes the candidate from the engine, which keeps what it pushes under that name.
func (d *Docker) removeLocal(ctx context.Context, b Build) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removal)
	defer cancel()
	args := []string{"image", "rm", "--", b.Repository + ":" + b.Tag}
	if at := b.Builder.endpoint; at != "" && at != "default" {
		args = append([]string{"--context=" + at}, args...)
	}
	if _, _, err := d.output(ctx, args...); err != nil && d.Debug != nil {
		d.Debug("removing the image from the engine: " + err.Error())
	}
}

// renewed reports whether the registry can be asked with other credentials than those that it has refused.
func (d *Docker) renewed(ctx context.Context) bool {
	if d.Renew == nil {
		return true // nobody knows
	}
	changed, err := d.Renew(ctx)
	if err != nil && d.Debug != nil {
		d.Debug("fresh credentials: " + err.Error())
	}
	return err == nil && changed
}

func (d *Docker) sleep(ctx context.Context, wait time.Duration) error {
	if d.Sleep != nil {
		return d.Sleep(ctx, wait)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// check refuses what must not reach the command line.
func (b Build) check() error {
	refuse := func(what string) error {
		return &Error{Kind: Other, Msg: what, Hint: "correct the inputs of the step"}
	}
	switch {
	case b.Context == "" || b.Context == "-":
		return refuse("the build has no context")
	case b.Dockerfile == "-":
		return refuse("the Dockerfile cannot come from standard input")
	case b.Repository == "" || len(b.Platforms) == 0:
		return refuse("the build has no repository, or no platform")
	case b.Tag == "" && !b.Builder.PushByDigest:
		return refuse("this builder needs a tag to push")
	case len(b.Annotations) > 0 && !b.Builder.Annotations:
		// buildx drops them without a word.
		return &Error{
			Kind: Unsupported, Msg: fmt.Sprintf("the builder %q (driver %s) cannot set annotations",
				redact.Line(b.Builder.Name), b.Builder.Driver),
			Hint: "use labels, or a builder with the driver docker-container",
		}
	}
	for _, s := range b.Secrets {
		if s.ID == "" {
			return refuse("a secret of the build has no id")
		}
	}
	return nil
}

// writeSecrets writes the secrets that are no files yet, and returns a file for each.
func (b Build) writeSecrets(hide *redact.Set) (files map[int]string, err error) {
	files = map[int]string{}
	for i, s := range b.Secrets {
		if s.File != "" {
			continue
		}
		if hide != nil {
			hide.Add(s.Value.Reveal())
		}
		path := filepath.Join(b.Folder, fmt.Sprintf("secret-%d", i))
		files[i] = path
		if err := safepath.WritePrivate(path, []byte(s.Value.Reveal())); err != nil {
			return files, fmt.Errorf("keeping the secret %q for the build: %w", redact.Line(s.ID), err)
		}
	}
	return files, nil
}

func removeAll(files map[int]string) {
	for _, path := range files {
		_ = safepath.RemovePrivate(path) // its folder is private and goes with the step
	}
}

// digestText is a digest as registries write it.
var digestText = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// maxMetadata is more than buildx writes; provenance makes most of it.
const maxMetadata = 64 << 20

// readDigest returns the digest from buildx's metadata.
func readDigest(path string) (string, error) {
	missing := func(why string) error {
		return &Error{
			Kind: Other, Msg: "buildx does not say which image it has pushed: " + why,
			Hint: "update buildx and BuildKit",
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return "", missing("there is no metadata file")
	}
	defer func() { _ = f.Close() }()
	var metadata struct {
		Digest string `json:"containerimage.digest"`
	}
	if err := json.NewDecoder(io.LimitReader(f, maxMetadata)).Decode(&metadata); err != nil {
		return "", missing("its metadata file cannot be read")
	}
	if !digestText.MatchString(metadata.Digest) {
		return "", missing(fmt.Sprintf("its metadata file has the digest %q", redact.Line(metadata.Digest)))
	}
	return metadata.Digest, nil
}
