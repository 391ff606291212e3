package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/fingerprint"
)

// reusing builds what is there already.
func reusing(o options, l *lab) error {
	if err := l.application(); err != nil {
		return err
	}
	hit := contender{
		name: "PlatformBuild, buildOnce, a hit",
		job:  func(round int) job { return l.wrapped(round, "buildOnce", "true") },
		check: func(round int, said string) error {
			if round > 0 && !strings.Contains(said, "Nothing to build") {
				return errors.New("it has built")
			}
			return l.built(round, said)
		},
	}
	prune := func() error {
		_, err := l.daemons.Docker("buildx", "prune", "--builder="+l.daemons.Builder, "--all", "--force")
		return err
	}
	err := race(l, "An image of the same inputs is there", o.rounds, []contender{
		hit,
		{
			name: "the same, verifyContent: off", check: hit.check,
			job: func(round int) job { return l.wrapped(round, "buildOnce", "true", "verifyContent", "off") },
		},
		{name: "docker buildx build --push, warm", job: func(round int) job { return l.buildx(round, "warm") }},
		{
			name: "docker buildx build --push, cold", before: prune,
			job: func(round int) job { return l.buildx(round, "cold") },
		},
		{
			name: "PlatformBuild, cold, without cache", before: prune, against: 3, check: l.built,
			job: func(round int) job { return l.wrapped(round, "cache", "none") },
		},
	})
	if err != nil {
		return err
	}
	return l.hashing(o)
}

// hashArg makes this program compute the hash of a folder's files, as buildOnce does.
const hashArg = "hash"

// hashFolder prints the hash of everything in a folder, as a build context.
func hashFolder(dir string) error {
	digest, err := fingerprint.Of(context.Background(), fingerprint.Inputs{
		Context: dir, Dockerfile: filepath.Join(dir, "Dockerfile"), Platforms: []string{platform()},
	})
	fmt.Println(digest)
	return err
}

// hashing hashes a large build context.
func (l *lab) hashing(o options) error {
	const count, size = 16_700, 14_000
	dir := l.path("large")
	err := errors.Join(files(dir, count, size),
		os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\nCOPY . /\n"), 0o644),
		os.WriteFile(filepath.Join(dir, ".dockerignore"), []byte("**/*.log\nnode_modules\n"), 0o644))
	if err != nil {
		return err
	}
	shell := func(script string) func(int) job {
		return func(int) job {
			j := l.script("sh", "-euc", script)
			j.Dir = dir
			return j
		}
	}
	return race(l, fmt.Sprintf("The hash of %d files of %d kB", count, size/1000), o.rounds, []contender{
		{name: "the hash of buildOnce", job: func(int) job { return l.script(l.tools.self, hashArg, dir) }},
		{name: "sha256sum of each", job: shell("find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum")},
		{name: "tar, sha256sum", job: shell("tar --sort=name -cf - . | sha256sum")},
		{
			name: "docker buildx build, warm, of FROM scratch, COPY . /, not exported",
			job: func(int) job {
				return l.raw("buildx", "build", "--builder="+l.daemons.Builder, "--output=type=cacheonly", dir)
			},
		},
	})
}
