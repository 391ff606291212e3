package advisory

import (
	"errors"
	"fmt"
	"slices"

	"github.com/guardrails-ci/guardrails/tasks/auditdeps/versions"
)

type recordRange struct {
	Type   string  `json:"type"`
	Events []event `json:"events"`
}

// event is one point on the line of versions. The schema wants one field in each.
type event struct {
	Introduced   string `json:"introduced"`
	Fixed        string `json:"fixed"`
	LastAffected string `json:"last_affected"`
	Limit        string `json:"limit"`
}

// readRanges turns events into ranges. Ranges of commits say nothing of a package's
// versions, wherever they stand.
func readRanges(ecosystem string, all []recordRange) (ranges []Range, err error) {
	for _, r := range all {
		switch r.Type {
		case "GIT":
		case "SEMVER", "ECOSYSTEM":
			found, err := readEvents(ecosystem, r.Events)
			if err != nil {
				return nil, err
			}
			ranges = append(ranges, found...)
		default:
			return nil, fmt.Errorf("ranges of type %q are not known", shorten(r.Type, 40))
		}
	}
	return ranges, nil
}

// point is all that happens at one version.
type point struct {
	version                 string // "" is before all others
	introduced, fixed, last bool
	again                   bool // introduced stands behind fixed
}

// readEvents evaluates events by the schema's algorithm, in the order of versions: records
// have them in any order (https://ossf.github.io/osv-schema/#evaluation).
func readEvents(ecosystem string, events []event) ([]Range, error) {
	points, err := readPoints(ecosystem, events)
	if err != nil {
		return nil, err
	}
	limit, err := readLimit(ecosystem, events)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(points, func(a, b point) int { return order(ecosystem, a.version, b.version) })
	var ranges []Range
	var open *Range
	for _, p := range together(ecosystem, points) {
		switch {
		case open == nil && p.introduced && (!p.fixed || p.again):
			open = &Range{Introduced: p.version}
			if !p.last {
				continue
			}
			open.LastAffected = p.version
		case open == nil || p.introduced: // nothing to end, or it begins again at once
			continue
		case p.fixed:
			open.Fixed = p.version
		default:
			open.LastAffected = p.version
		}
		ranges = append(ranges, *open)
		open = nil
	}
	if open != nil {
		ranges = append(ranges, *open)
	}
	return cutAt(ecosystem, ranges, limit), nil
}

// readPoints takes the events apart, after it has seen that each version can be compared.
func readPoints(ecosystem string, events []event) (points []point, err error) {
	begins := false
	for _, e := range events {
		if e == (event{}) {
			return nil, errors.New("a range has an event of an unknown kind")
		}
		for _, p := range []point{
			{version: e.Introduced, introduced: true},
			{version: e.Fixed, fixed: true},
			{version: e.LastAffected, last: true},
		} {
			if p.version == "" {
				continue
			}
			if p.introduced && p.version == "0" {
				p.version = ""
			} else if _, err := versions.Compare(ecosystem, p.version, p.version); err != nil {
				return nil, err
			}
			begins = begins || p.introduced
			points = append(points, p)
		}
	}
	if !begins {
		return nil, errors.New("a range has no version in which it was introduced")
	}
	return points, nil
}

// readLimit returns the highest limit, "" if there is none.
func readLimit(ecosystem string, events []event) (limit string, err error) {
	for _, e := range events {
		switch {
		case e.Limit == "":
			continue
		case e.Limit == "*":
			return "", nil
		}
		if _, err := versions.Compare(ecosystem, e.Limit, e.Limit); err != nil {
			return "", err
		}
		if limit == "" || order(ecosystem, limit, e.Limit) < 0 {
			limit = e.Limit
		}
	}
	return limit, nil
}

// order is for versions that are known to be comparable; "" is before all others.
func order(ecosystem, a, b string) int {
	if a == "" || b == "" {
		return cmpBool(a != "", b != "")
	}
	c, _ := versions.Compare(ecosystem, a, b)
	return c
}

// together makes one point of those at the same version.
func together(ecosystem string, sorted []point) []point {
	var all []point
	for _, p := range sorted {
		if n := len(all); n > 0 && order(ecosystem, all[n-1].version, p.version) == 0 {
			before := &all[n-1]
			before.again = before.again && !p.fixed || before.fixed && p.introduced
			before.introduced = before.introduced || p.introduced
			before.fixed = before.fixed || p.fixed
			before.last = before.last || p.last
			continue
		}
		all = append(all, p)
	}
	return all
}

// cutAt ends ranges at a limit.
func cutAt(ecosystem string, ranges []Range, limit string) []Range {
	if limit == "" {
		return ranges
	}
	var kept []Range
	for _, r := range ranges {
		if order(ecosystem, r.Introduced, limit) >= 0 {
			continue
		}
		end := r.Fixed
		if end == "" {
			end = r.LastAffected
		}
		if end == "" || order(ecosystem, end, limit) >= 0 {
			r.Fixed, r.LastAffected = limit, ""
		}
		kept = append(kept, r)
	}
	return kept
}
