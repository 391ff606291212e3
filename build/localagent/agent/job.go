// Package agent runs the steps of a pipeline on this machine the way the Azure
// Pipelines agent does: the same folders, environment, order of stages, logging
// commands, masking, results, signals and waits. Comments name the file of
// microsoft/azure-pipelines-agent that a rule was written from.
//
// It runs task stages with node handlers and script steps of one job, on the
// machine itself: no containers, no other handlers, and of the server only what
// tasks ask of it about their own run. After the job it
// checks what an agent only cleans up: processes that outlived the job, files
// left outside the work folder, and secrets left in logs and files.
package agent

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/guardrails-ci/guardrails/build/localagent/bundle"
	"github.com/guardrails-ci/guardrails/build/localagent/mask"
	"github.com/guardrails-ci/guardrails/build/localagent/ordinal"
	"github.com/guardrails-ci/guardrails/build/localagent/variables"
	"github.com/guardrails-ci/guardrails/build/localagent/workflow"
)

// Variable is a variable given for the run; it wins over the pipeline's and over
// the agent's own.
type Variable struct {
	Name, Value string
	Secret      bool
}

// Options is a job and what it runs with. Pipeline, Environ and Stdout must be
// set.
type Options struct {
	Pipeline *workflow.Pipeline
	// File is the pipeline's name in messages.
	File string
	// Tasks may be nil when the pipeline has only script steps.
	Tasks       *bundle.Bundle
	Variables   []Variable
	Endpoints   []Endpoint
	SecureFiles []SecureFile
	// Work is the agent's _work folder, a temporary one when empty.
	Work string
	// Sources are copied to where a checkout would put them.
	Sources string
	// Node is the node program, that in PATH when empty.
	Node string
	// Environ is the environment of the agent itself.
	Environ []string
	Stdout  io.Writer
	Color   bool
	Debug   bool
	// Keep leaves the work folder, and the temporary files in it.
	Keep bool
	// Watch are folders outside the work folder. What appears in them is
	// reported, and searched for secrets.
	Watch []string
	// Adopt says that this process runs nothing but the job, so that processes
	// which lose their parent can be taken over, and known, by it.
	Adopt bool
	// Restricted runs every step with "target: commands: restricted".
	Restricted bool
	// AllowOldHandlers accepts tasks that have neither Node24 nor Node20_1.
	AllowOldHandlers bool
	Timing           Timing
	// Abort ends everything at once when closed.
	Abort <-chan struct{}
	// Now is the clock, time.Now when nil.
	Now func() time.Time
}

// job is a running job.
type job struct {
	Options
	ctx     context.Context
	node    string
	layout  *layout
	worker  []string // environment of the agent
	vars    variables.Store
	mask    mask.Masker
	console *console
	log     strings.Builder
	lookup  string // VSTS_PROCESS_LOOKUP_ID
	server  *server
	records map[run]*record
	general *record // what belongs to no step goes to its log

	// mu is held all the time except while a step waits for its program.
	mu      sync.Mutex
	status  Status
	prepend []string
	details map[string]string // task.logdetail: record to parent
	left    map[string]string // entry of the system's temp folder to step
	// unpacked are the folders of tasks.
	unpacked map[string]*bundle.Task
	held     []string          // what to report of steps whose output another process held open
	cut      []string          // the same of scripts that were stopped: whose commands ran on
	warnings []string          // of the whole job
	secrets  map[string]string // registered secret to what it is called
	labels   map[string]string // id of a step to its label
	outside  outside
	adopted  *adoption // nil when other programs' children may be ours
	result   *Result
}

// Run runs a job. The error says why it could not start: a pipeline or an
// option that is wrong, or a machine that lacks something. When ctx ends, the
// job is cancelled as by a user: steps whose condition allows it still run.
func Run(ctx context.Context, o Options) (*Result, error) {
	plan, err := newPlan(o)
	if err != nil {
		return nil, err
	}
	j, err := newJob(ctx, o, plan)
	if err != nil {
		return nil, err
	}
	if err := j.extract(plan); err != nil {
		return nil, errors.Join(err, j.layout.clean(false))
	}
	j.outside = lookOutside(o.Watch)
	if o.Adopt {
		j.adopted = adopt()
		defer j.adopted.release()
	}
	j.announce(plan)
	j.expandTitles(plan)
	defer j.disconnect()
	stop := j.limitCancel()
	for _, r := range plan {
		j.step(r)
	}
	j.finish()
	stop()
	if err := j.layout.clean(o.Keep); err != nil {
		j.result.ExitStatus = max(j.result.ExitStatus, 1)
		return j.result, fmt.Errorf("cleaning up: %w", err)
	}
	return j.result, nil
}

func newJob(ctx context.Context, o Options, plan []run) (*job, error) {
	o.Timing = o.Timing.orDefault()
	if o.Now == nil {
		o.Now = time.Now
	}
	j := &job{
		Options: o, ctx: ctx, lookup: "vsts_" + newGUID(),
		details: map[string]string{}, left: map[string]string{},
		secrets: map[string]string{}, labels: map[string]string{}, unpacked: map[string]*bundle.Task{},
		records: map[run]*record{},
		result: &Result{
			Schema: 1, Name: filepath.Base(o.File),
			Steps: []*Step{}, Attachments: []Attachment{}, Artifacts: []Artifact{}, Tags: []string{},
		},
	}
	_, nested := lookupEnv(o.Environ, "TF_BUILD")
	j.console = &console{w: o.Stdout, color: o.Color, nested: nested, record: &j.log}
	var err error
	if slices.ContainsFunc(plan, func(r run) bool { return r.task != nil }) {
		if j.node, err = findNode(o.Node, o.Environ); err != nil {
			return nil, err
		}
	}
	if j.layout, err = newLayout(o.Work, o.Sources); err != nil {
		return nil, err
	}
	if err := j.connect(plan); err != nil {
		return nil, errors.Join(err, j.layout.clean(false))
	}
	j.worker = j.workerEnvironment()
	j.vars.OnSecret = func(name, value string) { j.addSecret(variableSecret(name), value) }
	j.setVariables()
	j.addSecrets()
	if err := j.ignoreShortSecrets(); err != nil {
		j.disconnect()
		return nil, errors.Join(err, j.layout.clean(false))
	}
	return j, nil
}

// workerEnvironment is our own environment with a temporary folder for the job
// alone, so that what is left there can only be the job's.
func (j *job) workerEnvironment() []string {
	e := environment{}
	for _, entry := range j.Environ {
		if name, value, ok := strings.Cut(entry, "="); ok && name != "" && !sameEnvName(name, lookupVariable) {
			e.add(name, value)
		}
	}
	for _, name := range tempVariables {
		e.add(name, j.layout.systemTemp)
	}
	list := make([]string, len(e.entries))
	for i, p := range e.entries {
		list[i] = p.key + "=" + p.value
	}
	return list
}

// setVariables fills the variables of the job: the agent's, then the pipeline's,
// then those given for the run.
func (j *job) setVariables() {
	for _, p := range jobVariables(&j.Options, j.layout, readCheckout(j.Sources, j.Environ), j.Now()) {
		j.vars.Set(p.key, p.value, variables.Options{})
	}
	j.vars.Set(lookupVariable, j.lookup, variables.Options{})
	for _, v := range j.Pipeline.Variables {
		j.vars.Set(v.Name, v.Value, variables.Options{ReadOnly: v.ReadOnly})
	}
	if j.Debug {
		j.vars.Set("System.Debug", "true", variables.Options{})
	}
	for _, v := range j.Variables {
		j.vars.Set(v.Name, v.Value, variables.Options{Secret: v.Secret})
	}
	j.setStatus("")
}

// connect completes the endpoints with the connection that every job has, and runs
// the server behind it.
func (j *job) connect(plan []run) error {
	if systemEndpoint(j.Endpoints).URL != "" {
		return nil
	}
	token := "local." + newGUID()
	var err error
	if j.server, err = j.serve(plan, token); err != nil {
		return fmt.Errorf("serving what tasks ask of Azure DevOps: %w", err)
	}
	e := Endpoint{
		Name: systemConnection, URL: j.server.url,
		Auth: Authorization{Scheme: "OAuth", Parameters: map[string]string{"AccessToken": token}},
	}
	j.Endpoints = append(slices.DeleteFunc(slices.Clone(j.Endpoints), func(e Endpoint) bool { return e.system() }), e)
	return nil
}

// disconnect ends the server.
func (j *job) disconnect() {
	if j.server != nil {
		j.server.close()
	}
}

// addSecrets registers all secrets known from the start (Worker.cs,
// InitializeSecretMasker).
func (j *job) addSecrets() {
	if _, _, ok := j.vars.Get("System.AccessToken"); !ok {
		token := systemEndpoint(j.Endpoints).Auth.Parameters["AccessToken"]
		j.vars.Set("System.AccessToken", token, variables.Options{Secret: true})
	}
	for _, v := range j.vars.Secrets() {
		j.mask.AddJobSecret(v.Value)
		j.nameSecrets(variableSecret(v.Name))
	}
	for _, e := range j.Endpoints {
		for _, name := range sorted(e.Auth.Parameters) {
			switch {
			case isAddress(name):
				j.addSecret(public, e.Auth.Parameters[name])
			case mask.SecretParameter(name):
				j.addSecret(fmt.Sprintf("the parameter %q of the endpoint %q", name, e.Name), e.Auth.Parameters[name])
			}
		}
	}
	for _, f := range j.SecureFiles {
		j.addSecret(fmt.Sprintf("the ticket of the secure file %q", f.Name), f.Ticket)
	}
}

// isAddress reports whether a parameter of an endpoint is where a registry is. The agent masks it
// as all that it does not know, but files may hold it: it is in the name of every image.
func isAddress(name string) bool {
	return strings.EqualFold(name, "registry") || strings.EqualFold(name, "loginServer")
}

func variableSecret(name string) string { return fmt.Sprintf("the variable %q", name) }

// expandTitles puts variables into the names that the log shows. An agent does
// it once, when the job starts (JobExtension.cs).
func (j *job) expandTitles(plan []run) {
	j.vars.Recalculate()
	done := map[*plannedStep]bool{}
	for _, r := range plan {
		if !done[r.plannedStep] {
			r.display = j.vars.Expand(r.display)
			j.labels[r.id] = r.labelled(j.mask.Mask(r.display))
		}
		done[r.plannedStep] = true
	}
	for i, r := range plan {
		id := r.id
		if r.stage != stageMain {
			id = newGUID()
		}
		// The first record is that of the job's own start.
		j.records[r] = j.server.addTask(id, j.mask.Mask(r.title()), i+2)
	}
}

// extract unpacks each task once, always anew: an agent keeps a version it has,
// but here a version is rebuilt all the time.
func (j *job) extract(plan []run) error {
	for _, r := range plan {
		if r.task == nil || j.unpacked[j.taskFolder(r.task)] != nil {
			continue
		}
		dir := j.taskFolder(r.task)
		j.unpacked[dir] = r.task
		if err := removeAll(dir); err != nil {
			return fmt.Errorf("removing the old %s: %w", dir, cause(err))
		}
		if err := r.task.Extract(dir); err != nil {
			return err
		}
	}
	return nil
}

func (j *job) taskFolder(t *bundle.Task) string {
	return filepath.Join(j.layout.tasks, t.Name+"_"+t.ID, t.Version.String())
}

// announce prints what an agent prints when it initialises a job.
func (j *job) announce(plan []run) {
	j.general = j.server.addTask(newGUID(), "Initialize job", 1)
	j.general.start(j.Now())
	for _, line := range []string{
		"##[section]Starting: Initialize job",
		"Agent name: 'localagent'",
		"Current agent version: '" + agentVersion + "' (imitated)",
		"Work folder: " + j.layout.work,
		"Sources: " + j.layout.origin,
	} {
		j.print(line)
	}
	if j.Work == "" {
		j.print("Caches and tools last for this run only (give --work DIR to keep them)")
	}
	if j.node != "" {
		j.print("Node: " + j.node)
	}
	if len(j.Pipeline.Ignored) > 0 {
		j.print("Ignored in " + j.File + ": " + strings.Join(j.Pipeline.Ignored, ", "))
	}
	for _, warning := range slices.Concat(j.vars.Recalculate(), j.warnings, planWarnings(plan)) {
		j.print("##[warning]" + warning)
	}
	j.print("##[section]Finishing: Initialize job")
	j.general.complete(j.Now(), succeeded)
	j.general = nil
}

// print writes text that belongs to no step.
func (j *job) print(text string) {
	lines := j.masked(text)
	for _, line := range lines {
		j.console.print(line)
	}
	j.general.write(j.Now(), strings.Join(lines, "\n"))
}

// setStatus sets the job's result, and the variable that shows it.
func (j *job) setStatus(s Status) {
	j.status = s
	j.vars.Set(jobStatusVariable, string(s.orSucceeded()), variables.Options{})
}

// limitCancel ends everything when a cancelled job does not come to its end
// within the five minutes (cancelTimeoutInMinutes) that the server grants.
func (j *job) limitCancel() (stop func()) {
	abort, done := make(chan struct{}), make(chan struct{})
	outer := j.Abort
	j.Abort = abort
	go func() {
		defer close(abort)
		select {
		case <-done:
			return
		case <-outer:
			return
		case <-j.ctx.Done():
		}
		select {
		case <-done:
		case <-outer:
		case <-time.After(j.Timing.Cancel):
		}
	}()
	return func() { close(done) }
}

// aborted reports whether nothing more may be started.
func (j *job) aborted() bool {
	select {
	case <-j.Abort:
		return true
	default:
		return false
	}
}

// knob is a setting of the agent: a variable of the job, or of its environment.
// An empty one does not count (RuntimeKnobSource.cs).
func (j *job) knob(name string) string {
	if value, _, _ := j.vars.Get(name); value != "" {
		return value
	}
	value, _ := lookupEnv(j.worker, name)
	return value
}

// workerKnob is one of the settings for which the environment comes first
// (AgentKnobs.cs).
func (j *job) workerKnob(name string) string {
	if value, _ := lookupEnv(j.worker, name); value != "" {
		return value
	}
	return j.knob(name)
}

// ignoreShortSecrets applies AZP_IGNORE_SECRETS_SHORTER_THAN, which may go up to
// 6, to the secrets known and to those to come (ExecutionContext.cs).
func (j *job) ignoreShortSecrets() error {
	const name = "AZP_IGNORE_SECRETS_SHORTER_THAN"
	text := j.knob(name)
	if text == "" {
		return nil
	}
	length, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return fmt.Errorf("%s is %q, want a number up to %d", name, text, mask.LongestIgnored)
	}
	if length > mask.LongestIgnored {
		j.warnings = append(j.warnings, fmt.Sprintf(
			"The value of the minimum length of the secrets is too high. Maximum value is set: %d",
			mask.LongestIgnored))
	}
	j.mask.IgnoreShorterThan(length)
	return nil
}

// truthy is StringUtil.ConvertToBoolean.
func truthy(text string) bool {
	for _, yes := range []string{"1", "true", "$true"} {
		if ordinal.Equal(text, yes) {
			return true
		}
	}
	return false
}

// newGUID returns a random one.
func newGUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
