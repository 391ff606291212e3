package lockfile

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestChangedRanges: only where nothing but ranges is different these are told.
func TestChangedRanges(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		project string
		edits   []edit
		want    []string // kind, what is asked for, and what is locked
	}{
		"npm": {"npm3", []edit{{rootManifest, "~4.3.0", "^4.3.1"}}, []string{"prod debug@^4.3.1 is debug 4.3.7 in node_modules/debug"}},
		"npm, two of them": {"npm3", []edit{{rootManifest, "~4.3.0", "^4.3.1"}, {rootManifest, `"has-flag": "4.0.0"`, `"has-flag": "*"`}},
			[]string{"prod debug@^4.3.1 is debug 4.3.7 in node_modules/debug", "dev has-flag@* is has-flag 4.0.0 in node_modules/has-flag"}},
		"npm, alias": {"npm3", []edit{{rootManifest, "npm:ms@2.0.0", "npm:ms@^2.0.0"}},
			[]string{"dev ms2@npm:ms@^2.0.0 is ms 2.0.0 in node_modules/ms2"}},
		"npm, of a workspace": {"npm3", []edit{{memberManifest, "2.1.2", "^2.1.1"}},
			[]string{"prod ms@^2.1.1 is ms 2.1.2 in packages/b/node_modules/ms"}},
		"npm, there for another project": {"npm3", []edit{{memberManifest, `"ms"`, `"debug": "4", "ms"`}},
			[]string{"prod debug@4 is debug 4.3.7 in node_modules/debug"}},
		"npm, not there":         {"npm3", []edit{{rootManifest, `"ms"`, `"left-pad": "*", "ms"`}}, nil},
		"npm, one is not there":  {"npm3", []edit{{rootManifest, `"ms"`, `"left-pad": "*", "ms"`}, {rootManifest, "~4.3.0", "^4.3.1"}}, nil},
		"npm, one is taken away": {"npm3", []edit{{rootManifest, `, "debug": "~4.3.0"`, ""}, {rootManifest, "^3.0.0", "^3.0.1"}}, nil},
		"npm, two ranges of one": {"npm3", []edit{{rootManifest, `"has-flag": "4.0.0"`, `"debug": "^4.3.1", "has-flag": "4.0.0"`}}, nil},
		"npm, one in two kinds, and one that is not there": {"npm3", []edit{{rootManifest, "~4.3.0", "^4.3.1"},
			{rootManifest, `"has-flag": "4.0.0"`, `"debug": "^4.3.1", "left-pad": "*", "has-flag": "4.0.0"`}}, nil},
		"npm, a new workspace too": {"npm3", []edit{{rootManifest, "~4.3.0", "^4.3.1"},
			{"packages/c/package.json", "", `{"name": "c", "version": "1.0.0"}`}}, nil},
		"npm, an override too": {"npm3", []edit{{rootManifest, "~4.3.0", "^4.3.1"},
			{rootManifest, `"brace-expansion": "1.1.11"`, `"brace-expansion": "1.1.12"`}}, nil},
		"npm 6 keeps no ranges": {"npm1", []edit{{rootManifest, `"has-flag": "4.0.0"`, `"has-flag": "4.0.1"`}}, nil},
		"pnpm": {"pnpm10", []edit{{rootManifest, `"has-flag": "4.0.0"`, `"has-flag": "^4.0.0"`}},
			[]string{"dev has-flag@^4.0.0 is has-flag 4.0.0 in "}},
		"pnpm, of a workspace":            {"pnpm8", []edit{{memberManifest, "2.1.2", "^2.1.1"}}, []string{"prod ms@^2.1.1 is ms 2.1.2 in "}},
		"pnpm, alone":                     {"pnpm8single", []edit{{rootManifest, "^4.3.4", "^4.3.5"}}, []string{"prod debug@^4.3.5 is debug 4.4.3 in "}},
		"pnpm, there for another project": {"pnpm10", []edit{{memberManifest, `"ms"`, `"debug": "4", "ms"`}}, nil},
		"pnpm, an override too": {"pnpm10", []edit{{rootManifest, `"has-flag": "4.0.0"`, `"has-flag": "^4.0.0"`},
			{rootManifest, `"debug": "4.3.4"`, `"debug": "4.3.4", "x": "1"`}}, nil},
		"Yarn 1 takes another version": {"yarn1", []edit{{rootManifest, "~4.3.0", "^4.3.1"}}, nil},
		"Yarn takes another version":   {"yarn4", []edit{{rootManifest, "~4.3.0", "^4.3.1"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tree := edited(t, tc.project, tc.edits)
			lock, err := Read(tree, lockIn(t, tree))
			if err != nil {
				t.Fatal(err)
			}
			var stale *StaleError
			if err := Stale(tree, lock); !errors.As(err, &stale) {
				t.Fatalf("Stale: got %v, want a StaleError", err)
			}
			var got []string
			for _, r := range stale.Changed {
				to := lock.Entries[r.To]
				got = append(got, fmt.Sprintf("%s %s@%s is %s %s in %s", r.Kind, r.Name, r.Range, to.Name, to.Version, to.Location))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Changed of Stale, which says %q (-want +got):\n%s", stale.Differences, diff)
			}
		})
	}
}
