package pipeline

import (
	"strconv"
	"strings"
)

// Result is a step's result in the agent's spelling, which is case-sensitive
// (TaskResult.cs): a wrong one fails the step with an error of its own.
type Result string

// The results a task reports.
const (
	Succeeded           Result = "Succeeded"
	SucceededWithIssues Result = "SucceededWithIssues"
	Failed              Result = "Failed"
	Canceled            Result = "Canceled"
	Skipped             Result = "Skipped"
)

// Issue is an error or warning of a step. Path (of a file in the sources), Line
// and Column (from 1), and Code are left out when zero. A Path without a Line is told
// in the message: the agent would show it as "path(,): ".
type Issue struct {
	Message string
	Path    string
	Line    int
	Column  int
	Code    string
}

// Error reports an error. It does not change the step's result; see
// [Log.Complete]. The agent keeps the first ten of a step for the run's page.
func (l *Log) Error(i Issue) { l.issue("error", i) }

// Warning reports a warning.
func (l *Log) Warning(i Issue) { l.issue("warning", i) }

func (l *Log) issue(kind string, i Issue) {
	if i.Line <= 0 {
		if !strings.Contains(i.Message, i.Path) {
			i.Message = i.Path + ": " + i.Message
		}
		i.Path, i.Column = "", 0
	}
	l.command("task.logissue", []property{
		{"type", kind}, l.free("sourcepath", i.Path), {"linenumber", number(i.Line)},
		{"columnnumber", number(i.Column)}, l.free("code", i.Code),
	}, i.Message)
}

// Complete sets the step's result, with a message for its last line. The agent
// keeps the worst of all results it is given, and its own.
func (l *Log) Complete(r Result, message string) {
	l.command("task.complete", []property{{"result", string(r)}}, message)
}

// SetProgress shows percent (0 to 100) and what is being done on the run's page.
func (l *Log) SetProgress(percent int, message string) {
	l.command("task.setprogress", []property{{"value", strconv.Itoa(min(max(percent, 0), 100))}}, message)
}

// AddBuildTag tags the run. Build pipelines only: in a release the step fails.
func (l *Log) AddBuildTag(tag string) { l.command("build.addbuildtag", nil, tag) }

// UpdateBuildNumber changes the run's name. Build pipelines only.
func (l *Log) UpdateBuildNumber(name string) { l.command("build.updatebuildnumber", nil, name) }

func number(n int) string {
	if n <= 0 {
		return ""
	}
	return strconv.Itoa(n)
}
