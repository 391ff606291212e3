package buildx_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/buildx"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/progress"
)

const (
	outage = `{"vertexes":[{"digest":"e","name":"exporting to image","started":"2026-01-01T00:00:00Z",` +
		`"completed":"2026-01-01T00:00:01Z","error":"failed to push r/app: unavailable: x"}]}` + "\n" +
		"ERROR: failed to build: failed to solve: failed to push r/app: unavailable: x\n"
	expired = "ERROR: failed to build: failed to solve: failed to push r/app: unauthorized: authentication required\n"
	made    = `{"vertexes":[{"digest":"a","name":"[1/1] RUN a","started":"2026-01-01T00:00:00Z","completed":"2026-01-01T00:00:05Z"}]}` + "\n"
	cached  = `{"vertexes":[{"digest":"a","name":"[1/1] RUN a","started":"2026-01-01T00:00:00Z","completed":"2026-01-01T00:00:00Z","cached":true}]}` + "\n"
	warned  = `{"warnings":[{"short":"Rm9vQmFyOiB4"}]}` + "\n"
)

func TestRunPushesAgain(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answers []answer
		slept   []time.Duration
		kind    buildx.Kind // "" is a success
	}{
		"at once":      {[]answer{{Err: made, Digest: digest}}, nil, ""},
		"after outage": {[]answer{{Err: made + outage, Exit: 1}, {Err: cached, Digest: digest}}, []time.Duration{10 * time.Second}, ""},
		"after three": {[]answer{{Err: made + outage, Exit: 1}, {Err: outage, Exit: 1}, {Err: outage, Exit: 1}, {Err: cached, Digest: digest}},
			[]time.Duration{10 * time.Second, 30 * time.Second, time.Minute}, ""},
		"four are enough": {[]answer{{Err: outage, Exit: 1, Match: "build"}, {Err: outage, Exit: 1}, {Err: outage, Exit: 1}, {Err: outage, Exit: 1}},
			[]time.Duration{10 * time.Second, 30 * time.Second, time.Minute}, buildx.Push},
		"with a fresh token":        {[]answer{{Err: made + expired, Exit: 1}, {Err: cached, Digest: digest}}, []time.Duration{10 * time.Second}, ""},
		"a fresh token refused too": {[]answer{{Err: expired, Exit: 1}, {Err: expired, Exit: 1}}, []time.Duration{10 * time.Second}, buildx.Unauthorized},
		"outage, then a step that fails": {[]answer{{Err: outage, Exit: 1}, {Err: failing("[1/1] RUN a", `process "a" did not complete: exit code: 1`) +
			"ERROR: failed to solve: process \"a\" did not complete: exit code: 1\n", Exit: 1}}, []time.Duration{10 * time.Second}, buildx.Step},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, tc.answers...)
			to := &recorder{}
			r, err := f.Run(context.Background(), simple(t), to)
			var e *buildx.Error
			if errors.As(err, &e); (e == nil) != (tc.kind == "") || e != nil && e.Kind != tc.kind {
				t.Errorf("error: %v, want kind %q", err, tc.kind)
			}
			if diff := cmp.Diff(tc.slept, f.slept); diff != "" {
				t.Errorf("waits (-want +got):\n%s", diff)
			}
			if got := len(f.calls(t)); got != len(tc.answers) {
				t.Errorf("docker was called %d times, want %d", got, len(tc.answers))
			}
			if tc.kind == "" && (r.Digest != digest || r.Summary.Steps != 1 || r.Summary.Cached != 0 || r.Summary.Failed != nil ||
				r.Summary.Error != "") {
				t.Errorf("result: %+v; want the digest, and the steps of the first try", r)
			}
			if said := strings.Join(to.lines, "\n"); len(tc.slept) > 0 && !strings.Contains(said, "trying again in 10s") {
				t.Errorf("nothing is said about the next try:\n%s", said)
			}
		})
	}
}

func TestRunWarnsOnce(t *testing.T) {
	t.Parallel()
	f := newFake(t, answer{Err: warned + outage, Exit: 1}, answer{Err: warned, Digest: digest})
	to := &recorder{}
	r, err := f.Run(context.Background(), simple(t), to)
	if err != nil || to.warnings != 1 || len(r.Summary.Warnings) != 1 {
		t.Errorf("Run = %+v, %v, with %d warnings told; want one", r, err, to.warnings)
	}
}

func TestRunBelievesNoOldMetadata(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ digest, want string }{
		"none":    {"", "there is no metadata file"},
		"hostile": {"sha256:../../x", "its metadata file has the digest"},
	} {
		b := simple(t)
		old := filepath.Join(b.Folder, "metadata.json")
		if err := os.WriteFile(old, []byte(`{"containerimage.digest":"`+digest+`"}`), 0o600); err != nil {
			t.Fatal(err)
		}
		f := newFake(t, answer{Digest: tc.digest})
		if r, err := f.Run(context.Background(), b, &recorder{}); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: Run = %+v, %v; want an error with %q", name, r, err, tc.want)
		}
	}
}

func cancelWhenHanging(f *fake, cancel func()) {
	for range 10_000 {
		if _, err := os.Stat(filepath.Join(f.folder, "hangs")); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
}

func TestRunCanBeCancelled(t *testing.T) {
	t.Parallel()
	f := newFake(t, answer{Hang: true})
	b := simple(t)
	b.Secrets = []buildx.Secret{{ID: "a", Value: inputs.NewSecret("hunter2-hunter2")}}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go cancelWhenHanging(f, cancel)
	_, err := f.Run(ctx, b, &recorder{})
	if !errors.Is(err, context.Canceled) || len(f.calls(t)) != 1 {
		t.Errorf("Run, cancelled: %v, after %d calls of docker", err, len(f.calls(t)))
	}
	if entries, _ := os.ReadDir(b.Folder); len(entries) != 0 {
		t.Errorf("the folder still holds %v", entries)
	}
}

func TestRunStopsWaitingWhenCancelled(t *testing.T) {
	t.Parallel()
	f := newFake(t, answer{Err: outage, Exit: 1})
	f.Sleep = func(context.Context, time.Duration) error { return context.Canceled }
	if _, err := f.Run(context.Background(), simple(t), &recorder{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Run, cancelled while it waits: %v", err)
	}
}

func TestNoDocker(t *testing.T) {
	t.Parallel()
	d := &buildx.Docker{Env: []string{"PATH=" + t.TempDir()}}
	_, runErr := d.Run(context.Background(), simple(t), &recorder{})
	_, _, chooseErr := d.Choose(context.Background(), "", buildx.Need{})
	for _, err := range []error{runErr, chooseErr} {
		var e *buildx.Error
		if !errors.As(err, &e) || e.Kind != buildx.NoDocker {
			t.Errorf("without docker: %v, want kind docker", err)
		}
	}
}

func TestLint(t *testing.T) {
	t.Parallel()
	const found = `{"warnings":[{"ruleName":"InvalidBaseImagePlatform","description":"d","url":"u","detail":"Base image x was pulled",` +
		`"location":{"ranges":[{"start":{"line":3}}]}},{"ruleName":"Odd","description":"about","location":{"sourceIndex":9}}],"sources":[{"filename":"Dockerfile"}]}`
	want := []progress.Warning{
		{Rule: "InvalidBaseImagePlatform", Text: "Base image x was pulled", URL: "u", Path: "Dockerfile", Line: 3},
		{Rule: "Odd", Text: "about"},
	}
	for name, tc := range map[string]struct {
		answer
		want []progress.Warning
		kind buildx.Kind
		line int
	}{
		"nothing":          {answer{Out: `{"warnings":null,"sources":[]}`}, nil, "", 0},
		"findings":         {answer{Out: found, Exit: 1}, want, "", 0},
		"broken":           {answer{Out: `{"buildError":{"message":"dockerfile parse error on line 2: unknown instruction: RUNN","location":{"ranges":[{"start":{"line":2}}]}}}`, Exit: 1}, nil, buildx.Dockerfile, 2},
		"base image":       {answer{Out: `{"buildError":{"message":"x: failed to resolve source metadata for x: x: not found"}}`, Exit: 1}, nil, buildx.Base, 0},
		"no Dockerfile":    {answer{Err: "ERROR: failed to build: failed to solve: failed to read dockerfile: open x\n", Exit: 1}, nil, buildx.Dockerfile, 0},
		"old engine":       {answer{Err: "ERROR: failed to build: failed to solve: rpc error: code = Unknown desc = failed to solve with frontend dockerfile.v0: unsupported request frontend.lint\n", Exit: 1}, nil, buildx.Other, 0},
		"no answer at all": {answer{Out: "hello"}, nil, buildx.Other, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, tc.answer)
			b := simple(t)
			b.Secrets = []buildx.Secret{{ID: "a", Value: inputs.NewSecret("hunter2-hunter2")}}
			got, err := f.Lint(context.Background(), b)
			var e *buildx.Error
			if errors.As(err, &e); (e == nil) != (tc.kind == "") || e != nil && (e.Kind != tc.kind || e.Line != tc.line) {
				t.Errorf("Lint: %+v, want kind %q in line %d", err, tc.kind, tc.line)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			wantArgs := []string{"buildx", "build", "--call=check,format=json", "--progress=rawjson", "--builder=b", "--platform=linux/amd64",
				"--file=/src/Dockerfile", "--", "/src"}
			if diff := cmp.Diff(wantArgs, f.calls(t)[0].Args); diff != "" {
				t.Errorf("arguments (-want +got):\n%s", diff)
			}
		})
	}
}
