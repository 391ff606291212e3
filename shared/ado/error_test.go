package ado

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/shared/adotest"
	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/retry"
)

const needsView = "TF215106: Access denied. My Project Build Service (contoso) needs View builds permissions for " +
	"build pipeline 47 in team project My Project to perform the action. For more information, contact the " +
	"Azure DevOps Server administrator.\r\nat Foo.Bar()"

// Each way to be refused has one line that tells it from the others, and its own fix.
func TestRefusals(t *testing.T) {
	t.Parallel()
	const all = -1
	for name, tc := range map[string]struct {
		resource string
		fault    adotest.Fault
		status   int
		want     []string
	}{
		"401":               {"timeline", adotest.Answer(401, "VS403463: The conditional access policy has failed."), 401, []string{"does not accept the job's token (401): VS403463: The", "do not replace System.AccessToken"}},
		"403 named":         {"timeline", adotest.Answer(403, needsView), 403, []string{`lacks the permission "View builds" (403): TF215106`, "give it to the project's build service"}},
		"403 other":         {"timeline", adotest.Answer(403, "You need the 'Read Logs' permission."), 403, []string{`lacks the permission "Read Logs" (403)`}},
		"403 unnamed":       {"timeline", adotest.Answer(403, "Access denied."), 403, []string{`lacks the permission "View builds" (403): Access denied (give`}},
		"404":               {"timeline", adotest.Answer(404, "The requested build 638 could not be found."), 404, []string{"finds no such thing (404): The requested build 638", "Limit job authorization scope"}},
		"429":               {"timeline", adotest.Throttled(0), 429, []string{"limits the requests of this identity (429)", "run fewer jobs at once"}},
		"429 too long":      {"timeline", adotest.Throttled(900), 429, []string{"(429), and wants to be left alone for 15m0s"}},
		"500":               {"timeline", adotest.Answer(500, "TF30063"), 500, []string{"has a problem (500): TF30063", "status.dev.azure.com"}},
		"stopped":           {"locations", adotest.Answer(503, "TF24668: The following team project collection is stopped: X. Start it"), 503, []string{"has a problem (503): TF24668: The following team project collection is stopped"}},
		"400":               {"timeline", adotest.Answer(400, "bad"), 400, []string{"says no (400): bad"}},
		"407":               {"timeline", adotest.Page(407), 407, []string{"the proxy wants a user name and password (407)", "--proxyusername"}},
		"sign-in page":      {"timeline", adotest.Page(203), 203, []string{"answers with its sign-in page", "do not replace System.AccessToken"}},
		"sign-in redirect":  {"timeline", adotest.SignIn, 200, []string{"answers with its sign-in page"}},
		"sign-in locations": {"locations", adotest.SignIn, 200, []string{"answers with its sign-in page"}},
		"proxy page":        {"timeline", adotest.Page(200), 200, []string{"a web page came back (200)", "probably from a proxy or firewall: let the agent through to 127.0.0.1"}},
		"proxy page 403":    {"timeline", adotest.Page(403), 403, []string{"a web page came back (403)", "probably from a proxy or firewall"}},
		"cut":               {"timeline", adotest.Cut(100), 0, []string{"no answer from 127.0.0.1", "unexpected EOF", "check the agent's network"}},
		"not JSON":          {"timeline", raw("application/json", "{"), 200, []string{"is not the JSON that was expected"}},
		"other JSON":        {"timeline", raw("application/json", `{"records":[{"id":7}]}`), 0, []string{"is not what Azure DevOps would say"}},
		"no locations":      {"locations", raw("application/json", `{"value":[]}`), 200, []string{"does not say where its resources are"}},
		"half a location":   {"locations", raw("application/json", `{"value":[{"id":"8baac422-4c6e-4de5-8532-db96d92acffa"},{}]}`), 200, []string{"does not say where its resources are"}},
		"odd version":       {"locations", raw("application/json", `{"value":[{"id":"8baac422-4c6e-4de5-8532-db96d92acffa","routeTemplate":"x","minVersion":"","maxVersion":"7","releasedVersion":"?"}]}`), 200, []string{"does not say where its resources are"}},
		"no route":          {"locations", locationOf("", "1.0", "7.2", "7.1"), 200, []string{"does not say where its resources are"}},
		"no oldest":         {"locations", locationOf("x", "", "7.2", "7.1"), 200, []string{"does not say where its resources are"}},
		"no newest":         {"locations", locationOf("x", "1.0", "7", "7.1"), 200, []string{"does not say where its resources are"}},
		"no released":       {"locations", locationOf("x", "1.0", "7.2", "-1.0"), 200, []string{"does not say where its resources are"}},
		"old server": {"locations", raw("application/json", `{"value":[{"id":"0cd358e1-9217-4d94-8269-1c1ee6f93dcf","routeTemplate":"x","minVersion":"1.0","maxVersion":"2.0","releasedVersion":"2.0"}]}`), 0,
			[]string{"the server does not have this call", "Azure DevOps Server 2020 or newer"}},
		"hostile message": {"timeline", adotest.Answer(400, "a\x1b[31m##vso[task.complete result=Failed;] "+token), 400, []string{"(400): a[31m"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, sample())
			l.Fail(tc.resource, all, tc.fault)
			_, err := l.Timeline(t.Context(), 638)
			wantError(t, err, tc.status, append([]string{"reading the timeline of run 638: "}, tc.want...)...)
			if err != nil && (strings.Contains(err.Error(), token) || strings.Contains(err.Error(), "##vso[")) {
				t.Errorf("Timeline: got %q, with what must not be in it", err)
			}
		})
	}
}

func locationOf(route, oldest, newest, released string) adotest.Fault {
	return raw("application/json", fmt.Sprintf(`{"value":[{"id":"8baac422-4c6e-4de5-8532-db96d92acffa","area":"Build","resourceName":"Timeline",`+
		`"resourceVersion":2,"routeTemplate":%q,"minVersion":%q,"maxVersion":%q,"releasedVersion":%q}]}`, route, oldest, newest, released))
}

func raw(kind, text string) adotest.Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", kind)
		_, _ = io.WriteString(w, text)
	}
}

// wantError wants an *Error of one line with these texts in this order.
func wantError(t *testing.T, err error, status int, want ...string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Status != status {
		t.Fatalf("got %v, want an *Error with status %d", err, status)
	}
	rest := e.Error()
	for _, w := range want {
		_, after, ok := strings.Cut(rest, w)
		if !ok {
			t.Errorf("got %q, want %q in it, in this order", e, w)
		}
		rest = after
	}
	if strings.ContainsAny(e.Error(), "\r\n") {
		t.Errorf("got %q, want one line", e)
	}
}

// Without a fault: what the fake itself refuses.
func TestRefusedByTheServerItself(t *testing.T) {
	t.Parallel()
	l := newLab(t, sample(), func(c *Config) { c.Token = inputs.NewSecret("another") })
	_, err := l.Timeline(t.Context(), 638)
	wantError(t, err, 401, "reading the timeline of run 638: ", "does not accept the job's token (401)")

	l = newLab(t, sample(), func(c *Config) { c.Project = "Other" })
	_, err = l.Timeline(t.Context(), 638)
	wantError(t, err, 404, "TF200016: The following project does not exist: Other")

	l = newLab(t, sample())
	_, err = l.Timeline(t.Context(), 1)
	wantError(t, err, 404, "reading the timeline of run 1: ", "The requested build 1 could not be found")
	_, err = l.Log(t.Context(), 638, 99)
	wantError(t, err, 404, "reading log 99 of run 638: ")
	_, err = l.Logs(t.Context(), 1)
	wantError(t, err, 404, "listing the logs of run 1: ")
	_, err = l.Variables(t.Context(), 1)
	wantError(t, err, 404, "reading run 1: ")

	p := sample()
	p.Definitions = nil
	_, err = newLab(t, p).Variables(t.Context(), 638)
	wantError(t, err, 404, "reading the pipeline of run 638: ")
}

// The permission that is missing is that of the call.
func TestPermissions(t *testing.T) {
	t.Parallel()
	denied := adotest.Answer(403, "Access denied")
	for resource, want := range map[string]string{
		"definitions": `reading the pipeline of run 638: the job's identity lacks the permission "View build pipeline"`,
		"builds":      `reading run 638: the job's identity lacks the permission "View builds"`,
		"variablegroups": "reading the variable groups of the project: the job's identity may not read it (403): " +
			"Access denied (give the project's build service the role Reader: Pipelines > Library > Security",
	} {
		l := newLab(t, sample())
		l.Fail(resource, -1, denied)
		_, err := l.Variables(t.Context(), 638)
		wantError(t, err, 403, want)
	}
}

// A sign-in page is never taken for a log.
func TestLogRefusals(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault  adotest.Fault
		status int
		want   string
	}{
		"sign-in page":     {adotest.Page(203), 203, "answers with its sign-in page"},
		"sign-in redirect": {adotest.SignIn, 200, "answers with its sign-in page"},
		"proxy page":       {adotest.Page(200), 200, "a web page came back (200)"},
		"401":              {adotest.Answer(401, ""), 401, "does not accept the job's token"},
		"403":              {adotest.Answer(403, "no"), 403, `lacks the permission "View builds"`},
		"500":              {adotest.Answer(500, "no"), 500, "has a problem (500)"},
	} {
		l := newLab(t, sample())
		l.Fail("logs", -1, tc.fault)
		_, err := l.Log(t.Context(), 638, 7)
		if err == nil {
			t.Errorf("%s: got a log", name)
			continue
		}
		wantError(t, err, tc.status, "reading log 7 of run 638: ", tc.want)
	}
}

// A log that ends too early is an error, wherever it ends.
func TestLogThatIsCut(t *testing.T) {
	t.Parallel()
	for after := range 8 {
		l := newLab(t, sample())
		l.Fail("logs", -1, adotest.Cut(after))
		body, err := l.Log(t.Context(), 638, 7)
		if err == nil {
			_, err = io.ReadAll(body)
			_ = body.Close()
		}
		wantError(t, err, 0, "reading log 7 of run 638: ")
	}
}

// What may pass is tried again; what stays is not.
func TestRetries(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault adotest.Fault
		times int // that it fails
		tried int
		ok    bool
	}{
		"429":        {adotest.Throttled(0), 2, 3, true},
		"500":        {adotest.Answer(500, ""), 2, 3, true},
		"503":        {adotest.Answer(503, ""), 2, 3, true},
		"too often":  {adotest.Answer(503, ""), 3, 3, false},
		"not JSON":   {raw("application/json", "{"), 2, 3, true},
		"cut":        {adotest.Cut(10), 2, 3, true},
		"401":        {adotest.Answer(401, ""), 1, 1, false},
		"403":        {adotest.Answer(403, ""), 1, 1, false},
		"404":        {adotest.Answer(404, ""), 1, 1, false},
		"sign-in":    {adotest.Page(203), 1, 1, false},
		"long pause": {adotest.Throttled(3600), 1, 1, false},
	} {
		l := newLab(t, sample())
		l.Fail("timeline", tc.times, tc.fault)
		_, err := l.Timeline(t.Context(), 638)
		tried := 0
		for _, r := range l.Requests() {
			if strings.HasPrefix(r, "GET ") {
				tried++
			}
		}
		if (err == nil) != tc.ok || tried != tc.tried {
			t.Errorf("%s: got %v after %d tries, want %v after %d", name, err, tried, tc.ok, tc.tried)
		}
	}
	l := newLab(t, sample())
	l.Fail("logs", 1, adotest.Throttled(7))
	if _, err := l.Log(t.Context(), 638, 7); err != nil || !slices.Equal(l.slept, []time.Duration{7 * time.Second}) {
		t.Errorf("Retry-After: got %v, %v, want a wait of 7 s", l.slept, err)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	l := newLab(t, sample())
	l.Fail("timeline", -1, adotest.Slow(time.Minute))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := l.Timeline(ctx, 638)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Timeline: got %v, want the deadline", err)
	}
	wantError(t, err, 0, "reading the timeline of run 638: it was stopped")

	// While it waits to try again, the reason to do so is told.
	ctx, cancel = context.WithCancel(t.Context())
	l = newLab(t, sample(), func(c *Config) {
		c.Retry.Sleep = func(ctx context.Context, _ time.Duration) error { cancel(); return ctx.Err() }
	})
	l.Fail("timeline", -1, adotest.Throttled(5))
	_, err = l.Timeline(ctx, 638)
	wantError(t, err, 429, "limits the requests of this identity (429)")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Timeline: got %v, want it canceled", err)
	}
}

// A server that goes silent does not hold us up, with HTTP/2 either.
func TestSilence(t *testing.T) {
	t.Parallel()
	for _, version := range []int{1, 2} {
		l := newLab(t, sample())
		server := httptest.NewUnstartedServer(l.Server)
		server.EnableHTTP2 = version == 2
		server.StartTLS()
		t.Cleanup(server.Close)
		roots := x509.NewCertPool()
		roots.AddCert(server.Certificate())
		var err error
		if l.Client, err = New(Config{
			HTTP: httpx.New(httpx.Config{RootCAs: roots}), Server: server.URL + "/Contoso", Project: project,
			Token: inputs.NewSecret(token), Silence: 200 * time.Millisecond, Retry: retry.Policy{Attempts: 1},
		}); err != nil {
			t.Fatal(err)
		}
		silence(t, l)
	}
}

func silence(t *testing.T, l *lab) {
	t.Helper()
	stall := func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "some")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
	l.Fail("logs", -1, stall)
	body, err := l.Log(t.Context(), 638, 7)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	if string(text) != "some" {
		t.Errorf("Log: got %q before the silence", text)
	}
	wantError(t, err, 0, "reading log 7 of run 638: the server stopped answering")

	l.Fail("timeline", -1, stall)
	_, err = l.Timeline(t.Context(), 638)
	wantError(t, err, 0, "reading the timeline of run 638: ", "the server stopped answering")
}

// A reader that takes its time is not the server's silence.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	p := sample()
	p.Runs[0].Logs[0].Text = strings.Repeat("0123456789abcde\n", 1<<18)
	l := newLab(t, p, func(c *Config) { c.Silence = time.Second })
	body, err := l.Log(t.Context(), 638, 6)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	time.Sleep(1200 * time.Millisecond)
	if n, err := io.Copy(io.Discard, body); err != nil || n != 4<<20 {
		t.Errorf("reading late: %d bytes, %v", n, err)
	}
}

// What lies between the agent and the server is told apart.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	proxy := func(status int) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		t.Cleanup(s.Close)
		return s.URL
	}
	through := func(address string) *httpx.Client {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		return httpx.New(httpx.Config{Proxy: http.ProxyURL(u)})
	}
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = stdlog.New(io.Discard, "", 0)
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(slow.Close)
	direct := httpx.New(httpx.Config{Timeout: time.Second})
	for name, tc := range map[string]struct {
		http   *httpx.Client
		server string
		want   []string
	}{
		"nothing listens": {direct, "http://127.0.0.1:1/x", []string{"no answer from 127.0.0.1:1: ", "refused", "check the agent's network"}},
		"no such name":    {direct, "http://azure-devops.invalid/x", []string{"the name azure-devops.invalid is not known here", "name servers"}},
		"too slow":        {direct, slow.URL + "/x", []string{"no answer from 127.0.0.1", "in time"}},
		"certificate":     {direct, untrusted.URL + "/x", []string{"the certificate of 127.0.0.1", "is not trusted", "--sslcacert"}},
		"no proxy":        {through("http://127.0.0.1:1"), "https://dev.azure.com/x", []string{"the proxy cannot be reached", "--proxyurl"}},
		"proxy 407":       {through(proxy(407)), "https://dev.azure.com/x", []string{"the proxy wants a user name and password", "--proxyusername"}},
		"proxy 403":       {through(proxy(403)), "https://dev.azure.com/x", []string{"the proxy refuses the connection: 403 Forbidden", "let the agent through to dev.azure.com"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, sample(), func(c *Config) { c.HTTP, c.Server = tc.http, tc.server })
			_, err := l.Timeline(t.Context(), 638)
			wantError(t, err, 0, append([]string{"reading the timeline of run 638: "}, tc.want...)...)
		})
	}
}
