package auditdeps

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/tasks/auditdeps/osvtest"
)

// The post-mortem: one line says that the lock file alone is to blame, at the line of it,
// and doing what it says makes the next run green.
func TestStaleLockFile(t *testing.T) {
	t.Parallel()
	j := newJob(t, minimist().String()).postMortem()
	j.expect("Failed", "FAILS         minimist 1.2.5: critical, GHSA-xvch-5gv4-984h (CVE-2021-44906)",
		"root > mkdirp > minimist", "the lock file is stale: `npm update minimist` fixes it, no manifest change")
	j.outputs("result=findings", "critical=1", "high=0", "moderate=0", "low=0", "unknown=0", "drift=0", "accepted=0")
	j.issue(shownIssue{
		"error", "auditdeps/vulnerability", "package-lock.json", j.lineOf("package-lock.json", `"node_modules/minimist"`),
		"minimist 1.2.5: critical, GHSA-xvch-5gv4-984h (CVE-2021-44906), Prototype Pollution in minimist. How to fix: " +
			"the lock file is stale: `npm update minimist` fixes it, no manifest change (root > mkdirp > minimist)",
	})
	j.holds("the summary", j.summary(), "minimist 1.2.5", "the lock file is stale", "package-lock.json:")
	j.mended().expect("Succeeded", "0 critical", "0 contradictions")
	j.outputs("result=clean", "critical=0", "drift=0")
	if got := j.issues(); len(got) > 0 {
		t.Errorf("a clean run has issues: %v", got)
	}
}

// What is the matter with a lock file and its folder, and what the step says.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(j *job)
		result string
		codes  []string
		says   []string
	}{
		"clean": {func(j *job) {}, "clean", nil, []string{"Audited 2 packages of 1 lock file"}},
		"drift": {
			func(j *job) { j.install(".", "minimist@1.2.7", "") }, "drift",
			[]string{"error installed/version"}, []string{"1.2.7", "npm ci"},
		},
		"a finding goes before drift": {
			func(j *job) { j.install(".", "minimist@1.2.5", "") }, "findings",
			[]string{"error auditdeps/vulnerability", "error installed/version"}, nil,
		},
		"no lock file at all": {
			func(j *job) { j.remove("package-lock.json", "package.json", "node_modules") }, "cannotAudit",
			[]string{"error auditdeps/cannot-audit"}, []string{"no lock file was found, so there is nothing to audit"},
		},
		"a manifest without a lock file": {
			func(j *job) { j.remove("package-lock.json") }, "cannotAudit",
			[]string{"error auditdeps/cannot-audit"}, []string{"package.json asks for packages"},
		},
		"a manifest that is no JSON, without a lock file": {
			func(j *job) { j.remove("package-lock.json").write("package.json", "{") }, "cannotAudit",
			[]string{"error auditdeps/cannot-audit"}, []string{"package.json asks for packages"},
		},
		"a lock file that is none": {
			func(j *job) { j.write("package-lock.json", `{"lockfileVersion": 3, "packages": {`) }, "cannotAudit",
			[]string{"error auditdeps/cannot-audit"}, []string{"cannot audit: package-lock.json: "},
		},
		"nothing installed": {
			func(j *job) { j.remove("node_modules") }, "cannotAudit",
			[]string{"error auditdeps/cannot-audit"}, []string{"nothing is installed for it", "set install: clean"},
		},
		"a package on the disk that nobody can read": {
			func(j *job) { j.write("node_modules/minimist/package.json", "{") }, "cannotAudit",
			[]string{"error auditdeps/cannot-audit"}, []string{"node_modules/minimist"},
		},
		"a version that nobody can judge": {
			func(j *job) {
				j.edit("package-lock.json", `"version": "1.2.8"`, `"version": "newest"`).install(".", "minimist@newest", "")
			}, "cannotAudit", []string{"error auditdeps/cannot-audit"},
			[]string{"GHSA-xvch-5gv4-984h cannot be judged"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, minimist().String()).mended()
			tc.change(j)
			result := "Failed"
			if tc.result == "clean" {
				result = "Succeeded"
			}
			j.expect(result, tc.says...).outputs("result=" + tc.result)
			codes := slices.DeleteFunc(j.codes(), func(c string) bool {
				return tc.result == "cannotAudit" && !strings.HasSuffix(c, "cannot-audit")
			})
			if tc.result != "cannotAudit" {
				slices.Sort(codes)
				slices.Sort(tc.codes)
			}
			if diff := cmp.Diff(tc.codes, slices.Compact(codes)); diff != "" {
				t.Errorf("codes of issues (-want +got):\n%s\n%s", diff, j.log)
			}
		})
	}
}

// A database that is not to be had says nothing of a project: that is no clean bill.
func TestDatabaseNotToBeHad(t *testing.T) {
	t.Parallel()
	fault := func(f osvtest.Fault) func(j *job) {
		return func(j *job) { j.osv.Fault = func(*http.Request) osvtest.Fault { return f } }
	}
	for name, change := range map[string]func(j *job){
		"404":            fault(osvtest.Fault{Status: 404}),
		"403":            fault(osvtest.Fault{Status: 403}),
		"a login page":   fault(osvtest.Fault{Page: true}),
		"500":            fault(osvtest.Fault{Status: 500, RetryAfter: "1"}),
		"no zip":         func(j *job) { j.osv.SetZip("npm", []byte("no zip")) },
		"half a zip":     func(j *job) { j.osv.SetZip("npm", j.osv.Zip("npm")[:len(j.osv.Zip("npm"))/2]) },
		"an empty zip":   func(j *job) { j.osv.SetZip("npm", osvtest.New().Zip("npm")) },
		"broken records": func(j *job) { j.osv.Set("npm", "GHSA-broken", `{"id": "GHSA-broken", "affected": 7}`) },
		"no such folder": func(j *job) { j.input("database", j.path("nowhere")) },
		"an empty folder": func(j *job) {
			j.must(os.MkdirAll(j.path("empty"), 0o755))
			j.input("database", j.path("empty"))
		},
		"another ecosystem's folder": func(j *job) {
			j.put("db/PyPI/X-1.json", about("PyPI", "x", "X-1").String())
			j.input("database", j.path("db"))
		},
		"too old": func(j *job) {
			j.put("db/npm/X-1.json", about("npm", "x", "X-1").with("modified", days(8)).String())
			j.input("database", j.path("db"), "maxDatabaseAge", "7d")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, minimist().String()).mended()
			change(j)
			j.expect("Failed", "are not to be had: ", "!of  are").outputs("result=cannotAudit", "critical=0")
			j.issue(shownIssue{Kind: "error", Code: "auditdeps/cannot-audit", Text: "cannot audit: the advisories"})
			if got := j.issues(); len(got) != 1 {
				t.Errorf("%d issues for one cause, want one:\n%v", len(got), got)
			}
			j.input("enforcement", "warn").expect("SucceededWithIssues", "cannot audit").outputs("result=cannotAudit")
		})
	}
}

// What is known of other ecosystems is told all the same.
func TestDatabaseFailsForOneEcosystem(t *testing.T) {
	t.Parallel()
	j := newJob(t, minimist().String()).postMortem()
	j.write("api/go.mod", "module example.com/api\n\ngo 1.20\n").write("api/go.sum", "")
	j.write("py/requirements.txt", "left==1.0.0\n").input("checks", "advisories")
	j.expect("Failed", "FAILS         minimist 1.2.5", "cannot audit: the advisories of PyPI are not to be had")
	j.outputs("result=cannotAudit", "critical=1")
}

// warn lets everything pass, and says the same.
func TestWarnOnly(t *testing.T) {
	t.Parallel()
	j := newJob(t, minimist().String()).postMortem().input("enforcement", "warn")
	j.expect("SucceededWithIssues", "FAILS         minimist 1.2.5", "`npm update minimist` fixes it")
	j.outputs("result=findings", "critical=1")
	if got := j.codes(); len(got) == 0 || strings.HasPrefix(got[0], "error") {
		t.Errorf("with enforcement: warn, the issues are %q, want warnings; log:\n%s", got, j.log)
	}
}
