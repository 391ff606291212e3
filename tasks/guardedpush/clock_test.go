package guardedpush

import (
	"net/http"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/shared/adotest"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/message"
)

// An agent whose clock is wrong sees the loop all the same, and sees none where none is.
func TestWrongClock(t *testing.T) {
	t.Parallel()
	for name, skew := range map[string]time.Duration{
		"right": 0, "a little fast": time.Minute, "fast": 10 * time.Minute, "a day fast": 24 * time.Hour,
		"slow": -10 * time.Minute, "a day slow": -24 * time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := fresh(t)
			j.runs(9)
			j.clock(skew)
			j.want("Failed", "breaker/rate")
			if off := skew.Abs() > accepted; off {
				j.says("The agent's clock is")
			} else {
				j.silent("The agent's clock is")
			}
			// Runs of an hour ago are none of the window's, whatever the agent's clock says.
			j = fresh(t)
			for id := range 9 {
				j.ran(adotest.Run{ID: 200 + id, Branch: mainBranch, Reason: "individualCI", Queued: j.now.Add(-30 * time.Minute)})
			}
			j.clock(skew)
			j.want("Succeeded", "pushed")
			// What is pushed has the time of the server, for the next run to judge by.
			when, err := time.Parse(time.RFC3339, j.remote("log", "-1", "--format=%cI", "main"))
			j.must(err)
			if off := when.Sub(*j.served.Load()).Abs(); off > accepted {
				t.Errorf("the commit's time is off by %v", off)
			}
		})
	}
}

// The history is judged by the server's clock, too.
func TestWrongClockAndHistory(t *testing.T) {
	t.Parallel()
	j := fresh(t)
	for run := range 3 {
		j.stamped(run, j.now.Add(-time.Minute), func(*message.Stamp) {})
	}
	j.clock(48 * time.Hour)
	j.want("Failed", "breaker/rate")
}

// A server that gives no list of runs has not said that there are none.
func TestNoListOfRuns(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"null": `{"value":null}`, "no value": `{}`, "204": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := fresh(t)
			j.devops.Fail("builds", -1, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
				w.Header().Set("Content-Type", "application/json")
				if body == "" {
					w.WriteHeader(http.StatusNoContent)
				}
				_, _ = w.Write([]byte(body))
			})
			j.want("SucceededWithIssues", "pushed")
			j.says("breaker/runs", "there is no list in the answer")
		})
	}
}

// clock lets the server tell the right time, and the agent's clock be off.
func (j *job) clock(skew time.Duration) {
	right := j.now
	j.served.Store(&right)
	j.now = j.now.Add(skew)
}
