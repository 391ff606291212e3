package drift

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
)

// The project asks for p 1.5.0, and p for q, which is locked as 1.0.0.
func TestForcedWithin(t *testing.T) {
	t.Parallel()
	entries := func(change func(p, q *lockfile.Entry)) []lockfile.Entry {
		all := []lockfile.Entry{
			{Source: lockfile.Project, Requires: []lockfile.Require{{Name: "p", Range: "^1.0.0", Kind: lockfile.Prod, To: 1}}},
			{Name: "p", Version: "1.5.0", Source: lockfile.Registry,
				Requires: []lockfile.Require{{Name: "q", Range: "^1.0.0", Kind: lockfile.Prod, To: 2}}},
			{Name: "q", Version: "1.0.0", Source: lockfile.Registry},
		}
		if change != nil {
			change(&all[1], &all[2])
		}
		return all
	}
	bad := []string{"fail drift/override q@1.0.0"}
	for name, tc := range map[string]struct {
		forced map[string]string
		change func(p, q *lockfile.Entry)
		want   []string
	}{
		"another version":                {forced: map[string]string{"q": "", "p>q": "1.0.1"}, want: bad},
		"so it is":                       {forced: map[string]string{"q": "", "p>q": "1.0.0"}},
		"a range":                        {forced: map[string]string{"q": "", "p>q": ">=1.0.1"}, want: bad},
		"several":                        {forced: map[string]string{"q": "", "p>q": ""}},
		"a tag":                          {forced: map[string]string{"q": "", "p>q": "next"}},
		"an alias":                       {forced: map[string]string{"q": "", "p>q": "npm:r@2"}},
		"within another":                 {forced: map[string]string{"q": "", "r>q": "1.0.1"}},
		"of another":                     {forced: map[string]string{"r": "", "p>r": "1.0.1"}},
		"for this version":               {forced: map[string]string{"q": "", "p@^1.4.0>q": "1.0.1"}, want: bad},
		"for another version":            {forced: map[string]string{"q": "", "p@^2.0.0>q": "1.0.1"}},
		"for a range with a bracket":     {forced: map[string]string{"q": "", "p@>1.4.0>q": "1.0.1"}, want: bad},
		"for no range":                   {forced: map[string]string{"q": "", "p@next>q": "1.0.1"}},
		"two rules, one kept":            {forced: map[string]string{"q": "", "p>q": "1.0.1", "p@1>q": "1.0.0"}},
		"two rules, one for another":     {forced: map[string]string{"q": "", "p>q": "1.0.1", "p@2>q": "1.0.0"}, want: bad},
		"peers are not looked at":        {forced: map[string]string{"q": "", "p>q": "1.0.1"}, change: func(p, _ *lockfile.Entry) { p.Requires[0].Kind = lockfile.Peer }},
		"what is not there":              {forced: map[string]string{"q": "", "p>q": "1.0.1"}, change: func(p, _ *lockfile.Entry) { p.Requires[0].To = -1 }},
		"what comes inside of a package": {forced: map[string]string{"q": "", "p>q": "1.0.1"}, change: func(_, q *lockfile.Entry) { q.Source = lockfile.Bundled }},
		"a parent that is superfluous":   {forced: map[string]string{"q": "", "p>q": "1.0.1"}, change: func(p, _ *lockfile.Entry) { p.Ghost = true }},
		"a project of the same name":     {forced: map[string]string{"q": "", "p>q": "1.0.1"}, change: func(p, _ *lockfile.Entry) { p.Source = lockfile.Project }},
		"the parent has a scope":         {forced: map[string]string{"q": "", "@s/p>q": "1.0.1"}, change: func(p, _ *lockfile.Entry) { p.Name = "@s/p" }, want: bad},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := Facts{Lock: lockfile.Lock{Path: lock, Format: lockfile.NPM, Entries: entries(tc.change)}, Overrides: tc.forced}
			if diff := cmp.Diff(tc.want, said(forcedWithin(f))); diff != "" {
				t.Errorf("forcedWithin with %q (-want +got):\n%s", tc.forced, diff)
			}
			f.Lock.Format = lockfile.Yarn1
			if got := forcedWithin(f); got != nil {
				t.Errorf("forcedWithin with %q, for Yarn: got %v, want nothing: only npm reads that", tc.forced, got)
			}
		})
	}
}
