package check

import (
	"fmt"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/build/gentask/taskjson"
	"github.com/guardrails-ci/guardrails/build/gentask/visible"
)

var visibleRules = []rule{
	{"visible-rule", visibleRule},
	{"visible-values", visibleValues},
	{"visible-cycle", visibleCycle},
}

// place is a visibleRule with where it stands.
type place struct {
	at, input, text string
}

// places returns the visibleRules of groups and inputs.
func places(t *taskjson.Task) []place {
	var all []place
	for i, g := range t.Groups {
		all = append(all, place{fmt.Sprintf("groups[%d].visibleRule", i), "", g.VisibleRule})
	}
	for i, in := range t.Inputs {
		all = append(all, place{fmt.Sprintf("inputs[%d].visibleRule", i), in.Name, in.VisibleRule})
	}
	return slices.DeleteFunc(all, func(p place) bool { return p.text == "" })
}

func (r *report) place(p place, format string, args ...any) {
	r.all = append(r.all, Problem{r.rule, p.at, p.input, fmt.Sprintf(format, args...)})
}

// visibleRule: the editor hides for good what has a rule it cannot read, or a
// rule about an input that is not there.
func visibleRule(t Task, found *report) {
	for _, p := range places(t.Model) {
		rule, err := visible.Parse(p.text)
		if err != nil {
			found.place(p, "%v", err)
			continue
		}
		for _, c := range rule.Comparisons {
			if _, ok := t.Model.Input(c.Input); !ok {
				found.place(p, "names %q, which is no input; name an input (not an alias), in its case", c.Input)
			}
		}
	}
}

// visibleValues: a comparison with what a list or check box never is, is never or
// always true.
func visibleValues(t Task, found *report) {
	for _, p := range places(t.Model) {
		rule, err := visible.Parse(p.text)
		if err != nil {
			continue // visibleRule's business
		}
		for _, c := range rule.Comparisons {
			in, _ := t.Model.Input(c.Input)
			known := knownValues(t.Model, in)
			if known == nil || !c.Whole() {
				continue
			}
			for _, value := range c.Values {
				if value != "" && !slices.Contains(known, value) {
					found.place(p, "compares input %q with %q; its values are %s",
						in.Name, value, strings.Join(known, ", "))
				}
			}
		}
	}
}

// knownValues returns all values that in can have, nil when there is no saying.
func knownValues(t *taskjson.Task, in taskjson.Input) []string {
	switch {
	case in.Type == "boolean":
		return []string{"true", "false"}
	case t.Closed(in):
		values := []string{}
		for _, option := range in.Options {
			values = append(values, option.Value)
		}
		return values
	default:
		return nil
	}
}

// visibleCycle: to the editor, a rule about a hidden input is false, so inputs
// that wait for each other are never shown. An input waits for its group's rule
// as well.
func visibleCycle(t Task, found *report) {
	waits := map[string][]string{}
	for _, in := range t.Model.Inputs {
		waits[in.Name] = mentioned(in.VisibleRule)
		for _, g := range t.Model.Groups {
			if g.Name == in.GroupName {
				waits[in.Name] = append(waits[in.Name], mentioned(g.VisibleRule)...)
			}
		}
	}
	for i, in := range t.Model.Inputs {
		if reaches(waits, in.Name, in.Name, map[string]bool{}) {
			found.input(t, i, "visibleRule", "waits, with its group's, for an input that waits for this one, "+
				"so neither is ever shown; cut the circle")
		}
	}
}

func mentioned(rule string) []string {
	parsed, err := visible.Parse(rule)
	if err != nil {
		return nil
	}
	var names []string
	for _, c := range parsed.Comparisons {
		names = append(names, c.Input)
	}
	return names
}

// reaches reports whether a way of at least one step leads from one to other.
func reaches(edges map[string][]string, from, to string, seen map[string]bool) bool {
	for _, next := range edges[from] {
		if next == to {
			return true
		}
		if !seen[next] {
			seen[next] = true
			if reaches(edges, next, to, seen) {
				return true
			}
		}
	}
	return false
}
