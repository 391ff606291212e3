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
	"os"
	"path/filepath"

	"github.com/guardrails-ci/guardrails/scripts/bench/peers"
)

// options is what was asked for.
type options struct {
	pkg, work, on, node string
	rounds              int
	only                string
}

func main() {
	peers.Main("push", func() error {
		o := options{}
		flag.StringVar(&o.pkg, "package", "build/out/demo/guardrails.vsix", "the packed extension")
		flag.StringVar(&o.work, "work", "build/out/bench/push", "where the repository and the programs are kept")
		flag.StringVar(&o.on, "on", os.TempDir(), "the file system to run on")
		flag.StringVar(&o.node, "node", "node", "the node to run the packed task with")
		flag.StringVar(&o.only, "only", "", "only those that have this in their name")
		flag.IntVar(&o.rounds, "n", 7, "counted rounds")
		flag.Parse()
		return bench(o)
	})
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
func build(o options) (p programs, err error) {
	p = programs{
		bare: filepath.Join(o.work, peers.Executable("guardedpush")), node: o.node,
		gogit: filepath.Join(o.work, peers.Executable("gogit")),
	}
	if p.packed, err = peers.Unpack(o.pkg, "GuardedPush", filepath.Join(o.work, "packed")); err != nil {
		return p, err
	}
	return p, errors.Join(peers.Compile(".", p.bare, "./tasks/guardedpush/cmd"),
		peers.Compile("scripts/bench/push/gogit", p.gogit, "."))
}

func makeDirs(dirs ...string) error {
	for _, dir := range dirs {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	return nil
}
