// Package drift finds where a lock file, its manifest and what is installed contradict
// each other or themselves. It is pure: facts in, findings out, whatever any advisory
// says.
package drift

import (
	"cmp"
	"slices"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/installed"
)

// Facts is all that is known of one lock file.
type Facts struct {
	Lock  lockfile.Lock
	Stale error            // what lockfile.Stale said
	Trees []installed.Tree // what is installed for it
	// Hidden is node_modules/.package-lock.json, in which npm keeps what it installed.
	Hidden *lockfile.Lock
	// Overrides are the versions that the manifest forces on packages, everywhere or within
	// one other, see installed.Overrides.
	Overrides map[string]string
	// Registries are the hosts, or the beginnings of addresses, that packages may come
	// from. Without any they are the ecosystem's public ones and those of Azure Artifacts.
	Registries []string
}

// Finding is one contradiction.
type Finding struct {
	Check    Check
	Rule     string // such as "drift/range": stable
	Severity Severity
	Package  string // name@version, not to be trusted
	Message  string // in our own words, with the names in it
	Fix      string // what to do
	Path     string // of the file that is to blame, slash-separated below the root
	Line     int
}

// Check is a group of rules that can be switched off together.
type Check string

// The checks; see the task's input checks.
const (
	Drift     Check = "drift"     // manifest against lock file
	Installed Check = "installed" // lock file against the disk
	Lint      Check = "lint"      // the lock file against itself
	Edges     Check = "edges"     // what packages require against what is there
)

// Severity is how sure and how bad it is.
type Severity string

// Fail is for what can hide a vulnerable or foreign package; Warn for what cannot; Note
// for what is only worth knowing.
const (
	Fail Severity = "fail"
	Warn Severity = "warn"
	Note Severity = "note"
)

// Find returns all contradictions, the worst first. The order is the same every time.
// What could not be read at all (installed.Problem.Unread) is no finding.
func Find(f Facts) []Finding {
	var found []Finding
	for _, rule := range slices.Concat(always, rules[f.Lock.Ecosystem()]) {
		found = append(found, rule(f)...)
	}
	rank := map[Severity]int{Fail: 0, Warn: 1, Note: 2}
	slices.SortStableFunc(found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(rank[a.Severity], rank[b.Severity]), cmp.Compare(a.Path, b.Path),
			cmp.Compare(a.Line, b.Line), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Package, b.Package),
			cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(found)
}

// rule looks for one kind of contradiction. Each is pure, and sees all facts.
type rule = func(Facts) []Finding

// always are the rules for every ecosystem.
var always = []rule{manifest, ranges, forced, forcedWithin, contradictions, integrity, addresses, problems}

// rules are those of one ecosystem.
var rules = map[string][]rule{
	"npm":       nodeRules,
	"PyPI":      pythonRules,
	"Go":        golangRules,
	"crates.io": cargoRules,
	"NuGet":     nugetRules,
}
