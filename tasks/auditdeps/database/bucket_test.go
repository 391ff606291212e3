package database

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/tasks/auditdeps/osvtest"
)

func wantRequests(t *testing.T, s *osvtest.Server, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, s.Requests()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	s.Forget()
}

func TestBucket(t *testing.T) {
	t.Parallel()
	s := osvtest.New(osv("A-1", "minimist", "1.2.6", 2*aDay))
	f := setup(t, serve(t, s))
	db := f.open(t, "npm")
	wantIDs(t, db, "npm", "minimist", "A-1")
	wantRequests(t, s, "GET /npm/all.zip", "GET /npm/modified_id.csv", "GET /modified_id.csv")

	f.Now = func() time.Time { return today.Add(59 * time.Minute) }
	wantIDs(t, f.open(t, "npm"), "npm", "minimist", "A-1")
	wantRequests(t, s) // it is fresh enough

	f.Now = func() time.Time { return today.Add(time.Hour) }
	s.Set("npm", "A-2", osv("A-2", "minimist", "2.0.0", 0))
	s.Set("npm", "A-1", osv("A-1", "lodash", "2.0.0", 0))
	db = f.open(t, "npm")
	wantIDs(t, db, "npm", "minimist", "A-2")
	wantIDs(t, db, "npm", "lodash", "A-1")
	if info := db.Infos()[0]; info.Records != 2 || !info.AsOf.Equal(today) {
		t.Errorf("Infos after changes: %+v, want 2 records as of today", info)
	}
	if got := s.Requests(); len(got) != 4 || got[0] != "GET /npm/modified_id.csv" {
		t.Errorf("requests: %q, want the changes, two records, and the bucket's changes", got)
	}

	s.Forget()
	f.Now = func() time.Time { return today.Add(2 * time.Hour) }
	wantIDs(t, f.open(t, "npm"), "npm", "minimist", "A-2")
	wantRequests(t, s, "GET /npm/modified_id.csv", "GET /modified_id.csv")
	f.open(t, "npm")
	wantRequests(t, s)
}

// A withdrawn record goes, one that is not understood any more stays as it was.
func TestChangedRecords(t *testing.T) {
	t.Parallel()
	s := osvtest.New(osv("A-1", "minimist", "1.2.6", 2*aDay), osv("A-2", "minimist", "1.2.6", 2*aDay))
	for i := range 200 {
		s.Set("npm", fmt.Sprint("B-", i), osv(fmt.Sprint("B-", i), "a", "2.0.0", 2*aDay))
	}
	f := setup(t, serve(t, s))
	f.Refresh = 0
	f.open(t, "npm")
	s.Set("npm", "A-1", strings.Replace(osv("A-1", "minimist", "1.2.6", aDay), "{", `{"withdrawn":"2026-01-01T00:00:00Z",`, 1))
	s.Set("npm", "A-2", strings.Replace(osv("A-2", "minimist", "1.2.6", aDay), `"events":[`, `"events":[7,`, 1))
	db := f.open(t, "npm")
	wantIDs(t, db, "npm", "minimist", "A-2")
	f.wantPrinted(t, "1 of these records cannot be understood and are not looked at: A-2")
	s.Set("npm", "A-2", osv("A-2", "minimist", "1.2.6", 0))
	if info := f.open(t, "npm").Infos()[0]; info.Bad != 0 || len(info.BadNames) != 0 {
		t.Errorf("Infos after it is mended: %+v, want no bad record", info)
	}
	s.Set("npm", "A-2", osv("A-3", "minimist", "1.2.6", 0)) // another one's
	s.Set("npm", "A-4", osv("A-5", "minimist", "1.2.6", 0))
	wantIDs(t, f.open(t, "npm"), "npm", "minimist", "A-2")
}

func TestWholeAgain(t *testing.T) {
	t.Parallel()
	change := func(s *osvtest.Server, n int) {
		for i := range n {
			s.Set("npm", fmt.Sprint("B-", i), osv(fmt.Sprint("B-", i), "many", "2.0.0", 0))
		}
	}
	for name, tc := range map[string]struct {
		do    func(s *osvtest.Server)
		after time.Duration
		want  bool
	}{
		"few changes":       {func(s *osvtest.Server) { change(s, maxChanges) }, aDay, false},
		"too many changes":  {func(s *osvtest.Server) { change(s, maxChanges+1) }, aDay, true},
		"once in a while":   {func(s *osvtest.Server) { change(s, 1) }, wholeEvery, true},
		"a record is gone":  {func(s *osvtest.Server) { s.Remove("npm", "A-1"); change(s, 1) }, aDay, true},
		"an id of a path":   {func(s *osvtest.Server) { s.Set("npm", "../x", osv("A-9", "a", "2.0.0", 0)) }, aDay, true},
		"too late a change": {func(s *osvtest.Server) { s.Set("npm", "A-9", osv("A-9", "a", "2.0.0", -9*aDay)) }, aDay, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := osvtest.New(osv("A-1", "minimist", "1.2.6", 3*aDay), osv("A-2", "minimist", "1.2.6", 2*aDay))
			if name == "a record is gone" {
				s = osvtest.New(osv("A-1", "minimist", "1.2.6", 3*aDay)) // then nothing in the list is as old
			}
			f := setup(t, serve(t, s))
			f.MaxAge = 0
			f.open(t, "npm")
			s.Forget()
			tc.do(s)
			f.Now = func() time.Time { return today.Add(tc.after) }
			info := f.open(t, "npm").Infos()[0]
			got := strings.Contains(strings.Join(s.Requests(), "\n"), "all.zip")
			if got != tc.want {
				t.Errorf("the whole was asked for: %v, want %v; requests: %q", got, tc.want, s.Requests())
			}
			if strings.Contains(strings.Join(s.Requests(), "\n"), "x.json") {
				t.Errorf("a path was asked for: %q", s.Requests())
			}
			if info.AsOf.After(today.Add(tc.after)) || info.Newest.After(today.Add(tc.after)) {
				t.Errorf("it is as of %v, which has not come yet", info.AsOf)
			}
		})
	}
}

// Without the list of changes, which mirrors may not have, the zip is asked for again if
// it is another one; and then its age is that of its newest record.
func TestMirrorOfTheZipAlone(t *testing.T) {
	t.Parallel()
	s := osvtest.New(osv("A-1", "minimist", "1.2.6", 2*aDay))
	s.Fault = func(r *http.Request) osvtest.Fault {
		if strings.HasSuffix(r.URL.Path, ".csv") {
			return osvtest.Fault{Status: 404}
		}
		return osvtest.Fault{}
	}
	f := setup(t, serve(t, s))
	if info := f.open(t, "npm").Infos()[0]; !info.AsOf.Equal(today.Add(-2 * aDay)) {
		t.Errorf("it is as of %v, want two days ago", info.AsOf)
	}
	s.Forget()
	fault, tags := s.Fault, []string{}
	s.Fault = func(r *http.Request) osvtest.Fault {
		if strings.HasSuffix(r.URL.Path, ".zip") {
			tags = append(tags, r.Header.Get("If-None-Match"))
		}
		return fault(r)
	}
	later := today.Add(5 * aDay)
	f.Now = func() time.Time { return later }
	wantIDs(t, f.open(t, "npm"), "npm", "minimist", "A-1")
	wantRequests(t, s, "GET /npm/modified_id.csv", "GET /npm/all.zip", "GET /npm/modified_id.csv", "GET /modified_id.csv")
	f.open(t, "npm")
	wantRequests(t, s) // that it has not changed is remembered
	if len(tags) != 1 || len(tags[0]) < 10 {
		t.Errorf("the zip was asked for unless it is %q, want one that is known", tags)
	}

	later = later.Add(aDay)
	f.refused(t, "older than the 7 days")
}

// list serves another list of npm's changes than the bucket has.
type list struct {
	*osvtest.Server
	text string
}

func (l *list) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/npm/modified_id.csv" && l.text != "" {
		_, _ = w.Write([]byte(l.text))
		return
	}
	l.Server.ServeHTTP(w, r)
}

// A list of changes in which something is missing, or may be, is not relied upon.
func TestListOfChangesRefused(t *testing.T) {
	t.Parallel()
	line := func(id string, age time.Duration) string { return ago(age) + "," + id + "\n" }
	for name, tc := range map[string]struct{ text, want string }{
		"not in order":           {line("A-2", 2*aDay) + line("A-3", aDay) + line("A-1", 4*aDay), "not in the order of time"},
		"without what is known":  {line("A-3", aDay), "ends before"},
		"without what is older":  {line("A-3", aDay) + line("A-2", 2*aDay), "ends before"},
		"no list":                {"<!doctype html>\n", "not a time and an id"},
		"a line without an end":  {strings.Repeat("2", 2*maxLine), "token too long"},
		"an id that is none":     {line("A 3", aDay), "is none"},
		"nothing":                {"\n", "not a time and an id"},
		"a record that is not":   {line("A-9", aDay) + line("A-2", 2*aDay) + line("A-1", 4*aDay), "404"},
		"too many that are none": {line("A-8", aDay) + line("A-2", 2*aDay) + line("A-1", 4*aDay), "1 of 2 records"},
	} {
		s := &list{Server: osvtest.New(osv("A-1", "minimist", "1.2.6", 4*aDay), osv("A-2", "minimist", "1.2.6", 2*aDay))}
		web := httptest.NewServer(s)
		t.Cleanup(web.Close)
		f := setup(t, web.URL)
		f.Refresh = 0
		f.open(t, "npm")
		s.text = tc.text
		s.Set("npm", "A-3", osv("A-3", "minimist", "1.2.6", 3*aDay))
		s.Set("npm", "A-8", "{")
		s.Fault = func(r *http.Request) osvtest.Fault {
			if strings.HasSuffix(r.URL.Path, "/all.zip") {
				s.Remove("npm", "A-8")
			}
			return osvtest.Fault{}
		}
		wantIDs(t, f.open(t, "npm"), "npm", "minimist", "A-1", "A-2", "A-3")
		f.wantPrinted(t, "the changes alone are not to be had")
		f.wantPrinted(t, tc.want)
		if t.Failed() {
			t.Fatalf("the list was %s", name)
		}
	}
}

// Records do not arrive in the order of their times.
func TestChangeThatArrivesLate(t *testing.T) {
	t.Parallel()
	s := osvtest.New(osv("A-1", "minimist", "1.2.6", 4*aDay), osv("A-2", "minimist", "1.2.6", aDay))
	f := setup(t, serve(t, s))
	f.Refresh = 0
	f.open(t, "npm")
	s.Set("npm", "A-3", osv("A-3", "minimist", "1.2.6", aDay+overlap-time.Second))
	wantIDs(t, f.open(t, "npm"), "npm", "minimist", "A-1", "A-2", "A-3")
	if f.printed("the changes alone are not to be had") {
		t.Errorf("printed %q, want no word of the whole", f.lines)
	}
}

// A server that sends more than anybody wants is stopped.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]http.HandlerFunc{
		"said": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "1001") },
		"sent": func(w http.ResponseWriter, _ *http.Request) {
			for range 100 {
				_, _ = w.Write(make([]byte, 1000))
				_ = http.NewResponseController(w).Flush()
			}
		},
	} {
		asked := 0
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked++
			handler(w, r)
		}))
		t.Cleanup(web.Close)
		f := setup(t, web.URL)
		f.largest = 1000
		if f.refused(t, "the file is too large"); asked != 1 {
			t.Errorf("%s: it was asked %d times, want once", name, asked)
		}
	}
	path := put(t, nil, t.TempDir(), "all.zip")
	if err := os.Truncate(path, maxZip+1); err != nil {
		t.Fatal(err)
	}
	setup(t, path).refused(t, "the zip file has more than")
}

// What net/http says of a server that is not there has the whole address in it.
func TestServerIsGone(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(nil)
	web.Close()
	f := setup(t, web.URL+"?sig=hunter2")
	if err := f.refused(t, "after 3 attempts"); strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the key of the address stands in %v", err)
	}
}

// A mirror may have a list of changes that are not in its zip.
func TestZipBehindItsList(t *testing.T) {
	t.Parallel()
	s := osvtest.New(osv("A-1", "minimist", "1.2.6", 10*aDay))
	s.SetZip("npm", s.Zip("npm"))
	s.Set("npm", "A-2", osv("A-2", "minimist", "1.2.6", 0))
	f := setup(t, serve(t, s))
	f.refused(t, "older than the 7 days")
	s.SetZip("npm", nil)
	wantIDs(t, f.open(t, "npm"), "npm", "minimist", "A-1", "A-2")
}

// Many changes elsewhere show that a bucket is alive in which this ecosystem has none.
func TestQuietEcosystem(t *testing.T) {
	t.Parallel()
	s := osvtest.New(osv("A-1", "minimist", "1.2.6", 100*aDay), osvOf("PyPI", "B-1", "a", "2.0", time.Hour))
	f := setup(t, serve(t, s))
	if info := f.open(t, "npm").Infos()[0]; !info.AsOf.Equal(today.Add(-time.Hour)) {
		t.Errorf("it is as of %v, want an hour ago", info.AsOf)
	}
}

func TestBucketRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault osvtest.Fault
		want  string
		asks  int
	}{
		"429 for too long": {osvtest.Fault{Status: 429, RetryAfter: "3600"}, "too long", 1},
		"429":              {osvtest.Fault{Status: 429, RetryAfter: "1"}, "after 3 attempts", 3},
		"500":              {osvtest.Fault{Status: 500}, "after 3 attempts", 3},
		"404":              {osvtest.Fault{Status: 404}, "404 Not Found", 1},
		"204":              {osvtest.Fault{Status: 204}, "204 No Content", 1},
		"206":              {osvtest.Fault{Status: 206}, "nobody asked for", 3},
		"truncated":        {osvtest.Fault{Truncate: true}, "unexpected EOF", 3},
		"stalled":          {osvtest.Fault{Stall: true}, "stopped answering", 3},
		"a login page":     {osvtest.Fault{Page: true}, "not a whole zip file", 1},
		"not changed":      {osvtest.Fault{NotChanged: true}, "never sent has not changed", 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := osvtest.New(osv("A-1", "minimist", "1.2.6", aDay))
			s.Fault = func(*http.Request) osvtest.Fault { return tc.fault }
			f := setup(t, serve(t, s)+"?sig=hunter2")
			f.silence = 20 * time.Millisecond
			err := f.refused(t, tc.want)
			if len(s.Requests()) != tc.asks {
				t.Errorf("requests: %q, want %d", s.Requests(), tc.asks)
			}
			if text := err.Error() + strings.Join(f.lines, "\n"); strings.Contains(text, "hunter2") {
				t.Errorf("the key of the address stands in %s", text)
			}
			s.Fault = nil
			wantIDs(t, f.open(t, "npm"), "npm", "minimist", "A-1")
		})
	}
}

// When newer data is not to be had, the old data is used while it is not too old, and a
// warning says so.
func TestOutage(t *testing.T) {
	t.Parallel()
	s := osvtest.New(osv("A-1", "minimist", "1.2.6", aDay))
	broken := false
	s.Fault = func(*http.Request) osvtest.Fault {
		if broken {
			return osvtest.Fault{Status: 503}
		}
		return osvtest.Fault{}
	}
	f := setup(t, serve(t, s))
	f.open(t, "npm")
	broken = true
	f.Now = func() time.Time { return today.Add(6 * aDay) }
	wantIDs(t, f.open(t, "npm"), "npm", "minimist", "A-1")
	f.wantPrinted(t, "warning: advisories as of 2026-06-09 12:00 UTC are used")
	f.Now = func() time.Time { return today.Add(6*aDay + time.Second) }
	f.refused(t, "503 Service Unavailable")
}

func TestBucketAddress(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://mirror.example/osv":       "",
		"https://mirror.example/osv?sig=a": "",
		"http://localhost:1/osv":           "",
		"http://127.0.0.1/":                "",
		"http://[::1]:80/":                 "",
		"http://mirror.example/osv":        "unprotected",
		"http://localhost.example/":        "unprotected",
		"https://u:hunter2@mirror.example": "password",
		"ftp://mirror.example":             "not the address",
		"https://":                         "not the address",
		"https://%zz/hunter2":              "not the address",
	} {
		_, err := newBucket(Config{Source: address})
		if got := fmt.Sprint(err); want == "" && err != nil || !strings.Contains(got, want) || strings.Contains(got, "hunter2") {
			t.Errorf("newBucket(%q): %v, want an error with %q and without a password", address, err, want)
		}
	}
	b, err := newBucket(Config{Source: "https://mirror.example/osv/?sig=a"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := b.url("crates.io", "all.zip"), "https://mirror.example/osv/crates.io/all.zip?sig=a"; got != want {
		t.Errorf("url: %s, want %s", got, want)
	}
	if got, want := b.String(), "https://mirror.example/osv"; got != want {
		t.Errorf("String: %s, want %s", got, want)
	}
}

// A folder in which nothing can be kept is no reason not to audit.
func TestNowhereToKeep(t *testing.T) {
	t.Parallel()
	s := osvtest.New(osv("A-1", "minimist", "1.2.6", aDay))
	f := setup(t, serve(t, s))
	f.Dir = put(t, nil, t.TempDir(), "file") + "/below"
	wantIDs(t, f.open(t, "npm"), "npm", "minimist", "A-1")
	f.wantPrinted(t, "not kept for other jobs")
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	s := osvtest.New(osv("A-1", "minimist", "1.2.6", aDay))
	f := setup(t, serve(t, s))
	f.open(t, "npm")
	ctx, cancel := context.WithCancel(context.Background())
	s.Fault = func(*http.Request) osvtest.Fault {
		cancel()
		return osvtest.Fault{Stall: true}
	}
	f.Refresh = 0
	if _, err := Open(ctx, f.Config, []string{"npm"}); !errors.Is(err, context.Canceled) {
		t.Errorf("Open while it is cancelled: %v, want %v", err, context.Canceled)
	}
}
