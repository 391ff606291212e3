package versions

import "strings"

// satisfiesGo takes what a go.mod requires as the lowest version, as minimal version
// selection does, see https://go.dev/ref/mod#minimal-version-selection.
func satisfiesGo(version, wanted string) (bool, error) {
	v, ok := parseGo(version)
	if !ok || len(version) > maxLength {
		return false, noVersion(version, "Go")
	}
	w, ok := parseGo(wanted)
	if !ok || len(wanted) > maxLength {
		return false, noRange(wanted)
	}
	return v.compare(w) >= 0, nil
}

// satisfiesCargo follows https://doc.rust-lang.org/cargo/reference/specifying-dependencies.html:
// conditions with commas between them, each "^" if it has no operator. What an operator
// means for missing numbers, and when a pre-release is taken, is as in npm.
func satisfiesCargo(version, wanted string) (bool, error) {
	v, ok := parseExact(version)
	if !ok {
		return false, noVersion(version, "Cargo")
	}
	var all []comparator
	asked := v.pre == ""
	for part := range strings.SplitSeq(wanted, ",") {
		op, p, ok := parseCargo(part)
		if !ok {
			return false, noRange(wanted)
		}
		all = append(all, p.bounds(op)...)
		asked = asked || p.pre != "" && p.sameCore(v)
	}
	for _, c := range all {
		if !c.allows(v) {
			return false, nil
		}
	}
	return asked, nil
}

func parseCargo(part string) (op string, p partial, ok bool) {
	part = strings.TrimSpace(part)
	op = takeOperator(part, operators)
	text := strings.TrimSpace(part[len(op):])
	p, ok = parsePartial(text)
	if !ok || op == "~>" || text[0] == 'v' || text[0] == '=' {
		return "", p, false
	}
	if p.wild {
		return op, p, op == "" || op == "="
	}
	if op == "" {
		op = "^"
	}
	return op, p, true
}
