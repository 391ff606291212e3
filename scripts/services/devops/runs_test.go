package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/scripts/services/beside"
)

func TestAPushThatStartsItself(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	state, requests := filepath.Join(dir, "state"), filepath.Join(dir, "requests")
	got := devops(t, nil, "-config", with(t, `}]`, "again", "again"), "-state", state, "-requests", requests,
		"--", os.Args[0], "push", "a", "b", "a change")
	if got.status != 0 || got.stderr != "" {
		t.Fatalf("devops = %+v", got)
	}
	for _, want := range []string{
		`devops: run 101 of badge (individualCI, <commit> "a change"): succeeded`,
		`devops: run 102 of badge (individualCI, <commit> "again"): succeeded`,
		`devops: run 104 of badge (individualCI, <commit> "again"): succeeded`,
		"no run of badge: there were 4 runs",
	} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("devops prints\n%s without %q", got.stdout, want)
		}
	}
	if text, err := os.ReadFile(state); err != nil || strings.Count(string(text), "individualCI completed succeeded") != 4 {
		t.Errorf("the state is %v\n%s, want four runs", err, text)
	}
	text, err := os.ReadFile(requests)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var r struct{ Method, Path string }
		if err := json.Unmarshal([]byte(line), &r); err != nil || r.Method == "" || !strings.HasPrefix(r.Path, "/local/local/_git/app/") {
			t.Errorf("%q is no request for the repository", line)
		}
	}
}

func TestWhatStartsNoRun(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ message, more, stdout string }{
		"skip":            {"a change [skip ci]", "", "it says [skip ci]"},
		"skip, body":      {"a change\n\nwhy\n\n***NO_CI***", "", "it says ***NO_CI***"},
		"as Git Hub does": {"a change\n\nskip-checks: true", "", "it says skip-checks: true"},
		"disabled":        {"a change", `, "queueStatus": "disabled"`, "the pipeline is disabled"},
		"other paths":     {"a change", `, "paths": ["a.yaml", "b"]`, ""},
		"not by pushes":   {"a change", `, "noTrigger": true`, ""},
		"other branch":    {"a change", `, "branch": "release"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := devops(t, nil, "-config", with(t, tc.more+`}]`, "env"), os.Args[0], "push", "a", "b", tc.message)
			if got.status != 0 || !strings.Contains(got.stdout, tc.stdout) || strings.Contains(got.stdout, "run 101") {
				t.Errorf("devops = %+v, want no run, and %q", got, tc.stdout)
			}
		})
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	for _, paths := range []string{`["deploy"]`, `["x", "deploy/a.yaml"]`} {
		config := with(t, `, "paths": `+paths+`}]`, "status", "0")
		got := devops(t, nil, "-config", config, os.Args[0], "push", "deploy/a.yaml", "b", "a change")
		if got.status != 0 || !strings.Contains(got.stdout, "run 101 of badge (individualCI") {
			t.Errorf("paths %s: devops = %+v, want a run", paths, got)
		}
	}
}

func TestFacts(t *testing.T) {
	t.Parallel()
	logs := filepath.Join(t.TempDir(), "logs")
	got := devops(t, nil, "-config", with(t, `, "persistCredentials": true}]`, "env", "$VARIABLES", "${DEFINITION_ID}!"),
		"-logs", logs, os.Args[0], "both", "7")
	if got.status != 0 || strings.Contains(got.stdout, "KEPT") {
		t.Fatalf("devops = %+v", got)
	}
	text, err := os.ReadFile(filepath.Join(logs, "101.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"DEVOPS_URL=http://127.0.0.1:", "/local/local/_git/app\n", "DEVOPS_REPO_APP=http", "KEPT=1\n", "BUILD_ID=101\n",
		"BUILD_REASON=manual\n", "SOURCE_BRANCH=refs/heads/main\n", "SOURCE_MESSAGE=first commit\n", "DEFINITION_NAME=badge\n",
		"--var Build.BuildId=101 ", "--var Build.Reason=Manual ", "--var System.DefinitionId=7 ", " 7!]",
		"--var Build.SourceBranchName=main ", "--var Build.Repository.ID=00000000-0000-0000-0000-000000000101 ",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the run is told\n%s without %q", text, want)
		}
	}
	if strings.Contains(string(text), "DEVOPS_OLD") {
		t.Error("the run is told of another organization")
	}
}

func TestCheckout(t *testing.T) {
	t.Parallel()
	for more, want := range map[string]bool{`}]`: false, `, "persistCredentials": true}]`: true} {
		got := devops(t, nil, "-config", with(t, more, "token"), os.Args[0], "both", "7")
		if has := strings.Contains(got.stdout, "AUTHORIZATION: bearer token"); got.status != 0 || has != want ||
			!strings.Contains(got.stdout, "remote.origin.url=http://127.0.0.1:") {
			t.Errorf("%s: devops = %+v; want the token in the configuration: %v", more, got, want)
		}
	}
}

func TestResults(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		trigger []string
		stdout  string
	}{
		"fails":        {[]string{"status", "3"}, `"first commit"): failed`},
		"unknown name": {[]string{"env", "$NONE"}, "the trigger names $NONE, which is not set"},
	} {
		got := devops(t, nil, "-config", with(t, `}]`, tc.trigger...), os.Args[0], "both", "7")
		if got.status != 0 || !strings.Contains(got.stdout, tc.stdout) || !strings.Contains(got.stdout, "): failed") {
			t.Errorf("%s: devops = %+v, want %q", name, got, tc.stdout)
		}
	}
}

func TestQueueIsRefused(t *testing.T) {
	t.Parallel()
	for pipeline, want := range map[string]string{"7": "the pipeline is disabled", "8": "no pipeline 8", "x": `"x" is no id`} {
		got := devops(t, nil, "-config", with(t, `, "queueStatus": "disabled"}]`, "env"), os.Args[0], "queue", pipeline)
		if got.status != 1 || !strings.Contains(got.stdout, want) {
			t.Errorf("devops queue %s = %+v, want %q", pipeline, got, want)
		}
	}
	w := beside.World{Args: []string{"wait"}, Stdout: &output{}, Stderr: &output{}}
	if status := w.Command("devops", do); status != 1 {
		t.Errorf("devops wait outside: status %d, want 1", status)
	}
}

func TestRESTDecides(t *testing.T) {
	t.Parallel()
	const api = "local/_apis/build/"
	for name, tc := range map[string]struct {
		program []string
		want    []string
	}{
		"list":   {[]string{"rest", "GET", api + "builds?definitions=7", ""}, []string{"200 OK", `"id":5,`}},
		"denied": {[]string{"rest", "PATCH", api + "builds/6?api-version=7.1", `{"status":"cancelling"}`}, []string{"403"}},
		"fault":  {[]string{"rest", "GET", api + "definitions/7?api-version=7.1", ""}, []string{"503"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := with(t, `}], "denied": ["Stop builds"], "faults": [{"rest": "definitions", "status": 503}],
			  "runs": [{"id": 5, "pipeline": 7}, {"id": 6, "pipeline": 7, "status": "inProgress"}]`, "env")
			got := devops(t, nil, append([]string{"-config", config, os.Args[0]}, tc.program...)...)
			if slices.ContainsFunc(tc.want, func(w string) bool { return !strings.Contains(got.stdout, w) }) {
				t.Errorf("devops %q = %+v, want %q", tc.program, got, tc.want)
			}
		})
	}
}

func TestAlerts(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), "state")
	good := `{"text":"tripped","blocks":[{"type":"section","text":{"type":"plain_text","text":"tripped"}}]}`
	got := devops(t, nil, "-state", state, os.Args[0], "alert", "slack", good)
	if got.status != 0 || !strings.Contains(got.stdout, "200 OK") {
		t.Errorf("devops alert = %+v, want it taken", got)
	}
	if text, err := os.ReadFile(state); err != nil || !strings.Contains(string(text), "alert slack: "+good+"\n") {
		t.Errorf("the state is %v\n%s, want the alert in it", err, text)
	}
	for _, format := range []string{"teams", "slack", "pagerduty", "generic"} {
		got := devops(t, nil, os.Args[0], "alert", format, `{"words":1}`)
		if got.status != 1 || !strings.Contains(got.stdout, "400") || !strings.Contains(got.stderr, format+" would not take an alert") {
			t.Errorf("devops alert %s = %+v, want it refused, and status 1", format, got)
		}
	}
}

func TestProtectedBranch(t *testing.T) {
	t.Parallel()
	config := write(t, t.TempDir(), "c.json", `{"repositories": [{"name": "app", "protected": ["main"], "files": {"a": "b"}}]}`)
	got := devops(t, nil, "-config", config, os.Args[0], "push", "a", "c", "a change")
	if got.status != 1 || !strings.Contains(got.stdout, "TF402455") {
		t.Errorf("devops push to a protected branch = %+v", got)
	}
}

func TestWrongArguments(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, tc := range map[string]struct {
		args   []string
		status int
		stderr string
	}{
		"no program":      {nil, 2, "there is no program"},
		"unknown flag":    {[]string{"-x", "a"}, 2, "usage"},
		"no such program": {[]string{filepath.Join(dir, "none")}, 127, "none"},
		"no such file":    {[]string{"-config", filepath.Join(dir, "none"), "a"}, 2, "none"},
		"status":          {[]string{os.Args[0], "status", "42"}, 42, ""},
	} {
		if got := devops(t, nil, tc.args...); got.status != tc.status || !strings.Contains(got.stderr, tc.stderr) {
			t.Errorf("%s: devops %q = %+v, want status %d and %q", name, tc.args, got, tc.status, tc.stderr)
		}
	}
}
