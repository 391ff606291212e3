package auditdeps

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// many is a project of n vulnerable packages, p00, p01, ..., with their records, of which
// the severities are cycled through.
func many(n int, labels ...string) (records []string, wants string, packages []pkg) {
	for i := range n {
		name := fmt.Sprintf("p%02d", i)
		records = append(records, about("npm", name, fmt.Sprintf("GHSA-9999-0000-00%02d", i)).severity(labels[i%len(labels)]).String())
		packages = append(packages, pkg{name + "@1.0.0", ""})
		wants += name + "@1.0.0 "
	}
	return records, wants, packages
}

// The agent shows ten errors and warnings of a step, so nine are told, the worst first,
// and the last of them says how many more there are. The log has all.
func TestNineIssues(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]struct {
		issues int
		last   string
	}{
		8:  {8, "p0"},
		9:  {9, "p0"},
		10: {9, "and 2 more; all are in this step's log, in its summary and in the reports"},
		40: {9, "and 32 more; all are in this step's log"},
	} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			records, wants, packages := many(n, "HIGH")
			j := newJob(t, records...).npm(".", wants, packages...)
			j.expect("Failed").outputs(fmt.Sprintf("high=%d", n))
			got := j.issues()
			if len(got) != want.issues || !strings.HasPrefix(got[len(got)-1].Text, want.last) {
				t.Fatalf("%d findings make %d issues, want %d, of which the last begins with %q: %v", n, len(got), want.issues,
					want.last, got)
			}
			for i := range n {
				j.holds("the log", j.log, fmt.Sprintf("FAILS         p%02d 1.0.0", i))
			}
		})
	}
}

// The worst come first: malicious packages and what could not be audited, vulnerabilities
// by severity, drift, and then all that is only warned about.
func TestOrderOfIssues(t *testing.T) {
	t.Parallel()
	records, wants, packages := many(4, "LOW", "CRITICAL", "MODERATE", "HIGH")
	records = append(records, about("npm", "zz", "MAL-2026-1").severity("").String())
	j := newJob(t, records...).npm(".", wants+"zz@1.0.0 other@1.0.0", append(packages, pkg{"zz@1.0.0", ""}, pkg{"other@1.0.0", ""})...)
	j.install(".", "other@1.0.1", "").input("failOn", "moderate", "checks", "advisories, installed")
	j.write("py/requirements.txt", "left==1.0\n")
	j.expect("Failed").outputs("result=cannotAudit", "critical=2", "high=1", "moderate=1", "low=1", "drift=1")
	var got []string
	for _, i := range j.issues() {
		got = append(got, i.Kind+" "+i.Text[:min(len(i.Text), 12)])
	}
	want := []string{
		"error zz 1.0.0: ma", "error cannot audit", "error p01 1.0.0: c", "error p03 1.0.0: h",
		"error p02 1.0.0: m", "error node_modules", "warning p00 1.0.0: l",
		"warning py/requireme",
	}
	// What fails the step is told with its result, after the warnings.
	var errors, warnings []string
	for _, line := range got {
		if strings.HasPrefix(line, "error") {
			errors = append(errors, line)
		} else {
			warnings = append(warnings, line)
		}
	}
	if diff := cmp.Diff(want, append(errors, warnings...)); diff != "" {
		t.Errorf("issues (-want +got):\n%s\n%s", diff, j.log)
	}
}

// If there are too many, the errors are those that are told.
func TestWarningsGiveWay(t *testing.T) {
	t.Parallel()
	records, wants, packages := many(24, "LOW", "LOW", "HIGH")
	j := newJob(t, records...).npm(".", wants, packages...)
	j.expect("Failed").outputs("high=8", "low=16")
	errors := 0
	for _, i := range j.issues() {
		if i.Kind == "error" {
			errors++
		}
	}
	if got := j.issues(); errors != 8 || len(got) != 9 {
		t.Errorf("8 errors and 16 warnings make %d errors and %d issues, want 8 and 9: %v", errors, len(got), got)
	}
	j.input("failOn", "low", "enforcement", "warn").expect("SucceededWithIssues", "and 16 more")
	if got := j.issues(); len(got) != 9 {
		t.Errorf("24 findings with enforcement: warn make %d issues, want 9: %v", len(got), got)
	}
}

// What is left out is never better than what is told: a step that cannot audit says so
// in its class, however many vulnerabilities there are besides.
func TestMoreThanNineThatCannotBeAudited(t *testing.T) {
	t.Parallel()
	j := newJob(t, minimist().String()).mended()
	for i := range 20 {
		j.write(fmt.Sprintf("lib%02d/package-lock.json", i), "{")
	}
	j.expect("Failed", "and 12 more", "20 things could not be audited").outputs("result=cannotAudit")
	if got := j.issues(); len(got) != 9 {
		t.Errorf("20 things that cannot be audited make %d issues, want 9: %v", len(got), got)
	}
}

// Vulnerabilities of one package are one issue, the worst of them; all are in the log.
func TestOneIssueForEachPackage(t *testing.T) {
	t.Parallel()
	j := newJob(t, bad().String(), about("npm", "victim", "GHSA-2222-2222-2222").severity("CRITICAL").String(),
		about("npm", "victim", "GHSA-3333-3333-3333").severity("LOW").String()).victim()
	j.expect("Failed", "GHSA-1111-1111-1111", "GHSA-3333-3333-3333").outputs("critical=1", "high=1", "low=1")
	j.issue(shownIssue{
		"error", "auditdeps/vulnerability", "package-lock.json", j.lineOf("package-lock.json", `"node_modules/victim"`),
		"victim 1.0.0: critical, GHSA-2222-2222-2222, Bad things in victim, and 1 more of it",
	})
	j.outputs("result=findings")
}

// Without GitHub's word the worst of the others counts.
func TestAliasesRate(t *testing.T) {
	t.Parallel()
	j := newJob(t, bad().with("id", "X-1").with("aliases", []string{"CVE-2026-1"}).String(),
		about("npm", "victim", "SNYK-1").severity("CRITICAL").with("aliases", []string{"CVE-2026-1"}).String()).victim()
	j.expect("Failed").outputs("critical=1", "high=0")
}

// Records that are of one vulnerability are one finding, by all of its names.
func TestAliasesAreOne(t *testing.T) {
	t.Parallel()
	j := newJob(t, bad().with("aliases", []string{"CVE-2026-1"}).String(),
		about("npm", "victim", "SNYK-1").severity("CRITICAL").with("aliases", []string{"CVE-2026-1"}).fixed("1.5.0").String()).victim()
	j.expect("Failed", "FAILS         victim 1.0.0: high, GHSA-1111-1111-1111", "2.0.0", "!ask for victim 1.5.0").
		outputs("critical=0", "high=1") // GitHub's word counts
}
