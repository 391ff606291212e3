package task

import (
	"context"
	"errors"

	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/pipeline"
	"github.com/guardrails-ci/guardrails/shared/report"
)

// Class says whose move it is when a stage did not succeed. It goes into the
// JSON report, for programs to branch on.
type Class string

// The classes, from the mildest to the worst.
const (
	Succeeded   Class = "succeeded"
	Refused     Class = "refused"     // the guardrail said no, or the wrapped step failed
	Environment Class = "environment" // could not look: disk, network, permissions
	BadInput    Class = "badInput"    // the step's inputs are wrong
	Cancelled   Class = "cancelled"   // the agent stopped the stage
	Bug         Class = "bug"         // ours
)

var severity = map[Class]int{Succeeded: 0, Refused: 1, Environment: 2, BadInput: 3, Cancelled: 4, Bug: 5}

// UserError is an error for the pipeline's author. Msg and Hint are written in
// our own words: never format an inner error, which may hold untrusted text or a
// value, into them. Err is for errors.Is and debug lines.
type UserError struct {
	Class Class  // Refused when empty
	Rule  string // stable name of what was violated, for the report
	Msg   string // what is wrong
	Hint  string // the way out
	Path  string // of the file in the sources that is to blame, "" for none
	Line  int    // in that file, 0 for none
	Final bool   // fails the step with enforcement: warn, too: it is no refusal of ours
	Err   error
}

// Error returns Msg.
func (e *UserError) Error() string { return e.Msg }

// Unwrap returns the cause.
func (e *UserError) Unwrap() error { return e.Err }

// outcome is what a stage came to: pure data, made by judge.
type outcome struct {
	class  Class
	result pipeline.Result
	issues []report.Finding
	final  bool     // warn does not forgive it
	causes []string // for debug lines
}

// judge turns what a stage returned into an outcome.
func judge(ctx context.Context, err error, enforcement inputs.Enforcement, degraded bool) outcome {
	o := outcome{class: Succeeded, result: pipeline.Succeeded}
	if degraded {
		o.result = pipeline.SucceededWithIssues
	}
	if err == nil {
		return o
	}
	if cause := context.Cause(ctx); cause != nil {
		o.causes = append(o.causes, err.Error()) // mostly the noise of stopping
		o.add(Cancelled, report.Finding{
			Rule: "task/cancelled", Message: "cancelled: " + cause.Error(),
			Hint: "nothing to fix here; run the job again if it was stopped by mistake, " +
				"or raise timeoutInMinutes if it ran out of time",
		})
	} else {
		for _, e := range split(err) {
			o.addError(e)
		}
	}
	o.result = pipeline.Failed
	// warn is for rolling out: what would be refused, or could not be checked, is
	// reported and does not stop anyone. Wrong inputs and bugs still fail, as they
	// would hide that nothing is checked at all.
	if enforcement == inputs.Warn && severity[o.class] <= severity[Environment] && !o.final {
		o.result = pipeline.SucceededWithIssues
		for i := range o.issues {
			o.issues[i].Severity = report.Warning
		}
	}
	return o
}

func (o *outcome) add(class Class, f report.Finding) {
	if severity[class] > severity[o.class] {
		o.class = class
	}
	f.Severity = report.Error
	o.issues = append(o.issues, f)
}

func (o *outcome) addError(err error) {
	var user *UserError
	var problem inputs.Problem
	switch {
	case errors.As(err, &user):
		class := user.Class
		if class == "" {
			class = Refused
		}
		o.final = o.final || user.Final
		o.add(class, report.Finding{
			Rule: user.Rule, Message: user.Msg, Hint: user.Hint, Path: user.Path, Line: user.Line,
		})
		if user.Err != nil {
			o.causes = append(o.causes, user.Err.Error())
		}
	case errors.As(err, &problem):
		o.add(BadInput, report.Finding{Rule: "task/input", Message: problem.Error(), Hint: problem.Fix})
	default:
		o.add(Environment, report.Finding{Rule: "task/environment", Message: err.Error()})
	}
}

// split takes joined errors apart, so that each becomes an issue of its own.
func split(err error) []error {
	var problems inputs.Problems
	if errors.As(err, &problems) {
		parts := make([]error, len(problems))
		for i := range problems {
			parts[i] = problems[i]
		}
		return parts
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok { // a join, not its parts
		var parts []error
		for _, part := range joined.Unwrap() {
			parts = append(parts, split(part)...)
		}
		return parts
	}
	return []error{err}
}
