package drift

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
)

func asks(kind lockfile.Kind, to int) lockfile.Require {
	return lockfile.Require{Name: "x", Kind: kind, To: to}
}

// The project is entry 0, and x is the last one.
func TestReach(t *testing.T) {
	t.Parallel()
	root := func(requires ...lockfile.Require) lockfile.Entry {
		return lockfile.Entry{Source: lockfile.Project, Requires: requires}
	}
	through := func(requires ...lockfile.Require) lockfile.Entry {
		return lockfile.Entry{Name: "m", Version: "1", Source: lockfile.Registry, Requires: requires}
	}
	x := lockfile.Entry{Name: "x", Version: "1", Source: lockfile.Registry}
	dev, optional, both, peer := x, x, x, x
	dev.Dev, optional.Optional, both.DevOptional, peer.Peer = true, true, true, true
	never := lockfile.Entry{Source: lockfile.Project, Location: "tools", Dev: true, Requires: []lockfile.Require{asks(lockfile.Prod, 2)}}
	for name, tc := range map[string]struct {
		entries []lockfile.Entry
		want    []string
	}{
		"dev is dev":           {[]lockfile.Entry{root(asks(lockfile.Dev, 1)), dev}, nil},
		"dev is prod":          {[]lockfile.Entry{root(asks(lockfile.Prod, 1)), dev}, []string{"fail lint/reach x@1"}},
		"prod of dev":          {[]lockfile.Entry{root(asks(lockfile.Dev, 1)), through(asks(lockfile.Prod, 2)), dev}, nil},
		"dev and prod":         {[]lockfile.Entry{root(asks(lockfile.Dev, 2), asks(lockfile.Prod, 1)), through(asks(lockfile.Prod, 2)), dev}, []string{"fail lint/reach x@1"}},
		"dev is optional":      {[]lockfile.Entry{root(asks(lockfile.Optional, 1)), dev}, []string{"fail lint/reach x@1"}},
		"optional":             {[]lockfile.Entry{root(asks(lockfile.Optional, 1)), optional}, nil},
		"below optional":       {[]lockfile.Entry{root(asks(lockfile.Optional, 1)), through(asks(lockfile.Prod, 2)), optional}, nil},
		"optional is prod":     {[]lockfile.Entry{root(asks(lockfile.Prod, 1)), optional}, []string{"fail lint/reach x@1"}},
		"overlap":              {[]lockfile.Entry{root(asks(lockfile.Dev, 2), asks(lockfile.Optional, 1)), through(asks(lockfile.Prod, 2)), both}, nil},
		"overlap is prod":      {[]lockfile.Entry{root(asks(lockfile.Prod, 1)), both}, []string{"fail lint/reach x@1"}},
		"peer":                 {[]lockfile.Entry{root(asks(lockfile.Prod, 1)), through(asks(lockfile.Peer, 2)), peer}, nil},
		"peer is prod":         {[]lockfile.Entry{root(asks(lockfile.Prod, 1)), peer}, []string{"fail lint/reach x@1"}},
		"a circle is no way":   {[]lockfile.Entry{root(asks(lockfile.Prod, 3)), through(asks(lockfile.Prod, 2)), through(asks(lockfile.Prod, 1)), x}, []string{"warn lint/extraneous m@1"}},
		"a project's for dev":  {[]lockfile.Entry{root(asks(lockfile.Dev, 1)), never, dev}, nil},
		"a project's, of none": {[]lockfile.Entry{root(asks(lockfile.Prod, 2)), never, dev}, []string{"fail lint/reach x@1"}},
		"no graph at all":      {[]lockfile.Entry{root(), dev}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := said(reachable(Facts{Lock: lockfile.Lock{Path: lock, Format: lockfile.NPM, Entries: tc.entries}}))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("reachable (-want +got):\n%s", diff)
			}
		})
	}
}
