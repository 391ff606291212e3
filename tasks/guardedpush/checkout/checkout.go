// Package checkout reads what the steps of a job have changed in a checkout, without
// touching it: not its files, its index, its objects or its configuration.
package checkout

import (
	"context"

	"github.com/guardrails-ci/guardrails/shared/git"
)

// Changes is what differs from the commit that is checked out.
type Changes struct {
	Base  git.ID // that commit
	Files []File
}

// File is a changed file.
type File struct {
	git.Change        // Data is what a commit would hold (line ends, links and pointers as git has them)
	Before     git.ID // the file in Base; "" if it is new
	BeforeMode string
}

// Read looks at the checkout in dir. scratch is a folder for its own files.
func Read(ctx context.Context, g *git.Git, dir, scratch string) (Changes, error) { panic("skeleton") }
