package advisory

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestApply(t *testing.T) {
	t.Parallel()
	minimist := Advisory{Ecosystem: "npm", Ranges: []Range{{Introduced: "1.0.0", Fixed: "1.2.6"}, {Fixed: "0.2.4"}}, Versions: []string{"0.9.0"}}
	last := Advisory{Ecosystem: "PyPI", Ranges: []Range{{Introduced: "1.0", LastAffected: "2.0"}}, Versions: []string{"2004d", "3.0"}}
	open := Advisory{Ecosystem: "Go", Ranges: []Range{{Introduced: "1.0.0", Fixed: "1.5.0"}, {Introduced: "1.5.0-rc.1", Fixed: "1.5.1"}, {Introduced: "2.0.0"}}}
	always := Advisory{Ecosystem: "npm", Ranges: []Range{{Introduced: "0"}}, Malicious: true}
	for name, tc := range map[string]struct {
		a        Advisory
		versions string
		hit      bool
		fixed    []string
	}{
		"in the range":       {minimist, "1.0.0 1.2.5 v1.2.5 1.2.6-beta 1.0.0+build", true, []string{"1.2.6"}},
		"in the first range": {minimist, "0.2.3 0.0.0-alpha", true, []string{"0.2.4", "1.2.6"}},
		"listed":             {minimist, "0.9.0 v0.9.0", true, []string{"1.2.6"}},
		"outside":            {minimist, "0.2.4 0.9.1 1.2.6 2.0.0 1.0.0-rc.1", false, nil},
		"last":               {last, "1.0 2.0 2.0.0 2.0+cu118", true, nil},
		"behind last":        {last, "2.0.post1 2.1 0.9", false, nil},
		"listed only":        {last, "3.0 3.0.0 3.0+local", true, nil},
		"listed, no version": {last, "2004d", true, nil},
		"fixes in ranges":    {open, "v1.2.0 1.4.0", true, []string{"1.5.1"}},
		"no fix":             {open, "2.0.0 v3.0.0+incompatible", true, nil},
		"go behind":          {open, "1.5.1 v1.9.0 0.9.0", false, nil},
		"always":             {always, "1.0.0 0.0.0-0 latest ", true, nil},
	} {
		for version := range strings.SplitSeq(tc.versions, " ") {
			hit, err := tc.a.Apply(version)
			if err != nil || (hit != nil) != tc.hit {
				t.Errorf("%s: Apply(%q) = %v, %v, want a hit: %v", name, version, hit, err, tc.hit)
				continue
			}
			if hit != nil {
				if diff := cmp.Diff(tc.fixed, hit.Fixed, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("%s: fixes of %q (-want +got):\n%s", name, version, diff)
				}
			}
		}
	}
	for _, version := range []string{"", "latest", "1.2.3.4", "git+ssh://host/x#abc", strings.Repeat("1", 1000)} {
		if hit, err := minimist.Apply(version); err == nil || hit != nil {
			t.Errorf("Apply(%.20q) = %v, %v, want an error and never \"not affected\"", version, hit, err)
		}
	}
	if hit, err := last.Apply("2004e"); err == nil {
		t.Errorf("Apply(2004e) = %v, want an error: it is not listed and cannot be compared", hit)
	}
}
