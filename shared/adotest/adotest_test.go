package adotest

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	token     = "the-token"
	projectID = "4c1d0304-a209-464e-b614-7a0f593fe799"
	planID    = "803e732c-e0f3-41db-b192-657595e94cab"
	jobID     = "12f1170f-54f2-53f3-20dd-22fc7dff55f9"
	connID    = "abcdef01-2222-3333-4444-555555555555"
)

func sample() Project {
	return Project{
		ID: projectID, Name: "My Project", Hub: "build", Plan: planID, Job: jobID,
		Connections: map[string]string{connID: "azure"},
		Runs: []Run{{
			ID: 638, Number: "20261123.1", Definition: 47, Revision: 1,
			Records: []Record{
				{ID: jobID, Type: "Job", State: "completed", Result: "succeeded", LogID: 1},
				{ID: planID, Type: "Task", State: "completed", Result: "skipped"},
			},
			Logs: []Log{{ID: 1, Text: "zero\none\r\ntwo\n"}},
		}},
		Definitions: []Definition{
			{ID: 47, Revision: 1, Variables: []Variable{{Name: "OLD", Value: "old-value"}}, Groups: []int{3}},
			{ID: 47, Revision: 2, Variables: []Variable{{Name: "NEW", Value: "new-value"}, {Name: "S", Value: "secret-value", Secret: true}}},
		},
		Groups: []Group{
			{ID: 1, Name: "one"}, {ID: 2, Name: "two", KeyVault: true, Variables: []Variable{{Name: "kv", Value: "secret-value"}}},
			{ID: 3, Name: "three", Variables: []Variable{{Name: "S", Value: "secret-value", Secret: true}}},
		},
		Files: []SecureFile{
			{ID: "f1", Name: "key.pem", Ticket: "right", Open: func() (io.ReadCloser, error) {
				return io.NopCloser(strings.NewReader("content")), nil
			}},
			{ID: "f2", Name: "gone", Ticket: "right", Open: func() (io.ReadCloser, error) { return nil, errors.New("no such file") }},
		},
	}
}

func start(t *testing.T) (*Server, string) {
	t.Helper()
	s := New(Config{Organization: "contoso", Token: token, Project: sample()})
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	return s, web.URL
}

// ask makes a request; headers are "Name: value". It carries the token unless a header
// says otherwise.
func ask(t *testing.T, method, address string, headers ...string) (resp *http.Response, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if resp, err = client.Do(req); err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, address, err)
	}
	return resp, string(data)
}

const basic = "Authorization: Basic "

// Each request gets the status, and the words, that the service has for it.
func TestAnswers(t *testing.T) {
	t.Parallel()
	password := func(p string) string { return basic + base64.StdEncoding.EncodeToString([]byte(":"+p)) }
	const run = "/contoso/My%20Project/_apis/build/builds/638"
	const oidc = "POST /contoso/" + projectID + "/_apis/distributedtask/hubs/build/plans/" + planID + "/jobs/" + jobID + "/oidctoken?api-version=7.1"
	for name, tc := range map[string]struct {
		request string
		headers []string
		status  int
		want    string
	}{
		"bearer":              {"GET " + run, nil, 200, `"buildNumber":"20261123.1"`},
		"password":            {"GET " + run, []string{password(token)}, 200, ""},
		"project's id":        {"GET /contoso/" + projectID + "/_apis/build/builds/638", nil, 200, ""},
		"other case":          {"GET /CONTOSO/my%20project/_APIS/Build/BUILDS/638", nil, 200, ""},
		"no token":            {"GET " + run, []string{"Authorization: "}, 401, `{"count":0,"value":[]}`},
		"wrong token":         {"GET " + run, []string{"Authorization: Bearer x"}, 401, ""},
		"wrong password":      {"GET " + run, []string{password("x")}, 401, ""},
		"empty password":      {"GET " + run, []string{password("")}, 401, ""},
		"locations, no token": {"OPTIONS /contoso/_apis", []string{"Authorization: "}, 401, ""},
		"a browser":           {"GET " + run, []string{"Authorization: ", "Accept: text/html"}, 302, "Sign In"},
		"sign-in page":        {"GET /contoso/_signin", []string{"Authorization: "}, 200, "Sign In"},
		"other organization":  {"GET /fabrikam/p/_apis/build/builds/638", nil, 404, "cannot be found"},
		"other project":       {"GET /contoso/Other/_apis/build/builds/638", nil, 404, "TF200016: The following project does not exist: Other."},
		"unknown resource":    {"GET /contoso/My%20Project/_apis/git/pushes", nil, 404, "VssResourceNotFoundException"},
		"other method":        {"DELETE " + run, nil, 404, ""},
		"no such run":         {"GET /contoso/My%20Project/_apis/build/builds/1", nil, 404, "The requested build 1 could not be found."},
		"no number":           {"GET /contoso/My%20Project/_apis/build/builds/x", nil, 404, ""},
		"no such log":         {"GET " + run + "/logs/9", nil, 404, "BuildLogNotFoundException"},

		"version in header":    {"GET " + run, []string{"Accept: application/json;api-version=7.1-preview.7"}, 200, ""},
		"version in query":     {"GET " + run + "?api-version=5.0", nil, 200, ""},
		"newer than we are":    {"GET " + run + "?api-version=9.0", nil, 400, "VssVersionOutOfRangeException"},
		"older than we are":    {"GET " + run + "/timeline?api-version=1.0", nil, 400, "VssVersionOutOfRangeException"},
		"no version at all":    {"GET " + run + "?api-version=x", nil, 400, "VssInvalidApiResourceVersionException"},
		"not yet released":     {"GET " + run + "?api-version=7.2", nil, 400, "The -preview flag must be supplied"},
		"preview":              {"GET " + run + "?api-version=7.2-preview", nil, 200, ""},
		"preview too new":      {"GET " + run + "?api-version=7.2-preview.8", nil, 400, "resource version 8 is out of range"},
		"never released":       {"GET /contoso/p/_apis/distributedtask/securefiles/f1?api-version=7.1", nil, 400, "VssInvalidPreviewVersionException"},
		"change, no version":   {strings.Split(oidc, "?")[0], nil, 400, "VssVersionNotSpecifiedException"},
		"locations":            {"OPTIONS /contoso/_apis", nil, 200, `"releasedVersion":"7.1"`},
		"locations of an area": {"OPTIONS /contoso/_apis/distributedtask", nil, 200, `{"count":3,`},
		"resource areas":       {"GET /contoso/_apis/ResourceAreas", nil, 200, `{"count":0,"value":null}`},

		"log as text":  {"GET " + run + "/logs/1", []string{"Accept: text/plain"}, 200, "zero\none\r\ntwo\n"},
		"log as lines": {"GET " + run + "/logs/1", []string{"Accept: application/json"}, 200, `{"count":3,"value":["zero","one","two"]}`},
		"from a line":  {"GET " + run + "/logs/1?startLine=1", nil, 200, `{"count":2,"value":["one","two"]}`},
		"to a line":    {"GET " + run + "/logs/1?startLine=1&endLine=1", nil, 200, `{"count":1,"value":["one"]}`},
		"too far":      {"GET " + run + "/logs/1?startLine=7&endLine=9", nil, 200, `{"count":0,"value":[]}`},
		"all logs":     {"GET " + run + "/logs", nil, 200, `"lineCount":3`},

		"newest definition": {"GET /contoso/My%20Project/_apis/build/definitions/47", nil, 200, `"NEW":{"value":"new-value"}`},
		"older definition":  {"GET /contoso/My%20Project/_apis/build/definitions/47?revision=1", nil, 200, `"variableGroups":[{"id":3`},
		"no such revision":  {"GET /contoso/My%20Project/_apis/build/definitions/47?revision=9", nil, 404, "DefinitionNotFoundException"},
		"odd revision":      {"GET /contoso/My%20Project/_apis/build/definitions/47?revision=x", nil, 404, ""},
		"a group":           {"GET /contoso/My%20Project/_apis/distributedtask/variablegroups/2", nil, 200, `"type":"AzureKeyVault"`},
		"no such group":     {"GET /contoso/My%20Project/_apis/distributedtask/variablegroups/9", nil, 404, "VariableGroupNotFoundException"},

		"file":         {"GET /contoso/My%20Project/_apis/distributedtask/securefiles/F1?ticket=right", nil, 200, "content"},
		"wrong ticket": {"GET /contoso/My%20Project/_apis/distributedtask/securefiles/f1?ticket=x", nil, 403, "no secure file has this id and ticket"},
		"no ticket":    {"GET /contoso/My%20Project/_apis/distributedtask/securefiles/f1", nil, 403, ""},
		"no such file": {"GET /contoso/My%20Project/_apis/distributedtask/securefiles/f9?ticket=right", nil, 403, ""},
		"file is gone": {"GET /contoso/My%20Project/_apis/distributedtask/securefiles/f2?ticket=right", nil, 500, "gone: no such file"},

		"token":              {oidc + "&serviceConnectionId=" + strings.ToUpper(connID), nil, 200, `{"oidcToken":"`},
		"no connection":      {oidc, nil, 400, "serviceConnectionId must not be empty"},
		"another connection": {oidc + "&serviceConnectionId=" + planID, nil, 404, "hasn't been authorized for use"},
		"another hub":        {strings.Replace(oidc, "hubs/build", "hubs/release", 1), nil, 404, "No hub found for identifier release."},
		"another plan":       {strings.Replace(oidc, planID, connID, 1), nil, 404, "No plan found"},
		"another job":        {strings.Replace(oidc, jobID, connID, 1), nil, 404, "No job found"},
		"another's token":    {oidc + "&serviceConnectionId=" + connID, []string{"Authorization: Bearer x"}, 401, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, base := start(t)
			if name == "never released" {
				s.Update(func(p *Project) { p.Name = "p" })
			}
			method, path, _ := strings.Cut(tc.request, " ")
			resp, body := ask(t, method, base+path, tc.headers...)
			if resp.StatusCode != tc.status || !strings.Contains(body, tc.want) {
				t.Errorf("%s: got %d %s, want %d and %s", tc.request, resp.StatusCode, body, tc.status, tc.want)
			}
			if strings.Contains(body, "secret-value") {
				t.Errorf("%s: got %s, with a secret's value", tc.request, body)
			}
			if tc.status == 401 && len(resp.Header.Values("WWW-Authenticate")) != 3 {
				t.Errorf("%s: got %v, want three ways to sign in", tc.request, resp.Header)
			}
		})
	}
}

// What the locations say leads to the resource.
func TestLocations(t *testing.T) {
	t.Parallel()
	s, base := start(t)
	_, body := ask(t, http.MethodOptions, base+"/contoso/_apis")
	var list struct {
		Value []struct{ ID, Area, ResourceName, RouteTemplate string }
	}
	if err := json.Unmarshal([]byte(body), &list); err != nil || len(list.Value) != 12 {
		t.Fatalf("locations: %v in %s", err, body)
	}
	for _, l := range list.Value {
		path := strings.NewReplacer("{area}", l.Area, "{resource}", l.ResourceName).Replace(l.RouteTemplate)
		found := false
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if r, _ := s.match(method, path); r.id == l.ID {
				found = true
			}
		}
		if !found {
			t.Errorf("location %s (%s): nothing is at %s", l.ID, l.ResourceName, path)
		}
	}
}

func TestTimeline(t *testing.T) {
	t.Parallel()
	s, base := start(t)
	const path = "/contoso/My%20Project/_apis/build/builds/638/timeline"
	read := func() (logs []any) {
		_, body := ask(t, http.MethodGet, base+path)
		var timeline struct {
			Records []struct {
				Log    map[string]any
				Result string
			}
		}
		if err := json.Unmarshal([]byte(body), &timeline); err != nil {
			t.Fatal(err)
		}
		for _, r := range timeline.Records {
			logs = append(logs, r.Log["id"])
		}
		return logs
	}
	s.Fail("timeline", 1, Late)
	for _, want := range [][]any{{nil, nil}, {1.0, nil}} { // one that was skipped has no log, ever
		if diff := cmp.Diff(want, read()); diff != "" {
			t.Errorf("logs in the timeline (-want +got):\n%s", diff)
		}
	}
	s.Update(func(p *Project) { p.Runs[0].Records = nil })
	if resp, body := ask(t, http.MethodGet, base+path); resp.StatusCode != http.StatusNoContent || body != "" {
		t.Errorf("before it starts: got %d %s, want 204 and nothing", resp.StatusCode, body)
	}
}

func TestPagesOfGroups(t *testing.T) {
	t.Parallel()
	_, base := start(t)
	for query, want := range map[string][]int{
		"": {3, 2, 1}, "?$top=2": {3, 2}, "?$top=2&continuationToken=2": {1}, "?queryOrder=IdAscending": {1, 2, 3},
		"?queryOrder=idAscending&$top=1&continuationToken=1": {2}, "?queryOrder=idAscending&continuationToken=3": nil,
	} {
		_, body := ask(t, http.MethodGet, base+"/contoso/My%20Project/_apis/distributedtask/variablegroups"+query)
		var list struct{ Value []struct{ ID int } }
		if err := json.Unmarshal([]byte(body), &list); err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, g := range list.Value {
			got = append(got, g.ID)
		}
		if diff := cmp.Diff(want, got); diff != "" || strings.Contains(body, "secret-value") {
			t.Errorf("groups%s (-want +got):\n%s%s", query, diff, body)
		}
	}
}

// The token is one that a verifier accepts, and says what the documentation says.
func TestToken(t *testing.T) {
	t.Parallel()
	s, base := start(t)
	_, body := ask(t, http.MethodPost, base+"/contoso/"+projectID+"/_apis/distributedtask/hubs/Build/plans/"+planID+"/jobs/"+jobID+
		"/oidctoken?api-version=7.1&serviceConnectionId="+connID)
	var answer struct{ OidcToken string }
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(answer.OidcToken, ".")
	decode := func(text string) []byte {
		data, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(&s.key.key.PublicKey, crypto.SHA256, sum[:], decode(parts[2])); err != nil {
		t.Errorf("signature: %v", err)
	}
	claims := map[string]any{}
	if err := json.Unmarshal(decode(parts[1]), &claims); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"sub": "sc://contoso/My Project/azure", "aud": "api://AzureADTokenExchange",
		"iss": "https://vstoken.dev.azure.com/00000000-0000-0000-0000-000000000001",
	} {
		if claims[name] != want {
			t.Errorf("claim %s: got %v, want %v", name, claims[name], want)
		}
	}
	expiry, _ := claims["exp"].(float64)
	if left := time.Until(time.Unix(int64(expiry), 0)); left < 5*time.Minute || left > 15*time.Minute {
		t.Errorf("the token ends in %v", left)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	s, base := start(t)
	const path = "/contoso/My%20Project/_apis/build/builds/638"
	for name, tc := range map[string]struct {
		fault  Fault
		status int
		want   string
		header string
	}{
		"answer":    {Answer(403, "you may not"), 403, `"message":"you may not"`, ""},
		"throttled": {Throttled(7), 429, "TF400733", "7"},
		"no hint":   {Throttled(0), 429, "TF400733", ""},
		"sign-in":   {Page(203), 203, "Sign In", ""},
		"proxy":     {Page(502), 502, "Blocked", ""},
		"redirect":  {SignIn, 302, "/contoso/_signin", ""},
		"slow":      {Slow(time.Millisecond), 200, "20261123.1", ""},
	} {
		s.Fail("builds", 1, tc.fault)
		resp, body := ask(t, http.MethodGet, base+path)
		if resp.StatusCode != tc.status || !strings.Contains(body, tc.want) || resp.Header.Get("Retry-After") != tc.header {
			t.Errorf("%s: got %d %v %s", name, resp.StatusCode, resp.Header, body)
		}
	}
	// A fault is for its resource, and for as many requests as was said.
	s.Fail("logs", -1, Answer(500, ""))
	s.Fail("", 1, Answer(503, ""))
	for _, want := range []int{503, 200} {
		if resp, _ := ask(t, http.MethodGet, base+path); resp.StatusCode != want {
			t.Errorf("got %d, want %d", resp.StatusCode, want)
		}
	}
	for range 2 {
		if resp, _ := ask(t, http.MethodGet, base+path+"/logs"); resp.StatusCode != 500 {
			t.Errorf("logs: got %d, want 500", resp.StatusCode)
		}
	}
	if got := s.Requests(); len(got) != 11 || got[10] != "GET "+path+"/logs" {
		t.Errorf("Requests: got %q", got)
	}
}

// What is cut ends where it was said, and not well.
func TestCut(t *testing.T) {
	t.Parallel()
	s, base := start(t)
	s.Fail("logs", -1, Cut(6))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/contoso/My%20Project/_apis/build/builds/638/logs/1", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Authorization": {"Bearer " + token}, "Accept": {"text/plain"}}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); string(body) != "zero\no" || err == nil {
		t.Errorf("got %q, %v, want 6 bytes and an error", body, err)
	}
}
