package ado

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/adotest"
	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/inputs"
)

const repositoryID = "20fb57f1-3b28-4b06-8e0b-27ef65624fdf"

func TestCreateWorkItem(t *testing.T) {
	t.Parallel()
	for kind, tc := range map[string]struct {
		item WorkItem
		want map[string]any // fields
	}{
		"Bug": {
			WorkItem{Title: "Pipeline \"a\"\r\n stopped\x00", HTML: "<p>why</p>\x1b", Tags: []string{"guardrails", "a;b,c"}},
			map[string]any{
				"System.Title": `Pipeline "a" stopped`, "System.Description": "<p>why</p>",
				"Microsoft.VSTS.TCM.ReproSteps": "<p>why</p>", "System.Tags": "guardrails; a b c",
			},
		},
		"User Story": {
			WorkItem{Title: strings.Repeat("ä", 256)}, map[string]any{"System.Title": strings.Repeat("ä", 254) + "…"},
		},
	} {
		l := newLab(t, loop(0))
		tc.item.Type = kind
		id, page, err := l.CreateWorkItem(t.Context(), tc.item)
		if err != nil || id != 1 || !strings.HasSuffix(page, "/Contoso/My%20Project/_workitems/edit/1") {
			t.Errorf("CreateWorkItem(%q): %d, %q, %v", kind, id, page, err)
			continue
		}
		tc.want["System.WorkItemType"] = kind
		l.Update(func(p *adotest.Project) {
			got := p.WorkItems[0]
			for _, own := range []string{"System.TeamProject", "System.State", "System.CreatedDate"} {
				delete(got, own)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("CreateWorkItem(%q) (-want +got):\n%s", kind, diff)
			}
		})
	}
}

func TestWorkItemRefusals(t *testing.T) {
	t.Parallel()
	l := newLab(t, loop(0))
	_, _, err := l.CreateWorkItem(t.Context(), WorkItem{Type: "Incident", Title: "x"})
	wantError(t, err, 404, `creating a work item of the type "Incident": `, "VS402323", "use a work item type that the project's process has")
	_, _, err = l.CreateWorkItem(t.Context(), WorkItem{Type: "Bug"})
	wantError(t, err, 400, "TF401320: Rule Error for field Title")

	asked := len(l.Requests())
	for _, kind := range []string{"", " Bug", "a/b", "..", "$Bug", "{project}", "Bug?x=1", "a%2f", "a\nb", strings.Repeat("a", 129)} {
		_, _, err := l.CreateWorkItem(t.Context(), WorkItem{Type: kind, Title: "x"})
		if err == nil || !strings.HasPrefix(err.Error(), "the work item type ") {
			t.Errorf("CreateWorkItem(%q): got %v, want it refused", kind, err)
		}
	}
	if len(l.Requests()) != asked {
		t.Errorf("a type that is none was sent: %q", l.Requests()[asked:])
	}
}

// A process may have bugs without steps to reproduce them.
func TestBugWithoutSteps(t *testing.T) {
	t.Parallel()
	l := newLab(t, loop(0))
	l.Fail("workitems", 1, adotest.Answer(400, "TF51535: Cannot find field Microsoft.VSTS.TCM.ReproSteps."))
	if _, _, err := l.CreateWorkItem(t.Context(), WorkItem{Type: "Bug", Title: "x", HTML: "y"}); err != nil {
		t.Fatal(err)
	}
	l.Update(func(p *adotest.Project) {
		if _, has := p.WorkItems[0]["Microsoft.VSTS.TCM.ReproSteps"]; has || p.WorkItems[0]["System.Description"] != "y" {
			t.Errorf("got %v", p.WorkItems[0])
		}
	})
}

func TestRecordedWorkItem(t *testing.T) {
	t.Parallel()
	l := newLab(t, loop(0))
	l.Fail("workitems", -1, raw("application/json", recorded(t, "workitem.json")))
	if id, _, err := l.CreateWorkItem(t.Context(), WorkItem{Type: "Task", Title: "x"}); err != nil || id != 973 {
		t.Errorf("CreateWorkItem: %d, %v, want 973", id, err)
	}
}

// What is made by POST is made again when it is sent again. That is done only where it is
// sure that it was not made.
func TestPostIsNotRepeated(t *testing.T) {
	t.Parallel()
	cut := func(w http.ResponseWriter, r *http.Request, next http.Handler) { adotest.Cut(0)(w, r, next) }
	for name, tc := range map[string]struct {
		fault adotest.Fault
		made  int
		ok    bool
	}{
		"cut after it was made": {cut, 1, false},
		"half an answer":        {adotest.Cut(30), 1, false},
		"500":                   {adotest.Answer(500, ""), 0, false},
		"503":                   {adotest.Answer(503, ""), 0, false},
		"gateway":               {adotest.Page(502), 0, false},
		"not JSON":              {raw("application/json", "{"), 0, false},
		"throttled":             {adotest.Throttled(0), 1, true},
	} {
		l := newLab(t, loop(0))
		l.Fail("workitems", 1, tc.fault)
		_, _, err := l.CreateWorkItem(t.Context(), WorkItem{Type: "Task", Title: "x"})
		made := 0
		l.Update(func(p *adotest.Project) { made = len(p.WorkItems) })
		if (err == nil) != tc.ok || made != tc.made {
			t.Errorf("%s: got %d work items, %v; want %d", name, made, err, tc.made)
		}
		if err != nil && !strings.Contains(err.Error(), "; it may have been done all the same") {
			t.Errorf("%s: got %q, want it to say that it is unclear", name, err)
		}
	}
	way := httpx.New(httpx.Config{})
	l := newLab(t, loop(0), func(c *Config) { c.HTTP = way })
	if _, _, err := l.CreateWorkItem(t.Context(), WorkItem{Type: "Task", Title: "x"}); err != nil {
		t.Fatal(err)
	}
	way.HTTP().CloseIdleConnections()
	l.web.Close() // nothing listens there any more
	_, _, err := l.CreateWorkItem(t.Context(), WorkItem{Type: "Task", Title: "x"})
	if wantError(t, err, 0, "no answer from 127.0.0.1"); strings.Contains(err.Error(), "may have been done") || len(l.slept) != 2 {
		t.Errorf("got %q after %d waits, though nothing listens", err, len(l.slept))
	}
}

// A client that finds another server at the same address does not think of the first.
func TestNewServerAtTheSameAddress(t *testing.T) {
	t.Parallel()
	l := newLab(t, loop(0))
	for _, want := range []string{"", "does not say where its resources are"} {
		c, err := New(Config{
			HTTP: httpx.New(httpx.Config{}), Server: l.web.URL + "/Contoso", Project: project, Token: inputs.NewSecret(token),
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Definition(t.Context(), 47)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("Definition: got %v, want %q", err, want)
		}
		l.Fail("locations", -1, raw("application/json", `{"value":[]}`))
	}
}

// What is the same when it is done twice is tried again, with its body.
func TestChangesAreRepeated(t *testing.T) {
	t.Parallel()
	for resource, do := range map[string]func(*lab) error{
		"builds": func(l *lab) error { return l.CancelBuild(t.Context(), 100) },
		"definitions": func(l *lab) error {
			_, err := l.DisableDefinition(t.Context(), 47)
			return err
		},
	} {
		for _, fault := range []adotest.Fault{adotest.Answer(503, ""), adotest.Throttled(0), adotest.Cut(0)} {
			p := loop(1)
			p.Runs[0].Status = ""
			l := newLab(t, p)
			failed := 0
			l.Fail(resource, -1, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if r.Method != http.MethodGet && failed < 2 {
					failed++
					fault(w, r, next)
					return
				}
				next.ServeHTTP(w, r)
			})
			if err := do(l); err != nil || failed == 0 {
				t.Errorf("%s: %v after %d failures", resource, err, failed)
			}
		}
	}
}
