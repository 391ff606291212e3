package guardedpush

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/shared/adotest"
	"github.com/guardrails-ci/guardrails/shared/gittest"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/message"
)

// blind makes the branch's history unreadable: what comes after its newest commits and the
// file that is edited.
func (j *job) blind() *job {
	j.people(firstCommits, j.now.Add(-time.Minute))
	n := 0
	j.git.Fail("fetch", -1, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if n++; n <= 2 {
			next.ServeHTTP(w, r)
			return
		}
		gittest.Answer(http.StatusForbidden, "no history for you")(w, r, next)
	})
	return j
}

// Each of the two sources is enough to trip the breaker, and to push where the other one
// cannot be read; without both nothing is pushed.
func TestTwoSources(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		prepare        func(j *job)
		result, reason string
		says           []string
	}{
		"no list, and a quiet history": {func(j *job) {
			j.lacks("View builds").stamped(98, j.now.Add(-time.Minute), nil)
			j.stamped(99, j.now.Add(-time.Minute), nil)
		}, "SucceededWithIssues", "pushed", []string{"breaker/runs", "View builds", "2 guarded commits"}},
		"no list, and a loop in the history": {func(j *job) {
			j.lacks("View builds")
			for run := range 3 {
				j.stamped(run+90, j.now.Add(-time.Duration(9-run)*time.Minute), nil)
			}
		}, "Failed", "breaker/rate", []string{"View builds", "90", "91", "92"}},
		"a loop in the history, below commits of people": {func(j *job) {
			for run := range 3 {
				j.stamped(run+90, j.now.Add(-time.Duration(9-run)*time.Minute), nil)
				j.plant(mainBranch, "a commit of mine\n", j.now.Add(-time.Minute))
			}
		}, "Failed", "breaker/rate", nil},
		"no history, and a quiet list": {func(j *job) {
			j.stamped(99, j.now.Add(-time.Minute), nil)
			j.blind()
		}, "SucceededWithIssues", "pushed", []string{"breaker/history"}},
		"no history, and a loop in the list": {func(j *job) {
			j.stamped(99, j.now.Add(-time.Minute), nil)
			j.blind().runs(3)
		}, "Failed", "breaker/rate", []string{"breaker/history"}},
		"neither": {func(j *job) {
			j.stamped(99, j.now.Add(-time.Minute), nil)
			j.blind().lacks("View builds")
		}, "Failed", "breaker/blind", []string{"breaker/history", "View builds", "let the branch's history be fetched"}},
		"neither, to try": {func(j *job) {
			j.stamped(99, j.now.Add(-time.Minute), nil)
			j.blind().lacks("View builds").input("enforcement", "warn")
		}, "SucceededWithIssues", "pushed", []string{"breaker/blind"}},
		"a deployment without a history": {func(j *job) {
			j.stamped(99, j.now.Add(-time.Minute), nil)
			j.blind().deploy(2, "1.0")
		}, "Failed", "push/denied", nil}, // nothing else knows how often the version was deployed
		"a list that breaks off": {func(j *job) {
			j.devops.Fail("builds", -1, adotest.Cut(10))
		}, "SucceededWithIssues", "pushed", []string{"breaker/runs"}},
		"a sign-in page": {func(j *job) {
			j.devops.Fail("builds", -1, adotest.Page(203))
		}, "SucceededWithIssues", "pushed", []string{"breaker/runs"}},
		"a server that recovers": {func(j *job) {
			j.devops.Fail("builds", 2, adotest.Answer(http.StatusServiceUnavailable, "soon"))
			j.runs(3)
		}, "Failed", "breaker/rate", nil},
		"a classic release": {func(j *job) {
			j.set("SYSTEM_HOSTTYPE", "release", "RELEASE_DEFINITIONNAME", "ship", "RELEASE_DEFINITIONID", "5",
				"RELEASE_RELEASEID", "77", "RELEASE_RELEASENAME", "Release-77")
			for run := range 3 {
				j.stamped(run+70, j.now.Add(-time.Minute), func(st *message.Stamp) { st.Pipeline = "local/Shop/release-5" })
			}
		}, "Failed", "breaker/rate", []string{"a classic release is no run"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := fresh(t)
			tc.prepare(j)
			before := j.file("v.yaml")
			j.want(tc.result, tc.reason)
			j.says(tc.says...)
			if pushed := j.file("v.yaml") != before; pushed != (tc.reason == "pushed") || j.output("pushed") != strconv.FormatBool(pushed) {
				t.Errorf("pushed: %v, output %q\n%s", pushed, j.output("pushed"), j.log)
			}
		})
	}
}

// What does not count: runs of other branches and pipelines, those that people start, pull
// requests, old ones, this one.
func TestWhichRunsCount(t *testing.T) {
	t.Parallel()
	recent := func(id int, change func(*adotest.Run)) adotest.Run {
		r := adotest.Run{
			ID: id, Definition: definition, Branch: mainBranch, Reason: "individualCI", Queued: startOfTests.Add(-5 * time.Minute),
			Status: "completed", Result: "failed",
		}
		if change != nil {
			change(&r)
		}
		return r
	}
	const pull = "refs/pull/5/merge"
	for name, tc := range map[string]struct {
		change func(*adotest.Run)
		inputs []string
		counts bool
	}{
		"pushed":               {nil, nil, true},
		"batched":              {func(r *adotest.Run) { r.Reason = "batchedCI" }, nil, true},
		"scheduled":            {func(r *adotest.Run) { r.Reason = "schedule" }, nil, true},
		"of another pipeline":  {func(r *adotest.Run) { r.Reason = "buildCompletion" }, nil, true},
		"waiting":              {func(r *adotest.Run) { r.Status, r.Result = "notStarted", "" }, nil, true},
		"running":              {func(r *adotest.Run) { r.Status, r.Result = "inProgress", "" }, nil, true},
		"just young enough":    {func(r *adotest.Run) { r.Queued = startOfTests.Add(-10*time.Minute + time.Second) }, nil, true},
		"too old":              {func(r *adotest.Run) { r.Queued = startOfTests.Add(-10 * time.Minute) }, nil, false},
		"old, wider window":    {func(r *adotest.Run) { r.Queued = startOfTests.Add(-time.Hour) }, []string{"windowMinutes", "61"}, true},
		"of another branch":    {func(r *adotest.Run) { r.Branch = "refs/heads/mine" }, nil, false},
		"another's definition": {func(r *adotest.Run) { r.Definition = 13 }, nil, false},
		"manual":               {func(r *adotest.Run) { r.Reason = "manual" }, nil, false},
		"manual, counted":      {func(r *adotest.Run) { r.Reason = "manual" }, []string{"alsoCount", "pullRequest, Manual"}, true},
		"pull request":         {func(r *adotest.Run) { r.Branch, r.Reason = pull, "pullRequest" }, nil, false},
		"pull request, counted": {func(r *adotest.Run) { r.Branch, r.Reason = pull, "pullRequest" },
			[]string{"alsoCount", "pullRequest"}, true},
		"pull request, manual counted": {func(r *adotest.Run) { r.Branch, r.Reason = pull, "pullRequest" },
			[]string{"alsoCount", "manual"}, false},
		"switched off":    {nil, []string{"maxRuns", "0"}, false},
		"a higher limit":  {nil, []string{"maxRuns", "4"}, false},
		"the lower limit": {nil, []string{"maxRuns", "1"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := fresh(t).ran(recent(97, tc.change), recent(98, tc.change), recent(99, tc.change)).input(tc.inputs...)
			if strings.HasPrefix(name, "pull request") {
				j.set("BUILD_SOURCEBRANCH", pull)
			}
			if tc.counts {
				j.want("Failed", "breaker/rate")
				return
			}
			j.want("Succeeded", "pushed")
			same(t, "breakerState", "closed", j.output("breakerState"))
		})
	}
}

// A list of several pages is read to its end.
func TestPagedRuns(t *testing.T) {
	t.Parallel()
	j := fresh(t)
	for i := range 150 {
		j.ran(adotest.Run{ID: 1000 + i, Branch: mainBranch, Reason: "manual", Queued: j.now.Add(-time.Minute)})
	}
	for i := range 3 {
		j.ran(adotest.Run{ID: 50 + i, Branch: mainBranch, Reason: "individualCI", Queued: j.now.Add(-8 * time.Minute)})
	}
	j.want("Failed", "breaker/rate")
}

// A server that asks for a pause gets it.
func TestThrottledRuns(t *testing.T) {
	t.Parallel()
	j := fresh(t)
	j.devops.Fail("builds", 1, adotest.Throttled(7))
	j.want("Succeeded", "pushed")
	same(t, "waits", []time.Duration{7 * time.Second}, j.waits)
}

// deploy makes the step a deployment that changes the file.
func (j *job) deploy(value int, version string) *job {
	return j.input("edits", fmt.Sprintf("v.yaml: a = %d", value), "commitKind", "deployment", "application", "shop",
		"environment", "production", "version", version)
}

// later is a run of the pipeline an hour after the last one.
func (j *job) later() *job {
	j.now = j.now.Add(time.Hour)
	id, _ := strconv.Atoi(j.env["BUILD_BUILDID"])
	return j.set("BUILD_BUILDID", strconv.Itoa(id+1))
}

// The third deployment of one version is one too many, however slowly they come.
func TestRepeats(t *testing.T) {
	t.Parallel()
	j := fresh(t).tells()
	j.deploy(2, "1.0").want("Succeeded", "pushed")
	j.later().deploy(3, "1.0").want("Succeeded", "pushed")
	j.later().deploy(4, "1.0").input("dryRun", "true")
	j.untouched(func() { j.want("Failed", "breaker/repeat") }) // a dry run keeps nothing
	same(t, "alerts of a dry run", 0, j.told())
	j.input("dryRun", "false").want("Failed", "breaker/repeat")
	j.oneError("was deployed 2 times", "the limit is 2")
	same(t, "alerts", 1, j.told())
	same(t, "v.yaml", "a: 3", j.file("v.yaml"))
	same(t, "breakerState", "open", j.output("breakerState"))
}

func TestRepeatsThatAreNone(t *testing.T) {
	t.Parallel()
	for name, second := range map[string]func(j *job){
		"another version between": func(j *job) { j.deploy(9, "2.0").want("Succeeded", "pushed") },
		"no deployments": func(j *job) {
			j.input("commitKind", "other", "application", "", "environment", "", "version", "")
		},
		"other environments":       func(j *job) { j.input("environment", "staging") },
		"other applications":       func(j *job) { j.input("application", "shop2") },
		"a day later":              func(j *job) { j.now = j.now.Add(24 * time.Hour) },
		"a higher limit":           func(j *job) { j.input("maxRepeats", "3") },
		"a limit switched off":     func(j *job) { j.input("maxRepeats", "0") },
		"the same run, once more":  func(j *job) { j.set("BUILD_BUILDID", strconv.Itoa(thisID+1)) },
		"the first two were a run": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := fresh(t)
			j.deploy(2, "1.0").want("Succeeded", "pushed")
			if second == nil {
				j.deploy(3, "1.0").want("Succeeded", "pushed")
				j.later().deploy(4, "1.0").want("Succeeded", "pushed")
				return
			}
			j.later().deploy(3, "1.0").want("Succeeded", "pushed")
			j.later().deploy(4, "1.0")
			second(j)
			if name == "another version between" {
				j.later().deploy(4, "1.0")
			}
			j.want("Succeeded", "pushed")
		})
	}
}

// Another pipeline that deploys the same counts, too.
func TestRepeatsByAnotherPipeline(t *testing.T) {
	t.Parallel()
	j := fresh(t)
	j.deploy(2, "1.0").want("Succeeded", "pushed")
	j.later().set("SYSTEM_DEFINITIONID", "13").deploy(3, "1.0").want("Succeeded", "pushed")
	j.later().set("SYSTEM_DEFINITIONID", "12").deploy(4, "1.0").want("Failed", "breaker/repeat")
}

// Where nobody says the version, the images are it: a timestamp beside them makes no other
// one, and another image does.
func TestRepeatsOfAnImage(t *testing.T) {
	t.Parallel()
	pod := func(tag, when string) string {
		return "apiVersion: v1\nkind: Pod\nmetadata:\n  name: shop\n  labels:\n    when: " + when +
			"\nspec:\n  containers:\n  - name: shop\n    image: r.example.com/shop:" + tag + "\n"
	}
	edits := func(tag, when string) string {
		return "pod.yaml: spec.containers[0].image = r.example.com/shop:" + tag + "\npod.yaml: metadata.labels.when = " + when
	}
	j := newJob(t, map[string]string{"pod.yaml": pod("0", "never")}).input("commitKind", "deployment")
	for i := range 3 {
		j.input("edits", edits("1", "t"+strconv.Itoa(i)))
		if i == 2 {
			j.want("Failed", "breaker/repeat")
			break
		}
		j.want("Succeeded", "pushed")
		if text := j.newest("main"); !strings.Contains(text, "Version: r.example.com/shop:1") {
			t.Errorf("message:\n%s", text)
		}
		j.later().theirs(map[string]string{"pod.yaml": pod("0", "reverted")}) // a loop with something that reverts it
	}
	j.input("edits", edits("2", "t")).set("SYSTEM_DEFINITIONID", "13").want("Succeeded", "pushed")
}

// An override pushes, once, and is told; the breaker stays as it is.
func TestOverride(t *testing.T) {
	t.Parallel()
	j := fresh(t).tells()
	j.runs(3)
	j.input("override", "true", "reason", "the shop is down")
	// The race makes it decide twice, and say it once.
	n := 0
	j.git.Before(func(gittest.Update) {
		if n++; n == 1 {
			j.theirs(map[string]string{"other.txt": "x\n"})
		}
	})
	j.want("SucceededWithIssues", "pushed")
	j.says("breaker/rate", "breaker/override", "the shop is down")
	same(t, "warnings", 2, len(j.warnings()))
	if j.told() != 1 || !strings.Contains(j.hooks.bodies[0], "the shop is down") || !strings.Contains(j.hooks.bodies[0], "overridden") {
		t.Errorf("alerts: %q", j.hooks.bodies)
	}
	same(t, "state", "", j.state())
	same(t, "breakerState", "closed", j.output("breakerState"))
	// An open breaker, too.
	j.input("override", "false", "edits", "v.yaml: a = 3").want("Failed", "breaker/rate")
	before := j.state()
	j.input("override", "true").want("SucceededWithIssues", "pushed")
	same(t, "state", before, j.state())
	same(t, "breakerState", "open", j.output("breakerState"))
	j.input("override", "false", "edits", "v.yaml: a = 4").want("Failed", "breaker/open")
	// And a loop. Nobody is told of a dry run.
	j = fresh(t).tells()
	j.set("BUILD_REASON", "IndividualCI", "BUILD_SOURCEVERSION", j.stamped(99, j.now.Add(-time.Hour), nil))
	j.input("override", "true", "reason", "it is meant to", "dryRun", "true")
	j.untouched(func() { j.want("SucceededWithIssues", "dryRun") })
	same(t, "alerts of a dry run", 0, j.told())
	j.input("dryRun", "false").want("SucceededWithIssues", "pushed")
	j.says("loop/own-commit")
	same(t, "alerts", 1, j.told())
	// It needs a reason.
	j.input("reason", " ")
	j.untouched(func() { j.want("Failed", "push/input") })
	j.oneError("reason", "it is empty")
}

// state is the id of what the breaker keeps, "" for nothing.
func (j *job) state() string {
	j.t.Helper()
	refs, err := j.git.Refs(configRepo)
	j.must(err)
	return refs[breakerRef]
}

const breakerRef = "refs/guardrails/breaker/12"

// With enforcement: warn the breaker and the loop only warn: nothing is kept, nobody is
// told, and the step does not look as if all were well.
func TestWarn(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(j *job){
		"breaker/rate": func(j *job) { j.runs(3) },
		"breaker/repeat": func(j *job) {
			for run := range 2 {
				j.stamped(run, j.now.Add(-time.Hour), func(st *message.Stamp) {
					st.Kind, st.Application, st.Environment, st.Version = "deployment", "shop", "production", "1.0"
					st.Fingerprint = message.Fingerprint("shop", "production", "1.0")
				})
			}
			j.deploy(2, "1.0")
		},
		"breaker/open": func(j *job) {
			j.runs(3)
			j.want("Failed", "breaker/rate")
			j.hooks.bodies = nil
		},
		"loop/own-commit": func(j *job) {
			j.set("BUILD_REASON", "IndividualCI", "BUILD_SOURCEVERSION", j.stamped(99, j.now.Add(-time.Hour), nil))
		},
		"loop/unknown-start": func(j *job) {
			j.set("BUILD_REASON", "IndividualCI", "BUILD_SOURCEVERSION", strings.Repeat("1", 40))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := fresh(t).tells()
			prepare(j)
			before := j.state()
			// The race makes it look twice, and say it once.
			n := 0
			j.git.Before(func(gittest.Update) {
				if n++; n == 1 {
					j.theirs(map[string]string{"other.txt": "x\n"})
				}
			})
			j.input("enforcement", "warn", "onTrip", "disablePipeline").want("SucceededWithIssues", "pushed")
			j.says(name, "enforcement is warn")
			same(t, "warnings", 1, len(j.warnings()))
			same(t, "alerts", 0, j.told())
			same(t, "state", before, j.state())
			j.silent("addbuildtag")
			same(t, "v.yaml", "a: 2", j.file("v.yaml"))
		})
	}
}

// A dry run does everything but move a ref, tell somebody, or tag.
func TestDryRun(t *testing.T) {
	t.Parallel()
	j := fresh(t).tells().input("dryRun", "true", "onTrip", "disablePipeline", "alertWorkItem", "Bug")
	j.untouched(func() { j.want("Succeeded", "dryRun") })
	j.says("would be pushed")
	same(t, "output pushed", "false", j.output("pushed"))
	j.runs(3)
	j.untouched(func() { j.want("Failed", "breaker/rate") })
	j.says("would trip now")
	j.silent("addbuildtag")
	same(t, "alerts", 0, j.told())
	same(t, "breakerState", "closed", j.output("breakerState"))
	j.devops.Update(func(p *adotest.Project) {
		if len(p.WorkItems) > 0 || len(p.Definitions) != 1 {
			t.Errorf("work items %v, definitions %v", p.WorkItems, p.Definitions)
		}
	})
	// A reset that is tried changes nothing.
	j.input("dryRun", "false").want("Failed", "breaker/rate")
	told := j.told()
	j.input("command", "reset", "reason", "to see", "dryRun", "true")
	j.untouched(func() { j.want("Succeeded", "dryRun") })
	same(t, "breakerState", "open", j.output("breakerState"))
	same(t, "alerts", told, j.told())
	// Nor does it use the one push that a reset allows.
	j.input("dryRun", "false").want("Succeeded", "reset")
	j.input("command", "push", "dryRun", "true")
	j.untouched(func() { j.want("Succeeded", "dryRun") })
	same(t, "breakerState", "halfOpen", j.output("breakerState"))
	j.another(999).input("dryRun", "false").want("Succeeded", "pushed")
}
