// Command pack turns the tasks into what users install: it compiles their programs for every
// platform, stages each task's folder, and writes the extension's .vsix. The same commit gives the
// same bytes on every machine. docs/packaging.md explains what is in a package and why.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

const usage = `usage: go run ./build/pack <command> [flags]

  stage     build for this machine into build/out/stage, uncompressed: for development;
            with -targets, as users get it, for tfx-cli to pack
  vsix      build for all platforms and write build/out/<publisher>.<id>-<version>.vsix,
            with the list of components and SHA256SUMS beside it
  release   from a clone of the commit and at the highest compression, into build/out/release:
            the .vsix, one for each task, the list of components, SHA256SUMS
  verify    build the commit again in another folder and compare every byte with the release

"pack <command> -h" lists the flags. SIGN_CMD, if set, names a program that is called with each
built program's path, GOOS and GOARCH, and signs it in place (vsix and release).
`

// world is all that a command may know of where it runs.
type world struct {
	environ        []string
	host           string // this machine's platform, such as "linux/amd64"
	stdout, stderr io.Writer
}

// options are the flags of all commands; each has those it needs.
type options struct {
	root, targets, out, against string
	cache                       string // no flag: where compressed archives are kept, if not under root
	quality                     int
	chosen                      bool // the quality was given
	warm                        bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	w := world{os.Environ(), runtime.GOOS + "/" + runtime.GOARCH, os.Stdout, os.Stderr}
	code := run(ctx, w, os.Args[1:])
	stop()
	os.Exit(code)
}

func run(ctx context.Context, w world, args []string) int {
	err := dispatch(ctx, w, args)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, flag.ErrHelp):
		return 2 // the flag package has printed the usage
	}
	fmt.Fprintf(w.stderr, "pack: %v\n", err)
	return 1
}

func dispatch(ctx context.Context, w world, args []string) error {
	if len(args) == 0 {
		fmt.Fprint(w.stderr, usage)
		return flag.ErrHelp
	}
	commands := map[string]func(context.Context, world, options) error{
		"stage": stageCommand, "vsix": vsixCommand, "release": releaseCommand, "verify": verifyCommand,
	}
	command, ok := commands[args[0]]
	if !ok {
		fmt.Fprint(w.stderr, usage)
		return fmt.Errorf("there is no command %q", args[0])
	}
	o, err := parse(w, args[0], args[1:])
	if err != nil {
		return err
	}
	return command(ctx, w, o)
}

const (
	packageQuality = 9  // seconds
	releaseQuality = 11 // a minute or two for each task, and an eighth smaller
)

func parse(w world, name string, args []string) (options, error) {
	var o options
	platforms, quality := "all", packageQuality
	switch name {
	case "stage":
		platforms = "" // this machine alone, and nothing compressed
	case "release":
		quality = releaseQuality
	}
	flags := flag.NewFlagSet("pack "+name, flag.ContinueOnError)
	flags.SetOutput(w.stderr)
	flags.StringVar(&o.root, "root", ".", "the repository's `folder`")
	flags.StringVar(&o.targets, "targets", platforms, "the `platforms`: all, host, or such as linux/amd64,windows/arm64")
	flags.IntVar(&o.quality, "quality", quality, "brotli's `quality`, from 0 (fast) to 11 (small)")
	switch name {
	case "stage":
		flags.StringVar(&o.out, "out", "", "the `folder` to stage in (default build/out/stage)")
	case "vsix":
		flags.StringVar(&o.out, "out", "", "the `file` to write")
	case "verify":
		flags.StringVar(&o.against, "against", "", "compare with this released `file or folder` "+
			"(default build/out/release if it is of this commit); the quality is then 11 by default")
		flags.BoolVar(&o.warm, "warm", false, "use the Go build cache for the second build: faster, and proves less")
	}
	if err := flags.Parse(args); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			err = fmt.Errorf("%s: %w", name, err)
		}
		return o, err
	}
	o.chosen = isSet(flags, "quality")
	if flags.NArg() > 0 {
		return o, fmt.Errorf("%s takes no argument %q; the flags are shown by %s -h", name, flags.Arg(0), name)
	}
	return o, nil
}

func isSet(flags *flag.FlagSet, name string) (set bool) {
	flags.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}
