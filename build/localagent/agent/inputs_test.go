package agent

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/build/localagent/bundle"
	"github.com/guardrails-ci/guardrails/build/localagent/variables"
)

func TestInputValues(t *testing.T) {
	t.Parallel()
	var vars variables.Store
	for name, value := range map[string]string{"x": "X", "nested": "$(x)", "space": " s ", "abs": "/abs/../file"} {
		vars.Set(name, value, variables.Options{})
	}
	agent := map[string]string{"HOME": "/home/me", "x": "agent"}
	c := inputContext{root: "/w/1/s", trim: true, expand: vars.Expand, expandAgent: func(s string) string {
		return variables.ExpandEnv(s, func(name string) (string, bool) { v, ok := agent[name]; return v, ok })
	}}
	for name, tc := range map[string]struct {
		in    bundle.Input
		given string
		want  string
	}{
		"default":                     {bundle.Input{Default: " d "}, "-", "d"},
		"default with a variable":     {bundle.Input{Default: "$(x)/$(HOME)"}, "-", "X//home/me"},
		"given wins, even when empty": {bundle.Input{Default: "d"}, "", ""},
		// What a variable brings is not trimmed.
		"trimmed before expansion": {bundle.Input{}, "\n a $(space) \r\n", "a  s "},
		"one pass":                 {bundle.Input{}, "$(nested)", "agent"}, // the second pass is the agent's environment
		"unknown stays":            {bundle.Input{}, "$(nope) $() $(", "$(nope) $() $("},
		"inner newlines stay":      {bundle.Input{Type: "multiLine"}, "a\r\nb\nc", "a\r\nb\nc"},
		// TaskRunner.cs, TranslateFilePathInput.
		"filePath relative":       {bundle.Input{Type: "filePath"}, "src/../a.txt", "/w/1/s/a.txt"},
		"filePath outside":        {bundle.Input{Type: "FILEPATH"}, "../x", "/w/1/x"},
		"filePath absolute":       {bundle.Input{Type: "filePath"}, "$(abs)", "/file"},
		"filePath empty":          {bundle.Input{Type: "filePath"}, "", "/w/1/s"},
		"filePath keeps a slash":  {bundle.Input{Type: "filePath"}, "dir//sub/", "/w/1/s/dir/sub/"},
		"filePath root":           {bundle.Input{Type: "filePath"}, "/", "/"},
		"filePath knows no globs": {bundle.Input{Type: "filePath"}, "**/*.x", "/w/1/s/**/*.x"},
	} {
		tc.in.Name = "in"
		var given []pair
		if tc.given != "-" {
			given = []pair{{"in", tc.given}}
		}
		got := c.values([]bundle.Input{tc.in}, given)
		if diff := cmp.Diff([]pair{{"in", tc.want}}, got, cmp.AllowUnexported(pair{})); diff != "" {
			t.Errorf("%s: input %q (-want +got):\n%s", name, tc.given, diff)
		}
	}
}

// What the server says no to, before any agent sees the job.
func TestPipelineRefused(t *testing.T) {
	t.Parallel()
	fields := map[string]any{"inputs": []any{
		map[string]any{"name": "key", "aliases": []string{"cacheKey"}, "required": true},
		map[string]any{"name": "hidden", "required": true, "visibleRule": "key = x"},
		map[string]any{"name": "conn", "type": "connectedService:AzureRM"},
		map[string]any{"name": "file", "type": "secureFile"},
	}}
	for name, tc := range map[string]struct{ pipeline, want string }{
		"unknown input": {"steps:\n- task: A@1\n  inputs:\n    key: x\n    keys: y\n",
			`p.yml:5: task A@1 has no input "keys": it has key (cacheKey), hidden, conn, file`},
		"input and its alias": {"steps:\n- task: A@1\n  inputs:\n    key: x\n    cacheKey: y\n",
			`p.yml:5: input "key" of task A@1 is given twice, first in line 4`},
		"missing":          {"steps:\n- task: A@1\n", `p.yml:2: task A@1 needs the input "key"`},
		"blank":            {"steps:\n- task: A@1\n  inputs: {key: '  '}\n", `p.yml:2: task A@1 needs the input "key"`},
		"unknown endpoint": {"steps:\n- task: A@1\n  inputs: {key: x, conn: nope}\n", `p.yml:3: input "conn" names the endpoint "nope", which was not given`},
		"unknown file":     {"steps:\n- task: A@1\n  inputs: {key: x, file: nope}\n", `p.yml:3: input "file" names the secure file "nope", which was not given`},
		"unknown task":     {"steps:\n- task: B@1\n", `p.yml:2: task "B@1" is not in`},
		"other version":    {"steps:\n- task: A@2\n", `it has A@1`},
		"old handlers":     {"steps:\n- task: Old@1\n", `p.yml:2: task Old@1: execution has only Node16: agents need Node24 and Node20_1, or give --allow-old-handlers`},
		"windows only":     {"steps:\n- task: Win@1\n", `p.yml:2: task Win@1: execution has no handler for node`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, tc.pipeline)
			target := map[string]string{"target": "execution.js"}
			l.Tasks = makeTasks(t, map[string]jsTask{
				"A":   {main: "1", fields: fields},
				"Old": {main: "1", fields: map[string]any{"execution": map[string]any{"Node16": target}}},
				"Win": {fields: map[string]any{"execution": map[string]any{"PowerShell3": target}}},
			})
			_, err := Run(l.ctx, l.Options)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("Run: got error %v, want one line with %q", err, tc.want)
			}
			if l.out.Len() > 0 {
				t.Errorf("nothing may be printed before the pipeline is known to be good, got\n%s", l.out.String())
			}
		})
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	l := newLab(t, "steps:\n- task: A@1\n- task: B@1\n")
	l.Tasks = makeTasks(t, map[string]jsTask{"A": {main: "1", fields: map[string]any{"inputs": []any{map[string]any{"name": "k", "required": true}}}}})
	_, err := Run(l.ctx, l.Options)
	if err == nil || missing(err.Error(), "p.yml:2:", "p.yml:3:") != "" {
		t.Errorf("Run: got %v, want the problems of both lines", err)
	}
}

// TaskRunnerL0.cs (GetHandlerHostOnlyTests) has the cases that hold off Windows: node
// before PowerShell3, the newest node first (Priority in TaskManager.cs).
func TestChooseHandler(t *testing.T) {
	t.Parallel()
	const both = " handler: to run on all agents it needs Node24 and Node20_1"
	n24, n20, n16, n6 := bundle.Handler{Target: "24"}, bundle.Handler{Target: "20"}, bundle.Handler{Target: "16"}, bundle.Handler{Target: "6"}
	for name, tc := range map[string]struct {
		handlers           bundle.Handlers
		old                bool
		want, warning, err string
	}{
		"both":          {bundle.Handlers{"Node24": n24, "node20_1": n20, "Node16": n16}, false, "24", "", ""},
		"newest only":   {bundle.Handlers{"Node24": n24}, false, "24", "has no Node20_1" + both, ""},
		"20 only":       {bundle.Handlers{"Node16": n16, "node20_1": n20}, false, "20", "has no Node24" + both, ""},
		"20 only, old":  {bundle.Handlers{"node20_1": n20}, true, "20", "has no Node24" + both, ""},
		"old, allowed":  {bundle.Handlers{"Node16": n16, "Node": n6}, true, "16", "", ""},
		"old, refused":  {bundle.Handlers{"Node16": n16, "Node": n6}, false, "", "", "has only Node16, Node: agents need Node24 and Node20_1"},
		"very old":      {bundle.Handlers{"Node": n6, "PowerShell3": n16}, true, "6", "", ""},
		"none":          {bundle.Handlers{"PowerShell3": n16}, true, "", "", "has no handler for node"},
		"none, not old": {bundle.Handlers{"PowerShell3": n16}, false, "", "", "has no handler for node"},
	} {
		got, warning, err := chooseHandler(tc.handlers, tc.old)
		if err == nil && got.Target != tc.want || warning != tc.warning || !strings.Contains(fmt.Sprint(err), tc.err) || (err == nil) != (tc.err == "") {
			t.Errorf("%s: chooseHandler: got %q, warning %q, %v, want %q, %q, %q", name, got.Target, warning, err, tc.want, tc.warning, tc.err)
		}
	}
}

// A task with one handler of two runs, and the log says what it lacks, once.
func TestMissingHandlerIsAWarning(t *testing.T) {
	t.Parallel()
	l := newLab(t, "steps:\n- {task: A@1, displayName: a}\n")
	target := map[string]string{"target": "execution.js"}
	l.Tasks = makeTasks(t, map[string]jsTask{"A": {main: "console.log('ran')", fields: map[string]any{"execution": map[string]any{"Node20_1": target}}}})
	r := l.run(t)
	if !strings.Contains(log(r, "a"), "ran\n") || strings.Count(l.out.String(), "##[warning]p.yml:2: task A@1: execution has no Node24 handler") != 1 {
		t.Errorf("got\n%s\nwant the task run, and one warning for Node24", l.out.String())
	}
}

// Connections and secure files are named in the file and come as ids; only
// those that an input names reach the task.
func TestReferencesBecomeIDs(t *testing.T) {
	t.Parallel()
	const one, two = "11111111-2222-3333-4444-555555555555", "aaaaaaaa-2222-3333-4444-555555555555"
	l := newLab(t, "variables: {which: azure}\nsteps:\n- task: A@1\n  displayName: show\n  inputs: {conn: $(which), file: key.pem}\n")
	l.Tasks = makeTasks(t, map[string]jsTask{"A": {main: printEnv, fields: map[string]any{"inputs": []any{
		map[string]any{"name": "conn", "type": "connectedService:AzureRM"}, map[string]any{"name": "file", "type": "secureFile"},
	}}}})
	l.Endpoints = []Endpoint{{ID: one, Name: "Azure", URL: "https://a/"}, {ID: two, Name: "other", URL: "https://b/"}}
	l.SecureFiles = []SecureFile{{ID: two, Name: "key.pem", Ticket: "ticket-1"}, {ID: one, Name: "other", Ticket: "ticket-2"}}
	env := environ(t, l.run(t), "show")
	for name, want := range map[string]string{
		"INPUT_CONN": one, "INPUT_FILE": two, "ENDPOINT_URL_" + one: "https://a/", "ENDPOINT_URL_" + two: "",
		"SECUREFILE_NAME_" + two: "key.pem", "SECUREFILE_TICKET_" + two: "***", "SECUREFILE_NAME_" + one: "",
		"ENDPOINT_AUTH_PARAMETER_SYSTEMVSSCONNECTION_ACCESSTOKEN": "***",
	} {
		if env[name] != want {
			t.Errorf("%s: got %q, want %q", name, env[name], want)
		}
	}
}
