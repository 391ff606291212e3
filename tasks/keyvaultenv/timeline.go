package keyvaultenv

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/ado"
)

// timeline is what the server knows of a run when the scan begins. It learns of states
// and logs some seconds after the agent (JobServerQueue.cs), so a step that is over may
// still be shown as running, and without its log.
type timeline struct {
	records []ado.Record
	job     string // id of our job's record, in lower case
	step    string // our step's name
}

// States of a record.
const (
	stateCompleted = "completed"
	resultSkipped  = "skipped"
)

// logFile is a log to be read.
type logFile struct {
	id   int
	name string
}

// ours are the steps of our job, in the order in which they run.
func (t timeline) ours() []ado.Record {
	var steps []ado.Record
	for _, r := range t.records {
		if r.Type == "Task" && r.ParentID == t.job {
			steps = append(steps, r)
		}
	}
	slices.SortStableFunc(steps, func(a, b ado.Record) int { return cmp.Compare(a.Order, b.Order) })
	return steps
}

// split parts the steps of our job into those that are over and those that come after
// this stage, which is the first of its name that is not completed. Steps run one after
// the other, so those in front of it are over, whatever the server has heard of them.
func (t timeline) split() (over, later []ado.Record, known bool) {
	steps := t.ours()
	// The agent writes "Post-job: " and the step's name, in the language of the job.
	for _, ending := range []string{"Post-job: " + t.step, ": " + t.step, t.step} {
		at := slices.IndexFunc(steps, func(r ado.Record) bool {
			return r.State != stateCompleted && r.Name != t.step && strings.HasSuffix(r.Name, ending)
		})
		if at >= 0 {
			return steps[:at], steps[at+1:], true
		}
	}
	return steps, nil, false
}

// waiting names what the server has not heard of yet: the logs of our job's steps that
// are over. One that the server has skipped has no log.
func (t timeline) waiting() []string {
	over, _, known := t.split()
	if !known {
		return []string{"the steps of this job"}
	}
	var names []string
	for _, r := range over {
		if r.State != stateCompleted || r.LogID == 0 && r.Result != resultSkipped {
			names = append(names, t.name(r))
		}
	}
	return names
}

// later names the steps of our job that come after this one and may print something: the
// post stages of tasks, which have a colon in their names in every language. What the
// agent does at the end has none, and checkout's only removes credentials.
func (t timeline) later() []string {
	var names []string
	_, later, _ := t.split()
	for _, r := range later {
		if _, task, ok := strings.Cut(r.Name, ": "); ok && !strings.HasPrefix(task, "Checkout") {
			names = append(names, r.Name)
		}
	}
	return names
}

// readable are the logs to read. The record of a step names its last log only, of 8 MB
// each; the others are read, too, whoever wrote them. The log of a job repeats those of
// its steps, and is read only if there are none.
func (t timeline) readable(files []ado.LogFile) []logFile {
	byLog := map[int]ado.Record{}
	hasSteps := map[string]bool{}
	for _, r := range t.records {
		byLog[r.LogID] = r
		if r.LogID > 0 {
			hasSteps[r.ParentID] = true
		}
	}
	var logs []logFile
	for _, f := range files {
		r, known := byLog[f.ID]
		switch {
		case !known:
			logs = append(logs, logFile{f.ID, fmt.Sprintf("log %d of the run", f.ID)})
		case r.State == stateCompleted && !hasSteps[r.ID]:
			logs = append(logs, logFile{f.ID, t.name(r)})
		}
	}
	return logs
}

// name is how messages call the log of a record: by its job and step.
func (t timeline) name(r ado.Record) string {
	for _, parent := range t.records {
		if parent.ID == r.ParentID && parent.Type == "Job" {
			return "log of " + parent.Name + " / " + r.Name
		}
	}
	return "log of " + r.Name
}
