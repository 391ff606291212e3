package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// dockerfile is an application's: what it depends on, and then what changes often.
const dockerfile = `FROM {base}
WORKDIR /app
COPY deps deps
RUN busybox find deps -type f -exec busybox sha256sum {} + >deps.sum && busybox tar cf - deps | busybox gzip >deps.tgz
COPY src src
RUN cat src/*/* >bundle && busybox gzip -k bundle
COPY server server
ENTRYPOINT ["/app/server"]
`

// application writes the sources of an application of 50 MB, and commits them.
func (l *lab) application() error {
	base, err := l.registry.PushBase("base/busybox", "1", "amd64", "arm64")
	if err != nil {
		return err
	}
	program, err := os.ReadFile(l.tools.bare) // a static program of this machine
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(l.path("s/Dockerfile"), []byte(strings.ReplaceAll(dockerfile, "{base}", base)), 0o644),
		os.WriteFile(l.path("s/server"), program, 0o755),
		os.WriteFile(l.path("s/.dockerignore"), []byte(".git\n"), 0o644),
		files(l.path("s/deps"), 1_000, 32_000), files(l.path("s/src"), 500, 16_000), l.commit())
}

// files writes n files, 100 in each folder, which compress as text does.
func files(dir string, n, size int) error {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	for i := range n {
		var data bytes.Buffer
		for data.Len() < size {
			fmt.Fprintf(&data, "line %d of what somebody wrote: %x\n", data.Len(), r.Uint64())
		}
		folder := filepath.Join(dir, fmt.Sprintf("part-%03d", i/100))
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		file := filepath.Join(folder, fmt.Sprintf("file-%02d.txt", i%100))
		if err := os.WriteFile(file, data.Bytes()[:size], 0o644); err != nil {
			return err
		}
	}
	return nil
}

// building builds what has not changed.
func building(o options, l *lab) error {
	if err := l.application(); err != nil {
		return err
	}
	cache := l.registry.Host() + "/shop/web:buildcache-main"
	all := []contender{
		{name: "docker buildx build --push", job: func(round int) job { return l.buildx(round, "raw") }},
		{
			name: "PlatformBuild, without cache, lint and a look into the image", check: l.built,
			job: func(round int) job {
				return l.wrapped(round, "cache", "none", "lint", "off", "verifyContent", "off")
			},
		},
		{name: "PlatformBuild, without cache", check: l.built, job: func(round int) job {
			return l.wrapped(round, "cache", "none")
		}},
		{name: "docker buildx build --push, cache in the registry", job: func(round int) job {
			return l.buildx(round, "cached", "--cache-from=type=registry,ref="+cache,
				"--cache-to=type=registry,ref="+cache+
					",mode=max,image-manifest=true,oci-mediatypes=true,ignore-error=true")
		}},
		{name: "PlatformBuild", against: 3, check: l.built, job: func(round int) job { return l.wrapped(round) }},
	}
	if err := race(l, "A build in which nothing is new but a label", o.rounds, all); err != nil {
		return err
	}
	return dissect(l, o.rounds, all[4], all[3])
}

// buildx is what people write into a script.
func (l *lab) buildx(round int, tag string, more ...string) job {
	args := []string{
		"buildx", "build", "--builder=" + l.daemons.Builder, "--platform=" + platform(), "--pull",
		fmt.Sprintf("--label=build-id=%s-%d", tag, round), "--tag=" + l.registry.Host() + "/shop/web:" + tag, "--push",
	}
	return l.raw(append(append(args, more...), ".")...)
}

// wrapped is our build.
func (l *lab) wrapped(round int, pairs ...string) job {
	return l.ours(append([]string{
		"command", "build", "repository", "shop/web", "tags", tagOf(round), "platforms", platform(), "builder",
		l.daemons.Builder,
	}, pairs...)...)
}

func tagOf(round int) string { return fmt.Sprintf("ours-%d", round) }

// built is that a step of ours has built an image and given it its tag.
func (l *lab) built(round int, said string) error {
	if !strings.Contains(said, succeeded) || l.registry.Digest("shop/web", tagOf(round)) == "" {
		return errors.New("it has pushed nothing")
	}
	return nil
}
