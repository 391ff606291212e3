package agent

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/build/localagent/condition"
	"github.com/guardrails-ci/guardrails/build/localagent/ordinal"
	"github.com/guardrails-ci/guardrails/build/localagent/variables"
	"github.com/guardrails-ci/guardrails/build/localagent/workflow"
)

// Why a step was stopped from outside.
var (
	errTimedOut error = agentError("The task has timed out.")
	errCanceled error = agentError("The operation was canceled.")
)

// agentError is an error in the agent's own words: people search for them.
type agentError string

func (e agentError) Error() string { return string(e) }

func agentErrorf(format string, args ...any) error { return agentError(fmt.Sprintf(format, args...)) }

// maxIssues is how many errors, and how many warnings, a step keeps for the
// run's page; the rest stand in the log only (ExecutionContext.cs).
const maxIssues = 10

// execution is one stage of one step while it runs.
type execution struct {
	*job
	run
	record *Step
	// result is what the step says with task.complete, or how its program
	// ended; commands is Failed when a command could not be carried out.
	result, commands Status
	outputs          []string // names that task.json redirects
	errors, warnings int
	stop             context.CancelCauseFunc
	finished         chan struct{}
	ended            bool
}

// step runs one stage of one step, from its condition to its result
// (StepsRunner.cs).
func (j *job) step(r run) {
	x := &execution{job: j, run: r, record: &Step{
		Name: r.ref, DisplayName: j.mask.Mask(r.title()), Stage: string(r.stage), Line: r.Line,
		Issues: []Issue{}, Log: []string{}, Outputs: map[string]string{}, TaskVariables: map[string]string{},
	}}
	if r.task != nil {
		x.record.Task = r.task.Name + "@" + r.task.Version.String()
	}
	j.result.Steps = append(j.result.Steps, x.record)
	started := j.Now()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.records[r].start(started)
	for _, warning := range j.vars.Recalculate() {
		x.warning(warning)
	}
	ctx, done := x.context()
	x.record.Result = x.decide(ctx)
	done()
	x.ended = true
	x.record.Duration = j.Now().Sub(started)
	j.records[r].complete(j.Now(), x.record.Result)
	for _, v := range slices.Concat(x.state.Public(), x.state.Secrets()) {
		x.record.TaskVariables[j.mask.Mask(v.Name)] = j.show(v)
	}
	if s := x.record.Result; s == succeededWithIssues || s == failed {
		j.setStatus(j.status.merge(s))
	}
	j.noteLeftovers(x.label())
}

// label names the stage of the step in messages.
func (x *execution) label() string { return x.labelled(x.record.DisplayName) }

// context makes the step's own context. It does not end with the job's: when
// the job is cancelled, a step goes on if its condition still holds.
func (x *execution) context() (context.Context, func()) {
	ctx, stop := context.WithCancelCause(context.Background())
	x.stop, x.finished = stop, make(chan struct{})
	if x.ctx.Err() != nil {
		x.setCanceled()
		return ctx, func() { stop(nil) }
	}
	watch := context.AfterFunc(x.ctx, x.jobCanceled)
	return ctx, func() { watch(); stop(nil) }
}

func (x *execution) setCanceled() {
	if x.status != canceled {
		x.setStatus(canceled)
	}
}

// jobCanceled is called, once, when the job is cancelled while the step runs.
func (x *execution) jobCanceled() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.setCanceled()
	if x.ended {
		return
	}
	if holds, err := x.holds(); err != nil || !holds {
		x.error("The Operation will be canceled. The next steps may not contain expected logs.")
		x.stop(errCanceled)
	}
}

// holds evaluates the step's condition; post-job stages always run.
func (x *execution) holds() (bool, error) {
	if x.stage == stagePost {
		return true, nil
	}
	return x.condition.Eval(condition.State{
		JobStatus: string(x.status.orSucceeded()),
		Variables: func(name string) (string, bool) { value, _, ok := x.vars.Get(name); return value, ok },
	})
}

// decide runs the step if its condition holds.
func (x *execution) decide(ctx context.Context) Status {
	if x.aborted() {
		return skipped
	}
	holds, err := x.holds()
	switch {
	case err != nil:
		x.error(err.Error())
		return failed
	case !holds:
		x.print("##[section]Starting: " + x.record.DisplayName)
		x.print("Skipping step due to condition evaluation.")
		x.print("##[section]Finishing: " + x.record.DisplayName)
		return skipped
	}
	return x.perform(ctx)
}

func (x *execution) perform(ctx context.Context) Status {
	x.print("##[section]Starting: " + x.record.DisplayName)
	if x.TimeoutInMinutes > 0 {
		limit := time.Duration(x.TimeoutInMinutes * float64(x.Timing.Minute))
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, errTimedOut)
		defer cancel()
	}
	x.conclude(x.tries(ctx))
	if x.commands != "" {
		x.result = x.result.merge(x.commands)
	}
	if x.result == failed && x.ContinueOnError {
		x.result = succeededWithIssues
	}
	x.print("##[section]Finishing: " + x.record.DisplayName)
	return x.result.orSucceeded()
}

// conclude turns the error that a step ended with into its result. A time limit
// that strikes when the job is canceled counts as part of that (StepsRunner.cs,
// RunStepAsync).
func (x *execution) conclude(err error) {
	var notForForks restricted
	switch {
	case err == nil:
	case errors.As(err, &notForForks):
		x.print(notForForks.Error())
		x.result = skipped
	case errors.Is(err, errTimedOut) && x.ctx.Err() != nil:
		x.error(errCanceled.Error())
		x.result = canceled
	case errors.Is(err, errTimedOut):
		x.error(errTimedOut.Error())
		x.result = failed
	case errors.Is(err, errCanceled), errors.Is(err, errAborted):
		x.error(errCanceled.Error())
		x.result = canceled
	default:
		x.error(err.Error())
		x.result = failed
	}
}

// tries runs the step again when it failed and may be tried again
// (RetryHelper.cs). Commands that could not be carried out do not count.
func (x *execution) tries(ctx context.Context) error {
	invoke, err := x.prepare()
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		x.record.Tries = n + 1
		err := invoke(ctx)
		final := n >= x.RetryCountOnTaskFailure
		if ctx.Err() != nil || errors.Is(err, errAborted) || final || err == nil && x.result != failed {
			return err
		}
		wait := time.Duration((n+1)*(n+1)) * x.Timing.Retry
		if err != nil {
			x.warning(fmt.Sprintf("RetryHelper encountered exception, will retry (attempt #: %d %s) afer %d ms",
				n+1, err, wait.Milliseconds()))
		} else {
			x.result = ""
			x.warning(fmt.Sprintf("RetryHelper encountered task failure, "+
				"will retry (attempt #: %d out of %d) after %d ms",
				n+1, x.RetryCountOnTaskFailure, wait.Milliseconds()))
		}
		x.finished = make(chan struct{})
		if err := x.sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// sleep waits without holding up anything else.
func (x *execution) sleep(ctx context.Context, wait time.Duration) error {
	x.mu.Unlock()
	defer x.mu.Lock()
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-x.Abort:
		return errAborted
	}
}

// prepare does what is done once, whatever the number of tries.
func (x *execution) prepare() (func(context.Context) error, error) {
	switch {
	case x.Kind == workflow.Checkout:
		return x.prepareCheckout(), nil
	case x.task == nil:
		return x.prepareScript()
	}
	x.describe()
	in := inputContext{
		expand: x.expandInput, expandAgent: x.expandAgent,
		root: x.layout.sources, trim: !truthy(x.workerKnob("DISABLE_INPUT_TRIMMING")),
	}
	values := in.values(x.task.Inputs, x.inputs)
	if err := x.checkFork(values); err != nil {
		return nil, err
	}
	handler := x.handlers[x.stage]
	folder := x.taskFolder(x.task)
	if x.stage == stageMain {
		handler = handlerIn(folder, handler)
	}
	dir := expandHandler(handler.WorkingDirectory, values, x.vars.Expand)
	if dir == "" {
		dir = x.defaultFolder()
	}
	target := filepath.FromSlash(expandHandler(handler.Target, values, x.vars.Expand))
	if !filepath.IsAbs(target) {
		target = filepath.Join(folder, target)
	}
	if !isFile(target) {
		return nil, fmt.Errorf("file not found: '%s', the target of the task's %s stage", target, x.stage)
	}
	x.outputs = x.task.OutputVariables
	env := x.stepEnv()
	return func(ctx context.Context) error {
		environ, err := x.surroundings(env, values).forNode()
		if err != nil {
			return err
		}
		x.debug("Using node path: " + x.node)
		i := invocation{path: x.node, args: []string{target}, dir: dir, env: environ, line: x.line}
		code, err := x.invoke(ctx, i)
		if err == nil && code != 0 {
			err = agentErrorf("Exit code %d returned from process: file name '%s', arguments '\"%s\"'.",
				code, x.node, target)
		}
		return err
	}, nil
}

// prepareCheckout makes ready a step that has nothing to do here.
func (x *execution) prepareCheckout() func(context.Context) error {
	return func(context.Context) error {
		x.print("Nothing is checked out here: sources come from --sources")
		return nil
	}
}

// expandInput puts variables into an input. With the trimming of variables on,
// the agent trims the whole input each time it has put one in (VarUtil.cs,
// ExpandValues).
func (x *execution) expandInput(text string) string {
	expanded := x.vars.Expand(text)
	if expanded != text && truthy(x.workerKnob("AGENT_ENABLE_VARIABLE_INPUT_TRIMMING")) {
		return strings.TrimSpace(expanded)
	}
	return expanded
}

// restricted is why a step may not run for a fork's pull request.
type restricted string

func (r restricted) Error() string {
	return "References " + string(r) + ". " +
		"PRs from repository forks are not allowed to access secrets in the pipeline. " +
		"For more information see https://go.microsoft.com/fwlink/?linkid=862029"
}

// checkFork keeps connections and secure files from pull requests of forks. The
// server sets both variables where it applies (TaskRunner.cs).
func (x *execution) checkFork(values []pair) error {
	for _, name := range []string{"system.restrictSecrets", "system.pullRequest.isFork"} {
		if value, _, _ := x.vars.Get(name); !ordinal.Equal(strings.TrimSpace(value), "true") {
			return nil
		}
	}
	isGUID := func(id string) bool { return guidPattern.MatchString(id) && id != emptyGUID }
	switch {
	case slices.ContainsFunc(referenced(x.task.Inputs, values, isConnection), isGUID):
		return restricted("service endpoint")
	case slices.ContainsFunc(referenced(x.task.Inputs, values, isSecureFile), isGUID):
		return restricted("secure file")
	}
	return nil
}

// describe prints the header of a task.
func (x *execution) describe() {
	help := x.task.HelpURL
	if help == "" {
		help = x.task.HelpMarkDown
	}
	x.header(x.task.FriendlyName, x.task.Description, x.task.Version.String(), x.task.Author, help)
}

func (x *execution) header(name, description, version, author, help string) {
	ruler := strings.Repeat("=", 78)
	for _, line := range []string{
		ruler, "Task         : " + name, "Description  : " + description, "Version      : " + version,
		"Author       : " + author, "Help         : " + help, ruler,
	} {
		x.print(line)
	}
}

func (x *execution) defaultFolder() string {
	if dir, _, _ := x.vars.Get("System.DefaultWorkingDirectory"); dir != "" {
		return dir
	}
	return x.layout.work
}

// expandAgent puts the agent's environment into text.
func (x *execution) expandAgent(text string) string {
	return variables.ExpandEnv(text, func(name string) (string, bool) { return lookupEnv(x.worker, name) })
}

// stepEnv is the env of the step: trimmed, then expanded.
func (x *execution) stepEnv() []pair {
	var env []pair
	for _, kv := range x.Env {
		if key := strings.TrimSpace(kv.Key); key != "" {
			env = append(env, pair{key, x.expandAgent(x.vars.Expand(strings.TrimSpace(kv.Value)))})
		}
	}
	return env
}

// surroundings collects what the environment of the step is made from. The
// variables of the step itself (System.TaskInstanceId and the like) exist only
// while it runs.
func (x *execution) surroundings(env, values []pair) surroundings {
	scope := []pair{
		{"task.displayname", x.display}, {"task.publishtelemetry", "True"},
		{"System.TaskInstanceId", x.id}, {"System.TaskDisplayName", x.display}, {"System.TaskInstanceName", x.ref},
	}
	for _, p := range scope {
		x.vars.Set(p.key, p.value, variables.Options{})
		defer x.vars.Unset(p.key)
	}
	s := surroundings{
		worker: x.worker, env: env, public: x.vars.Public(), secrets: x.vars.Secrets(),
		inputs: values, prepend: x.job.prepend,
		task: append(x.state.Public(), x.state.Secrets()...),
	}
	if x.task != nil {
		for _, id := range referenced(x.task.Inputs, values, isConnection) {
			if e, ok := findEndpoint(x.Endpoints, id); ok {
				s.endpoints = append(s.endpoints, e)
			}
		}
		for _, id := range referenced(x.task.Inputs, values, isSecureFile) {
			if f, ok := findSecureFile(x.SecureFiles, id); ok {
				s.files = append(s.files, f)
			}
		}
	}
	for _, e := range x.Endpoints {
		if e.system() {
			s.endpoints = append(s.endpoints, e)
		}
	}
	return s
}

// heldBy says how a step ended that left a child with its output.
func heldBy(err error) string {
	switch {
	case errors.Is(err, errTimedOut):
		return "was ended by its time limit, and a child of it kept running"
	case err != nil:
		return "was canceled, and a child of it kept running"
	default:
		return "ended while a process it had started still held its output open"
	}
}

// invoke runs a program for the step and notes how it ended.
func (x *execution) invoke(ctx context.Context, i invocation) (code int, err error) {
	i.timing, i.abort, i.finish, i.adopted = x.Timing, x.Abort, x.finished, x.adopted
	if err := context.Cause(ctx); err != nil {
		return 0, err
	}
	x.mu.Unlock()
	end, err := i.run(ctx)
	x.mu.Lock()
	switch {
	case end.held && err != nil && x.task == nil:
		// A shell that is stopped does not stop its commands, and no author of a
		// script can be blamed for that; we end them, as an agent would.
		x.cut = append(x.cut, x.label()+" "+heldBy(err))
	case end.held:
		x.held = append(x.held, x.label()+" "+heldBy(err))
		x.debug("The process ended, but another one still holds its output open.")
	}
	if end.forced {
		x.debug(`The task was marked as "done", but the process has not closed after 5 seconds. ` +
			"Treating the task as complete.")
	}
	if err == nil && !end.forced {
		x.record.ExitCode = &end.code
	}
	return end.code, err
}
