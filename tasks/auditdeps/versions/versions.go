// Package versions orders the versions of an ecosystem, and says which of them a
// range means, as that ecosystem's own tools do.
//
// It promises not to guess: what it does not understand is an error, which the
// caller must not take for "no".
package versions

import (
	"errors"
	"fmt"
	"strings"
)

// ErrNoRange says that what was wanted is no range of versions at all: a tag such as
// "latest", an address, a folder, or text that is not understood.
var ErrNoRange = errors.New("it is no range of versions")

// maxLength is node-semver's limit for a version; a longer one is an attack. Ranges are
// made of several.
const (
	maxLength      = 256
	maxRangeLength = 4096
)

// Compare orders two versions of an OSV ecosystem ("npm", "PyPI", "Go", "crates.io",
// "NuGet", "Maven"): -1 if a is before b, 0 if they are the same, 1 if a is after b. Build
// metadata is ignored, where the ecosystem says so.
func Compare(ecosystem, a, b string) (int, error) {
	if system, known := systems[ecosystem]; known {
		return system.compare(a, b)
	}
	return 0, unknown(ecosystem)
}

// Satisfies reports whether a package manager takes the version for the range that a
// manifest asks for: "^1.2.3", "~=1.4", "[1.0,2.0)", ... Pre-releases count as the
// ecosystem's tool counts them when it checks what is installed. The error is ErrNoRange if
// the range is at fault.
func Satisfies(ecosystem, version, wanted string) (bool, error) {
	system, known := systems[ecosystem]
	if !known {
		return false, unknown(ecosystem)
	}
	if len(wanted) > maxRangeLength {
		return false, noRange(wanted)
	}
	return system.satisfies(version, strings.TrimSpace(wanted))
}

// system is the rules of an ecosystem.
type system struct {
	compare   func(a, b string) (int, error)
	satisfies func(version, wanted string) (bool, error)
}

var systems = map[string]system{
	"npm":       {compareWith(parseLoose), satisfiesNPM},
	"crates.io": {compareWith(parseLoose), satisfiesCargo},
	"Go":        {compareWith(parseGo), satisfiesGo},
	"NuGet":     {compareWith(parseNuGet), satisfiesNuGet},
	"PyPI":      {comparePython, satisfiesPython},
	"Maven":     {compareMaven, satisfiesMaven},
}

func unknown(ecosystem string) error {
	return fmt.Errorf("ecosystem %q is not known", cut(ecosystem))
}

func noVersion(text, kind string) error {
	return fmt.Errorf("%q is no %s version", cut(text), kind)
}

func noRange(wanted string) error {
	return fmt.Errorf("%q: %w", cut(wanted), ErrNoRange)
}

// cut shortens a text for a message.
func cut(text string) string {
	const limit = 80
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "..."
}
