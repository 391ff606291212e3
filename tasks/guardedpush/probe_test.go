package guardedpush

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/shared/git"
	"github.com/guardrails-ci/guardrails/shared/gittest"
)

// A push that the server refuses does not use up the one push after a reset.
func TestProbeIsGivenBack(t *testing.T) {
	t.Parallel()
	for refusal, reason := range map[gittest.Refusal]string{
		gittest.HookDeclined: "push/hook", gittest.NeedsContribute: "push/denied",
	} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			j := loops(t, "refuse")
			j.want("Failed", "breaker/rate")
			j.input("command", "reset", "reason", "mended").want("Succeeded", "reset")
			j.git.Reject(func(u gittest.Update) gittest.Refusal {
				if u.Ref == mainBranch {
					return refusal
				}
				return ""
			})
			j.input("command", "push").want("Failed", reason)
			j.says("is left to the next run")
			same(t, "run that has the one push", 0, j.kept().Probe)
			j.git.Reject(nil)
			other := j.another(301)
			other.now = j.now.Add(time.Minute)
			other.want("Succeeded", "pushed")
			same(t, "run that has the one push", 301, j.kept().Probe)
			third := j.another(302).input("edits", "v.yaml: a = 3")
			third.now = j.now.Add(2 * time.Minute)
			third.want("Failed", "breaker/again")
		})
	}
}

// Nobody else gets it where it may have landed.
func TestMayHaveLanded(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		nil: true, context.Canceled: true, errors.New("x"): true,
		&git.RemoteError{Kind: git.Unreachable}: true, &git.RemoteError{Kind: git.Other}: true,
		&git.RemoteError{Kind: git.Raced}: false, &git.RemoteError{Kind: git.Policy}: false,
		&git.RemoteError{Kind: git.Denied}: false, &git.RemoteError{Kind: git.Hook}: false,
		&git.RemoteError{Kind: git.Unauthorized}: false, &git.RemoteError{Kind: git.Throttled}: false,
	} {
		if got := mayHaveLanded(err); got != want {
			t.Errorf("mayHaveLanded(%v) = %v, want %v", err, got, want)
		}
	}
}
