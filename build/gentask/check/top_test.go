package check

var brokenTop = map[string]broken{
	"nothing at all": {
		[]edit{
			{"id", gone{}},
			{"name", gone{}},
			{"friendlyName", gone{}},
			{"description", ""},
			{"author", "  "},
			{"category", gone{}},
			{"version", gone{}},
			{"minimumAgentVersion", nil},
			{"instanceNameFormat", gone{}},
			{"execution", gone{}},
			{"helpUrl", gone{}},
		},
		[]string{
			"id: is missing; every task.json needs it [required-fields]",
			"name: is missing; every task.json needs it [required-fields]",
			"friendlyName: is missing; every task.json needs it [required-fields]",
			"description: is missing; every task.json needs it [required-fields]",
			"author: is missing; every task.json needs it [required-fields]",
			"category: is missing; every task.json needs it [required-fields]",
			"version: is missing; every task.json needs it [required-fields]",
			"minimumAgentVersion: is missing; every task.json needs it [required-fields]",
			"instanceNameFormat: is missing; every task.json needs it [required-fields]",
			"execution: is missing; every task.json needs it [required-fields]",
			"helpUrl: is missing, and so is helpMarkDown; give the address of the task's README [help]",
		},
	},
	"helpMarkDown alone is enough": {
		[]edit{{"helpUrl", gone{}}, {"helpMarkDown", "[More](https://example.com)"}}, nil,
	},
	"helpUrl is no address": {
		change("helpUrl", "example.com/fixture"), []string{"helpUrl: is not an https address; correct it [help]"},
	},
	"id is no GUID": {
		change("id", "0b5d1c0e6a4f4e0c9a535c9f0c1f7a11"),
		[]string{"id: is not a GUID; make a random one (uuidgen) and never change it [id]"},
	},
	"id is of zeros": {
		change("id", "00000000-0000-0000-0000-000000000000"),
		[]string{"id: is the GUID of all zeros, which means no task; make a random one (uuidgen) [id]"},
	},
	"name with a hyphen": {
		change("name", "Fix-ture"),
		[]string{`name: "Fix-ture" cannot name a Go package; use a letter and then letters and digits [name]`},
	},
	"name is a keyword": {
		change("name", "Go"),
		[]string{`name: "Go" cannot name a Go package; use a letter and then letters and digits [name]`},
	},
	"name is not the folder's": {
		change("name", "Other"),
		[]string{`name: "Other" is not the folder's name; rename the folder to tasks/other [name]`},
	},
	"friendlyName of 40 characters": {change("friendlyName", "1234567890123456789012345678901234567é🔒"), nil},
	"friendlyName of 41": {
		change("friendlyName", "12345678901234567890123456789012345678é🔒"),
		[]string{"friendlyName: has 41 characters; shorten it to 40 [friendly-name]"},
	},
	"version is a text": {
		change("version", "1.0.0"),
		[]string{`version: is not an object; write { "Major": 1, "Minor": 0, "Patch": 0 } [version]`},
	},
	"version starts at 0, and is given twice": {
		change("version", jsonText(`{"Major": 0, "Minor": 1, "Patch": 2}`)),
		[]string{
			"version.Major: is not a whole number from 1; it is what users write after the @ [version]",
			"version.Minor: is not 0; leave it 0, build/pack sets it from vss-extension.json [version]",
			"version.Patch: is not 0; leave it 0, build/pack sets it from vss-extension.json [version]",
		},
	},
	"version is no whole number": {
		change("version", jsonText(`{"Major": 1.5, "Minor": 0, "Patch": 0}`)),
		[]string{"version.Major: is not a whole number from 1; it is what users write after the @ [version]"},
	},
	"older agent": {
		change("minimumAgentVersion", "2.144.0"),
		[]string{
			`minimumAgentVersion: is "2.144.0"; write "4.248.0", the first agent with Node20_1 [agent-version]`,
		},
	},
	"instance name of no input": {
		change("instanceNameFormat", "Fixture $(nam) of $(name)"),
		[]string{"instanceNameFormat: has $(nam), which is no input; name an input or leave it out [instance-name]"},
	},
	"schema: wrong type": {
		change("preview", "true"),
		[]string{
			"preview: got string, want boolean; " +
				"build/gentask/schema/tasks.schema.json has what may stand here [schema]",
		},
	},
	"schema: unknown field": {
		change("inputs/name/secret", true),
		[]string{
			"inputs[0].secret: is not a field that belongs here; " +
				"build/gentask/schema/tasks.schema.json has what may stand here [schema]",
		},
	},
}

var brokenStages = map[string]broken{
	"one handler is missing in one stage": {
		change("postjobexecution/Node24", gone{}),
		[]string{`postjobexecution.Node24: is missing; write { "target": "post.js" } [handlers]`},
	},
	"handlers that do not run the launcher": {
		[]edit{
			{"execution/Process", jsonText(`{"target": "main.exe"}`)},
			{"execution/Node16", jsonText(`{"target": "main.js"}`)},
			{"execution/Node10", jsonText(`{"target": "main.js"}`)},
			{"prejobexecution/PowerShell3", jsonText(`{"target": "pre.ps1"}`)},
			{"prejobexecution/Node22", jsonText(`{"target": "pre.js"}`)},
		},
		[]string{
			"prejobexecution.Node22: Node22 is not a handler that runs the launcher; remove it [handlers]",
			"prejobexecution.PowerShell3: PowerShell3 runs on Windows alone; remove it [handlers]",
			"execution.Node10: Node10 is a Node past its end, which new agents no longer have and warn about; " +
				"remove it [handlers]",
			"execution.Node16: Node16 is a Node past its end, which new agents no longer have and warn about; " +
				"remove it [handlers]",
			"execution.Process: Process runs on Windows alone and gets no inputs; remove it [handlers]",
		},
	},
	"a stage without handlers": {
		change("execution", jsonText(`{}`)),
		[]string{
			`execution.Node20_1: is missing; write { "target": "main.js" } [handlers]`,
			`execution.Node24: is missing; write { "target": "main.js" } [handlers]`,
		},
	},
	"another stage's target, and fields node has no use for": {
		[]edit{
			{"execution/Node24/target", "post.js"},
			{"execution/Node24/argumentFormat", "main"},
			{"execution/Node20_1/platforms", jsonText(`["windows"]`)},
		},
		[]string{
			"execution.Node20_1.platforms: is of no use to the launcher; remove it [handler-fields]",
			`execution.Node24.target: is not "main.js", the launcher's file for this stage; write that [handler-fields]`,
			"execution.Node24.argumentFormat: is of no use to the launcher; remove it [handler-fields]",
		},
	},
	"a task without pre and post": {
		[]edit{{"prejobexecution", gone{}}, {"postjobexecution", gone{}}}, nil,
	},
}
