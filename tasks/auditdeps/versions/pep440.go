package versions

import (
	"cmp"
	"strings"
)

// pep440 is a version of https://packaging.python.org/en/latest/specifications/version-specifiers/.
// A number that is not there is "-", as "" is 0.
type pep440 struct {
	epoch   string
	release []string
	phase   byte // 'a', 'b', 'c' for rc, or 0
	pre     string
	post    string
	dev     string
	local   []string
}

const absent = "-"

// parsePython reads a version in any of the spellings that the specification normalizes.
func parsePython(text string) (pep440, bool) {
	v := pep440{pre: absent, post: absent, dev: absent}
	if len(text) > maxLength {
		return v, false
	}
	s := strings.TrimPrefix(strings.ToLower(strings.TrimSpace(text)), "v")
	if n := digits(s); n > 0 && n < len(s) && s[n] == '!' {
		v.epoch, s = trimZeros(s[:n]), s[n+1:]
	}
	s = v.takeRelease(s)
	if len(v.release) == 0 {
		return v, false
	}
	s = v.takePre(s)
	s = v.takePost(s)
	if rest, found := takeWord(s, "dev"); found {
		v.dev, s = takeCount(rest)
	}
	return v, v.takeLocal(s)
}

func (v *pep440) takeRelease(s string) string {
	v.release = make([]string, 0, 4)
	for {
		n := digits(s)
		if n == 0 {
			return s
		}
		v.release = append(v.release, trimZeros(s[:n]))
		s = s[n:]
		if len(s) < 2 || s[0] != '.' || !isDigit(s[1]) {
			return s
		}
		s = s[1:]
	}
}

// phases are the spellings of a pre-release, the longer ones first.
var phases = []struct {
	word  string
	phase byte
}{{"alpha", 'a'}, {"beta", 'b'}, {"preview", 'c'}, {"pre", 'c'}, {"rc", 'c'}, {"a", 'a'}, {"b", 'b'}, {"c", 'c'}}

func (v *pep440) takePre(s string) string {
	for _, p := range phases {
		if rest, found := takeWord(s, p.word); found {
			v.phase = p.phase
			v.pre, rest = takeCount(rest)
			return rest
		}
	}
	return s
}

func (v *pep440) takePost(s string) string {
	if len(s) > 1 && s[0] == '-' && isDigit(s[1]) { // 1.0-1
		n := digits(s[1:]) + 1
		v.post = trimZeros(s[1:n])
		return s[n:]
	}
	for _, word := range []string{"post", "rev", "r"} {
		if rest, found := takeWord(s, word); found {
			v.post, rest = takeCount(rest)
			return rest
		}
	}
	return s
}

func (v *pep440) takeLocal(s string) bool {
	if s == "" {
		return true
	}
	if s[0] != '+' {
		return false
	}
	v.local = strings.FieldsFunc(s[1:], isSeparator)
	// No separator may be doubled, in front or behind.
	length := len(v.local)
	for i, part := range v.local {
		length += len(part)
		if !isAlphanumeric(part) {
			return false
		}
		if isDigits(part) {
			v.local[i] = "0" + trimZeros(part)
		}
	}
	return length == len(s)
}

func isSeparator(r rune) bool { return r == '.' || r == '-' || r == '_' }

func isAlphanumeric(s string) bool {
	for i := range len(s) {
		if !isWord(s[i]) || s[i] == '-' {
			return false
		}
	}
	return s != ""
}

// takeWord takes a word that may have a separator in front.
func takeWord(s, word string) (rest string, found bool) {
	if s != "" && isSeparator(rune(s[0])) {
		s = s[1:]
	}
	return strings.CutPrefix(s, word)
}

// takeCount takes the number behind a word, 0 if there is none.
func takeCount(s string) (count, rest string) {
	at := 0
	if len(s) > 1 && isSeparator(rune(s[0])) && isDigit(s[1]) {
		at = 1
	}
	n := at + digits(s[at:])
	return trimZeros(s[at:n]), s[n:]
}

// compare orders by the specification: a version is (epoch, release, pre, post, dev, local).
func (v pep440) compare(w pep440) int {
	if c := compareNumber(v.epoch, w.epoch); c != 0 {
		return c
	}
	if c := compareRelease(v.release, w.release); c != 0 {
		return c
	}
	return cmp.Or(
		cmp.Compare(v.stage(), w.stage()),
		compareCount(v.pre, w.pre),
		compareCount(v.post, w.post),
		compareDev(v.dev, w.dev),
		compareLocal(v.local, w.local),
	)
}

func compareRelease(a, b []string) int {
	for i := range max(len(a), len(b)) {
		if c := compareNumber(at(a, i), at(b, i)); c != 0 {
			return c
		}
	}
	return 0
}

func at(numbers []string, i int) string {
	if i < len(numbers) {
		return numbers[i]
	}
	return ""
}

// stage ranks what comes behind the release: 1.0.dev1 < 1.0a1 < 1.0b1 < 1.0rc1 < 1.0 and
// what is built on it.
func (v pep440) stage() int {
	switch {
	case v.phase != 0:
		return int(v.phase)
	case v.post == absent && v.dev != absent:
		return 0
	}
	return 'z'
}

// compareCount puts what is absent first.
func compareCount(a, b string) int {
	if a == absent || b == absent {
		return cmp.Compare(btoi(a != absent), btoi(b != absent))
	}
	return compareNumber(a, b)
}

// compareDev puts what is absent last.
func compareDev(a, b string) int {
	if a == absent || b == absent {
		return cmp.Compare(btoi(a == absent), btoi(b == absent))
	}
	return compareNumber(a, b)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// compareLocal puts a version without a local part first, then texts, then numbers.
func compareLocal(a, b []string) int {
	for i := range min(len(a), len(b)) {
		numA, numB := isDigits(a[i]), isDigits(b[i])
		switch {
		case numA && numB:
			if c := compareNumber(a[i], b[i]); c != 0 {
				return c
			}
		case numA != numB:
			return cmp.Compare(btoi(numA), btoi(numB))
		default:
			if c := strings.Compare(a[i], b[i]); c != 0 {
				return c
			}
		}
	}
	return cmp.Compare(len(a), len(b))
}

// isPre reports whether the version is a pre-release or a development release.
func (v pep440) isPre() bool { return v.phase != 0 || v.dev != absent }

// sameBase reports whether epoch and release are the same.
func (v pep440) sameBase(w pep440) bool {
	return v.epoch == w.epoch && compareRelease(v.release, w.release) == 0
}

// comparePython takes a short way if both are plain numbers.
func comparePython(a, b string) (int, error) {
	if c, plain := comparePlain(a, b, 4); plain {
		return c, nil
	}
	v, ok := parsePython(a)
	if !ok {
		return 0, noVersion(a, "Python")
	}
	w, ok := parsePython(b)
	if !ok {
		return 0, noVersion(b, "Python")
	}
	return v.compare(w), nil
}
