package httpx

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/retry"
)

// serve starts a server that is closed with the test.
func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// impatient returns a Client that never really waits between attempts, and where
// the waits are noted.
func impatient(c Config) (*Client, *[]time.Duration) {
	waits := &[]time.Duration{}
	c.Retry.Jitter = func(d time.Duration) time.Duration { return d }
	c.Retry.Sleep = func(_ context.Context, d time.Duration) error {
		*waits = append(*waits, d)
		return nil
	}
	return New(c), waits
}

func TestDo(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Answer", "42")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, "%s %s %s %q %s", r.Method, r.URL.RequestURI(), r.Header.Get("X-Ask"), body, r.UserAgent())
	})
	c, _ := impatient(Config{UserAgent: "guardrails/1"})
	got, err := c.Do(context.Background(), Request{
		Method: "POST", URL: s.URL + "/a?b=c", Header: http.Header{"X-Ask": {"why"}}, Body: []byte("hello"),
	})
	if err != nil {
		t.Fatalf("Do: %v", err)
	}
	if got.Status != 201 || got.Header.Get("X-Answer") != "42" {
		t.Errorf("Do = status %d, header %v", got.Status, got.Header)
	}
	if want := `POST /a?b=c why "hello" guardrails/1`; string(got.Body) != want {
		t.Errorf("the server got %s, want %s", got.Body, want)
	}
}

func TestStatusErrors(t *testing.T) {
	t.Parallel()
	const text = "text/plain"
	long := strings.Repeat("é", 200)
	for name, tc := range map[string]struct {
		status   int
		kind     string
		body     string
		attempts int
		want     string
	}{
		"401":         {401, text, "TF400813: not authorized\nstack trace", 1, "401 Unauthorized: TF400813: not authorized"},
		"403":         {403, text, "", 1, "403 Forbidden"},
		"404":         {404, "application/json", `{"m":"no hunter2"}`, 1, `404 Not Found: {"m":"no ***"}`},
		"HTML":        {404, "text/html; charset=utf-8", "<!DOCTYPE html>\n<p>", 1, "404 Not Found: (a web page)"},
		"408":         {408, text, "", 4, "408 Request Timeout"},
		"429":         {429, text, "slow down", 4, "429 Too Many Requests: slow down"},
		"500":         {500, text, "", 4, "500 Internal Server Error"},
		"501":         {501, text, "", 1, "501 Not Implemented"},
		"502":         {502, text, "", 4, "502 Bad Gateway"},
		"503":         {503, text, "", 4, "503 Service Unavailable"},
		"504":         {504, text, "", 4, "504 Gateway Timeout"},
		"command":     {400, text, "##vso[task.complete]", 1, "400 Bad Request: **vso[task.complete]"},
		"bare CR":     {400, text, "a\r##[error]b", 1, "400 Bad Request: a"},
		"escape code": {400, text, "a\x1b[31mb\x00", 1, "400 Bad Request: a[31mb"},
		"long":        {400, text, long + "more", 1, "400 Bad Request: " + long + "..."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var attempts atomic.Int32
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				attempts.Add(1)
				w.Header().Set("Content-Type", tc.kind)
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, tc.body)
			})
			secrets := new(redact.Set)
			secrets.Add("hunter2")
			c, waits := impatient(Config{Secrets: secrets})
			_, err := c.Do(context.Background(), Request{URL: s.URL + "/x?sig=abc&api-version=7.1"})
			var status *StatusError
			if !errors.As(err, &status) || status.Status != tc.status {
				t.Fatalf("Do = %v, want a *StatusError with %d", err, tc.status)
			}
			want := "GET " + s.URL + "/x?sig=***&api-version=7.1: " + tc.want
			if status.Error() != want {
				t.Errorf("error text:\n got %s\nwant %s", status, want)
			}
			if n := int(attempts.Load()); n != tc.attempts || len(*waits) != n-1 {
				t.Errorf("%d attempts and %d waits, want %d attempts", n, len(*waits), tc.attempts)
			}
		})
	}
}

func TestRetry(t *testing.T) {
	t.Parallel()
	const noon = "Wed, 30 Sep 2026 12:00"
	doubling, seven := []time.Duration{time.Second, 2 * time.Second}, []time.Duration{7 * time.Second, 7 * time.Second}
	for name, tc := range map[string]struct {
		request  Request
		header   http.Header
		attempts int32
		waits    []time.Duration
	}{
		"GET":              {Request{}, nil, 3, doubling},
		"PUT":              {Request{Method: "PUT", Body: []byte("x")}, nil, 3, doubling},
		"POST":             {Request{Method: "POST", Body: []byte("x")}, nil, 1, nil},
		"POST, idempotent": {Request{Method: "POST", Idempotent: true}, nil, 3, doubling},
		"Retry-After":      {Request{}, http.Header{"Retry-After": {"7"}}, 3, seven},
		"too long":         {Request{}, http.Header{"Retry-After": {"3600"}}, 1, nil},
		"milliseconds": {
			Request{}, http.Header{"Retry-After-Ms": {"250"}, "Retry-After": {"9"}}, 3,
			[]time.Duration{250 * time.Millisecond, 250 * time.Millisecond},
		},
		"date": {
			Request{}, http.Header{"Retry-After": {noon + ":05 GMT"}, "Date": {noon + ":00 GMT"}}, 3,
			[]time.Duration{5 * time.Second, 5 * time.Second},
		},
		"date in the past": {
			Request{}, http.Header{"Retry-After": {noon + ":00 GMT"}, "Date": {noon + ":05 GMT"}}, 3,
			doubling,
		},
		"garbled": {Request{}, http.Header{"Retry-After": {"-5"}}, 3, doubling},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var attempts atomic.Int32
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if body, _ := io.ReadAll(r.Body); !bytes.Equal(body, tc.request.Body) {
					t.Errorf("attempt %d has the body %q, want %q", attempts.Load()+1, body, tc.request.Body)
				}
				if attempts.Add(1) == 3 {
					return
				}
				for key, value := range tc.header {
					w.Header()[key] = value
				}
				w.WriteHeader(http.StatusServiceUnavailable)
			})
			c, waits := impatient(Config{})
			tc.request.URL = s.URL
			_, err := c.Do(context.Background(), tc.request)
			if n := attempts.Load(); n != tc.attempts || (err == nil) != (n == 3) {
				t.Errorf("Do = %v after %d attempts, want %d attempts and success with the third", err, n, tc.attempts)
			}
			if diff := cmp.Diff(tc.waits, append([]time.Duration(nil), *waits...)); diff != "" {
				t.Errorf("waits (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBrokenConnections(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"closed at once": "",
		"not HTTP":       "SSH-2.0-OpenSSH_9 ##vso[a.b]\r\n",
		"cut body":       "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var attempts atomic.Int32
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if attempts.Add(1) == 3 {
					_, _ = io.WriteString(w, "whole")
					return
				}
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.WriteString(conn, answer)
				_ = conn.Close()
			})
			c, _ := impatient(Config{Retry: retry.Policy{Attempts: 2}})
			_, err := c.Do(context.Background(), Request{URL: s.URL})
			if err == nil || !strings.Contains(err.Error(), "GET "+s.URL+": ") || strings.Contains(err.Error(), "##vso[") {
				t.Errorf("Do = %v, want an error that names the request and holds no command", err)
			}
			got, err := c.Do(context.Background(), Request{URL: s.URL})
			if err != nil || string(got.Body) != "whole" {
				t.Errorf("Do = %+v, %v, want the answer of the third attempt", got, err)
			}
		})
	}
}

func TestSilence(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]func(w http.ResponseWriter){
		"no header": func(http.ResponseWriter) {},
		"half a body": func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
		},
		"half an error": func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, "why")
			_ = http.NewResponseController(w).Flush()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				before(w)
				<-r.Context().Done() // silent until the client gives up
			})
			c, _ := impatient(Config{Timeout: 50 * time.Millisecond, Retry: retry.Policy{Attempts: 1}})
			_, err := c.Do(context.Background(), Request{URL: s.URL})
			if err == nil {
				t.Fatal("Do with a silent server: no error")
			}
			if name == "half an error" {
				if want := "GET " + s.URL + ": 400 Bad Request: why"; err.Error() != want {
					t.Errorf("Do = %v, want %s", err, want)
				}
				return
			}
			if !strings.Contains(err.Error(), "no answer in time") && !errors.Is(err, errSilent) {
				t.Errorf("Do = %v, want an error that says that nothing came", err)
			}
		})
	}
}

func TestServerThatTakesNoBody(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0") // nobody accepts
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	c, _ := impatient(Config{Timeout: 50 * time.Millisecond, Retry: retry.Policy{Attempts: 1}})
	target := "http://" + l.Addr().String()
	_, err = c.Do(context.Background(), Request{Method: "POST", URL: target, Body: make([]byte, 32<<20)})
	if !errors.Is(err, errSilent) {
		t.Errorf("Do with a server that takes nothing = %v, want %v", err, errSilent)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	var attempts atomic.Int32
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		attempts.Add(1)
		cancel()
		<-r.Context().Done()
	})
	c, _ := impatient(Config{})
	if _, err := c.Do(ctx, Request{URL: s.URL}); !errors.Is(err, context.Canceled) {
		t.Errorf("Do = %v, want %v", err, context.Canceled)
	}
	if n := attempts.Load(); n != 1 {
		t.Errorf("%d attempts, want none after the cancel", n)
	}
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		size    int
		chunked bool
		gzipped bool
		good    bool
	}{
		"at the limit":       {size: 1000, good: true},
		"over, announced":    {size: 1001},
		"over, chunked":      {size: 1001, chunked: true},
		"compressed bomb":    {size: 1 << 20, gzipped: true},
		"compressed, little": {size: 1000, gzipped: true, good: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var attempts atomic.Int32
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				attempts.Add(1)
				body := bytes.Repeat([]byte("x"), tc.size)
				if tc.gzipped {
					w.Header().Set("Content-Encoding", "gzip")
					z := gzip.NewWriter(w)
					_, _ = z.Write(body)
					_ = z.Close()
					return
				}
				if tc.chunked {
					_ = http.NewResponseController(w).Flush()
				}
				_, _ = w.Write(body)
			})
			c, _ := impatient(Config{MaxBody: 1000})
			got, err := c.Do(context.Background(), Request{URL: s.URL})
			if tc.good {
				if err != nil || len(got.Body) != tc.size {
					t.Errorf("Do of %d bytes: %v", tc.size, err)
				}
				return
			}
			if want := "GET " + s.URL + ": the answer is larger than 1000 bytes"; err == nil || err.Error() != want {
				t.Errorf("Do of %d bytes = %v, want %s", tc.size, err, want)
			}
			if n := attempts.Load(); n != 1 {
				t.Errorf("%d attempts, want 1: the answer will not get smaller", n)
			}
		})
	}
}

func TestHeadOfSomethingLarge(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "5000") })
	c, _ := impatient(Config{MaxBody: 1000})
	got, err := c.Do(context.Background(), Request{Method: "HEAD", URL: s.URL})
	if err != nil || got.Header.Get("Content-Length") != "5000" {
		t.Errorf("Do(HEAD) = %+v, %v, want the header", got, err)
	}
}

func TestBadAddress(t *testing.T) {
	t.Parallel()
	c, _ := impatient(Config{})
	for _, target := range []string{
		"", "hunter2", "ftp://hunter2/x", "https://", "http://hunter2\x00/", "//hunter2/x", "file:///hunter2",
	} {
		_, err := c.Do(context.Background(), Request{URL: target})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Do(%q) = %v, want an error without the address", target, err)
		}
	}
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	var attempts atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { attempts.Add(1) }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // it will complain about our first attempt
	s.StartTLS()
	t.Cleanup(s.Close)

	c, waits := impatient(Config{})
	_, err := c.Do(context.Background(), Request{URL: s.URL})
	if err == nil || !strings.Contains(err.Error(), "--sslcacert") || len(*waits) > 0 {
		t.Errorf("Do with an unknown authority = %v after %d waits, want the way out, at once", err, len(*waits))
	}
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	pool, err := CAPool(authority)
	if err != nil {
		t.Fatalf("CAPool: %v", err)
	}
	c, _ = impatient(Config{RootCAs: pool})
	if _, err := c.Do(context.Background(), Request{URL: s.URL}); err != nil {
		t.Errorf("Do with the authority in the pool: %v", err)
	}
	c, _ = impatient(Config{SkipVerify: true})
	if _, err := c.Do(context.Background(), Request{URL: s.URL}); err != nil {
		t.Errorf("Do with SkipVerify: %v", err)
	}
	if n := attempts.Load(); n != 2 {
		t.Errorf("%d requests reached the server, want 2: none over an unverified connection", n)
	}
	if _, err := CAPool([]byte("garbage")); err == nil {
		t.Error("CAPool of garbage: no error")
	}
	system, err := x509.SystemCertPool()
	if err != nil {
		t.Fatal(err)
	}
	if system.AddCert(s.Certificate()); !system.Equal(pool) {
		t.Error("CAPool is not the system's authorities and the given one")
	}
}

func TestPlainServerOnTLSPort(t *testing.T) {
	t.Parallel()
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	c, waits := impatient(Config{})
	_, err := c.Do(context.Background(), Request{URL: strings.Replace(s.URL, "http:", "https:", 1)})
	if err == nil || len(*waits) > 0 {
		t.Errorf("Do over TLS with a server that has none = %v after %d waits, want an error at once", err, len(*waits))
	}
}

func TestRedactURL(t *testing.T) {
	t.Parallel()
	secrets := new(redact.Set)
	secrets.Add("hunter2")
	c := New(Config{Secrets: secrets, ShowQuery: []string{"project"}})
	for in, want := range map[string]string{
		"https://host/a/b":                              "https://host/a/b",
		"https://user:pw@host/a":                        "https://***@host/a",
		"https://token@host/a":                          "https://***@host/a",
		"https://host/a?sig=abc":                        "https://host/a?sig=***",
		"https://host/a?api-version=7.1&x=1&y":          "https://host/a?api-version=7.1&x=***&***",
		"https://host/a?API-Version=7.1":                "https://host/a?API-Version=7.1",
		"https://host/a?project=p&api-version=":         "https://host/a?project=p&api-version=",
		"https://host/a?page=hunter2":                   "https://host/a?page=***",
		"https://host/hunter2/x":                        "https://host/***/x",
		"https://host/a#token=x":                        "https://host/a",
		"https://host/a?%zz=1":                          "https://host/a?***",
		"https://host/?page=" + strings.Repeat("x", 61): "https://host/?page=***",
		"https://host/%23%23vso[x]":                     "https://host/%23%23vso[x]",
	} {
		u, err := url.Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.RedactURL(u); got != want {
			t.Errorf("RedactURL(%q) = %q, want %q", in, got, want)
		}
	}
}
