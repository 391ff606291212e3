package task

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/endpoint"
	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/pipeline"
	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/report"
	"github.com/guardrails-ci/guardrails/shared/version"
)

// IssuesURL is where our bugs are reported.
const IssuesURL = "https://github.com/guardrails-ci/guardrails/issues"

// World is everything a task program gets from outside.
type World struct {
	Args    []string // program arguments without its name: the stage
	Environ []string
	Stdout  io.Writer
	Now     func() time.Time
	// Stop is cancelled, with a cause, when the agent stops the step.
	Stop context.Context
	// Grace is how long a stopped stage may take before it is given up.
	Grace time.Duration
}

// Exit statuses of a task program. 0 means that the result was reported to the
// agent, whatever it was. A Go panic outside a stage exits 2.
const (
	exitReported = 0
	exitUsage    = 64
	exitNoOutput = 74
)

// Exec runs the stage named in w.Args and reports its result. It returns the
// program's exit status.
func Exec[In any](w World, t Task[In]) int {
	lookup := lookupIn(w.Environ)
	secrets := new(redact.Set)
	secrets.Add(endpoint.Secrets(w.Environ)...)
	log := pipeline.New(w.Stdout, secrets)

	var name Stage
	if len(w.Args) == 1 {
		name = Stage(w.Args[0])
	}
	run := t.stage(name)
	if run == nil {
		log.Printf("%s %s: started with %d arguments, but it takes one: a stage that it has (pre, main or post).\n"+
			"The agent starts it through launch.js; to try it by hand, use build/localagent.",
			t.Name, version.String(), len(w.Args))
		return exitUsage
	}
	env := &Env{
		Log: log, Secrets: secrets, Report: new(report.Report),
		Now: w.Now, lookup: lookup, environ: func() []string { return w.Environ },
	}
	log.Debug(fmt.Sprintf("%s %s, stage %s", t.Name, version.String(), name))
	started := w.Now()
	in, err := load[In](lookup, env)
	switch {
	case err == nil:
		err = guarded(w, func() error { return run(w.Stop, env, in) })
	case name == StagePost && env.TaskVar(inputsRefused) != "":
		log.Print("Nothing is done: the inputs of this step were refused when it ran, see there.")
		err = nil
	default:
		err = errors.Join(err, log.SetTaskVariable(inputsRefused, "true", false))
	}
	o := judge(w.Stop, err, env.Inputs.Enforcement, env.degraded.Load())
	publish(env, o, report.Header{
		Task: t.Name, Version: version.String(), Stage: string(name), Class: string(o.class), Result: string(o.result),
		Enforcement: string(env.Inputs.Enforcement), Started: started.UTC(), Duration: w.Now().Sub(started),
	})
	if log.Err() != nil {
		return exitNoOutput // nobody heard the result; the launcher says so
	}
	return exitReported
}

// inputsRefused is the task variable that tells a later stage of the step that
// the user has been told already.
const inputsRefused = "GUARDRAILS_INPUTS_REFUSED"

func load[In any](lookup inputs.Lookup, env *Env) (In, error) {
	var in In
	ctx := context.Background()
	env.Inputs.Enforcement = inputs.Enforce // until known
	var common inputs.Common
	commonErr := inputs.Load(ctx, lookup, &common)
	if commonErr == nil {
		env.Inputs = common
	}
	err := inputs.Load(ctx, lookup, &in)
	var problems inputs.Problems
	if err != nil && !errors.As(err, &problems) {
		return in, &UserError{Class: Bug, Msg: "the task's inputs are defined wrongly", Hint: reportBug, Err: err}
	}
	if err == nil {
		err = commonErr // a struct without the common input
	}
	return in, err
}

const reportBug = "this is a bug in Guardrails; please report it, " +
	"with the log of a run where the variable System.Debug is true, at " + IssuesURL

// guarded runs fn, turns a panic into an error, and gives up waiting when the
// step was stopped and fn did not end within the grace time: the agent kills the
// program soon after, and then nobody could say what happened.
func guarded(w World, fn func() error) error {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if v := recover(); v != nil {
				done <- &UserError{
					Class: Bug, Rule: "task/bug", Msg: "the task crashed", Hint: reportBug,
					Err: fmt.Errorf("panic: %v\n%s", v, debug.Stack()),
				}
			}
		}()
		done <- fn()
	}()
	select {
	case err := <-done:
		return err
	case <-w.Stop.Done():
	}
	timer := time.NewTimer(w.Grace)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return context.Cause(w.Stop)
	}
}

func lookupIn(environ []string) inputs.Lookup {
	values := make(map[string]string, len(environ))
	for _, entry := range environ {
		// On Windows the first character of a name may be "=" (=C:=C:\...).
		if i := strings.IndexByte(entry[min(1, len(entry)):], '='); i >= 0 {
			values[envKey(entry[:i+1])] = entry[i+2:]
		}
	}
	return func(key string) (string, bool) {
		value, ok := values[envKey(key)]
		return value, ok
	}
}
