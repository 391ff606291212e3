package database

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/tasks/auditdeps/osvtest"
)

// openOffline opens a database of a folder with these records of npm, to be topped up.
func openOffline(t *testing.T, records ...string) *Database {
	t.Helper()
	return setup(t, put(t, osvtest.New(records...).Zip("npm"), t.TempDir(), "all.zip")).open(t, "npm")
}

func TestTopUp(t *testing.T) {
	t.Parallel()
	offline := []string{osv("A-1", "minimist", "1.2.6", 2*aDay), osv("A-2", "minimist", "1.2.6", 2*aDay)}
	s := osvtest.New(offline...)
	s.Set("npm", "A-2", osv("A-2", "minimist", "1.2.7", aDay))
	s.Set("npm", "A-3", osv("A-3", "minimist", "1.2.8", 0))
	s.Set("npm", "A-4", osv("A-4", "minimist", "1.0.0", 0)) // not of this version
	s.Set("PyPI", "B-1", osvOf("PyPI", "B-1", "Some.Name", "2.0", 0))
	db := openOffline(t, offline...)
	packages := []Package{
		{"npm", "minimist", "1.2.5"}, {"npm", "minimist", "1.2.5"}, {"npm", "minimist", "1.2.4"}, {"npm", "express", "1.0.0"},
		{"PyPI", "some_name", "1.0"},
	}
	added, err := db.TopUp(context.Background(), serve(t, s), packages)
	if err != nil || added != 3 {
		t.Fatalf("TopUp: %d, %v, want 3 new records", added, err)
	}
	for _, a := range wantIDs(t, db, "npm", "minimist", "A-1", "A-2", "A-3") {
		if a.ID == "A-2" && a.Ranges[0].Fixed != "1.2.7" {
			t.Errorf("A-2 is mended in %s, want what the API says: 1.2.7", a.Ranges[0].Fixed)
		}
	}
	wantIDs(t, db, "npm", "express")
	got := s.Requests()
	slices.Sort(got)
	want := []string{"GET /v1/vulns/A-2", "GET /v1/vulns/A-3", "GET /v1/vulns/B-1", "POST /v1/querybatch"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if _, err := db.Lookup("PyPI", "some-name"); err == nil {
		t.Error("Lookup in an ecosystem that is not open: no error")
	}
}

func TestTopUpPages(t *testing.T) {
	t.Parallel()
	for name, empty := range map[string]bool{"pages": false, "pages with a token only": true} {
		s := osvtest.New()
		s.PageSize, s.EmptyPages = 2, empty
		var want []string
		for i := range 7 {
			want = append(want, fmt.Sprint("A-", i))
			s.Set("npm", want[i], osv(want[i], "many", "2.0.0", 0))
		}
		s.Set("npm", "B-1", osv("B-1", "last", "2.0.0", 0))
		db := openOffline(t, osv("A-0", "other", "1.2.6", aDay))
		packages := []Package{{"npm", "many", "1.0.0"}, {"npm", "last", "1.0.0"}}
		for i := range 2*maxQueries - 1 {
			packages = append(packages, Package{"npm", fmt.Sprint("package-", i), "1.0.0"})
		}
		added, err := db.TopUp(context.Background(), serve(t, s), packages)
		if err != nil || added != 8 {
			t.Fatalf("%s: TopUp: %d, %v, want 8", name, added, err)
		}
		wantIDs(t, db, "npm", "many", want...)
		wantIDs(t, db, "npm", "last", "B-1")
	}
}

func TestTopUpFails(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		path  string // of the requests that fail
		fault osvtest.Fault
		want  string
	}{
		"429":               {"/v1/querybatch", osvtest.Fault{Status: 429, RetryAfter: "1"}, "after 3 attempts"},
		"500":               {"/v1/querybatch", osvtest.Fault{Status: 500}, "after 3 attempts"},
		"400":               {"/v1/querybatch", osvtest.Fault{Status: 400}, "400 Bad Request"},
		"truncated":         {"/v1/querybatch", osvtest.Fault{Truncate: true}, "after 3 attempts"},
		"a login page":      {"/v1/querybatch", osvtest.Fault{Page: true}, "not the expected JSON"},
		"record 404":        {"/v1/vulns/A-2", osvtest.Fault{Status: 404}, "404 Not Found"},
		"record 503":        {"/v1/vulns/A-2", osvtest.Fault{Status: 503}, "after 3 attempts"},
		"record truncated":  {"/v1/vulns/A-2", osvtest.Fault{Truncate: true}, "after 3 attempts"},
		"record login page": {"/v1/vulns/A-2", osvtest.Fault{Page: true}, "record A-2 cannot be understood"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := osvtest.New(osv("A-1", "minimist", "1.2.6", 0), osv("A-2", "minimist", "1.2.6", 0))
			s.Fault = func(r *http.Request) osvtest.Fault {
				if r.URL.Path == tc.path {
					return tc.fault
				}
				return osvtest.Fault{}
			}
			db := openOffline(t, osv("B-1", "minimist", "1.2.6", aDay))
			topUpRefused(t, db, serve(t, s), tc.want)
		})
	}
}

func topUpRefused(t *testing.T, db *Database, api, want string) {
	t.Helper()
	added, err := db.TopUp(context.Background(), api, []Package{{"npm", "minimist", "1.2.5"}})
	var known *Error
	if !errors.As(err, &known) || known.Fix == "" || added != 0 || !strings.Contains(known.Error(), want) {
		t.Errorf("TopUp: %d, %v, want an Error with a fix that says %q", added, err, want)
	}
	wantIDs(t, db, "npm", "minimist", "B-1") // no part of an answer
}

// What the API answers is as little to be trusted as anything.
func TestTopUpHostile(t *testing.T) {
	t.Parallel()
	const one = `{"results":[{"vulns":[{"id":"A-1","modified":"2026-06-01T00:00:00Z"}]}]}`
	var many []string
	for i := range maxDetails + 1 {
		many = append(many, fmt.Sprintf(`{"id":"A-%d"}`, i))
	}
	for name, tc := range map[string]struct{ batch, record, want string }{
		"too many records":  {`{"results":[{"vulns":[` + strings.Join(many, ",") + `]}]}`, "", "more than 20000"},
		"no results":        {`{}`, "", "asked about 1 packages, and answered about 0"},
		"too many results":  {`{"results":[{},{}]}`, "", "answered about 2"},
		"an id of a path":   {`{"results":[{"vulns":[{"id":"../../x"}]}]}`, "", "which is no id"},
		"no id":             {`{"results":[{"vulns":[{}]}]}`, "", "which is no id"},
		"the same page":     {`{"results":[{"next_page_token":"x"}]}`, "", "the same page again"},
		"another record":    {one, osv("A-2", "minimist", "1.2.6", 0), "it is record A-2"},
		"another package":   {one, osv("A-1", "express", "1.2.6", 0), "which the record says nothing of"},
		"a broken record":   {one, `{"id":"A-1","affected":7}`, "record A-1 cannot be understood"},
		"no record":         {one, `{}`, "record A-1 cannot be understood"},
		"not even a number": {`[]`, "", "not the expected JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost {
					_, _ = w.Write([]byte(tc.batch))
					return
				}
				_, _ = w.Write([]byte(tc.record))
			}))
			t.Cleanup(web.Close)
			topUpRefused(t, openOffline(t, osv("B-1", "minimist", "1.2.6", aDay)), web.URL, tc.want)
		})
	}
}

// A token that changes for ever is an end, too.
func TestTopUpEndlessPages(t *testing.T) {
	t.Parallel()
	pages := 0
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pages++
		_, _ = fmt.Fprintf(w, `{"results":[{"next_page_token":"%d"}]}`, pages)
	}))
	t.Cleanup(web.Close)
	topUpRefused(t, openOffline(t, osv("B-1", "minimist", "1.2.6", aDay)), web.URL, "more than 100 pages")
}

// A record that was withdrawn between the two requests is none.
func TestTopUpWithdrawn(t *testing.T) {
	t.Parallel()
	s := osvtest.New(osv("A-1", "minimist", "1.2.6", 0))
	s.Fault = func(r *http.Request) osvtest.Fault {
		if r.Method == http.MethodGet {
			s.Set("npm", "A-1", strings.Replace(osv("A-1", "minimist", "1.2.6", 0), "{", `{"withdrawn":"2026-01-01T00:00:00Z",`, 1))
		}
		return osvtest.Fault{}
	}
	db := openOffline(t, osv("B-1", "minimist", "1.2.6", aDay))
	added, err := db.TopUp(context.Background(), serve(t, s), []Package{{"npm", "minimist", "1.2.5"}})
	if err != nil || added != 0 {
		t.Errorf("TopUp: %d, %v, want 0", added, err)
	}
	wantIDs(t, db, "npm", "minimist", "B-1")
}

func TestTopUpAddress(t *testing.T) {
	t.Parallel()
	db := openOffline(t, osv("B-1", "minimist", "1.2.6", aDay))
	for _, api := range []string{"", "http://api.example", "https://u:p@api.example"} {
		topUpRefused(t, db, api, "the advisories' API")
	}
}

func TestTopUpCancelled(t *testing.T) {
	t.Parallel()
	s := osvtest.New(osv("A-1", "minimist", "1.2.6", 0))
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	s.Fault = func(*http.Request) osvtest.Fault { return osvtest.Fault{Stall: true} }
	db := openOffline(t, osv("B-1", "minimist", "1.2.6", aDay))
	if _, err := db.TopUp(ctx, serve(t, s), []Package{{"npm", "minimist", "1.2.5"}}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("TopUp that is cut off: %v, want %v", err, context.DeadlineExceeded)
	}
}
