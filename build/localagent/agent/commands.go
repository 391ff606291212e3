package agent

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/guardrails-ci/guardrails/build/localagent/bundle"
	"github.com/guardrails-ci/guardrails/build/localagent/command"
	"github.com/guardrails-ci/guardrails/build/localagent/ordinal"
	"github.com/guardrails-ci/guardrails/build/localagent/variables"
)

// action carries out a logging command. An error fails the step.
type action struct {
	do func(*execution, command.Command) error
	// restricted: it may be used in restricted mode too.
	restricted bool
}

// areas are the logging commands of an agent. A nil area is for releases.
var areas map[string]map[string]action

func init() {
	issue := action{(*execution).logIssue, true}
	areas = map[string]map[string]action{
		"task": {
			"logissue": issue, "issue": issue,
			"setprogress":     {(*execution).setProgress, true},
			"logdetail":       {(*execution).logDetail, true},
			"complete":        {(*execution).complete, true},
			"setsecret":       {(*execution).setSecret, true},
			"setvariable":     {(*execution).setVariable, true},
			"settaskvariable": {(*execution).setTaskVariable, true},
			"debug":           {func(x *execution, c command.Command) error { x.debug(c.Data); return nil }, true},
			"prependpath":     {(*execution).prependPath, true},
			"addattachment":   {(*execution).addAttachment, false},
			"uploadsummary":   {(*execution).uploadSummary, false},
			"uploadfile":      {(*execution).uploadFile, false},
			"setendpoint":     {(*execution).setEndpoint, false},
		},
		"artifact": {
			"upload":    {(*execution).uploadArtifact, false},
			"associate": {(*execution).associateArtifact, false},
		},
		"build": {
			"uploadlog":         {(*execution).uploadLog, false},
			"uploadsummary":     {(*execution).uploadSummary, false},
			"updatebuildnumber": {(*execution).updateBuildNumber, false},
			"addbuildtag":       {(*execution).addBuildTag, false},
		},
		"results": {
			"publish":                {(*execution).accept, false},
			"publishtoevidencestore": {(*execution).accept, false},
		},
		"codecoverage": {"publish": {(*execution).accept, false}},
		"telemetry":    {"publish": {(*execution).telemetry, true}},
		"release":      nil,
	}
}

// dispatch finds the command and carries it out if the step may use it.
func (x *execution) dispatch(area map[string]action, c command.Command) error {
	a, ok := area[strings.ToLower(c.Event)]
	if !ok {
		return agentErrorf("##vso[%s.%s] is not a recognized command for %s command extension. %s.",
			strings.ToLower(c.Area), c.Event, strings.ToLower(c.Area), reference)
	}
	if !a.restricted && slices.ContainsFunc(x.restrictions(), func(r bundle.Restrictions) bool { return r.Commands }) {
		x.warning(fmt.Sprintf("##vso[%s.%s] is not allowed in this step due to policy restrictions. %s",
			c.Area, c.Event, reference))
		return nil
	}
	return a.do(x, c)
}

// restrictions are those of the task and of the run; all must agree.
func (x *execution) restrictions() []bundle.Restrictions {
	all := []bundle.Restrictions{{Commands: x.Restricted}}
	if x.task != nil {
		all = append(all, x.task.Restrictions)
	}
	return all
}

// settable reports whether the step may set a variable, and warns if not.
func (x *execution) settable(name string) bool {
	for _, r := range x.restrictions() {
		allows := func(pattern string) bool { return matches(pattern, name) }
		if r.Variables != nil && !slices.ContainsFunc(r.Variables, allows) {
			x.warning("Setting variable '" + name + "' has been disabled by the task or build definition.")
			return false
		}
	}
	return true
}

// matches is what these lists use of Minimatch: wildcards, no regard to case.
func matches(pattern, name string) bool {
	ok, err := path.Match(strings.ToLower(pattern), strings.ToLower(name))
	return ok && err == nil
}

// boolProperty is .NET's Boolean.TryParse: only true counts, 1 and yes do not.
func boolProperty(c command.Command, name string) bool {
	value, _ := c.Properties.Get(name)
	return ordinal.Equal(strings.TrimSpace(value), "true")
}

func variableOptions(c command.Command) variables.Options {
	return variables.Options{
		Secret:       boolProperty(c, "issecret"),
		ReadOnly:     boolProperty(c, "isreadonly"),
		PreserveCase: boolProperty(c, "preservecase"),
	}
}

func (x *execution) setVariable(c command.Command) error {
	name, _ := c.Properties.Get("variable")
	if name == "" {
		return agentErrorf("Required field 'variable' is missing in ##vso[task.setvariable] command.")
	}
	o := variableOptions(c)
	if err := x.checkReadOnly(&x.vars, "variable", name); err != nil {
		return err
	}
	if o.Secret {
		if err := x.checkSecret(c.Data); err != nil {
			return err
		}
		x.maskSecret(variableSecret(name), escape(c.Data, x.decodePercents()))
	}
	if !x.settable(name) {
		if o.Secret {
			x.maskSecret(variableSecret(name), c.Data)
		}
		return nil
	}
	output := boolProperty(c, "isoutput")
	if output || slices.ContainsFunc(x.outputs, func(n string) bool { return ordinal.Equal(n, name) }) {
		o.ReadOnly = o.ReadOnly || output
		x.vars.Set(x.ref+"."+name, c.Data, o)
		x.record.Outputs[x.mask.Mask(name)] = x.show(variables.Variable{Value: c.Data, Options: o})
		return nil
	}
	x.vars.Set(name, c.Data, o)
	return nil
}

// checkReadOnly warns, or fails where agent.readOnlyVariables says so.
func (x *execution) checkReadOnly(store *variables.Store, what, name string) error {
	const more = "See https://github.com/microsoft/azure-pipelines-yaml/blob/master/design/" +
		"readonly-variables.md for details."
	if !store.ReadOnly(name) {
		return nil
	}
	if truthy(x.knob("agent.readOnlyVariables")) {
		return agentErrorf("Overwriting readonly %s '%s' is not permitted. %s", what, name, more)
	}
	x.warning(fmt.Sprintf("Overwriting readonly %s '%s'. This behavior will be disabled in the future. %s",
		what, name, more))
	return nil
}

// checkSecret refuses what could never be masked, because logs are masked line
// by line.
func (x *execution) checkSecret(value string) error {
	if strings.Contains(value, newline) && !truthy(x.knob("SYSTEM_UNSAFEALLOWMULTILINESECRET")) {
		return agentErrorf("Secrets cannot contain multiple lines")
	}
	return nil
}

func (x *execution) maskSecret(what, value string) {
	x.addSecret(what, value)
	if !x.decodePercents() {
		x.addSecret(what, strings.ReplaceAll(value, "%AZP25", "%"))
	}
}

// escape is CommandStringConvertor.Escape.
func escape(value string, percents bool) string {
	if percents {
		value = strings.ReplaceAll(value, "%", "%AZP25")
	}
	return strings.NewReplacer(";", "%3B", "\r", "%0D", "\n", "%0A", "]", "%5D").Replace(value)
}

func (x *execution) setTaskVariable(c command.Command) error {
	name, _ := c.Properties.Get("variable")
	if name == "" {
		return agentErrorf("Required field 'variable' is missing in ##vso[task.settaskvariable] command.")
	}
	o := variableOptions(c)
	if err := x.checkReadOnly(x.state, "task variable", name); err != nil {
		return err
	}
	if o.Secret {
		if err := x.checkSecret(c.Data); err != nil {
			return err
		}
		x.addSecret(fmt.Sprintf("the task variable %q of %s", name, x.label()), c.Data)
	}
	x.state.Set(name, c.Data, o)
	return nil
}

func (x *execution) setSecret(c command.Command) error {
	x.maskSecret("what "+x.label()+" registered with task.setsecret", c.Data)
	return nil
}

func (x *execution) complete(c command.Command) error {
	text, _ := c.Properties.Get("result")
	result, ok := parseStatus(text)
	if !ok {
		return agentErrorf("Command doesn't have valid result value.")
	}
	x.result = x.result.merge(result)
	x.progress(100, c.Data)
	if done, _ := c.Properties.Get("done"); truthy(done) {
		select {
		case <-x.finished:
		default:
			close(x.finished)
		}
	}
	return nil
}

func (x *execution) setProgress(c command.Command) error {
	value, _ := c.Properties.Get("value")
	n, err := strconv.Atoi(strings.TrimSpace(value))
	if err != nil {
		n = 0
	}
	x.progress(n, c.Data)
	return nil
}

// progress never goes back.
func (x *execution) progress(n int, operation string) {
	x.record.Progress = max(x.record.Progress, min(max(n, 0), 100))
	x.record.Operation = x.mask.Mask(operation)
}

func (x *execution) logIssue(c command.Command) error {
	kind, ok := c.Properties.Get("type")
	if !ok {
		x.warning("Can't create TaskIssue from logging event.")
		return nil
	}
	i := Issue{Type: strings.ToLower(kind), Message: c.Data, Data: map[string]string{}}
	if i.Type != "error" && i.Type != "warning" {
		return agentErrorf("issue type %s is not an expected issue type.", kind)
	}
	for _, p := range c.Properties {
		// Only tasks of the server itself may say who an issue comes from.
		if key := strings.ToLower(p.Key); key != "source" && key != "correlationid" {
			i.Data[key] = p.Value
		}
	}
	if file, ok := c.Properties.Get("sourcepath"); ok {
		i.Data["sourcepath"] = x.repositoryPath(file)
		i.Message = fmt.Sprintf("%s(%s,%s): %s %s: %s",
			i.Data["sourcepath"], i.Data["linenumber"], i.Data["columnnumber"], kind, i.Data["code"], c.Data)
	}
	x.issue(i)
	return nil
}

// logDetail checks a record of the timeline; nothing shows it here.
func (x *execution) logDetail(c command.Command) error {
	id, _ := c.Properties.Get("id")
	if id = strings.ToLower(id); !guidPattern.MatchString(id) || id == emptyGUID {
		return agentErrorf("Can't update timeline record, timeline record id is not provided.")
	}
	parent, hasParent := c.Properties.Get("parentid")
	parent = strings.ToLower(parent)
	if known, ok := x.details[id]; ok {
		if hasParent && parent != known {
			return agentErrorf("Cannot change parent timeline record of an existing timeline record.")
		}
		return nil
	}
	name, _ := c.Properties.Get("name")
	kind, _ := c.Properties.Get("type")
	switch _, known := x.details[parent]; {
	case name == "":
		return agentErrorf("Name is required for this new timeline record.")
	case kind == "":
		return agentErrorf("Type is required for this new timeline record.")
	case hasParent && parent != emptyGUID && !known:
		return agentErrorf("Parent timeline record has not been created for this new timeline record.")
	}
	x.details[id] = parent
	return nil
}

func (x *execution) prependPath(c command.Command) error {
	if !x.settable("PATH") {
		return nil
	}
	if c.Data == "" {
		return agentErrorf("Value cannot be empty. (prependpath)")
	}
	x.prepend = append(slices.DeleteFunc(x.prepend, func(dir string) bool { return dir == c.Data }), c.Data)
	return nil
}

func (x *execution) telemetry(c command.Command) error {
	for _, name := range []string{"area", "feature"} {
		if value, _ := c.Properties.Get(name); value == "" {
			return agentErrorf("Required field '%s' is missing in ##vso[telemetry.publish] command.", name)
		}
	}
	return nil
}

// accept takes a command that needs a server to be of any effect.
func (x *execution) accept(c command.Command) error {
	x.debug(fmt.Sprintf("##vso[%s.%s] has no effect here", c.Area, c.Event))
	return nil
}
