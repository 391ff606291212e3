// Command cache measures what SafeCache's entries cost, against what other caches
// do with the same folder: tar and zstd, actions/cache's tar --zstd --long=30, and
// the plain tar that Cache@2 makes before it sends anything.
//
//	go run ./scripts/bench/cache -work build/out/bench
//
// The folder is a real npm cache: project.go says of which packages. It is made
// once, from the npm registry, and kept in the work folder.
//
// Runs are interleaved, every contender in turn, so that a slow moment of the
// machine falls on all; ratios are taken round by round, and the median is shown.
// Each run is a process of its own, SafeCache's too (this program again, see
// worker.go), and CPU time is the process's with all its children. Nothing is
// flushed to the disk by the peers; SafeCache does, as a store must.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/guardrails-ci/guardrails/scripts/bench/peers"
)

func main() {
	peers.Main("cache", func() error {
		work := flag.String("work", "build/out/bench", "where the caches of packages are kept")
		on := flag.String("on", "/dev/shm", "the file system to measure on")
		rounds := flag.Int("n", 7, "counted rounds; 0 only makes the caches of packages")
		flag.Parse()
		if flag.NArg() > 0 {
			return worker(context.Background(), flag.Args())
		}
		return bench(*work, *on, *rounds)
	})
}

// contender is one way to save or restore. Its command runs in the scratch folder.
type contender struct {
	name    string
	fresh   []string // to remove before each run, or with a "+" to take from a copy
	command []string
	stored  string // the file or folder that holds what was saved; "" for a restore
}

// result is one run.
type result struct {
	peers.Outcome
	bytes int64
}

func bench(work, on string, rounds int) error {
	work, err := filepath.Abs(work)
	if err != nil {
		return err
	}
	if err := prepare(work); err != nil || rounds == 0 {
		return err
	}
	scratch, err := os.MkdirTemp(on, "cache-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	for _, gen := range []string{"a", "b"} {
		if err := command(scratch, "cp", "-r", filepath.Join(work, gen, "npm"), gen); err != nil {
			return err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	ours := func(args ...string) []string { return append([]string{self}, args...) }
	lockA, lockB := filepath.Join(work, "a", lockName), filepath.Join(work, "b", lockName)
	fmt.Printf("On %s, medians of %d rounds.\n", on, rounds)
	describe(scratch)

	saves := []contender{
		{"tar, zstd -T0", []string{"x.zst"}, sh("tar -cf - -C a . | zstd -q -T0 -o x.zst"), "x.zst"},
		{"tar --zstd --long=30", []string{"l.zst"}, sh("tar -cf - -C a . | zstd -q -T0 --long=30 -o l.zst"), "l.zst"},
		{"tar", []string{"x.tar"}, sh("tar -cf x.tar -C a ."), "x.tar"},
		{"SafeCache, whole folder", []string{"whole"}, ours("save", "whole", "a", "1"), "whole"},
		{"SafeCache, lock-scoped", []string{"scoped"}, ours("save", "scoped", "a", "1", lockA), "scoped"},
	}
	if err := table("First save", scratch, rounds, saves); err != nil {
		return err
	}
	restores := []contender{
		{"zstd -d, tar x", []string{"out"}, sh("mkdir out && zstd -dcq x.zst | tar -xf - -C out"), ""},
		{"the same of --long=30", []string{"out"}, sh("mkdir out && zstd -dcq --long=30 l.zst | tar -xf - -C out"), ""},
		{"tar x", []string{"out"}, sh("mkdir out && tar -xf x.tar -C out"), ""},
		{"SafeCache, whole folder, verified", []string{"out"}, ours("restore", "whole", "out", "1"), ""},
		{"SafeCache, lock-scoped, verified", []string{"out"}, ours("restore", "scoped", "out", "1", lockA), ""},
	}
	if err := table("Restore", scratch, rounds, restores); err != nil {
		return err
	}
	return second(scratch, rounds, self, lockB)
}

// second measures the save after a bump of packages: what is new of it.
func second(scratch string, rounds int, self, lockB string) error {
	for _, store := range []string{"whole", "scoped"} {
		if err := command(scratch, "cp", "-r", store, store+"1"); err != nil {
			return err
		}
	}
	saves := []contender{
		{"tar, zstd -T0", []string{"x.zst"}, sh("tar -cf - -C b . | zstd -q -T0 -o x.zst"), "x.zst"},
		{"tar --zstd --long=30", []string{"l.zst"}, sh("tar -cf - -C b . | zstd -q -T0 --long=30 -o l.zst"), "l.zst"},
		{"tar", []string{"x.tar"}, sh("tar -cf x.tar -C b ."), "x.tar"},
		{"SafeCache, whole folder", []string{"+whole"}, []string{self, "save", "whole", "b", "2"}, "whole"},
		{"SafeCache, lock-scoped", []string{"+scoped"}, []string{self, "save", "scoped", "b", "2", lockB}, "scoped"},
	}
	return table("Second save, after the bump", scratch, rounds, saves)
}

func sh(script string) []string { return []string{"bash", "-c", "set -euo pipefail; " + script} }

func command(dir, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

// run measures one run. What a store had before does not count as stored.
func run(scratch string, c contender) (result, error) {
	for _, name := range c.fresh {
		if store, ok := cutPlus(name); ok {
			again := fmt.Sprintf("rm -rf %[1]s && cp -r %[1]s1 %[1]s", store)
			if err := command(scratch, "bash", "-c", again); err != nil {
				return result{}, err
			}
		} else if err := os.RemoveAll(filepath.Join(scratch, name)); err != nil {
			return result{}, err
		}
	}
	before := size(filepath.Join(scratch, c.stored), c.stored)
	o, _, err := peers.Run(peers.Job{
		Args: c.command, Dir: scratch, Env: os.Environ(), Out: filepath.Join(scratch, "said"),
	})
	if err != nil {
		return result{}, fmt.Errorf("%s: %w", c.name, err)
	}
	return result{o, size(filepath.Join(scratch, c.stored), c.stored) - before}, nil
}

// size is how many bytes the files below name have; 0 if it is not there.
func size(name, asked string) int64 {
	var sum int64
	if asked == "" {
		return 0
	}
	err := filepath.WalkDir(name, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	return sum
}
