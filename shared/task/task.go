// Package task is the harness around every task of the extension: it turns the
// agent's environment into typed inputs, runs one stage, and turns what the
// stage returns into the result the agent is told.
//
// A task is a value, [Task], with up to three functions; its whole main.go is
//
//	func main() { task.Main(safecache.Task) }
//
// The harness promises:
//   - every secret of the environment is hidden in everything the task prints or
//     reports, from the first line on;
//   - an error, a panic, wrong inputs and a cancelled job each end in one clear
//     message and a failed step, never in silence; the process exits 0 once it
//     has reported, so any other exit is a crash that the launcher reports;
//   - a cancelled stage ends within the time the agent gives it;
//   - a JSON report and a Markdown summary are left for other readers.
//
// Nothing else in the project reads the environment, the clock or the standard
// streams: they come with [Env].
package task

import (
	"context"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/pipeline"
	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/report"
)

// Stage is one of the three times the agent starts a task in a job.
type Stage string

// The stages. StagePre runs before the sources are there; StagePost runs after
// all steps, whatever happened, even when the main stage did not run.
const (
	StagePre  Stage = "pre"
	StageMain Stage = "main"
	StagePost Stage = "post"
)

// Task is what a task's package gives the harness. A stage that task.json does
// not declare is nil.
type Task[In any] struct {
	Name            string // as in task.json
	Pre, Main, Post func(ctx context.Context, env *Env, in In) error

	// Helper is what the program does when a program that the task runs starts it, such as docker its credential
	// helper. It gets the whole command line, and is asked first: ok is false if the agent has started the program.
	Helper func(args, environ []string, stdin io.Reader, stdout io.Writer) (exit int, ok bool)
}

func (t Task[In]) stage(s Stage) func(context.Context, *Env, In) error {
	switch s {
	case StagePre:
		return t.Pre
	case StageMain:
		return t.Main
	case StagePost:
		return t.Post
	}
	return nil
}

// Env is the world as a stage may see it.
type Env struct {
	Log     *pipeline.Log
	Secrets *redact.Set // hidden in everything printed through Log or Report
	Report  *report.Report
	Now     func() time.Time
	Inputs  inputs.Common

	// Functions, not values: fmt prints the values of unexported fields.
	lookup   inputs.Lookup
	environ  func() []string
	degraded atomic.Bool
}

// Environ returns the whole environment, with every secret of the job in it. Give
// children proc.Only of it.
func (e *Env) Environ() []string { return e.environ() }

// Lookup returns a variable of the environment.
func (e *Env) Lookup(key string) (string, bool) { return e.lookup(key) }

// Var returns a public variable of the job, such as "Agent.TempDirectory", or ""
// when there is none.
func (e *Env) Var(name string) string {
	value, _ := e.lookup(envName(name))
	return value
}

// TaskVar returns what an earlier stage of this step kept with
// [pipeline.Log.SetTaskVariable], trimmed, or "".
func (e *Env) TaskVar(name string) string {
	value, _ := e.lookup("VSTS_TASKVARIABLE_" + envName(name))
	return strings.TrimSpace(value)
}

// TempDir is the job's folder for temporary files (Agent.TempDirectory). All
// steps of the job share it; the agent empties it when the job ends. It is ""
// outside an agent.
func (e *Env) TempDir() string { return e.Var("Agent.TempDirectory") }

// Degrade makes the step end as SucceededWithIssues if nothing worse happens.
// Say why first, with a warning.
func (e *Env) Degrade() { e.degraded.Store(true) }

// envName is the agent's name of a variable in the environment
// (VarUtil.ConvertToEnvVariableFormat).
func envName(name string) string {
	return strings.ToUpper(strings.NewReplacer(".", "_", " ", "_").Replace(name))
}
