package check

var brokenVisible = map[string]broken{
	"rules that do not parse": {
		[]edit{
			{"inputs/apiUrl/visibleRule", "format = json && mode = run || mode = dry.run"},
			{"groups/azure/visibleRule", "(mode = run)"},
			{"inputs/list/visibleRule", "mode = "},
		},
		[]string{
			"groups[1].visibleRule: the editor knows no parentheses; write one list of && or one of || [visible-rule]",
			`inputs[3].visibleRule (input "apiUrl"): the editor cannot mix && and ||; write one list of either [visible-rule]`,
			`inputs[5].visibleRule (input "list"): "mode =" has no value; write "" for the empty one [visible-rule]`,
		},
	},
	"rules about nothing": {
		[]edit{
			{"inputs/list/visibleRule", "runMode = run"},
			{"inputs/file/visibleRule", "Mode = run"},
			{"groups/azure/visibleRule", "nothing = x"},
		},
		[]string{
			`groups[1].visibleRule: names "nothing", which is no input; ` +
				"name an input (not an alias), in its case [visible-rule]",
			`inputs[5].visibleRule (input "list"): names "runMode", which is no input; ` +
				"name an input (not an alias), in its case [visible-rule]",
			`inputs[9].visibleRule (input "file"): names "Mode", which is no input; ` +
				"name an input (not an alias), in its case [visible-rule]",
		},
	},
	"values that never are": {
		[]edit{
			{"inputs/list/visibleRule", "mode In run, walk"},
			{"inputs/file/visibleRule", "deep = True"},
			{"inputs/folder/visibleRule", `mode != "" && mode Contains wal`},
			{"inputs/quotes/visibleRule", "keyVaultName = anything"},
		},
		[]string{
			`inputs[5].visibleRule (input "list"): compares input "mode" with "walk"; ` +
				"its values are dry.run, run, run|twice [visible-values]",
			`inputs[9].visibleRule (input "file"): compares input "deep" with "True"; ` +
				"its values are true, false [visible-values]",
		},
	},
	"circles": {
		[]edit{
			{"inputs/list/visibleRule", "list = x"},
			{"inputs/file/visibleRule", "folder = x"},
			{"inputs/folder/visibleRule", "file = x"},
			{"inputs/slashes/visibleRule", "file = x"},
			{"groups/azure/visibleRule", "keyVaultName = x"},
		},
		[]string{
			circle(`inputs[5].visibleRule (input "list")`),
			circle(`inputs[8].visibleRule (input "folder")`),
			circle(`inputs[9].visibleRule (input "file")`),
			circle(`inputs[16].visibleRule (input "keyVaultName")`),
		},
	},
}

func circle(at string) string {
	return at + ": waits, with its group's, for an input that waits for this one, so neither is ever shown; " +
		"cut the circle [visible-cycle]"
}

var brokenOutputs = map[string]broken{
	"names": {
		[]edit{
			{"outputVariables/+", jsonText(`{"name": "HIT", "description": "Again."}`)},
			{"outputVariables/+", jsonText(`{"name": "hit.it", "description": "Dotted."}`)},
			{"restrictions", gone{}},
		},
		[]string{
			`task.json: output variable "hit.it" becomes "OutputHit.it", which is not a Go name; rename it [go-names]`,
			`outputVariables[2].name: "HIT" stands twice (case does not count); rename one of them [output-name]`,
			`outputVariables[3].name: "hit.it" is not a letter and then letters and digits; rename it [output-name]`,
		},
	},
	"description": {
		change("outputVariables/hit/description", gone{}),
		[]string{`outputVariables[0].description: is missing; say what "hit" holds, and when [output-text]`},
	},
	"clash with what an input names": {
		[]edit{
			{"inputs/doneVar/defaultValue", "other, Hit"},
			{"inputs/list/name", "reportUrl"},
			{"inputs/folder/name", "hitVariable"},
			{"outputVariables/+", jsonText(`{"name": "HitVariable", "description": "Same as the input."}`)},
			{"restrictions", gone{}},
		},
		[]string{
			`inputs[8].name (input "hitVariable"): is an output variable too ("HitVariable"), although it takes the ` +
				"name of one; rename one of them [output-clash]",
			`inputs[17].defaultValue (input "doneVar"): names the output variable "hit", which the agent then hides ` +
				"behind the step's name; choose another [output-clash]",
		},
	},
}

var brokenEditor = map[string]broken{
	"groups": {
		[]edit{
			{"inputs/list/groupName", "none"},
			{"groups/+", jsonText(`{"name": "empty", "displayName": "Empty"}`)},
		},
		[]string{
			`inputs[5].groupName (input "list"): "none" is no group, so the editor does not show the input; ` +
				"add it to groups [groups]",
			`groups[2].name: no input is in the group "empty"; remove it [groups]`,
		},
	},
	"group names": {
		change("groups/+", jsonText(`{"name": "plain", "displayName": " "}`)),
		[]string{
			`groups[2].name: "plain" is blank or stands twice; rename it [group-names]`,
			`groups[2].displayName: is missing; say what the editor shows for "plain" [group-names]`,
		},
	},
	"bindings": {
		[]edit{
			{"dataSourceBindings/keyVaultName/endpointId", "$(name)"},
			{"dataSourceBindings/keyVaultName/dataSourceName", gone{}},
			{"dataSourceBindings/+", jsonText(`{"target": "vault", "dataSourceName": "x"}`)},
			{"dataSourceBindings/+", jsonText(`{"target": "list", "endpointUrl": "x", "endpointId": "tfs:feed"}`)},
		},
		[]string{
			"dataSourceBindings[0].dataSourceName: is missing, and so is endpointUrl; give one of them [bindings]",
			`dataSourceBindings[0].endpointId: "$(name)" is not $(input) of an input of type connectedService; ` +
				"name one [bindings]",
			`dataSourceBindings[1].target: "vault" is no input of type pickList; name one [bindings]`,
			`dataSourceBindings[1].endpointId: "" is not $(input) of an input of type connectedService; name one [bindings]`,
			`dataSourceBindings[2].target: "list" is no input of type pickList; name one [bindings]`,
		},
	},
	"restrictions of nothing": {
		change("restrictions", jsonText(`{}`)),
		[]string{"restrictions: restrict nothing; remove them, or list settableVariables [restrictions]"},
	},
	"restricted mode": {
		change("restrictions", jsonText(`{"commands": {"mode": "restricted"}}`)),
		[]string{
			`restrictions.commands.mode: is "restricted", in which the agent refuses the summary that every task attaches; ` +
				"use settableVariables alone [restrictions]",
		},
	},
	"no mode, no list": {
		change("restrictions", jsonText(`{"commands": {}, "settableVariables": {}}`)),
		[]string{
			`restrictions.commands.mode: is missing; write "any", or remove commands [restrictions]`,
			"restrictions.settableVariables.allowed: is missing; list the names, or [] for none [restrictions]",
			`restrictions.settableVariables.allowed: does not let the task set its output variable "hit"; add it [settable]`,
			`restrictions.settableVariables.allowed: does not let the task set its output variable "reportUrl"; ` +
				"add it [settable]",
		},
	},
	"settable variables": {
		change("restrictions/settableVariables/allowed", jsonText(`["HIT", "{a,b}", ""]`)),
		[]string{
			`restrictions.settableVariables.allowed[1]: "{a,b}" is not a variable's name with * and ?; ` +
				"correct it [restrictions]",
			`restrictions.settableVariables.allowed[2]: "" is not a variable's name with * and ?; correct it [restrictions]`,
			`restrictions.settableVariables.allowed: does not let the task set its output variable "reportUrl"; ` +
				"add it [settable]",
		},
	},
}
