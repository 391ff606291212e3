package check

import (
	"strings"
	"unicode"
)

var optionRules = []rule{
	{"options", options},
	{"option-text", optionText},
	{"option-default", optionDefault},
	{"multi-select", multiSelect},
}

// options: a closed list without options cannot be filled in, and no other type
// shows options.
func options(t Task, found *report) {
	for i, in := range t.Model.Inputs {
		switch {
		case !in.Picks() && len(in.Options) > 0:
			found.input(t, i, "options", "belong to a pickList or radio, not to %s; remove them", in.Type)
		case t.Model.Closed(in) && len(in.Options) == 0:
			found.input(t, i, "options",
				"are missing; list them, or let a dataSourceBinding or EditableOptions give the value")
		}
	}
}

// optionText: values go into a list separated by commas, and into messages.
func optionText(t Task, found *report) {
	for i, in := range t.Model.Inputs {
		for _, option := range in.Options {
			field := "options." + option.Value
			bad := func(r rune) bool { return r == ',' || unicode.IsControl(r) }
			switch {
			case strings.TrimSpace(option.Value) == "" || strings.TrimSpace(option.Value) != option.Value:
				found.input(t, i, field, "is blank or has a blank around it, which the agent takes away; rename it")
			case strings.IndexFunc(option.Value, bad) >= 0:
				found.input(t, i, field, "has a comma or a control character in it; rename it")
			case strings.TrimSpace(option.Text) == "":
				found.input(t, i, field, "has no text; say what the editor shows for it")
			}
		}
	}
}

// optionDefault: the editor shows nothing for a default that is no option.
func optionDefault(t Task, found *report) {
	for i, in := range t.Model.Inputs {
		if t.Model.Closed(in) && in.Default != "" && !in.Options.Has(string(in.Default)) {
			found.input(t, i, "defaultValue", "%q is not one of the options; choose one of them", in.Default)
		}
	}
}

// multiSelect: several picked values come joined by commas, which no option's
// constant equals.
func multiSelect(t Task, found *report) {
	for i, in := range t.Model.Inputs {
		for _, property := range []string{"MultiSelect", "MultiSelectFlatList"} {
			if strings.EqualFold(in.Property(property), "true") {
				found.input(t, i, "properties."+property,
					"is not supported; use multiLine, one value a line")
			}
		}
	}
}
