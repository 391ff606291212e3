package adotest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const repositoryID = "20fb57f1-3b28-4b06-8e0b-27ef65624fdf"

// busy is a project in which things can be changed.
func busy() Project {
	at := time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)
	p := sample()
	p.Runs[0].Queued, p.Runs[0].Tags = at, []string{"old"}
	p.Runs = append(p.Runs,
		Run{ID: 639, Definition: 47, Status: "completed", Result: "failed", Reason: "batchedCI", Branch: "refs/heads/x", Queued: at.Add(time.Minute)},
		Run{ID: 640, Definition: 48, Status: "notStarted", Queued: at.Add(2 * time.Minute), Tags: []string{"a", "b"}})
	p.Definitions[1].Name = "deploy"
	p.Repositories = map[string]string{repositoryID: "config"}
	p.PullRequests = []PullRequest{
		{ID: 7, Repository: repositoryID, Title: "seven", Source: "refs/heads/a", Target: "refs/heads/main"},
		{ID: 8, Repository: repositoryID, Title: "eight", Source: "refs/heads/a", Target: "refs/heads/main", Status: "completed"},
	}
	return p
}

// send makes a request with a body, JSON unless the kind says otherwise.
func send(t *testing.T, s *Server, method, path, kind, body string) (status int, answer string, header http.Header) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "http://local/contoso/My%20Project/_apis/"+path, strings.NewReader(body))
	r.SetBasicAuth("", token)
	r.Header.Set("Accept", "application/json;api-version=7.1")
	if kind == "" {
		kind = "application/json;charset=utf-8"
	}
	r.Header.Set("Content-Type", kind)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	data, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(data), w.Header()
}

const patchKind = "application/json-patch+json"

// What is not as a call wants it is refused, and changes nothing.
func TestChangesRefused(t *testing.T) {
	t.Parallel()
	const git, request = "git/repositories/", `{"sourceRefName":"refs/heads/b","targetRefName":"refs/heads/main","title":"x"}`
	long := strings.Repeat("x", 401)
	for name, tc := range map[string]struct {
		request, kind, body string
		status              int
		want                string
	}{
		"cancel what has ended": {"PATCH build/builds/639", "", `{"status":"cancelling"}`, 400, "BuildStatusInvalidChangeException"},
		"cancel what is not":    {"PATCH build/builds/1", "", `{"status":"cancelling"}`, 404, "BuildNotFoundException"},
		"other status":          {"PATCH build/builds/638", "", `{"status":"completed"}`, 400, "can only cancel"},
		"more than the status":  {"PATCH build/builds/638", "", `{"status":"cancelling","tags":[]}`, 400, "can only cancel"},
		"no JSON":               {"PATCH build/builds/638", "", `{`, 400, "the body is not what it must be"},
		"other kind":            {"PATCH build/builds/638", "text/plain", `{}`, 415, "Valid content types for this method are: application/json."},
		"all runs":              {"PATCH build/builds", "", `{"status":"cancelling"}`, 404, ""},
		"no tag":                {"PUT build/builds/638/tags", "", "", 400, "tag must not be empty"},
		"tag of none":           {"PUT build/builds/1/tags/x", "", "", 404, ""},
		"tags of none":          {"GET build/builds/1/tags", "", "", 404, ""},

		"old revision":   {"PUT build/definitions/47", "", `{"id":47,"revision":1,"name":"x","process":{}}`, 409, "is not the latest one"},
		"no revision":    {"PUT build/definitions/47", "", `{"id":47,"name":"x","process":{}}`, 409, ""},
		"next revision":  {"PUT build/definitions/47", "", `{"id":47,"revision":3,"name":"x","process":{}}`, 404, "Build pipeline 47 was not found"},
		"other pipeline": {"PUT build/definitions/47", "", `{"id":48,"revision":2,"name":"x","process":{}}`, 400, "but the supplied pipeline has ID 48"},
		"no id":          {"PUT build/definitions/47", "", `{"revision":2,"name":"x","process":{}}`, 400, "has ID 0"},
		"no name":        {"PUT build/definitions/47", "", `{"id":47,"revision":2,"process":{}}`, 400, "needs a name"},
		"no process":     {"PUT build/definitions/47", "", `{"id":47,"revision":2,"name":"x"}`, 400, "a process"},
		"no pipeline":    {"PUT build/definitions/1", "", `{"id":1}`, 404, ""},
		"no document":    {"PUT build/definitions/47", "", `[]`, 400, ""},

		"item, no patch": {"POST wit/workitems/$Bug", "", `[]`, 415, "application/json-patch+json"},
		"item's type":    {"POST wit/workitems/$Cow", patchKind, `[]`, 404, "VS402323: Work item type Cow does not exist"},
		"item, no title": {"POST wit/workitems/$Bug", patchKind, `[]`, 400, "TF401320"},
		"item's long title": {"POST wit/workitems/$Bug", patchKind,
			`[{"op":"add","path":"/fields/System.Title","value":"` + long + `"}]`, 400, "TF401320"},
		"item, other op":   {"POST wit/workitems/$Bug", patchKind, `[{"op":"replace","path":"/fields/System.Title","value":"x"}]`, 400, "valid patch document"},
		"item, no field":   {"POST wit/workitems/$Bug", patchKind, `[{"op":"add","path":"/x","value":"x"}]`, 400, "valid patch document"},
		"item, no version": {"POST wit/workitems/$Bug?api-version=x", patchKind, `[]`, 400, "VssInvalidApiResourceVersionException"},

		"no repository":      {"POST " + git + "x/pullrequests", "", request, 404, "TF401019: The Git repository with name or identifier x"},
		"no repository, get": {"GET " + git + "x/pullrequests", "", "", 404, "TF401019"},
		"no branch":          {"POST " + git + "config/pullrequests", "", `{"sourceRefName":"b","targetRefName":"refs/heads/main","title":"x"}`, 400, "TF401398"},
		"same branch":        {"POST " + git + "config/pullrequests", "", strings.ReplaceAll(request, "/b", "/main"), 400, "TF401398"},
		"request, no title":  {"POST " + git + "config/pullrequests", "", strings.Replace(request, `"x"`, `""`, 1), 400, "a title of up to 400"},
		"long title":         {"POST " + git + "config/pullrequests", "", strings.Replace(request, `"x"`, `"`+long+`"`, 1), 400, ""},
		"active one":         {"POST " + git + "config/pullrequests", "", strings.Replace(request, "/b", "/a", 1), 409, "TF401179"},
		"no such request":    {"PATCH " + git + "config/pullrequests/9", "", `{"title":"x"}`, 404, "TF401180"},
		"another field":      {"PATCH " + git + "config/pullrequests/7", "", `{"status":"completed"}`, 400, "can only change the title"},
		"empty title":        {"PATCH " + git + "config/pullrequests/7", "", `{"title":""}`, 400, ""},
		"pages":              {"GET " + git + "config/pullrequests?$top=x", "", "", 400, "must be numbers"},

		"query":      {"GET build/builds?minTimes=x", "", "", 400, `does not know the parameter \"minTimes\"`},
		"time":       {"GET build/builds?minTime=yesterday", "", "", 400, ""},
		"top":        {"GET build/builds?$top=0", "", "", 400, ""},
		"definition": {"GET build/builds?definitions=a", "", "", 400, ""},
		"order":      {"GET build/builds?queryOrder=up", "", "", 400, ""},
	} {
		s := New(Config{Organization: "contoso", Token: token, Project: busy()})
		method, path, _ := strings.Cut(tc.request, " ")
		status, answer, _ := send(t, s, method, path, tc.kind, tc.body)
		if status != tc.status || !strings.Contains(answer, tc.want) {
			t.Errorf("%s: %s %s: got %d %s, want %d and %s", name, tc.request, tc.body, status, answer, tc.status, tc.want)
		}
		same := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Open" }, cmp.Ignore())
		if diff := cmp.Diff(busy(), s.project, same); diff != "" {
			t.Errorf("%s: it has changed something (-before +after):\n%s", name, diff)
		}
	}
}

// What is changed can be asked for, and seen.
func TestChanges(t *testing.T) {
	t.Parallel()
	s := New(Config{Organization: "contoso", Token: token, Project: busy()})
	for _, step := range []struct {
		request, kind, body string
		status              int
		want                string
	}{
		{"PATCH build/builds/640", "", `{"status":"Cancelling"}`, 200, `"status":"cancelling"`},
		{"PUT build/builds/638/tags/new%20one", "", "", 200, `["old","new one"]`},
		{"PUT build/builds/638/tags/OLD", "", "", 200, `["old","new one"]`},
		{"GET build/builds/638/tags", "", "", 200, `{"count":2,"value":["old","new one"]}`},
		{"PUT build/definitions/47", "", `{"id":47,"revision":2,"name":"n","process":{"type":2},"queueStatus":"disabled","more":[1],` +
			`"variables":{"S":{"value":null,"isSecret":true},"V":{"value":"v"}}}`, 200, `"queueStatus":"disabled"`},
		{"GET build/definitions/47", "", "", 200, `"more":[1]`},
		{"GET build/definitions/47", "", "", 200, `"revision":3`},
		{"GET build/definitions/47?revision=2", "", "", 200, `"name":"deploy"`},
		{"POST wit/workitems/$bug", patchKind, `[{"op":"add","path":"/fields/System.Title","value":"x"}]`, 200, `"System.WorkItemType":"Bug"`},
		{"POST git/repositories/CONFIG/pullrequests", "", `{"sourceRefName":"refs/heads/b","targetRefName":"refs/heads/main","title":"x"}`,
			201, `"pullRequestId":9`},
		{"PATCH git/repositories/config/pullrequests/9", "", `{"title":"y"}`, 200, `"title":"y"`},
		{"GET git/repositories/config/pullrequests/9", "", "", 200, `"sourceRefName":"refs/heads/b"`},
		{"GET git/repositories/config/pullrequests?searchCriteria.status=all", "", "", 200, `"count":3`},
		{"GET git/repositories/config/pullrequests?searchCriteria.sourceRefName=refs/heads/a", "", "", 200, `"count":1`},
		{"GET git/repositories/config/pullrequests?$top=1&$skip=1", "", "", 200, `"pullRequestId":7`},
		{"GET git/repositories/config/pullrequests?$skip=9", "", "", 200, `"count":0`},
		{"GET git/repositories/config", "", "", 200, `"remoteUrl":"http://local/contoso/My%20Project/_git/config"`},
		{"GET git/repositories", "", "", 200, `"count":1`},
	} {
		method, path, _ := strings.Cut(step.request, " ")
		status, answer, _ := send(t, s, method, path, step.kind, step.body)
		if status != step.status || !strings.Contains(answer, step.want) {
			t.Errorf("%s %s: got %d %s, want %d and %s", step.request, step.body, status, answer, step.status, step.want)
		}
		if strings.Contains(answer, "secret-value") {
			t.Errorf("%s: got %s, with a secret's value", step.request, answer)
		}
	}
	s.Update(func(p *Project) {
		d := p.Definitions[1]
		if d.Revision != 3 || d.QueueStatus != "disabled" || d.Variables[0].Value != "secret-value" || d.Raw["more"] == nil {
			t.Errorf("definition: got %+v", d)
		}
		if p.Runs[2].Status != "cancelling" || len(p.WorkItems) != 1 || p.PullRequests[2].Title != "y" {
			t.Errorf("got %+v, %v, %+v", p.Runs[2], p.WorkItems, p.PullRequests)
		}
	})
}

// A list of runs has what was asked for, in its order and its pages.
func TestListOfRuns(t *testing.T) {
	t.Parallel()
	s := New(Config{Organization: "contoso", Token: token, Project: busy()})
	const ascending = "queryOrder=queueTimeAscending"
	for query, want := range map[string]string{
		"":                                       "640 639 638",
		ascending:                                "638 639 640",
		"definitions=47":                         "639 638",
		"definitions=47,48":                      "640 639 638",
		"statusFilter=inProgress,notStarted":     "640 638",
		"reasonFilter=batchedCI":                 "639",
		"resultFilter=failed":                    "639",
		"branchName=refs/heads/x":                "639",
		"tagFilters=b":                           "640",
		"tagFilters=a,c":                         "",
		ascending + "&minTime=2026-11-23T06:01Z": "bad",
		ascending + "&minTime=2026-11-23T06:01:00Z":                    "639 640",
		ascending + "&minTime=2026-11-23T07:01:00.0%2B01:00":           "639 640",
		"minTime=2026-11-23T06:00:00Z":                                 "639", // what has ended since
		"queryOrder=finishTimeDescending&minTime=2026-11-23T06:00:00Z": "639",
		"$top=2":                       "640 639 ... 638",
		"$top=2&continuationToken=638": "638",
		"$top=1&continuationToken=639": "639 ... 638",
		"continuationToken=1":          "",
	} {
		status, answer, header := send(t, s, http.MethodGet, "build/builds?"+query, "", "")
		var ids []string
		for _, part := range strings.Split(answer, `,"uri":"vstfs:///Build/Build/`)[1:] {
			id, _, _ := strings.Cut(part, `"`)
			ids = append(ids, id)
		}
		if token := header.Get("X-MS-ContinuationToken"); token != "" {
			ids = append(ids, "...", token)
		}
		got := strings.Join(ids, " ")
		if status == http.StatusBadRequest {
			got = "bad"
		}
		if got != want {
			t.Errorf("builds?%s: got %q, want %q", query, got, want)
		}
	}
}

// Each permission is for its calls alone, and its absence is told in the service's words.
func TestDenied(t *testing.T) {
	t.Parallel()
	calls := map[string]string{ // to what the answer has in it
		"GET build/builds":                     "needs View builds permissions",
		"GET build/builds/638/tags":            "needs View builds permissions",
		"GET build/builds/638/timeline":        "needs View builds permissions",
		"GET build/builds/638/logs":            "needs View builds permissions",
		"GET build/definitions/47":             "needs View build pipeline permissions",
		"PUT build/definitions/47":             "needs Edit build pipeline permissions",
		"PATCH build/builds/638":               "needs Stop builds permissions",
		"PUT build/builds/638/tags/x":          "needs Update build information permissions",
		"POST wit/workItems/$Bug":              "TF237111",
		"POST git/repositories/x/pullrequests": "TF401027: You need the Git 'PullRequestContribute' permission",
		"GET git/repositories/config":          "TF401019",
	}
	permissions := []string{
		"View builds", "View build pipeline", "Edit build pipeline", "Stop builds", "Update build information",
		editItems, contribute, readRepository,
	}
	refused := map[string]int{}
	for _, permission := range permissions {
		p := busy()
		p.Denied = []string{permission}
		s := New(Config{Organization: "contoso", Token: token, Project: p})
		for request, want := range calls {
			method, path, _ := strings.Cut(request, " ")
			_, answer, _ := send(t, s, method, path, "", "")
			if strings.Contains(answer, want) {
				refused[request]++
			}
		}
	}
	for request := range calls {
		if refused[request] != 1 {
			t.Errorf("%s: refused for %d permissions, want 1", request, refused[request])
		}
	}
}
