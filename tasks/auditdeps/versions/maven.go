package versions

import (
	"cmp"
	"slices"
	"strings"
)

// mavenItem is a part of a version as Maven's ComparableVersion has them: a number, a
// text, a text with a number behind it ("rc2"), or a list of parts behind a hyphen.
// See https://maven.apache.org/pom.html#version-order-specification.
type mavenItem struct {
	kind   mavenKind
	text   string
	number string
	list   []mavenItem
}

type mavenKind int

const (
	mavenText mavenKind = iota
	mavenTextNumber
	mavenList
	mavenNumber
)

// order of the kinds: texts of either kind, then lists, then numbers.
func (k mavenKind) order() mavenKind { return max(k, mavenTextNumber) }

// compareMaven takes a short way if both are plain numbers.
func compareMaven(a, b string) (int, error) {
	if c, plain := comparePlain(a, b, 4); plain {
		return c, nil
	}
	for _, text := range []string{a, b} {
		if text == "" || len(text) > maxLength || strings.ContainsAny(text, "[](),*$ \t\r\n") {
			return 0, noVersion(text, "Maven")
		}
	}
	return compareItems(parseMaven(a), parseMaven(b)), nil
}

// parseMaven never fails: to Maven any text is a version.
func parseMaven(version string) []mavenItem {
	p := mavenParser{text: strings.ToLower(version), lists: [][]mavenItem{nil}}
	for i := range len(p.text) {
		p.next(i)
	}
	if p.start < len(p.text) {
		p.take(len(p.text))
	}
	return p.fold()
}

// mavenParser has one open list for each hyphen or change of letters and digits.
type mavenParser struct {
	text         string
	start        int
	digit, mixed bool // what the part that begins at start is made of so far
	lists        [][]mavenItem
}

func (p *mavenParser) next(i int) {
	c := p.text[i]
	switch {
	case c == '.':
		p.take(i)
		p.mixed = false
		p.start = i + 1
	case c == '-':
		if i > p.start && !p.digit && i+1 < len(p.text) && isDigit(p.text[i+1]) {
			p.mixed = true // rc-2 is rc2
			return
		}
		p.take(i)
		p.start = i + 1
		p.nest()
		p.mixed = false
	case isDigit(c):
		p.mixed = p.mixed || !p.digit && i > p.start
		p.digit = true
	default:
		if p.digit && i > p.start {
			p.take(i)
			p.start = i
			p.nest()
			p.mixed = false
		}
		p.digit = false
	}
}

// take ends the part that began at start.
func (p *mavenParser) take(end int) {
	part := p.text[p.start:end]
	item := mavenItem{kind: mavenNumber}
	switch {
	case part == "": // 1..2 is 1.0.2
	case p.mixed:
		part = strings.ReplaceAll(part, "-", "")
		n := strings.IndexFunc(part, func(r rune) bool { return r >= '0' && r <= '9' })
		item = mavenItem{kind: mavenTextNumber, text: longForm(part[:n]), number: trimZeros(part[n:])}
	case p.digit:
		item.number = trimZeros(part)
	default:
		item = mavenItem{kind: mavenText, text: part}
	}
	if item.kind.order() == mavenTextNumber {
		p.nest() // ".rc" is "-rc"
	}
	last := len(p.lists) - 1
	p.lists[last] = append(p.lists[last], item)
}

func longForm(text string) string {
	switch text {
	case "a":
		return "alpha"
	case "b":
		return "beta"
	case "m":
		return "milestone"
	}
	return text
}

// nest begins a list inside of the one that is open, unless that is empty.
func (p *mavenParser) nest() {
	if len(p.lists[len(p.lists)-1]) > 0 {
		p.lists = append(p.lists, nil)
	}
}

// fold closes all lists, from the innermost.
func (p *mavenParser) fold() []mavenItem {
	for {
		last := len(p.lists) - 1
		list := withoutZeros(p.lists[last])
		if last == 0 {
			return list
		}
		p.lists = p.lists[:last]
		p.lists[last-1] = append(p.lists[last-1], mavenItem{kind: mavenList, list: list})
	}
}

// withoutZeros removes what means nothing at the end, or before a text: 1.0-rc is 1-rc.
func withoutZeros(list []mavenItem) []mavenItem {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].isNull() && (i == len(list)-1 || list[i+1].beginsWithText()) {
			list = slices.Delete(list, i, i+1)
		}
	}
	return list
}

func (m mavenItem) isNull() bool {
	return m.kind == mavenNumber && m.number == "" || m.kind == mavenList && len(m.list) == 0 ||
		m.kind == mavenText && m.text == ""
}

func (m mavenItem) beginsWithText() bool {
	return m.kind == mavenText ||
		m.kind == mavenList && len(m.list) > 0 && m.list[0].kind.order() == mavenTextNumber
}

func compareItems(a, b []mavenItem) int {
	for i := range max(len(a), len(b)) {
		var c int
		switch {
		case i >= len(a):
			c = -b[i].compareNothing()
		case i >= len(b):
			c = a[i].compareNothing()
		default:
			c = a[i].compare(b[i])
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

func (m mavenItem) compare(o mavenItem) int {
	if c := cmp.Compare(m.kind.order(), o.kind.order()); c != 0 {
		return c
	}
	switch m.kind {
	case mavenNumber:
		return compareNumber(m.number, o.number)
	case mavenList:
		return compareItems(m.list, o.list)
	}
	if c := compareQualifier(m.text, o.text); c != 0 {
		return c
	}
	if c := cmp.Compare(m.kind, o.kind); c != 0 {
		return c
	}
	return compareNumber(m.number, o.number)
}

// compareNothing compares with the end of the other version.
func (m mavenItem) compareNothing() int {
	switch m.kind {
	case mavenNumber:
		return btoi(m.number != "")
	case mavenList:
		for _, item := range m.list {
			if c := item.compareNothing(); c != 0 {
				return c
			}
		}
		return 0
	}
	if c := compareQualifier(m.text, ""); c != 0 || m.kind == mavenText {
		return c
	}
	return 1 // 1.0-ga2 is not 1.0-ga
}

// compareQualifier orders texts: the ones with a meaning, then the others by letter.
func compareQualifier(a, b string) int {
	if c := cmp.Compare(qualifier(a), qualifier(b)); c != 0 || qualifier(a) != unknownQualifier {
		return c
	}
	return strings.Compare(a, b)
}

const unknownQualifier = 7

func qualifier(text string) int {
	switch text {
	case "alpha":
		return 0
	case "beta":
		return 1
	case "milestone":
		return 2
	case "rc", "cr":
		return 3
	case "snapshot":
		return 4
	case "", "ga", "final", "release":
		return 5
	case "sp":
		return 6
	}
	return unknownQualifier
}
