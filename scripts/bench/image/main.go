// Command image measures PlatformBuild against what people do without it, side by side,
// with a real BuildKit, a real Docker engine and a registry on this machine:
//
//	verify  looking into an image of 400 MB, against pulling it and against what
//	        docker buildx imagetools inspect tells
//	build   a build in which nothing is new, against docker buildx build --push
//	once    an image that is there already, against building it again; and the hash of
//	        16,700 files
//	token   a registry's token that ends in the middle of a build: who pushes?
//	scan    1,000 manifests against the cluster's rules, against gator
//
//	go run ./scripts/bench/image -on /dev/shm
//	go run ./scripts/bench/image -on /dev/shm -only build -n 21
//	go run ./scripts/bench/image -only token -life 6m -takes 7m
//
// The rows of a table take turns, so that a slow moment of the machine falls on all of
// them, and ratios are taken round by round. A run counts only if it did what it should. CPU
// time is that of all processes that a run starts, and what it makes the engine and BuildKit
// do; the registry's is not counted.
//
// It needs Linux, root, and what scripts/containers.sh makes.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/scripts/bench/peers"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
)

// options is what was asked for.
type options struct {
	pkg, work, on, node, only string
	rounds                    int
	life, takes               time.Duration
}

func main() {
	if roles(os.Args) {
		return
	}
	peers.Main("image", func() error {
		o := options{}
		flag.StringVar(&o.pkg, "package", "build/out/demo/guardrails.vsix",
			"the packed extension; none: only the program")
		flag.StringVar(&o.work, "work", "build/out/bench/image", "where layers and programs are kept")
		flag.StringVar(&o.on, "on", os.TempDir(), "the file system to run on")
		flag.StringVar(&o.node, "node", "node", "the node to run the packed task with")
		flag.StringVar(&o.only, "only", "", "only these of verify, build, once, token and scan, with commas between")
		flag.DurationVar(&o.life, "life", 8*time.Second,
			"how long a token of the registry is good (really: three hours)")
		flag.DurationVar(&o.takes, "takes", 12*time.Second, "how long the build takes that the token ends in")
		flag.IntVar(&o.rounds, "n", 7, "counted rounds")
		flag.Parse()
		err := bench(o)
		if errors.Is(err, containertest.ErrUnavailable) {
			fmt.Fprintln(os.Stderr, "image: NOT MEASURED:", err)
			return nil
		}
		return err
	})
}

// roles is whatever else this program is started as.
func roles(args []string) bool {
	switch {
	case filepath.Base(args[0]) == "docker":
		os.Exit(watched(args[1:]))
	case len(args) == 3 && args[1] == hashArg:
		exit(hashFolder(args[2]))
	case len(args) == 3 && args[1] == lookArg:
		exit(look(args[2]))
	default:
		return false
	}
	return true
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

// part is a part of the benchmark.
type part struct {
	name string
	run  func(o options, l *lab) error
}

func bench(o options) (err error) {
	var absent error
	o.work, absent = filepath.Abs(o.work)
	on, err := filepath.Abs(o.on)
	if err := errors.Join(absent, err, containertest.Available()); err != nil {
		return err
	}
	if err := os.MkdirAll(o.work, 0o755); err != nil {
		return err
	}
	tools, err := build(o)
	if err != nil {
		return err
	}
	if on, err = os.MkdirTemp(on, "image-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(on)) }()
	if err := os.Setenv("TMPDIR", on); err != nil { // where the daemons write
		return err
	}
	wanted := strings.Split(o.only, ",")
	for _, p := range []part{
		{"verify", verifying}, {"build", building}, {"once", reusing}, {"token", expiring}, {"scan", scanning},
	} {
		if o.only != "" && !slices.Contains(wanted, p.name) {
			continue
		}
		if err := within(o, filepath.Join(on, p.name), tools, p.run); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

// within runs a part in a lab of its own.
func within(o options, dir string, tools programs, run func(options, *lab) error) error {
	l, err := openLab(dir, tools, containertest.Config{User: user, Password: password})
	if err != nil {
		return err
	}
	defer l.close()
	return run(o, l)
}
