package check

import (
	"maps"
	"slices"
)

var stageRules = []rule{
	{"handlers", handlers},
	{"handler-fields", handlerFields},
}

// ours are the handlers that run the launcher on every agent in use: Node24 alone
// is unknown to older agents, Node20_1 alone depends on a Node past its end.
var ours = []string{"Node20_1", "Node24"}

// handlers: every stage has the same two. The agent chooses for each stage by
// itself, so a stage with other handlers runs on another Node, or not at all.
func handlers(t Task, found *report) {
	for _, stage := range t.Model.Stages() {
		for _, key := range slices.Sorted(maps.Keys(stage.Handlers)) {
			if !slices.Contains(ours, key) {
				found.add(stage.Key+"."+key, "%s; remove it", whyNot(key))
			}
		}
		for _, key := range ours {
			if _, has := stage.Handlers[key]; !has {
				found.add(stage.Key+"."+key, `is missing; write { "target": %q }`, stage.Target)
			}
		}
	}
}

func whyNot(handler string) string {
	switch handler {
	case "Process":
		return "Process runs on Windows alone and gets no inputs"
	case "Node", "Node10", "Node16":
		return handler + " is a Node past its end, which new agents no longer have and warn about"
	case "PowerShell", "PowerShell3", "PowerShellExe", "AzurePowerShell":
		return handler + " runs on Windows alone"
	default:
		return handler + " is not a handler that runs the launcher"
	}
}

// handlerFields: each stage has its own launcher file, because the agent gives
// node no arguments. Node ignores argumentFormat, and the launcher needs neither
// a working directory nor a platform.
func handlerFields(t Task, found *report) {
	for _, stage := range t.Model.Stages() {
		for _, key := range ours {
			handler, has := stage.Handlers[key]
			if !has {
				continue
			}
			if handler["target"] != stage.Target {
				found.add(stage.Key+"."+key+".target",
					"is not %q, the launcher's file for this stage; write that", stage.Target)
			}
			for _, field := range slices.Sorted(maps.Keys(handler)) {
				if field != "target" {
					found.add(stage.Key+"."+key+"."+field, "is of no use to the launcher; remove it")
				}
			}
		}
	}
}
