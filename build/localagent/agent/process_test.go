package agent

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// cancelWhen is an output that cancels the job when a line is the text, so that
// a test need not guess how long a task takes to start.
type cancelWhen struct {
	*strings.Builder
	text   string
	cancel func()
}

func (c cancelWhen) Write(p []byte) (int, error) {
	if string(p) == c.text+"\n" {
		c.cancel()
	}
	return c.Builder.Write(p)
}

func (l *lab) cancelAt(text string) {
	ctx, cancel := context.WithCancel(context.Background())
	l.ctx = ctx
	l.Stdout = cancelWhen{&l.out, text, cancel}
}

// Signals come in the agent's order, to the process of the task alone.
func TestCancel(t *testing.T) {
	t.Parallel()
	unixOnly(t)
	const say = "const on=(s,f)=>process.on(s,()=>{console.log('got '+s);f&&f()});" // keeps running
	const stay = ";setInterval(()=>{},1000);console.log('rea'+'dy')"
	for name, tc := range map[string]struct {
		code      string
		got, none []string
	}{
		"obeys SIGINT":             {say + "on('SIGINT',()=>process.exit(0));on('SIGTERM')" + stay, []string{"got SIGINT"}, []string{"got SIGTERM"}},
		"ignores SIGINT":           {say + "on('SIGINT');on('SIGTERM',()=>process.exit(0))" + stay, []string{"got SIGINT", "got SIGTERM"}, nil},
		"ignores both, is killed":  {say + "on('SIGINT');on('SIGTERM')" + stay, []string{"got SIGINT", "got SIGTERM"}, nil},
		"says Succeeded, in vain":  {say + "on('SIGINT',()=>{console.log('##vso[task.complete result=Succeeded;]');process.exit(0)})" + stay, nil, nil},
		"has no handler, dies too": {stay[1:], nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, `
steps:
- {task: A@1, displayName: long}
- {bash: echo, displayName: next}
- {bash: 'echo $AGENT_JOBSTATUS $(late)', displayName: always, condition: always()}
- {bash: echo, displayName: canceled, condition: canceled()}
- {bash: echo, displayName: failed, condition: failed()}
`)
			l.Tasks = makeTasks(t, map[string]jsTask{"A": {main: tc.code, post: "console.log('post ran')"}})
			l.cancelAt("ready")
			r := l.run(t)
			want := []string{
				"long: Canceled", "next: Skipped", "always: Succeeded", "canceled: Succeeded", "failed: Skipped", "Post-job: long: Succeeded",
			}
			if !slices.Equal(outcomes(r), want) || r.Result != canceled || r.ExitCode() != 3 {
				t.Errorf("got %q, job %s, exit status %d; want %q, Canceled, 3", outcomes(r), r.Result, r.ExitCode(), want)
			}
			text := log(r, "long")
			if gone := missing(text, append(tc.got, "##[error]The operation was canceled.")...); gone != "" {
				t.Errorf("log: want %q in\n%s", gone, text)
			}
			for _, no := range tc.none {
				if strings.Contains(text, no) {
					t.Errorf("log: want no %q in\n%s", no, text)
				}
			}
			wantClean(t, r)
		})
	}
}

func unixOnly(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs Unix signals")
	}
}

// A step whose condition still holds goes on when the job is cancelled.
func TestCancelLeavesAlwaysStepsAlone(t *testing.T) {
	t.Parallel()
	l := newLab(t, "steps:\n- {bash: 'echo ready; echo done', condition: always(), displayName: step}\n")
	l.cancelAt("ready")
	if r := l.run(t); !slices.Equal(outcomes(r), []string{"step: Succeeded"}) || r.Result != canceled {
		t.Errorf("got %q, job %s, want the step Succeeded and the job Canceled", outcomes(r), r.Result)
	}
}

// Only the task gets SIGINT: a child of it in the same group does not.
func TestCancelReachesTheTaskOnly(t *testing.T) {
	t.Parallel()
	unixOnly(t)
	l := newLab(t, "steps:\n- {task: A@1, displayName: long}\n")
	l.Tasks = makeTasks(t, map[string]jsTask{"A": {main: `
		const c = require('child_process').spawn('bash', ['-c', 'trap "echo child got it; exit" INT; echo rea""dy; read line; echo child ended by eof'],
			{stdio: ['pipe', 'inherit', 'inherit']});
		process.on('SIGINT', () => { c.stdin.end(); }); c.on('exit', () => process.exit(0))`}})
	l.cancelAt("ready")
	r := l.run(t)
	if text := log(r, "long"); strings.Contains(text, "child got it") || !strings.Contains(text, "child ended by eof") {
		t.Errorf("log of a task with a child:\n%s", text)
	}
	wantClean(t, r)
}

func TestAbortEndsEverything(t *testing.T) {
	t.Parallel()
	unixOnly(t)
	l := newLab(t, "steps:\n- {bash: 'trap \"\" INT TERM; echo ready; sleep 3600', displayName: long}\n- {bash: echo, condition: always(), displayName: next}\n")
	abort := make(chan struct{})
	l.Abort = abort
	l.Timing.Interrupt, l.Timing.Terminate = time.Hour, time.Hour
	l.Stdout = cancelWhen{&l.out, "ready", func() { close(abort) }}
	r := l.run(t)
	if got := outcomes(r); !slices.Equal(got, []string{"long: Canceled", "next: Skipped"}) {
		t.Errorf("aborted job: got %q", got)
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	unixOnly(t)
	l := newLab(t, `
steps:
- {bash: exec sleep 60, timeoutInMinutes: 1, displayName: slow}
- {bash: exec sleep 60, timeoutInMinutes: 0.5, displayName: tolerated, continueOnError: true, condition: always()}
- {bash: echo, timeoutInMinutes: 60, displayName: fast, condition: always()}
`)
	r := l.run(t)
	if got := outcomes(r); !slices.Equal(got, []string{"slow: Failed", "tolerated: SucceededWithIssues", "fast: Succeeded"}) {
		t.Errorf("got %q", got)
	}
	if !has(issues(r.Steps[0]), "error: The task has timed out.") {
		t.Errorf("issues of the slow step: %q", issues(r.Steps[0]))
	}
}

// Output is split at LF, CRLF and a bare CR, on both streams, before anything
// looks for commands.
func TestLines(t *testing.T) {
	t.Parallel()
	l := newLab(t, `steps: [{bash: 'printf "a\rb\r\nc\n##[x]50%%\r##vso[task.logissue type=warning]w\rlast"; printf "e1\re2" >&2', displayName: s}]`)
	r := l.run(t)
	for _, line := range []string{"a", "b", "c", "##[x]50%", "##[warning]w", "last", "e1", "e2"} {
		if !slices.Contains(r.Steps[0].Log, line) {
			t.Errorf("log: want the line %q in %q", line, r.Steps[0].Log)
		}
	}
}

func TestExitStatus(t *testing.T) {
	t.Parallel()
	l := newLab(t, `
steps:
- {task: A@1, displayName: task}
- {bash: exit 4, displayName: script, condition: always()}
- {bash: 'echo oops >&2', displayName: stderr, condition: always(), failOnStderr: true}
- {bash: 'kill -9 $$', displayName: killed, condition: always()}
`)
	l.Tasks = makeTasks(t, map[string]jsTask{"A": {main: "process.exit(9)"}})
	r := l.run(t)
	want := []string{
		"Exit code 9 returned from process: file name '", "Bash exited with code '4'.",
		"Bash wrote one or more lines to the standard error stream.", "Bash exited with code '-1'.",
	}
	for i, s := range r.Steps {
		if s.Result != failed || !has(issues(s), want[i]) {
			t.Errorf("%s: got %s with %q, want Failed with %q", s.DisplayName, s.Result, issues(s), want[i])
		}
	}
	if code := r.Steps[0].ExitCode; code == nil || *code != 9 {
		t.Errorf("exit code of the task: got %v, want 9", code)
	}
}

// task.complete with done=true: the agent waits a little and goes on.
func TestDone(t *testing.T) {
	t.Parallel()
	l := newLab(t, "steps:\n- {task: A@1, displayName: task}\n")
	l.Debug = true
	l.Tasks = makeTasks(t, map[string]jsTask{"A": {
		main: "console.log('##vso[task.complete result=SucceededWithIssues;done=true;]'); setTimeout(()=>console.log('unheard'), 60000)"}})
	r := l.run(t)
	if r.Steps[0].Result != succeededWithIssues || !strings.Contains(log(r, "task"), `The task was marked as "done"`) {
		t.Errorf("got %s with log\n%s", r.Steps[0].Result, log(r, "task"))
	}
	if canFindSurvivors && !has(problems(r), "outlived the job") {
		t.Errorf("the task still runs, but the checks say %q", problems(r))
	}
}

// Linux refuses a process whose environment has one entry of 128 KiB.
func TestEnvironmentTooLarge(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("the limit is that of Linux")
	}
	l := newLab(t, "steps:\n- {task: A@1, displayName: task}\n")
	l.Variables = []Variable{{Name: "huge", Value: strings.Repeat("x", 131072)}}
	l.Tasks = makeTasks(t, map[string]jsTask{"A": {main: "1"}})
	s := l.run(t).Steps[0]
	if s.Result != failed || !has(issues(s), "environment variable HUGE takes 131077 bytes, the system allows 131071") {
		t.Errorf("got %s with %q", s.Result, issues(s))
	}
}

func TestMissingTarget(t *testing.T) {
	t.Parallel()
	l := newLab(t, "steps:\n- {task: A@1, displayName: task}\n")
	target := map[string]string{"target": "$(gone).js"}
	l.Tasks = makeTasks(t, map[string]jsTask{"A": {fields: map[string]any{"execution": map[string]any{"Node24": target, "Node20_1": target}}}})
	s := l.run(t).Steps[0]
	if s.Result != failed || !has(issues(s), "$(gone).js', the target of the task's main stage") {
		t.Errorf("got %s with %q", s.Result, issues(s))
	}
}

func TestFindNode(t *testing.T) {
	t.Parallel()
	unixOnly(t)
	dir := t.TempDir()
	script := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for name, tc := range map[string]struct{ node, want string }{
		"missing": {"", "node is not in PATH: install Node.js 20 or newer, or name it with --node"},
		"gone":    {filepath.Join(dir, "gone"), "gone --version: no such file or directory"},
		"old":     {script("old", "echo v18.20.1"), "old is Node.js 18.20, tasks need 20 or newer"},
		"other":   {script("other", "echo hello"), `other is not node: --version printed "hello"`},
		"fails":   {script("fails", "exit 3"), "fails --version: exit status 3"},
		"good":    {script("good", "echo v24.1.0"), ""},
	} {
		got, err := findNode(tc.node, []string{"PATH=" + filepath.Join(dir, "empty")})
		if tc.want == "" && (err != nil || got != tc.node) || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: findNode(%q): got %q, %v, want %q", name, tc.node, got, err, tc.want)
		}
	}
}
