package versions

import (
	"cmp"
	"strings"
)

// semver is a version of the family of https://semver.org: what npm, crates.io, Go and
// NuGet have in common. Numbers stay text without leading zeros, so that none is too large.
type semver struct {
	major, minor, patch, revision string // "" is 0; only NuGet has a revision
	pre                           string // without its hyphen; "" for a release
	fold                          bool   // NuGet: letters of pre are compared without case
}

func (v semver) compare(w semver) int {
	if c := compareNumber(v.major, w.major); c != 0 {
		return c
	}
	if c := compareNumber(v.minor, w.minor); c != 0 {
		return c
	}
	if c := compareNumber(v.patch, w.patch); c != 0 {
		return c
	}
	if c := compareNumber(v.revision, w.revision); c != 0 {
		return c
	}
	switch {
	case v.pre == w.pre:
		return 0
	case v.pre == "":
		return 1
	case w.pre == "":
		return -1
	}
	return comparePre(v.pre, w.pre, v.fold)
}

// sameCore reports whether the numbers are the same.
func (v semver) sameCore(w semver) bool {
	v.pre, w.pre = "", ""
	return v.compare(w) == 0
}

// compareNumber orders digits of any length that have no leading zeros.
func compareNumber(a, b string) int {
	if len(a) != len(b) {
		return cmp.Compare(len(a), len(b))
	}
	return strings.Compare(a, b)
}

// comparePre orders pre-releases by https://semver.org/#spec-item-11: numbers by value and
// before texts, and the shorter list first.
func comparePre(a, b string, fold bool) int {
	for {
		x, restA, moreA := strings.Cut(a, ".")
		y, restB, moreB := strings.Cut(b, ".")
		if c := compareIdentifier(x, y, fold); c != 0 {
			return c
		}
		switch {
		case !moreA && !moreB:
			return 0
		case !moreA:
			return -1
		case !moreB:
			return 1
		}
		a, b = restA, restB
	}
}

func compareIdentifier(x, y string, fold bool) int {
	if x == y {
		return 0
	}
	numX, numY := isDigits(x), isDigits(y)
	if fold { // NuGet's are 32 bits, and what is larger is a text
		numX, numY = numX && isInt32(x), numY && isInt32(y)
	}
	switch {
	case numX && numY:
		return compareNumber(trimZeros(x), trimZeros(y))
	case numX:
		return -1
	case numY:
		return 1
	case fold:
		return strings.Compare(strings.ToLower(x), strings.ToLower(y))
	}
	return strings.Compare(x, y)
}

func isInt32(digits string) bool {
	return compareNumber(trimZeros(digits), "2147483647") <= 0
}

// trimZeros makes "0" and "" the same number.
func trimZeros(digits string) string {
	for digits != "" && digits[0] == '0' {
		digits = digits[1:]
	}
	return digits
}

func isDigits(s string) bool {
	return s != "" && digits(s) == len(s)
}

// digits is how many digits s begins with.
func digits(s string) int {
	i := 0
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	return i
}

func isDigit(c byte) bool { return c-'0' <= 9 }

func isWord(c byte) bool {
	return isDigit(c) || c == '-' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// isIdentifiers reports whether s is a list of identifiers with dots between them.
func isIdentifiers(s string) bool {
	last := byte('.')
	for i := range len(s) {
		if s[i] == '.' && last == '.' || s[i] != '.' && !isWord(s[i]) {
			return false
		}
		last = s[i]
	}
	return last != '.'
}

// takeNumbers reads up to limit numbers with dots between them.
func takeNumbers(s string, limit int) (v semver, n int, rest string) {
	for _, into := range []*string{&v.major, &v.minor, &v.patch, &v.revision}[:limit] {
		end := digits(s)
		if end == 0 {
			return v, -1, s // nothing, or nothing behind a dot
		}
		*into = trimZeros(s[:end])
		n++
		if end == len(s) || s[end] != '.' || n == limit {
			return v, n, s[end:]
		}
		s = s[end+1:]
	}
	return v, n, s
}

// takeTail reads what comes behind the numbers: a pre-release and build metadata. A loose
// one needs no hyphen: "1.2.3beta", see node-semver's option.
func (v *semver) takeTail(rest string, loose bool) bool {
	rest, build, hasBuild := strings.Cut(rest, "+")
	if hasBuild && !isIdentifiers(build) {
		return false
	}
	if rest == "" {
		return true
	}
	pre, hyphen := strings.CutPrefix(rest, "-")
	switch {
	case hyphen && isIdentifiers(pre):
		v.pre = pre
	case loose && rest[0] != '.' && isIdentifiers(rest): // "1.2.3beta", also "1.2.3-"
		v.pre = rest
	default:
		return false
	}
	return true
}

// parseLoose reads what npm and crates.io have, and their advisories: missing numbers are
// 0, and a "v" or "=" in front is left out, as node-semver's loose does.
func parseLoose(text string) (semver, bool) {
	s := strings.TrimLeft(strings.TrimSpace(text), "v= \t")
	v, n, rest := takeNumbers(s, 3)
	return v, n > 0 && v.takeTail(rest, true)
}

// parseNuGet reads up to four numbers, see NuGet.Client's NuGetVersionFactory.cs.
func parseNuGet(text string) (semver, bool) {
	v, n, rest := takeNumbers(strings.TrimSpace(text), 4)
	v.fold = true
	return v, n > 0 && v.takeTail(rest, false)
}

// parseGo reads a module's version with or without its "v", and a release of Go itself
// such as "go1.21rc2", which advisories have as 1.21.0-rc.2.
func parseGo(text string) (semver, bool) {
	s, tag := strings.CutPrefix(text, "go")
	if !tag {
		s = strings.TrimPrefix(s, "v")
	}
	v, n, rest := takeNumbers(s, 3)
	if n < 0 {
		return v, false
	}
	kind := strings.TrimRight(rest, "0123456789")
	if n < 3 && len(kind) < len(rest) && (kind == "rc" || kind == "beta") {
		v.pre = kind + "." + rest[len(kind):]
		return v, true
	}
	return v, (n == 3 || rest == "") && v.takeTail(rest, false)
}

// comparePlain compares versions of up to so many numbers and nothing else, which most
// are and every ecosystem understands in the same way.
func comparePlain(a, b string, limit int) (order int, plain bool) {
	v, n, rest := takeNumbers(a, limit)
	if n < 0 || rest != "" || len(a) > maxLength {
		return 0, false
	}
	w, n, rest := takeNumbers(b, limit)
	if n < 0 || rest != "" || len(b) > maxLength {
		return 0, false
	}
	return v.compare(w), true
}

// compareWith makes a Compare of a parser.
func compareWith(parse func(string) (semver, bool)) func(a, b string) (int, error) {
	return func(a, b string) (int, error) {
		if c, plain := comparePlain(a, b, 3); plain {
			return c, nil
		}
		v, ok := parse(a)
		if !ok || len(a) > maxLength {
			return 0, noVersion(a, "semantic")
		}
		w, ok := parse(b)
		if !ok || len(b) > maxLength {
			return 0, noVersion(b, "semantic")
		}
		return v.compare(w), nil
	}
}
