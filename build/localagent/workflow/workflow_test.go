package workflow_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/build/localagent/workflow"
)

func TestParse(t *testing.T) {
	t.Parallel()
	want := wholePipeline()
	got, err := workflow.Parse("a.yml", []byte(wholeFile))
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Parse (-want +got):\n%s", diff)
	}
}

const wholeFile = `# a comment with ${{ braces }} is no expression
name: $(Date:yyyyMMdd)$(Rev:.r)
trigger: { branches: { include: [main] } }
pr: none
pool:
  vmImage: ubuntu-latest
variables:
  plain: text
  version: 1.10
  yes: on
  empty:
  nested: $(plain)/x
steps:
- task: SafeCache@1
  name: cache
  displayName: 'Restore: $(plain)'
  condition: and(succeeded(), ne(variables['Build.Reason'], 'Schedule'))
  continueOnError: TRUE
  enabled: "False"
  timeoutInMinutes: 2.5
  retryCountOnTaskFailure: 3
  env:
    TOKEN: $(System.AccessToken)
    Z: ~
  inputs:
    key: go | "$(Agent.OS)" | **/go.sum
    restoreKeys: |
      go | "$(Agent.OS)"
      go
    path: $[ not an expression here ]
- script: echo one
  workingDirectory: sub
  failOnStderr: yes
- bash: |
    echo $[ 1 + 1 ]
    echo two
  env:
- checkout: self
  fetchDepth: 1
  condition: always()
`

// wholePipeline is what wholeFile says.
func wholePipeline() *workflow.Pipeline {
	return &workflow.Pipeline{
		Name:    "$(Date:yyyyMMdd)$(Rev:.r)",
		Ignored: []string{"name", "trigger", "pr", "pool"},
		Variables: []workflow.Variable{
			{Name: "plain", Value: "text", Line: 8}, {Name: "version", Value: "1.10", Line: 9},
			{Name: "yes", Value: "on", Line: 10}, {Name: "empty", Line: 11},
			{Name: "nested", Value: "$(plain)/x", Line: 12},
		},
		Steps: []workflow.Step{
			{
				Line: 14, Kind: workflow.Task, Task: "SafeCache@1", Name: "cache", DisplayName: "Restore: $(plain)",
				Condition:       "and(succeeded(), ne(variables['Build.Reason'], 'Schedule'))",
				ContinueOnError: true, TimeoutInMinutes: 2.5, RetryCountOnTaskFailure: 3,
				Env: []workflow.KeyValue{
					{Key: "TOKEN", Value: "$(System.AccessToken)", Line: 23}, {Key: "Z", Line: 24},
				},
				Inputs: []workflow.KeyValue{
					{Key: "key", Value: `go | "$(Agent.OS)" | **/go.sum`, Line: 26},
					{Key: "restoreKeys", Value: "go | \"$(Agent.OS)\"\ngo\n", Line: 27},
					{Key: "path", Value: "$[ not an expression here ]", Line: 30},
				},
			},
			{
				Line: 31, Kind: workflow.Script, Script: "echo one", Enabled: true,
				WorkingDirectory: "sub", FailOnStderr: true,
			},
			{Line: 34, Kind: workflow.Bash, Script: "echo $[ 1 + 1 ]\necho two\n", Enabled: true},
			{Line: 38, Kind: workflow.Checkout, Condition: "always()", Enabled: true},
		},
	}
}

const steps = "steps:\n- script: x\n" // two lines

func TestParseVariables(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		yaml string
		want []workflow.Variable
	}{
		"none": {"variables:\n", nil},
		"mapping": {
			"variables: {a: '1', B.c: \"2\"}\n",
			[]workflow.Variable{{Name: "a", Value: "1", Line: 1}, {Name: "B.c", Value: "2", Line: 1}},
		},
		"list": {
			"variables:\n- name: a\n  value: x\n- {name: b, value: , readonly: True}\n",
			[]workflow.Variable{{Name: "a", Value: "x", Line: 2}, {Name: "b", Line: 4, ReadOnly: true}},
		},
		"a lone $[ is text": {"variables: {a: '$[x'}\n", []workflow.Variable{{Name: "a", Value: "$[x", Line: 1}}},
		"Windows lines":     {"variables:\r\n  a: x\r\n", []workflow.Variable{{Name: "a", Value: "x", Line: 2}}},
		"byte order mark":   {"\ufeffvariables:\n  a: x\n", []workflow.Variable{{Name: "a", Value: "x", Line: 2}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := workflow.Parse("a.yml", []byte(tc.yaml+steps))
			if err != nil {
				t.Fatalf("Parse(%q): %v", tc.yaml, err)
			}
			if diff := cmp.Diff(tc.want, got.Variables); diff != "" {
				t.Errorf("variables of %q (-want +got):\n%s", tc.yaml, diff)
			}
		})
	}
}

func TestParseBooleans(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"true": true, "True": true, "TRUE": true, "tRuE": true, "'true'": true, "yes": true, "Y": true, "on": true,
		"false": false, "FALSE": false, "\"False\"": false, "no": false, "n": false, "OFF": false,
	} {
		got, err := workflow.Parse("a.yml", []byte(steps+"  enabled: "+text+"\n"))
		if err != nil {
			t.Errorf("enabled: %s: %v", text, err)
		} else if got.Steps[0].Enabled != want {
			t.Errorf("enabled: %s gave %v, want %v", text, !want, want)
		}
	}
}

func TestParseHostileFiles(t *testing.T) {
	t.Parallel()
	laughs := "a: &a [lol]\n"
	for c := 'b'; c < 'z'; c++ {
		laughs += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+string(c-1)+",", 9) + "]\n"
	}
	for name, yaml := range map[string]string{
		"too large":       steps + strings.Repeat("#", 1<<20),
		"billion laughs":  laughs + steps,
		"deep flow":       "pool: " + strings.Repeat("[", 200000),
		"deep mapping":    "steps: " + strings.Repeat("{a: ", 50000),
		"deep blocks":     "steps:\n" + strings.Repeat("- ", 100000),
		"many documents":  strings.Repeat("---\n", 1000),
		"NUL":             "steps:\n- script: \x00\n",
		"control char":    "steps:\n- script: \x1b[31m\n",
		"alias to itself": "steps: &a [*a]\n",
		"undefined alias": "steps: *a\n",
		// Work that grows with the square of these would show as a test that takes minutes.
		"many variables": "variables:\n" + numbered("- {name: v%d, value: 1}\n") + "x: y\n",
		"many steps":     "steps:\n" + numbered("- {script: x, name: s%d}\n") + "x: y\n",
		"many problems":  "steps:\n" + numbered("- {script: x, bad: s%d}\n"),
		"many keys":      "variables:\n" + numbered("  v%d: x\n") + "x: y\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := workflow.Parse("a.yml", []byte(yaml))
			if p != nil || err == nil {
				t.Fatalf("Parse = %+v, want an error", p)
			}
			if msg := err.Error(); !strings.HasPrefix(msg, "a.yml:") || strings.ContainsAny(msg, "\x00\x1b") {
				t.Errorf("Parse = %q, want file:line:column and printable text", msg)
			}
		})
	}
}

// numbered repeats line with 0, 1, 2 ... as long as it stays a file that is read.
func numbered(line string) string {
	var out strings.Builder
	for i := 0; out.Len() < 1000000; i++ {
		fmt.Fprintf(&out, line, i)
	}
	return out.String()
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("variables: {a: b}\nsteps:\n- task: A@1\n  inputs: {k: v}\n"))
	f.Add([]byte("steps:\n- script: x\n  env: {A: 1}\n  condition: failed()\n"))
	f.Add([]byte("variables:\n- name: a\n  value: |\n   b\nsteps:\n- bash: x\n  timeoutInMinutes: 1\n"))
	f.Add([]byte("steps: &a\n- *a\n---\n"))
	f.Add([]byte("? {a: b}\n: c\n"))
	f.Add([]byte("steps:\n- script: !a%1b \"\\e\"\n  \"\\a\": !b%0A c\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := workflow.Parse("f.yml", data)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "f.yml:") {
				t.Errorf("Parse(%q) = %v, want an error that starts with the file", data, err)
			}
			if strings.ContainsFunc(err.Error(), func(c rune) bool { return c < ' ' && c != '\n' }) {
				t.Errorf("Parse(%q) = %q, want no control characters", data, err)
			}
			return
		}
		if len(p.Steps) == 0 {
			t.Errorf("Parse(%q) accepted a pipeline without steps", data)
		}
		for _, s := range p.Steps {
			isTask := s.Kind == workflow.Task
			isScript := s.Kind == workflow.Script || s.Kind == workflow.Bash
			known := isTask || isScript || s.Kind == workflow.Checkout
			if !known || isTask != (s.Task != "") || isScript != (s.Script != "") {
				t.Errorf("Parse(%q) accepted the step %+v", data, s)
			}
		}
	})
}
