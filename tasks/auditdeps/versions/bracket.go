package versions

import "strings"

// interval is a range as mathematics write it: "[1.0,2.0)". A bound that is "" is none.
type interval struct {
	low, high         string
	openLow, openHigh bool
}

// parseInterval reads what stands between brackets; one version in "[1.0]" is both bounds.
func parseInterval(text string) (interval, bool) {
	inner := strings.TrimSpace(text[1 : len(text)-1])
	i := interval{openLow: text[0] == '(', openHigh: text[len(text)-1] == ')'}
	low, high, comma := strings.Cut(inner, ",")
	i.low, i.high = strings.TrimSpace(low), strings.TrimSpace(high)
	if !comma {
		i.high = i.low
		return i, i.low != "" && !i.openLow && !i.openHigh
	}
	return i, true
}

// contains asks compare, which must know both bounds even if the first one decides.
func (i interval) contains(version string, compare func(a, b string) (int, error)) (bool, error) {
	inside := true
	if i.low != "" {
		c, err := compare(version, i.low)
		if err != nil {
			return false, err
		}
		inside = c > 0 || c == 0 && !i.openLow
	}
	if i.high != "" {
		c, err := compare(version, i.high)
		if err != nil {
			return false, err
		}
		inside = inside && (c < 0 || c == 0 && !i.openHigh)
	}
	return inside, nil
}

// satisfiesNuGet follows https://learn.microsoft.com/nuget/concepts/package-versioning: a
// version alone is the lowest one, and of a floating one ("1.*") only the lower bound
// counts, as in NuGet.Client's VersionRangeBase.Satisfies.
func satisfiesNuGet(version, wanted string) (bool, error) {
	if _, ok := parseNuGet(version); !ok || len(version) > maxLength {
		return false, noVersion(version, "NuGet")
	}
	i := interval{low: wanted}
	if len(wanted) > 1 && strings.ContainsRune("[(", rune(wanted[0])) &&
		strings.ContainsRune("])", rune(wanted[len(wanted)-1])) {
		var ok bool
		if i, ok = parseInterval(wanted); !ok || i.low == "" && i.high == "" {
			return false, noRange(wanted)
		}
	} else if wanted == "" {
		return false, noRange(wanted)
	}
	i.low = lowest(i.low)
	inside, err := i.contains(version, compareWith(parseNuGet))
	if err != nil {
		return false, noRange(wanted)
	}
	return inside, nil
}

// lowest is the first version that a floating one means: of "1.2.*" it is 1.2.0, of
// "1.2.*-*" and "1.2.0-*" the first pre-release.
func lowest(floating string) string {
	core, pre, hyphen := strings.Cut(floating, "-")
	if strings.HasSuffix(core, "*") {
		core = strings.TrimSuffix(core, "*") + "0"
	}
	if !hyphen {
		return core
	}
	if strings.HasSuffix(pre, "*") {
		pre = strings.TrimRight(strings.TrimSuffix(pre, "*"), ".-")
		if pre == "" {
			pre = "0"
		}
	}
	return core + "-" + pre
}

// satisfiesMaven follows https://maven.apache.org/pom.html#dependency-version-requirement-specification:
// intervals with commas between them, or one version, which is only a recommendation that
// every version meets.
func satisfiesMaven(version, wanted string) (bool, error) {
	if _, err := compareMaven(version, version); err != nil {
		return false, err
	}
	if wanted == "" {
		return false, noRange(wanted)
	}
	if wanted[0] != '[' && wanted[0] != '(' {
		if _, err := compareMaven(wanted, wanted); err != nil {
			return false, noRange(wanted)
		}
		return true, nil
	}
	found := false
	for rest := wanted; rest != ""; {
		end := strings.IndexAny(rest, "])")
		if end < 1 || rest[0] != '[' && rest[0] != '(' {
			return false, noRange(wanted)
		}
		i, ok := parseInterval(rest[:end+1])
		if !ok {
			return false, noRange(wanted)
		}
		inside, err := i.contains(version, compareMaven)
		if err != nil {
			return false, noRange(wanted)
		}
		found = found || inside
		rest = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(rest[end+1:]), ","))
	}
	return found, nil
}
