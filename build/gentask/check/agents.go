package check

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// agentRules are about where a task is offered, and which agents take it.
var agentRules = []rule{
	{"runs-on", runsOn},
	{"visibility", visibility},
	{"demands", demands},
}

// runsOn: left out, it is the agent; a list without it is for the server, which
// runs no program.
func runsOn(t Task, found *report) {
	if _, has := t.Model.Has["runsOn"]; has && !slices.Contains(t.Model.RunsOn, "Agent") {
		found.add("runsOn", `has no "Agent", so no agent ever runs the task; add it, or leave out runsOn`)
	}
}

// visibility: left out, it is everywhere.
func visibility(t Task, found *report) {
	if _, has := t.Model.Has["visibility"]; has && len(t.Model.Visibility) == 0 {
		found.add("visibility", `is empty, so the task is offered nowhere; write ["Build", "Release"], or leave it out`)
	}
}

// demand is a capability's name, or a name and a value to have.
var demand = regexp.MustCompile(`^[^\s]+( -equals [^\s](.*[^\s])?| -gtVersion [0-9]+(\.[0-9]+){0,3})?$`)

// demands: the server reads name, -operator and value out of a string; one it
// cannot read is a capability that no agent has, and the job waits for ever.
func demands(t Task, found *report) {
	seen := map[string]bool{}
	for i, d := range t.Model.Demands {
		at := fmt.Sprintf("demands[%d]", i)
		switch {
		case !demand.MatchString(d):
			found.add(at, "%q is no demand that an agent could meet; "+
				"write a capability's name, or name -equals value, or name -gtVersion 1.2.3", d)
		case seen[strings.ToLower(d)]:
			found.add(at, "%q stands twice; remove one of them", d)
		}
		seen[strings.ToLower(d)] = true
	}
}
