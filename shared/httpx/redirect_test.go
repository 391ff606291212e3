package httpx

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// recorder is a server that notes the headers it gets.
func recorder(t *testing.T, seen *http.Header) *httptest.Server {
	t.Helper()
	return serve(t, func(_ http.ResponseWriter, r *http.Request) { *seen = r.Header.Clone() })
}

func credentials() http.Header {
	return http.Header{
		"Authorization": {"Bearer hunter2"}, "Cookie": {"session=hunter2"}, "X-Api-Key": {"hunter2"},
		"Accept": {"text/plain"},
	}
}

func TestRedirectToAnotherHostLosesCredentials(t *testing.T) {
	t.Parallel()
	var seen http.Header
	other := recorder(t, &seen)
	first := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+"/there", http.StatusFound)
	})
	c, _ := impatient(Config{UserAgent: "guardrails/1"})
	_, err := c.Do(context.Background(), Request{URL: first.URL + "/x?sig=hunter2", Header: credentials()})
	if err != nil {
		t.Fatalf("Do: %v", err)
	}
	want := http.Header{"Accept": {"text/plain"}, "Accept-Encoding": {"gzip"}, "User-Agent": {"guardrails/1"}}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("headers at the other host (-want +got):\n%s", diff)
	}
}

func TestRedirectOnTheSameHostKeepsCredentials(t *testing.T) {
	t.Parallel()
	var seen http.Header
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/a" {
			http.Redirect(w, r, "/b", http.StatusFound)
			return
		}
		seen = r.Header.Clone()
	})
	c, _ := impatient(Config{})
	if _, err := c.Do(context.Background(), Request{URL: s.URL + "/a", Header: credentials()}); err != nil {
		t.Fatalf("Do: %v", err)
	}
	for name, value := range credentials() {
		if diff := cmp.Diff(value, seen[name]); diff != "" {
			t.Errorf("%s after a redirect on the same host (-want +got):\n%s", name, diff)
		}
	}
}

func TestRedirectThereAndBackLosesCredentials(t *testing.T) {
	t.Parallel()
	var first *httptest.Server
	var seen http.Header
	other := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, first.URL+"/delete-everything", http.StatusFound)
	})
	first = serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/x" {
			http.Redirect(w, r, other.URL, http.StatusFound)
			return
		}
		seen = r.Header.Clone()
	})
	c, _ := impatient(Config{})
	if _, err := c.Do(context.Background(), Request{URL: first.URL + "/x", Header: credentials()}); err != nil {
		t.Fatalf("Do: %v", err)
	}
	for _, name := range []string{"Authorization", "Cookie", "X-Api-Key"} {
		if seen.Get(name) != "" {
			t.Errorf("the other host made us send %s to the first one", name)
		}
	}
}

func TestRefusedRedirects(t *testing.T) {
	t.Parallel()
	var reached atomic.Int32
	plain := serve(t, func(http.ResponseWriter, *http.Request) { reached.Add(1) })
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, plain.URL, http.StatusFound)
	}))
	t.Cleanup(secure.Close)
	circle := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) })
	away := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, plain.URL, http.StatusTemporaryRedirect)
	})
	for name, tc := range map[string]struct {
		request Request
		want    string
	}{
		"https to http": {Request{URL: secure.URL}, "from https to an unprotected address"},
		"circle":        {Request{URL: circle.URL}, "redirected 10 times"},
		"body to another host": {
			Request{Method: "PUT", URL: away.URL, Body: []byte("hunter2")}, "must not get the body",
		},
	} {
		c, waits := impatient(Config{SkipVerify: true})
		_, err := c.Do(context.Background(), tc.request)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: Do = %v, want an error with %q", name, err, tc.want)
		}
		if len(*waits) > 0 {
			t.Errorf("%s: tried %d times more, want once", name, len(*waits))
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d requests followed a redirect that is refused", n)
	}
}

// net/http quotes an address that it cannot parse, and its query may be a secret.
func TestUnreadableLocationIsNotQuoted(t *testing.T) {
	t.Parallel()
	for _, location := range []string{
		"https://acct.example/c/%zz?sig=hunter2", "https://user:hunter2@acct.example/%zz", "https://hunter2@x/%zz?a=hunter2",
	} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusFound)
		})
		c, _ := impatient(Config{})
		_, err := c.Do(context.Background(), Request{URL: s.URL})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Do with Location %q: %v, want an error without the secret", location, err)
		}
	}
}

// A redirect that leads nowhere is no answer.
func TestRedirectWithoutLocationIsAnError(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusNotModified, http.StatusMultipleChoices, http.StatusFound} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		c, _ := impatient(Config{})
		if r, err := c.Do(context.Background(), Request{URL: s.URL}); err == nil {
			t.Errorf("Do with answer %d: %+v, want an error", status, r)
		}
	}
}

func TestBodyFollowsRedirectOnTheSameHost(t *testing.T) {
	t.Parallel()
	var got []byte
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/a" {
			http.Redirect(w, r, "/b", http.StatusTemporaryRedirect)
			return
		}
		got, _ = io.ReadAll(r.Body)
	})
	c, _ := impatient(Config{})
	if _, err := c.Do(context.Background(), Request{Method: "PUT", URL: s.URL + "/a", Body: []byte("data")}); err != nil {
		t.Fatalf("Do: %v", err)
	}
	if string(got) != "data" {
		t.Errorf("the body after a redirect = %q, want %q", got, "data")
	}
}

// proxyServer is a proxy that wants a password and answers everything itself.
func proxyServer(t *testing.T, asked *atomic.Value) *url.URL {
	t.Helper()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Method + " " + r.RequestURI)
		if r.Header.Get("Proxy-Authorization") != "Basic dXNlcjpodW50ZXIy" { // user:hunter2
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		_, _ = io.WriteString(w, "through the proxy")
	})
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestProxy(t *testing.T) {
	t.Parallel()
	var asked atomic.Value
	proxy := proxyServer(t, &asked)
	withUser := *proxy
	withUser.User = url.UserPassword("user", "hunter2")

	c, _ := impatient(Config{Proxy: http.ProxyURL(&withUser)})
	got, err := c.Do(context.Background(), Request{URL: "http://server.example/x"})
	if err != nil || string(got.Body) != "through the proxy" {
		t.Errorf("Do through a proxy = %v, want its answer", err)
	}
	if want := "GET http://server.example/x"; asked.Load() != want {
		t.Errorf("the proxy was asked %q, want %q", asked.Load(), want)
	}

	c, waits := impatient(Config{Proxy: http.ProxyURL(proxy)})
	_, err = c.Do(context.Background(), Request{URL: "http://server.example/x"})
	var status *StatusError
	if !errors.As(err, &status) || status.Status != http.StatusProxyAuthRequired {
		t.Errorf("Do through a proxy without the password = %v, want status 407", err)
	}
	_, err = c.Do(context.Background(), Request{URL: "https://server.example/x"})
	if err == nil || !strings.Contains(err.Error(), "--proxyusername") {
		t.Errorf("Do https through a proxy without the password = %v, want the way out", err)
	}
	if want := "CONNECT server.example:443"; asked.Load() != want {
		t.Errorf("the proxy was asked %q, want %q", asked.Load(), want)
	}
	if len(*waits) > 0 {
		t.Errorf("tried %d times more with a proxy that wants a password", len(*waits))
	}

	broken := errors.New("hunter2 is no proxy")
	c, _ = impatient(Config{Proxy: func(*http.Request) (*url.URL, error) { return nil, broken }})
	if _, err := c.Do(context.Background(), Request{URL: "http://server.example/x"}); !errors.Is(err, broken) {
		t.Errorf("Do with a proxy function that fails = %v, want its error", err)
	}
}
