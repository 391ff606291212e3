package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TaskRunner.cs: a fork's pull request gets no connection and no secure file.
func TestForksGetNoSecrets(t *testing.T) {
	t.Parallel()
	const one, two = "11111111-2222-3333-4444-555555555555", "aaaaaaaa-2222-3333-4444-555555555555"
	for name, tc := range map[string]struct {
		inputs, fork, restrict string
		want                   Status
		says                   string
	}{
		"endpoint":       {"{conn: azure}", "True", "true", skipped, "References service endpoint. PRs from repository forks"},
		"secure file":    {"{file: key.pem}", "true", "TRUE", skipped, "References secure file. PRs from repository forks"},
		"neither":        {"{}", "True", "True", succeeded, "ran"},
		"no fork":        {"{conn: azure}", "False", "true", succeeded, "ran"},
		"not restricted": {"{conn: azure}", "true", "1", succeeded, "ran"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, "steps:\n- {task: A@1, displayName: a, inputs: "+tc.inputs+"}\n- {bash: echo, displayName: next}\n")
			l.Tasks = makeTasks(t, map[string]jsTask{"A": {main: "console.log('ran')", post: "console.log('ran')", fields: map[string]any{"inputs": []any{
				map[string]any{"name": "conn", "type": "connectedService:AzureRM"}, map[string]any{"name": "file", "type": "secureFile"},
			}}}})
			l.Endpoints = []Endpoint{{ID: one, Name: "Azure", URL: "https://a/"}}
			l.SecureFiles = []SecureFile{{ID: two, Name: "key.pem", Ticket: "ticket-1"}}
			l.Variables = []Variable{{Name: "System.PullRequest.IsFork", Value: tc.fork}, {Name: "System.RestrictSecrets", Value: tc.restrict}}
			r := l.run(t)
			want := []string{"a: " + string(tc.want), "next: Succeeded", "Post-job: a: " + string(tc.want)}
			if !slices.Equal(outcomes(r), want) || r.Result != succeeded || !strings.Contains(log(r, "a"), tc.says) {
				t.Errorf("got %q, job %s, and\n%s\nwant %q and %q", outcomes(r), r.Result, log(r, "a"), want, tc.says)
			}
		})
	}
}

func TestIgnoreShortSecrets(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		variable, environ string
		want              string // what becomes of the secrets abc and sixsix
		warns             bool
	}{
		"off": {"", "", "*** ***", false}, "variable": {"4", "", "abc ***", false}, "agent": {"", "4", "abc ***", false},
		"variable wins": {"2", "6", "*** ***", false}, "capped": {"40", "", "abc ***", true},
	} {
		l := newLab(t, "steps:\n- bash: 'echo \"[$(a) $(b)]\"'\n")
		l.Variables = []Variable{{Name: "a", Value: "abc", Secret: true}, {Name: "b", Value: "sixsix", Secret: true}}
		if tc.variable != "" {
			l.Variables = append(l.Variables, Variable{Name: "AZP_IGNORE_SECRETS_SHORTER_THAN", Value: tc.variable})
		}
		l.Environ = append(l.Environ, "AZP_IGNORE_SECRETS_SHORTER_THAN="+tc.environ)
		r := l.run(t)
		warned := strings.Contains(l.out.String(), "##[warning]The value of the minimum length of the secrets is too high. Maximum value is set: 6")
		if !slices.Contains(r.Steps[0].Log, "["+tc.want+"]") || warned != tc.warns {
			t.Errorf("%s: want [%s], warning %v in\n%s", name, tc.want, tc.warns, l.out.String())
		}
	}
	l := newLab(t, "steps: [{bash: echo}]\n")
	l.Environ = append(l.Environ, "AZP_IGNORE_SECRETS_SHORTER_THAN=four")
	if _, err := Run(l.ctx, l.Options); err == nil || !strings.Contains(err.Error(), `AZP_IGNORE_SECRETS_SHORTER_THAN is "four", want a number up to 6`) {
		t.Errorf("no number: got %v", err)
	}
}

// VarUtil.cs, ExpandValues: what a variable brings is trimmed only when asked.
func TestVariableInputTrimming(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ variable, environ, want string }{
		"off": {"", "", "  s "}, "variable": {"true", "", "s"}, "agent": {"", "true", "s"}, "the agent's wins": {"true", "false", "  s "},
	} {
		l := newLab(t, "steps:\n- {task: A@1, displayName: a, inputs: {in: $(space)}}\n")
		l.Tasks = makeTasks(t, map[string]jsTask{"A": {main: printEnv, fields: map[string]any{"inputs": []any{map[string]any{"name": "in"}}}}})
		l.Variables = []Variable{{Name: "space", Value: "  s "}, {Name: "AGENT_ENABLE_VARIABLE_INPUT_TRIMMING", Value: tc.variable}}
		if tc.environ != "" {
			l.Environ = append(l.Environ, "AGENT_ENABLE_VARIABLE_INPUT_TRIMMING="+tc.environ)
		}
		if got := environ(t, l.run(t), "a")["INPUT_IN"]; got != tc.want {
			t.Errorf("%s: INPUT_IN is %q, want %q", name, got, tc.want)
		}
	}
}

// StepsRunner.cs, RunStepAsync: a time limit that strikes a step of a canceled
// job is part of the cancellation.
func TestTimeoutAfterCancel(t *testing.T) {
	t.Parallel()
	unixOnly(t)
	l := newLab(t, `
steps:
- {bash: 'echo ready; exec sleep 60', displayName: long}
- {bash: exec sleep 60, timeoutInMinutes: 1, displayName: always, condition: always()}
`)
	l.cancelAt("ready")
	r := l.run(t)
	if got := outcomes(r); !slices.Equal(got, []string{"long: Canceled", "always: Canceled"}) || has(issues(r.Steps[1]), "timed out") {
		t.Errorf("got %q with %q, want both Canceled", got, issues(r.Steps[1]))
	}
}

// A checkout is accepted, does nothing, and says so.
func TestCheckoutStep(t *testing.T) {
	t.Parallel()
	l := newLab(t, "steps:\n- checkout: self\n  fetchDepth: 1\n- {checkout: none, displayName: off}\n- {bash: echo, displayName: next}\n")
	r := l.run(t)
	if got := outcomes(r); !slices.Equal(got, []string{"Checkout: Succeeded", "off: Succeeded", "next: Succeeded"}) {
		t.Errorf("got %q", got)
	}
	if !strings.Contains(log(r, "Checkout"), "sources come from --sources") {
		t.Errorf("log:\n%s", log(r, "Checkout"))
	}
}

// The log says at its start where things come from, and at its end why the exit
// status is not that of the result.
func TestFirstAndLastLines(t *testing.T) {
	t.Parallel()
	const temporary = "\nCaches and tools last for this run only (give --work DIR to keep them)\n"
	work, sources := t.TempDir(), t.TempDir()
	for i, tc := range []struct {
		script, work, sources string
		first, last           string
	}{
		{"true", "", "", "Sources: empty (give --sources DIR to copy some)" + temporary, "Job result: Succeeded"},
		{"touch x", work, sources, "Sources: " + sources + " (copied)\n", "Job result: Succeeded"},
		{"exit 1", work, "", "Sources: as an earlier run left them (give --sources DIR to copy others)\n", "Job result: Failed"},
		{`touch "$TMPDIR/a"`, "", "", "", `Job result: Succeeded, but 1 check failed (see "check ..." above): exit status 1`},
		{`touch "$TMPDIR/a" "$TMPDIR/b"; exit 1`, "", "", "", `Job result: Failed, but 2 checks failed (see "check ..." above): exit status 1`},
	} {
		l := newLab(t, "steps:\n- bash: '"+tc.script+"'\n")
		l.Work, l.Sources = tc.work, tc.sources
		r, err := Run(context.Background(), l.Options)
		if err != nil {
			t.Fatal(err)
		}
		if out := l.out.String(); !strings.HasSuffix(out, "\n"+tc.last+"\n") || missing(out, "Work folder: ", "\n"+tc.first) != "" ||
			strings.Contains(out, temporary) == (tc.work != "") || r.ExitStatus != r.ExitCode() {
			t.Errorf("run %d, %q: exit status %d, want %q at the start, %q at the end of\n%s", i, tc.script, r.ExitStatus, tc.first, tc.last, out)
		}
	}
	if got := fmt.Sprint((&Result{}).failedChecks()); got != "" {
		t.Errorf("no checks: got %q", got)
	}
}
