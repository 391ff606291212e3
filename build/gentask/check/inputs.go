package check

import (
	"fmt"
	"go/token"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/build/gentask/render"
)

var inputRules = []rule{
	{"input-name", inputName},
	{"input-unique", inputUnique},
	{"alias", alias},
	{"input-text", inputText},
	{"label-unique", labelUnique},
	{"input-type", inputType},
	{"secret", secret},
	{"enforcement", enforcement},
	{"go-names", goNames},
}

// inputName: other characters change or collide when the agent makes environment
// variables of names.
func inputName(t Task, found *report) {
	for i, in := range t.Model.Inputs {
		if !plain.MatchString(in.Name) {
			found.input(t, i, "name", "is not a letter and then letters and digits; rename it")
		}
	}
}

// inputUnique: the agent compares names without case, and the environment on
// Windows does too.
func inputUnique(t Task, found *report) {
	seen := map[string]string{}
	for i, in := range t.Model.Inputs {
		if first, twice := seen[in.Env()]; twice {
			found.input(t, i, "name", "becomes %s, as input %q does; rename one of them", in.Env(), first)
		}
		seen[in.Env()] = in.Name
	}
}

// alias: the server resolves what stands in YAML to a name, without case.
func alias(t Task, found *report) {
	owner := map[string]string{}
	for _, in := range t.Model.Inputs {
		owner[strings.ToLower(in.Name)] = in.Name
	}
	for i, in := range t.Model.Inputs {
		for j, alias := range in.Aliases {
			field := fmt.Sprintf("aliases[%d]", j)
			other, taken := owner[strings.ToLower(alias)]
			switch {
			case !plain.MatchString(alias):
				found.input(t, i, field, "%q is not a letter and then letters and digits; rename it", alias)
			case strings.EqualFold(alias, in.Name):
				found.input(t, i, field, "%q is the input's own name; remove it", alias)
			case taken:
				found.input(t, i, field, "%q already is a name or alias of input %q; choose another", alias, other)
			default:
				owner[strings.ToLower(alias)] = in.Name
			}
		}
	}
}

// inputText: the label is what the editor and our messages call the input; the
// help becomes the editor's hint, the README's text and the Go comment.
func inputText(t Task, found *report) {
	for i, in := range t.Model.Inputs {
		if strings.TrimSpace(in.Label) == "" {
			found.input(t, i, "label", "is missing; give the words that messages call the input by")
		}
		if strings.TrimSpace(in.HelpMarkDown) == "" {
			found.input(t, i, "helpMarkDown", "is missing; say what the value means, in whole sentences")
		}
	}
}

// labelUnique: a problem is reported by the label, in whatever case.
func labelUnique(t Task, found *report) {
	seen := map[string]string{}
	for i, in := range t.Model.Inputs {
		label := strings.ToLower(strings.Join(strings.Fields(in.Label), " "))
		if first, twice := seen[label]; twice && label != "" {
			found.input(t, i, "label", "is also that of input %q, and problems are reported by it; reword one of them",
				first)
		}
		seen[label] = in.Name
	}
}

var types = []string{"boolean", "filePath", "int", "multiLine", "pickList", "radio", "secureFile", "string"}

// inputType: identities and querycontrol are for boards and queries, and no
// generated Go type fits them.
func inputType(t Task, found *report) {
	for i, in := range t.Model.Inputs {
		endpoint, connected := strings.CutPrefix(in.Type, "connectedService:")
		if !slices.Contains(types, in.Type) && !(connected && endpoint != "") {
			found.input(t, i, "type", "%q is not a type that is supported here; use one of %s, connectedService:<type>",
				in.Type, strings.Join(types, ", "))
		}
	}
}

// secret: there is no secret type, and the editor stores and shows every input in
// the clear, so a secret can only be $(name) of a secret variable.
func secret(t Task, found *report) {
	for i, in := range t.Model.Inputs {
		if !in.Secret() {
			continue
		}
		if in.Type != "string" {
			found.input(t, i, "type", `is %q, but its helpMarkDown says "secret variable", which makes it a secret; `+
				"use string, or change the words", in.Type)
		}
		if in.Default != "" {
			found.input(t, i, "defaultValue", "is published with the task, but the input is a secret; remove it")
		}
	}
}

// enforcement is the one input that every task has, so that a platform team can
// roll out any guardrail the same way.
func enforcement(t Task, found *report) {
	i := slices.IndexFunc(t.Model.Inputs, func(in input) bool { return in.Name == "enforcement" })
	if i < 0 {
		found.add("inputs", `have no "enforcement"; `+
			`add the pickList "enforcement" with the options enforce and warn, default enforce`)
		return
	}
	in := t.Model.Inputs[i]
	if in.Type != "pickList" || in.Property("EditableOptions") != "" {
		found.input(t, i, "type", "is not a plain pickList, as it is in every task; make it one")
	}
	if in.Default != "enforce" {
		found.input(t, i, "defaultValue", `is not "enforce", as it is in every task; write that`)
	}
	if len(in.Options) != 2 || !in.Options.Has("enforce") || !in.Options.Has("warn") {
		found.input(t, i, "options", "are not enforce and warn, as they are in every task; write these two")
	}
	if in.VisibleRule != "" {
		found.input(t, i, "visibleRule", "hides what every task has; remove it")
	}
}

// goNames: what the generator declares must compile.
func goNames(t Task, found *report) {
	seen := map[string]string{}
	for _, id := range render.Identifiers(t.Model) {
		first, twice := seen[id.Name]
		switch {
		case twice:
			found.add("task.json", "%s and %s both become the Go name %s; rename one of them", first, id.For, id.Name)
		case !token.IsIdentifier(id.Name):
			found.add("task.json", "%s becomes %q, which is not a Go name; rename it", id.For, id.Name)
		}
		seen[id.Name] = id.For
	}
}
