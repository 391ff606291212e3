// Package advisory is what is known of a vulnerability in one package: which versions
// it is in, how bad it is, and where it is mended. Advisories are read from records of
// the OSV schema (https://ossf.github.io/osv-schema/).
//
// It promises that a version which cannot be judged is an error and never "not
// affected".
package advisory

import (
	"errors"
	"time"
)

// Advisory is one record's word on one package.
type Advisory struct {
	ID        string
	Aliases   []string // other names of the same vulnerability, CVE numbers first
	Ecosystem string   // as in OSV: "npm"
	Package   string   // normalized, see Normalize
	Summary   string   // one line; not to be trusted
	Severity  Severity
	Vector    string // CVSS, "" if there is none
	// Malicious says that the package itself is the attack (ids MAL-...).
	Malicious bool
	// Informational says that there is no vulnerability to mend: the package is unmaintained,
	// unsound or the like. Its severity is Low then.
	Informational       bool
	Published, Modified time.Time
	Ranges              []Range
	Versions            []string // affected ones, each by name
}

// Range is a stretch of affected versions: from Introduced ("" or "0" for the first one)
// to before Fixed, or to LastAffected, or without end if both are "".
type Range struct{ Introduced, Fixed, LastAffected string }

// Severity is how bad a vulnerability is, in npm's words.
type Severity string

// The severities. Unknown has to be decided about by the user's policy.
const (
	Unknown  Severity = "unknown"
	Low      Severity = "low"
	Moderate Severity = "moderate"
	High     Severity = "high"
	Critical Severity = "critical"
)

// Rank orders severities: 0 for Unknown, up to 4 for Critical.
func (s Severity) Rank() int { return 0 }

// Hit is an advisory that applies.
type Hit struct {
	Advisory
	// Fixed are the versions that mend it and are later than the one that is there, in
	// ascending order; empty if there are none.
	Fixed []string
}

// Parse reads one OSV record (JSON), and returns an advisory for each package it is
// about; none if it is withdrawn or about no package of a known ecosystem.
func Parse(record []byte) ([]Advisory, error) { return nil, errors.New("not known") }

// Apply judges a version. It is nil if the advisory does not apply.
func (a Advisory) Apply(version string) (*Hit, error) { return nil, errors.New("not known") }

// Merge makes one Hit of those that are the same vulnerability under several names: one
// id, all aliases, the worst severity, all fixes that each of them agrees with.
func Merge(hits []Hit) []Hit { return hits }

// Normalize returns the form of a package's name under which it is looked for: PEP 503
// for PyPI, lower case for NuGet, else as it is.
func Normalize(ecosystem, name string) string { return name }
