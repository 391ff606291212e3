package agent

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/build/localagent/bundle"
	"github.com/guardrails-ci/guardrails/build/localagent/ordinal"
	"github.com/guardrails-ci/guardrails/build/localagent/variables"
	"github.com/guardrails-ci/guardrails/build/localagent/workflow"
)

const (
	typeFilePath   = "filePath"
	typeSecureFile = "secureFile"
	typeConnection = "connectedService:"
)

func isConnection(in bundle.Input) bool {
	return len(in.Type) > len(typeConnection) && ordinal.Equal(in.Type[:len(typeConnection)], typeConnection)
}

func isSecureFile(in bundle.Input) bool { return ordinal.Equal(in.Type, typeSecureFile) }

// inputs does to a step's inputs what the server does before the agent gets
// them: aliases become names, unknown and missing inputs are errors, and the
// names of connections and secure files become ids.
func (p *planner) inputs(s *plannedStep) {
	lines := map[string]int{}
	for _, given := range s.Inputs {
		in, ok := findInput(s.task.Inputs, given.Key)
		if !ok {
			p.failf(given.Line, "task %s has no input %q: it has %s", s.Task, given.Key, inputNames(s.task.Inputs))
			continue
		}
		if line, twice := lines[in.Name]; twice {
			p.failf(given.Line, "input %q of task %s is given twice, first in line %d", in.Name, s.Task, line)
			continue
		}
		lines[in.Name] = given.Line
		s.inputs = append(s.inputs, pair{in.Name, p.resolve(in, given)})
	}
	for _, in := range s.task.Inputs {
		if in.Required && !in.Conditional && inputValue(s.inputs, in) == "" {
			p.failf(s.Line, "task %s needs the input %q", s.Task, in.Name)
		}
	}
}

// findInput finds an input by name or, failing that, by another name it has.
func findInput(all []bundle.Input, key string) (bundle.Input, bool) {
	key = strings.TrimSpace(key)
	for _, in := range all {
		if ordinal.Equal(in.Name, key) {
			return in, true
		}
	}
	for _, in := range all {
		if slices.ContainsFunc(in.Aliases, func(alias string) bool { return ordinal.Equal(alias, key) }) {
			return in, true
		}
	}
	return bundle.Input{}, false
}

func inputNames(all []bundle.Input) string {
	if len(all) == 0 {
		return "none"
	}
	list := make([]string, len(all))
	for i, in := range all {
		list[i] = in.Name
		if len(in.Aliases) > 0 {
			list[i] += " (" + strings.Join(in.Aliases, ", ") + ")"
		}
	}
	return strings.Join(list, ", ")
}

// inputValue is the trimmed value of an input, given or by default.
func inputValue(given []pair, in bundle.Input) string {
	for _, g := range given {
		if g.key == in.Name {
			return strings.TrimSpace(g.value)
		}
	}
	return strings.TrimSpace(in.Default)
}

// resolve replaces the names of service connections and secure files by ids.
// The server does it when it reads the pipeline, so only variables known from
// the start can be used in them.
func (p *planner) resolve(in bundle.Input, given workflow.KeyValue) string {
	var find func(string) (string, bool)
	what := "secure file"
	switch {
	case isConnection(in):
		what = "endpoint"
		find = func(ref string) (string, bool) { e, ok := findEndpoint(p.Endpoints, ref); return e.ID, ok }
	case isSecureFile(in):
		find = func(ref string) (string, bool) { f, ok := findSecureFile(p.SecureFiles, ref); return f.ID, ok }
	default:
		return given.Value
	}
	var ids []string
	for _, ref := range references(variables.ExpandEnv(given.Value, p.initialVariable)) {
		id, ok := find(ref)
		if !ok {
			p.failf(given.Line, "input %q names the %s %q, which was not given", in.Name, what, ref)
			continue
		}
		ids = append(ids, id)
	}
	return strings.Join(ids, ",")
}

// initialVariable looks up a variable as it is before the job starts.
func (p *planner) initialVariable(name string) (string, bool) {
	for _, v := range slices.Backward(p.Variables) {
		if ordinal.Equal(v.Name, name) {
			return v.Value, true
		}
	}
	for _, v := range slices.Backward(p.Pipeline.Variables) {
		if ordinal.Equal(v.Name, name) {
			return v.Value, true
		}
	}
	return "", false
}

// inputContext is what the values of inputs are worked out with.
type inputContext struct {
	// expand puts in variables, expandAgent the agent's own environment.
	expand, expandAgent func(string) string
	// root is what relative filePath inputs are relative to.
	root string
	trim bool
}

// values works out the inputs of a step in the order of TaskRunner.cs: defaults,
// then what the pipeline gives, both trimmed; one pass of variables; one pass of
// the agent's environment; filePath inputs made absolute. A white-space value
// that comes out of a variable stays.
func (c inputContext) values(declared []bundle.Input, given []pair) []pair {
	trim := strings.TrimSpace
	if !c.trim {
		trim = func(s string) string { return s }
	}
	values := make([]pair, 0, len(declared))
	for _, in := range declared {
		if in.Name == "" {
			continue
		}
		value := trim(in.Default)
		for _, g := range given {
			if g.key == in.Name {
				value = trim(g.value)
			}
		}
		value = c.expandAgent(c.expand(value))
		if ordinal.Equal(in.Type, typeFilePath) {
			value = rooted(c.root, value)
		}
		values = append(values, pair{in.Name, value})
	}
	return values
}

// rooted makes a filePath absolute. An empty one becomes the root itself: the
// agent does that too, and tasks must know. A trailing separator stays, as with
// .NET's GetFullPath.
func rooted(root, value string) string {
	value = cleanInput(value)
	full := value
	if !filepath.IsAbs(full) {
		full = root + string(filepath.Separator) + full
		if value == "" {
			full = root
		}
	}
	if cleaned := filepath.Clean(full); strings.HasSuffix(full, string(filepath.Separator)) &&
		!strings.HasSuffix(cleaned, string(filepath.Separator)) {
		return cleaned + string(filepath.Separator)
	}
	return filepath.Clean(full)
}

// referenced collects the ids in all inputs that want says.
func referenced(declared []bundle.Input, values []pair, want func(bundle.Input) bool) []string {
	var ids []string
	for _, in := range declared {
		if !want(in) {
			continue
		}
		for _, id := range references(inputValue(values, in)) {
			if id = strings.ToLower(id); !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// handlerIn puts the task's folder into a handler's settings, in place of
// $(currentDirectory) in any case. The agent does it for the main stage only
// (TaskManager.cs, Load).
func handlerIn(folder string, h bundle.Handler) bundle.Handler {
	current := func(name string) (string, bool) { return folder, ordinal.Equal(name, "currentDirectory") }
	h.Target = variables.ExpandEnv(h.Target, current)
	h.WorkingDirectory = variables.ExpandEnv(h.WorkingDirectory, current)
	return h
}

// expandHandler is the text of a handler's own setting, after inputs and
// variables were put into it.
func expandHandler(text string, values []pair, expand func(string) string) string {
	withInputs := variables.ExpandEnv(text, func(name string) (string, bool) {
		for _, v := range values {
			if ordinal.Equal(v.key, name) {
				return v.value, true
			}
		}
		return "", false
	})
	return expand(withInputs)
}
