package agent

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/build/localagent/bundle"
	"github.com/guardrails-ci/guardrails/build/localagent/condition"
	"github.com/guardrails-ci/guardrails/build/localagent/variables"
	"github.com/guardrails-ci/guardrails/build/localagent/workflow"
)

// stage is one of the three times a task may run in a job.
type stage string

const (
	stagePre  stage = "pre"
	stageMain stage = "main"
	stagePost stage = "post"
)

// plannedStep is a step of the pipeline that was found to be able to run. Its
// stages share it, and with it the task variables.
type plannedStep struct {
	workflow.Step
	ref, display string
	// file and number are where the step stands: the first one has number 1.
	file   string
	number int
	// warnings are for the start of the job.
	warnings []string
	// task is nil for script steps.
	task      *bundle.Task
	handlers  map[stage]bundle.Handler
	inputs    []pair
	condition *condition.Expr
	id        string
	// state holds the task variables.
	state *variables.Store
}

// run is one stage of one step.
type run struct {
	*plannedStep
	stage stage
}

// title is how the log calls the run.
func (r run) title() string {
	switch r.stage {
	case stagePre:
		return "Pre-job: " + r.display
	case stagePost:
		return "Post-job: " + r.display
	default:
		return r.display
	}
}

// labelled names the step in messages; display is its name or that of a stage.
func (s *plannedStep) labelled(display string) string {
	return fmt.Sprintf("step %d %q (%s:%d)", s.number, display, s.file, s.Line)
}

// planner checks a pipeline as the server does before a job is made of it. It
// collects all problems.
type planner struct {
	Options
	refs     map[string]bool
	problems []error
}

// newPlan decides what runs in which order: all pre-job stages, all main ones,
// and the post-job stages in reverse (JobExtension.cs, InitializeJob). It
// changes nothing.
func newPlan(o Options) ([]run, error) {
	p := planner{Options: o, refs: map[string]bool{}}
	if err := checkEndpoints(o.Endpoints); err != nil {
		p.problems = append(p.problems, err)
	}
	for _, s := range o.Pipeline.Steps {
		if s.Name != "" {
			p.refs[strings.ToLower(s.Name)] = true
		}
	}
	var pre, main, post []run
	for i, s := range o.Pipeline.Steps {
		if !s.Enabled {
			continue
		}
		planned := p.step(s)
		planned.number = i + 1
		if _, ok := planned.handlers[stagePre]; ok {
			pre = append(pre, run{planned, stagePre})
		}
		if _, ok := planned.handlers[stageMain]; ok || planned.task == nil {
			main = append(main, run{planned, stageMain})
		}
		if _, ok := planned.handlers[stagePost]; ok {
			post = append(post, run{planned, stagePost})
		}
	}
	slices.Reverse(post)
	return slices.Concat(pre, main, post), errors.Join(p.problems...)
}

func (p *planner) failf(line int, format string, args ...any) {
	p.problems = append(p.problems, fmt.Errorf("%s:%d: %w", p.File, line, fmt.Errorf(format, args...)))
}

func (p *planner) step(s workflow.Step) *plannedStep {
	planned := &plannedStep{
		Step: s, ref: s.Name, display: s.DisplayName, file: p.File, id: newGUID(), state: &variables.Store{},
	}
	kind := map[workflow.Kind]string{
		workflow.Script: "CmdLine", workflow.Bash: "Bash", workflow.Checkout: "Checkout",
	}[s.Kind]
	if s.Kind == workflow.Task {
		kind, _, _ = strings.Cut(s.Task, "@")
		kind = kind[strings.LastIndex(kind, ".")+1:]
	}
	if planned.ref == "" {
		planned.ref = p.freeRef(kind)
	}
	if planned.display == "" {
		planned.display = kind
	}
	var err error
	if planned.condition, err = condition.Parse(s.Condition); err != nil {
		p.failf(s.Line, "%w", err)
	}
	if s.Kind == workflow.Task {
		p.task(planned)
	}
	return planned
}

// freeRef makes a name for a step that has none: its task, numbered from the
// second on.
func (p *planner) freeRef(kind string) string {
	ref := kind
	for n := 1; p.refs[strings.ToLower(ref)]; n++ {
		ref = fmt.Sprintf("%s%d", kind, n)
	}
	p.refs[strings.ToLower(ref)] = true
	return ref
}

func (p *planner) task(s *plannedStep) {
	if p.Tasks == nil {
		p.failf(s.Line, "task %q needs tasks to be given: a .vsix file or a folder", s.Task)
		return
	}
	task, err := p.Tasks.Find(s.Task)
	if err != nil {
		p.failf(s.Line, "%w", err)
		return
	}
	s.task = task
	s.handlers = map[stage]bundle.Handler{}
	for _, at := range []struct {
		stage    stage
		name     string
		handlers bundle.Handlers
	}{
		{stagePre, "prejobexecution", task.PreJob},
		{stageMain, "execution", task.Main},
		{stagePost, "postjobexecution", task.PostJob},
	} {
		if at.handlers == nil {
			continue
		}
		handler, warning, err := chooseHandler(at.handlers, p.AllowOldHandlers)
		if err != nil {
			p.failf(s.Line, "task %s: %s %w", s.Task, at.name, err)
			continue
		}
		if warning != "" {
			s.warnings = append(s.warnings,
				fmt.Sprintf("%s:%d: task %s: %s %s", p.File, s.Line, s.Task, at.name, warning))
		}
		s.handlers[at.stage] = handler
	}
	p.inputs(s)
}

// nodeHandlers are the handlers that run node, the agent's first choice first
// (TaskManager.cs). Those for Windows alone are not run here.
var nodeHandlers = []string{"Node24", "Node20_1", "Node16", "Node10", "Node"}

// newHandlers is how many of them current agents run without complaint.
const newHandlers = 2

// chooseHandler picks a stage's handler. Agents before 4.265 do not know Node24,
// and later ones are about to drop Node20_1: with one of the two a stage runs, but
// not everywhere, and the warning says so. Where old is set, any one will do.
func chooseHandler(all bundle.Handlers, old bool) (h bundle.Handler, warning string, err error) {
	var has, lacks []string
	for i, want := range nodeHandlers {
		found, ok := findHandler(all, want)
		switch {
		case ok && len(has) == 0:
			h = found
			fallthrough
		case ok:
			has = append(has, want)
		case i < newHandlers:
			lacks = append(lacks, want)
		}
	}
	switch {
	case len(has) == 0:
		return h, "", errors.New("has no handler for node: want Node24 and Node20_1")
	case len(lacks) < newHandlers && len(lacks) > 0:
		return h, "has no " + lacks[0] + " handler: to run on all agents it needs Node24 and Node20_1", nil
	case len(lacks) == newHandlers && !old:
		return h, "", fmt.Errorf("has only %s: agents need Node24 and Node20_1, or give --allow-old-handlers",
			strings.Join(has, ", "))
	}
	return h, "", nil
}

func findHandler(all bundle.Handlers, want string) (bundle.Handler, bool) {
	for name, h := range all {
		if strings.EqualFold(name, want) {
			return h, true
		}
	}
	return bundle.Handler{}, false
}

// planWarnings collects what was found of all steps, each once.
func planWarnings(plan []run) []string {
	var all []string
	for _, r := range plan {
		for _, warning := range r.warnings {
			if !slices.Contains(all, warning) {
				all = append(all, warning)
			}
		}
	}
	return all
}
