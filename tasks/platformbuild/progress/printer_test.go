package progress_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/pipeline"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/progress"
)

// printed is a Printer with its log and a clock that stands still.
type printed struct {
	*progress.Printer
	log bytes.Buffer
	now time.Time
}

func newPrinted() *printed {
	p := &printed{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	p.Printer = &progress.Printer{To: pipeline.New(&p.log, nil), Now: func() time.Time { return p.now }}
	return p
}

// step makes a step that took n tenths of a second.
func step(number, n int, name string) progress.Step {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	d := time.Duration(n) * time.Second / 10
	return progress.Step{
		Digest: fmt.Sprint(number), Number: number, Of: 100, Name: name,
		Started: begin, Completed: begin.Add(d), Duration: d,
	}
}

func (p *printed) check(t *testing.T, want string) {
	t.Helper()
	if diff := cmp.Diff(strings.TrimLeft(want, "\n"), p.log.String()); diff != "" {
		t.Errorf("the log (-want +got):\n%s", diff)
	}
}

func TestPrinterGroupsStepsThatRunAtOnce(t *testing.T) {
	t.Parallel()
	p := newPrinted()
	a, b, c := step(1, 31, "[amd64 1/2] RUN make"), step(2, 20, "[arm64 1/2] RUN make"), step(3, 1, "[amd64 2/2] COPY . .")
	p.Output(a, "a1")
	p.Output(b, "b1")
	p.Output(a, "a2")
	p.Step(c)
	p.Output(b, "b2 ##vso[task.complete]")
	p.Step(a)
	p.Output(b, "b3")
	p.Plain("WARNING: hm")
	p.Output(b, "b4")
	p.Step(b)
	p.check(t, `
##[group]#1 [amd64 1/2] RUN make
a1
a2
##[endgroup]
#1 done in 3.1 s
#3 [amd64 2/2] COPY . .: done in 0.1 s
##[group]#2 [arm64 1/2] RUN make
b1
b2 **vso[task.complete]
b3
##[endgroup]
WARNING: hm
##[group]#2 [arm64 1/2] RUN make (goes on)
b4
##[endgroup]
#2 done in 2.0 s
`)
}

func TestPrinterLeavesASilentStep(t *testing.T) {
	t.Parallel()
	p := newPrinted()
	a, b, c := step(1, 900, "[1/3] RUN a"), step(2, 1, "[2/3] RUN b"), step(3, 1, "[3/3] RUN c")
	p.Output(a, "a1")
	p.Output(b, "b1")
	p.now = p.now.Add(11 * time.Second)
	p.Output(b, "b2")
	p.now = p.now.Add(11 * time.Second)
	p.Step(c)
	p.Output(a, "a2")
	p.Step(b)
	p.Step(a)
	p.check(t, `
##[group]#1 [1/3] RUN a
a1
##[endgroup]
##[group]#2 [2/3] RUN b
b1
b2
##[endgroup]
#3 [3/3] RUN c: done in 0.1 s
##[group]#1 [1/3] RUN a (goes on)
a2
##[endgroup]
#1 done in 1m30s
#2 done in 0.1 s
`)
}

func TestPrinterShowsHowAStepEnded(t *testing.T) {
	t.Parallel()
	p := newPrinted()
	cached, failed, open := step(1, 0, "[1/3] COPY a"), step(2, 5, "[2/3] RUN b"), step(3, 0, "[3/3] RUN c")
	cached.Cached = true
	failed.Error = "exit code: 1"
	open.Completed = time.Time{}
	p.Step(step(9, 1, "[internal] load build definition"))
	p.Step(cached)
	for i := range 12 {
		p.Output(failed, fmt.Sprint("line ", i))
	}
	p.Step(failed)
	p.Step(open)
	var want strings.Builder
	want.WriteString("#1 [1/3] COPY a: cached\n##[group]#2 [2/3] RUN b\n")
	for i := range 12 {
		fmt.Fprintf(&want, "line %d\n", i)
	}
	want.WriteString("##[endgroup]\n#2 failed after 0.5 s: exit code: 1\n")
	want.WriteString("#3 [3/3] RUN c: did not end\n")
	p.check(t, want.String())
}

func TestPrinterIsBounded(t *testing.T) {
	t.Parallel()
	p := newPrinted()
	a, b := step(1, 1, "[1/2] RUN a"), step(2, 1, "[2/2] RUN b")
	p.Output(a, "a1")
	for i := range 200_000 {
		p.Output(b, fmt.Sprintf("%099d", i))
	}
	p.Step(a)
	p.Step(b)
	text := p.log.String()
	if len(text) > 2<<20 || !strings.Contains(text, "lines are left out)") || !strings.Contains(text, "00199999\n") {
		t.Errorf("%d bytes are printed of a step that waited; want at most 2 MiB, its end, and a note", len(text))
	}
}

func TestPrinterMovesTheBarForward(t *testing.T) {
	t.Parallel()
	p := newPrinted()
	for i := range 30 {
		s := step(i+1, 1, "[1/2] RUN a")
		s.Of = 10 + i
		p.Step(s)
	}
	last, count := -1, 0
	for _, line := range strings.Split(p.log.String(), "\n") {
		var percent int
		if _, err := fmt.Sscanf(line, "##vso[task.setprogress value=%d;]", &percent); err != nil {
			continue
		}
		if count++; percent < last+5 || percent > 99 {
			t.Errorf("progress goes from %d to %d", last, percent)
		}
		last = percent
	}
	if count < 5 {
		t.Errorf("progress was told %d times", count)
	}
}

func TestPrinterPassesWarningsOn(t *testing.T) {
	t.Parallel()
	p := newPrinted()
	p.Warning(progress.Warning{Text: "nobody asked"})
	var got []progress.Warning
	p.Warn = func(w progress.Warning) { got = append(got, w) }
	p.Warning(progress.Warning{Text: "x"})
	if len(got) != 1 || p.log.Len() != 0 {
		t.Errorf("warnings passed on: %v, printed: %q", got, p.log.String())
	}
}

// A recorded build, as it looks in the log.
func TestPrinterOfABuild(t *testing.T) {
	t.Parallel()
	p := newPrinted()
	r := progress.NewReader(p.Printer)
	_, _ = r.Write(recorded(t, "failed.jsonl"))
	r.Close()
	p.check(t, `
#5 [1/2] FROM 127.0.0.1:5055/base:1@sha256:c6c80cdf1f10d25e6d45a5ea1cec2d9e7198508372a380dd34fa764a3a26d64d: cached
##vso[task.setprogress value=80;][1/2] FROM 127.0.0.1:5055/base:1@sha256:c6c80cdf1f10d25e6d45a5ea1cec2d9e7198508372a380dd34fa764a3a26d64d
##[group]#4 [2/2] RUN echo hi; exit 7
hi
##[endgroup]
#4 failed after 0.8 s: exit code: 7
##vso[task.setprogress value=99;][2/2] RUN echo hi; exit 7
f1:2
--------------------
   1 |     FROM 127.0.0.1:5055/base:1
   2 | >>> RUN echo hi; exit 7
   3 |     
--------------------
ERROR: failed to build: failed to solve: process "/bin/sh -c echo hi; exit 7" did not complete successfully: exit code: 7
`)
}
