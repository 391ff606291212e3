package database

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/retry"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/advisory"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/osvtest"
)

// today is the day on which the tests run.
var today = time.Date(2026, 6, 10, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) string { return today.Add(-d).Format(time.RFC3339) }

const aDay = 24 * time.Hour

// osv is a record about an npm package, changed so long ago.
func osv(id, pkg, fixed string, age time.Duration) string { return osvOf("npm", id, pkg, fixed, age) }

func osvOf(ecosystem, id, pkg, fixed string, age time.Duration) string {
	return fmt.Sprintf(`{"id":%q,"modified":%q,"summary":"about %s","affected":[{"package":{"ecosystem":%q,"name":%q},`+
		`"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":%q}]}]}],"database_specific":{"severity":"HIGH"}}`,
		id, ago(age), pkg, ecosystem, pkg, fixed)
}

// fixture is a Config, and what it prints.
type fixture struct {
	Config
	mu    sync.Mutex
	lines []string
}

func setup(t *testing.T, source string) *fixture {
	t.Helper()
	now := retry.Policy{Attempts: 3, Sleep: func(context.Context, time.Duration) error { return nil }}
	f := &fixture{Config: Config{
		Source: source, Dir: t.TempDir(), Temp: t.TempDir(), MaxAge: 7 * aDay, Refresh: time.Hour,
		HTTP: httpx.New(httpx.Config{Retry: now}), Retry: now, Now: func() time.Time { return today },
	}}
	f.Print = func(line string) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.lines = append(f.lines, line)
	}
	return f
}

// serve runs a server; its requests are all to be right.
func serve(t *testing.T, s *osvtest.Server) string {
	t.Helper()
	web := httptest.NewServer(s)
	t.Cleanup(func() {
		web.Close()
		if problems := s.Problems(); problems != nil {
			t.Errorf("wrong requests: %q", problems)
		}
	})
	return web.URL
}

func (f *fixture) open(t *testing.T, ecosystems ...string) *Database {
	t.Helper()
	db, err := Open(context.Background(), f.Config, ecosystems)
	if err != nil {
		t.Fatalf("Open(%q): %v\n%s", ecosystems, err, strings.Join(f.lines, "\n"))
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return db
}

// refused opens what must not be opened, and returns the error's text.
func (f *fixture) refused(t *testing.T, want string) *Error {
	t.Helper()
	db, err := Open(context.Background(), f.Config, []string{"npm"})
	defer func() { _ = db.Close() }()
	var known *Error
	if !errors.As(err, &known) || known.Fix == "" || !strings.Contains(known.Error(), want) {
		t.Fatalf("Open: %v, want an Error with a fix that says %q", err, want)
	}
	if _, err := db.Lookup("npm", "minimist"); err == nil {
		t.Errorf("Lookup after an error: no error")
	}
	if left, _ := os.ReadDir(f.Temp); len(left) > 0 {
		t.Errorf("left in the temporary folder: %v", left)
	}
	return known
}

func (f *fixture) printed(text string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.ContainsFunc(f.lines, func(line string) bool { return strings.Contains(line, text) })
}

func (f *fixture) wantPrinted(t *testing.T, text string) {
	t.Helper()
	if !f.printed(text) {
		t.Errorf("printed %q, want a line with %q", f.lines, text)
	}
}

func wantIDs(t *testing.T, db *Database, ecosystem, name string, want ...string) []advisory.Advisory {
	t.Helper()
	found, err := db.Lookup(ecosystem, name)
	if err != nil {
		t.Fatalf("Lookup(%s, %s): %v", ecosystem, name, err)
	}
	var got []string
	for _, a := range found {
		got = append(got, a.ID)
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Lookup(%s, %s) (-want +got):\n%s", ecosystem, name, diff)
	}
	return found
}

func put(t testing.TB, data []byte, path ...string) string {
	t.Helper()
	name := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestFolder(t *testing.T) {
	t.Parallel()
	s := osvtest.New(osv("A-1", "minimist", "1.2.6", aDay), osv("A-2", "lodash", "4", 2*aDay))
	one, two := []byte(osv("A-1", "minimist", "1.2.6", aDay)), []byte(osv("A-2", "lodash", "4", 2*aDay))
	for name, lay := range map[string]func(dir string) string{
		"a bucket's":    func(dir string) string { put(t, s.Zip("npm"), dir, "npm", "all.zip"); return dir },
		"a zip each":    func(dir string) string { put(t, s.Zip("npm"), dir, "npm.zip"); return dir },
		"osv-scanner's": func(dir string) string { put(t, s.Zip("npm"), dir, "osv-scalibr", "npm", "all.zip"); return dir },
		"records": func(dir string) string {
			put(t, one, dir, "npm", "A-1.json")
			put(t, []byte("of no matter"), dir, "npm", "README")
			put(t, two, dir, "npm", "A-2.json")
			return dir
		},
		"a zip file": func(dir string) string { return put(t, s.Zip("npm"), dir, "some.zip") },
	} {
		f := setup(t, lay(t.TempDir()))
		for _, dir := range []string{f.Dir, ""} {
			f.Dir = dir
			db := f.open(t, "npm", "npm")
			wantIDs(t, db, "npm", "minimist", "A-1")
			wantIDs(t, db, "npm", "lodash", "A-2")
			wantIDs(t, db, "npm", "express")
			info := db.Infos()
			if len(info) != 1 || info[0].Records != 2 || !info[0].AsOf.Equal(today.Add(-aDay)) || info[0].Bad != 0 {
				t.Errorf("%s: Infos: %+v, want one of 2 records, a day old", name, info)
			}
			if err := db.Close(); err != nil {
				t.Errorf("%s: Close: %v", name, err)
			}
		}
		if left, _ := os.ReadDir(f.Temp); len(left) > 0 {
			t.Errorf("%s: left in the temporary folder: %v", name, left)
		}
	}
}

func TestOneZipOfSeveralEcosystems(t *testing.T) {
	t.Parallel()
	s := osvtest.New()
	s.Set("all", "A", osv("A", "same", "2.0.0", aDay))
	s.Set("all", "B", osvOf("PyPI", "B", "Same_Name", "2.0", 0))
	f := setup(t, put(t, s.Zip("all"), t.TempDir(), "all.zip"))
	db := f.open(t, "npm", "PyPI")
	wantIDs(t, db, "npm", "same", "A")
	wantIDs(t, db, "PyPI", "same.name", "B")
	wantIDs(t, db, "npm", "same-name")
	if _, err := Open(context.Background(), f.Config, []string{"NuGet"}); err == nil {
		t.Error("Open of an ecosystem that the zip has nothing of: no error")
	}
	db, err := Open(context.Background(), f.Config, []string{"NuGet", "npm"})
	if err == nil {
		t.Error("Open of an ecosystem that the zip has nothing of, and another: no error")
	}
	wantIDs(t, db, "npm", "same", "A") // it can be used all the same
	_ = db.Close()
}

// The index is used again, and made anew when the folder changes or when it is damaged.
func TestFolderIsReadOnce(t *testing.T) {
	t.Parallel()
	s := osvtest.New(osv("A-1", "minimist", "1.2.6", aDay))
	source := t.TempDir()
	put(t, s.Zip("npm"), source, "npm", "all.zip")
	f := setup(t, source)
	_ = f.open(t, "npm").Close()
	kept, err := os.ReadDir(f.Dir)
	if err != nil || len(kept) != 1 {
		t.Fatalf("the folder of indexes holds %v, %v, want one", kept, err)
	}
	path := filepath.Join(f.Dir, kept[0].Name())
	first, _ := os.Stat(path)
	_ = f.open(t, "npm").Close()
	if second, _ := os.Stat(path); !os.SameFile(first, second) {
		t.Error("the index was made twice")
	}
	s.Set("npm", "A-2", osv("A-2", "minimist", "2.0.0", 0))
	put(t, s.Zip("npm"), source, "npm", "all.zip")
	wantIDs(t, f.open(t, "npm"), "npm", "minimist", "A-1", "A-2")
	if err := os.Truncate(path, 100); err != nil {
		t.Fatal(err)
	}
	wantIDs(t, f.open(t, "npm"), "npm", "minimist", "A-1", "A-2")
	f.wantPrinted(t, "made anew")
}

// What is no file is not even opened: a pipe would never end.
func TestOnlyFilesAreRecords(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, nil, dir, "A.json", "x")
	if at, err := jsonAt(dir); err == nil || !strings.Contains(err.Error(), "is not a file") {
		t.Errorf("jsonAt of a folder of folders: %v, %v, want an error", at, err)
	}
	large := put(t, nil, t.TempDir(), "A.json")
	if err := os.Truncate(large, maxRecord+1); err != nil {
		t.Fatal(err)
	}
	if at, err := jsonAt(filepath.Dir(large)); err == nil || !strings.Contains(err.Error(), "is not a file") {
		t.Errorf("jsonAt of a large record: %v, %v, want an error", at, err)
	}
}

// An index that has another one's name is not believed.
func TestAnothersIndex(t *testing.T) {
	t.Parallel()
	s := osvtest.New(osv("A-1", "minimist", "1.2.6", aDay), osvOf("PyPI", "B-1", "minimist", "1.2.6", aDay))
	f := setup(t, serve(t, s))
	f.open(t, "npm", "PyPI")
	from, err := f.source()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(f.path(from, "PyPI"), f.path(from, "npm")); err != nil {
		t.Fatal(err)
	}
	wantIDs(t, f.open(t, "npm"), "npm", "minimist", "A-1")
}

// A withdrawn record is no advisory, but shows that the data is alive.
func TestAgeByWithdrawnRecord(t *testing.T) {
	t.Parallel()
	s := osvtest.New(osv("A-1", "minimist", "1.2.6", 100*aDay))
	s.Set("npm", "A-2", strings.Replace(osv("A-2", "a", "2.0.0", aDay), `{`, `{"withdrawn":"2026-01-01T00:00:00Z",`, 1))
	f := setup(t, put(t, s.Zip("npm"), t.TempDir(), "all.zip"))
	if info := f.open(t, "npm").Infos()[0]; !info.AsOf.Equal(today.Add(-aDay)) {
		t.Errorf("it is as of %v, want a day ago", info.AsOf)
	}
}

// A block that has changed since is found when it is read, and does not stay.
func TestDamagedBlock(t *testing.T) {
	t.Parallel()
	s := osvtest.New(osv("A-1", "minimist", "1.2.6", aDay))
	f := setup(t, put(t, s.Zip("npm"), t.TempDir(), "all.zip"))
	_ = f.open(t, "npm").Close()
	kept, _ := os.ReadDir(f.Dir)
	path := filepath.Join(f.Dir, kept[0].Name())
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[strings.Index(string(data), "A-1")]++
	put(t, data, path)
	db, err := Open(context.Background(), f.Config, []string{"npm"})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	defer func() { _ = db.Close() }()
	var known *Error
	if found, err := db.Lookup("npm", "minimist"); !errors.As(err, &known) {
		t.Errorf("Lookup in a damaged index: %v, %v, want an Error", found, err)
	}
	wantIDs(t, f.open(t, "npm"), "npm", "minimist", "A-1")
}

func TestFolderRefused(t *testing.T) {
	t.Parallel()
	whole := osvtest.New(osv("A-1", "minimist", "1.2.6", aDay)).Zip("npm")
	for name, tc := range map[string]struct {
		file string
		data []byte
		want string
	}{
		"nothing":             {"PyPI/all.zip", whole, "there are no advisories for it"},
		"an empty folder":     {"npm/README", nil, "there are no advisories for it"},
		"a cut zip":           {"npm/all.zip", whole[:len(whole)-30], "not a whole zip file"},
		"an empty zip file":   {"npm/all.zip", nil, "not a whole zip file"},
		"a web page":          {"npm/all.zip", []byte("<!doctype html>"), "not a whole zip file"},
		"a zip of no records": {"npm/all.zip", osvtest.New().Zip("npm"), "no advisory for npm among 0 records"},
		"another ecosystem's": {"npm/A.json", []byte(osvOf("PyPI", "A", "a", "2", 0)), "no advisory for npm among 1 records"},
		"withdrawn": {
			"npm/A.json", []byte(strings.Replace(osv("A", "a", "2.0.0", 0), `{`, `{"withdrawn":"2026-01-01T00:00:00Z",`, 1)),
			"no advisory for npm among 1 records",
		},
		"too old":                {"npm/A.json", []byte(osv("A", "a", "2.0.0", 8*aDay)), "as of 2026-06-02 12:00 UTC, older than the 7 days"},
		"from the future":        {"npm/A.json", []byte(osv("A", "a", "2.0.0", -400*aDay)), "older than the 7 days"},
		"a folder, not a record": {"npm/A.json/x", nil, "is not a file"},
		"a broken record":        {"npm/A.json", []byte("{"), "1 of 1 records cannot be understood, such as A"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			put(t, tc.data, dir, filepath.FromSlash(tc.file))
			setup(t, dir).refused(t, tc.want)
		})
	}
	setup(t, "folder").refused(t, "neither an address nor an absolute path")
	setup(t, filepath.Join(t.TempDir(), "none")).refused(t, "cannot be read")
}

// Some bad records are told, more of them are an error; and the few about
// vulnerabilities do not hide among the many about malicious packages.
func TestBadRecords(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		good, malicious, bad int
		prefix, refused      string
	}{
		"one of a hundred": {99, 0, 1, "bad-", ""},
		"two of a hundred": {98, 0, 2, "bad-", "2 of 100 records cannot be understood, such as bad-0, bad-1"},
		"hidden":           {50, 500, 1, "bad-", "1 of 51 records cannot be understood, such as bad-0"},
		"malicious":        {50, 500, 1, "MAL-bad-", ""},
		"too many of them": {500, 50, 1, "MAL-bad-", "1 of 51 records about malicious packages cannot be understood"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := osvtest.New()
			for i := range tc.good {
				s.Set("npm", fmt.Sprint("A-", i), osv(fmt.Sprint("A-", i), "a", "2.0.0", 0))
			}
			for i := range tc.malicious {
				s.Set("npm", fmt.Sprint("MAL-", i), osv(fmt.Sprint("MAL-", i), "a", "2.0.0", 0))
			}
			for i := range tc.bad {
				s.Set("npm", fmt.Sprint(tc.prefix, i), `{"id":`)
			}
			f := setup(t, put(t, s.Zip("npm"), t.TempDir(), "all.zip"))
			if tc.refused != "" {
				f.refused(t, tc.refused)
				return
			}
			for range 2 { // a kept index tells it again
				f.lines = nil
				if info := f.open(t, "npm").Infos()[0]; info.Bad != tc.bad || info.Records != tc.good+tc.malicious+tc.bad {
					t.Errorf("Infos: %+v, want %d bad", info, tc.bad)
				}
				f.wantPrinted(t, fmt.Sprintf("%d of these records cannot be understood and are not looked at: %s0", tc.bad, tc.prefix))
			}
		})
	}
}
