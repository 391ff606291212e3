package guardedpush

import (
	"net/http"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/shared/gittest"
)

// A push that has arrived is one, though its answer is lost and somebody's push comes on
// top of it, or nobody can say at once where the branch stands.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	type outcome struct{ result, reason, pullRequests string }
	theirs := func(j *job, ref string) { j.plant(ref, "somebody's\n", j.now) }
	down := func(j *job, _ string) { j.git.Fail(fetchRefs, 1, gittest.Drop) }
	for name, tc := range map[string]struct {
		mode string
		then func(j *job, ref string)
		want outcome
	}{
		"a push on top":              {"off", theirs, outcome{"Succeeded", "pushed", "0"}},
		"nobody to ask":              {"off", down, outcome{"Succeeded", "pushed", "0"}},
		"nobody to ask for a head":   {"always", down, outcome{"Succeeded", "pullRequest", "1"}},
		"a push on top of the head":  {"always", theirs, outcome{"Failed", "pullRequest", "0"}},
		"a push on top, if required": {"whenRequired", theirs, outcome{"Succeeded", "pushed", "0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := fresh(t).input("pullRequest", tc.mode)
			id := ""
			j.git.After(func(u gittest.Update) {
				if id != "" {
					t.Errorf("pushed again: %v", u)
					return
				}
				id = u.New
				tc.then(j, u.Ref)
				panic(http.ErrAbortHandler)
			})
			j.want(tc.want.result, tc.want.reason)
			same(t, "pushed, commit", "true "+id, j.output("pushed")+" "+j.output("commit"))
			if id == "" || strings.Contains(j.output("pullRequestUrl"), "/") != (tc.want.pullRequests == "1") {
				t.Errorf("commit %q, pull request %q, want %s", id, j.output("pullRequestUrl"), tc.want.pullRequests)
			}
		})
	}
}
