package drift

import (
	"testing"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/installed"
)

func TestKinds(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		manifest, lock []lockfile.Kind
		location       string
		want           int
	}{
		"the same":                 {[]lockfile.Kind{lockfile.Prod}, []lockfile.Kind{lockfile.Prod}, "", 0},
		"for development":          {[]lockfile.Kind{lockfile.Dev}, []lockfile.Kind{lockfile.Dev}, "", 0},
		"moved to production":      {[]lockfile.Kind{lockfile.Prod}, []lockfile.Kind{lockfile.Dev}, "", 1},
		"moved in a workspace":     {[]lockfile.Kind{lockfile.Prod}, []lockfile.Kind{lockfile.Dev}, "packages/a", 1},
		"in both":                  {[]lockfile.Kind{lockfile.Prod, lockfile.Dev}, []lockfile.Kind{lockfile.Prod, lockfile.Dev}, "", 0},
		"moved to development":     {[]lockfile.Kind{lockfile.Dev}, []lockfile.Kind{lockfile.Prod}, "", 0},
		"not in the lock file":     {[]lockfile.Kind{lockfile.Prod}, nil, "", 0},
		"optional in the manifest": {[]lockfile.Kind{lockfile.Optional}, []lockfile.Kind{lockfile.Dev}, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requires := func(kinds []lockfile.Kind) (all []lockfile.Require) {
				for _, kind := range kinds {
					all = append(all, lockfile.Require{Name: "a", Range: "^1.0.0", Kind: kind, To: -1})
				}
				return all
			}
			got := kinds(Facts{
				Lock: lockfile.Lock{Path: "package-lock.json", Format: lockfile.NPM, Entries: []lockfile.Entry{
					{Source: lockfile.Project, Location: tc.location, Requires: requires(tc.lock)},
				}},
				Trees: []installed.Tree{{Kind: installed.NodeModules, Projects: []installed.Package{
					{Path: tc.location, Requires: requires(tc.manifest)},
				}}},
			})
			if len(got) != tc.want {
				t.Errorf("kinds() = %v, want %d findings", got, tc.want)
			}
		})
	}
}

// A finding about a project is shown at its manifest, and not at a folder.
func TestEdgesOfProjectsNameTheManifest(t *testing.T) {
	t.Parallel()
	got := nodeEdges(Facts{
		Lock: lockfile.Lock{Path: "web/package-lock.json", Format: lockfile.NPM, Entries: []lockfile.Entry{{Source: lockfile.Project}}},
		Trees: []installed.Tree{{Kind: installed.NodeModules, Projects: []installed.Package{{
			Path: "api", Source: lockfile.Project,
			Requires: []lockfile.Require{{Name: "a", Range: "^1.0.0", Kind: lockfile.Prod, To: -1}},
		}}}},
	})
	if len(got) != 1 || got[0].Rule != "edges/missing" || got[0].Path != "web/api/package.json" {
		t.Errorf("nodeEdges() = %+v, want one edges/missing at web/api/package.json", got)
	}
}
