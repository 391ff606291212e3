package drift_test

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/tasks/auditdeps/drift"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/installed"
)

const (
	oneHash   = "z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg=="
	otherHash = "4NGTj/PBmhOhvgwf5hsgBWM7/P1pRtlMcTXC4MWhQeoMKz+b7BJHihr4kqCMXiCDmmGBiW4hDbzMbz0Z9FdFEQ=="
	nugetLock = `{"version": 1, "dependencies": {
"net8.0": {
 "Demo.Core": {"type": "Direct", "requested": "[1.2.0, )", "resolved": "1.2.0", "contentHash": "` + oneHash + `", "dependencies": {"Other": "2.0.0"}},
 "Other": {"type": "Transitive", "resolved": "2.0.0", "contentHash": "` + oneHash + `"},
 "mylib": {"type": "Project"}},
"net9.0": {
 "Demo.Core": {"type": "Direct", "requested": "[1.2.0, )", "resolved": "1.2.0", "contentHash": "` + oneHash + `", "dependencies": {"Other": "2.0.0"}},
 "Other": {"type": "Transitive", "resolved": "2.0.0", "contentHash": "` + oneHash + `"}}}}`
)

func TestNuGetRows(t *testing.T) {
	t.Parallel()
	pkg := func(name, version, key, hash string) installed.Package {
		return installed.Package{Name: name, Version: version, Key: key, Path: "/n/" + key, Integrity: "sha512-" + hash}
	}
	demo, other := pkg("Demo.Core", "1.2.0", "demo.core/1.2.0", oneHash), pkg("Other", "2.0.0", "other/2.0.0", oneHash)
	for name, tc := range map[string]struct {
		cache, restored []installed.Package
		want            []string
	}{
		"as it should be":           {[]installed.Package{demo, other}, []installed.Package{demo, other}, nil},
		"not restored":              {nil, nil, nil},
		"ids in other letters":      {[]installed.Package{pkg("demo.CORE", "1.2.0", "demo.core/1.2.0", oneHash)}, nil, nil},
		"another package's content": {[]installed.Package{pkg("Demo.Core", "1.2.0", "demo.core/1.2.0", otherHash)}, nil, []string{"fail installed/changed Demo.Core@1.2.0 /n/demo.core/1.2.0"}},
		"another package":           {[]installed.Package{pkg("Evil", "1.2.0", "demo.core/1.2.0", oneHash)}, nil, []string{"fail installed/other Evil@1.2.0 /n/demo.core/1.2.0"}},
		"another version":           {[]installed.Package{pkg("Demo.Core", "1.1.0", "demo.core/1.2.0", oneHash)}, nil, []string{"fail installed/version Demo.Core@1.1.0 /n/demo.core/1.2.0"}},
		"restored in another version": {nil, []installed.Package{demo, pkg("Other", "1.9.0", "other/1.9.0", oneHash)}, []string{
			"fail installed/version Other@1.9.0 /n/other/1.9.0", "warn installed/missing Other@2.0.0 packages.lock.json"}},
		"restored with more": {nil, []installed.Package{demo, other, pkg("Evil", "1.0.0", "evil/1.0.0", oneHash)}, []string{
			"fail installed/extra Evil@1.0.0 /n/evil/1.0.0"}},
		"restored with less": {nil, []installed.Package{demo}, []string{"warn installed/missing Other@2.0.0 packages.lock.json"}},
		"restored from another package": {nil, []installed.Package{pkg("Demo.Core", "1.2.0", "demo.core/1.2.0", otherHash), other}, []string{
			"fail installed/changed Demo.Core@1.2.0 /n/demo.core/1.2.0"}},
	} {
		f := factsOf(t, fstest.MapFS{"packages.lock.json": {Data: []byte(nugetLock)}}, "packages.lock.json",
			installed.Tree{Kind: installed.NuGetCache, Packages: tc.cache}, installed.Tree{Kind: installed.NuGetRestored, Packages: tc.restored})
		if diff := cmp.Diff(tc.want, brief(drift.Find(f))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
