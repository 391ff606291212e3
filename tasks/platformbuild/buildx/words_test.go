package buildx_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/buildx"
)

// said is the output of a step.
func said(step, text string) string {
	return fmt.Sprintf(`{"logs":[{"vertex":%q,"data":%q}]}`+"\n", step, base64.StdEncoding.EncodeToString([]byte(text)))
}

// failedRun is what buildx tells of a RUN that failed.
func failedRun(command, output string) string {
	name, err := "[2/2] RUN "+command, `process "/bin/sh -c `+command+`" did not complete successfully: exit code: 7`
	text := failing(name, err)
	if output != "" {
		text = said(name, output) + text
	}
	return text + "Dockerfile:2\n--------------------\n   2 | >>> RUN " + command + "\n--------------------\n" +
		"ERROR: failed to build: failed to solve: " + err + "\n"
}

// fails runs a build that ends so, and returns its error and log.
func fails(t *testing.T, stderr string, change func(*buildx.Build)) (*buildx.Error, string, *fake) {
	t.Helper()
	f := newFake(t, answer{Match: "buildx build", Err: stderr, Exit: 1, Always: true})
	f.Secrets.Add("hunter2-hunter2-hunter2")
	b := simple(t)
	if change != nil {
		change(&b)
	}
	to := &recorder{}
	_, err := f.Run(context.Background(), b, to)
	var e *buildx.Error
	if !errors.As(err, &e) {
		t.Fatalf("Run after %.300q: %v, want an *Error", stderr, err)
	}
	return e, strings.Join(to.lines, "\n"), f
}

func TestStepThatFailedIsToldOnce(t *testing.T) {
	t.Parallel()
	long := "make " + strings.Repeat("all ", 100)
	for name, tc := range map[string]struct{ command, output, msg, said, hint string }{
		"the last line": {"make", "a\nerror: no semicolon\n\n", `the step "[2/2] RUN make" failed with exit code 7`, "error: no semicolon", "its output is in the log"},
		"two streams":   {"make", "error: old\nerror: no semicolon\ncompiling\n", `the step "[2/2] RUN make" failed with exit code 7`, "error: no semicolon", "its output is in the log"},
		"no output":     {"false", "", `the step "[2/2] RUN false" failed with exit code 7`, "", "it printed nothing: let it say what it does, such as with set -x"},
		"long":          {long, "x", `the step "[2/2] RUN ` + long[:70] + `..." failed with exit code 7`, "x", "its output is in the log"},
		"a secret where the line is cut": {"make", strings.Repeat("y", 50) + "hunter2-hunter2-hunter2" + strings.Repeat("z", 200),
			`the step "[2/2] RUN make" failed with exit code 7`, strings.Repeat("y", 50) + "***" + strings.Repeat("z", 7) + " ... " + strings.Repeat("z", 130),
			"its output is in the log"},
	} {
		e, log, _ := fails(t, failedRun(tc.command, tc.output), nil)
		if e.Kind != buildx.Step || e.Msg != tc.msg || e.Said != tc.said || e.Hint != tc.hint || e.Line != 2 {
			t.Errorf("%s: %+v, want %+v", name, e, tc)
		}
		if strings.Contains(log, "ERROR:") || strings.Contains(log, ">>>") {
			t.Errorf("%s: the command is told again:\n%s", name, log)
		}
	}
}

func TestLastWordsAreToldUnlessTheErrorHasThem(t *testing.T) {
	t.Parallel()
	const excerpt = "Dockerfile:2\n--------------------\n   2 | >>> COPY x /\n--------------------\n"
	for name, tc := range map[string]struct {
		stderr       string
		tells, hides string
	}{
		"a place": {excerpt + "ERROR: failed to solve: failed to compute cache key: failed to calculate checksum of ref a::b: \"/x\": not found\n", ">>> COPY x /", "ERROR:"},
		"unknown": {excerpt + "ERROR: something new\nin two lines\n", "ERROR: something new\nin two lines", "\x00"},
		"push":    {"WARNING: a\nERROR: failed to solve: failed to push r/app: denied\n", "WARNING: a", "denied"},
		"a flag":  {"unknown flag: --x\n\nUsage: docker\n", "unknown flag: --x\n\nUsage: docker", "\x00"},
	} {
		_, log, _ := fails(t, tc.stderr, nil)
		if !strings.Contains(log, tc.tells) || strings.Contains(log, tc.hides) {
			t.Errorf("%s: the log is\n%s\nwant %q in it, and not %q", name, log, tc.tells, tc.hides)
		}
	}
}

// What our sentence has of the tool's words is not said again; what it has not, is.
func TestWordsAreNotToldTwice(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`failed to compute cache key: failed to calculate checksum of ref 9fgs::h9kc: "/bin/sever": not found`: "",
		`failed to compute cache key: "/bin/sever" not found: not found`:                                       "",
		`target stage "q" could not be found`:                                                                  "",
		"secret s: not found":                                                                                  "",
		"lint violation found for rules: A, B":                                                                 "",
		"r/x:1: failed to resolve source metadata for r/x:1: no match for platform in manifest: not found":     "",
		"no match for platform in manifest: not found":                                                         "no match for platform in manifest: not found",
		"failed to get build context x: stat /nope: no such file or directory":                                 "failed to get build context x: stat /nope: no such file or directory",
		"failed to stat /nope: stat /nope: permission denied":                                                  "failed to stat /nope: stat /nope: permission denied",
		"secret s: not found, says somebody":                                                                   "secret s: not found, says somebody",
		"no space left on device":                                                                              "no space left on device",
	} {
		if e, _, _ := fails(t, "ERROR: failed to build: failed to solve: "+text+"\n", nil); e.Said != want {
			t.Errorf("after %q: %q (%q), want %q", text, e.Msg, e.Said, want)
		}
	}
}

func TestEndOfALongErrorIsTold(t *testing.T) {
	t.Parallel()
	push := "failed to push r.io/app: failed to do request: Head \"https://r.io/v2/app/blobs/sha256:" + strings.Repeat("0", 64) + "?" + strings.Repeat("1", 100) +
		"\": dial tcp 10.1.2.3:443: connect: connection refused"
	e, log, _ := fails(t, failing("exporting to image", push)+"ERROR: failed to build: failed to solve: "+push+"\n", nil)
	if !strings.HasPrefix(e.Said, "failed to push r.io/app: ") || !strings.HasSuffix(e.Said, "dial tcp 10.1.2.3:443: connect: connection refused") {
		t.Errorf("buildx said %q", e.Said)
	}
	if got, tries := strings.Count(log, "connection refused"), 3; got != tries {
		t.Errorf("the reason is told %d times in the log, want once before each of %d further tries:\n%s", got, tries, log)
	}
}

// The same password would be refused again.
func TestRunRenewsCredentials(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		renew func(context.Context) (bool, error)
		calls int
	}{
		"others":       {func(context.Context) (bool, error) { return true, nil }, 2},
		"the same":     {func(context.Context) (bool, error) { return false, nil }, 1},
		"none":         {func(context.Context) (bool, error) { return true, errors.New("no token") }, 1},
		"nobody knows": {nil, 2},
		"only for that": {func(context.Context) (bool, error) {
			t.Error("asked for credentials after an outage")
			return true, nil
		}, 4},
	} {
		stderr := expired
		if name == "only for that" {
			stderr = outage
		}
		f := newFake(t, answer{Match: "buildx build", Err: stderr, Exit: 1, Always: true})
		f.Renew = tc.renew
		_, err := f.Run(context.Background(), simple(t), &recorder{})
		if got := len(f.calls(t)); got != tc.calls || err == nil {
			t.Errorf("%s: docker was called %d times, want %d; %v", name, got, tc.calls, err)
		}
		if tc.calls == 1 && f.slept != nil {
			t.Errorf("%s: waited %v for nothing", name, f.slept)
		}
	}
}

func TestHintsNameTheImage(t *testing.T) {
	t.Parallel()
	const noHost = `failed to do request: Head "https://registry-1.docker.io/v2/x": dial tcp: lookup registry-1.docker.io: no such host`
	for name, tc := range map[string]struct {
		step, err string
		sbom      bool
		msg, hint string
	}{
		"scanner": {
			"resolve image config for docker-image://docker.io/docker/buildkit-syft-scanner:stable-1",
			"failed to resolve source metadata for docker.io/docker/buildkit-syft-scanner:stable-1: " + noHost, true, "the SBOM scanner, docker/buildkit-syft-scanner, cannot", "sbomGenerator",
		},
		"syntax": {
			"resolve image config for docker-image://docker.io/docker/dockerfile:1",
			"failed to resolve source metadata for docker.io/docker/dockerfile:1: " + noHost, false, `"# syntax="`, "remove the line",
		},
		"base": {
			"[internal] load metadata for docker.io/library/alpine:3",
			"alpine:3: failed to resolve source metadata for docker.io/library/alpine:3: " + noHost, true, "base image", "image's name",
		},
		"base of the registry": {
			"[internal] load metadata for contoso.azurecr.io/base:1",
			"contoso.azurecr.io/base:1: failed to resolve source metadata for contoso.azurecr.io/base:1: unexpected status from HEAD request to " +
				"https://contoso.azurecr.io/v2/base/manifests/1: 401 Unauthorized", false, "does not accept the credentials", "containerRegistry",
		},
		"entitlement": {"x", "granting entitlement network.host is not allowed by build daemon configuration", false, "network.host",
			"--allow-insecure-entitlement network.host"},
	} {
		e, _, _ := fails(t, failing(tc.step, tc.err)+"ERROR: failed to build: failed to solve: "+tc.err+"\n",
			func(b *buildx.Build) { b.SBOM = tc.sbom })
		if !strings.Contains(e.Msg, tc.msg) || !strings.Contains(e.Hint, tc.hint) {
			t.Errorf("%s: %q, hint %q; want %q and %q", name, e.Msg, e.Hint, tc.msg, tc.hint)
		}
	}
}

// A cancelled build says nothing of that itself: who has cancelled it knows.
func TestLastWordsOfACancelledBuild(t *testing.T) {
	t.Parallel()
	const words = "ERROR: failed to build: failed to solve: Canceled: context canceled\n"
	late := "1 warning found:\n" + warned + words
	for name, a := range map[string]answer{
		"before": {Err: words, Hang: true},
		"after":  {Hang: true, Late: late},
	} {
		f := newFake(t, a)
		var debugged []string
		f.Debug = func(text string) { debugged = append(debugged, text) }
		ctx, cancel := context.WithCancelCause(context.Background())
		cause := errors.New("the run was cancelled")
		to := &recorder{}
		go cancelWhenHanging(f, func() { cancel(cause) })
		_, err := f.Run(ctx, simple(t), to)
		if !errors.Is(err, cause) || len(to.lines)+to.warnings != 0 {
			t.Errorf("%s: Run, cancelled: %v, told %q and %d warnings", name, err, to.lines, to.warnings)
		}
		if all := strings.Join(debugged, "\n"); !strings.Contains(all, strings.TrimSpace(words)) {
			t.Errorf("%s: not even debug has buildx's words: %q", name, all)
		}
	}
}
