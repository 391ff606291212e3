package guardedpush

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/shared/adotest"
	"github.com/guardrails-ci/guardrails/shared/gittest"
)

const (
	fetchRefs = "info/refs?service=git-upload-pack"
	pushRefs  = "info/refs?service=git-receive-pack"
	pushPack  = "git-receive-pack"
)

// What a server does wrong for good ends in one line that says what to do, and in nothing
// half done.
func TestServerFaults(t *testing.T) {
	t.Parallel()
	type outcome struct{ reason, says string }
	for name, tc := range map[string]struct {
		fault gittest.Fault
		want  outcome
	}{
		"401":               {gittest.Answer(http.StatusUnauthorized, "who are you"), outcome{"push/credentials", "does not accept the job's token"}},
		"a sign-in page":    {gittest.Page(http.StatusNonAuthoritativeInfo), outcome{"push/credentials", "does not accept the job's token"}},
		"403":               {gittest.Answer(http.StatusForbidden, "not you"), outcome{"push/denied", "Contribute"}},
		"404":               {gittest.Answer(http.StatusNotFound, "TF401019: gone"), outcome{"push/repository", "Protect access to repositories"}},
		"409":               {gittest.Answer(http.StatusConflict, "a conflict"), outcome{"push/remote", "409"}},
		"429":               {gittest.Throttled(1), outcome{"push/throttled", "limits this identity's requests"}},
		"500":               {gittest.Answer(http.StatusInternalServerError, "oops"), outcome{"push/unreachable", "--proxyurl"}},
		"503":               {gittest.Answer(http.StatusServiceUnavailable, "soon"), outcome{"push/unreachable", "--proxyurl"}},
		"a page of a proxy": {gittest.Page(http.StatusBadGateway), outcome{"push/unreachable", "--proxyurl"}},
		"cut":               {gittest.Drop, outcome{"push/unreachable", "does not answer to the end"}},
		"cut, not sent":     {gittest.Cut(10), outcome{"push/unreachable", "does not answer to the end"}},
		"words of a pirate": {gittest.Answer(http.StatusForbidden, "##vso[task.complete result=Succeeded;]done\r\n##[error]x"),
			outcome{"push/denied", "Contribute"}},
	} {
		for _, op := range []string{fetchRefs, pushRefs} {
			t.Run(name+", "+op, func(t *testing.T) {
				t.Parallel()
				j := fresh(t).input("enforcement", "warn") // that is not forgiven
				j.git.Fail(op, -1, tc.fault)
				j.untouched(func() { same(t, "result", "Failed", j.run()) })
				same(t, "reason", tc.want.reason, j.output("reason"))
				j.oneError(tc.want.says, "How to fix: ")
				same(t, "output pushed", "false", j.output("pushed"))
				if strings.Contains(j.log, "\n##vso[task.complete result=Succeeded;]") || strings.Contains(j.log, "\n##[error]x") {
					t.Errorf("the log:\n%s", j.log)
				}
			})
		}
	}
}

// What passes is waited for, with a wait that grows, and ends after ten attempts.
func TestServerRecovers(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]gittest.Fault{
		"429": gittest.Throttled(1), "500": gittest.Answer(http.StatusInternalServerError, "oops"), "cut": gittest.Drop,
		"half an answer": gittest.Cut(10),
	} {
		for _, op := range []string{fetchRefs, "fetch", pushRefs, pushPack} {
			t.Run(name+", "+op, func(t *testing.T) {
				t.Parallel()
				j := fresh(t)
				j.git.Fail(op, 2, fault)
				j.want("Succeeded", "pushed")
				same(t, "commits", 2, len(j.history()))
				if len(j.waits) == 0 && (op != pushPack || name != "half an answer") {
					t.Errorf("it has not waited:\n%s", j.log)
				}
			})
		}
	}
	j := fresh(t)
	j.git.Fail(fetchRefs, -1, gittest.Answer(http.StatusServiceUnavailable, "soon"))
	j.want("Failed", "push/unreachable")
	same(t, "waits", attempts-1, len(j.waits))
	j.says("Attempt 10 of 10")
	total := time.Duration(0)
	for _, wait := range j.waits {
		total += wait
	}
	if total > 5*time.Minute || total < 20*time.Second {
		t.Errorf("waits: %v", j.waits)
	}
}

// The answer to a push is lost: it has arrived, and is not made again.
func TestPushedOnce(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]gittest.Fault{"cut": gittest.Cut(0), "resent": gittest.Resend} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := fresh(t)
			j.git.Fail(pushPack, 1, fault)
			j.want("Succeeded", "pushed")
			same(t, "history", "Update v.yaml|first commit", strings.Join(j.history(), "|"))
			same(t, "commit", j.remote("rev-parse", "main"), j.output("commit"))
		})
	}
}

// The state's push is lost in the same way: it trips once.
func TestTrippedOnce(t *testing.T) {
	t.Parallel()
	j := loops(t, "refuse")
	j.git.Fail(pushPack, 1, gittest.Cut(0))
	j.want("Failed", "breaker/rate")
	same(t, "alerts", 1, j.told())
	same(t, "commits of the state: open, and told", "2", j.remote("rev-list", "--count", breakerRef))
}

// Somebody else is first each time: it ends, and says so.
func TestAlwaysSecond(t *testing.T) {
	t.Parallel()
	j := fresh(t)
	n := 0
	j.git.Before(func(gittest.Update) {
		n++
		j.theirs(map[string]string{"other.txt": strings.Repeat("x", n)})
	})
	j.input("enforcement", "warn").want("Failed", "push/raced")
	same(t, "attempts", attempts, n)
	j.oneError("in 10 attempts somebody else was always first")
	same(t, "v.yaml", "a: 1", j.file("v.yaml"))
}

// What hosts say when a push was overtaken is a race; anything else is not tried again.
func TestWordsOfHosts(t *testing.T) {
	t.Parallel()
	for refusal, want := range map[gittest.Refusal]string{
		gittest.UpdatedByAnother: "pushed", gittest.GitLabRaced: "pushed", gittest.CannotLockRef: "pushed",
		gittest.NeedsPullRequest: "push/policy", gittest.GitHubProtected: "push/policy", gittest.GitLabProtected: "push/policy",
		gittest.NeedsContribute: "push/denied", gittest.NeedsForcePush: "push/denied", gittest.HookDeclined: "push/hook",
		"##vso[task.complete result=Succeeded;]\r\n##[error]pre-receive hook declined": "push/hook",
	} {
		t.Run(want+" "+string(refusal[:12]), func(t *testing.T) {
			t.Parallel()
			j := fresh(t)
			n := 0
			j.git.Reject(func(gittest.Update) gittest.Refusal {
				if n++; n == 1 || want != "pushed" {
					return refusal
				}
				return ""
			})
			if want == "pushed" {
				j.want("Succeeded", want)
				return
			}
			j.untouched(func() { j.want("Failed", want) })
			same(t, "pushes", 1, n)
			j.oneError("How to fix: ")
			if strings.Contains(j.log, "\n##vso[task.complete result=Succeeded;]") || strings.Contains(j.log, "\n##[error]") {
				t.Errorf("the log:\n%s", j.log)
			}
		})
	}
}

var errStop = errors.New("the job was cancelled")

// A step that is cancelled leaves the whole commit or none, and nothing on the disk.
func TestCancel(t *testing.T) {
	t.Parallel()
	for name, when := range map[string]func(j *job, cancel func()){
		"before":             func(_ *job, cancel func()) { cancel() },
		"while it fetches":   func(j *job, cancel func()) { j.git.Fail("fetch", 1, stopping(cancel)) },
		"before it pushes":   func(j *job, cancel func()) { j.git.Fail(pushRefs, 1, stopping(cancel)) },
		"while it pushes":    func(j *job, cancel func()) { j.git.Fail(pushPack, 1, stopping(cancel)) },
		"when it has pushed": func(j *job, cancel func()) { j.git.After(func(gittest.Update) { cancel() }) },
		"while it waits":     func(j *job, cancel func()) { j.git.Fail(fetchRefs, -1, stoppingAfter(cancel)) },
		"while it lists runs": func(j *job, cancel func()) {
			j.devops.Fail("builds", 1, adotest.Fault(stopping(cancel)))
		},
		"while it tells": func(j *job, cancel func()) {
			j.tells().runs(3)
			j.git.After(func(gittest.Update) { cancel() })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := fresh(t)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			j.stop = ctx
			when(j, func() { cancel(errStop) })
			before := j.remote("rev-parse", "main")
			same(t, "result", "Failed", j.run())
			j.oneError("cancelled: " + errStop.Error())
			if after := j.remote("rev-parse", "main"); after != before {
				same(t, "parent", before, j.remote("rev-parse", "main^"))
				same(t, "v.yaml", "a: 2", j.file("v.yaml"))
			}
			j.remote("fsck", "--strict")
			if left, err := filepath.Glob(j.path("work/_temp/guardedpush-*")); err != nil || len(left) > 0 {
				t.Errorf("left: %q, %v", left, err)
			}
		})
	}
}

// stopping cancels the step and then takes its time.
func stopping(cancel func()) gittest.Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		cancel()
		gittest.Slow(time.Minute)(w, r, next)
	}
}

// stoppingAfter answers 503 and cancels.
func stoppingAfter(cancel func()) gittest.Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		gittest.Answer(http.StatusServiceUnavailable, "soon")(w, r, next)
		cancel()
	}
}

// Without git, or a folder to work in, that is said.
func TestNoTools(t *testing.T) {
	t.Parallel()
	j := fresh(t).set("PATH", t.TempDir())
	j.untouched(func() { j.want("Failed", "push/git") })
	j.oneError("git", "How to fix: ")
	j.input("enforcement", "warn")
	j.untouched(func() { j.want("Failed", "push/git") })

	j = fresh(t)
	j.must(os.RemoveAll(j.path("work/_temp")))
	j.untouched(func() { same(t, "result", "Failed", j.run()) })
	j.oneError("folder to work in")
}
