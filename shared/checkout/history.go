package checkout

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/git"
)

// mostCommits is how many commits Unpushed returns: enough to say what they are.
const mostCommits = 50

var wholeID = regexp.MustCompile(`^[0-9a-f]{40}$`)

// headOf is the commit that is checked out.
func headOf(ctx context.Context, g *git.Git, dir string) (git.ID, error) {
	if _, err := locate(dir); err != nil {
		return "", err
	}
	repo, err := g.Open(dir)
	if err != nil {
		return "", err
	}
	out, err := repo.Run(ctx, nil, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
	id := strings.TrimSpace(string(out))
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case err != nil || id == "":
		return "", fmt.Errorf("no commit is checked out in %s; check the repository out before this step", dir)
	case len(id) == 64:
		return "", fmt.Errorf("the repository in %s names its objects by SHA-256, which is not supported here; "+
			"use one with SHA-1 names", dir)
	case !wholeID.MatchString(id):
		return "", fmt.Errorf("the commit that is checked out in %s has no name that git gives: %.80q", dir, id)
	}
	return git.ID(id), nil
}

// Unpushed returns commits that are checked out in dir, or behind what is, and that the
// server is not known to have, newest first and not more than 50. It is known to have
// started, the commit that the run started from (may be empty), and what a
// remote-tracking branch has.
func Unpushed(ctx context.Context, g *git.Git, dir string, started git.ID) ([]git.Commit, error) {
	if started != "" && !wholeID.MatchString(string(started)) {
		return nil, fmt.Errorf("%.60q is no name of a commit", started)
	}
	head, err := headOf(ctx, g, dir)
	if err != nil {
		return nil, err
	}
	repo, err := g.Open(dir)
	if err != nil {
		return nil, err
	}
	// --ignore-missing: a shallow clone need not have the commit that the run started from.
	args := []string{"rev-list", fmt.Sprintf("--max-count=%d", mostCommits), "--ignore-missing", string(head)}
	if started != "" {
		args = append(args, "^"+string(started))
	}
	out, err := repo.Run(ctx, nil, append(args, "--not", "--remotes")...)
	if err != nil {
		return nil, fmt.Errorf("looking for commits in %s that were never pushed: %w", dir, err)
	}
	var found []git.Commit
	for _, id := range strings.Fields(string(out)) {
		commits, err := repo.Commits(ctx, git.ID(id), 1)
		if err != nil {
			return nil, fmt.Errorf("reading commit %.12s in %s: %w", id, dir, err)
		}
		found = append(found, commits...)
	}
	return found, nil
}
