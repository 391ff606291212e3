package keyvaultenv

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/ado"
	"github.com/guardrails-ci/guardrails/shared/adotest"
)

// TestTimeline has a run with two jobs, in the states in which records can be when the
// scan begins.
func TestTimeline(t *testing.T) {
	t.Parallel()
	run := timeline{job: "job", step: "Secrets", records: []ado.Record{
		{ID: "stage", Type: "Stage", Name: "Build", State: "inProgress"},
		{ID: "job", ParentID: "stage", Type: "Job", Name: "Linux", State: "inProgress", LogID: 1},
		{ID: "a", ParentID: "job", Type: "Task", Name: "Secrets", State: stateCompleted, LogID: 2, Order: 1},
		{ID: "b", ParentID: "job", Type: "Task", Name: "Test", State: stateCompleted, Result: "failed", LogID: 3, Order: 2},
		{ID: "c", ParentID: "job", Type: "Task", Name: "Skipped", State: stateCompleted, Result: resultSkipped, Order: 3},
		{ID: "d", ParentID: "job", Type: "Task", Name: "Late", State: stateCompleted, Result: "succeeded", Order: 4},
		{ID: "e", ParentID: "job", Type: "Task", Name: "Post-job: Docker", State: "inProgress", LogID: 4, Order: 5},
		{ID: "f", ParentID: "job", Type: "Task", Name: "Post-job: Secrets", State: "inProgress", Order: 6},
		{ID: "g", ParentID: "job", Type: "Task", Name: "Post-job: Node", State: "pending", Order: 7},
		{ID: "h", ParentID: "job", Type: "Task", Name: "Finalize Job", State: "pending", Order: 8},
		{ID: "other", ParentID: "stage", Type: "Job", Name: "Windows", State: stateCompleted, LogID: 5},
		{ID: "i", ParentID: "other", Type: "Task", Name: "Test", State: stateCompleted, LogID: 6},
		{ID: "k", ParentID: "other", Type: "Task", Name: "No log", State: stateCompleted, Result: "succeeded"},
		{ID: "lost", ParentID: "stage", Type: "Job", Name: "Lost", State: stateCompleted, LogID: 7},
	}}
	if diff := cmp.Diff([]string{"log of Linux / Late", "log of Linux / Post-job: Docker"}, run.waiting()); diff != "" {
		t.Errorf("waiting (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"Post-job: Node"}, run.later()); diff != "" {
		t.Errorf("later (-want +got):\n%s", diff)
	}
	var files []ado.LogFile
	for id := 1; id <= 8; id++ {
		files = append(files, ado.LogFile{ID: id})
	}
	want := []logFile{
		{2, "log of Linux / Secrets"}, {3, "log of Linux / Test"}, {6, "log of Windows / Test"}, {7, "log of Lost"},
		{8, "log 8 of the run"},
	}
	if diff := cmp.Diff(want, run.readable(files), cmp.AllowUnexported(logFile{})); diff != "" {
		t.Errorf("readable (-want +got):\n%s", diff)
	}
	// A pre stage, and an earlier try of this one, have been completed: their logs are read.
	run.records[7].State, run.records[7].LogID = stateCompleted, 9
	if got := run.readable([]ado.LogFile{{ID: 9}}); len(got) != 1 {
		t.Errorf("readable = %v, want the log of the completed stage", got)
	}
}

// TestStateThatIsLate: the server shows a step as running that is over, and learns of its
// end and its log a second later.
func TestStateThatIsLate(t *testing.T) {
	t.Parallel()
	j := ran(t)
	running := recordOf("Task", "Test", "inProgress")
	running.ID = recordID(77)
	j.record(running)
	asked := 0
	j.server.Fail("timeline", -1, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(w, r)
		if asked++; asked == 1 {
			j.server.Update(func(p *adotest.Project) {
				run := &p.Runs[0]
				last := &run.Records[len(run.Records)-1]
				last.State, last.Result, last.LogID = "completed", "succeeded", 5
				run.Logs = append(run.Logs, adotest.Log{ID: 5, Text: leakedValue + "\n"})
			})
		}
	})
	j.expect("post", "Failed", "log of Build / Test, line 1", "!could not be scanned")
	if asked != 2 {
		t.Errorf("the timeline was asked for %d times, want 2", asked)
	}
}
