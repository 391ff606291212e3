package lockfile

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// cargoAllows reports whether a requirement such as "1.2", "~1.2.3" or ">=1, <3"
// allows a version, as Cargo reads it. What it does not understand, and versions
// before a release, it allows: no lock file is called stale by mistake.
func cargoAllows(requirement, version string) bool {
	have, ok := parsePartial(version)
	if !ok || len(have) != 3 || strings.Contains(version, "-") {
		return true
	}
	for part := range strings.SplitSeq(requirement, ",") {
		if !comparatorAllows(strings.TrimSpace(part), have) {
			return false
		}
	}
	return true
}

// comparatorAllows decides one comparator, whose version may lack its last numbers.
func comparatorAllows(comparator string, have []uint64) bool {
	number := strings.TrimLeft(comparator, "^~=<>")
	operator := comparator[:len(comparator)-len(number)]
	number = strings.TrimSpace(number)
	if strings.Contains(number, "-") {
		return true
	}
	want, ok := parsePartial(number)
	if !ok {
		return true
	}
	order := compareNumbers(have, want)
	if strings.ContainsAny(number, "*xX") && operator == "" {
		operator = "="
	}
	switch operator {
	case "", "^":
		return order == 0 || order > 0 && samePrefix(have, want, caretLength(want))
	case "~":
		return order == 0 || order > 0 && samePrefix(have, want, min(len(want), 2))
	}
	orders, known := comparisons[operator]
	return !known || slices.Contains(orders, order)
}

// comparisons are the operators that compare, with the orders that fulfil them.
var comparisons = map[string][]int{"=": {0}, "<": {-1}, "<=": {-1, 0}, ">": {1}, ">=": {0, 1}}

// caretLength is how many numbers must stay as they are: all to the first that is
// not zero.
func caretLength(want []uint64) int {
	for i, n := range want {
		if n != 0 {
			return i + 1
		}
	}
	return len(want)
}

// samePrefix compares the first n numbers.
func samePrefix(have, want []uint64, n int) bool {
	return compareNumbers(have, want[:min(n, len(want))]) == 0
}

// compareNumbers compares as many numbers as want has.
func compareNumbers(have, want []uint64) int {
	for i, n := range want {
		if c := cmp.Compare(have[i], n); c != 0 {
			return c
		}
	}
	return 0
}

// parsePartial reads up to three numbers, of which a wildcard ends the list. Build
// metadata says nothing.
func parsePartial(version string) ([]uint64, bool) {
	version, _, _ = strings.Cut(version, "+")
	version, _, _ = strings.Cut(version, "-")
	var numbers []uint64
	for field := range strings.SplitSeq(version, ".") {
		if field == "*" || field == "x" || field == "X" {
			return numbers, true
		}
		n, err := strconv.ParseUint(field, 10, 64)
		if err != nil || len(numbers) == 3 {
			return nil, false
		}
		numbers = append(numbers, n)
	}
	return numbers, true
}
