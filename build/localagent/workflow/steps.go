package workflow

import (
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/guardrails-ci/guardrails/build/localagent/condition"
	"github.com/guardrails-ci/guardrails/build/localagent/ordinal"
)

const (
	// maxTimeout is the longest the agent can wait: 2^31 milliseconds.
	maxTimeout = 35791
	// maxRetries is the agent's limit (RetryHelper.cs).
	maxRetries = 10
)

// keys lists what a step of each kind may have, behind the key that names the kind.
var keys = func() map[Kind][]string {
	every := []string{
		"name", "displayName", "condition", "env", "enabled", "continueOnError",
		"timeoutInMinutes", "retryCountOnTaskFailure",
	}
	inline := append(slices.Clone(every), "workingDirectory", "failOnStderr")
	return map[Kind][]string{
		Task: append(slices.Clone(every), "inputs"), Script: inline, Bash: inline,
		Checkout: append(slices.Clone(every), checkoutKeys...),
	}
}()

// checkoutKeys say how to check out, which is not done here.
var checkoutKeys = []string{
	"clean", "fetchDepth", "fetchFilter", "fetchTags", "lfs", "path", "persistCredentials",
	"sparseCheckoutDirectories", "sparseCheckoutPatterns", "submodules", "workspaceRepo",
}

const kinds = "task, script, bash, checkout"

var (
	taskRef  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*@[0-9]{1,9}$`)
	stepName = regexp.MustCompile(`^[A-Za-z0-9_]+$`)
)

func (r *reader) steps(n *yaml.Node) []Step {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		r.failf(n, "steps: want a list of steps, got %s", describe(n))
		return nil
	}
	var steps []Step
	seen := make(map[string]bool)
	for _, item := range n.Content {
		step, ok := r.step(item)
		if !ok {
			continue
		}
		if name := ordinal.Upper(step.Name); name != "" {
			if seen[name] {
				r.failf(item, "another step has the name %q", step.Name)
			}
			seen[name] = true
		}
		steps = append(steps, step)
	}
	return steps
}

func (r *reader) step(n *yaml.Node) (Step, bool) {
	s := Step{Line: n.Line, Enabled: true}
	if !r.plain(n) {
		return s, false
	}
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		r.failf(n, "want a step that starts with task, script, bash or checkout, got %s", describe(n))
		return s, false
	}
	entries := r.entries(n)
	if len(entries) == 0 {
		return s, false
	}
	first := entries[0]
	s.Kind = Kind(first.key.Value)
	if _, known := keys[s.Kind]; !known {
		r.kind(first.key)
		return s, false
	}
	s.Line = first.key.Line
	if text, ok := r.body(first); ok {
		r.setBody(&s, first.value, text)
	}
	for _, e := range entries[1:] {
		if !slices.Contains(keys[s.Kind], e.key.Value) {
			r.misplaced(e.key, s.Kind)
			continue
		}
		r.property(&s, e)
	}
	return s, true
}

func (r *reader) setBody(s *Step, n *yaml.Node, text string) {
	switch {
	case s.Kind == Task && !taskRef.MatchString(text):
		r.failf(n, "task: %q is not Name@MajorVersion, such as SafeCache@1", text)
	case s.Kind == Task:
		s.Task = text
	case s.Kind == Checkout && text != "self" && text != "none":
		r.failf(n, "checkout: want self or none, got %q: no repository is fetched for a local run", text)
	case s.Kind != Checkout:
		s.Script = text
	}
}

// body reads the task reference or the script.
func (r *reader) body(e entry) (string, bool) {
	text, ok := r.text(e)
	if ok && strings.TrimSpace(text) == "" {
		r.failf(e.value, "%s is empty", e.key.Value)
		return "", false
	}
	return text, ok
}

// kind records that a step does not start with a kind of ours.
func (r *reader) kind(key *yaml.Node) {
	if slices.Contains(keys[Task], key.Value) || slices.Contains(keys[Script], key.Value) {
		r.failf(key, "a step starts with task, script, bash or checkout, not with %q", key.Value)
		return
	}
	r.failf(key, "a step of kind %q is not supported by the local agent; remove it, or put the steps you want to try "+
		"into a file of their own (supported: "+kinds+")", key.Value)
}

// misplaced records a key that a step of this kind does not have.
func (r *reader) misplaced(key *yaml.Node, kind Kind) {
	reason := ""
	if _, isKind := keys[Kind(key.Value)]; isKind {
		reason = "a step has one of " + kinds
	} else if kind == Task && slices.Contains(keys[Script], key.Value) {
		reason = "on a task it is one of the inputs"
	} else if kind != Task && key.Value == "inputs" {
		reason = "only a task has inputs"
	}
	r.unknown(key, reason, strings.Join(keys[kind], ", "))
}

// property reads one of the keys of a step.
func (r *reader) property(s *Step, e entry) {
	switch e.key.Value {
	case "name":
		s.Name, _ = r.text(e)
		if !stepName.MatchString(s.Name) {
			r.failf(e.value, "name: %q is not made of letters, digits and _", s.Name)
		}
	case "displayName":
		s.DisplayName, _ = r.text(e)
	case "condition":
		s.Condition = r.condition(e)
	case "env":
		s.Env = r.pairs(e, "env")
	case "inputs":
		s.Inputs = r.pairs(e, "inputs")
	case "enabled":
		s.Enabled, _ = r.boolean(e)
	case "continueOnError":
		s.ContinueOnError, _ = r.boolean(e)
	case "failOnStderr":
		s.FailOnStderr, _ = r.boolean(e)
	case "timeoutInMinutes":
		s.TimeoutInMinutes = r.number(e, maxTimeout)
	case "retryCountOnTaskFailure":
		s.RetryCountOnTaskFailure = r.count(e, maxRetries)
	case "workingDirectory":
		s.WorkingDirectory, _ = r.text(e)
	default: // one of checkoutKeys: of no effect, but text
		r.text(e)
	}
}

func (r *reader) condition(e entry) string {
	text, ok := r.text(e)
	if !ok {
		return ""
	}
	if _, err := condition.Parse(text); err != nil {
		r.failf(e.value, "%s", err)
	}
	return text
}

// pairs reads env or inputs: names with plain values.
func (r *reader) pairs(e entry, what string) []KeyValue {
	if isNull(e.value) {
		return nil
	}
	if e.value.Kind != yaml.MappingNode {
		r.failf(e.value, "%s: want a mapping of names and values, got %s", what, describe(e.value))
		return nil
	}
	var pairs []KeyValue
	for _, p := range r.entries(e.value) {
		if strings.TrimSpace(p.key.Value) == "" || strings.ContainsAny(p.key.Value, "=\x00") {
			r.failf(p.key, "%s: %q is not a name", what, p.key.Value)
			continue
		}
		if value, ok := r.text(p); ok {
			pairs = append(pairs, KeyValue{Key: p.key.Value, Value: value, Line: p.key.Line})
		}
	}
	return pairs
}
