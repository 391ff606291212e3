// Package check says what is wrong with a task.json.
//
// A task.json is read by four programs that agree on little: the agent ignores
// what it does not know, tfx only warns, the classic editor shows nothing where
// it misreads a rule, and the server refuses at upload. So each thing that any of
// them needs, or that this repository's generator and launcher need, is a rule of
// its own here, and all that is broken is reported at once, with the way out.
// docs/task-json.md lists the rules for authors.
package check

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/guardrails-ci/guardrails/build/gentask/schema"
	"github.com/guardrails-ci/guardrails/build/gentask/taskjson"
)

// Task is a task.json in its place.
type Task struct {
	Folder string // in tasks/
	JSON   []byte
	Model  *taskjson.Task
}

// Problem is one thing that is wrong, and what to do.
type Problem struct {
	Rule  string // the broken rule's name
	At    string // where, as inputs[0].label
	Input string // the input's name when it is about one
	Text  string // what is wrong; and the way out
}

// Error is one line: place, what is wrong, what to do, rule.
func (p Problem) Error() string {
	at := p.At
	if p.Input != "" {
		at += " (input " + strconv.Quote(p.Input) + ")"
	}
	return fmt.Sprintf("%s: %s [%s]", at, p.Text, p.Rule)
}

// rule is a check with a name. It reports into found and looks at nothing else.
type rule struct {
	name  string
	check func(t Task, found *report)
}

// report collects one rule's problems.
type report struct {
	rule string
	all  []Problem
}

func (r *report) add(at, format string, args ...any) {
	r.all = append(r.all, Problem{Rule: r.rule, At: at, Text: fmt.Sprintf(format, args...)})
}

// input reports about a field of the input at index i.
func (r *report) input(t Task, i int, field, format string, args ...any) {
	at := fmt.Sprintf("inputs[%d].%s", i, field)
	r.all = append(r.all, Problem{r.rule, at, t.Model.Inputs[i].Name, fmt.Sprintf(format, args...)})
}

// rules are all that one task.json can break by itself.
func rules() []rule {
	var all []rule
	for _, part := range [][]rule{
		topRules, agentRules, stageRules, inputRules, defaultRules, optionRules, visibleRules, outputRules, editorRules,
	} {
		all = append(all, part...)
	}
	return all
}

const schemaRule = "schema"

// File returns what is wrong with t by itself, in the rules' order. What the
// official schema says comes last, and only about places where no rule of ours
// has said it better.
func File(t Task) []Problem {
	var all []Problem
	told := map[string]bool{}
	for _, rule := range rules() {
		found := report{rule: rule.name}
		rule.check(t, &found)
		for _, p := range found.all {
			all = append(all, p)
			told[p.At] = true
		}
	}
	violations, err := schema.Validate(t.JSON)
	if err != nil {
		return append(all, Problem{Rule: schemaRule, At: "task.json", Text: err.Error()})
	}
	for _, v := range violations {
		if at := dotted(v.At); !told[at] {
			text := v.Reason + "; build/gentask/schema/tasks.schema.json has what may stand here"
			all = append(all, Problem{Rule: schemaRule, At: at, Text: text})
		}
	}
	return all
}

// dotted writes keys and indexes as inputs[0].label.
func dotted(keys []string) string {
	var w strings.Builder
	for i, key := range keys {
		if _, err := strconv.Atoi(key); err == nil && i > 0 {
			w.WriteString("[" + key + "]")
			continue
		}
		if i > 0 {
			w.WriteString(".")
		}
		w.WriteString(key)
	}
	if w.Len() == 0 {
		return "task.json"
	}
	return w.String()
}
