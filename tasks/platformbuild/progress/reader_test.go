package progress_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/progress"
)

// recorder notes what it is told.
type recorder struct {
	events []string
	steps  []progress.Step
}

func (r *recorder) Step(s progress.Step) {
	r.steps = append(r.steps, s)
	r.events = append(r.events, fmt.Sprintf("end %s %.20s", map[bool]string{true: "cached"}[s.Cached], s.Name))
}

func (r *recorder) Output(s progress.Step, line string) {
	r.events = append(r.events, fmt.Sprintf("out %.6s: %s", s.Name, line))
}

func (r *recorder) Warning(w progress.Warning) {
	r.events = append(r.events, fmt.Sprintf("warn %s %s:%d", w.Rule, w.Path, w.Line))
}

func (r *recorder) Plain(line string) { r.events = append(r.events, "plain "+line) }

// read feeds a stream in pieces of n bytes.
func read(stream []byte, n int) (*recorder, progress.Summary) {
	to := &recorder{}
	r := progress.NewReader(to)
	for len(stream) > 0 {
		piece := stream[:min(n, len(stream))]
		if _, err := r.Write(piece); err != nil {
			panic(err)
		}
		stream = stream[len(piece):]
	}
	return to, r.Close()
}

func recorded(t *testing.T, name string) []byte {
	t.Helper()
	stream, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func TestReaderTellsABuildAsItGoes(t *testing.T) {
	t.Parallel()
	to, sum := read(recorded(t, "pushed.jsonl"), 1<<20)
	var heard []string
	for _, event := range to.events {
		if !strings.Contains(event, "[internal]") {
			heard = append(heard, event)
		}
	}
	want := []string{
		"warn MaintainerDeprecated Dockerfile:6",
		"warn ConsistentInstructionCasing Dockerfile:6",
		"warn JSONArgsRecommended Dockerfile:9",
		"end  [b 1/2] FROM 127.0.0",
		"out [b 2/2: b1",
		"out [a 2/2: a1 ##vso[task.setvariable variable=x]1",
		"out [b 2/2: b2",
		"out [a 2/2: a2 ##vso[task.setvariable variable=x]1",
		"out [b 2/2: b3",
		"out [a 2/2: a3 ##vso[task.setvariable variable=x]1",
		"end  [a 2/2] RUN for i in",
		"end  [b 2/2] RUN for i in",
		"end  [stage-2 1/2] COPY -",
		"out [stage: no newline",
		"end  [stage-2 2/2] RUN pr",
		"end  exporting to image",
		"end  resolving provenance",
	}
	if diff := cmp.Diff(want, heard); diff != "" {
		t.Errorf("a build that is pushed (-want +got):\n%s", diff)
	}
	if sum.Steps != 4 || sum.Cached != 0 || sum.Failed != nil || sum.Error != "" || len(sum.Warnings) != 3 {
		t.Errorf("summary: %+v", sum)
	}
	wantWarning := progress.Warning{
		Rule: "MaintainerDeprecated", Text: "Maintainer instruction is deprecated in favor of using label",
		URL: "https://docs.docker.com/go/dockerfile/rule/maintainer-deprecated/", Path: "Dockerfile", Line: 6,
	}
	if diff := cmp.Diff(wantWarning, sum.Warnings[0]); diff != "" {
		t.Errorf("first warning (-want +got):\n%s", diff)
	}
	if len(sum.Slowest) != 3 || !strings.HasPrefix(sum.Slowest[0].Name, "[b 2/2] RUN") ||
		sum.Slowest[0].Duration < 3*time.Second {
		t.Errorf("slowest: %+v", sum.Slowest)
	}
	// The export has two parts: writing the image, then the push.
	for _, s := range to.steps {
		if s.Name == "exporting to image" && s.Duration != s.Completed.Sub(s.Started)-44126*time.Nanosecond {
			t.Errorf("exporting took %s of %s: want both parts without the pause", s.Duration, s.Completed.Sub(s.Started))
		}
	}
}

func TestReaderSumsUp(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		steps, cached int
		failed        string // begin of the name
		err           string
		path          string
		line          int
	}{
		"cached.jsonl": {4, 4, "", "", "", 0},
		"failed.jsonl": {1, 0, "[2/2] RUN", "ERROR: failed to build: failed to solve: process " +
			`"/bin/sh -c echo hi; exit 7" did not complete successfully: exit code: 7`, "f1", 2},
		"failed2010.jsonl": {1, 0, "[2/2] RUN", "ERROR: failed to build: failed to solve: " +
			"executor failed running [/bin/sh -c echo hi; exit 7]: exit code: 7", "", 0},
		"engine2010.jsonl": {4, 0, "", "", "", 0},
		"outage.jsonl": {4, 4, "exporting to image", "ERROR: failed to build: failed to solve: " +
			"failed to push 127.0.0.1:5055/app: unavailable: down for maintenance", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stream := recorded(t, name)
			whole, sum := read(stream, 1<<20)
			if sum.Steps != tc.steps || sum.Cached != tc.cached || sum.Error != tc.err || sum.Path != tc.path || sum.Line != tc.line {
				t.Errorf("summary of %s: got %+v, want %+v", name, sum, tc)
			}
			failed := ""
			if sum.Failed != nil {
				failed = sum.Failed.Name
			}
			if !strings.HasPrefix(failed, tc.failed) || tc.failed == "" && failed != "" {
				t.Errorf("failed step: got %q, want %q", failed, tc.failed)
			}
			for _, n := range []int{1, 7, 1000} {
				cut, cutSum := read(stream, n)
				if diff := cmp.Diff(whole.events, cut.events); diff != "" {
					t.Errorf("cut into pieces of %d bytes (-whole +cut):\n%s", n, diff)
				}
				if diff := cmp.Diff(sum, cutSum); diff != "" {
					t.Errorf("summary, cut into pieces of %d bytes (-whole +cut):\n%s", n, diff)
				}
			}
		})
	}
}

func TestReaderKeepsWhatThePushSaid(t *testing.T) {
	t.Parallel()
	_, sum := read(recorded(t, "outage.jsonl"), 1<<20)
	said := strings.Join(sum.Pushing, "\n")
	for _, want := range []string{"retrying in 4s", "/blobs/uploads/: 503 Service Unavailable", "failed to push"} {
		if !strings.Contains(said, want) {
			t.Errorf("Pushing holds no %q:\n%s", want, said)
		}
	}
}

// line is a line of the stream; log one with a step's output.
func line(format string, args ...any) string { return fmt.Sprintf(format, args...) + "\n" }

func log(vertex, text string) string {
	data, _ := json.Marshal([]byte(text))
	return line(`{"logs":[{"vertex":%q,"data":%s}]}`, vertex, data)
}

const (
	start = `{"vertexes":[{"digest":"a","name":"[1/2] RUN a","started":"2026-01-01T00:00:00Z"}]}` + "\n"
	end   = `{"vertexes":[{"digest":"a","name":"[1/2] RUN a","started":"2026-01-01T00:00:00Z","completed":"2026-01-01T00:00:01Z"}]}` + "\n"
)

func TestReaderTakesWhateverComes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		stream string
		want   []string
	}{
		"nothing":                  {"", nil},
		"a line without end":       {"ERROR: no builder", []string{"plain ERROR: no builder"}},
		"Windows line end":         {"ERROR: x\r\n", []string{"plain ERROR: x"}},
		"broken JSON":              {`{"vertexes":[` + "\n", []string{`plain {"vertexes":[`}},
		"other JSON":               {`{"hello":1}` + "\n", []string{`plain {"hello":1}`}},
		"null":                     {`{"vertexes":[null],"logs":[null],"warnings":[null],"statuses":[null]}` + "\n", nil},
		"wrong types":              {`{"vertexes":[{"digest":1,"name":[],"started":"yesterday"}],"logs":3}` + "\n", nil},
		"one wrong field":          {start + strings.Replace(end, `"name"`, `"cached":"x","name"`, 1), []string{"end  [1/2] RUN a"}},
		"bad base64":               {start + `{"logs":[{"vertex":"a","data":"***"}]}` + "\n" + end, []string{"end  [1/2] RUN a"}},
		"unknown field":            {start + strings.Replace(end, `"name"`, `"newer":{"a":[1]},"name"`, 1), []string{"end  [1/2] RUN a"}},
		"never ended":              {start, []string{"end  [1/2] RUN a"}},
		"ended twice":              {start + end + end, []string{"end  [1/2] RUN a"}},
		"ended without beginning":  {end, []string{"end  [1/2] RUN a"}},
		"failed without beginning": {`{"vertexes":[{"digest":"a","name":"x","error":"no"}]}` + "\n", []string{"end  x"}},
		"output after the end":     {start + end + log("a", "late\n"), []string{"out [1/2] : late", "end  [1/2] RUN a"}},
		"output of nobody":         {log("?", "x\n"), []string{"out : x"}},
		"lines in pieces":          {start + log("a", "on") + log("a", "e\n\ntw") + log("a", "o"), []string{"out [1/2] : one", "out [1/2] : ", "out [1/2] : two", "end  [1/2] RUN a"}},
		"progress bar":             {start + log("a", "10%\r50%\r100%\r\nok\r\n"), []string{"out [1/2] : 100%", "out [1/2] : ok", "end  [1/2] RUN a"}},
		"colours and controls":     {start + log("a", "\x1b[31mred\x1b[0m\x1b]0;title\x07\x00\u202e!\n"), []string{"out [1/2] : red!", "end  [1/2] RUN a"}},
		"no UTF-8":                 {start + log("a", "\xff\n"), []string{"out [1/2] : \uFFFD", "end  [1/2] RUN a"}},
		"the same warning twice": {strings.Repeat(`{"warnings":[{"short":"Rm9vQmFyOiB4IChsaW5lIDMp","sourceInfo":{"filename":"D"},"range":[{"start":{"line":3}}]}]}`+"\n", 2),
			[]string{"warn FooBar D:3"}},
		"a transfer that lasts": {start + line(`{"statuses":[{"id":"pushing layer x","vertex":"a","current":5000000,"total":20000000,`+
			`"timestamp":"2026-01-01T00:00:11Z","started":"2026-01-01T00:00:00Z"}]}`) +
			line(`{"statuses":[{"id":"pushing layer x","vertex":"a","current":6000000,"total":20000000,`+
				`"timestamp":"2026-01-01T00:00:12Z","started":"2026-01-01T00:00:00Z"}]}`),
			[]string{"out [1/2] : pushing layer x: 5.0 MB of 20.0 MB", "end  [1/2] RUN a"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to, _ := read([]byte(tc.stream), 1<<20)
			if diff := cmp.Diff(tc.want, to.events); diff != "" {
				t.Errorf("reading %q (-want +got):\n%s", tc.stream, diff)
			}
		})
	}
}

func TestReaderCountsTimeForwardOnly(t *testing.T) {
	t.Parallel()
	back := strings.Replace(end, "00:00:01Z", "00:00:00Z", 1)
	to, sum := read([]byte(strings.Replace(back, `"completed":"2026`, `"completed":"2025`, 1)+
		strings.ReplaceAll(strings.Replace(end, `"completed":"2026`, `"completed":"9999`, 1), `"a"`, `"b"`)), 100)
	if len(to.steps) != 2 || to.steps[0].Duration != 0 || to.steps[1].Duration > 240*time.Hour || sum.Steps != 2 {
		t.Errorf("steps that end before they begin, or in 8000 years: %+v", to.steps)
	}
}

func TestReaderIsBounded(t *testing.T) {
	t.Parallel()
	to := &recorder{}
	r := progress.NewReader(to)
	piece := []byte(strings.Repeat("x", 1<<20))
	for range 40 { // one line of 40 MiB
		_, _ = r.Write(piece)
	}
	_, _ = r.Write([]byte("\nERROR: y\n"))
	_, _ = r.Write([]byte(start + log("a", strings.Repeat("z", 1<<20))))
	sum := r.Close()
	if !strings.Contains(to.events[0], "longer than 16 MiB") || to.events[1] != "plain ERROR: y" || sum.Error != "ERROR: y" {
		t.Errorf("after a huge line: %.200q, error %.200q", to.events[:2], sum.Error)
	}
	for _, event := range to.events {
		if len(event) > 20<<10 {
			t.Errorf("a line of %d bytes was told: %.40q", len(event), event)
		}
	}
	if n := strings.Count(strings.Join(to.events, ""), "z"); n != 1<<20 {
		t.Errorf("%d of %d bytes of a step's line without end were told", n, 1<<20)
	}

	// What steps have begun to print is not kept for ever.
	held := &recorder{}
	r = progress.NewReader(held)
	for i := range 2000 {
		_, _ = r.Write([]byte(log(fmt.Sprint(i), strings.Repeat("z", 10<<10))))
	}
	if len(held.events) < 300 {
		t.Errorf("after 20 MB of unfinished lines %d were told", len(held.events))
	}

	warned := progress.NewReader(&recorder{})
	for i := range 3000 {
		_, _ = fmt.Fprintf(warned, `{"warnings":[{"short":"QUJDRA==","url":"%d"}]}`+"\n", i)
	}
	if sum := warned.Close(); len(sum.Warnings) != 1000 {
		t.Errorf("%d warnings are kept, want 1000", len(sum.Warnings))
	}

	many := progress.NewReader(&recorder{})
	for i := range 30000 {
		_, _ = fmt.Fprintf(many, `{"vertexes":[{"digest":"%d","name":"[1/2] RUN x"}]}`+"\n", i)
	}
	if sum := many.Close(); sum.Steps != 20000 {
		t.Errorf("%d steps are remembered, want 20000", sum.Steps)
	}
}

func TestErrorIsFoundAmongWhatBuildxSays(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ stream, want string }{
		"usage":         {"unknown flag: --x\n\nUsage: docker\n", "unknown flag: --x\n\nUsage: docker"},
		"several lines": {"WARNING: a\nERROR: b\nc\n", "ERROR: b\nc"},
		"long ago":      {"first\n" + strings.Repeat("filler\n", 5000) + "ERROR: x\n", "ERROR: x"},
	} {
		if _, sum := read([]byte(tc.stream), 1<<20); sum.Error != tc.want {
			t.Errorf("%s: error of %.100q is %q, want %q", name, tc.stream, sum.Error, tc.want)
		}
	}
}

func TestFailedStepIsTheOneThatCounts(t *testing.T) {
	t.Parallel()
	failing := func(digest, name, err string) string {
		return line(`{"vertexes":[{"digest":%q,"name":%q,"started":"2026-01-01T00:00:00Z","completed":"2026-01-01T00:00:01Z","error":%q}]}`,
			digest, name, err)
	}
	stream := failing("a", "importing cache manifest from x", "x: not found") +
		failing("b", "[1/2] RUN a", "process did not complete: exit code: 1") +
		failing("c", "[1/2] RUN b", "context canceled") +
		failing("d", "[1/2] RUN c", "another one")
	if _, sum := read([]byte(stream+"ERROR: failed to solve: process did not complete: exit code: 1\n"), 99); sum.Failed == nil || sum.Failed.Digest != "b" {
		t.Errorf("the step in buildx's error: got %+v, want b", sum.Failed)
	}
	if _, sum := read([]byte(stream), 99); sum.Failed == nil || sum.Failed.Digest != "d" {
		t.Errorf("without an error of buildx: got %+v, want the last one, d", sum.Failed)
	}
	if _, sum := read([]byte(stream+failing("e", "[1/2] RUN e", "context canceled")), 99); sum.Failed == nil || sum.Failed.Digest != "d" {
		t.Errorf("a step that was stopped since another one failed: got %+v, want the last that failed, d", sum.Failed)
	}
	if _, sum := read([]byte(failing("a", "importing cache manifest from x", "x: not found")), 99); sum.Failed != nil {
		t.Errorf("a cache that is not there fails no build: got %+v", sum.Failed)
	}
}

func FuzzReader(f *testing.F) {
	for _, name := range []string{"pushed.jsonl", "failed.jsonl", "engine2010.jsonl"} {
		stream, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(stream[:min(len(stream), 1500)], 100)
	}
	f.Add([]byte(start+log("a", "x\r\n\x1b[1m")+end+"ERROR: y"), 3)
	f.Fuzz(func(t *testing.T, stream []byte, n int) {
		n = min(max(n, 1), 1<<20)
		cut, cutSum := read(stream, n)
		whole, sum := read(stream, len(stream)+1)
		if diff := cmp.Diff(whole.events, cut.events); diff != "" {
			t.Fatalf("in pieces of %d bytes (-whole +cut):\n%s", n, diff)
		}
		if diff := cmp.Diff(sum, cutSum); diff != "" {
			t.Fatalf("summary, in pieces of %d bytes (-whole +cut):\n%s", n, diff)
		}
		if sum.Cached > sum.Steps || len(sum.Slowest) > 3 {
			t.Fatalf("summary makes no sense: %+v", sum)
		}
		for _, event := range whole.events {
			if strings.ContainsAny(event, "\r\n\x00\x1b") {
				t.Fatalf("told %q, which holds control characters", event)
			}
		}
	})
}

func BenchmarkReader(b *testing.B) {
	data := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", 100) + "\n"))
	stream := []byte(start + strings.Repeat(`{"logs":[{"vertex":"a","stream":1,"data":"`+data+`","timestamp":"2026-11-23T15:49:43Z"}]}`+"\n", 10000))
	b.SetBytes(int64(len(stream)))
	for b.Loop() {
		_, _ = read(stream, 32<<10)
	}
}
