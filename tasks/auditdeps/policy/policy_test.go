package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// lines are the Line of entries, by which the tests name them.
func lines(all ...*Allow) []int {
	var n []int
	for _, a := range all {
		if a != nil {
			n = append(n, a.Line)
		}
	}
	return n
}

func TestJudge(t *testing.T) {
	t.Parallel()
	later, earlier := now.Add(time.Second), now
	subject := Subject{IDs: []string{"GHSA-xvch-5gv4-984h", "CVE-2021-44906"}, Package: "minimist",
		Paths: []string{"root > mkdirp > minimist", "root > a > @s/b > minimist"}}
	for name, tc := range map[string]struct {
		allow            []Allow
		allowed, expired []int
		open             []string
	}{
		"nothing":         {},
		"id":              {allow: []Allow{{ID: "GHSA-xvch-5gv4-984h", Expires: later, Line: 1}}, allowed: []int{1}},
		"alias":           {allow: []Allow{{ID: "CVE-2021-44906", Expires: later, Line: 1}}, allowed: []int{1}},
		"other case":      {allow: []Allow{{ID: "ghsa-xvch-5gv4-984H", Expires: later, Line: 1}}, allowed: []int{1}},
		"other id":        {allow: []Allow{{ID: "CVE-2021-4490", Expires: later, Line: 1}}},
		"package":         {allow: []Allow{{ID: "CVE-2021-44906", Package: "minimist", Expires: later, Line: 1}}, allowed: []int{1}},
		"other package":   {allow: []Allow{{ID: "CVE-2021-44906", Package: "mkdirp", Expires: later, Line: 1}}},
		"expired":         {allow: []Allow{{ID: "CVE-2021-44906", Expires: earlier, Line: 1}}, expired: []int{1}},
		"expired, others": {allow: []Allow{{ID: "CVE-1", Expires: earlier, Line: 1}}},
		"expired, renewed": {allow: []Allow{{ID: "CVE-2021-44906", Expires: earlier, Line: 1},
			{ID: "CVE-2021-44906", Expires: later, Line: 2}}, allowed: []int{2}},
		"one path of two": {allow: []Allow{{ID: "CVE-2021-44906", Path: "root > mkdirp > minimist", Expires: later, Line: 1}},
			open: []string{"root > a > @s/b > minimist"}},
		"paths add up": {allow: []Allow{{ID: "CVE-2021-44906", Path: "root > mkdirp > minimist", Expires: later, Line: 1},
			{ID: "CVE-2021-44906", Path: "** > @s/* > minimist", Expires: later, Line: 2}}, allowed: []int{1}},
		"one of two expired": {allow: []Allow{{ID: "CVE-2021-44906", Path: "root > mkdirp > minimist", Expires: later, Line: 1},
			{ID: "CVE-2021-44906", Path: "** > @s/* > minimist", Expires: earlier, Line: 2}},
			expired: []int{2}, open: []string{"root > a > @s/b > minimist"}},
		"path of no chain": {allow: []Allow{{ID: "CVE-2021-44906", Path: "root > minimist", Expires: later, Line: 1}}},
		"expired for a path that is covered": {allow: []Allow{
			{ID: "CVE-2021-44906", Path: "root > mkdirp > minimist", Expires: earlier, Line: 1},
			{ID: "CVE-2021-44906", Path: "root > mkdirp > *", Expires: later, Line: 2}},
			open: []string{"root > a > @s/b > minimist"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := Policy{Allow: tc.allow}.Judge(subject, now)
			if diff := cmp.Diff(tc.allowed, lines(v.Allowed)); diff != "" {
				t.Errorf("Allowed (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.expired, lines(v.Expired)); diff != "" {
				t.Errorf("Expired (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.open, v.Open); diff != "" {
				t.Errorf("Open (-want +got):\n%s", diff)
			}
		})
	}
	onPath := Policy{Allow: []Allow{{ID: "x", Path: "**", Expires: later}}}
	if v := onPath.Judge(Subject{IDs: []string{"x"}}, now); v.Allowed != nil || len(v.Matched) > 0 {
		t.Errorf("an entry with a path accepts a finding whose paths are not known: %+v", v)
	}
	if diff := cmp.Diff([]string{"root > mkdirp > minimist", "root > a > @s/b > minimist"}, subject.Paths); diff != "" {
		t.Errorf("Judge changed the subject:\n%s", diff)
	}
}

// TestLastDay: an entry holds until the end of its last day in UTC, wherever the agent is.
func TestLastDay(t *testing.T) {
	t.Parallel()
	p, err := Parse("p", []byte(entry(map[string]string{"expires": "expires: 2026-10-05"}, "")), now)
	if err != nil {
		t.Fatal(err)
	}
	west := time.FixedZone("west", -8*3600)
	for at, want := range map[time.Time]bool{
		time.Date(2026, 10, 5, 23, 59, 59, 0, time.UTC): true,
		time.Date(2026, 10, 6, 0, 0, 0, 0, time.UTC):    false,
		time.Date(2026, 10, 5, 15, 59, 59, 0, west):     true,
		time.Date(2026, 10, 5, 16, 0, 0, 0, west):       false,
	} {
		v := p.Judge(Subject{IDs: []string{"GHSA-1"}}, at)
		if (v.Allowed != nil) != want || (v.Expired != nil) == want {
			t.Errorf("Judge at %v: allowed %v, expired %v, want allowed %v", at, v.Allowed, v.Expired, want)
		}
	}
}

func TestUnused(t *testing.T) {
	t.Parallel()
	p := Policy{Allow: []Allow{
		{ID: "CVE-1", Expires: now.Add(1), Line: 1}, // by its alias
		{ID: "GHSA-1", Expires: now.Add(1), Line: 2},
		{ID: "GHSA-2", Expires: now.Add(1), Line: 3},
		{ID: "GHSA-1", Expires: now, Line: 4},
		{ID: "GHSA-3", Expires: now, Line: 5},
		{ID: "GHSA-1", Path: "a > b", Expires: now.Add(1), Line: 6},
	}}
	v := p.Judge(Subject{IDs: []string{"GHSA-1", "CVE-1"}, Paths: []string{"a > c"}}, now)
	var got []int
	for _, a := range p.Unused([]Verdict{v}) {
		got = append(got, a.Line)
	}
	if diff := cmp.Diff([]int{3, 5, 6}, got); diff != "" {
		t.Errorf("Unused (-want +got):\n%s", diff)
	}
}

func TestMatchPath(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		pattern, path string
		want          bool
	}{
		{"a > b", "a > b", true}, {"a>b", "a > b", true}, {"a > b", "a > b > c", false}, {"a > b", "b", false},
		{"* > b", "a > b", true}, {"*", "a > b", false}, {"* > b", "b", false}, {"*", "@s/b", true},
		{"**", "a > b > c", true}, {"** > c", "a > b > c", true}, {"** > c", "c", true}, {"a > **", "a", true},
		{"a > ** > c", "a > c", true}, {"a > ** > c", "a > x > c > y > c", true}, {"a > ** > c", "a > b", false},
		{"** > b > ** > d", "a > b > c > b > d", true}, {"** > b > * > d", "a > b > b > d", true},
		{"@s/* > b", "@s/x > b", true}, {"@s/* > b", "@t/x > b", false}, {"a*c", "abbc", true}, {"a*c*e", "abcde", true},
		{"a*c", "ab", false}, {"a**c", "abc", true}, {"root > ***", "root > x", true}, {"a?", "ab", false}, {"A", "a", false},
	} {
		if got := matchPath(segments(tc.pattern), segments(tc.path)); got != tc.want {
			t.Errorf("matchPath(%q, %q) = %v, want %v", tc.pattern, tc.path, got, tc.want)
		}
	}
	// In exponential time a hostile pattern would never end.
	matchPath(segments(strings.Repeat("** > *a*a*a*b > ", 200)+"x"), segments(strings.Repeat(strings.Repeat("a", 200)+" > ", 1000)+"y"))
}

// FuzzMatch compares with the definition.
func FuzzMatch(f *testing.F) {
	f.Add("a > ** > c*", "a > b > cd")
	f.Fuzz(func(t *testing.T, pattern, path string) {
		if len(pattern) > 40 || len(path) > 40 {
			return
		}
		p, s := segments(pattern), segments(path)
		if got, want := matchPath(p, s), matchSlowly(p, s); got != want {
			t.Errorf("matchPath(%q, %q) = %v, want %v", pattern, path, got, want)
		}
	})
}

func matchSlowly(pattern, path []string) bool {
	switch {
	case len(pattern) == 0:
		return len(path) == 0
	case pattern[0] == "**":
		return matchSlowly(pattern[1:], path) || len(path) > 0 && matchSlowly(pattern, path[1:])
	}
	return len(path) > 0 && textSlowly(pattern[0], path[0]) && matchSlowly(pattern[1:], path[1:])
}

func textSlowly(pattern, text string) bool {
	switch {
	case pattern == "":
		return text == ""
	case pattern[0] == '*':
		return textSlowly(pattern[1:], text) || text != "" && textSlowly(pattern, text[1:])
	}
	return text != "" && pattern[0] == text[0] && textSlowly(pattern[1:], text[1:])
}
