// Package content finds out whether what an image starts runs on the platform that the image
// claims: it follows the entrypoint through PATH, links and scripts to a program, and reads the
// program's header.
//
// What a shell makes of a script is not followed: of `sh -c` the first command is looked at, as
// far as it is plain, of a script only its interpreter and the arguments that the image gives it.
// Wrappers (tini, gosu, env, ...) are followed by what is known of their arguments. Besides, no word
// of the command line may name a program of another machine, whatever starts it.
package content

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/platform"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/rootfs"
)

// Depth is how much of an image is looked at.
type Depth string

// The depths.
const (
	Entrypoint Depth = "entrypoint" // what the image starts, and what that needs to start
	All        Depth = "all"        // and every executable file
)

// Image is what an image's config says about its start.
type Image struct {
	Platform        platform.Platform
	Entrypoint, Cmd []string
	Env             []string // KEY=value
	WorkingDir      string
}

// Problem is a reason to refuse an image.
type Problem struct {
	// Rule is "platform/" and what is wrong: "machine" (built for another platform), "missing",
	// "loader", "not-executable", "broken" (no program at all), "unread" (limits and broken layers),
	// "nothing" (to look at).
	Rule string
	Path string // in the image
	Text string // one sentence, such as: "/app/server is a linux/arm64 program, but the image claims linux/amd64"
	Hint string // what to do
	Warn bool   // worth a word, no reason to refuse
}

// Verdict is what was found out.
type Verdict struct {
	Chain    []string       // what starts, one step each, such as "/run.sh", "/bin/sh -> /usr/bin/dash"
	Machines map[string]int // of All: how many programs there are of each machine, such as "ELF linux/amd64"
	Problems []Problem
}

// Check looks, and closes files in the end. An error means that it could not: the registry failed, or
// ctx ended. What the image itself keeps from being read (limits, broken layers, and more than can be
// read until the deadline, if it is not zero) is a problem. Texts are fit to be printed.
func Check(ctx context.Context, files *rootfs.FS, im Image, d Depth, deadline time.Time) (Verdict, error) {
	defer files.Close() // which only ends downloads
	limited := ctx
	if !deadline.IsZero() {
		var cancel context.CancelFunc
		limited, cancel = context.WithDeadline(ctx, deadline)
		defer cancel()
	}
	c := &check{ctx: limited, files: files, image: im, windows: im.Platform.OS == "windows", depth: d}
	err := c.run(d)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		c.add(Problem{
			Rule: "platform/unread", Text: "the image could not be looked into in the time there was for it",
			Hint: unreadHint, Warn: c.settled && d == Entrypoint,
		})
		err = nil
	}
	if err != nil {
		return Verdict{}, fmt.Errorf("looking into the image: %w", err)
	}
	return c.verdict, nil
}

// check is one look into an image.
type check struct {
	ctx     context.Context
	files   *rootfs.FS
	image   Image
	windows bool
	verdict Verdict

	depth    Depth
	mild     bool // what is looked at is not sure to be started
	byName   bool // something among the words starts others by PATH
	emulated bool // something starts what is for another machine, on purpose
	circle   bool // too many start each other
	settled  bool // what is started for certain has been looked at
}

func (c *check) run(d Depth) error {
	argv := slices.Concat(c.image.Entrypoint, c.image.Cmd)
	var err error
	if len(argv) > 0 {
		err = c.start(argv)
	} else {
		err = c.bare(d)
	}
	if err == nil && d == All && c.verdict.Machines == nil {
		err = c.all()
	}
	return err
}

// bare is for an image that starts nothing by itself: its shell is what it is for, or else any program in it.
func (c *check) bare(d Depth) error {
	shell := "/bin/sh"
	if c.windows {
		shell = `C:\Windows\System32\cmd.exe`
	}
	_, err := c.files.Find(c.ctx, shell)
	switch {
	case err == nil:
		return c.follow([]string{shell}, shell, shell)
	case !errors.Is(err, fs.ErrNotExist):
		return c.unread(shell, err)
	}
	if err := c.all(); err != nil || len(c.verdict.Machines) > 0 || len(c.verdict.Problems) > 0 {
		return err
	}
	c.add(Problem{
		Rule: "platform/nothing",
		Text: "the image has no entrypoint, no command, no shell and no program: nothing says what it is built for",
		Hint: "give it an entrypoint, or set verifyContent: off if it holds no programs",
	})
	return nil
}

// add notes a problem, once.
func (c *check) add(p Problem) {
	p.Path = redact.Line(p.Path)
	// Another platform's program is wrong wherever it is started from.
	p.Warn = p.Warn || c.mild && p.Rule != "platform/machine"
	if !slices.Contains(c.verdict.Problems, p) {
		c.verdict.Problems = append(c.verdict.Problems, p)
	}
}

const unreadHint = "set verifyContent: off if you must, and look into the image by hand"

// unread turns what the image is to blame for into a problem.
func (c *check) unread(path string, err error) error {
	var (
		limit *rootfs.BudgetError
		layer *rootfs.LayerError
	)
	switch {
	case errors.As(err, &layer):
		warn := c.windows && errors.Is(err, rootfs.ErrForeign)
		c.add(Problem{
			Rule: "platform/unread", Path: path, Hint: unreadHint, Warn: warn,
			Text: fmt.Sprintf("%s cannot be looked at: %s", redact.Line(path), redact.Line(layer.Error())),
		})
	case errors.As(err, &limit):
		c.add(Problem{
			Rule: "platform/unread", Path: path, Hint: unreadHint,
			Text: fmt.Sprintf("%s cannot be looked at: %s", redact.Line(path), limit.Error()),
		})
	default:
		return err
	}
	return nil
}
