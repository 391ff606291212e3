package agent

import (
	"os"
	"strings"

	"github.com/guardrails-ci/guardrails/build/localagent/command"
	"github.com/guardrails-ci/guardrails/build/localagent/mask"
	"github.com/guardrails-ci/guardrails/build/localagent/variables"
)

// line deals with one line that a step's program printed: a logging command is
// carried out, anything else is logged (WorkerCommandManager.cs).
func (x *execution) line(line string, _ bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.command(line) {
		x.print(line)
	}
}

// print writes text to the log of the step.
func (x *execution) print(text string) {
	lines := x.masked(text)
	for _, line := range lines {
		x.record.Log = append(x.record.Log, line)
		x.console.print(line)
	}
	x.records[x.run].write(x.Now(), strings.Join(lines, "\n"))
}

// masked masks a whole message and cuts it into lines only then, as Write in
// ExecutionContext.cs does: a secret of several lines is found in it.
func (j *job) masked(text string) []string {
	lines := strings.Split(j.mask.Mask(text), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSuffix(line, "\r")
	}
	return lines
}

func (x *execution) debug(text string) {
	if truthy(x.knob("System.Debug")) {
		x.print("##[debug]" + text)
	}
}

func (x *execution) error(text string) { x.issue(Issue{Type: "error", Message: text}) }

func (x *execution) warning(text string) { x.issue(Issue{Type: "warning", Message: text}) }

// issue logs an error or a warning and keeps the first ten of each.
func (x *execution) issue(i Issue) {
	count := &x.warnings
	if i.Type == "error" {
		count = &x.errors
	}
	i.Message = x.mask.Mask(i.Message)
	if i.Message != "" {
		x.print("##[" + i.Type + "]" + i.Message)
	}
	if *count++; *count > maxIssues {
		return
	}
	for key, value := range i.Data {
		i.Data[key] = x.mask.Mask(value)
	}
	x.record.Issues = append(x.record.Issues, i)
}

// show is the value of a variable for a report.
func (j *job) show(v variables.Variable) string {
	if v.Secret {
		return mask.Replacement
	}
	return j.mask.Mask(v.Value)
}

// command carries out the logging command in line, if there is one, and reports
// whether the line is done with.
func (x *execution) command(line string) (done bool) {
	percents := x.decodePercents()
	c, ok := command.Parse(line, percents)
	if !ok {
		if command.Keyword(line) {
			x.warning("'" + line + "' contains logging command keyword '##vso', but it's not a legal command. " +
				"Please see the list of accepted commands: https://go.microsoft.com/fwlink/?LinkId=817296")
		}
		return false
	}
	area, ok := areas[strings.ToLower(c.Area)]
	switch {
	case !ok:
		x.warning("Cannot find command extension for ##vso[" + c.Area + ".command]. " + reference)
		return true
	case area == nil:
		x.error("##vso[" + c.Area + ".command] is not supported for a build.")
		x.commands = failed
		return false
	}
	if err := x.dispatch(area, c); err != nil {
		x.error("Unable to process command '" + line + "' successfully. " + reference)
		x.error(err.Error())
		x.commands = failed
	}
	if !strings.EqualFold(c.Area+"."+c.Event, "task.debug") {
		x.debug("Processed: " + command.Unescape(line, percents))
	}
	return true
}

const reference = "Please reference documentation (http://go.microsoft.com/fwlink/?LinkId=817296)"

func (x *execution) decodePercents() bool {
	value := x.knob("DECODE_PERCENTS")
	return value == "" || truthy(value)
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && !info.IsDir()
}
