package ado

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/shared/adotest"
)

// The server's clock is compared with ours at each answer.
func TestSkew(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		date string
		now  func() time.Time
		want time.Duration
	}{
		"same":     {"Mon, 23 Nov 2026 06:00:00 GMT", func() time.Time { return started.Truncate(time.Second) }, 0},
		"ahead":    {"Mon, 23 Nov 2026 06:10:00 GMT", func() time.Time { return started }, 10*time.Minute - 123456700},
		"behind":   {"Mon, 23 Nov 2026 04:00:00 GMT", func() time.Time { return started.Truncate(time.Second) }, -2 * time.Hour},
		"no clock": {"Mon, 23 Nov 2026 04:00:00 GMT", nil, 0},
		"no date":  {"", func() time.Time { return started }, 0},
		"no time":  {"yesterday", func() time.Time { return started }, 0},
	} {
		l := newLab(t, loop(1), func(c *Config) { c.Now = tc.now })
		dated := func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			w.Header()["Date"] = nil
			if tc.date != "" {
				w.Header().Set("Date", tc.date)
			}
			next.ServeHTTP(w, r)
		}
		l.Fail("", -1, dated)
		if got := l.Skew(); got != 0 {
			t.Errorf("%s: Skew before any answer: %v", name, got)
		}
		if _, err := l.Builds(t.Context(), BuildQuery{Definition: 47}); err != nil {
			t.Fatalf("%s: Builds: %v", name, err)
		}
		if got := l.Skew(); got != tc.want {
			t.Errorf("%s: Skew with the date %q: got %v, want %v", name, tc.date, got, tc.want)
		}
	}
}

// An answer without a list is no empty list.
func TestNoList(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]adotest.Fault{
		"null":    raw("application/json", `{"value":null,"message":"odd"}`),
		"nothing": raw("application/json", `{}`),
		"204":     func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { w.WriteHeader(http.StatusNoContent) },
	} {
		l := newLab(t, loop(1))
		l.Fail("builds", -1, fault)
		l.Fail("pullrequests", -1, fault)
		_, errBuilds := l.Builds(t.Context(), BuildQuery{Definition: 47})
		_, errPulls := l.PullRequests(t.Context(), "config", "", "")
		for what, err := range map[string]error{"Builds": errBuilds, "PullRequests": errPulls} {
			var e *Error
			if !errors.As(err, &e) || e.Reason != "there is no list in the answer" {
				t.Errorf("%s: %s: got %v, want that there is no list", name, what, err)
			}
		}
	}
	l := newLab(t, loop(1))
	l.Fail("builds", -1, raw("application/json", `{"count":0,"value":[]}`))
	if got, err := l.Builds(t.Context(), BuildQuery{Definition: 47}); err != nil || len(got) != 0 {
		t.Errorf("an empty list: got %v, %v, want no error", got, err)
	}
}
