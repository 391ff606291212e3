package workflow_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/build/localagent/workflow"
)

// problems are files that are refused, with all that is said about each.
var problems = map[string]struct {
	yaml string
	want []string // all problems, in order; each as the beginning of the message
}{
	"empty":          {"", []string{"1:1: file is empty, want steps"}},
	"only a comment": {"# nothing\n", []string{"1:1: file is empty"}},
	"null":           {"~\n", []string{"1:1: want a mapping with variables, steps"}},
	"text": {
		"hello\n",
		[]string{
			`1:1: want a mapping with variables, steps (and, ignored: name, trigger, pr, pool), got "hello"`,
		},
	},
	"list":     {"- script: x\n", []string{"1:1: want a mapping"}},
	"no steps": {"trigger: none\n", []string{"1:1: there are no steps"}},
	"empty steps": {
		"steps: []\n",
		[]string{
			"1:8: steps: want a list of steps, got an empty list",
		},
	},
	"null steps": {"steps:\n", []string{"1:7: steps: want a list of steps, got nothing"}},
	"steps not a list": {
		"steps: {script: x}\n",
		[]string{
			"1:8: steps: want a list of steps, got a mapping",
		},
	},
	"step not mapping": {
		"steps:\n- x\n- []\n- {}\n",
		[]string{
			"2:3: want a step that",
			"3:3: want a step that",
			"4:3: want a step that",
		},
	},
	"bad YAML": {
		"steps:\n- script: 'x\n",
		[]string{
			"2:1: not valid YAML: found unexpected end of stream",
		},
	},
	"tab": {
		"steps:\n\t- script: x\n",
		[]string{
			"2:1: not valid YAML: found character that cannot start any token: there is a tab, YAML is indented with spaces",
		},
	},
	"not UTF-8": {"steps: \xff\n", []string{"1:1: not valid YAML: "}},
	"second document": {
		steps + "---\nx: 1\n",
		[]string{
			"3:1: a second YAML document starts here",
		},
	},
	"bad second":                {steps + "---\n'", []string{"4:1: not valid YAML"}},
	"second document is broken": {steps + "---\na: b\nc: 'x", []string{"5:1: not valid YAML"}},
	"text after the document":   {steps + "...\n*a", []string{"3:1: not valid YAML"}},
	"alias as root":             {"&a\nsteps: []\n", []string{"1:1: YAML anchors (&a)"}},
	"stages": {
		"stages: []\n" + steps,
		[]string{
			`1:1: "stages" is not supported: one job is run`,
		},
	},
	"jobs": {"jobs: []\n", []string{`1:1: "jobs" is not supported: one job is run`}},
	"template steps": {
		"steps:\n- template: x.yml\n",
		[]string{
			`2:3: a step of kind "template" is not supported by the local agent; remove it, or put the steps you want to try ` +
				`into a file of their own (supported: task, script, bash, checkout)`,
		},
	},
	"other steps": {
		"steps:\n- publish: x\n- download: current\n- pwsh: x\n- powershell: x\n",
		[]string{
			`2:3: a step of kind "publish" is not supported by the local agent; remove it`,
			`3:3: a step of kind "download" is not`, `4:3: a step of kind "pwsh" is not`, `5:3: a step of kind "powershell" is not`,
		},
	},
	"checkout": {
		"steps:\n- checkout: git://other\n- checkout: self\n  depth: 1\n- checkout: none\n  clean: {}\n",
		[]string{
			`2:13: checkout: want self or none, got "git://other"`,
			`4:3: unknown key "depth"; supported are name,`,
			`6:10: clean: want text, got an empty mapping`,
		},
	},
	"unknown top level": {
		"Steps: []\n" + steps,
		[]string{
			`1:1: unknown key "Steps", did you mean "steps"`,
			`2:1: key "steps" is used twice, first in line 1`,
		},
	},
	"template key": {
		"${{ if x }}:\n  a: b\n" + steps,
		[]string{
			"1:1: template expressions ${{ }} are not supported",
		},
	},
	"mapping as key": {"{a: b}: c\n" + steps, []string{"1:1: want a name as key, got a mapping"}},
	"variables text": {
		"variables: x\n" + steps,
		[]string{
			`1:12: variables: want a mapping or a list of name and value, got "x"`,
		},
	},
	"variable list": {
		"variables: {a: [1]}\n" + steps,
		[]string{
			"1:16: a variable's value: want text, got a list",
		},
	},
	"variable template": {
		"variables: {a: '${{ x }}', b: '$[ x ]'}\n" + steps,
		[]string{
			"1:16: template expressions",
			"1:31: runtime expressions $[ ] are not supported",
		},
	},
	"variable twice": {
		"variables:\n  a: 1\n  A: 2\n" + steps,
		[]string{
			`3:3: key "A" is used twice, first in line 2`,
		},
	},
	"variable twice in list": {
		"variables:\n- {name: a, value: 1}\n- {name: A, value: 2}\n" + steps,
		[]string{`3:3: variable "A" is set twice`},
	},
	"variable without name": {
		"variables:\n- {value: 1}\n- {name: ' ', value: 1}\n- {name: a}\n" + steps,
		[]string{
			"2:3: a variable needs",
			"3:3: a variable needs",
			"4:3: a variable needs",
		},
	},
	"blank variable": {"variables: {'': 1}\n" + steps, []string{"1:13: a variable needs a name"}},
	"variable group": {
		"variables:\n- group: secrets\n- template: t.yml\n- x\n" + steps,
		[]string{
			`2:3: "group" is not supported: variable groups live`,
			`3:3: unknown key "template"; supported are name, value, readonly`,
			`4:3: variables: want name and value, got "x"`,
		},
	},
	"task without version": {
		"steps:\n- task: SafeCache\n- task: a b@1\n- task: X@1.2\n",
		[]string{
			`2:9: task: "SafeCache" is not Name@MajorVersion`,
			"3:9: task: ",
			"4:9: task: ",
		},
	},
	"empty script": {
		"steps:\n- script:\n- bash: ' '\n- task:\n",
		[]string{
			"2:10: script is empty",
			"3:9: bash is empty",
			"4:8: task is empty",
		},
	},
	"script not text": {
		"steps:\n- script: [a]\n",
		[]string{
			"2:11: script: want text, got a list",
		},
	},
	"template in script": {
		"steps:\n- script: echo ${{ x }}\n",
		[]string{
			"2:11: template expressions ${{ }} are not supported",
		},
	},
	"kind not first": {
		"steps:\n- displayName: x\n  script: y\n",
		[]string{
			`2:3: a step starts with task, script, bash or checkout, not with "displayName"`,
		},
	},
	"two kinds": {
		steps + "  bash: y\n",
		[]string{
			`3:3: "bash" is not supported: a step has one of`,
		},
	},
	"inputs on a script": {
		steps + "  inputs: {}\n",
		[]string{
			`3:3: "inputs" is not supported: only a task has inputs`,
		},
	},
	"workingDirectory": {
		"steps:\n- task: A@1\n  workingDirectory: x\n",
		[]string{
			`3:3: "workingDirectory" is not supported: on a task it is one of the inputs`,
		},
	},
	"wrong case": {
		steps + "  displayname: x\n",
		[]string{
			`3:3: unknown key "displayname", did you mean "displayName"`,
		},
	},
	"unknown key": {
		steps + "  target: host\n",
		[]string{
			`3:3: unknown key "target"; supported are name, displayName`,
		},
	},
	"bad name": {steps + "  name: a-b\n", []string{`3:9: name: "a-b" is not made of`}},
	"same name": {
		"steps:\n- script: x\n  name: a\n- script: y\n  name: A\n",
		[]string{
			`4:3: another step has the name "A"`,
		},
	},
	"bad boolean": {
		steps + "  enabled: 1\n  continueOnError: $(x)\n",
		[]string{
			`3:12: enabled: want true or false, got "1"`,
			`4:20: continueOnError: want true or false, got "$(x)"; a variable cannot`,
		},
	},
	"null boolean": {
		steps + "  enabled:\n",
		[]string{
			"3:11: enabled: want true or false, got nothing",
		},
	},
	"bad timeout": {
		steps + "  timeoutInMinutes: -1\n  retryCountOnTaskFailure: 1.5\n",
		[]string{
			`3:21: timeoutInMinutes: want a number from 0 to 35791, got "-1"`,
			`4:28: retryCountOnTaskFailure: want a whole number from 0 to 10, got "1.5"`,
		},
	},
	"timeout not a number": {
		steps + "  timeoutInMinutes: .inf\n  retryCountOnTaskFailure: 11\n",
		[]string{
			"3:21: timeoutInMinutes:",
			"4:28: retryCountOnTaskFailure:",
		},
	},
	"exponent": {
		steps + "  timeoutInMinutes: 1e3\n  retryCountOnTaskFailure: 0x1\n",
		[]string{
			"3:21: timeoutInMinutes:",
			"4:28: retryCountOnTaskFailure:",
		},
	},
	"bad condition": {
		steps + "  condition: startsWith('a', 'b')\n",
		[]string{
			`3:14: condition, column 1: function "startsWith" is not supported`,
		},
	},
	"env list": {
		steps + "  env: [a]\n",
		[]string{
			"3:8: env: want a mapping of names and values, got a list",
		},
	},
	"env names": {
		steps + "  env: {'A=B': 1, '': 2, A: {}}\n",
		[]string{
			`3:9: env: "A=B" is not a name`,
			`3:19: env: "" is not a name`,
			"3:29: A: want text, got an empty mapping",
		},
	},
	"env twice": {
		steps + "  env: {A: 1, a: 2}\n",
		[]string{
			`3:15: key "a" is used twice, first in line 3`,
		},
	},
	"anchor": {
		"steps:\n- &a\n  script: x\n- script: &b y\n",
		[]string{
			"2:3: YAML anchors (&a)",
			"4:11: YAML anchors (&b)",
		},
	},
	"merge key": {"steps:\n- script: x\n  <<: {env: {}}\n", []string{`3:3: unknown key "<<"`}},
	"tag": {
		"steps:\n- script: !!str x\n  env: !foo%1B {}\n",
		[]string{
			`2:11: YAML tags ("!!str")`,
			`3:8: YAML tags ("!foo\x1b")`,
		},
	},
	"alias in ignored block": {
		"pool: &p x\nvariables: {a: *p}\n" + steps,
		[]string{
			"1:7: YAML anchors (&p)",
			"2:16: YAML aliases (*p) are not supported",
		},
	},
}

func TestParseProblems(t *testing.T) {
	t.Parallel()
	for name, tc := range problems {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkProblems(t, tc.yaml, tc.want)
		})
	}
}

// checkProblems compares the problems of yaml with want, each a beginning.
func checkProblems(t *testing.T, yaml string, want []string) {
	t.Helper()
	p, err := workflow.Parse("a.yml", []byte(yaml))
	if p != nil || err == nil {
		t.Fatalf("Parse(%q) = %+v, %v, want an error and no pipeline", yaml, p, err)
	}
	got := strings.Split(err.Error(), "\n")
	matches := func(line, want string) bool { return strings.HasPrefix(line, "a.yml:"+want) }
	if !slices.EqualFunc(got, want, matches) {
		t.Errorf("Parse(%q):\ngot\n\t%s\nwant lines that start with\n\t%s",
			yaml, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
	var first *workflow.Error
	if !errors.As(err, &first) || first.File != "a.yml" || first.Line < 1 || first.Column < 1 {
		t.Errorf("Parse(%q): first problem is %+v, want file, line and column", yaml, first)
	}
}
