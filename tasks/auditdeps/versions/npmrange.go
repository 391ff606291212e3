package versions

import (
	"slices"
	"strings"
)

// comparator is one condition: an operator and the version it is about.
type comparator struct {
	op string // "<", "<=", ">", ">=", "="
	semver
}

func (c comparator) allows(v semver) bool {
	order := v.compare(c.semver)
	switch c.op {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	}
	return order == 0
}

// satisfiesNPM is node-semver's satisfies(version, wanted, {loose: true}), as npm uses it;
// see https://github.com/npm/node-semver#ranges. What node-semver would drop from a range
// because it does not understand it is an error here.
func satisfiesNPM(version, wanted string) (bool, error) {
	if allowed, known := quickNPM(version, wanted); known {
		return allowed, nil
	}
	return satisfiesParsed(version, wanted)
}

// satisfiesParsed is satisfiesNPM for every range.
func satisfiesParsed(version, wanted string) (bool, error) {
	v, ok := parseExact(version)
	if !ok {
		return false, noVersion(version, "npm")
	}
	text := wanted
	if target, alias := strings.CutPrefix(text, "npm:"); alias {
		text = target[strings.LastIndexByte(target, '@')+1:] // all of yarn's "npm:^1.0.0"
	}
	found, anything := false, false
	for clause := range strings.SplitSeq(text, "||") {
		all, ok := parseClause(clause)
		if !ok {
			return false, noRange(wanted)
		}
		found = found || allow(all, v)
		anything = anything || len(all) == 0
	}
	if anything { // to node-semver "* || 1.0.0-beta" is "*", which allows no pre-release
		return v.pre == "", nil
	}
	return found, nil
}

// allow reports whether all comparators do. A pre-release has to be asked for: one of them
// must be about a pre-release of the same numbers.
func allow(all []comparator, v semver) bool {
	asked := v.pre == ""
	for _, c := range all {
		if !c.allows(v) {
			return false
		}
		asked = asked || c.pre != "" && c.sameCore(v)
	}
	return asked
}

// parseExact reads a version of which no number is missing.
func parseExact(text string) (semver, bool) {
	p, ok := parsePartial(strings.TrimSpace(text))
	return p.semver, ok && p.given == 3 && !p.wild && len(text) <= maxLength
}

// partial is a version of which the last numbers may be missing or wildcards.
type partial struct {
	semver
	given int  // numbers before the first one that is missing or a wildcard
	wild  bool // there is a wildcard
}

func parsePartial(text string) (partial, bool) {
	s := strings.TrimLeft(text, "v= \t")
	var p partial
	for i, into := range []*string{&p.major, &p.minor, &p.patch} {
		n := digits(s)
		switch {
		case n > 0 && !p.wild:
			*into = trimZeros(s[:n])
			p.given++
		case n == 0 && s != "" && strings.IndexByte("xX*", s[0]) >= 0:
			n = 1
			p.wild = true
		default: // nothing, or a number behind a wildcard
			return p, false
		}
		s = s[n:]
		if i == 2 {
			break
		}
		if s == "" {
			return p, true
		}
		if s[0] != '.' {
			return p, false
		}
		s = s[1:]
	}
	ok := p.takeTail(s, true)
	if p.given < 3 {
		p.pre = ""
	}
	return p, ok
}

// parseClause reads what stands between "||": nothing, a hyphen range, or comparators.
func parseClause(clause string) ([]comparator, bool) {
	all, ok := parseComparators(clause)
	return slices.DeleteFunc(all, comparator.allowsAll), ok
}

// allowsAll is for what node-semver drops, so that "^0" is no obstacle for 0.0.0-beta.
func (c comparator) allowsAll() bool { return c.op == ">=" && c.semver == semver{} }

func parseComparators(clause string) ([]comparator, bool) {
	if f := strings.Fields(clause); len(f) == 3 && f[1] == "-" {
		return parseHyphen(f[0], f[2])
	}
	var all []comparator
	for s := strings.TrimSpace(clause); s != ""; s = strings.TrimSpace(s) {
		op := takeOperator(s, operators)
		s = strings.TrimLeft(s[len(op):], " \t\r\n")
		if (op == "<" || op == ">") && strings.HasPrefix(s, "=") { // "> =1" is ">=1"
			op += "="
		}
		s = strings.TrimLeft(s, "v= \t\r\n")
		end := strings.IndexAny(s, " \t\r\n")
		if end < 0 {
			end = len(s)
		}
		p, ok := parsePartial(s[:end])
		if !ok {
			return nil, false
		}
		all = append(all, p.bounds(op)...)
		s = s[end:]
	}
	return all, true
}

// operators, the longer ones first.
var operators = []string{"^", "~>", "~", ">=", "<=", ">", "<", "="}

// takeOperator returns the one that s begins with, "" if it is none.
func takeOperator(s string, operators []string) string {
	for _, op := range operators {
		if strings.HasPrefix(s, op) {
			return op
		}
	}
	return ""
}

func parseHyphen(from, to string) ([]comparator, bool) {
	low, ok := parsePartial(from)
	if !ok {
		return nil, false
	}
	high, ok := parsePartial(to)
	if !ok {
		return nil, false
	}
	all := low.bounds(">=")
	switch high.given {
	case 0:
		return all, true
	case 3:
		return append(all, comparator{"<=", high.semver}), true
	}
	return append(all, comparator{"<", high.next(high.given)}), true
}

// bounds turns "^1.2" and the like into comparators; none is what allows everything.
func (p partial) bounds(op string) []comparator {
	switch {
	case p.given == 0 && (op == "<" || op == ">"): // below or above everything
		return []comparator{{"<", semver{pre: "0"}}}
	case p.given == 0:
		return nil
	case op == "^":
		return []comparator{{">=", p.semver}, {"<", p.next(p.leading())}}
	case op == "~" || op == "~>":
		return []comparator{{">=", p.semver}, {"<", p.next(min(p.given, 2))}}
	case p.given == 3:
		return []comparator{{op, p.semver}}
	case op == ">": // above all that begin so
		v := p.next(p.given)
		v.pre = ""
		return []comparator{{">=", v}}
	case op == "<=":
		return []comparator{{"<", p.next(p.given)}}
	case op == "<":
		v := p.semver
		v.pre = "0"
		return []comparator{{"<", v}}
	case op == ">=":
		return []comparator{{">=", p.semver}}
	}
	return []comparator{{">=", p.semver}, {"<", p.next(p.given)}}
}

// leading is the number of the one that "^" keeps: the first that is not 0.
func (p partial) leading() int {
	switch {
	case p.major != "" || p.given == 1:
		return 1
	case p.minor != "" || p.given == 2:
		return 2
	}
	return 3
}

// next is what comes behind all versions that begin with the first n numbers.
func (v semver) next(n int) semver {
	w := semver{pre: "0"}
	switch n {
	case 1:
		w.major = increment(v.major)
	case 2:
		w.major, w.minor = v.major, increment(v.minor)
	default:
		w.major, w.minor, w.patch = v.major, v.minor, increment(v.patch)
	}
	return w
}

// increment adds one to digits of any length.
func increment(digits string) string {
	b := []byte("0" + digits)
	for i := len(b) - 1; ; i-- {
		if b[i] < '9' {
			b[i]++
			return trimZeros(string(b))
		}
		b[i] = '0'
	}
}
