// Package advisory is what is known of a vulnerability in one package: which versions
// it is in, how bad it is, and where it is mended. Advisories are read from records of
// the OSV schema (https://ossf.github.io/osv-schema/).
//
// It promises that a version which cannot be judged is an error and never "not
// affected".
package advisory

import (
	"slices"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
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
	// Ranges and Versions together are what is affected. A version that is in one of the
	// ranges is not in the list again.
	Ranges   []Range
	Versions []string
}

// Range is a stretch of affected versions: from Introduced ("" for the first one) to
// before Fixed, or to LastAffected, or without end if both are "".
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
func (s Severity) Rank() int {
	return max(0, slices.Index([]Severity{Unknown, Low, Moderate, High, Critical}, s))
}

// Normalize returns the form of a package's name under which it is looked for: PEP 503
// for PyPI, lower case for NuGet, else as it is.
func Normalize(ecosystem, name string) string {
	switch ecosystem {
	case "NuGet":
		return strings.ToLower(name)
	case "PyPI":
		return lockfile.PythonName(name)
	}
	return name
}
