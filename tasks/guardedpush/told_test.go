package guardedpush

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/shared/gittest"
)

// The team is told before anything is cancelled or disabled: that may end this run, too.
func TestToldFirst(t *testing.T) {
	t.Parallel()
	j := loops(t, "disablePipeline")
	var early atomic.Int32
	check := func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if (r.Method == http.MethodPatch || r.Method == http.MethodPut) && j.told() == 0 {
			early.Add(1)
		}
		next.ServeHTTP(w, r)
	}
	j.devops.Fail("builds", -1, check)
	j.devops.Fail("definitions", -1, check)
	j.want("Failed", "breaker/rate")
	same(t, "changes before the team was told", 0, int(early.Load()))
	same(t, "alerts", 1, j.told())
	same(t, "kept that it was told", true, j.kept().Told)
	same(t, "kept that it was disabled", true, j.kept().Disabled)
	body := j.hooks.bodies[0]
	if !strings.Contains(body, "are being cancelled") || !strings.Contains(body, "is being disabled") {
		t.Errorf("the team was told %s", body)
	}
}

// A run that is cancelled as soon as it has opened the breaker: a later one tells, once.
func TestToldLate(t *testing.T) {
	t.Parallel()
	j := loops(t, "cancelSiblings")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	j.stop = ctx
	j.git.After(func(u gittest.Update) {
		if u.Ref == breakerRef {
			cancel()
			<-time.After(300 * time.Millisecond) // so that the step does not hear that it is kept
		}
	})
	j.run()
	j.git.After(nil)
	same(t, "alerts of the cancelled run", 0, j.told())
	same(t, "kept that it was told", false, j.kept().Told)

	j.stop = t.Context()
	j.set("BUILD_BUILDID", "101")
	j.now = j.now.Add(2 * time.Minute)
	j.untouched(func() { j.want("Failed", "breaker/open") }) // it may be at it still
	same(t, "alerts within two minutes", 0, j.told())

	jobs := make([]*job, 3)
	for i := range jobs {
		jobs[i] = j.another(300 + i)
		jobs[i].now = j.now.Add(time.Second)
	}
	var done sync.WaitGroup
	for _, other := range jobs {
		done.Go(func() { other.want("Failed", "breaker/open") })
	}
	done.Wait()
	same(t, "alerts of three later runs", 1, j.told())
	same(t, "kept that it was told", true, j.kept().Told)
	if body := j.hooks.bodies[0]; !strings.Contains(body, "run 100 opened the breaker on 2026-11-23 12:00:00 UTC, and could not tell") {
		t.Errorf("the team was told %s", body)
	}
	j.now = j.now.Add(time.Hour)
	j.untouched(func() { j.want("Failed", "breaker/open") })
	same(t, "alerts at last", 1, j.told())
}

// What could not be told is told when the receiver is back.
func TestToldWhenTheReceiverIsBack(t *testing.T) {
	t.Parallel()
	j := loops(t, "refuse")
	j.hooks.status = http.StatusGone
	j.want("Failed", "breaker/rate")
	same(t, "kept that it was told", false, j.kept().Told)
	j.hooks.mu.Lock()
	tries := len(j.hooks.bodies)
	j.hooks.status = http.StatusOK
	j.hooks.mu.Unlock()
	j.now = j.now.Add(time.Hour)
	j.want("Failed", "breaker/open")
	same(t, "alerts that arrived", 1, j.told()-tries)
	same(t, "kept that it was told", true, j.kept().Told)
	// Where there is no team, nothing is to be made up for.
	j = loops(t, "refuse").input("alertWebhook", "")
	j.want("Failed", "breaker/rate")
	j.now = j.now.Add(time.Hour)
	j.untouched(func() { j.want("Failed", "breaker/open") })
}
