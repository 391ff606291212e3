package remedy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
)

// lockOf makes a lock file of lines such as "mkdirp@0.5.5: minimist ^1.2.5, dev other *".
// A line that begins with "/" is of a project in that folder, "/" of the root; "[dev]" at
// its end is what the lock file claims. Names lead to the last entry of the name; those
// with an @ to that version.
func lockOf(format lockfile.Format, lines ...string) lockfile.Lock {
	lock := lockfile.Lock{Path: "package-lock.json", Format: format}
	at := map[string]int{}
	for i, line := range lines {
		head, _, _ := strings.Cut(line, ":")
		head, dev := strings.CutSuffix(head, " [dev]")
		e := lockfile.Entry{Line: i + 1, Source: lockfile.Registry, Dev: dev}
		if dir, ok := strings.CutPrefix(head, "/"); ok {
			e.Source, e.Location, e.Name = lockfile.Project, dir, "shop"
		} else {
			cut := strings.LastIndex(head, "@")
			e.Name, e.Version = head[:cut], head[cut+1:]
		}
		at[e.Name], at[head] = i, i
		lock.Entries = append(lock.Entries, e)
	}
	for i, line := range lines {
		_, list, _ := strings.Cut(line, ":")
		for item := range strings.SplitSeq(list, ", ") {
			item = strings.TrimSpace(item)
			if item == "" {
				continue
			}
			r := lockfile.Require{Kind: lockfile.Prod}
			if rest, ok := strings.CutPrefix(item, "dev "); ok {
				item, r.Kind = rest, lockfile.Dev
			}
			name, wanted, _ := strings.Cut(item, " ")
			to, ok := at[name]
			if !ok {
				to = -1
			}
			r.Name, _, _ = strings.Cut(name, "@")
			r.Range, r.To = wanted, to
			lock.Entries[i].Requires = append(lock.Entries[i].Requires, r)
		}
	}
	return lock
}

// find is the entry of a name, or of a name and version.
func find(t *testing.T, lock lockfile.Lock, spec string) int {
	t.Helper()
	i := slices.IndexFunc(lock.Entries, func(e lockfile.Entry) bool { return e.Name == spec || e.Name+"@"+e.Version == spec })
	if i < 0 {
		t.Fatalf("no entry is %s", spec)
	}
	return i
}

func TestChains(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		lines []string
		want  []string
	}{
		"direct":     {[]string{"/: x *", "x@1"}, []string{"root > x"}},
		"by another": {[]string{"/: a *", "a@1: x *", "x@1"}, []string{"root > a > x"}},
		"shortest first": {
			[]string{"/: a *, x *", "a@1: b *", "b@1: x *", "x@1"}, []string{"root > x", "root > a > b > x"},
		},
		"several projects": {
			[]string{"/: a *", "/packages/web: x *", "a@1: x *", "x@1"}, []string{"packages/web > x", "root > a > x"},
		},
		"a cycle":             {[]string{"/: a *", "a@1: b *", "b@1: a *, x *", "x@1: a *"}, []string{"root > a > b > x"}},
		"itself":              {[]string{"/: x *", "x@1: x *"}, []string{"root > x"}},
		"nobody":              {[]string{"/: a *", "a@1", "x@1"}, nil},
		"by nobody's":         {[]string{"/: a *", "a@1", "b@1: x *", "x@1"}, nil},
		"a cycle by itself":   {[]string{"/: a *", "a@1", "b@1: x *", "x@1: b *"}, nil},
		"a project of itself": {[]string{"/: shop *, x *", "x@1"}, []string{"root > x"}},
		"no project":          {[]string{"a@1: x *", "x@1"}, nil},
		"for development":     {[]string{"/: dev x *", "x@1"}, []string{"root > x"}},
		"two versions":        {[]string{"/: a *, x@2 *", "a@1: x@1 *", "x@1", "x@2"}, []string{"root > a > x"}},
		"nothing there":       {[]string{"/: a *, gone *", "a@1: gone *, x *", "x@1"}, []string{"root > a > x"}},
		"a workspace by another": {
			[]string{"/: shop *", "/lib: x *", "x@1"}, []string{"lib > x"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lock := lockOf(lockfile.NPM, tc.lines...)
			chains, more := New(lock).Chains(find(t, lock, "x"))
			var got []string
			for _, chain := range chains {
				got = append(got, strings.Join(chain, " > "))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || more {
				t.Errorf("Chains of x in %q, more: %v (-want +got):\n%s", tc.lines, more, diff)
			}
		})
	}
}

// There can be more ways than anybody could count, and graphs without an end: time and
// memory are bounded, and what was not counted is said.
func TestChainsAreBounded(t *testing.T) {
	t.Parallel()
	layers := []string{"/: a0-0 *, a0-1 *, a0-2 *"}
	for i := range 40 {
		for j := range 3 {
			line := fmt.Sprintf("a%d-%d@1: ", i, j)
			for k := range 3 {
				line += fmt.Sprintf("a%d-%d *, ", i+1, k)
			}
			layers = append(layers, line)
		}
	}
	layers = append(layers, "a40-0@1: x *", "a40-1@1: x *", "a40-2@1: x *", "x@1")
	clique := []string{"/: n0 *"}
	for i := range 60 {
		line := fmt.Sprintf("n%d@1: ", i)
		for j := range 60 {
			line += fmt.Sprintf("n%d *, ", j)
		}
		clique = append(clique, line+"x *")
	}
	clique = append(clique, "x@1")
	unreached := append([]string{"/: a *", "a@1"}, clique[1:]...) // the same, and no project leads to it
	long := []string{"/: c0 *"}
	for i := range 20_000 {
		long = append(long, fmt.Sprintf("c%d@1: c%d *", i, i+1))
	}
	long = append(long, "c20000@1: x *", "x@1")
	for name, tc := range map[string]struct {
		lines []string
		least int
		most  int
		more  bool
	}{
		"3^41 ways": {layers, 1, maxChains, true}, "everybody requires everybody": {clique, 1, maxChains, true},
		"unreached": {unreached, 0, 0, false}, "a long one": {long, 0, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lock := lockOf(lockfile.NPM, tc.lines...)
			entry := find(t, lock, "x")
			g := New(lock)
			chains, more := g.Chains(entry) // all the ways would take years
			if len(chains) > tc.most || len(chains) < tc.least || more != tc.more {
				t.Errorf("Chains: %d, more: %v; want %d to %d, more: %v", len(chains), more, tc.least, tc.most, tc.more)
			}
		})
	}
}

// What a package is for is who requires it; the claim counts only if nobody can tell.
func TestDevOnly(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		lines []string
		want  bool
	}{
		"for production":               {[]string{"/: x *", "x@1"}, false},
		"for development":              {[]string{"/: dev x *", "x@1"}, true},
		"claimed to be dev":            {[]string{"/: x *", "x@1 [dev]"}, false},
		"claimed, below a package":     {[]string{"/: a *", "a@1 [dev]: x *", "x@1 [dev]"}, false},
		"below a dev package":          {[]string{"/: dev a *", "a@1: x *", "x@1"}, true},
		"by both":                      {[]string{"/: dev a *, b *", "a@1: x *", "b@1: x *", "x@1 [dev]"}, false},
		"by both, in a cycle":          {[]string{"/: dev a *, b *", "a@1: b *", "b@1: a *, x *", "x@1"}, false},
		"of a workspace":               {[]string{"/: dev a *", "/lib: x *", "a@1", "x@1 [dev]"}, false},
		"dev of a package is not ours": {[]string{"/: a *", "a@1: dev x *", "x@1"}, false},
		"unreached":                    {[]string{"/: a *", "a@1", "x@1"}, false},
		"unreached, claimed":           {[]string{"/: a *", "a@1", "x@1 [dev]"}, false},
		"no edges, claimed":            {[]string{"/: ", "a@1", "x@1 [dev]"}, true},
		"no edges, not claimed":        {[]string{"/: ", "a@1", "x@1"}, false},
		"no projects, claimed":         {[]string{"a@1: x *", "x@1 [dev]"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lock := lockOf(lockfile.NPM, tc.lines...)
			if got := New(lock).DevOnly(find(t, lock, "x")); got != tc.want {
				t.Errorf("DevOnly of x in %q = %v, want %v", tc.lines, got, tc.want)
			}
		})
	}
}

// Edges that lead nowhere are left out, whatever a reader makes of a hostile file.
func TestEdgesToNowhere(t *testing.T) {
	t.Parallel()
	lock := lockfile.Lock{Format: lockfile.NPM, Entries: []lockfile.Entry{
		{Source: lockfile.Project, Requires: []lockfile.Require{{Name: "x", To: 7}, {Name: "x", To: -5}, {Name: "x", To: 1}}},
		{Name: "x", Version: "1", Requires: []lockfile.Require{{Name: "x", To: 1}, {Name: "y", To: 1 << 40}}},
	}}
	g := New(lock)
	chains, more := g.Chains(1)
	if diff := cmp.Diff([][]string{{"root", "x"}}, chains); diff != "" || more || g.DevOnly(1) {
		t.Errorf("Chains, more: %v, DevOnly: %v (-want +got):\n%s", more, g.DevOnly(1), diff)
	}
	if got := g.Of(1, []string{"2"}); got.Text == "" {
		t.Errorf("Of(1) = %+v, want a text", got)
	}
}
