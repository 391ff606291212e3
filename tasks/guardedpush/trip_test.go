package guardedpush

import (
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/shared/adotest"
	"github.com/guardrails-ci/guardrails/shared/gittest"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/alert/alerttest"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/breaker"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/message"
)

// loops is a job that trips, with other runs about.
func loops(t *testing.T, onTrip string) *job {
	t.Helper()
	j := fresh(t).tells().input("onTrip", onTrip)
	j.runs(3)
	return j.ran(
		adotest.Run{ID: 201, Branch: mainBranch, Reason: "individualCI", Status: "notStarted", Queued: j.now},
		adotest.Run{ID: 202, Branch: mainBranch, Reason: "individualCI", Status: "inProgress", Queued: j.now},
		adotest.Run{ID: 203, Branch: "refs/heads/mine", Reason: "individualCI", Queued: j.now},
		adotest.Run{ID: 204, Branch: mainBranch, Reason: "individualCI", Definition: 13, Queued: j.now},
	)
}

// status is where a run stands.
func (j *job) status(id int) (status string) {
	j.devops.Update(func(p *adotest.Project) {
		for _, r := range p.Runs {
			if r.ID == id {
				status = r.Status
			}
		}
	})
	return status
}

// queueStatus is that of the pipeline.
func (j *job) queueStatus() (status string) {
	newest := 0
	j.devops.Update(func(p *adotest.Project) {
		for _, d := range p.Definitions {
			if d.ID == definition && d.Revision >= newest {
				status, newest = d.QueueStatus, d.Revision
			}
		}
	})
	return status
}

// kept is what the breaker keeps.
func (j *job) kept() breaker.State {
	j.t.Helper()
	state, err := breaker.Parse(j.remote("log", "-1", "--format=%B", breakerRef))
	j.must(err)
	return state
}

func TestOnTrip(t *testing.T) {
	t.Parallel()
	for onTrip, want := range map[string]struct {
		cancelled bool
		pipeline  string
	}{
		"refuse":          {false, ""},
		"cancelSiblings":  {true, ""},
		"disablePipeline": {true, "disabled"},
	} {
		t.Run(onTrip, func(t *testing.T) {
			t.Parallel()
			j := loops(t, onTrip)
			j.want("Failed", "breaker/rate")
			same(t, "alerts", 1, j.told())
			for id, sibling := range map[int]bool{201: true, 202: true, 203: false, 204: false, thisID: false} {
				if got := j.status(id) == "cancelling" || j.status(id) == "completed"; got != (sibling && want.cancelled) {
					t.Errorf("run %d is %q\n%s", id, j.status(id), j.log)
				}
			}
			same(t, "pipeline", want.pipeline, j.queueStatus())
			same(t, "kept that it was disabled", want.pipeline == "disabled", j.kept().Disabled)
			same(t, "kept status", breaker.Open, j.kept().Status)
			j.silent("NOT DONE")
			// Once: the next run does nothing more.
			before := j.devops.Requests()
			j.want("Failed", "breaker/open")
			same(t, "alerts", 1, j.told())
			for _, r := range j.devops.Requests()[len(before):] {
				if !strings.HasPrefix(r, http.MethodGet) && !strings.HasPrefix(r, http.MethodOptions) {
					t.Errorf("a request of the next run: %s", r)
				}
			}
		})
	}
}

// A right that is missing is named, in the log and to the team, and what can be done is
// done all the same.
func TestOnTripWithoutRights(t *testing.T) {
	t.Parallel()
	for permission, says := range map[string]string{
		"Stop builds":         "run 201 was not cancelled",
		"Edit build pipeline": "the pipeline was not disabled",
	} {
		t.Run(permission, func(t *testing.T) {
			t.Parallel()
			j := loops(t, "disablePipeline").lacks(permission)
			j.want("Failed", "breaker/rate")
			j.says("NOT DONE: "+says, `"`+permission+`"`)
			if body := j.hooks.bodies[0]; !strings.Contains(body, "other runs for this branch are being cancelled") {
				t.Errorf("the team was told %s", body)
			}
			same(t, "disabled", permission == "Stop builds", j.queueStatus() == "disabled")
			same(t, "cancelled", permission != "Stop builds", j.status(201) == "cancelling" || j.status(201) == "completed")
			same(t, "kept that it was disabled", permission == "Stop builds", j.kept().Disabled)
		})
	}
	// To list the runs, another one is needed; the history trips, too.
	j := loops(t, "cancelSiblings").lacks("View builds")
	for run := range 3 {
		j.stamped(run, j.now.Add(-time.Minute), nil)
	}
	j.want("Failed", "breaker/rate")
	j.says("NOT DONE: the other runs were not cancelled", "View builds")
}

// A classic release has the id of somebody else's pipeline, which is left alone.
func TestOnTripOfARelease(t *testing.T) {
	t.Parallel()
	j := loops(t, "disablePipeline").set("SYSTEM_HOSTTYPE", "release", "RELEASE_DEFINITIONID", strconv.Itoa(definition),
		"RELEASE_RELEASEID", "77", "RELEASE_DEFINITIONNAME", "ship", "RELEASE_RELEASENAME", "Release-77")
	for run := range 3 {
		j.stamped(run, j.now.Add(-time.Minute), func(st *message.Stamp) { st.Pipeline = "local/Shop/release-12" })
	}
	j.want("Failed", "breaker/rate")
	j.says("NOT DONE: the other runs were not cancelled: a classic release", "NOT DONE: the pipeline was not disabled: a classic")
	same(t, "the pipeline with that id", "", j.queueStatus())
	same(t, "its runs", "notStarted inProgress", j.status(201)+" "+j.status(202))
	same(t, "state of that pipeline", "", j.state())
}

// What the team is told arrives as its receiver wants it, whatever the names are.
func TestFormats(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"teams", "slack", "pagerduty", "generic"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			address := "HOST/hooks/" + format
			if format == "pagerduty" {
				address += " " + strings.Repeat("0a", 16)
			}
			j := fresh(t).set("BUILD_DEFINITIONNAME", "<!channel> **deploy** [x](http://evil.example) ##vso[x]")
			j.runs(3)
			j.input("alertFormat", format, "alertWebhook", strings.Replace(address, "HOST", strings.TrimSuffix(j.url, "/local/"), 1))
			j.want("Failed", "breaker/rate")
			same(t, "alerts", 1, j.told())
			_, body, _ := strings.Cut(j.hooks.bodies[0], "\r\n\r\n")
			j.must(alerttest.Validate(format, []byte(body)))
			j.silent("hooks/" + format)
		})
	}
}

// A reset lets one push through, enables what the breaker has disabled, and nothing else.
func TestReset(t *testing.T) {
	t.Parallel()
	for name, byUs := range map[string]bool{"disabled by the breaker": true, "disabled by a person": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := loops(t, "disablePipeline")
			if !byUs {
				j.devops.Update(func(p *adotest.Project) { p.Definitions[0].QueueStatus = "disabled" })
			}
			j.want("Failed", "breaker/rate")
			same(t, "pipeline", "disabled", j.queueStatus())
			// From another pipeline, as this one is disabled.
			other := j.another(500).set("SYSTEM_DEFINITIONID", "13", "BUILD_DEFINITIONNAME", "rescue")
			other.input("command", "reset", "pipelineId", "12", "reason", "the trigger was mended", "edits", "")
			other.want("Succeeded", "reset")
			same(t, "breakerState", "halfOpen", other.output("breakerState"))
			same(t, "alerts", 2, j.told())
			if body := j.hooks.bodies[1]; !strings.Contains(body, "the trigger was mended") {
				t.Errorf("the team was told %s", body)
			}
			if byUs {
				same(t, "pipeline", "enabled", j.queueStatus())
				other.says("is enabled again")
			} else {
				same(t, "pipeline", "disabled", j.queueStatus())
				other.silent("enabled again")
			}
			// Again: it can be reset twice, but not when it is closed.
			j.now = j.now.Add(time.Hour)
			j.want("Succeeded", "pushed")
			other.now = j.now.Add(time.Hour)
			j.now = other.now
			j.set("BUILD_BUILDID", "300").input("edits", "v.yaml: a = 3").want("Succeeded", "pushed")
			same(t, "breakerState", "closed", j.output("breakerState"))
			other.untouched(func() { other.want("Succeeded", "unchanged") })
			other.says("nothing to reset")
		})
	}
}

func TestResetWithoutRights(t *testing.T) {
	t.Parallel()
	j := loops(t, "disablePipeline")
	j.want("Failed", "breaker/rate")
	j.lacks("Edit build pipeline").input("command", "reset", "reason", "mended").want("SucceededWithIssues", "reset")
	j.says("breaker/enable", "still disabled", "Edit build pipeline")
	// Nobody resets without a reason, or what is no pipeline.
	for _, id := range []string{"12x", "0", "-1", "refs/heads/main", "12\nx", "99999999999"} {
		j.input("pipelineId", id, "reason", "")
		j.untouched(func() { j.want("Failed", "push/input") })
		same(t, "errors for "+strconv.Quote(id), 2, len(j.errors()))
	}
	// Where nothing has ever tripped, there is nothing to reset.
	j = fresh(t).input("command", "reset", "reason", "to be sure")
	j.untouched(func() { j.want("SucceededWithIssues", "unchanged") })
	j.says("keeps no breaker of pipeline 12", "name in repository the one that the pipeline pushes to")
	same(t, "breakerState", "closed", j.output("breakerState"))
}

// Of five runs that see the loop at once one trips the breaker and tells the team.
func TestFiveTripAtOnce(t *testing.T) {
	t.Parallel()
	j := loops(t, "disablePipeline")
	// All five have seen no state when the first one writes it down.
	var arrived sync.WaitGroup
	arrived.Add(5)
	j.git.Fail("info/refs?service=git-receive-pack", 5, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		arrived.Done()
		arrived.Wait()
		next.ServeHTTP(w, r)
	})
	jobs := make([]*job, 5)
	for i := range jobs {
		jobs[i] = j.another(300 + i)
	}
	var done sync.WaitGroup
	for _, other := range jobs {
		done.Add(1)
		go func() {
			defer done.Done()
			other.run()
		}()
	}
	done.Wait()
	reasons := map[string]int{}
	tagged := 0
	for _, other := range jobs {
		reasons[other.output("reason")]++
		tagged += strings.Count(other.log, "##vso[build.addbuildtag]")
		same(t, "result", "Failed", other.result)
	}
	same(t, "reasons", map[string]int{"breaker/rate": 1, "breaker/open": 4}, reasons)
	same(t, "alerts", 1, j.told())
	same(t, "tagged runs", 1, tagged)
	same(t, "commits of the state: open, told, and the pipeline disabled", "3",
		j.remote("rev-list", "--count", breakerRef))
}

// What somebody else has put where the state is kept closes no breaker.
func TestHostileState(t *testing.T) {
	t.Parallel()
	for name, plant := range map[string]func(j *job){
		"a commit of a person":    func(j *job) { j.plant(breakerRef, "all is well\n", j.now) },
		"an empty message":        func(j *job) { j.plant(breakerRef, "", j.now) },
		"an unknown status":       func(j *job) { j.plant(breakerRef, "x\n\n{\"version\":1,\"status\":\"ajar\"}\n", j.now) },
		"the branch itself":       func(j *job) { j.remote("update-ref", breakerRef, mainBranch) },
		"a file":                  func(j *job) { j.remote("update-ref", breakerRef, "main:v.yaml") },
		"a tree":                  func(j *job) { j.remote("update-ref", breakerRef, "main^{tree}") },
		"a message of our pushes": func(j *job) { j.plant(breakerRef, "Update\n\nPipeline-Guardrails-Run: local/Shop/12/1\n", j.now) },
		"a command": func(j *job) {
			j.plant(breakerRef, "##vso[task.setvariable variable=x]y\n\n{\"status\":\"##vso[task.complete result=Succeeded;]\"}\n", j.now)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := fresh(t)
			plant(j)
			for _, enforcement := range []string{"enforce", "warn"} {
				j.input("enforcement", enforcement)
				j.untouched(func() { j.want("Failed", "breaker/state") })
				j.oneError(breakerRef, "somebody else has written there", "delete that ref")
			}
			j.silent("##vso[task.setvariable variable=x]")
			// A reset does not write over it, either.
			j.input("command", "reset", "reason", "mended")
			j.untouched(func() { j.want("Failed", "breaker/state") })
		})
	}
}

// The state cannot be kept: the push is refused all the same, and the right is named.
func TestStateThatCannotBeKept(t *testing.T) {
	t.Parallel()
	j := loops(t, "refuse")
	j.git.Reject(func(gittest.Update) gittest.Refusal { return gittest.NeedsContribute })
	j.untouched(func() { j.want("Failed", "breaker/rate") })
	j.says("NOT DONE: the breaker's state could not be kept", "Contribute", "Project Collection Build Service (local)")
	same(t, "breakerState", "closed", j.output("breakerState"))
	same(t, "alerts", 1, j.told())
}

// Nobody could be told: that is said, and the push is refused all the same.
func TestNobodyTold(t *testing.T) {
	t.Parallel()
	j := loops(t, "refuse")
	j.hooks.status = http.StatusGone
	j.want("Failed", "breaker/rate")
	j.says("breaker/alert", "the team was not told", "alertWebhook")
	j.silent("hooks/generic")

	j = loops(t, "refuse").input("alertWebhook", "")
	j.want("Failed", "breaker/rate")
	j.says("Nobody was told")
}

func TestWorkItem(t *testing.T) {
	t.Parallel()
	j := loops(t, "refuse").input("alertWebhook", "", "alertWorkItem", "Bug").set("BUILD_BUILDNUMBER", "<b>1</b>")
	j.want("Failed", "breaker/rate")
	j.silent("Nobody was told")
	var items []map[string]any
	j.devops.Update(func(p *adotest.Project) { items = p.WorkItems })
	if len(items) != 1 {
		t.Fatalf("work items: %v", items)
	}
	text, _ := items[0]["System.Description"].(string)
	if !strings.Contains(text, "4 runs of this pipeline") && !strings.Contains(text, "6 runs of this pipeline") ||
		strings.Contains(text, "<b>") || !strings.Contains(text, "&lt;b&gt;1") {
		t.Errorf("description: %s", text)
	}
	j.want("Failed", "breaker/open")
	j.devops.Update(func(p *adotest.Project) { same(t, "work items after another run", 1, len(p.WorkItems)) })

	j = loops(t, "refuse").input("alertWebhook", "", "alertWorkItem", "Bug").lacks("Edit work items in this node")
	j.want("Failed", "breaker/rate")
	j.says("no work item was created", "Edit work items in this node")
}

// Another run waits for the outcome of the probe: one push goes through after a reset.
func TestOneProbe(t *testing.T) {
	t.Parallel()
	j := loops(t, "refuse")
	j.want("Failed", "breaker/rate")
	j.input("command", "reset", "reason", "mended").want("Succeeded", "reset")
	j.input("command", "push").want("Succeeded", "pushed")
	same(t, "breakerState", "halfOpen", j.output("breakerState"))
	other := j.another(301).input("edits", "v.yaml: a = 3")
	other.want("Failed", "breaker/again")
	same(t, "alerts", 3, j.told())
	same(t, "v.yaml", "a: 2", j.file("v.yaml"))
}

// The folder of a step is gone afterwards, whatever it came to (run looks for it, too).
func TestScratchIsGone(t *testing.T) {
	t.Parallel()
	j := loops(t, "disablePipeline")
	j.want("Failed", "breaker/rate")
	if left, err := filepath.Glob(j.path("work/_temp/*")); err != nil || len(left) != 1 || filepath.Base(left[0]) != "guardrails" {
		t.Errorf("left: %q, %v", left, err)
	}
}
