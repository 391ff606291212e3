// Package workflow reads the part of Azure Pipelines YAML that the local agent runs:
// one job, with variables and steps of task, script, bash
// or checkout.
//
// Nothing is guessed and nothing is silently dropped: what lies outside that part is
// an error with file, line and column that says what is supported, and all errors are
// reported together. Only what cannot change a local run (trigger, pr, pool, name) is
// accepted and listed as ignored. It reads no files and runs nothing.
package workflow

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Kind is what a step runs.
type Kind string

// The kinds of steps there are.
const (
	Task   Kind = "task"
	Script Kind = "script"
	Bash   Kind = "bash"
	// Checkout does nothing but say where sources come from.
	Checkout Kind = "checkout"
)

// Pipeline is one job.
type Pipeline struct {
	Name      string
	Variables []Variable
	Steps     []Step
	Ignored   []string // top-level keys that are accepted and have no effect
}

// Variable is one of the job's variables, its value not yet expanded.
type Variable struct {
	Name, Value string
	ReadOnly    bool
	Line        int
}

// Step is one step with the defaults filled in. Text may hold $(name) macros, which
// are expanded when the step starts.
type Step struct {
	Line        int
	Kind        Kind
	Task        string // Name@Major, for Task
	Script      string // the lines to run, for Script and Bash
	Name        string // for output variables: $(Name.variable)
	DisplayName string
	Condition   string // parses; empty means succeeded()
	Env         []KeyValue
	Inputs      []KeyValue // for Task

	Enabled                 bool
	ContinueOnError         bool
	FailOnStderr            bool    // for Script and Bash
	TimeoutInMinutes        float64 // 0 is none
	RetryCountOnTaskFailure int
	WorkingDirectory        string // for Script and Bash
}

// KeyValue is one entry of env or inputs, in the order of the file.
type KeyValue struct {
	Key, Value string
	Line       int
}

// Error is one problem in a pipeline file.
type Error struct {
	File         string
	Line, Column int
	Msg          string
}

// Error returns "file:line:column: message".
func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Msg)
}

// join makes one error of many, sorted by place.
func join(problems []*Error) error {
	slices.SortStableFunc(problems, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	errs := make([]error, len(problems))
	for i, p := range problems {
		errs[i] = p
	}
	return errors.Join(errs...)
}
