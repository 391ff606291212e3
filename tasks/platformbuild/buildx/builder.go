package buildx

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/platform"
)

// Builder is what will build.
type Builder struct {
	Name      string
	Driver    string              // docker, docker-container, kubernetes, remote
	Version   string              // of BuildKit
	Buildx    string              // version
	Platforms []platform.Platform // that it can run programs of; empty if it does not say
	// PushByDigest is pushing without a tag; where it is missing, an image needs one to be pushed under.
	PushByDigest, MultiPlatform, Attestations, CacheExport, Annotations, Lint bool

	endpoint string
	trouble  string // why it cannot be reached
}

// Need is what a build asks of a builder.
type Need struct {
	Platforms []platform.Platform
	// Runs are those of the Platforms for which programs have to run during the build, which the builder's machine
	// or an emulator on it must be able to. Empty if that is not known: then the build finds out.
	Runs                                   []platform.Platform
	Attestations, CacheExport, Annotations bool
	Image                                  string // of a builder that has to be made; "" is what buildx takes
}

// removal is how long the removal of a builder may take: a cancelled job has little time.
const removal = 20 * time.Second

// lintSince is the first BuildKit that knows rules for Dockerfiles.
var lintSince = version{0, 14}

// Choose finds the builder: the one that is named, else the current one if it can do what is needed, else one that is
// made for this job (docker-container); close removes that one, and does nothing else. A failure is an *Error.
func (d *Docker) Choose(ctx context.Context, name string, n Need) (b Builder, close func(context.Context), err error) {
	nothing := func(context.Context) {}
	b, err = d.ask(ctx, name)
	if err != nil {
		return Builder{}, nothing, err
	}
	lacks := n.lacks(b)
	if lacks == "" {
		return b, nothing, n.runnable(b)
	}
	if name != "" {
		return Builder{}, nothing, &Error{
			Kind: Unsupported,
			Msg:  fmt.Sprintf("the builder %q (driver %s) cannot %s", redact.Line(name), b.Driver, lacks),
			Hint: "name a builder with the driver docker-container, kubernetes or remote; or none: one is made then",
		}
	}
	made, close, err := d.create(ctx, n.Image)
	if err != nil {
		var e *Error
		if errors.As(err, &e) {
			e.Msg = fmt.Sprintf("a builder that can %s is needed, and cannot be made: %s", lacks, e.Msg)
		}
		return Builder{}, nothing, err
	}
	made.Buildx = b.Buildx
	if err := n.runnable(made); err != nil {
		close(ctx)
		return Builder{}, nothing, err
	}
	return made, close, nil
}

// ask asks for the plugin's version and for the builder at the same time: each takes as long as docker needs to start.
// What is wrong with the plugin is told first.
func (d *Docker) ask(ctx context.Context, name string) (Builder, error) {
	asking, stop := context.WithCancel(ctx)
	defer stop()
	var version string
	var wrong error
	var both sync.WaitGroup
	both.Go(func() {
		if version, wrong = d.plugin(ctx); wrong != nil {
			stop()
		}
	})
	b, err := d.inspect(asking, name)
	both.Wait()
	if wrong != nil {
		return Builder{}, wrong
	}
	b.Buildx = version
	return b, err
}

// lacks says what the builder cannot do; "" if it can do everything.
func (n Need) lacks(b Builder) string {
	var all []string
	for _, what := range []struct {
		missing bool
		name    string
	}{
		{len(n.Platforms) > 1 && !b.MultiPlatform, "build for several platforms"},
		{n.Attestations && !b.Attestations, "attach provenance or an SBOM"},
		{n.CacheExport && !b.CacheExport, "write a cache"},
		{n.Annotations && !b.Annotations, "set annotations"},
	} {
		if what.missing {
			all = append(all, what.name)
		}
	}
	return strings.Join(all, ", or ")
}

// runnable is an error if programs of a platform have to run and cannot. Variants count for nothing: BuildKit starts
// programs for amd64/v3 on a builder that says amd64, and they may well run.
func (n Need) runnable(b Builder) error {
	if len(b.Platforms) == 0 {
		return nil
	}
	for _, p := range n.Runs {
		same := func(q platform.Platform) bool { return q.OS == p.OS && q.Arch == p.Arch }
		if !slices.ContainsFunc(b.Platforms, same) {
			return noEmulation(fmt.Sprintf(
				"the Dockerfile runs programs for %s, which the builder %q cannot: it runs %s",
				p, redact.Line(b.Name), names(b.Platforms)))
		}
	}
	return nil
}

func names(platforms []platform.Platform) string {
	var all []string
	for _, p := range platforms {
		all = append(all, p.String())
	}
	return redact.Lines(all)
}

// inspect asks what a builder can do, and starts it if it is not running; "" is the current one.
func (d *Docker) inspect(ctx context.Context, name string) (Builder, error) {
	args := []string{"buildx", "inspect", "--bootstrap"}
	if name != "" {
		args = append(args, "--", name)
	}
	out, sum, err := d.output(ctx, args...)
	b := parseInspect(out)
	if err != nil && !isError(err) {
		return Builder{}, err
	}
	if b.trouble != "" { // it is told in the answer; the error, if there is one, is less clear
		sum.Error = b.trouble
	}
	if err != nil || b.trouble != "" || b.Name == "" || b.Driver == "" {
		return Builder{}, d.classify(sum, facts{builder: true})
	}
	b.can(b.Driver != "docker" || d.containerd(ctx, b.endpoint))
	return b, nil
}

// can fills in what a driver can do. The docker driver needs the containerd image store for most of it, and never
// pushes without a tag.
func (b *Builder) can(most bool) {
	b.PushByDigest = b.Driver != "docker"
	b.MultiPlatform, b.Attestations, b.CacheExport, b.Annotations = most, most, most, most
	v, known := parseVersion(b.Version)
	b.Lint = known && !v.before(lintSince) || !known && b.PushByDigest
}

// containerd reports whether an engine keeps images in containerd's store.
func (d *Docker) containerd(ctx context.Context, endpoint string) bool {
	args := []string{"info", "--format", "{{json .DriverStatus}}"}
	if endpoint != "" && endpoint != "default" {
		args = append([]string{"--context=" + endpoint}, args...)
	}
	out, _, err := d.output(ctx, args...)
	return err == nil && bytes.Contains(out, []byte("io.containerd.snapshotter"))
}

// parseInspect reads the text of "buildx inspect". It has no other form in the versions that agents have. What is said
// about the builder comes first, then its nodes, of which the platforms are put together.
func parseInspect(out []byte) (b Builder) {
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	first := map[string]string{}
	for lines.Scan() {
		key, value, ok := strings.Cut(lines.Text(), ":")
		value = strings.TrimSpace(value)
		if _, known := first[key]; ok && !known { // what is indented has another key
			first[key] = value
		}
		if key == "Platforms" {
			b.addPlatforms(value)
		}
	}
	b.Name, b.endpoint, b.trouble = first["Name"], first["Endpoint"], first["Error"]
	b.Driver = redact.Line(first["Driver"])
	b.Version = redact.Line(cmp.Or(first["BuildKit version"], first["BuildKit"], first["Buildkit"]))
	return b
}

// addPlatforms reads "linux/amd64*, linux/386"; the star marks those that its user has put first.
func (b *Builder) addPlatforms(list string) {
	for _, word := range strings.Split(list, ",") {
		p, err := platform.Parse(strings.TrimSuffix(strings.TrimSpace(word), "*"))
		if err == nil && !slices.Contains(b.Platforms, p) {
			b.Platforms = append(b.Platforms, p)
		}
	}
}

// create makes a builder.
func (d *Docker) create(ctx context.Context, image string) (Builder, func(context.Context), error) {
	name := "guardrails-" + strings.ToLower(rand.Text()[:12])
	remove := func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removal)
		defer cancel()
		if _, _, err := d.output(ctx, "buildx", "rm", "--force", "--", name); err != nil && d.Debug != nil {
			d.Debug("removing the builder " + name + ": " + err.Error())
		}
	}
	args := []string{"buildx", "create", "--name=" + name, "--driver=docker-container"}
	if image != "" {
		args = append(args, "--driver-opt="+field("image="+image))
	}
	var b Builder
	_, _, err := d.output(ctx, args...)
	if err == nil {
		b, err = d.inspect(ctx, name)
	}
	if err == nil {
		return b, remove, nil
	}
	remove(ctx)
	var e *Error
	if errors.As(err, &e) && e.Kind != NoDaemon {
		e.Hint = "let buildkitImage name an image of BuildKit that the agent can pull, such as a copy in your own " +
			"registry, or name a builder that is there"
	}
	return Builder{}, nil, err
}
