package versions

import "strings"

// satisfiesPython follows the specification of pep440's comment: specifiers with commas
// between them. Pre-releases count, as they do for `pip check`. It also takes what Poetry's
// manifests have: "^1.2", "~1.2", "1.2" alone, "*", and "||" between alternatives; see
// https://python-poetry.org/docs/dependency-specification/.
func satisfiesPython(version, wanted string) (bool, error) {
	v, ok := parsePython(version)
	if !ok {
		return false, noVersion(version, "Python")
	}
	text := wanted
	if strings.HasPrefix(text, "(") && strings.HasSuffix(text, ")") { // as METADATA files had it
		text = text[1 : len(text)-1]
	}
	found := false
	for clause := range strings.SplitSeq(text, "||") {
		all, ok := satisfiesSpecifiers(v, version, clause)
		if !ok {
			return false, noRange(wanted)
		}
		found = found || all
	}
	return found, nil
}

// satisfiesSpecifiers reports whether all of them hold, after it has understood each.
func satisfiesSpecifiers(v pep440, version, clause string) (holds, ok bool) {
	holds = true
	if strings.TrimSpace(clause) == "" {
		return true, true
	}
	parts := strings.Split(clause, ",")
	for i, part := range parts {
		part = strings.TrimSpace(part)
		if part == "" && i > 0 && i == len(parts)-1 {
			break // a comma at the end is common
		}
		one, ok := satisfiesSpecifier(v, version, part)
		if !ok {
			return false, false
		}
		holds = holds && one
	}
	return holds, true
}

// specifierOperators, the longer ones first.
var specifierOperators = []string{"===", "==", "~=", "!=", "<=", ">=", "<", ">", "^", "~", "="}

func satisfiesSpecifier(v pep440, version, part string) (holds, ok bool) {
	op := takeOperator(part, specifierOperators)
	text := strings.TrimSpace(part[len(op):])
	switch {
	case op == "===":
		return strings.EqualFold(strings.TrimSpace(version), text), text != ""
	case op == "" && text == "*":
		return true, true
	case op == "" || op == "=":
		op = "=="
	}
	text, wild := strings.CutSuffix(text, ".*")
	w, ok := parsePython(text)
	equality := op == "==" || op == "!="
	switch {
	case !ok, wild && (w.isSuffixed() || !equality), len(w.local) > 0 && !equality:
		return false, false
	case equality:
		return v.equals(w, wild) == (op == "=="), true
	}
	return holdsPython(op, v, w)
}

func holdsPython(op string, v, w pep440) (holds, ok bool) {
	switch op {
	case "<=":
		return v.public().compare(w) <= 0, true
	case ">=":
		return v.atLeast(w), true
	case "<":
		return v.before(w), true
	case ">":
		return v.after(w), true
	case "~=":
		return v.atLeast(w) && v.hasPrefix(w, len(w.release)-1), len(w.release) > 1
	case "^":
		return v.atLeast(w) && v.hasPrefix(w, leadingRelease(w.release)), true
	}
	return v.atLeast(w) && v.hasPrefix(w, min(len(w.release), 2)), true // "~"
}

// before is not true of a pre-release of what it has to be before.
func (v pep440) before(w pep440) bool {
	return v.compare(w) < 0 && (w.isPre() || !v.isPre() || !v.sameBase(w))
}

// after is not true of a post-release or a local build of what it has to be after.
func (v pep440) after(w pep440) bool {
	more := v.post != absent && w.post == absent || len(v.local) > 0
	return v.compare(w) > 0 && (!more || !v.sameBase(w))
}

// equals compares without the local part, unless w has one. A prefix is not a number more:
// 1.1 begins 1.1.post1, but not 1.10.
func (v pep440) equals(w pep440, wild bool) bool {
	if wild {
		return v.hasPrefix(w, len(w.release))
	}
	if len(w.local) == 0 {
		v = v.public()
	}
	return v.compare(w) == 0
}

func (v pep440) atLeast(w pep440) bool { return v.public().compare(w) >= 0 }

// hasPrefix reports whether epoch and the first n numbers are w's.
func (v pep440) hasPrefix(w pep440, n int) bool {
	if v.epoch != w.epoch {
		return false
	}
	for i := range n {
		if at(v.release, i) != at(w.release, i) {
			return false
		}
	}
	return true
}

// public is the version without its local part.
func (v pep440) public() pep440 {
	v.local = nil
	return v
}

// isSuffixed reports whether there is anything behind the release.
func (v pep440) isSuffixed() bool {
	return v.isPre() || v.post != absent || len(v.local) > 0
}

// leadingRelease is how many numbers "^" keeps: up to the first that is not 0.
func leadingRelease(release []string) int {
	for i, number := range release {
		if number != "" {
			return i + 1
		}
	}
	return len(release)
}
