package keyvaultenv

import (
	"fmt"

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
	statePending   = "pending"
	stateRunning   = "inProgress"
	stateCompleted = "completed"
	resultSkipped  = "skipped"
)

// logFile is a log to be read.
type logFile struct {
	id   int
	name string
}

// ours are the steps of our job but this one.
func (t timeline) ours() []ado.Record {
	var steps []ado.Record
	for _, r := range t.records {
		if r.Type == "Task" && r.ParentID == t.job && !t.isThisStage(r) {
			steps = append(steps, r)
		}
	}
	return steps
}

// isThisStage reports whether a record is that of this stage, which is running. The
// agent calls it "Post-job: " and the step's name.
func (t timeline) isThisStage(r ado.Record) bool {
	return r.State != stateCompleted && r.Name == "Post-job: "+t.step
}

// waiting names the logs of our job's steps that are over and whose logs are not there
// yet. Steps run one after the other, so all that are not pending are over; one that the
// server has skipped has no log.
func (t timeline) waiting() []string {
	var names []string
	for _, r := range t.ours() {
		if r.State == stateRunning || r.State == stateCompleted && r.LogID == 0 && r.Result != resultSkipped {
			names = append(names, t.name(r))
		}
	}
	return names
}

// later names the steps of our job that come after this one.
func (t timeline) later() []string {
	var names []string
	for _, r := range t.ours() {
		if r.State == statePending && r.Name != "Finalize Job" {
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
