package check

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/guardrails-ci/guardrails/build/gentask/taskjson"
)

// input shortens the functions that look for one.
type input = taskjson.Input

var defaultRules = []rule{
	{"required-default", requiredDefault},
	{"boolean-default", booleanDefault},
	{"int-default", intDefault},
	{"reference-default", referenceDefault},
	{"default-text", defaultText},
}

// requiredDefault: the server never asks for a value that has a default.
func requiredDefault(t Task, found *report) {
	for i, in := range t.Model.Inputs {
		if in.Required && strings.TrimSpace(string(in.Default)) != "" {
			found.input(t, i, "required",
				"is true, but there is a defaultValue, so nobody is ever asked; remove one of them")
		}
	}
}

// booleanDefault: the agent gives a boolean without a default as an empty text.
func booleanDefault(t Task, found *report) {
	for i, in := range t.Model.Inputs {
		if in.Type == "boolean" && in.Default != "true" && in.Default != "false" {
			found.input(t, i, "defaultValue", "is neither true nor false; a check box has to start as one of them")
		}
	}
}

// intDefault: 010 and 0x10 would be read as eight and sixteen.
func intDefault(t Task, found *report) {
	for i, in := range t.Model.Inputs {
		if in.Type != "int" || in.Default == "" {
			continue
		}
		n, err := strconv.ParseInt(string(in.Default), 10, 32)
		if err != nil || strconv.FormatInt(n, 10) != string(in.Default) {
			found.input(t, i, "defaultValue",
				"%q is not a plain whole number of at most 32 bits; correct it", in.Default)
		}
	}
}

// referenceDefault: connections and secure files are GUIDs of one project.
func referenceDefault(t Task, found *report) {
	for i, in := range t.Model.Inputs {
		reference := in.Type == "secureFile" || strings.HasPrefix(in.Type, "connectedService:")
		if reference && in.Default != "" {
			found.input(t, i, "defaultValue", "cannot name a %s of somebody else's project; remove it", in.Type)
		}
	}
}

// defaultText: the agent trims defaults, and go-envconfig has a use of its own for
// control characters.
func defaultText(t Task, found *report) {
	for i, in := range t.Model.Inputs {
		text := string(in.Default)
		control := func(r rune) bool {
			return unicode.IsControl(r) && !(r == '\n' && in.Type == "multiLine")
		}
		switch {
		case strings.IndexFunc(text, control) >= 0:
			found.input(t, i, "defaultValue",
				"has a control character (a line break is for multiLine alone); remove it")
		case strings.TrimSpace(text) != text:
			found.input(t, i, "defaultValue", "starts or ends with a blank, which the agent takes away; remove it")
		}
	}
}
