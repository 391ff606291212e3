package progress_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/progress"
)

// lost is a step that failed.
func lost(number int, name, err string) progress.Step {
	s := step(number, 1, name)
	s.Error = err
	return s
}

// The first build of a branch has no cache, and that reads like no failure. It is said once, however often it is tried.
func TestPrinterOfAMissingCache(t *testing.T) {
	t.Parallel()
	p := newPrinted()
	const place = "r.io/app:buildcache-main"
	for range 2 {
		p.Step(lost(1, "importing cache manifest from "+place, "failed to configure registry cache importer: "+place+": not found"))
		p.Step(lost(2, "importing cache manifest from r.io/b:c", "failed to configure registry cache importer: unexpected status: 401 Unauthorized"))
	}
	p.Step(step(3, 1, "importing cache manifest from r.io/d:e"))
	p.check(t, `
No cache yet at r.io/app:buildcache-main
The cache at r.io/b:c is not used: failed to configure registry cache importer: unexpected status: 401 Unauthorized
#3 importing cache manifest from r.io/d:e: done in 0.1 s
##vso[task.setprogress value=5;]importing cache manifest from r.io/d:e
`)
}

func TestPrinterTellsTheEndOfALongError(t *testing.T) {
	t.Parallel()
	for err, want := range map[string]string{
		"failed to push r.io/app: failed to do request: Head \"https://r.io/v2/app/blobs/sha256:" + strings.Repeat("0", 64) +
			"\": dial tcp: lookup r.io on 10.0.0.53:53: a long way: connect: connection refused": "failed after 0.1 s: ... " +
			"dial tcp: lookup r.io on 10.0.0.53:53: a long way: connect: connection refused\n",
		strings.Repeat("é", 200) + " the cause":                                          "ééé the cause\n",
		`process "/bin/sh -c make \"a\": b" did not complete successfully: exit code: 2`: "failed after 0.1 s: exit code: 2\n",
		"executor failed running [/bin/sh -c make]: exit code: 2":                        "failed after 0.1 s: exit code: 2\n",
		"error writing layer blob: context canceled":                                     "[2/2] RUN make: stopped after 0.1 s\n",
	} {
		p := newPrinted()
		p.Step(lost(1, "[2/2] RUN make", err))
		if got := p.log.String(); !strings.HasSuffix(got, want) || len(got) > 300 {
			t.Errorf("of the error %q:\ngot  %q\nwant ...%q", err, got, want)
		}
	}
}

// BuildKit ends the step of a base image twice, and a build that is tried again tells everything anew.
func TestPrinterTellsAnEndOnce(t *testing.T) {
	t.Parallel()
	p := newPrinted()
	from, later, failed := step(1, 1, "[1/2] FROM a"), step(1, 4, "[1/2] FROM a"), lost(2, "exporting to image", "503")
	p.Step(from)
	p.Step(later)
	p.Step(failed)
	p.Step(failed)
	p.Step(step(2, 1, "exporting to image"))
	p.Step(step(1, 14, "[1/2] FROM a"))
	p.Output(later, "layer: 1 MB of 2 MB")
	p.Step(later)
	p.check(t, `
#1 [1/2] FROM a: done in 0.1 s
#2 exporting to image: failed after 0.1 s: 503
#2 exporting to image: failed after 0.1 s: 503
#2 exporting to image: done in 0.1 s
##vso[task.setprogress value=5;]exporting to image
#1 [1/2] FROM a: done in 1.4 s
##[group]#1 [1/2] FROM a
layer: 1 MB of 2 MB
##[endgroup]
#1 done in 0.4 s
`)
}

func TestReaderKeepsTheEndOfLongTexts(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100_000) + " the cause"
	to, sum := read([]byte(line(`{"vertexes":[{"digest":"a","name":"exporting to image","started":"2026-01-01T00:00:00Z",`+
		`"completed":"2026-01-01T00:00:01Z","error":%q}]}`, "failed: "+long)+log("a", long[95_000:]+"\n")+"ERROR: "+long+"\n"), 999)
	texts := append([]string{sum.Error, to.steps[len(to.steps)-1].Error}, sum.Pushing...)
	for _, text := range texts {
		if !strings.HasSuffix(text, "x the cause") || len(text) > 20_000 {
			t.Errorf("of a long text is left %.50q...%q", text, text[max(len(text)-50, 0):])
		}
	}
	if len(texts) != 4 || !strings.HasPrefix(sum.Error, "ERROR: xx") || !strings.HasPrefix(texts[1], "failed: xx") {
		t.Errorf("%d texts, the error begins %.20q and %.20q", len(texts), sum.Error, texts[1])
	}
}

// What BuildKit does for itself says nothing about the Dockerfile.
func TestReaderListsRealStepsAsSlow(t *testing.T) {
	t.Parallel()
	var stream strings.Builder
	for name, end := range map[string]string{
		"exporting to image": "09Z", "[1/3] FROM a": "08Z", "importing cache manifest from x": "07Z", "[2/3] RUN make": "03Z",
		"[3/3] COPY a b": "00.05Z",
	} {
		stream.WriteString(line(`{"vertexes":[{"digest":%q,"name":%q,"started":"2026-01-01T00:00:00Z","completed":"2026-01-01T00:00:%s"}]}`,
			name, name, end))
	}
	_, sum := read([]byte(stream.String()), 999)
	var got []string
	for _, s := range sum.Slowest {
		got = append(got, s.Name)
	}
	if diff := cmp.Diff([]string{"[2/3] RUN make"}, got); diff != "" {
		t.Errorf("slowest (-want +got):\n%s", diff)
	}
}
