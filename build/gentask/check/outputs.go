package check

import (
	"fmt"
	"regexp"
	"strings"
)

var outputRules = []rule{
	{"output-name", outputName},
	{"output-text", outputText},
	{"output-clash", outputClash},
}

// outputName: variables are compared without case.
func outputName(t Task, found *report) {
	seen := map[string]bool{}
	for i, out := range t.Model.Outputs {
		at := fmt.Sprintf("outputVariables[%d].name", i)
		switch lower := strings.ToLower(out.Name); {
		case !plain.MatchString(out.Name):
			found.add(at, "%q is not a letter and then letters and digits; rename it", out.Name)
		case seen[lower]:
			found.add(at, "%q stands twice (case does not count); rename one of them", out.Name)
		default:
			seen[lower] = true
		}
	}
}

func outputText(t Task, found *report) {
	for i, out := range t.Model.Outputs {
		if strings.TrimSpace(out.Description) == "" {
			found.add(fmt.Sprintf("outputVariables[%d].description", i),
				"is missing; say what %q holds, and when", out.Name)
		}
	}
}

// namesVariable tells the inputs that take a variable's name, such as cacheHitVar.
var namesVariable = regexp.MustCompile(`(Var|Variable)(Name)?s?$`)

// outputClash: the agent redirects any plain variable that has the name of an
// output variable to <step>.<name> (ExecutionContext.cs SetVariable), so a variable that
// a user names must not be one: $(name) would not exist.
func outputClash(t Task, found *report) {
	outputs := map[string]string{}
	for _, out := range t.Model.Outputs {
		outputs[strings.ToLower(out.Name)] = out.Name
	}
	for i, in := range t.Model.Inputs {
		if !namesVariable.MatchString(in.Name) {
			continue
		}
		if out, taken := outputs[strings.ToLower(in.Name)]; taken {
			found.input(t, i, "name", "is an output variable too (%q), although it takes the name of one; "+
				"rename one of them", out)
		}
		split := func(r rune) bool { return r == ',' || r == ';' || r == '\n' || r == ' ' }
		for _, name := range strings.FieldsFunc(string(in.Default), split) {
			if out, taken := outputs[strings.ToLower(name)]; taken {
				found.input(t, i, "defaultValue", "names the output variable %q, which the agent then hides behind "+
					"the step's name; choose another", out)
			}
		}
	}
}
