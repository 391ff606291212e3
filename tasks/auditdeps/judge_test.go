package auditdeps

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// judged is what a project's one vulnerability comes to.
type judged struct {
	record record
	inputs []string
	want   status // "" for none
	says   string
}

func (tc judged) check(t *testing.T, j *job) {
	t.Helper()
	j.input(tc.inputs...)
	result, issues := "Succeeded", map[status]string{fails: "error", warns: "warning"}[tc.want]
	if tc.want == fails {
		result = "Failed"
	}
	words := map[status]string{
		fails: "FAILS ", warns: "WARNS ", known: "KNOWN ", accepted: "ACCEPTED ", excluded: "EXCLUDED ",
	}
	var says []string
	for s, word := range words {
		if s == tc.want {
			says = append(says, "\n"+word)
		} else {
			says = append(says, "!\n"+word)
		}
	}
	outcome := "clean"
	if tc.want == fails {
		outcome = "findings"
	}
	j.expect(result, append(says, tc.says)...).outputs("result=" + outcome)
	var want []string
	if issues != "" {
		want = []string{issues + " auditdeps/vulnerability"}
	}
	if diff := cmp.Diff(want, j.codes()); diff != "" {
		t.Errorf("issues (-want +got):\n%s\n%s", diff, j.log)
	}
}

func TestFailOn(t *testing.T) {
	t.Parallel()
	labels := []string{"LOW", "MODERATE", "HIGH", "CRITICAL"}
	names := []string{"low", "moderate", "high", "critical"}
	for at, failOn := range names {
		for is, label := range labels {
			t.Run(failOn+" "+label, func(t *testing.T) {
				t.Parallel()
				tc := judged{want: fails, inputs: []string{"failOn", failOn}}
				if is < at {
					tc.want, tc.says = warns, "[below failOn: "+failOn+"]"
				}
				j := newJob(t, bad().severity(label).String()).victim()
				tc.check(t, j)
				for i, name := range names {
					j.outputs(name + "=" + map[bool]string{true: "1", false: "0"}[i == is])
				}
			})
		}
	}
}

func TestGate(t *testing.T) {
	t.Parallel()
	malicious := bad().with("id", "MAL-2026-1").severity("").fixed("")
	for name, tc := range map[string]judged{
		"unknown severity fails": {bad().severity(""), nil, fails, "severity unknown"},
		"unknown severity, warn": {
			bad().severity(""), []string{"unknownSeverity", "warn"}, warns, "[unknownSeverity: warn]",
		},
		"unknown severity, low": {
			bad().severity(""), []string{"failOn", "critical"}, fails, "severity unknown",
		},
		"warn is for unknown alone": {bad(), []string{"unknownSeverity", "warn"}, fails, ""},
		"a score is a severity":     {scored(bad()), []string{"unknownSeverity", "warn"}, fails, "critical"},
		"unfixable fails":           {bad().fixed(""), nil, fails, "no version mends it yet"},
		"unfixable, onlyFixable": {
			bad().fixed(""), []string{"onlyFixable", "true"}, warns, "no version mends it yet",
		},
		"fixable, onlyFixable": {bad(), []string{"onlyFixable", "true"}, fails, "2.0.0"},
		"new, held": {
			bad().with("published", days(3)), []string{"minFixAgeDays", "7"}, warns, "[held until 2026-03-05 by minFixAgeDays]",
		},
		"new, not held": {bad().with("published", days(3)), nil, fails, ""},
		"old enough": {
			bad().with("published", days(7)), []string{"minFixAgeDays", "7"}, fails, "",
		},
		"no date is not new": {undated(bad()), []string{"minFixAgeDays", "7"}, fails, ""},
		"withdrawn":          {bad().with("withdrawn", days(1)), nil, "", "0 high"},
		"another version":    {bad().fixed("1.0.0"), nil, "", "0 high"},
		"malicious is critical": {
			malicious, []string{"failOn", "critical", "unknownSeverity", "warn"}, fails, "malicious, MAL-2026-1",
		},
		"malicious, nothing lets it by": {
			malicious, []string{"onlyFixable", "true", "minFixAgeDays", "90"}, fails, "malicious",
		},
		"malicious, without advisories":  {malicious, []string{"checks", "lint"}, "", "0 high"},
		"advisories are what checks are": {bad(), []string{"checks", "drift,installed, LINT ,edges"}, "", "0 high"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.check(t, newJob(t, tc.record.String()).victim())
		})
	}
}

func scored(r record) record {
	return r.severity("").with("severity", []any{map[string]any{
		"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
	}})
}

func undated(r record) record {
	delete(r, "published")
	return r
}

// That a package is unmaintained is worth knowing, whatever its score, and fails nothing.
func TestNotice(t *testing.T) {
	t.Parallel()
	r := about("crates.io", "victim", "RUSTSEC-2026-0001").severity("")
	r["affected"].([]any)[0].(map[string]any)["database_specific"] = map[string]any{"informational": "unmaintained"}
	j := newJob(t, r.String()).input("checks", "advisories", "failOn", "low")
	j.write("Cargo.lock", `version = 4

[[package]]
name = "shop"
version = "0.1.0"
dependencies = [
 "victim",
]

[[package]]
name = "victim"
version = "1.0.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "b1946ac92492d2347c6235b4d2611184b1946ac92492d2347c6235b4d2611184"
`)
	judged{want: warns, says: "notice, RUSTSEC-2026-0001"}.check(t, j)
}

// Who requires a package decides what it is for, not what the lock file claims.
func TestDevDependencies(t *testing.T) {
	t.Parallel()
	dev := func(j *job) { j.npm(".", "dev victim@^1.0.0", pkg{"dev:victim@1.0.0", ""}) }
	claimed := func(j *job) { j.npm(".", "victim@^1.0.0", pkg{"dev:victim@1.0.0", ""}) }
	both := func(j *job) {
		j.npm(".", "a@1.0.0 dev b@1.0.0", pkg{"a@1.0.0", "victim@^1.0.0"}, pkg{"dev:b@1.0.0", "victim@^1.0.0"},
			pkg{"dev:victim@1.0.0", ""})
	}
	unmarked := func(j *job) { j.npm(".", "dev victim@^1.0.0", pkg{"victim@1.0.0", ""}) }
	onDisk := func(j *job) {
		j.npm(".", "dev other@^1.0.0", pkg{"dev:other@1.0.0", ""}).install(".", "victim@1.0.0", "")
	}
	for name, tc := range map[string]struct {
		project func(j *job)
		input   string
		want    status
		says    string
	}{
		"include":                             {dev, "include", fails, "root > victim"},
		"warn":                                {dev, "warn", warns, "[for development only]"},
		"exclude":                             {dev, "exclude", excluded, "[for development only]"},
		"claimed, warn":                       {claimed, "warn", fails, ""},
		"claimed, exclude":                    {claimed, "exclude", fails, ""},
		"by a package, too":                   {both, "exclude", fails, "root > a > victim"},
		"what the lock does not say, exclude": {unmarked, "exclude", excluded, "[for development only]"},
		"on the disk alone, exclude":          {onDisk, "exclude", fails, "on the disk alone"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, bad().String()).input("checks", "advisories, drift")
			tc.project(j)
			judged{want: tc.want, inputs: []string{"devDependencies", tc.input}, says: tc.says}.check(t, j)
		})
	}
	t.Run("malicious", func(t *testing.T) {
		t.Parallel()
		j := newJob(t, bad().with("id", "MAL-2026-1").String()).input("checks", "advisories, drift")
		dev(j)
		judged{want: fails, inputs: []string{"devDependencies", "exclude"}}.check(t, j)
	})
}

// A lock file that claims what is not so is told by lint; and what is on the disk in
// another version counts beside what the lock file names.
func TestClaimsAreChecked(t *testing.T) {
	t.Parallel()
	j := newJob(t, bad().String()).npm(".", "victim@^1.0.0", pkg{"dev:victim@1.0.0", ""})
	j.input("devDependencies", "exclude").expect("Failed", "FAILS         lint/reach", "FAILS         victim 1.0.0")
	j.outputs("drift=1", "high=1")
}

func TestChecks(t *testing.T) {
	t.Parallel()
	all := map[string]string{
		"drift": "drift/manifest", "installed": "installed/version", "lint": "lint/host", "edges": "edges/missing",
		"advisories": "auditdeps/vulnerability",
	}
	for check := range all {
		t.Run(check, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, bad().String()).npm(".", "victim@^1.0.0 a@1.0.0", pkg{"victim@1.0.0", ""}, pkg{"a@1.0.0", "b@1.0.0"},
				pkg{"b@1.0.0", ""})
			j.edit("package.json", `"a": "1.0.0"`, `"a": "^3.0.0"`).install(".", "a@1.0.1", "b@1.0.0").
				edit("package-lock.json", "https://registry.npmjs.org/victim/-/", "https://registry.example.com/victim/-/").
				remove("node_modules/b")
			j.input("checks", check).expect("Failed")
			codes := slices.Compact(slices.Sorted(slices.Values(j.codes())))
			for other, rule := range all {
				if got := slices.Contains(codes, "error "+rule); got != (other == check) {
					t.Errorf("with checks: %s, is there %s? %v; issues: %v", check, rule, got, codes)
				}
			}
		})
	}
}

// Packages may come from the public registry and Azure Artifacts, or else from what the
// input names and nowhere else.
func TestAllowedRegistries(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		host, allowed string
		want          []string
	}{
		"the public one":     {"https://registry.npmjs.org", "", nil},
		"Azure Artifacts":    {"https://pkgs.dev.azure.com/o/_packaging/f/npm/registry", "", nil},
		"foreign":            {"https://registry.example.com", "", []string{"error lint/host"}},
		"allowed":            {"https://registry.example.com", "other.example.com\nregistry.example.com", nil},
		"allowed by address": {"https://registry.example.com/a", "https://registry.example.com/a/", nil},
		"beside the address": {
			"https://registry.example.com/b", "https://registry.example.com/a/", []string{"error lint/host"},
		},
		"the public one not": {
			"https://registry.npmjs.org", "registry.example.com", []string{"error lint/host"},
		},
		"a host that only looks so": {
			"https://registry.example.com.evil.org", "registry.example.com", []string{"error lint/host"},
		},
		"unencrypted": {"http://registry.npmjs.org", "", []string{"error lint/scheme"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t).victim().input("checks", "lint", "allowedRegistries", tc.allowed)
			j.edit("package-lock.json", "https://registry.npmjs.org", tc.host)
			j.run()
			if diff := cmp.Diff(tc.want, j.codes()); diff != "" {
				t.Errorf("packages of %s, allowed %q: issues (-want +got):\n%s\n%s", tc.host, tc.allowed, diff, j.log)
			}
		})
	}
}
