package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/retry"
	"github.com/guardrails-ci/guardrails/tasks/safecache/store"
)

// secret stands in every SAS of these tests, and must stand in no error.
const secret = "hunter2hunter2"

const sas = "sv=2021-12-02&sr=c&sp=rcwdl&se=2026-03-01T12:00:00Z&sig=" + secret

// service starts a server that answers request n, from 0 on, as answer does, and
// returns a container of it that does not wait between attempts.
func service(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, n int)) *Container {
	t.Helper()
	c, _ := patientService(t, answer)
	return c
}

func patientService(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, n int)) (*Container, *[]time.Duration) {
	t.Helper()
	var requests atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer(w, r, int(requests.Add(1))-1)
	}))
	t.Cleanup(s.Close)
	var lock sync.Mutex
	var waits []time.Duration
	policy := retry.Policy{
		Jitter: func(wait time.Duration) time.Duration { return wait },
		Sleep: func(_ context.Context, wait time.Duration) error {
			lock.Lock()
			defer lock.Unlock()
			waits = append(waits, wait)
			return nil
		},
	}
	c := open(t, Config{
		Account: s.URL, Container: "cache", SAS: sas, HTTP: httpx.Config{Retry: policy, Timeout: 2 * time.Second},
	})
	c.parts, c.whole = 4, 6
	return c, &waits
}

// refuse answers as the service does when it refuses.
func refuse(w http.ResponseWriter, status int, code string) {
	if code != "" {
		w.Header().Set("X-Ms-Error-Code", code)
	}
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<?xml version=\"1.0\"?><Error><Code>%s</Code></Error>", code)
}

// part answers a request for a range of the object.
func part(w http.ResponseWriter, r *http.Request, object string) {
	var first, last int
	if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &first, &last); err != nil || first >= len(object) {
		refuse(w, http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
		return
	}
	last = min(last, len(object)-1)
	w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, len(object)))
	w.WriteHeader(http.StatusPartialContent)
	_, _ = io.WriteString(w, object[first:last+1])
}

func cut(t *testing.T, w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	_ = conn.Close()
}

// calls are the methods of a store, each as one that returns an error only.
func calls(ctx context.Context, c *Container) map[string]func() error {
	return map[string]func() error{
		"Get":    func() error { _, err := c.Get(ctx, "v1/x", nil); return err },
		"Put":    func() error { return c.Put(ctx, "v1/x", []byte("tiny")) },
		"blocks": func() error { return c.Put(ctx, "v1/x", []byte("more than six")) },
		"List":   func() error { _, err := c.List(ctx, "v1/"); return err },
		"Delete": func() error { return c.Delete(ctx, "v1/x") },
	}
}

// Every request is asked for in the right way, and says who asks.
func TestRequests(t *testing.T) {
	t.Parallel()
	ids := map[string]bool{}
	var seen []string
	c := service(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		if !strings.HasSuffix(r.URL.RawQuery, sas) || r.Header.Get("Authorization") != "" {
			t.Errorf("%s %s does not prove who asks by the SAS alone", r.Method, r.URL)
		}
		if id := r.Header.Get("X-Ms-Client-Request-Id"); id == "" || ids[id] {
			t.Errorf("%s %s has the request id %q, want one of its own", r.Method, r.URL, id)
		} else {
			ids[id] = true
		}
		if got := r.Header.Get("X-Ms-Version"); got != "2025-11-05" {
			t.Errorf("%s %s has version %q", r.Method, r.URL, got)
		}
		query := strings.TrimSuffix(strings.TrimSuffix(r.URL.RawQuery, sas), "&")
		if id := r.URL.Query().Get("blockid"); id != "" {
			query = "comp=block"
		}
		seen = append(seen, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", r.Method, r.URL.Path, query, r.Header.Get("If-None-Match"))))
		switch r.Method {
		case http.MethodGet:
			if r.URL.Query().Get("comp") == "list" {
				_, _ = io.WriteString(w, "<EnumerationResults/>")
			} else {
				part(w, r, "abc")
			}
		case http.MethodPut:
			w.WriteHeader(http.StatusCreated)
		}
	})
	for _, name := range []string{"Get", "Put", "blocks", "List", "Delete"} {
		if name == "blocks" {
			c.parts = 16 // one block, as the order of several is open
		}
		if err := calls(t.Context(), c)[name](); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	want := []string{
		"GET /cache/v1/x", "PUT /cache/v1/x  *", "PUT /cache/v1/x comp=block", "PUT /cache/v1/x comp=blocklist *",
		"GET /cache restype=container&comp=list&maxresults=5000&prefix=v1%2F", "DELETE /cache/v1/x",
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

type credential func(ctx context.Context) (string, error)

func (k credential) Token(ctx context.Context) (string, error) { return k(ctx) }

func TestToken(t *testing.T) {
	t.Parallel()
	c := service(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		if got := r.Header.Get("Authorization"); got != "Bearer "+secret || r.URL.RawQuery != "" {
			t.Errorf("%s has the header %q and the query %q, want the token and nothing", r.URL, got, r.URL.RawQuery)
		}
		part(w, r, "abc")
	})
	c.query, c.asker = "", asker{credential: token(secret)}
	if got, err := c.Get(t.Context(), "v1/x", nil); err != nil || string(got) != "abc" {
		t.Errorf("Get with a token = %q, %v", got, err)
	}
	refused := errors.New("nobody gives us a token")
	c.asker.credential = credential(func(context.Context) (string, error) { return "", refused })
	var access *AccessError
	if _, err := c.Get(t.Context(), "v1/x", nil); !errors.As(err, &access) || !errors.Is(err, refused) ||
		!strings.Contains(err.Error(), "nobody gives us a token") {
		t.Errorf("Get without a token: error %v, want an *AccessError that says why", err)
	}
}

func TestTroubleThatPasses(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]func(w http.ResponseWriter){
		"408": func(w http.ResponseWriter) { w.WriteHeader(http.StatusRequestTimeout) },
		"429": func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
		},
		"500": func(w http.ResponseWriter) { refuse(w, 500, "InternalError") },
		"503": func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "7")
			refuse(w, 503, "ServerBusy")
		},
		"cut": func(w http.ResponseWriter) { cut(t, w) },
	} {
		for _, call := range []string{"Get", "Put", "List", "Delete"} {
			t.Run(name+" "+call, func(t *testing.T) {
				t.Parallel()
				c, waits := patientService(t, func(w http.ResponseWriter, r *http.Request, n int) {
					switch {
					case n < 2:
						trouble(w)
					case r.URL.Query().Get("comp") == "list":
						_, _ = io.WriteString(w, "<EnumerationResults/>")
					case r.Method == http.MethodGet:
						part(w, r, "abc")
					}
				})
				if err := calls(t.Context(), c)[call](); err != nil {
					t.Errorf("%s after trouble twice: %v", call, err)
				}
				want := []time.Duration{time.Second, 2 * time.Second}
				if name == "429" || name == "503" {
					want = []time.Duration{7 * time.Second, 7 * time.Second}
				}
				if diff := cmp.Diff(want, *waits); diff != "" {
					t.Errorf("waits (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestTroubleThatStays(t *testing.T) {
	t.Parallel()
	for _, status := range []int{429, 500, 503} {
		var requests atomic.Int32
		c := service(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
			requests.Add(1)
			w.Header().Set("X-Ms-Error-Code", "ServerBusy")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "busy with "+secret) // the service does quote what it was asked
		})
		for name, call := range calls(t.Context(), c) {
			if name == "blocks" {
				continue // several of them, until the first one is given up
			}
			requests.Store(0)
			var access *AccessError
			err := call()
			if err == nil || errors.As(err, &access) || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: error %v with status %d, want one that may pass", name, err, status)
			}
			if n := requests.Load(); n != 4 {
				t.Errorf("%s made %d requests with status %d, want 4", name, n, status)
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("%s: error %v holds the signature", name, err)
			}
		}
	}
}

// A Put was done, but the answer was lost, and asking again says: exists.
func TestPutWhoseAnswerWasLost(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		data   string
		code   string
		stolen bool // somebody else made the object
		noHead bool // we may not look
		want   error
	}{
		"ours":                     {"tiny", "BlobAlreadyExists", false, false, nil},
		"ours, by condition":       {"tiny", "ConditionNotMet", false, false, nil},
		"ours, in blocks":          {"more than six", "BlobAlreadyExists", false, false, nil},
		"ours, blocks are used up": {"more than six", "InvalidBlockList", false, false, nil},
		"another's":                {"tiny", "BlobAlreadyExists", true, false, fs.ErrExist},
		"another's, in blocks":     {"more than six", "InvalidBlockList", true, false, fs.ErrExist},
		"no overwriting":           {"tiny", "UnauthorizedBlobOverwrite", true, true, fs.ErrExist},
		"may not look":             {"tiny", "BlobAlreadyExists", true, true, fs.ErrExist},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var made atomic.Value
			c := service(t, func(w http.ResponseWriter, r *http.Request, _ int) {
				_, _ = io.Copy(io.Discard, r.Body)
				switch {
				case r.Method == http.MethodHead && tc.noHead:
					refuse(w, http.StatusForbidden, "AuthorizationPermissionMismatch")
				case r.Method == http.MethodHead:
					w.Header().Set("X-Ms-Meta-Put", made.Load().(string))
				case r.URL.Query().Get("comp") == "block":
					w.WriteHeader(http.StatusCreated)
				case r.Header.Get("If-None-Match") != "*":
					t.Errorf("%s %s without a condition", r.Method, r.URL.Path)
				case made.Load() == nil:
					made.Store(r.Header.Get("X-Ms-Meta-Put"))
					if tc.stolen {
						made.Store("another")
					}
					cut(t, w)
				default:
					refuse(w, http.StatusConflict, tc.code)
				}
			})
			if err := c.Put(t.Context(), "v1/x", []byte(tc.data)); !errors.Is(err, tc.want) || tc.want == nil && err != nil {
				t.Errorf("Put: error %v, want %v", err, tc.want)
			}
		})
	}
}

// The service has lost our blocks, and there is no object: that is not "exists".
func TestPutWhoseBlocksWereLost(t *testing.T) {
	t.Parallel()
	c := service(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		switch {
		case r.Method == http.MethodHead:
			refuse(w, http.StatusNotFound, "BlobNotFound")
		case r.URL.Query().Get("comp") == "blocklist":
			refuse(w, http.StatusBadRequest, "InvalidBlockList")
		}
	})
	if err := c.Put(t.Context(), "v1/x", []byte("more than six")); err == nil || errors.Is(err, fs.ErrExist) {
		t.Errorf("Put: error %v, want one that is not fs.ErrExist", err)
	}
}

func TestGetInParts(t *testing.T) {
	t.Parallel()
	const object = "0123456789abcdefXYZ"
	var conditions atomic.Int32
	c := service(t, func(w http.ResponseWriter, r *http.Request, n int) {
		w.Header().Set("Etag", `"one"`)
		if r.Header.Get("If-Match") == `"one"` {
			conditions.Add(1)
		}
		if n == 2 { // one part is cut in the middle, and asked for again
			w.Header().Set("Content-Length", "4")
			w.WriteHeader(http.StatusPartialContent)
			_, _ = io.WriteString(w, "??")
			return
		}
		part(w, r, object)
	})
	got, err := c.Get(t.Context(), "v1/x", []byte("> "))
	if err != nil || string(got) != "> "+object {
		t.Errorf("Get = %q, %v, want all parts in order", got, err)
	}
	if n := conditions.Load(); n != 5 {
		t.Errorf("%d requests named the version of the first part, want 4 and the repeated one", n)
	}
}

// The object is deleted and put again while it is read.
func TestGetOfAnObjectThatChanges(t *testing.T) {
	t.Parallel()
	for name, changes := range map[string]int32{"once": 1, "all the time": 100} {
		var version atomic.Int32
		c := service(t, func(w http.ResponseWriter, r *http.Request, _ int) {
			if r.Header.Get("If-Match") == "" {
				version.Add(1)
			} else if version.Load() <= changes {
				refuse(w, http.StatusPreconditionFailed, "ConditionNotMet")
				return
			}
			w.Header().Set("Etag", fmt.Sprintf(`"%d"`, version.Load()))
			part(w, r, "0123456789")
		})
		got, err := c.Get(t.Context(), "v1/x", nil)
		if name == "once" && (err != nil || string(got) != "0123456789") {
			t.Errorf("%s: Get = %q, %v, want the new object", name, got, err)
		}
		if name != "once" && (err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist)) {
			t.Errorf("%s: Get = %q, %v, want an error that may pass", name, got, err)
		}
	}
}

func TestAnswersThatAreWrong(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"whole object":    func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "whole") },
		"no size":         func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(206); _, _ = io.WriteString(w, "abc") },
		"size of nothing": rangeAnswer("bytes 0-3/0", "abcd"),
		"negative size":   rangeAnswer("bytes 0-3/-4", "abcd"),
		"size unknown":    rangeAnswer("bytes 0-3/*", "abcd"),
		"too large":       rangeAnswer("bytes 0-3/999999999999", "abcd"),
		"short":           rangeAnswer("bytes 0-3/4", "abc"),
		"long":            rangeAnswer("bytes 0-3/4", "abcde"),
		"no version":      rangeAnswer("bytes 0-3/9", "abcd"),
		"larger than any": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 0-3/4")
			w.WriteHeader(206)
			_, _ = io.Copy(w, io.LimitReader(zeros{}, store.MaxObject+1))
		},
	} {
		c := service(t, func(w http.ResponseWriter, r *http.Request, _ int) { answer(w, r) })
		got, err := c.Get(t.Context(), "v1/x", []byte("kept"))
		if err == nil || string(got) != "kept" || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: Get = %.20q, %v, want an error and the buffer as it was", name, got, err)
		}
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func rangeAnswer(contentRange, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Range", contentRange)
		w.WriteHeader(http.StatusPartialContent)
		_, _ = io.WriteString(w, body)
	}
}

// The service falls silent in the middle; the next attempt succeeds.
func TestSilentService(t *testing.T) {
	t.Parallel()
	c := service(t, func(w http.ResponseWriter, r *http.Request, n int) {
		if n > 0 {
			part(w, r, "abc")
			return
		}
		w.Header().Set("Content-Range", "bytes 0-2/3")
		w.Header().Set("Content-Length", "3")
		w.WriteHeader(http.StatusPartialContent)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done() // until we hang up
	})
	if got, err := c.Get(t.Context(), "v1/x", nil); err != nil || !bytes.Equal(got, []byte("abc")) {
		t.Errorf("Get of a silent service = %q, %v, want the object by the second request", got, err)
	}
}

func TestUnknownHost(t *testing.T) {
	t.Parallel()
	c := open(t, Config{Account: "nosuchaccount", Container: "cache", SAS: sas})
	err := c.explain("reading", "v1/x", fmt.Errorf("GET: %w", &net.DNSError{Err: "no such host", IsNotFound: true}))
	var access *AccessError
	if !errors.As(err, &access) || !strings.Contains(err.Error(), "check the name of the storage account") {
		t.Errorf("error of an unknown host: %v, want an *AccessError with the fix", err)
	}
}
