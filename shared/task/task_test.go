package task_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/report"
	"github.com/guardrails-ci/guardrails/shared/task"
)

type in struct {
	Name string `input:"name" label:"The name" env:"INPUT_NAME,required"`
	Max  int    `input:"max" label:"Max" env:"INPUT_MAX,default=1"`
}

type stage = func(ctx context.Context, env *task.Env, in in) error

// result is what one run of a stage left behind.
type result struct {
	exit    int
	log     string
	report  report.Header
	raw     string // the JSON report
	summary string
}

// world is a test's agent.
type world struct {
	environ []string
	ctx     context.Context
	stdout  io.Writer
	grace   time.Duration
}

func run(t *testing.T, w world, main stage) result {
	t.Helper()
	temp := t.TempDir()
	var out bytes.Buffer
	if w.stdout == nil {
		w.stdout = &out
	}
	if w.ctx == nil {
		w.ctx = t.Context()
	}
	if w.environ == nil {
		w.environ = []string{"INPUT_NAME=n"}
	}
	clock := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	exit := task.Exec(task.World{
		Args:    []string{"main"},
		Environ: append(w.environ, "AGENT_TEMPDIRECTORY="+temp, "SYSTEM_TASKINSTANCEID=1f-2"),
		Stdout:  w.stdout, Stop: w.ctx, Grace: w.grace,
		Now: func() time.Time { clock = clock.Add(time.Second); return clock },
	}, task.Task[in]{Name: "Sample", Main: main})
	r := result{exit: exit, log: strings.ReplaceAll(out.String(), temp, "TEMP")}
	doc, err := os.ReadFile(filepath.Join(temp, "guardrails", "sample-1f-2-main.json"))
	if err != nil {
		t.Fatalf("no JSON report: %v; log:\n%s", err, r.log)
	}
	if err := json.Unmarshal(doc, &r.report); err != nil {
		t.Fatalf("JSON report: %v", err)
	}
	r.raw = string(doc)
	summary, err := os.ReadFile(filepath.Join(temp, "guardrails", "sample-1f-2-main.md"))
	if err == nil {
		r.summary = string(summary)
	}
	return r
}

const refusedInputs = "##vso[task.settaskvariable variable=GUARDRAILS_INPUTS_REFUSED;]true\n"

const uploaded = "##vso[task.uploadsummary]TEMP/guardrails/sample-1f-2-main.md\n"

func TestOutcomes(t *testing.T) {
	t.Parallel()
	refusal := &task.UserError{Rule: "x/no", Msg: "refusing to do it", Hint: "do the other thing", Err: errors.New("inner cause")}
	for name, tc := range map[string]struct {
		environ []string
		main    stage
		class   task.Class
		want    string // the log without the first, version, line
	}{
		"success": {
			main:  func(context.Context, *task.Env, in) error { return nil },
			class: task.Succeeded, want: "##vso[task.complete result=Succeeded;]\n",
		},
		"degraded": {
			main:  func(_ context.Context, e *task.Env, _ in) error { e.Degrade(); return nil },
			class: task.Succeeded, want: "##vso[task.complete result=SucceededWithIssues;]\n",
		},
		"refused": {
			main:  func(context.Context, *task.Env, in) error { return fmt.Errorf("wrapped: %w", refusal) },
			class: task.Refused,
			want: "##vso[task.logissue type=error;code=x/no;]refusing to do it. How to fix: do the other thing\n" +
				"##vso[task.debug]inner cause\n" + uploaded + "##vso[task.complete result=Failed;]\n",
		},
		"refused, with a place": {
			main: func(context.Context, *task.Env, in) error {
				return &task.UserError{Rule: "x/no", Msg: "no", Path: "a.lock", Line: 3}
			},
			class: task.Refused,
			want: "##vso[task.logissue type=error;sourcepath=a.lock;linenumber=3;code=x/no;]no\n" +
				uploaded + "##vso[task.complete result=Failed;]\n",
		},
		"refused, but only warned": {
			environ: []string{"INPUT_NAME=n", "INPUT_ENFORCEMENT=warn"},
			main:    func(context.Context, *task.Env, in) error { return refusal },
			class:   task.Refused,
			want: "##vso[task.logissue type=warning;code=x/no;]refusing to do it. How to fix: do the other thing\n" +
				"##vso[task.debug]inner cause\n" + uploaded + "##vso[task.complete result=SucceededWithIssues;]\n",
		},
		"environment": {
			main:  func(context.Context, *task.Env, in) error { return errors.New("reading a: disk on fire") },
			class: task.Environment,
			want: "##vso[task.logissue type=error;code=task/environment;]reading a: disk on fire\n" +
				uploaded + "##vso[task.complete result=Failed;]\n",
		},
		"several errors, the worst class": {
			main: func(context.Context, *task.Env, in) error {
				return errors.Join(refusal, errors.New("disk on fire"), &task.UserError{Class: task.BadInput, Rule: "i", Msg: "bad"})
			},
			class: task.BadInput,
			want: "##vso[task.logissue type=error;code=x/no;]refusing to do it. How to fix: do the other thing\n" +
				"##vso[task.logissue type=error;code=task/environment;]disk on fire\n" +
				"##vso[task.logissue type=error;code=i;]bad\n##vso[task.debug]inner cause\n" +
				uploaded + "##vso[task.complete result=Failed;]\n",
		},
		"wrong inputs fail under warn, too": {
			environ: []string{"INPUT_MAX=hunter2", "INPUT_ENFORCEMENT=warn"},
			main:    func(context.Context, *task.Env, in) error { panic("must not run") },
			class:   task.BadInput,
			want: refusedInputs + "##vso[task.logissue type=error;code=task/input;]input \"name\" (The name) is required\n" +
				"##vso[task.logissue type=error;code=task/input;]input \"max\" must be a whole number. " +
				"How to fix: write its digits alone, without a unit, separators or zeros in front, such as 10240\n" +
				uploaded + "##vso[task.complete result=Failed;]\n",
		},
		"a wrong common input": {
			environ: []string{"INPUT_NAME=n", "INPUT_ENFORCEMENT=off"},
			main:    func(context.Context, *task.Env, in) error { panic("must not run") },
			class:   task.BadInput,
			want: refusedInputs + "##vso[task.logissue type=error;code=task/input;]input \"enforcement\" (When something is refused) must be one of: enforce, warn. " +
				"How to fix: write one of these words, letter by letter\n" +
				uploaded + "##vso[task.complete result=Failed;]\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run(t, world{environ: tc.environ}, tc.main)
			if got.exit != 0 {
				t.Errorf("exit status %d, want 0: the result was reported", got.exit)
			}
			_, log, _ := strings.Cut(got.log, "\n")
			if diff := cmp.Diff(tc.want, log); diff != "" {
				t.Errorf("log (-want +got):\n%s", diff)
			}
			if got.report.Class != string(tc.class) {
				t.Errorf("class in the report = %q, want %q", got.report.Class, tc.class)
			}
		})
	}
}

// The post stage does not say the same again, nor fail the job twice; the main
// stage is not silenced by a variable that somebody planted.
func TestRefusedInputsAreSaidOnce(t *testing.T) {
	t.Parallel()
	for stage, result := range map[string]string{"post": "Succeeded", "main": "Failed"} {
		var out bytes.Buffer
		exit := task.Exec(task.World{
			Args: []string{stage}, Environ: []string{"INPUT_MAX=x", "VSTS_TASKVARIABLE_GUARDRAILS_INPUTS_REFUSED=true"},
			Stdout: &out, Now: time.Now, Stop: t.Context(),
		}, task.Task[in]{
			Name: "Sample",
			Main: func(context.Context, *task.Env, in) error { panic("must not run") },
			Post: func(context.Context, *task.Env, in) error { panic("must not run") },
		})
		said := strings.Contains(out.String(), "were refused when it ran")
		if exit != 0 || said != (stage == "post") || !strings.Contains(out.String(), "result="+result+";]") {
			t.Errorf("%s = %d, want %s; log:\n%s", stage, exit, result, out.String())
		}
	}
}

func TestPanicBecomesABugReport(t *testing.T) {
	t.Parallel()
	got := run(t, world{}, func(context.Context, *task.Env, in) error {
		panic("index out of ##vso[task.complete result=Succeeded;]")
	})
	if got.exit != 0 || got.report.Class != string(task.Bug) {
		t.Errorf("exit %d, class %q, want 0 and a bug", got.exit, got.report.Class)
	}
	for _, want := range []string{
		"type=error;code=task/bug;]the task crashed", task.IssuesURL, "##vso[task.debug]panic: index out of", "task_test.go",
		"##vso[task.complete result=Failed;]",
	} {
		if !strings.Contains(got.log, want) {
			t.Errorf("the log lacks %q:\n%s", want, got.log)
		}
	}
}

func TestCancelIsReported(t *testing.T) {
	t.Parallel()
	cause := errors.New("the agent stopped it")
	for name, main := range map[string]func(ctx context.Context) error{
		"a stage that stops":          func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"a stage whose child died":    func(ctx context.Context) error { <-ctx.Done(); return errors.New("git was killed") },
		"a stage that does not stop":  func(context.Context) error { select {} },
		"a stage that was just ready": func(ctx context.Context) error { <-ctx.Done(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancelCause(t.Context())
			got := run(t, world{ctx: ctx, grace: 50 * time.Millisecond}, func(ctx context.Context, _ *task.Env, _ in) error {
				cancel(cause)
				return main(ctx)
			})
			want, class := "##vso[task.complete result=Failed;]", task.Cancelled
			if name == "a stage that was just ready" {
				want, class = "##vso[task.complete result=Succeeded;]", task.Succeeded
			} else if !strings.Contains(got.log, "cancelled: the agent stopped it") {
				t.Errorf("the log does not say that it was cancelled:\n%s", got.log)
			}
			if !strings.Contains(got.log, want) || got.report.Class != string(class) {
				t.Errorf("class %q, want %q; log:\n%s", got.report.Class, class, got.log)
			}
		})
	}
}

func TestSecretsOfTheEnvironmentAreHidden(t *testing.T) {
	t.Parallel()
	const job, token = "job_secret*value", "connection_token~value"
	got := run(t, world{environ: []string{
		"INPUT_NAME=n", "SECRET_DB=" + job,
		"ENDPOINT_AUTH_PARAMETER_SYSTEMVSSCONNECTION_ACCESSTOKEN=" + token, "ENDPOINT_AUTH_SCHEME_SYSTEMVSSCONNECTION=OAuth",
	}}, func(_ context.Context, e *task.Env, _ in) error {
		if printed := fmt.Sprintf("%+v %#v", e, e); strings.Contains(printed, job) {
			t.Errorf("printing Env shows a secret: %s", printed)
		}
		e.Log.Print("raw " + job + " " + token)
		e.Report.Set("fact", job)
		e.Report.Summary("sum %s", token)
		return fmt.Errorf("inner %s %s", job, token)
	})
	for place, text := range map[string]string{"log": got.log, "report": got.raw, "summary": got.summary} {
		for _, secret := range []string{job, token} {
			if strings.Contains(text, secret) {
				t.Errorf("%q stands in the %s:\n%s", secret, place, text)
			}
		}
		if !strings.Contains(strings.ReplaceAll(text, `\`, ""), "***") {
			t.Errorf("nothing was masked in the %s, so this test shows nothing:\n%s", place, text)
		}
	}
}

func TestEnvReadsVariables(t *testing.T) {
	t.Parallel()
	run(t, world{environ: []string{"INPUT_NAME=n", "AGENT_OS=Linux", "VSTS_TASKVARIABLE_MY_STATE= x \n", "RAW=="}},
		func(_ context.Context, e *task.Env, _ in) error {
			raw, _ := e.Lookup("RAW")
			got := []string{e.Var("Agent.OS"), e.Var("no.such"), e.TaskVar("my state"), raw}
			if diff := cmp.Diff([]string{"Linux", "", "x", "="}, got); diff != "" {
				t.Errorf("Env (-want +got):\n%s", diff)
			}
			return nil
		})
}

func TestWrongStageIsAUsageError(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"post"}, {"nonsense"}, {"main", "x"}} {
		var out bytes.Buffer
		exit := task.Exec(task.World{Args: args, Stdout: &out, Now: time.Now, Stop: t.Context()},
			task.Task[in]{Name: "Sample", Main: func(context.Context, *task.Env, in) error { return nil }})
		if exit == 0 || !strings.Contains(out.String(), "build/localagent") || strings.Contains(out.String(), "##vso[task.complete") {
			t.Errorf("Exec(%q) = %d, %q, want a failure that says how to start it", args, exit, out.String())
		}
	}
}

type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestLostOutputIsNotSuccess(t *testing.T) {
	t.Parallel()
	got := run(t, world{stdout: closed{}}, func(context.Context, *task.Env, in) error { return nil })
	if got.exit == 0 {
		t.Error("exit status 0 although nobody could hear the result")
	}
}

func TestUnwritableReportIsSaid(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	exit := task.Exec(task.World{
		Args: []string{"main"}, Environ: []string{"INPUT_NAME=n", "AGENT_TEMPDIRECTORY=" + file},
		Stdout: &out, Now: time.Now, Stop: t.Context(),
	}, task.Task[in]{Name: "Sample", Main: func(context.Context, *task.Env, in) error { return nil }})
	if exit != 0 || !strings.Contains(out.String(), "type=warning;]the report could not be written") {
		t.Errorf("Exec = %d, log %q, want a warning", exit, out.String())
	}
}
