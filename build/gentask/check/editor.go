package check

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

var editorRules = []rule{
	{"groups", groups},
	{"group-names", groupNames},
	{"bindings", bindings},
	{"restrictions", restrictions},
	{"settable", settable},
}

// groups: every group is used and every used group exists.
func groups(t Task, found *report) {
	used := map[string]bool{}
	known := map[string]bool{}
	for _, g := range t.Model.Groups {
		known[g.Name] = true
	}
	for i, in := range t.Model.Inputs {
		used[in.GroupName] = true
		if in.GroupName != "" && !known[in.GroupName] {
			found.input(t, i, "groupName", "%q is no group, so the editor does not show the input; "+
				"add it to groups", in.GroupName)
		}
	}
	for i, g := range t.Model.Groups {
		if !used[g.Name] {
			found.add(fmt.Sprintf("groups[%d].name", i), "no input is in the group %q; remove it", g.Name)
		}
	}
}

func groupNames(t Task, found *report) {
	seen := map[string]bool{}
	for i, g := range t.Model.Groups {
		if strings.TrimSpace(g.Name) == "" || seen[g.Name] {
			found.add(fmt.Sprintf("groups[%d].name", i), "%q is blank or stands twice; rename it", g.Name)
		}
		if strings.TrimSpace(g.DisplayName) == "" {
			found.add(fmt.Sprintf("groups[%d].displayName", i), "is missing; say what the editor shows for %q", g.Name)
		}
		seen[g.Name] = true
	}
}

// bindings: the editor fills the list of the target from a service connection,
// and shows an empty list when either is not there.
func bindings(t Task, found *report) {
	for i, b := range t.Model.Bindings {
		at := fmt.Sprintf("dataSourceBindings[%d].", i)
		if target, ok := t.Model.Input(b.Target); !ok || !target.Picks() {
			found.add(at+"target", "%q is no input of type pickList; name one", b.Target)
		}
		if b.DataSourceName == "" && b.EndpointURL == "" {
			found.add(at+"dataSourceName", "is missing, and so is endpointUrl; give one of them")
		}
		name, isInput := strings.CutPrefix(b.EndpointID, "$(")
		from, ok := t.Model.Input(strings.TrimSuffix(name, ")"))
		connected := ok && strings.HasPrefix(from.Type, "connectedService:")
		if b.EndpointID == "" || isInput && !connected {
			found.add(at+"endpointId",
				"%q is not $(input) of an input of type connectedService; name one", b.EndpointID)
		}
	}
}

// restrictions: every task attaches a summary, which the agent refuses in
// restricted mode.
func restrictions(t Task, found *report) {
	r := t.Model.Restrictions
	switch {
	case r == nil:
		return
	case r.Commands == nil && r.Variables == nil:
		found.add("restrictions", "restrict nothing; remove them, or list settableVariables")
	case r.Commands != nil && r.Commands.Mode == "":
		found.add("restrictions.commands.mode", `is missing; write "any", or remove commands`)
	case r.Commands != nil && r.Commands.Mode == "restricted":
		found.add("restrictions.commands.mode", `is "restricted", in which the agent refuses the summary that every `+
			`task attaches; use settableVariables alone`)
	}
	if r.Variables == nil {
		return
	}
	if r.Variables.Allowed == nil {
		found.add("restrictions.settableVariables.allowed", "is missing; list the names, or [] for none")
	}
	for i, p := range r.Variables.Allowed {
		if !pattern.MatchString(p) {
			found.add(fmt.Sprintf("restrictions.settableVariables.allowed[%d]", i),
				"%q is not a variable's name with * and ?; correct it", p)
		}
	}
}

var pattern = regexp.MustCompile(`^[A-Za-z0-9_.*?-]+$`)

// settable: a task must be allowed to set what it promises (TaskRestrictionsExtension.cs
// compares without case).
func settable(t Task, found *report) {
	if t.Model.Restrictions == nil || t.Model.Restrictions.Variables == nil {
		return
	}
	for _, out := range t.Model.Outputs {
		allowed := false
		for _, p := range t.Model.Restrictions.Variables.Allowed {
			match, err := path.Match(strings.ToLower(p), strings.ToLower(out.Name))
			allowed = allowed || err == nil && match
		}
		if !allowed {
			found.add("restrictions.settableVariables.allowed",
				"does not let the task set its output variable %q; add it", out.Name)
		}
	}
}
