package explain

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/report"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func days(n float64) time.Time { return now.Add(-time.Duration(n * 24 * float64(time.Hour))) }

func lockFile(path, sum string) Segment {
	return Segment{Source: path, Kind: "file", Value: path + "=" + sum, Files: []File{{path, sum}}}
}

func fixed(value string) Segment { return Segment{Source: value, Kind: "string", Value: value} }

func key(sum string) []Segment {
	return []Segment{fixed("npm"), fixed("Linux"), lockFile("package-lock.json", sum)}
}

var (
	oldPackages = packageList(46, "lodash@4.17.20 sha512-a", "minimist@1.2.5 sha512-b")
	newPackages = packageList(46, "lodash@4.17.21 sha512-c", "minimist@1.2.5 sha512-b", "left-pad@1.3.0 sha512-d")
	wanted      = Wanted{Segments: key("new"), Packages: newPackages, Path: "$(npm_config_cache)", Now: now}
	saved       = Entry{Segments: key("old"), Packages: oldPackages, Path: "$(npm_config_cache)", Producer: "build 4711",
		Branch: "refs/heads/main", Created: days(2), Expires: now.Add(time.Hour), Limit: "maxAge is 7 days"}
)

func packageList(n int, more ...string) []string {
	for i := range n {
		more = append(more, fmt.Sprintf("p%02d@1.0.%d sha512-p%d", i, i, i))
	}
	return more
}

// but is saved with a change.
func but(change func(*Entry)) Entry {
	e := saved
	change(&e)
	return e
}

func hit(change func(*Entry)) Entry {
	return but(func(e *Entry) { e.Segments = key("new"); change(e) })
}

var salt = fixed("AZP_CACHING_SALT=2")

const otherCaches = "MISS: there is no entry of this key yet; the pipeline has entries of other caches, whose keys begin " +
	"otherwise: this is the first run with this cache, or the first segment of its key was rewritten"

const nearest = "Nearest: the entry of build 4711 (2 days ago) on refs/heads/main: 97.9 % of its packages are reusable"

func TestMiss(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		wanted  Wanted
		entries []Entry
		cause   Cause
		want    []string
	}{
		"lock file changed": {wanted, []Entry{saved}, SegmentChanged, []string{
			"MISS: segment 3 (package-lock.json) changed since build 4711 (2 days ago): " +
				"lodash 4.17.20 -> 4.17.21, +1 -0 packages; the other segments are the same", nearest}},
		"no entries": {wanted, nil, NoEntry, []string{"MISS: there is no entry at all: " +
			"this is the first run of this pipeline with this cache, or its entries expired and were deleted"}},
		"nothing in common": {wanted, []Entry{{Segments: []Segment{fixed("go"), fixed("x"), fixed("y")}, Created: days(1)}}, NoEntry,
			[]string{otherCaches}},
		"another cache of the pipeline": {wanted, []Entry{but(func(e *Entry) {
			e.Segments = []Segment{fixed("go"), fixed("Linux"), lockFile("go.sum", "x"), fixed("a"), fixed("b")}
		})}, NoEntry, []string{otherCaches}},
		"another cache, as salted": {Wanted{Segments: append([]Segment{salt}, key("new")...), Now: now}, []Entry{but(func(e *Entry) {
			e.Segments = []Segment{salt, fixed("go"), lockFile("go.sum", "x")}
		})}, NoEntry, []string{otherCaches}},
		"salt changed": {Wanted{Segments: append([]Segment{salt}, key("old")...), Now: now}, []Entry{but(func(e *Entry) {
			e.Segments = append([]Segment{fixed("AZP_CACHING_SALT=1")}, key("old")...)
		})}, SegmentChanged, []string{"MISS: segment 1 (AZP_CACHING_SALT=2) changed since build 4711 (2 days ago): " +
			`"AZP_CACHING_SALT=1" then, "AZP_CACHING_SALT=2" now; the other segments are the same`,
			"Nearest: the entry of build 4711 (2 days ago) on refs/heads/main"}},
		"begins with the lock file": {Wanted{Segments: []Segment{lockFile("x.lock", "new"), fixed("Linux")}, Now: now},
			[]Entry{{Segments: []Segment{lockFile("x.lock", "old"), fixed("Linux")}, Created: days(0)}}, SegmentChanged, []string{
				"MISS: segment 1 (x.lock) changed since another run (just now): its contents are others; the other segment is the same",
				"Nearest: the entry of another run (just now)"}},
		"text changed": {Wanted{Segments: key("old"), Now: now}, []Entry{but(func(e *Entry) {
			e.Segments = []Segment{fixed("npm"), fixed("Windows_NT"), lockFile("package-lock.json", "old")}
		})}, SegmentChanged, []string{`MISS: segment 2 (Linux) changed since build 4711 (2 days ago): ` +
			`"Windows_NT" then, "Linux" now; the other segments are the same`,
			"Nearest: the entry of build 4711 (2 days ago) on refs/heads/main"}},
		"two changed": {wanted, []Entry{but(func(e *Entry) {
			e.Segments = []Segment{fixed("npm"), fixed("Windows_NT"), lockFile("package-lock.json", "old")}
		})}, SegmentChanged, []string{`MISS: segments 2 (Linux) and 3 (package-lock.json) changed since build 4711 (2 days ago): ` +
			`"Windows_NT" then, "Linux" now; lodash 4.17.20 -> 4.17.21, +1 -0 packages; the other segment is the same`, nearest}},
		"same packages": {Wanted{Segments: key("new"), Packages: oldPackages, Now: now}, []Entry{saved}, SegmentChanged, []string{
			"MISS: segment 3 (package-lock.json) changed since build 4711 (2 days ago): " +
				"the packages are the same, so other parts of the file changed; the other segments are the same",
			"Nearest: the entry of build 4711 (2 days ago) on refs/heads/main: 100.0 % of its packages are reusable"}},
		"no packages known": {Wanted{Segments: []Segment{lockFile("x.lock", "new")}, Now: now},
			[]Entry{{Segments: []Segment{lockFile("x.lock", "old")}, Created: days(0)}}, SegmentChanged, []string{
				"MISS: segment 1 (x.lock) changed since another run (just now): its contents are others",
				"Nearest: the entry of another run (just now)"}},
		"moved": {Wanted{Segments: key("old"), Now: now}, []Entry{but(func(e *Entry) {
			e.Segments = []Segment{fixed("npm"), fixed("Linux"), lockFile("web/package-lock.json", "OLD")}
		})}, FileMoved, []string{"MISS: segment 3 (package-lock.json) changed since build 4711 (2 days ago): " +
			"package-lock.json has the same contents as web/package-lock.json had then: the path is part of the hash; " +
			"the other segments are the same", "Nearest: the entry of build 4711 (2 days ago) on refs/heads/main"}},
		"kind changed": {Wanted{Segments: []Segment{fixed("a"), fixed("package-lock.json")}, Now: now},
			[]Entry{{Segments: []Segment{fixed("a"), lockFile("package-lock.json", "x")}, Created: days(3), Producer: "build 1"}},
			SegmentChanged, []string{"MISS: segment 2 (package-lock.json) changed since build 1 (3 days ago): " +
				"package-lock.json is a string now, and was a file then; the other segment is the same",
				"Nearest: the entry of build 1 (3 days ago)"}},
		"more segments": {Wanted{Segments: append(key("old"), fixed("x")), Now: now}, []Entry{saved}, SegmentCount, []string{
			"MISS: the key has 4 segments now, and had 3 for build 4711 (2 days ago)",
			"Nearest: the entry of build 4711 (2 days ago) on refs/heads/main"}},
		"expired": {wanted, []Entry{hit(func(e *Entry) { e.Created, e.Expires = days(7.5), days(0.5) })}, Expired, []string{
			"MISS: the entry of build 4711 (7 days ago) expired 12 hours ago, at 2026-11-23 00:00 UTC, as maxAge is 7 days"}},
		"expires now": {wanted, []Entry{hit(func(e *Entry) { e.Expires, e.Limit = now, "" })}, Expired, []string{
			"MISS: the entry of build 4711 (2 days ago) expired just now, at 2026-11-23 12:00 UTC"}},
		"other scope": {wanted, []Entry{hit(func(e *Entry) {
			e.Branch, e.Unreadable = "refs/heads/topic", "only runs of that branch read what it saves"
		})}, OtherScope, []string{"MISS: the entry of build 4711 (2 days ago) exists only for refs/heads/topic, " +
			"and this run may not read it: only runs of that branch read what it saves"}},
		"signature": {wanted, []Entry{hit(func(e *Entry) { e.Rejected, e.Signature = "key 0123 is not among verifyKeys", true })},
			BadSignature, []string{"MISS: the entry of build 4711 (2 days ago) has no signature that counts: " +
				"key 0123 is not among verifyKeys"}},
		"rejected": {wanted, []Entry{hit(func(e *Entry) { e.Rejected = "a pack is not what its name says" })}, Refused, []string{
			"MISS: the entry of build 4711 (2 days ago) was rejected: a pack is not what its name says"}},
		"path": {wanted, []Entry{hit(func(e *Entry) { e.Path = "other" })}, OtherPath, []string{
			"MISS: the entry of build 4711 (2 days ago) is for the path other, and this step's path is $(npm_config_cache)"}},
		"appeared": {wanted, []Entry{hit(func(e *Entry) { e.Created = now.Add(time.Hour) })}, Appeared, []string{
			"MISS: the entry of build 4711 (just now) appeared while this step was looking: another run saved it"}},
		"expired, and an older key": {wanted, []Entry{hit(func(e *Entry) { e.Created, e.Expires = days(7.5), days(0.5) }), saved}, Expired,
			[]string{"MISS: the entry of build 4711 (7 days ago) expired 12 hours ago, at 2026-11-23 00:00 UTC, as maxAge is 7 days", nearest}},
		"the least obstacle counts": {wanted, []Entry{
			hit(func(e *Entry) { e.Unreadable = "no" }), hit(func(e *Entry) { e.Expires = days(1) }), hit(func(e *Entry) { e.Rejected = "bad" }),
		}, Refused, []string{"MISS: the entry of build 4711 (2 days ago) was rejected: bad"}},
		"only unusable ones": {wanted, []Entry{but(func(e *Entry) {
			e.Expires, e.Unreadable, e.Rejected, e.Path = days(1), "no", "bad", "x"
		})}, SegmentChanged, []string{"MISS: segment 3 (package-lock.json) changed since build 4711 " +
			"(2 days ago, for refs/heads/main only, expired, rejected, for the path x): " +
			"lodash 4.17.20 -> 4.17.21, +1 -0 packages; the other segments are the same"}},
		"usable before newer": {wanted, []Entry{
			but(func(e *Entry) { e.Created, e.Expires = days(1), days(0.5) }), saved, but(func(e *Entry) { e.Created = days(3) }),
		}, SegmentChanged, []string{"MISS: segment 3 (package-lock.json) changed since build 4711 (2 days ago): " +
			"lodash 4.17.20 -> 4.17.21, +1 -0 packages; the other segments are the same", nearest}},
		"fewer differences before newer": {wanted, []Entry{
			but(func(e *Entry) { e.Created, e.Segments = days(1), []Segment{fixed("npm"), fixed("x"), fixed("y")} }), saved,
		}, SegmentChanged, []string{"MISS: segment 3 (package-lock.json) changed since build 4711 (2 days ago): " +
			"lodash 4.17.20 -> 4.17.21, +1 -0 packages; the other segments are the same", nearest}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Miss(tc.wanted, tc.entries)
			if diff := cmp.Diff(tc.want, got.Lines); diff != "" || got.Cause != tc.cause {
				t.Errorf("Miss(%+v, %+v): %s, want %s (-want +got):\n%s", tc.wanted, tc.entries, got.Cause, tc.cause, diff)
			}
		})
	}
}

func TestPatternsSayWhichFilesChanged(t *testing.T) {
	t.Parallel()
	pattern := func(value string, files ...File) []Segment {
		return []Segment{{Source: "**/*.lock", Kind: "file pattern", Value: value, Files: files}}
	}
	for name, tc := range map[string]struct {
		then, now []Segment
		want      string
	}{
		"one of two": {pattern("x", File{"a", "1"}, File{"b", "2"}), pattern("y", File{"a", "1"}, File{"b", "3"}), ": b"},
		"added and gone": {pattern("x", File{"a", "1"}, File{"b", "2"}), pattern("y", File{"b", "3"}, File{"c", "4"}, File{"d", "5"}),
			": b, +2 -1 files"},
		"many": {pattern("x", numbered(9, "1")...), pattern("y", numbered(9, "2")...), ": f0, f1, f2, f3, f4, +4 more"},
		"moved": {pattern("x", File{"a", "1"}, File{"b", "2"}), pattern("y", File{"c", "1"}, File{"b", "2"}),
			": c has the same contents as a had then: the path is part of the hash"},
		"order": {pattern("x", File{"a", "1"}, File{"b", "2"}), pattern("y", File{"b", "2"}, File{"a", "1"}),
			": its files are found in another order"},
	} {
		want := "segment 1 (**/*.lock) changed since restore" + tc.want
		if got := changed(tc.then, tc.now); got != want {
			t.Errorf("%s: changed:\n got %s\nwant %s", name, got, want)
		}
	}
}

func numbered(n int, sum string) []File {
	var files []File
	for i := range n {
		files = append(files, File{fmt.Sprint("f", i), sum})
	}
	return files
}

// changed says how two keys of as many segments differ.
func changed(then, now []Segment) string {
	c := compare(Wanted{Segments: then}, Wanted{Segments: now})
	return c.which(now) + " changed since restore: " + strings.Join(c.details, "; ")
}

const hostile = "##vso[task.setvariable variable=x]\r\n| <img src=x onerror=alert(1)> | [a](http://e) `b`\x1b[31m\u202e"

// Whatever names hold, a log line stays one line and a table cell one cell.
func TestNamesAreAnybodys(t *testing.T) {
	t.Parallel()
	segments := func(sum string) []Segment {
		return []Segment{fixed("npm"), {Source: hostile, Kind: "file", Value: hostile + sum, Files: []File{{hostile, sum}}},
			{Source: hostile, Kind: "string", Value: hostile + sum}}
	}
	w := Wanted{Segments: segments("1"), Packages: []string{hostile + "@2 h", "\xff\xfe@1"}, Path: hostile, Now: now}
	e := Entry{Segments: segments("2"), Packages: []string{hostile + "@1 h", hostile, "", "@", " ", "x@" + hostile}, Path: hostile,
		Producer: hostile, Branch: hostile, Limit: hostile, Created: days(1)}
	exact := e
	exact.Segments, exact.Rejected = w.Segments, strings.Repeat(hostile, 100)
	secret := exact
	secret.Rejected, secret.Unreadable = "", hostile
	for _, entries := range [][]Entry{{e}, {exact}, {exact, e}, {secret}} {
		got := Miss(w, entries)
		for _, line := range got.Lines {
			if i := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 || len(line) > 2000 {
				t.Errorf("Miss: %d bytes, with %q at %d: %q", len(line), line[max(i, 0):], i, line)
			}
		}
		var r report.Report
		format, texts := got.Table()
		r.Summary(format, texts...)
		summary := r.SummaryText(report.Header{Task: "SafeCache", Class: "ok"}, &redact.Set{})
		for _, bad := range []string{"<img", "](http", "\x1b", "\u202e", "%!"} {
			if strings.Contains(strings.ReplaceAll(summary, `\]`, ""), bad) {
				t.Errorf("the summary has %q:\n%s", bad, summary)
			}
		}
		for _, line := range strings.Split(strings.TrimSpace(summary), "\n")[2:] {
			if n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|"); n != 3 {
				t.Errorf("a row of the summary has %d bars, want 3: %s", n, line)
			}
		}
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	format, texts := Miss(wanted, []Entry{saved}).Table()
	args := make([]any, len(texts))
	for i := range texts {
		args[i] = texts[i]
	}
	want := `| what | value |
|---|---|
| cache | miss: segment changed |
| why | segment 3 (package-lock.json) changed since build 4711 (2 days ago): lodash 4.17.20 -> 4.17.21, +1 -0 packages; ` +
		`the other segments are the same |
| upgraded | 1: lodash 4.17.20 -> 4.17.21 |
| added | 1: left-pad 1.3.0 |
| nearest | the entry of build 4711 (2 days ago) on refs/heads/main: 97.9 % of its packages are reusable |`
	if diff := cmp.Diff(want, fmt.Sprintf(format, args...)); diff != "" {
		t.Errorf("Table (-want +got):\n%s", diff)
	}
}

func TestSaved(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		download, restore, saved time.Duration
		want                     string
	}{
		"unknown": {0, time.Second, 0, ""},
		"worth it": {105 * time.Second, 12 * time.Second, 93 * time.Second,
			"the cache saved about 93 s: restoring took 12 s, and downloading 105 s when the entry was saved"},
		"much": {10 * time.Minute, 1500 * time.Millisecond, 10*time.Minute - 1500*time.Millisecond,
			"the cache saved about 9 min 58 s: restoring took 1.5 s, and downloading 10 min 0 s when the entry was saved"},
		"costs": {2 * time.Second, 9 * time.Second, -7 * time.Second, "the cache costs more than it saves: " +
			"restoring took 9.0 s, and downloading 2.0 s when the entry was saved; drop it"},
		"even": {2 * time.Second, 2100 * time.Millisecond, -100 * time.Millisecond, "the cache saves nothing to speak of: " +
			"restoring took 2.1 s, and downloading 2.0 s when the entry was saved"},
	} {
		if saved, got := Saved(tc.download, tc.restore); saved != tc.saved || got != tc.want {
			t.Errorf("%s: Saved(%v, %v): %v, %q; want %v, %q", name, tc.download, tc.restore, saved, got, tc.saved, tc.want)
		}
	}
}
