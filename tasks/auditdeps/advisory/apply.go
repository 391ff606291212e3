package advisory

import (
	"fmt"
	"slices"
	"strings"
)

// Hit is an advisory that applies.
type Hit struct {
	Advisory
	// Fixed are the versions that mend it and are later than the one that is there, in
	// ascending order; empty if there are none.
	Fixed []string
}

// Apply judges a version. It is nil if the advisory does not apply. A version that the
// ecosystem's rules do not know applies if it is listed, and is an error otherwise.
func (a Advisory) Apply(version string) (*Hit, error) {
	hit, err := a.affects(version)
	if err != nil {
		return nil, fmt.Errorf("cannot judge %s %q by %s: %w", a.Package, shorten(version, 80), a.ID, err)
	}
	if !hit {
		return nil, nil
	}
	return &Hit{Advisory: a, Fixed: a.fixes(version)}, nil
}

func (a *Advisory) affects(version string) (bool, error) {
	if slices.Contains(a.Versions, version) || slices.ContainsFunc(a.Ranges, Range.everything) {
		return true, nil
	}
	if _, err := a.compare(version, version); err != nil {
		return false, err
	}
	public := a.public(version)
	for _, listed := range a.Versions {
		// One that cannot be compared is not this one, which can.
		if c, err := a.compare(public, listed); err == nil && c == 0 {
			return true, nil
		}
	}
	return a.inRanges(version)
}

// public is a version without what its builder added: torch 2.0.0+cu118 has the
// vulnerabilities of 2.0.0, though PEP 440 calls it later.
func (a *Advisory) public(version string) string {
	if a.Ecosystem == "PyPI" {
		version, _, _ = strings.Cut(version, "+")
	}
	return version
}

func (a *Advisory) inRanges(version string) (bool, error) {
	for _, r := range a.Ranges {
		in, err := a.inRange(r, version)
		if in || err != nil {
			return in, err
		}
	}
	return false, nil
}

// everything reports whether each version is affected, whatever it is called.
func (r Range) everything() bool { return r == (Range{}) || r == (Range{Introduced: "0"}) }

func (a *Advisory) inRange(r Range, version string) (bool, error) {
	if r.Introduced == "" || r.Introduced == "0" {
		r.Introduced = version // at least it must be one
	}
	if c, err := a.compare(version, r.Introduced); c < 0 || err != nil {
		return false, err
	}
	if r.Fixed != "" {
		if c, err := a.compare(version, r.Fixed); c >= 0 || err != nil {
			return false, err
		}
	}
	if r.LastAffected != "" {
		if c, err := a.compare(a.public(version), r.LastAffected); c > 0 || err != nil {
			return false, err
		}
	}
	return true, nil
}

// fixes are the ends of ranges behind a version that are not in another range.
func (a *Advisory) fixes(version string) []string {
	var found []string
	for _, r := range a.Ranges {
		if r.Fixed == "" {
			continue
		}
		if c, err := a.compare(r.Fixed, version); err == nil && c <= 0 {
			continue
		}
		if again, err := a.affects(r.Fixed); err == nil && !again {
			found = append(found, r.Fixed)
		}
	}
	return a.sort(found)
}

// sort orders versions that are known to be comparable, and takes out doubles.
func (a *Advisory) sort(list []string) []string {
	slices.SortFunc(list, func(v, w string) int { return order(a.Ecosystem, v, w) })
	return slices.CompactFunc(list, func(v, w string) bool { return order(a.Ecosystem, v, w) == 0 })
}
