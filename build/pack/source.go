package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/guardrails-ci/guardrails/build/pack/command"
)

// source is the commit the files come from.
type source struct {
	commit  string // "" if they are not from a git repository
	changed string // what differs from the commit, as git status says it
}

// sourceAt asks git. Files without git, such as those of a downloaded archive, are no error.
func sourceAt(ctx context.Context, git command.Runner) (source, error) {
	out, err := git.Output(ctx, "git", "rev-parse", "HEAD", "--show-prefix")
	var exit *exec.ExitError
	if errors.As(err, &exit) || errors.Is(err, exec.ErrNotFound) {
		return source{}, nil
	}
	if err != nil {
		return source{}, err
	}
	commit, prefix, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if prefix != "" { // the repository around an unpacked archive is not ours
		return source{}, nil
	}
	status, err := git.Output(ctx, "git", "status", "--porcelain")
	return source{commit, string(status)}, err
}

// name is what a program says it was built from.
func (s source) name() string {
	if s.changed != "" {
		return s.commit + "+dirty"
	}
	return s.commit
}

// clean says whether anybody else can get the same files.
func (s source) clean() error {
	if s.commit == "" {
		return errors.New("this is not a git repository with a commit, so nobody could build the same again")
	}
	if s.changed != "" {
		return fmt.Errorf("the tree differs from its commit; commit or remove these files first:\n%s",
			strings.TrimRight(s.changed, "\n"))
	}
	return nil
}
