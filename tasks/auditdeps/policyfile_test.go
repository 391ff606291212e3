package auditdeps

import (
	"fmt"
	"strings"
	"testing"
)

// allow is a policy file with one entry.
func allow(lines ...string) string {
	return "version: 1\nallow:\n- " + strings.Join(lines, "\n  ") + "\n"
}

func TestPolicyFile(t *testing.T) {
	t.Parallel()
	const reason, until = "reason: not called by us", "expires: 2026-06-30"
	for name, tc := range map[string]struct {
		policy string
		want   status
		says   string
	}{
		"accepted":          {allow("id: GHSA-1111-1111-1111", reason, until), accepted, "[accepted until 2026-06-30: not called by us]"},
		"by another name":   {allow("id: CVE-2026-1", reason, until), accepted, ""},
		"the last day":      {allow("id: CVE-2026-1", reason, "expires: 2026-03-01"), accepted, ""},
		"over":              {allow("id: CVE-2026-1", reason, "expires: 2026-02-28"), fails, "[it was accepted until 2026-02-28, which is over]"},
		"of the package":    {allow("id: CVE-2026-1", "package: victim", reason, until), accepted, ""},
		"for its path":      {allow("id: CVE-2026-1", `path: "root > a > victim"`, reason, until), fails, "it is accepted for other paths, but not for root > b > victim"},
		"for any path":      {allow("id: CVE-2026-1", `path: "root > * > victim"`, reason, until), accepted, ""},
		"for a path by two": {allow("id: CVE-2026-1", `path: "root > a > victim"`, reason, until) + allow("id: CVE-2026-1", `path: "root > b > victim"`, reason, until)[len("version: 1\nallow:\n"):], accepted, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, bad().with("aliases", []string{"CVE-2026-1"}).String())
			j.npm(".", "a@1.0.0 b@1.0.0", pkg{"a@1.0.0", "victim@^1.0.0"}, pkg{"b@1.0.0", "victim@^1.0.0"}, pkg{"victim@1.0.0", ""})
			j.write("auditdeps.yml", tc.policy)
			judged{want: tc.want, says: tc.says}.check(t, j)
			j.outputs("accepted=" + map[bool]string{true: "1", false: "0"}[tc.want == accepted])
		})
	}
}

// What accepts nothing that there is says so, and accepts nothing else.
func TestUnusedException(t *testing.T) {
	t.Parallel()
	for name, lines := range map[string][]string{
		"another advisory": {"id: GHSA-2222-2222-2222"},
		"another package":  {"id: GHSA-1111-1111-1111", "package: other"},
		"a shorter id":     {"id: GHSA-1111-1111"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, bad().String()).victim()
			j.write("auditdeps.yml", allow(append(lines, "reason: r", "expires: 2026-06-30")...))
			j.expect("Failed", "FAILS         victim").outputs("result=findings", "accepted=0")
			j.issue(shownIssue{"warning", "auditdeps/unused", "auditdeps.yml", 3, "the policy file accepts " + lines[0][len("id: "):]})
		})
	}
}

// A rule of drift can be accepted as an advisory can; the rule beside it is not.
func TestAcceptedDrift(t *testing.T) {
	t.Parallel()
	j := newJob(t).mended().install(".", "minimist@1.2.7", "")
	j.write("auditdeps.yml", allow("id: installed/version", "package: minimist", "reason: r", "expires: 2026-06-30"))
	j.expect("Succeeded", "ACCEPTED      installed/version").outputs("result=clean", "drift=0", "accepted=1")
	j.install(".", "mkdirp@0.5.6", "minimist@^1.2.5")
	j.expect("Failed", "ACCEPTED      installed/version", "FAILS         installed/version").outputs("result=drift", "drift=1")
	j.write("auditdeps.yml", allow("id: installed/version", "reason: r", "expires: 2026-01-31"))
	j.expect("Failed", "!ACCEPTED", "[it was accepted until 2026-01-31, which is over]").outputs("drift=2", "accepted=0")
}

// An exception cannot say that something could be audited.
func TestExceptionForWhatCannotBeAudited(t *testing.T) {
	t.Parallel()
	j := newJob(t).mended().remove("node_modules")
	j.write("auditdeps.yml", allow("id: auditdeps/cannot-audit", "reason: r", "expires: 2026-06-30"))
	j.expect("Failed", "cannot audit: ").outputs("result=cannotAudit")
}

// A policy file that is not understood stops the step, in the line that is wrong: what it
// would have accepted nobody knows.
func TestWrongPolicyFile(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text string
		line int
		says string
	}{
		"no YAML":         {"version: [", 1, "no YAML"},
		"unknown word":    {"version: 1\nallow: []\nallowAll: true\n", 3, "unknown key"},
		"no reason":       {allow("id: X-1", "expires: 2026-06-30"), 3, "reason"},
		"no end":          {allow("id: X-1", "reason: r"), 3, "expires"},
		"too far ahead":   {allow("id: X-1", "reason: r", "expires: 2029-06-30"), 5, "more than 366 days ahead"},
		"all of them":     {allow(`id: "*"`, "reason: r", "expires: 2026-06-30"), 3, "id"},
		"version unknown": {"version: 2\nallow: []\n", 1, "version"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t).mended().write("auditdeps.yml", tc.text)
			j.expect("Failed", `input "policyFile": `, tc.says, "!Audited")
			for _, i := range j.issues() {
				if i.Path != "auditdeps.yml" || i.Line != tc.line {
					t.Errorf("the issue %q is at %s:%d, want auditdeps.yml:%d", i.Text, i.Path, i.Line, tc.line)
				}
			}
		})
	}
}

func TestNamedPolicyFile(t *testing.T) {
	t.Parallel()
	entry := allow("id: GHSA-1111-1111-1111", "reason: r", "expires: 2026-06-30")
	j := newJob(t, bad().String()).victim()
	j.put("work/platform/audit.yml", entry)
	j.input("policyFile", j.path("work/platform/audit.yml")).expect("Succeeded", "ACCEPTED      victim")
	// With one that is named, the other is nobody's.
	j.put("work/platform/audit.yml", "version: 1\n")
	j.write("auditdeps.yml", entry).expect("Failed", "FAILS         victim")
	j.input("policyFile", j.path("work/platform/other.yml")).expect("Failed", `input "policyFile": the file cannot be read`, "!Audited")
	j.input("policyFile", "").expect("Succeeded", "ACCEPTED      victim")
}

// Of ways without number only some are counted: an exception for ways does not cover the
// others, one for the package does.
func TestExceptionForWaysWithoutNumber(t *testing.T) {
	t.Parallel()
	j := newJob(t, bad().String())
	packages, below := []pkg{{"victim@1.0.0", ""}}, "victim@^1.0.0"
	for layer := range 6 {
		next := ""
		for i := range 5 {
			spec := fmt.Sprintf("p%d%d@1.0.0", layer, i)
			packages = append(packages, pkg{spec, below})
			next += spec + " "
		}
		below = next
	}
	j.npm(".", below, packages...)
	j.write("auditdeps.yml", allow("id: GHSA-1111-1111-1111", `path: "root > ** > victim"`, "reason: r", "expires: 2026-06-30"))
	j.expect("Failed", "FAILS         victim", "it is accepted for other paths, but not for ... > victim")
	j.write("auditdeps.yml", allow("id: GHSA-1111-1111-1111", "reason: r", "expires: 2026-06-30"))
	j.expect("Succeeded", "ACCEPTED      victim")
}
