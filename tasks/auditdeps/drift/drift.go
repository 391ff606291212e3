// Package drift finds where a lock file, its manifest and what is installed contradict
// each other or themselves. It is pure: facts in, findings out, whatever any advisory
// says.
package drift

// Finding is one contradiction.
type Finding struct {
	Check    Check
	Rule     string // such as "drift/version": stable
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
