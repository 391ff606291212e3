// Command push measures what it costs to change one line of one YAML file and push it, in
// a repository of 10,000 files and 1,000 commits: with our GuardedPush, its program alone
// and packed, with git (clone, edit, commit, push) and with go-git, all from the same
// server on this machine, git http-backend, which is not counted.
//
//	go run ./scripts/bench/push -on /dev/shm
//	go run ./scripts/bench/push -on build/out   # on a disk: clones take longer there
//
// The repository is made once, the same each time, and main is put back before each run.
// A run counts only if main then is one commit further, with that line changed.
//
// go-git is in a program with a module of its own (gogit/go.mod), far from the product.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// options is what was asked for.
type options struct {
	pkg, work, on, node string
	rounds              int
	only                string
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == workerArg {
		exit(worker(os.Stdin, os.Stdout))
		return
	}
	o := options{}
	flag.StringVar(&o.pkg, "package", "build/out/demo/guardrails.vsix", "the packed extension")
	flag.StringVar(&o.work, "work", "build/out/bench/push", "where the repository and the programs are kept")
	flag.StringVar(&o.on, "on", os.TempDir(), "the file system to run on")
	flag.StringVar(&o.node, "node", "node", "the node to run the packed task with")
	flag.StringVar(&o.only, "only", "", "only those that have this in their name")
	flag.IntVar(&o.rounds, "n", 7, "counted rounds")
	flag.Parse()
	exit(bench(o))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "push:", err)
		os.Exit(1)
	}
}

func bench(o options) (err error) {
	if o.work, err = filepath.Abs(o.work); err != nil {
		return err
	}
	if err := os.MkdirAll(o.work, 0o755); err != nil {
		return err
	}
	org, err := openOrganization(o.work)
	if err != nil {
		return err
	}
	defer org.web.Close()
	tools, err := build(o)
	if err != nil {
		return err
	}
	on, err := filepath.Abs(o.on)
	if err == nil {
		on, err = os.MkdirTemp(on, "bench-push-")
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(on)) }()
	return race(o, place{dir: filepath.Join(on, "agent"), tools: tools, org: org})
}

// programs are what is measured.
type programs struct{ bare, packed, gogit, node string }

// build makes them.
func build(o options) (programs, error) {
	suffix := ""
	if runtime.GOOS == "windows" {
		suffix = ".exe"
	}
	p := programs{
		bare: filepath.Join(o.work, "guardedpush"+suffix), gogit: filepath.Join(o.work, "gogit"+suffix),
		packed: filepath.Join(o.work, "packed", "main.js"), node: o.node,
	}
	return p, errors.Join(
		command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", p.bare, "./tasks/guardedpush/cmd"),
		command("go", "build", "-C", "scripts/bench/push/gogit", "-trimpath", "-ldflags=-s -w", "-o", p.gogit, "."),
		unpack(o.pkg, filepath.Dir(p.packed)),
	)
}

func command(name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

func makeDirs(dirs ...string) error {
	for _, dir := range dirs {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	return nil
}
