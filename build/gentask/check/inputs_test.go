package check

var brokenInputs = map[string]broken{
	"input name": {
		[]edit{{"inputs/file/name", "my.file"}, {"inputs/list/name", "2nd"}, {"inputs/folder/name", "föld"}},
		[]string{
			`inputs[5].name (input "2nd"): is not a letter and then letters and digits; rename it [input-name]`,
			`inputs[8].name (input "föld"): is not a letter and then letters and digits; rename it [input-name]`,
			`inputs[9].name (input "my.file"): is not a letter and then letters and digits; rename it [input-name]`,
		},
	},
	"same environment variable": {
		change("inputs/file/name", "FOLDER"),
		[]string{
			`inputs[9].name (input "FOLDER"): becomes INPUT_FOLDER, as input "folder" does; ` +
				"rename one of them [input-unique]",
		},
	},
	"same environment variable after the agent's change of names": {
		[]edit{{"inputs/file/name", "a.b"}, {"inputs/folder/name", "a b"}},
		[]string{
			`inputs[8].name (input "a b"): is not a letter and then letters and digits; rename it [input-name]`,
			`inputs[9].name (input "a.b"): is not a letter and then letters and digits; rename it [input-name]`,
			`inputs[9].name (input "a.b"): becomes INPUT_A_B, as input "a b" does; rename one of them [input-unique]`,
		},
	},
	"aliases": {
		[]edit{
			{"inputs/mode/aliases", jsonText(`["Mode", "file", "run-mode", "how", "HOW"]`)},
			{"inputs/file/aliases", jsonText(`["how"]`)},
		},
		[]string{
			`inputs[1].aliases[0] (input "mode"): "Mode" is the input's own name; remove it [alias]`,
			`inputs[1].aliases[1] (input "mode"): "file" already is a name or alias of input "file"; choose another [alias]`,
			`inputs[1].aliases[2] (input "mode"): "run-mode" is not a letter and then letters and digits; rename it [alias]`,
			`inputs[1].aliases[4] (input "mode"): "HOW" already is a name or alias of input "mode"; choose another [alias]`,
			`inputs[9].aliases[0] (input "file"): "how" already is a name or alias of input "mode"; choose another [alias]`,
		},
	},
	"label and help": {
		[]edit{{"inputs/file/label", " "}, {"inputs/list/label", gone{}}, {"inputs/list/helpMarkDown", gone{}}},
		[]string{
			`inputs[5].label (input "list"): is missing; give the words that messages call the input by [input-text]`,
			`inputs[5].helpMarkDown (input "list"): is missing; say what the value means, in whole sentences [input-text]`,
			`inputs[9].label (input "file"): is missing; give the words that messages call the input by [input-text]`,
		},
	},
	"types": {
		[]edit{
			{"inputs/file/type", "password"},
			{"inputs/folder/type", "identities"},
			{"inputs/list/type", "connectedService:"},
		},
		[]string{
			unsupported(`inputs[5].type (input "list")`, "connectedService:"),
			unsupported(`inputs[8].type (input "folder")`, "identities"),
			unsupported(`inputs[9].type (input "file")`, "password"),
			`inputs[5].defaultValue (input "list"): cannot name a connectedService: of somebody else's project; ` +
				"remove it [reference-default]",
		},
	},
	"secret": {
		[]edit{{"inputs/token/type", "multiLine"}, {"inputs/token/defaultValue", "hunter2"}},
		[]string{
			`inputs[4].type (input "token"): is "multiLine", but its helpMarkDown says "secret variable", ` +
				"which makes it a secret; use string, or change the words [secret]",
			`inputs[4].defaultValue (input "token"): is published with the task, but the input is a secret; ` +
				"remove it [secret]",
		},
	},
	"no enforcement": {
		change("inputs/enforcement", gone{}),
		[]string{
			`inputs: have no "enforcement"; add the pickList "enforcement" with the options enforce and warn, ` +
				"default enforce [enforcement]",
		},
	},
	"another enforcement": {
		[]edit{
			{"inputs/enforcement/type", "radio"},
			{"inputs/enforcement/defaultValue", "warn"},
			{"inputs/enforcement/options/off", "Off"},
			{"inputs/enforcement/visibleRule", "mode = run"},
		},
		[]string{
			`inputs[18].type (input "enforcement"): is not a plain pickList, as it is in every task; make it one [enforcement]`,
			`inputs[18].defaultValue (input "enforcement"): is not "enforce", as it is in every task; write that [enforcement]`,
			`inputs[18].options (input "enforcement"): are not enforce and warn, as they are in every task; ` +
				"write these two [enforcement]",
			`inputs[18].visibleRule (input "enforcement"): hides what every task has; remove it [enforcement]`,
		},
	},
	"editable enforcement": {
		change("inputs/enforcement/properties", jsonText(`{"EditableOptions": "True"}`)),
		[]string{
			`inputs[18].type (input "enforcement"): is not a plain pickList, as it is in every task; make it one [enforcement]`,
		},
	},
	"Go names": {
		[]edit{
			{"inputs/mode/options", jsonText(`{"dry.run": "D", "dryRun": "D", "*": "All", "a²": "Squared"}`)},
			{"inputs/apiUrl/visibleRule", "format = json"},
			{"inputs/format/name", "inputs"},
			{"inputs/apiUrl/visibleRule", gone{}},
		},
		[]string{
			`task.json: input "mode" and option "*" of input "mode" both become the Go name Mode; rename one of them [go-names]`,
			`task.json: option "dry.run" of input "mode" and option "dryRun" of input "mode" both become the Go name ` +
				"ModeDryRun; rename one of them [go-names]",
			`task.json: the struct of all inputs and input "inputs" both become the Go name Inputs; ` +
				"rename one of them [go-names]",
		},
	},
	"an option and an output": {
		[]edit{{"inputs/format/name", "output"}, {"inputs/apiUrl/visibleRule", gone{}}, {"outputVariables/hit/name", "json"}},
		[]string{
			`task.json: option "json" of input "output" and output variable "json" both become the Go name OutputJSON; ` +
				"rename one of them [go-names]",
			`restrictions.settableVariables.allowed: does not let the task set its output variable "json"; ` +
				"add it [settable]",
		},
	},
}

func unsupported(at, kind string) string {
	return at + `: "` + kind + `" is not a type that is supported here; use one of boolean, filePath, int, multiLine, ` +
		"pickList, radio, secureFile, string, connectedService:<type> [input-type]"
}

var brokenDefaults = map[string]broken{
	"required with a default": {
		change("inputs/list/required", true),
		[]string{
			`inputs[5].required (input "list"): is true, but there is a defaultValue, so nobody is ever asked; ` +
				"remove one of them [required-default]",
		},
	},
	"required with a blank default": {change("inputs/name/defaultValue", ""), nil},
	"booleans": {
		[]edit{{"inputs/deep/defaultValue", gone{}}, {"inputs/shallow/defaultValue", "False"}},
		[]string{
			`inputs[11].defaultValue (input "deep"): is neither true nor false; ` +
				"a check box has to start as one of them [boolean-default]",
			`inputs[12].defaultValue (input "shallow"): is neither true nor false; ` +
				"a check box has to start as one of them [boolean-default]",
		},
	},
	"int is octal": {change("inputs/count/defaultValue", "010"), []string{notWhole("010")}},
	"int is hex":   {change("inputs/count/defaultValue", "0x10"), []string{notWhole("0x10")}},
	"int is long":  {change("inputs/count/defaultValue", "4294967296"), []string{notWhole("4294967296")}},
	"int is empty": {change("inputs/count/defaultValue", ""), nil},
	"references": {
		[]edit{{"inputs/secureFile/defaultValue", "x"}, {"inputs/connectedServiceName/defaultValue", "y"}},
		[]string{
			`inputs[14].defaultValue (input "secureFile"): cannot name a secureFile of somebody else's project; ` +
				"remove it [reference-default]",
			`inputs[15].defaultValue (input "connectedServiceName"): cannot name a connectedService:AzureRM of ` +
				"somebody else's project; remove it [reference-default]",
		},
	},
	"default text": {
		[]edit{
			{"inputs/list/defaultValue", "a\nb"},
			{"inputs/folder/defaultValue", " x"},
			{"inputs/lines/defaultValue", "a\bb"},
		},
		[]string{
			`inputs[5].defaultValue (input "list"): has a control character (a line break is for multiLine alone); ` +
				"remove it [default-text]",
			`inputs[8].defaultValue (input "folder"): starts or ends with a blank, which the agent takes away; ` +
				"remove it [default-text]",
			`inputs[10].defaultValue (input "lines"): has a control character (a line break is for multiLine alone); ` +
				"remove it [default-text]",
		},
	},
}

func notWhole(value string) string {
	return `inputs[13].defaultValue (input "count"): "` + value +
		`" is not a plain whole number of at most 32 bits; correct it [int-default]`
}

var brokenOptions = map[string]broken{
	"options of no list, and a list of none": {
		[]edit{
			{"inputs/list/options", jsonText(`{"a": "A"}`)},
			{"inputs/format/options", gone{}},
			{"inputs/apiUrl/visibleRule", gone{}},
		},
		[]string{
			`inputs[2].options (input "format"): are missing; list them, or let a dataSourceBinding or EditableOptions ` +
				"give the value [options]",
			`inputs[5].options (input "list"): belong to a pickList or radio, not to string; remove them [options]`,
		},
	},
	"option texts": {
		[]edit{
			{"inputs/mode/options", jsonText(`{"dry.run": "D", "run": "", "a,b": "B", " c": "C"}`)},
			{"inputs/apiUrl/visibleRule", "mode = run"},
		},
		[]string{
			`inputs[1].options. c (input "mode"): is blank or has a blank around it, which the agent takes away; ` +
				"rename it [option-text]",
			`inputs[1].options.a,b (input "mode"): has a comma or a control character in it; rename it [option-text]`,
			`inputs[1].options.run (input "mode"): has no text; say what the editor shows for it [option-text]`,
		},
	},
	"default is no option": {
		change("inputs/mode/defaultValue", "Run"),
		[]string{
			`inputs[1].defaultValue (input "mode"): "Run" is not one of the options; choose one of them [option-default]`,
		},
	},
	"default of an editable list": {change("inputs/keyVaultName/defaultValue", "mine"), nil},
	"multi-select": {
		change("inputs/keyVaultName/properties/MultiSelectFlatList", "True"),
		[]string{
			`inputs[16].properties.MultiSelectFlatList (input "keyVaultName"): is not supported; ` +
				"use multiLine, one value a line [multi-select]",
		},
	},
}
