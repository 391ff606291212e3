package meaning

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func ignoring(t *testing.T, lines ...string) Ignore {
	t.Helper()
	ignore, err := ParseIgnore(lines)
	if err != nil {
		t.Fatalf("ParseIgnore(%q): %v", lines, err)
	}
	return ignore
}

func TestWhatIsIgnoredDoesNotCount(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		lines         string // parted by |
		file          string
		before, after string
		want          bool
	}{
		"nothing":           {"", "a.yaml", "a: 1", "a: 2", false},
		"a place":           {"$.a", "a.yaml", "a: 1\nb: 1", "a: 2\nb: 1", true},
		"without $":         {"x.a", "a.yaml", "x: {a: 1, b: 1}", "x: {a: 2, b: 1}", true},
		"another place":     {"$.x.a", "a.yaml", "a: 1\nx: {b: 1}", "a: 2\nx: {b: 1}", false},
		"one that is new":   {"$.a", "a.yaml", "b: 1", "a: 2\nb: 1", true},
		"one that goes":     {"$.a", "a.yaml", "a: {x: [1]}\nb: 1", "b: 1", true},
		"all of a mapping":  {"$.m.a", "a.yaml", "m: {a: 1}\nb: 1", "b: 1", true},
		"an empty mapping":  {"$.m.a", "a.yaml", "m: {}\nb: 1", "b: 1", false},
		"more of a mapping": {"$.m.a", "a.yaml", "m: {a: 1, c: 1}\nb: 1", "b: 1", false},
		"of a list":         {"$.l[?(@.name == 'a')]", "a.yaml", "l: [{name: a, x: 1}, {name: b}]", "l: [{name: b}, {name: a, x: 2}]", true},
		"in a list":         {"$.l[*].x", "a.yaml", "l: [{name: a, x: 1}]", "l: [{name: a}]", true},
		"all of a list":     {"$.l[*]", "a.yaml", "l: [1, 2]\nb: 1", "b: 1", true},
		"an empty list":     {"$.l[*]", "a.yaml", "l: []\nb: 1", "b: 1", false},
		"anywhere":          {"$..at", "a.yaml", "x: [{at: 1, b: 2}]\nat: 1", "x: [{at: 2, b: 2}]", true},
		"JSON":              {"built", "a.json", `{"built": 1, "b": 2}`, `{"b": 2, "built": 3}`, true},
		"each document":     {"$.a", "a.yaml", "a: 1\nb: 1\n---\na: 1\nb: 2", "a: 2\nb: 1\n---\na: 3\nb: 2", true},
		"a whole document":  {"$.a", "a.yaml", "b: 1\n---\na: 1", "b: 1", true},
		"the root":          {"$", "a.yaml", "b: 1", "b: 2", true},
		"several":           {"$.a||  $.b ", "a.yaml", "a: 1\nb: 1\nc: 1", "a: 2\nb: 2\nc: 1", true},

		"not by an alias":    {"$.b.p", "a.yaml", "a: &x {p: 1, q: 1}\nb: *x", "a: &x {p: 2, q: 1}\nb: *x", false},
		"nor the other way":  {"$.a.p", "a.yaml", "a: &x {p: 1, q: 1}\nb: *x", "a: &x {p: 2, q: 1}\nb: *x", false},
		"by both":            {"$.*.p", "a.yaml", "a: &x {p: 1, q: 1}\nb: *x", "a: &x {p: 2, q: 1}\nb: *x", true},
		"a scalar's alias":   {"$.a", "a.yaml", "a: &x 1\nb: *x", "a: &x 2\nb: *x", false},
		"what is merged":     {"$.b.p", "a.yaml", "b: {<<: {p: 1}, q: 1}", "b: {<<: {p: 2}, q: 1}", true},
		"a merged alias":     {"$.b.p", "a.yaml", "a: &x {p: 1}\nb: {<<: *x, q: 1}", "a: {p: 1}\nb: {q: 1, p: 3}", true},
		"where it is merged": {"$.b.p", "a.yaml", "a: &x {p: 1}\nb: {<<: *x, q: 1}", "a: &x {p: 2}\nb: {<<: *x, q: 1}", false},

		"a pattern":           {"*.yaml: $.a", "x/a.yaml", "a: 1\nb: 1", "a: 2\nb: 1", true},
		"without $, too":      {"a.yaml: a", "a.yaml", "a: 1\nb: 1", "a: 2\nb: 1", true},
		"of another file":     {"b.yaml: $.a", "a.yaml", "a: 1\nb: 1", "a: 2\nb: 1", false},
		"with a folder":       {"x/**/*.yaml: $.a", "x/y/a.yaml", "a: 1\nb: 1", "a: 2\nb: 1", true},
		"from the root":       {"/x/*.yaml: $.a", "x/a.yaml", "a: 1\nb: 1", "a: 2\nb: 1", true},
		"of another folder":   {"x/*.yaml: $.a", "x/y/a.yaml", "a: 1\nb: 1", "a: 2\nb: 1", false},
		"a colon in a filter": {"$.l[?(@.n == 'a: b')].x", "a.yaml", "l: [{n: 'a: b', x: 1}]", "l: [{n: 'a: b', x: 2}]", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ignore := ignoring(t, strings.Split(tc.lines, "|")...)
			if got := Same(tc.file, []byte(tc.before), []byte(tc.after), ignore); got != tc.want {
				t.Errorf("Same(%q, %q, %q, ignore %q) = %v, want %v", tc.file, tc.before, tc.after, tc.lines, got, tc.want)
			}
		})
	}
}

func TestDefaultsDoNotCount(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		before, after string
		want          bool
	}{
		"a timestamp":     {"annotations: {team: shop}", "annotations: {team: shop, example.com/Build-Timestamp: x}", true},
		"a checksum":      {"annotations: {checksum/config: a}", "annotations: {checksum/config: b}", true},
		"and no other":    {"annotations: {checksum/config: a, team: shop}", "annotations: {checksum/config: b}", false},
		"a label":         {"labels: {timestamp: a}", "labels: {timestamp: b}", true},
		"the only ones":   {"labels: {timestamp: a}", "name: web", false},
		"with the rest":   {"labels: {timestamp: a}\n  name: web", "name: web", true},
		"created":         {"creationTimestamp: null\n  name: web", "name: web", true},
		"a restart":       {"annotations: {kubectl.kubernetes.io/restartedAt: a}", "annotations: {kubectl.kubernetes.io/restartedAt: b}", false},
		"somewhere else":  {"timestamp: a", "timestamp: b", false},
		"under a name":    {"x: {annotations: {timestamp: a}}", "x: {annotations: {timestamp: b}}", false},
		"no annotation":   {"x: {timestamp: a}", "x: {timestamp: b}", false},
		"no scalar":       {"annotations: {timestamp: [a]}", "annotations: {timestamp: [b]}", false},
		"generated":       {"name: a\ngeneratedAt: 1", "name: a\ngeneratedAt: 2", true},
		"generated in it": {"name: a\nx: [{generatedAt: 1, a: 1}]", "name: a\nx: [{GeneratedAt: 2, a: 1}]", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, in := range []string{"metadata:\n  ", "spec: {replicas: 1}\nmetadata:\n  "} {
				if name == "the only ones" && in == "metadata:\n  " {
					continue
				}
				before, after := []byte(in+tc.before), []byte(in+tc.after)
				if got := Same("a.yaml", before, after, ignoring(t)); got != tc.want {
					t.Errorf("Same(%q, %q) = %v, want %v", before, after, got, tc.want)
				}
				if Same("a.yaml", before, after, ignoring(t, "!defaults")) {
					t.Errorf("Same(%q, %q) = true without the defaults", before, after)
				}
			}
		})
	}
	pods := func(checksum string) []byte {
		return []byte(strings.Replace(deployment, "  template:\n", "  template:\n    metadata: {annotations: {checksum/config: "+
			checksum+"}}\n", 1))
	}
	if !Same("a.yaml", pods("a"), pods("b"), Ignore{}) || !Same("a.yaml", pods("a"), []byte(deployment), Ignore{}) {
		t.Error("Same = false for another checksum on a pod")
	}
}

func TestEachDefaultBites(t *testing.T) {
	t.Parallel()
	for _, d := range Defaults {
		keys := strings.Split(strings.ReplaceAll(d, "*", "x"), ".")
		nested := func(value string) []byte {
			return []byte("b: 1\n" + strings.Join(keys, ": {") + ": " + value + strings.Repeat("}", len(keys)-1))
		}
		if !Same("a.yaml", nested("1"), nested("2"), Ignore{}) {
			t.Errorf("Same(%q, with 2) = false, but %q is one of the defaults", nested("1"), d)
		}
	}
}

func TestParseIgnoreRefuses(t *testing.T) {
	t.Parallel()
	_, err := ParseIgnore([]string{"$.a", "$.a[", "", "[: $.a", "*.yaml:  ", ": a", "$.ok", "a b"})
	if err == nil {
		t.Fatal("ParseIgnore: no error")
	}
	var told []string
	for line := range strings.SplitSeq(err.Error(), "\n") {
		told = append(told, line[:min(len(line), 7)])
	}
	if diff := cmp.Diff([]string{"line 2:", "line 4:", "line 5:", "line 6:", "line 8:"}, told); diff != "" {
		t.Errorf("ParseIgnore: %v (-want +got):\n%s", err, diff)
	}
	if _, err := ParseIgnore([]string{strings.Repeat("[", 5000) + ": \x1b##vso[x]"}); err == nil ||
		len(err.Error()) > 400 || strings.ContainsAny(err.Error(), "\x1b\n") {
		t.Errorf("ParseIgnore of a hostile line: %v", err)
	}
}
