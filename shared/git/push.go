package git

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/guardrails-ci/guardrails/shared/proc"
)

// Update is a ref of the remote to be moved: only if it stands at Old. Old "": only if it
// is not there.
type Update struct {
	Ref      string // whole, such as refs/heads/main
	Old, New ID     // New "": delete it
}

// Push moves a ref of the remote. New must be a commit that follows on Old. An error is a
// *RemoteError if the server answered or could not be reached. If an answer was lost, the
// server is asked once more where the ref stands.
func (r *Repo) Push(ctx context.Context, u Update) error {
	if err := r.checkUpdate(ctx, u); err != nil {
		return err
	}
	args := []string{
		"push", "--porcelain", "--quiet", "--no-verify", "--no-signed", "--recurse-submodules=no",
		"--force-with-lease=" + u.Ref + ":" + string(u.Old), "--", "origin", string(u.New) + ":" + u.Ref,
	}
	said := &words{}
	// Without a window git does not look for what a file held before, to send the difference
	// alone (pack-objects: add_preferred_base): that may not have been fetched.
	window := []setting{{"pack.window", "0"}}
	out, err := r.run(ctx, command{args: args, network: true, stderr: said, config: window})
	var exit *proc.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	refused := r.remote.refusal(string(out), said.String(), u.Ref, err)
	if refused == nil {
		return nil
	}
	if refused.Kind == Unreachable || refused.Kind == Raced || refused.Kind == Other {
		// The push may have arrived, now or with an earlier try.
		if refs, err := r.RemoteRefs(ctx, u.Ref); err == nil && refs[u.Ref] == u.New {
			return nil
		}
	}
	return refused
}

// checkUpdate refuses what would force. A lease alone lets git push anything in place of
// what was seen.
func (r *Repo) checkUpdate(ctx context.Context, u Update) error {
	if err := checkRef(u.Ref); err != nil {
		return err
	}
	if r.remote == nil {
		return errors.New("pushing: the repository has no remote")
	}
	for _, id := range []ID{u.Old, u.New} {
		if err := checkID(id); id != "" && err != nil {
			return err
		}
	}
	if u.New == "" || u.Old == "" {
		if u.New == u.Old {
			return fmt.Errorf("pushing %.60q: neither an old nor a new commit is named", u.Ref)
		}
		return nil
	}
	parents, made := r.parents[u.New]
	if !made {
		commits, err := r.Commits(ctx, u.New, 1)
		if err != nil {
			return err
		}
		parents = commits[0].Parents
	}
	if !slices.Contains(parents, u.Old) {
		return fmt.Errorf("pushing %.60q: the new commit does not follow on the one it would replace", u.Ref)
	}
	return nil
}
