package alert

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/retry"
)

const (
	secretPath  = "/services/T0HUNTER/B0HUNTER/hunter2%2Fhunter3"
	secretQuery = "?sv=1&sig=hunter4%2Bhunter5"
	key         = "hunterhunterhunterhunterhunter00"
)

func happened() Event {
	return Event{Kind: Tripped, Key: "contoso/shop/7", Pipeline: "shop-deploy", Reason: "4 runs"}
}

// receiver answers with its answers, the last one again and again.
type receiver struct {
	mu      sync.Mutex
	answers []http.HandlerFunc
	bodies  []string
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	r.mu.Lock()
	n := len(r.bodies)
	r.bodies = append(r.bodies, string(body))
	answer := r.answers[min(n, len(r.answers)-1)]
	r.mu.Unlock()
	if err != nil || req.Method != http.MethodPost || req.Header.Get("Content-Type") != "application/json" ||
		req.Header.Get("Authorization") != "" {
		http.Error(w, "what is that", http.StatusBadRequest)
		return
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	answer(w, req)
}

func status(code int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

func cut(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func serve(t *testing.T, answers ...http.HandlerFunc) (*receiver, string) {
	t.Helper()
	r := &receiver{answers: answers}
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	return r, s.URL
}

// patient is a policy that waits without time passing, and what it has waited.
func patient() (retry.Policy, *[]time.Duration) {
	var waited []time.Duration
	return retry.Policy{Attempts: tries, Max: perTry, Sleep: func(_ context.Context, d time.Duration) error {
		waited = append(waited, d)
		return nil
	}}, &waited
}

func TestSend(t *testing.T) {
	t.Parallel()
	ok := status(200, "ok")
	for name, tc := range map[string]struct {
		format  Format
		answers []http.HandlerFunc
		tries   int
		waited  []time.Duration
		want    string // of the error; "" for none
	}{
		"Slack":             {Slack, []http.HandlerFunc{ok}, 1, nil, ""},
		"Teams":             {Teams, []http.HandlerFunc{status(202, "")}, 1, nil, ""},
		"PagerDuty":         {PagerDuty, []http.HandlerFunc{status(202, `{"status":"success"}`)}, 1, nil, ""},
		"no content":        {Generic, []http.HandlerFunc{status(204, "")}, 1, nil, ""},
		"down, then up":     {Slack, []http.HandlerFunc{status(503, ""), cut, ok}, 3, []time.Duration{time.Second, 2 * time.Second}, ""},
		"too many requests": {Slack, []http.HandlerFunc{status(429, "", "Retry-After", "7"), ok}, 2, []time.Duration{7 * time.Second}, ""},
		"far too many": {
			Slack, []http.HandlerFunc{status(429, "", "Retry-After", "11"), ok}, 1, nil, "Slack: 429 Too Many Requests (asked to wait 11s",
		},
		"down": {
			Slack, []http.HandlerFunc{status(500, "")}, 3, []time.Duration{time.Second, 2 * time.Second},
			"Slack: after 3 attempts: 500 Internal Server Error",
		},
		"cut off": {
			Generic, []http.HandlerFunc{cut}, 3, []time.Duration{time.Second, 2 * time.Second}, "the webhook: after 3 attempts: EOF",
		},
		"gone":    {Slack, []http.HandlerFunc{status(404, "no_service")}, 1, nil, "Slack: 404 Not Found: no_service"},
		"refused": {PagerDuty, []http.HandlerFunc{status(400, "invalid")}, 1, nil, "PagerDuty: 400 Bad Request: invalid"},
		"a command in the answer": {
			Slack, []http.HandlerFunc{status(400, "##vso[task.complete]\x1b[0m")}, 1, nil, "400 Bad Request: **vso[task.complete]",
		},
		"a command that comes of shortening": {
			Slack, []http.HandlerFunc{status(400, "##POST x: vso[task.complete]")}, 1, nil, "400 Bad Request: **vso[task.complete]",
		},
		"a sign-in page": {
			Teams, []http.HandlerFunc{status(200, "\n<!DOCTYPE html><p>hunter2", "Content-Type", "text/html")}, 1, nil, "is a web page",
		},
		"an HTML answer that is none": {Slack, []http.HandlerFunc{status(200, "ok", "Content-Type", "text/html")}, 1, nil, ""},
		"yes that means no": {
			Teams, []http.HandlerFunc{status(200, "Webhook message delivery failed with error: x returned HTTP error 413")}, 1, nil,
			"not delivered",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, address := serve(t, tc.answers...)
			target := Target{tc.format, inputs.NewSecret(address + secretPath + secretQuery)}
			if tc.format == PagerDuty {
				target.Address = inputs.NewSecret(address + secretPath + " " + key)
			}
			policy, waited := patient()
			err := send(context.Background(), httpx.New(httpx.Config{}), target, happened(), policy)
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Send = %v, want %q", err, tc.want)
			}
			if len(r.bodies) != tc.tries {
				t.Errorf("Send asked %d times, want %d", len(r.bodies), tc.tries)
			}
			if diff := cmp.Diff(tc.waited, *waited); diff != "" {
				t.Errorf("Send waited (-want +got):\n%s", diff)
			}
			routing := ""
			if tc.format == PagerDuty {
				routing = key
			}
			want, payloadErr := Payload(tc.format, happened(), routing)
			if payloadErr != nil {
				t.Fatal(payloadErr)
			}
			for _, body := range r.bodies {
				if diff := cmp.Diff(string(want), body); diff != "" {
					t.Errorf("Send sent (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// TestNoErrorHasTheAddress, whatever goes wrong, and even if the server repeats it.
func TestNoErrorHasTheAddress(t *testing.T) {
	t.Parallel()
	echo := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		routing := strings.Repeat(key, strings.Count(string(body), key))
		http.Error(w, "no such hook: "+r.URL.RequestURI()+" "+r.URL.Path+" "+r.URL.Query().Get("sig")+" "+routing, http.StatusNotFound)
	}
	_, echoing := serve(t, echo)
	_, redirecting := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://elsewhere.example"+r.URL.RequestURI(), http.StatusTemporaryRedirect)
	})
	_, odd := serve(t, status(301, "", "Location", "http://%zz/hunter2"))
	_, cutting := serve(t, cut)
	tlsServer := httptest.NewUnstartedServer(http.HandlerFunc(status(200, "ok")))
	tlsServer.Config.ErrorLog = log.New(io.Discard, "", 0)
	tlsServer.StartTLS()
	t.Cleanup(tlsServer.Close)
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	for name, server := range map[string]string{
		"echo": echoing, "redirect": redirecting, "odd redirect": odd, "cut": cutting, "certificate": tlsServer.URL,
		"closed": closed.URL, "unknown host": "https://hunter2.invalid", "bad port": "https://hunter2.example:99999",
	} {
		for _, format := range []Format{Slack, PagerDuty} {
			address := server + secretPath + secretQuery
			if format == PagerDuty {
				address += " " + key
			}
			policy, _ := patient()
			// The proxy keeps names from being looked up outside.
			client := httpx.New(httpx.Config{Timeout: 5 * time.Second})
			if strings.Contains(server, "hunter2") {
				client = httpx.New(httpx.Config{Proxy: nowhere})
			}
			err := send(context.Background(), client, Target{format, inputs.NewSecret(address)}, happened(), policy)
			if err == nil {
				t.Errorf("%s: Send to %s succeeds", name, server)
				continue
			}
			if name == "certificate" && strings.Contains(err.Error(), "attempts") {
				t.Errorf("%s: it was tried again: %v", name, err)
			}
			host := strings.TrimPrefix(strings.TrimPrefix(server, "https://"), "http://")
			if strings.Contains(strings.ToLower(err.Error()), "hunter") || strings.Contains(err.Error(), host) ||
				strings.ContainsAny(err.Error(), "\r\n") || len(err.Error()) > 450 {
				t.Errorf("%s: Send's error has something of %s in it: %v", name, address, err)
			}
		}
	}
}

func TestASlowReceiverIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	_, address := serve(t, func(http.ResponseWriter, *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	policy, _ := patient()
	client := httpx.New(httpx.Config{Timeout: 20 * time.Millisecond})
	err := send(context.Background(), client, Target{Slack, inputs.NewSecret(address)}, happened(), policy)
	if err == nil || !strings.Contains(err.Error(), "after 3 attempts: no answer in time") {
		t.Errorf("Send = %v, want no answer in time", err)
	}
}

// TestATryHasTenSeconds, whatever the client is configured with.
func TestATryHasTenSeconds(t *testing.T) {
	t.Parallel()
	_, address := serve(t, status(200, "ok"))
	var left time.Duration
	client := httpx.New(httpx.Config{Timeout: time.Hour, Proxy: func(r *http.Request) (*url.URL, error) {
		if deadline, ok := r.Context().Deadline(); ok {
			left = time.Until(deadline)
		}
		return nil, nil
	}})
	if err := Send(context.Background(), client, Target{Slack, inputs.NewSecret(address)}, happened()); err != nil {
		t.Fatal(err)
	}
	if left <= 0 || left > 10*time.Second {
		t.Errorf("a try ends after %s, want at most 10s", left)
	}
}

func TestCancelEndsSending(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	r, address := serve(t, func(http.ResponseWriter, *http.Request) {
		cancel()
		cut(nil, nil)
	})
	err := Send(ctx, httpx.New(httpx.Config{}), Target{Slack, inputs.NewSecret(address + secretPath)}, happened())
	if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "hunter") || len(r.bodies) != 1 {
		t.Errorf("Send = %v after %d tries, want it cancelled after one", err, len(r.bodies))
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		format  Format
		address string
		want    string // of the error; "" for none
	}{
		"Slack":                   {Slack, "https://hooks.slack.com/services/T/B/x", ""},
		"Teams":                   {Teams, "https://prod-1.westeurope.logic.azure.com:443/workflows/x/triggers/manual/paths/invoke?sig=y", ""},
		"blanks around":           {Generic, " https://x.example/y\n", ""},
		"this machine":            {Generic, "http://127.0.0.1:8080/x", ""},
		"this machine, by name":   {Generic, "http://localhost:8080/x", ""},
		"this machine, v6":        {Generic, "http://[::1]:8080/x", ""},
		"PagerDuty":               {PagerDuty, key, ""},
		"PagerDuty, Europe":       {PagerDuty, "https://events.eu.pagerduty.com/v2/enqueue " + key, ""},
		"PagerDuty, no key":       {PagerDuty, "https://events.eu.pagerduty.com/v2/enqueue", "32 letters"},
		"PagerDuty, odd key":      {PagerDuty, key[1:] + "-", "32 letters"},
		"PagerDuty, unprotected":  {PagerDuty, "http://hunter.example/v2/enqueue " + key, "use https"},
		"PagerDuty, a key before": {PagerDuty, key + " " + key, "not the address"},
		"empty":                   {Slack, " ", "empty"},
		"unprotected":             {Slack, "http://hunter.example/x", "use https"},
		"looks like this machine": {Slack, "http://localhost.hunter.example/x", "use https"},
		"user":                    {Generic, "https://user:hunter2@x.example/", "user name"},
		"no scheme":               {Slack, "hunter.example/services", "not the address"},
		"another scheme":          {Slack, "ftp://hunter.example/services", "not the address"},
		"no host":                 {Slack, "https:///hunter2", "not the address"},
		"only a port":             {Slack, "https://:443/hunter2", "not the address"},
		"two lines":               {Slack, "https://hunter.example/\nhttps://hunter.example/", "not the address"},
		"a blank":                 {Slack, "https://hunter.example/ x", "not the address"},
		"no address":              {Slack, "$(hunterHook)", "not the address"},
		"bad escape":              {Slack, "https://hunter.example/%zz", "not the address"},
		"unknown format":          {"irc\n", "https://hunter.example/", "choose teams"},
		"no format":               {"", "https://hunter.example/", "choose teams"},
	} {
		err := Target{tc.format, inputs.NewSecret(tc.address)}.Check()
		if (err == nil) != (tc.want == "") || err != nil && (!strings.Contains(err.Error(), tc.want) ||
			strings.Contains(err.Error(), "hunter") || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%s: Check of %q = %v, want an error with %q and nothing of the address", name, tc.address, err, tc.want)
		}
		if tc.want != "" {
			policy, _ := patient()
			sent := send(context.Background(), httpx.New(httpx.Config{}), Target{tc.format, inputs.NewSecret(tc.address)}, happened(), policy)
			if sent == nil || sent.Error() != err.Error() {
				t.Errorf("%s: Send to %q = %v, want %v", name, tc.address, sent, err)
			}
		}
	}
	if got := routes(t, key); !slices.Equal(got, []string{"https://events.pagerduty.com/v2/enqueue", key}) {
		t.Errorf("a key alone goes to %q, want the first region", got)
	}
}

func routes(t *testing.T, address string) []string {
	t.Helper()
	to, with, err := Target{PagerDuty, inputs.NewSecret(address)}.parse()
	if err != nil {
		t.Fatal(err)
	}
	return []string{to, with}
}

// TestSendRefusesAnEvent before anything is sent.
func TestSendRefusesAnEvent(t *testing.T) {
	t.Parallel()
	r, address := serve(t, status(200, "ok"))
	err := Send(context.Background(), httpx.New(httpx.Config{}), Target{Slack, inputs.NewSecret(address)}, Event{Kind: Tripped})
	if err == nil || len(r.bodies) > 0 {
		t.Errorf("Send of an event without a key = %v, and %d requests", err, len(r.bodies))
	}
}

// nowhere is a proxy at a port that nothing listens at.
func nowhere(*http.Request) (*url.URL, error) { return url.Parse("http://127.0.0.1:1") }
