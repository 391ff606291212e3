package ado

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/adotest"
)

const (
	from = "refs/heads/guardrails/main/47"
	to   = "refs/heads/main"
)

func repositories() adotest.Project {
	p := loop(1)
	p.Repositories = map[string]string{repositoryID: "config", "30fb57f1-3b28-4b06-8e0b-27ef65624fdf": "my app"}
	return p
}

func TestRepositoriesThatAreNone(t *testing.T) {
	t.Parallel()
	l := newLab(t, repositories())
	for _, name := range []string{"other", "a/b", "../config", "##vso[task.complete]\n"} {
		_, err := l.PullRequests(t.Context(), name, from, "")
		wantError(t, err, 404, "listing the pull requests of ", "resources")
	}
	for _, name := range []string{"", ".", ".."} {
		if _, err := l.PullRequests(t.Context(), name, from, ""); err == nil || !strings.HasPrefix(err.Error(), "the repository ") {
			t.Errorf("PullRequests(%q): got %v, want it refused", name, err)
		}
	}
}

// One pull request is made, found, and changed.
func TestPullRequests(t *testing.T) {
	t.Parallel()
	l := newLab(t, repositories())
	wanted := PullRequest{Title: "Deploy\n1.0" + strings.Repeat("x", 400), Description: "a\r\nb", Source: from, Target: to, Draft: true}
	made, err := l.CreatePullRequest(t.Context(), "config", wanted)
	if err != nil {
		t.Fatal(err)
	}
	const page = "/Contoso/My%20Project/_git/config/pullrequest/1"
	if !strings.HasSuffix(made.Page, page) || made.Description != "a\nb" || !strings.HasPrefix(made.Title, "Deploy 1.0xx") ||
		len([]rune(made.Title)) != 400 || !made.Draft {
		t.Errorf("CreatePullRequest: got %+v", made)
	}
	again, err := l.CreatePullRequest(t.Context(), repositoryID, PullRequest{Title: "another", Source: from, Target: to})
	if diff := cmp.Diff(made, again); err != nil || diff != "" {
		t.Errorf("CreatePullRequest, again: %v (-want +got):\n%s", err, diff)
	}
	made.Title, made.Description = "Deploy 2.0", ""
	changed, err := l.UpdatePullRequest(t.Context(), "config", made)
	if diff := cmp.Diff(made, changed); err != nil || diff != "" {
		t.Errorf("UpdatePullRequest: %v (-want +got):\n%s", err, diff)
	}
	for _, tc := range []struct {
		repository, source, target string
		want                       int
	}{
		{"config", from, to, 1}, {"config", from, "", 1}, {"config", "", to, 1}, {"config", "", "", 1},
		{"config", to, "", 0}, {"config", from, from, 0}, {"my app", from, to, 0},
	} {
		got, err := l.PullRequests(t.Context(), tc.repository, tc.source, tc.target)
		if err != nil || len(got) != tc.want {
			t.Errorf("PullRequests(%q, %q, %q): got %v, %v, want %d", tc.repository, tc.source, tc.target, got, err, tc.want)
		}
	}
	l.Update(func(p *adotest.Project) { p.PullRequests[0].Status = "completed" })
	if got, err := l.PullRequests(t.Context(), "config", from, to); err != nil || len(got) != 0 {
		t.Errorf("PullRequests, after its end: got %v, %v", got, err)
	}
}

// What is too long loses its middle: the end is what the merge's message ends with.
func TestLongDescription(t *testing.T) {
	t.Parallel()
	l := newLab(t, repositories())
	const most, end = 4000, "\n\n[skip ci]\n\nRun: 1"
	p := PullRequest{Title: "x", Source: from, Target: to}
	for name, tc := range map[string]struct {
		long int
		want string
	}{
		"as long as fits": {most - len(end), strings.Repeat("ż", most-len(end)) + end},
		"one more":        {most - len(end) + 1, strings.Repeat("ż", 1000) + "\n\n…\n\n" + strings.Repeat("ż", 2995-len(end)) + end},
		"far more":        {5 * most, strings.Repeat("ż", 1000) + "\n\n…\n\n" + strings.Repeat("ż", 2995-len(end)) + end},
	} {
		p.Description = strings.Repeat("ż", tc.long) + strings.ReplaceAll(end, "\n", "\r\n")
		p.Source = from + "/" + strings.ReplaceAll(name, " ", "-")
		made, err := l.CreatePullRequest(t.Context(), "config", p)
		if diff := cmp.Diff(tc.want, made.Description); err != nil || diff != "" {
			t.Errorf("CreatePullRequest, %s: %v, the description (-want +got):\n%s", name, err, diff)
		}
		made.Description = p.Description
		changed, err := l.UpdatePullRequest(t.Context(), "config", made)
		if diff := cmp.Diff(tc.want, changed.Description); err != nil || diff != "" {
			t.Errorf("UpdatePullRequest, %s: %v, the description (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestManyPullRequests(t *testing.T) {
	t.Parallel()
	p := repositories()
	for i := range 2*pullRequestsPerPage + 1 {
		p.PullRequests = append(p.PullRequests, adotest.PullRequest{ID: i + 1, Repository: repositoryID, Source: from, Target: to})
	}
	if got, err := newLab(t, p).PullRequests(t.Context(), "config", "", to); err != nil || len(got) != len(p.PullRequests) {
		t.Errorf("PullRequests: got %d, %v, want %d", len(got), err, len(p.PullRequests))
	}
}

// A fork's branch is not ours though it has the same name, and a server that overlooks
// what was asked for is not believed.
func TestPullRequestsOfOthers(t *testing.T) {
	t.Parallel()
	l := newLab(t, repositories())
	l.Fail("pullrequests", -1, raw("application/json", `{"value":[
		{"pullRequestId":1,"sourceRefName":"`+from+`","targetRefName":"`+to+`","forkSource":{"name":"x"}},
		{"pullRequestId":2,"sourceRefName":"refs/heads/x","targetRefName":"`+to+`"},
		{"pullRequestId":3,"sourceRefName":"`+from+`","targetRefName":"refs/heads/x"},
		{"pullRequestId":4,"sourceRefName":"`+from+`","targetRefName":"`+to+`","forkSource":null}]}`))
	got, err := l.PullRequests(t.Context(), "config", from, to)
	if err != nil || len(got) != 1 || got[0].ID != 4 {
		t.Errorf("PullRequests: got %+v, %v, want 4", got, err)
	}
}

// An answer that is lost does not make a second pull request, nor hide the first.
func TestPullRequestWithoutAnswer(t *testing.T) {
	t.Parallel()
	l := newLab(t, repositories())
	l.Fail("pullrequests", 1, adotest.Cut(10))
	p := PullRequest{Title: "x", Source: from, Target: to}
	if got, err := l.CreatePullRequest(t.Context(), "config", p); err != nil || got.ID != 1 {
		t.Errorf("CreatePullRequest: %+v, %v", got, err)
	}
	l = newLab(t, repositories())
	l.Fail("pullrequests", 1, adotest.Answer(500, "no"))
	_, err := l.CreatePullRequest(t.Context(), "config", p)
	wantError(t, err, 500, `creating a pull request in "config": `, "may have been done")
	p.Source = "main"
	_, err = l.CreatePullRequest(t.Context(), "config", p)
	wantError(t, err, 400, `creating a pull request in "config": `, "TF401398")
	_, err = l.UpdatePullRequest(t.Context(), "config", PullRequest{ID: 9, Title: "x"})
	wantError(t, err, 404, "updating pull request 9: ", "TF401180")
}

// Whatever the server says about where things are, the token stays with it.
func TestTokenStaysWithTheServer(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var got []string
	foreign := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, r.Method+" "+r.Header.Get("Authorization"))
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"value":[],"id":47,"revision":1}`))
	}))
	t.Cleanup(foreign.Close)
	host := strings.TrimPrefix(foreign.URL, "http://")
	for name, fault := range map[string]struct {
		resource string
		fault    adotest.Fault
	}{
		"areas": {"resourceareas", raw("application/json", `{"count":1,"value":[{"id":"965220d5-5bb9-42cf-8d67-9b146df2a5a4","name":"build","locationUrl":"`+foreign.URL+`"}]}`)},
		"a route with a host": {"locations", raw("application/json", `{"value":[{"id":"`+buildsID+`","area":"Build","resourceName":"Builds",`+
			`"resourceVersion":7,"routeTemplate":"`+foreign.URL+`/x","minVersion":"1.0","maxVersion":"7.2","releasedVersion":"7.1"}]}`)},
		"a route without a scheme": {"locations", raw("application/json", `{"value":[{"id":"`+buildsID+`","area":"Build","resourceName":"Builds",`+
			`"resourceVersion":7,"routeTemplate":"@`+host+`/x","minVersion":"1.0","maxVersion":"7.2","releasedVersion":"7.1"}]}`)},
		"a redirection": {"", func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			http.Redirect(w, r, foreign.URL, http.StatusTemporaryRedirect)
		}},
		"another one": {"", func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			http.Redirect(w, r, foreign.URL, http.StatusFound)
		}},
	} {
		l := newLab(t, repositories())
		l.Fail(fault.resource, -1, fault.fault)
		_, _ = l.Builds(t.Context(), BuildQuery{Definition: 47})
		if err := l.CancelBuild(t.Context(), 100); err == nil && name != "areas" {
			t.Errorf("%s: CancelBuild takes it for done", name)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for _, r := range got {
		if !strings.HasSuffix(r, " ") || strings.HasPrefix(r, "PATCH") {
			t.Errorf("another host got %q", r)
		}
	}
}

// A change that is redirected to a page to read is not done.
func TestRedirectedChange(t *testing.T) {
	t.Parallel()
	l := newLab(t, repositories())
	l.Fail("builds", 1, func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		http.Redirect(w, r, "/Contoso/"+project+"/_apis/build/builds/100", http.StatusFound)
	})
	wantError(t, l.CancelBuild(t.Context(), 100), 200, "cancelling run 100: the server answers with a redirection")
	l.Fail("builds", 1, adotest.SignIn)
	wantError(t, l.CancelBuild(t.Context(), 100), 200, "answers with its sign-in page")
}

// All calls at once, for the race detector.
func TestConcurrentChanges(t *testing.T) {
	t.Parallel()
	l := newLab(t, repositories())
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for _, err := range []error{
				second(l.Builds(t.Context(), BuildQuery{Definition: 47})),
				second(l.PullRequests(t.Context(), "config", from, "")), second(l.Definition(t.Context(), 47)),
				second(l.CreatePullRequest(t.Context(), "config", PullRequest{Title: "x", Source: from, Target: to})),
				second(l.DisableDefinition(t.Context(), 48)),
			} {
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	l.Update(func(p *adotest.Project) {
		if len(p.PullRequests) != 1 || p.Definitions[1].QueueStatus != "disabled" {
			t.Errorf("got %+v, %+v", p.PullRequests, p.Definitions[1])
		}
	})
}

func second[T any](_ T, err error) error { return err }
