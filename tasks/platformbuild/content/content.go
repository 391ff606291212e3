// Package content finds out whether what an image starts runs on the platform that the image
// claims: it follows the entrypoint through PATH, links and scripts to a program, and reads the program's header.
package content

import (
	"context"
	"time"

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
	Shell           []string
}

// Problem is a reason to refuse an image.
type Problem struct {
	Rule string // "platform/machine", "platform/missing", "platform/loader", "platform/not-executable", "platform/unread", ...
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

// Check looks. An error means that it could not: the registry failed, or ctx ended. What the image itself keeps from being read
// (limits, broken layers) is a problem.
func Check(ctx context.Context, files *rootfs.FS, im Image, d Depth, deadline time.Time) (Verdict, error) {
	panic("skeleton")
}
