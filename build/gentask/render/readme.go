package render

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/build/gentask/taskjson"
)

// README returns page with the tables between its markers made anew. It fails
// when a pair of markers is missing, stands twice or is turned around, so that
// nothing but the tables is ever written over.
func README(page string, t *taskjson.Task) (string, error) {
	page = strings.ReplaceAll(page, "\r\n", "\n")
	page, errInputs := between(page, "inputs", inputTable(t))
	if len(t.Outputs) == 0 && !strings.Contains(page, marker("outputs", "begin")) {
		return page, errInputs
	}
	page, errOutputs := between(page, "outputs", outputTable(t))
	return page, errors.Join(errInputs, errOutputs)
}

func marker(name, end string) string { return "<!-- " + name + ":" + end + " -->" }

// between replaces the lines between the markers, which stand on lines of their
// own: in a table or a sentence they are text.
func between(page, name, table string) (string, error) {
	begin, end := marker(name, "begin"), marker(name, "end")
	lines := strings.Split(page, "\n")
	from, to := only(lines, begin), only(lines, end)
	if from < 0 || to < from {
		return page, fmt.Errorf("the table of %s has no place; put a line %s and after it a line %s, each once",
			name, begin, end)
	}
	made := append(slices.Clone(lines[:from+1]), "", strings.TrimSuffix(table, "\n"), "")
	return strings.Join(append(made, lines[to:]...), "\n"), nil
}

// only returns the index of the one line that is text, -1 if there is none or
// more than one.
func only(lines []string, text string) int {
	first := slices.Index(lines, text)
	if first < 0 || slices.Contains(lines[first+1:], text) {
		return -1
	}
	return first
}

func inputTable(t *taskjson.Task) string {
	var w strings.Builder
	w.WriteString("| Input (alias) | Type | Required or default | What it means |\n|---|---|---|---|\n")
	for _, in := range t.Inputs {
		name := code(in.Name)
		for _, alias := range in.Aliases {
			name += " (" + code(alias) + ")"
		}
		row(&w, name, typeCell(t, in), needCell(in), prose(in.HelpMarkDown)+optionCell(in))
	}
	return w.String()
}

func outputTable(t *taskjson.Task) string {
	if len(t.Outputs) == 0 {
		return "This task sets no output variables.\n"
	}
	var w strings.Builder
	w.WriteString("| Output variable | What it holds |\n|---|---|\n")
	for _, out := range t.Outputs {
		row(&w, code(out.Name), prose(out.Description))
	}
	return w.String()
}

func row(w *strings.Builder, cells ...string) {
	w.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

func typeCell(t *taskjson.Task, in taskjson.Input) string {
	if endpoint, ok := strings.CutPrefix(in.Type, "connectedService:"); ok {
		return "service connection (" + prose(endpoint) + ")"
	}
	switch {
	case in.Secret():
		return "secret, as `$(name)` of a secret variable"
	case in.Picks() && t.Closed(in):
		return "one of " + values(in.Options)
	case in.Picks():
		return "choice or text"
	}
	switch in.Type {
	case "boolean":
		return "`true` or `false`"
	case "int":
		return "whole number"
	case "multiLine":
		return "lines of text"
	case "filePath":
		return "path"
	case "secureFile":
		return "secure file"
	default:
		return "text"
	}
}

func values(options taskjson.Options) string {
	cells := make([]string, len(options))
	for i, option := range options {
		cells[i] = code(option.Value)
	}
	return strings.Join(cells, ", ")
}

func needCell(in taskjson.Input) string {
	value := strings.TrimSpace(string(in.Default))
	switch {
	case in.Required && in.VisibleRule != "":
		return "required when " + code(in.VisibleRule)
	case in.Required:
		return "**required**"
	case value != "":
		return "default " + code(value)
	default:
		return "optional"
	}
}

// optionCell lists what the options mean, when their texts say more than their
// values.
func optionCell(in taskjson.Input) string {
	var w strings.Builder
	for _, option := range in.Options {
		if option.Text != "" && !strings.EqualFold(option.Text, option.Value) {
			w.WriteString("<br>" + code(option.Value) + ": " + prose(option.Text))
		}
	}
	return w.String()
}
