package ado

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/adotest"
	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/retry"
)

const (
	token   = "the-token-of-the-job"
	jobID   = "12f1170f-54f2-53f3-20dd-22fc7dff55f9"
	stepID  = "6884a131-87da-5381-61f3-d7acc3b91d76"
	project = "4c1d0304-a209-464e-b614-7a0f593fe799"
)

var (
	started  = time.Date(2026, 11, 23, 6, 0, 0, 123456700, time.UTC)
	finished = started.Add(90 * time.Second)
)

// sample is a project with a run that has finished one step.
func sample() adotest.Project {
	return adotest.Project{
		ID: project, Name: "My Project",
		Runs: []adotest.Run{
			{
				ID: 638, Definition: 47, Revision: 2, Parameters: map[string]string{"system.debug": "true", "REGION": "west"},
				Records: []adotest.Record{
					{ID: jobID, Type: "Job", Name: "Job", State: "inProgress", Order: 1, Started: started},
					{ID: stepID, ParentID: jobID, Type: "Task", Name: "Build", State: "completed", Result: "succeeded",
						Order: 2, LogID: 7, Started: started, Finished: finished},
				},
				Logs: []adotest.Log{
					{ID: 6, Text: "one\n", Created: started}, {ID: 7, Text: "\ufeffone\r\ntwo\r\nthree\n", Created: finished},
					{ID: 8, Text: ""}, {ID: 9, Text: "ab"}, {ID: 10, Text: "\ufeff"},
				},
			},
			{ID: 639},
		},
		Definitions: []adotest.Definition{
			{ID: 47, Revision: 1, Variables: []adotest.Variable{{Name: "OLD", Value: "x"}}},
			{ID: 47, Revision: 2, Variables: []adotest.Variable{{Name: "DATABASE_URL", Value: "x"}, {Name: "HIDDEN", Secret: true}}},
		},
		Groups: []adotest.Group{
			{ID: 48, Name: "shared", Variables: []adotest.Variable{{Name: "REGION", Value: "east"}, {Name: "KEY", Secret: true}}},
			{ID: 12, Name: "vault", KeyVault: true, Variables: []adotest.Variable{{Name: "database-url"}}},
		},
	}
}

// lab is a client of a fake server.
type lab struct {
	*adotest.Server
	*Client
	web   *httptest.Server
	slept []time.Duration
}

func newLab(t *testing.T, p adotest.Project, change ...func(*Config)) *lab {
	t.Helper()
	l := &lab{Server: adotest.New(adotest.Config{Organization: "Contoso", Token: token, Project: p})}
	server := httptest.NewServer(l.Server)
	t.Cleanup(server.Close)
	l.web = server
	var mu sync.Mutex
	c := Config{
		HTTP: httpx.New(httpx.Config{Timeout: 10 * time.Second}), Server: server.URL + "/Contoso/",
		Project: "My Project", Token: inputs.NewSecret(token),
		Retry: retry.Policy{Attempts: 3, Sleep: func(_ context.Context, wait time.Duration) error {
			mu.Lock()
			defer mu.Unlock()
			l.slept = append(l.slept, wait)
			return nil
		}},
	}
	for _, f := range change {
		f(&c)
	}
	var err error
	if l.Client, err = New(c); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestTimeline(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"My Project", "my project", project} {
		l := newLab(t, sample(), func(c *Config) { c.Project = name })
		got, err := l.Timeline(t.Context(), 638)
		if err != nil {
			t.Fatalf("Timeline in %q: %v", name, err)
		}
		want := []Record{
			{ID: jobID, Type: "Job", Name: "Job", State: "inProgress", Order: 1, Attempt: 1, Started: started},
			{ID: stepID, ParentID: jobID, Type: "Task", Name: "Build", State: "completed", Result: "succeeded",
				Order: 2, Attempt: 1, LogID: 7, Started: started, Finished: finished},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Timeline in %q (-want +got):\n%s", name, diff)
		}
	}
}

// A run that has not started has no timeline, and that is no error.
func TestTimelineOfARunThatHasNotStarted(t *testing.T) {
	t.Parallel()
	got, err := newLab(t, sample()).Timeline(t.Context(), 639)
	if err != nil || len(got) != 0 {
		t.Errorf("Timeline: got %v, %v, want nothing", got, err)
	}
}

// A log comes a moment after the end of its step.
func TestLogThatIsLate(t *testing.T) {
	t.Parallel()
	l := newLab(t, sample())
	l.Fail("timeline", 2, adotest.Late)
	for n, want := range []int{0, 0, 7} {
		got, err := l.Timeline(t.Context(), 638)
		if err != nil || got[1].LogID != want {
			t.Errorf("Timeline %d: got %v, %v, want log %d", n, got, err, want)
		}
	}
}

func TestLogs(t *testing.T) {
	t.Parallel()
	got, err := newLab(t, sample()).Logs(t.Context(), 638)
	want := []LogFile{{6, 1, started}, {7, 3, finished}, {8, 0, time.Time{}}, {9, 1, time.Time{}}, {10, 1, time.Time{}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("Logs: %v (-want +got):\n%s", err, diff)
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	l := newLab(t, sample())
	for id, want := range map[int]string{6: "one\n", 7: "one\r\ntwo\r\nthree\n", 8: "", 9: "ab", 10: ""} {
		for _, read := range []func(io.Reader) ([]byte, error){io.ReadAll, oneByOne} {
			body, err := l.Log(t.Context(), 638, id)
			if err != nil {
				t.Fatalf("Log %d: %v", id, err)
			}
			got, err := read(body)
			if err != nil || string(got) != want {
				t.Errorf("Log %d: got %q, %v, want %q", id, got, err, want)
			}
			if err := body.Close(); err != nil {
				t.Errorf("Log %d: closing: %v", id, err)
			}
		}
	}
}

func oneByOne(r io.Reader) (all []byte, err error) {
	for b := make([]byte, 1); ; {
		n, err := r.Read(b)
		all = append(all, b[:n]...)
		if errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return all, err
		}
	}
}

// A log is passed on while it comes: 64 MB need no 8 MB here.
func TestLogIsNotHeld(t *testing.T) {
	p := sample()
	p.Runs[0].Logs[0].Text = strings.Repeat("0123456789abcde\n", 4<<20)
	l := newLab(t, p)
	body, err := l.Log(t.Context(), 638, 6)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n, err := io.Copy(io.Discard, body)
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; err != nil || n != 64<<20 || used > 8<<20 {
		t.Errorf("reading: %d bytes, %v, %d bytes allocated", n, err, used)
	}
}

func TestVariables(t *testing.T) {
	t.Parallel()
	got, err := newLab(t, sample()).Variables(t.Context(), 638)
	const group = `variable group "shared" (Pipelines > Library)`
	want := []Variable{
		{"REGION", inQueue}, {"system.debug", inQueue}, {"DATABASE_URL", inPipeline}, {"REGION", group},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("Variables: %v (-want +got):\n%s", err, diff)
	}
}

// All pages of the groups are read, each once.
func TestVariablesOfManyGroups(t *testing.T) {
	t.Parallel()
	p := sample()
	p.Groups = nil
	var want []string
	for i := range 2*groupsPerPage + 1 {
		name := fmt.Sprintf("V%03d", i)
		p.Groups = append(p.Groups, adotest.Group{ID: 1000 + i, Name: "g", Variables: []adotest.Variable{{Name: name}}})
		want = append(want, name)
	}
	slices.Reverse(p.Groups)
	l := newLab(t, p)
	all, err := l.Variables(t.Context(), 638)
	var got []string
	for _, v := range all {
		if strings.HasPrefix(v.Where, "variable group") {
			got = append(got, v.Name)
		}
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("Variables: %v (-want +got):\n%s", err, diff)
	}
}

// A server that knows no pages sends the same groups for ever; they count once.
func TestVariablesWithoutPages(t *testing.T) {
	t.Parallel()
	l := newLab(t, sample())
	l.Fail("variablegroups", -1, raw("application/json",
		`{"value":[{"id":2,"name":"b","variables":{"B":{"value":"x"}}},{"id":1,"name":"a","variables":{"A":null}},{"name":"no id","variables":{"C":{}}}]}`))
	got, err := l.Variables(t.Context(), 638)
	var names []string
	for _, v := range got[3:] {
		names = append(names, v.Name)
	}
	if diff := cmp.Diff([]string{"B", "A"}, names); err != nil || diff != "" {
		t.Errorf("Variables: %v (-want +got):\n%s", err, diff)
	}
}

// What can be read is returned when the rest cannot.
func TestVariablesInPart(t *testing.T) {
	t.Parallel()
	l := newLab(t, sample())
	l.Fail("variablegroups", -1, adotest.Answer(http.StatusForbidden, "Access denied"))
	got, err := l.Variables(t.Context(), 638)
	if len(got) != 3 || err == nil || !strings.HasPrefix(err.Error(), "reading the variable groups of the project: ") {
		t.Errorf("without groups: got %v, %v", got, err)
	}
	l = newLab(t, sample())
	l.Fail("builds", -1, adotest.Answer(http.StatusForbidden, "Access denied"))
	got, err = l.Variables(t.Context(), 638)
	if len(got) != 1 || err == nil || !strings.HasPrefix(err.Error(), "reading run 638: ") {
		t.Errorf("without the run: got %v, %v", got, err)
	}
	l.Fail("variablegroups", -1, adotest.Answer(http.StatusForbidden, "Access denied"))
	_, err = l.Variables(t.Context(), 638)
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "; reading the variable groups") {
		t.Errorf("without both: got %v", err)
	}
}

// One client serves many at once; the test is for the race detector.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	l := newLab(t, sample())
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := l.Timeline(t.Context(), 638); err != nil {
				t.Error(err)
			}
			body, err := l.Log(t.Context(), 638, 7)
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, body)
			_ = body.Close()
		})
	}
	all.Wait()
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	whole := Config{
		HTTP: httpx.New(httpx.Config{}), Server: "https://dev.azure.com/x", Project: "p", Token: inputs.NewSecret("t"),
	}
	for want, change := range map[string]func(*Config){
		"the address of the Azure DevOps server is none": func(c *Config) { c.Server = "" },
		"the address of the Azure DevOps server":         func(c *Config) { c.Server = "ftp://x/" },
		"the project of this run is not known":           func(c *Config) { c.Project = "" },
		"the project of this run is not":                 func(c *Config) { c.Project = ".." },
		"the job's token is not known":                   func(c *Config) { c.Token = inputs.Secret{} },
	} {
		c := whole
		change(&c)
		if _, err := New(c); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("New: got %v, want %q", err, want)
		}
	}
	if _, err := New(whole); err != nil {
		t.Errorf("New: %v", err)
	}
}
