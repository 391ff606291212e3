package auditdeps

import (
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/advisory"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/drift"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/index"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/policy"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/remedy"
)

// audit is all that one run of the task finds out.
type audit struct {
	step *step
	// planned says that nothing is installed yet: only what the lock files name is looked at.
	planned   bool
	projects  []*project
	databases []index.Info
	unable    []unable
	skipped   []unable // were not audited, and need not be
	found     []vulnerability
	drifts    []contradiction
	unused    []policy.Allow // of the policy file
	// restored is the key of the cache that the tree came from, "" if none is known.
	restored string
}

// unable is something that could not be audited.
type unable struct {
	path      string // of the file it is about, as shown; "" for none
	line      int
	text, fix string
}

// The rules of what was not looked at: what has to be, and what need not.
const (
	ruleUnable  = "auditdeps/cannot-audit"
	ruleSkipped = "auditdeps/not-audited"
)

func (a *audit) cannot(path, text, fix string) {
	a.unable = append(a.unable, unable{path: path, text: text, fix: fix})
}

// component is one version of one package of a project, wherever it is there.
type component struct {
	project       *project
	name, version string
	entries       []int    // of the lock file
	disk          []string // folders
	dev           bool     // needed for development alone
}

// vulnerability is one known vulnerability of one component.
type vulnerability struct {
	component
	hit     advisory.Hit
	chains  [][]string
	remedy  remedy.Remedy
	verdict verdict
}

// contradiction is a finding of package drift.
type contradiction struct {
	drift.Finding
	project *project
	verdict verdict
}

// verdict is what counts of a finding.
type verdict struct {
	status status
	why    string // in our own words, with the policy's; "" if it fails
}

// status is what a finding does.
type status string

const (
	fails    status = "fails"
	warns    status = "warns"
	accepted status = "accepted" // by the policy file
	known    status = "known"    // to the baseline
	excluded status = "excluded" // by the inputs
)
