package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/ado"
	"github.com/guardrails-ci/guardrails/shared/adotest"
	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/inputs"
)

// watcher reads the timeline and the logs of its own run with the official client,
// until each completed record has a log, and prints them.
const watcher = `
	const api = require(process.env.API), base = process.env.SYSTEM_COLLECTIONURI, project = process.env.SYSTEM_TEAMPROJECTID;
	const token = process.env.ENDPOINT_AUTH_PARAMETER_SYSTEMVSSCONNECTION_ACCESSTOKEN, run = +process.env.BUILD_BUILDID;
	(async () => {
		const build = await new api.WebApi(base, api.getPersonalAccessTokenHandler(token)).getBuildApi();
		let records = [];
		for (let n = 0; n < 200; n++) {
			records = (await build.getBuildTimeline(project, run)).records.sort((a, b) => a.order - b.order);
			const mine = records.filter(r => r.parentId === process.env.SYSTEM_JOBID);
			if (mine.some(r => r.state === 1) && mine.every(r => r.state !== 2 || r.log)) break;
			await new Promise(f => setTimeout(f, 5));
		}
		const states = ['pending', 'inProgress', 'completed'], results = ['succeeded', 'succeededWithIssues', 'failed', 'canceled', 'skipped'];
		for (const r of records) console.log(['record', r.type, r.order, r.name, states[r.state], results[r.result], r.log ? 'log' : 'none'].join('|'));
		for (const r of records.filter(r => r.log)) {
			let text = ''; for await (const piece of await build.getBuildLog(project, run, r.log.id)) text += piece;
			console.log('text ' + r.name + ' ' + JSON.stringify(text));
		}
		console.log('count ' + (await build.getBuildLogs(project, run)).length + ' id ' + records.some(r => r.id === process.env.SYSTEM_TASKINSTANCEID));
	})()`

func newWatcherLab(t *testing.T, pipeline string) *lab {
	t.Helper()
	l := newLab(t, pipeline)
	l.Environ = append(l.Environ, "API="+npmFolder(t, "azure-devops-node-api"))
	l.Tasks = makeTasks(t, map[string]jsTask{"Watch": {pre: "console.log('before')", main: watcher, post: watcher}})
	return l
}

// A task sees what an agent has told the server when it runs: the steps so far with
// their logs, itself in progress, and what is still to come.
func TestTimelineOfTheOwnRun(t *testing.T) {
	t.Parallel()
	l := newWatcherLab(t, `
steps:
- bash: echo "the secret is $(TOKEN)"
  displayName: say it
- {bash: exit 3, displayName: fail, continueOnError: true}
- {bash: echo, displayName: skip, condition: failed()}
- {task: Watch@1, displayName: watch}
- {bash: echo, displayName: later}
`)
	l.Variables = []Variable{{Name: "TOKEN", Value: "hunter2-is-secret", Secret: true}}
	r := l.run(t)
	records := func(display string) []string {
		var all []string
		for line := range strings.Lines(log(r, display)) {
			if line, ok := strings.CutPrefix(strings.TrimSpace(line), "record|"); ok {
				all = append(all, line)
			}
		}
		slices.Sort(all)
		return all
	}
	above := []string{"Job|1|Job|inProgress||none", "Phase|1|Job|inProgress||none", "Stage|1|__default|inProgress||none"}
	want := append(slices.Clone(above),
		"Task|1|Initialize job|completed|succeeded|log", "Task|2|Pre-job: watch|completed|succeeded|log",
		"Task|3|say it|completed|succeeded|log", "Task|4|fail|completed|succeededWithIssues|log",
		"Task|5|skip|completed|skipped|log", "Task|6|watch|inProgress||none",
		"Task|7|later|pending||none", "Task|8|Post-job: watch|pending||none")
	if diff := cmp.Diff(want, records("watch")); diff != "" {
		t.Errorf("timeline in the main stage (-want +got):\n%s", diff)
	}
	want[8], want[9], want[10] = "Task|6|watch|completed|succeeded|log", "Task|7|later|completed|succeeded|log",
		"Task|8|Post-job: watch|inProgress||none"
	if diff := cmp.Diff(want, records("Post-job: watch")); diff != "" {
		t.Errorf("timeline in post-job (-want +got):\n%s", diff)
	}
	text := logText(t, r, "watch", "say it")
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if !strings.HasPrefix(text, byteOrderMark) || strings.Contains(text, "hunter2") {
		t.Errorf("log of the step: got %q, want a byte order mark and no secret", text)
	}
	stamp := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z $`)
	var plain []string
	for _, line := range lines {
		line = strings.TrimPrefix(line, byteOrderMark)
		if len(line) < 29 || !stamp.MatchString(line[:29]) {
			t.Fatalf("log of the step: the line %q has no stamp", line)
		}
		plain = append(plain, line[29:])
	}
	if diff := cmp.Diff(r.Steps[1].Log, plain); diff != "" {
		t.Errorf("log of the step (-result +server):\n%s", diff)
	}
	if gone := missing(log(r, "watch"), "count 5 id true"); gone != "" {
		t.Errorf("want %q in\n%s", gone, log(r, "watch"))
	}
	wantClean(t, r)
}

// logText is the log of a record as the watcher in the stage display read it.
func logText(t *testing.T, r *Result, display, record string) string {
	t.Helper()
	for line := range strings.Lines(log(r, display)) {
		if document, ok := strings.CutPrefix(strings.TrimSpace(line), "text "+record+" "); ok {
			var text string
			if err := json.Unmarshal([]byte(document), &text); err != nil {
				t.Fatal(err)
			}
			return text
		}
	}
	t.Fatalf("%s read no log of %s:\n%s", display, record, log(r, display))
	return ""
}

// A message of several lines has one stamp (Logging.cs, Write).
func TestMessageOfSeveralLines(t *testing.T) {
	t.Parallel()
	l := newWatcherLab(t, "steps:\n"+say("##vso[task.logissue type=error]first%0Asecond")+"  displayName: say\n- {task: Watch@1, displayName: watch}\n")
	r := l.run(t)
	text := logText(t, r, "watch", "say")
	if !strings.Contains(text, "Z ##[error]first\nsecond\n2") {
		t.Errorf("log: got %q", text)
	}
}

// What was written is there a moment later, and not at once; the state comes first.
func TestNewsTakeTime(t *testing.T) {
	t.Parallel()
	j := &job{Options: Options{Timing: Timing{Queue: time.Hour}, Now: time.Now}, result: &Result{}}
	s, err := j.serve(nil, "t")
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	r := s.addTask("id", "n", 1)
	r.start(time.Now())
	r.write(time.Now(), "text")
	r.complete(time.Now(), failed)
	var got []string
	for _, hours := range []int{0, 1, 2, 3} {
		s.deliver(time.Now().Add(time.Duration(hours)*time.Hour + time.Minute))
		s.ado.Update(func(p *adotest.Project) {
			a := p.Runs[0].Records[3]
			got = append(got, fmt.Sprintln(a.State, a.Result, a.LogID, len(p.Runs[0].Logs)))
		})
	}
	want := []string{"pending  0 0\n", "completed failed 0 0\n", "completed failed 0 1\n", "completed failed 1 1\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("record after each hour (-want +got):\n%s", diff)
	}
}

// A long log is several files, of which the record names the last (Logging.cs).
func TestPages(t *testing.T) {
	t.Parallel()
	var got []string
	p := pages{full: func(text string) { got = append(got, text) }}
	p.end()
	at := time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)
	long := strings.Repeat("x", 3<<20)
	for range 4 {
		p.write(at, long)
	}
	p.end()
	p.end()
	line := "2026-11-23T06:00:00.0000000Z " + long + "\n"
	if want := []string{"\ufeff" + line + line + line, "\ufeff" + line}; !slices.Equal(got, want) {
		t.Errorf("got %d pages", len(got))
	}
	got = nil
	for range 3 {
		p.write(at, long)
	}
	p.end()
	if len(got) != 2 || got[1] != "\ufeff" {
		t.Errorf("got %d pages, want a full and an empty one", len(got))
	}
}

// Nobody starts a record that a server of somebody else's would have to know.
func TestServerOfSomebodyElse(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	l := newLab(t, "steps:\n- {task: A@1, displayName: a}\n")
	l.Endpoints = []Endpoint{{Name: systemConnection, URL: other.URL}}
	l.Tasks = makeTasks(t, map[string]jsTask{"A": {main: "console.log('at ' + process.env.SYSTEM_COLLECTIONURI)"}})
	if r := l.run(t); r.Result != succeeded || missing(log(r, "a"), "at "+other.URL) != "" {
		t.Errorf("got %s\n%s", r.Result, log(r, "a"))
	}
}

// Tokens are for the connections that the job's steps name, and say who asks.
func TestOIDCToken(t *testing.T) {
	t.Parallel()
	const used, unused = "abcdef01-2222-3333-4444-555555555555", "abcdef02-2222-3333-4444-555555555555"
	l := newLab(t, "steps:\n- {task: A@1, displayName: get, inputs: {conn: azure}}\n")
	l.Environ = append(l.Environ, "API="+npmFolder(t, "azure-devops-node-api"))
	l.Endpoints = []Endpoint{{ID: used, Name: "azure", Auth: Authorization{Scheme: "WorkloadIdentityFederation"}}, {ID: unused, Name: "other"}}
	l.Tasks = makeTasks(t, map[string]jsTask{"A": {
		main: `
		const token = process.env.ENDPOINT_AUTH_PARAMETER_SYSTEMVSSCONNECTION_ACCESSTOKEN, uri = process.env.SYSTEM_OIDCREQUESTURI, id = process.env.INPUT_CONN;
		const claims = t => JSON.parse(Buffer.from(t.split('.')[1], 'base64url'));
		const ask = async (query, auth, method) => fetch(uri + query, {method: method || 'POST', headers: {
			Authorization: auth === undefined ? 'Bearer ' + token : auth, 'X-TFS-FedAuthRedirect': 'Suppress', 'Content-Type': 'application/json'}});
		(async () => {
			const r = await ask('?api-version=7.1&serviceConnectionId=' + id), c = claims((await r.json()).oidcToken), now = Date.now() / 1000;
			console.log([r.status, c.sub, c.aud, c.iss, c.exp > now && c.exp < now + 3600].join(' '));
			const api = require(process.env.API), e = process.env;
			const client = await new api.WebApi(e.SYSTEM_COLLECTIONURI, api.getPersonalAccessTokenHandler(token)).getTaskApi();
			const official = await client.createOidcToken({}, e.SYSTEM_TEAMPROJECTID, e.SYSTEM_HOSTTYPE, e.SYSTEM_PLANID, e.SYSTEM_JOBID, id);
			console.log('official ' + claims(official.oidcToken).sub);
			for (const [query, auth, method] of [['?api-version=7.1&serviceConnectionId=` + unused + `'], ['?api-version=7.1'],
				['?serviceConnectionId=' + id], ['?api-version=9.9&serviceConnectionId=' + id],
				['?api-version=7.1&serviceConnectionId=' + id, 'Bearer wrong'], ['?api-version=7.1&serviceConnectionId=' + id, undefined, 'GET']])
				console.log('refused ' + (await ask(query, auth, method)).status);
		})()`,
		fields: map[string]any{"inputs": []any{map[string]any{"name": "conn", "type": "connectedService:AzureRM"}}},
	}})
	r := l.run(t)
	if gone := missing(log(r, "get"),
		"200 sc://local/local/azure api://AzureADTokenExchange https://vstoken.dev.azure.com/", " true",
		"official sc://local/local/azure",
		"refused 404", "refused 400", "refused 400", "refused 400", "refused 401", "refused 404",
	); gone != "" {
		t.Errorf("want %q in\n%s", gone, log(r, "get"))
	}
}

// The server ends with the job.
func TestServerEnds(t *testing.T) {
	t.Parallel()
	l := newLab(t, "steps:\n- {bash: 'echo at $SYSTEM_COLLECTIONURI', displayName: a}\n")
	_, address, _ := strings.Cut(log(l.run(t), "a"), "\nat ")
	address, _, _ = strings.Cut(address, "\n")
	request, err := http.NewRequestWithContext(context.Background(), http.MethodOptions, address+"_apis", nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := http.DefaultClient.Do(request); err == nil {
		_ = resp.Body.Close()
		t.Errorf("%s still answers after the job", address)
	}
}

// The client that our tasks use finds what it needs, too.
func TestOurOwnClient(t *testing.T) {
	t.Parallel()
	j := &job{Options: Options{
		Timing: Timing{Queue: time.Nanosecond}, Now: time.Now,
		Variables: []Variable{{Name: "PLAIN", Value: "v"}, {Name: "TOKEN", Value: "s", Secret: true}},
	}, result: &Result{Name: "p.yml"}}
	s, err := j.serve(nil, "the-token")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	r := s.addTask("abcdef01-2222-3333-4444-555555555555", "n", 1)
	r.write(time.Now(), "text")
	r.complete(time.Now(), succeededWithIssues)
	client, err := ado.New(ado.Config{
		HTTP: httpx.New(httpx.Config{}), Server: s.url, Project: localGUID, Token: inputs.NewSecret("the-token"),
	})
	if err != nil {
		t.Fatal(err)
	}
	records, err := client.Timeline(t.Context(), buildID)
	if err != nil || len(records) != 4 || records[3].Result != "succeededWithIssues" || records[3].ParentID != localGUID {
		t.Fatalf("Timeline: got %v, %v", records, err)
	}
	body, err := client.Log(t.Context(), buildID, records[3].LogID)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if text, err := io.ReadAll(body); err != nil || !strings.HasSuffix(string(text), "Z text\n") || text[0] != '2' {
		t.Errorf("Log: got %q, %v", text, err)
	}
	found, err := client.Variables(t.Context(), buildID)
	if err != nil || len(found) != 1 || found[0].Name != "PLAIN" {
		t.Errorf("Variables: got %v, %v", found, err)
	}
}
