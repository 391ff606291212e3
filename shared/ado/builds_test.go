package ado

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/adotest"
)

// loop is a project whose pipeline 47 has run n times, 4 minutes apart, the last one at
// the time finished.
func loop(n int) adotest.Project {
	p := adotest.Project{
		ID: project, Name: "My Project",
		Definitions: []adotest.Definition{{ID: 47, Revision: 3, Name: "deploy"}, {ID: 48, Revision: 1, Name: "other"}},
	}
	for i := range n {
		p.Runs = append(p.Runs, adotest.Run{
			ID: 100 + i, Definition: 47, Reason: "individualCI", Status: "completed", Result: "succeeded",
			Branch: "refs/heads/main", Queued: finished.Add(time.Duration(i-n+1) * 4 * time.Minute),
		})
	}
	return p
}

func ids(builds []Build) (all []int) {
	for _, b := range builds {
		all = append(all, b.ID)
	}
	return all
}

// Each part of the query counts, and what has not ended is found, too.
func TestBuilds(t *testing.T) {
	t.Parallel()
	p := loop(4) // 100 to 103
	p.Runs[3].Status, p.Runs[3].Result = "notStarted", ""
	p.Runs[2].Status, p.Runs[2].Result = "inProgress", ""
	p.Runs = append(p.Runs,
		adotest.Run{ID: 200, Definition: 48, Branch: "refs/heads/main", Queued: finished},
		adotest.Run{ID: 201, Definition: 47, Branch: "refs/heads/x", Queued: finished.Add(-time.Hour), Status: "completed"})
	since := finished.Add(-8 * time.Minute) // to the moment that 101 was queued
	for name, tc := range map[string]struct {
		query BuildQuery
		want  []int
	}{
		"all":         {BuildQuery{Definition: 47}, []int{103, 102, 101, 100, 201}},
		"other":       {BuildQuery{Definition: 48}, []int{200}},
		"none":        {BuildQuery{Definition: 49}, nil},
		"since":       {BuildQuery{Definition: 47, Since: since}, []int{103, 102, 101}},
		"later":       {BuildQuery{Definition: 47, Since: since.Add(1)}, []int{103, 102}},
		"other zone":  {BuildQuery{Definition: 47, Since: since.In(time.FixedZone("", 7200))}, []int{103, 102, 101}},
		"branch":      {BuildQuery{Definition: 47, Branch: "refs/heads/x"}, []int{201}},
		"unfinished":  {BuildQuery{Definition: 47, Unfinished: true}, []int{103, 102}},
		"all of them": {BuildQuery{Definition: 47, Since: since, Branch: "refs/heads/main", Unfinished: true}, []int{103, 102}},
	} {
		got, err := newLab(t, p).Builds(t.Context(), tc.query)
		if diff := cmp.Diff(tc.want, ids(got)); err != nil || diff != "" {
			t.Errorf("%s: Builds(%+v): %v (-want +got):\n%s", name, tc.query, err, diff)
		}
	}
}

// All pages are read, each run counts once, and there is an end.
func TestBuildsOnManyPages(t *testing.T) {
	t.Parallel()
	for n, requests := range map[int]int{buildsPerPage: 1, buildsPerPage + 1: 2, 250: 3, maxBuilds + 250: 10} {
		l := newLab(t, loop(n))
		got, err := l.Builds(t.Context(), BuildQuery{Definition: 47})
		if err != nil || len(got) != min(n, maxBuilds) || got[0].ID != 100+n-1 {
			t.Errorf("Builds of %d: got %d, %v", n, len(got), err)
		}
		asked := slices.DeleteFunc(l.Requests(), func(r string) bool { return !strings.HasPrefix(r, "GET ") })
		if len(asked) != requests {
			t.Errorf("Builds of %d: %d requests, want %d", n, len(asked), requests)
		}
	}
	// One that sends the same page for ever, and overlooks the time.
	l := newLab(t, loop(1))
	l.Fail("builds", -1, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-MS-ContinuationToken", "again")
		_, _ = fmt.Fprintf(w, `{"value":[{"id":2,"queueTime":%q},{"id":1,"queueTime":"2020-01-01T00:00:00Z"},`+
			`{"id":3,"queueTime":"0001-01-01T00:00:00"}]}`, finished.Format(time.RFC3339Nano))
	})
	got, err := l.Builds(t.Context(), BuildQuery{Definition: 47, Since: finished})
	if diff := cmp.Diff([]int{2, 3}, ids(got)); err != nil || diff != "" {
		t.Errorf("the same page for ever: %v (-want +got):\n%s", err, diff)
	}
}

// What dev.azure.com has answered is understood.
func TestRecordedBuilds(t *testing.T) {
	t.Parallel()
	l := newLab(t, loop(0))
	l.Fail("builds", -1, raw("application/json; charset=utf-8; api-version=7.1", recorded(t, "builds.json")))
	got, err := l.Builds(t.Context(), BuildQuery{Definition: 178})
	want := Build{
		ID: 637, Number: "20260401.3", Definition: 178, Reason: "manual", Status: "inProgress", Branch: "refs/heads/main",
		Version: "574271bb7580605f033483630812bd43a4860c40", RequestedFor: "Example User",
		Queued: time.Date(2026, 4, 1, 10, 46, 36, 723043100, time.UTC),
	}
	if err != nil || len(got) != 4 {
		t.Fatalf("Builds: %d, %v", len(got), err)
	}
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Errorf("Builds (-want +got):\n%s", diff)
	}
}

func recorded(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestCancelBuild(t *testing.T) {
	t.Parallel()
	p := loop(2)
	p.Runs[1].Status, p.Runs[1].Result = "notStarted", ""
	l := newLab(t, p)
	for _, id := range []int{100, 101, 101} { // one that has ended is no error
		if err := l.CancelBuild(t.Context(), id); err != nil {
			t.Errorf("CancelBuild(%d): %v", id, err)
		}
	}
	l.Update(func(p *adotest.Project) {
		if p.Runs[0].Status != "completed" || p.Runs[1].Status != "cancelling" {
			t.Errorf("got %q and %q", p.Runs[0].Status, p.Runs[1].Status)
		}
	})
	wantError(t, l.CancelBuild(t.Context(), 1), 404, "cancelling run 1: ", "The requested build 1 could not be found")
	// The reason of a refusal stays if the run has not ended.
	l.Fail("builds", 1, adotest.Answer(400, "not so"))
	wantError(t, l.CancelBuild(t.Context(), 101), 400, "cancelling run 101: ", "not so")
}

// Each change names the permission that it needs, and where that is given.
func TestPermissionsToChange(t *testing.T) {
	t.Parallel()
	p := loop(1)
	p.Repositories = map[string]string{repositoryID: "config"}
	p.PullRequests = []adotest.PullRequest{{ID: 7, Repository: repositoryID, Title: "x"}}
	request := PullRequest{ID: 7, Title: "x", Source: "refs/heads/a", Target: "refs/heads/b"}
	const pipelines, repositories = "Pipelines > ... > Manage security", "Project settings > Repositories"
	for permission, tc := range map[string]struct {
		where string
		calls []func(*lab) error
	}{
		"View builds": {pipelines, []func(*lab) error{
			func(l *lab) error { _, err := l.Builds(t.Context(), BuildQuery{Definition: 47}); return err },
		}},
		"View build pipeline": {pipelines, []func(*lab) error{
			func(l *lab) error { _, err := l.Definition(t.Context(), 47); return err },
			func(l *lab) error { _, err := l.DisableDefinition(t.Context(), 47); return err },
		}},
		"Edit build pipeline": {pipelines, []func(*lab) error{
			func(l *lab) error { _, err := l.DisableDefinition(t.Context(), 47); return err },
		}},
		"Stop builds": {pipelines, []func(*lab) error{func(l *lab) error { return l.CancelBuild(t.Context(), 100) }}},
		"Edit work items in this node": {"Areas", []func(*lab) error{func(l *lab) error {
			_, _, err := l.CreateWorkItem(t.Context(), WorkItem{Type: "Task", Title: "x"})
			return err
		}}},
		"Contribute to pull requests": {repositories, []func(*lab) error{
			func(l *lab) error { _, err := l.CreatePullRequest(t.Context(), "config", request); return err },
			func(l *lab) error { _, err := l.UpdatePullRequest(t.Context(), "config", request); return err },
		}},
	} {
		for i, call := range tc.calls {
			l := newLab(t, p)
			if err := call(l); err != nil {
				t.Errorf("%s, call %d, with it: %v", permission, i, err)
			}
			l = newLab(t, p)
			l.Update(func(p *adotest.Project) { p.Denied = []string{permission} })
			err := call(l)
			if err == nil {
				t.Errorf("%s, call %d: it works without it", permission, i)
				continue
			}
			wantError(t, err, 403, strconv.Quote(permission)+" (403): TF", "give it to the project's build service: ", tc.where)
			if e := new(Error); !errors.As(err, &e) || e.Permission != permission || e.Unclear {
				t.Errorf("%s, call %d: got %+v", permission, i, e)
			}
		}
	}
	// The one for work items is known by its text, whatever the status is.
	l := newLab(t, p)
	l.Fail("workitems", -1, adotest.Answer(400, "TF237111: The current user does not have permissions to save work items."))
	_, _, err := l.CreateWorkItem(t.Context(), WorkItem{Type: "Task", Title: "x"})
	wantError(t, err, 400, `lacks the permission "Edit work items in this node" (400)`)
}
