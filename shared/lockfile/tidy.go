package lockfile

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tidy sorts, and merges what is there several times: a package is in a lock file
// once for each place that it is installed in.
func (l *Lock) tidy() {
	for i := range l.Packages {
		l.Packages[i].URL = withoutUser(l.Packages[i].URL)
	}
	slices.SortFunc(l.Packages, comparePackages)
	merged := l.Packages[:0]
	for _, p := range l.Packages {
		if last := len(merged) - 1; last >= 0 && merged[last].same(p) {
			merged[last].Integrity = append(slices.Clip(merged[last].Integrity), p.Integrity...)
			continue
		}
		merged = append(merged, p)
	}
	for i := range merged {
		merged[i].Integrity = unique(merged[i].Integrity)
	}
	l.Packages, l.Unproven, l.Notes = merged, unique(l.Unproven), unique(l.Notes)
	for i := range l.Indexes {
		l.Indexes[i].URL = shownRange(withoutUser(l.Indexes[i].URL))
	}
	for i := range l.Entries {
		entry := &l.Entries[i]
		entry.URL = withoutUser(entry.URL)
		for j := range entry.Requires {
			entry.Requires[j].Range = shownRange(entry.Requires[j].Range)
		}
	}
}

// comparePackages looks no further than it must: there are many packages, and few
// of the same name.
func comparePackages(a, b Package) int {
	if c := strings.Compare(a.Name, b.Name); c != 0 {
		return c
	}
	return cmp.Or(strings.Compare(a.Version, b.Version), strings.Compare(a.URL, b.URL))
}

// shownRange replaces odd characters. Names and versions that have some are refused;
// but ranges come out of the package.json of any package, and were never checked by a
// registry. White space is white space to all who read a range.
func shownRange(text string) string {
	if plainText(text) {
		return text
	}
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case odd(r):
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(text, string(unicode.ReplacementChar)))
}

func (p Package) same(other Package) bool {
	return p.Name == other.Name && p.Version == other.Version && p.URL == other.URL
}

// withoutUser takes name and password out of an address: where a package is from
// gets stored, and shown to people who may read less than the lock file.
func withoutUser(address string) string {
	if !strings.Contains(address, "@") {
		return address
	}
	scheme, rest, ok := strings.Cut(address, "://")
	end := strings.IndexAny(rest, `/\?#`) // where the host ends to those who download from it
	if end < 0 {
		end = len(rest)
	}
	if _, host, found := cutLast(rest[:end], "@"); ok && found {
		return scheme + "://" + host + rest[end:]
	}
	return address
}

func unique(list []string) []string {
	if len(list) < 2 {
		return list
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// check refuses texts that no package manager writes: they are printed, stored and
// compared from here on.
func (l *Lock) check() error {
	for i := range l.Packages {
		p := &l.Packages[i]
		if err := cmp.Or(l.checkTexts(p.Name, p.Version, p.URL), l.checkTexts(p.Integrity...)); err != nil {
			return err
		}
	}
	if err := cmp.Or(l.checkTexts(l.Unproven...), l.checkTexts(l.Notes...)); err != nil {
		return err
	}
	for i := range l.Entries {
		e := &l.Entries[i]
		err := cmp.Or(l.checkTexts(e.Name, e.Version, e.Alias, e.Location, e.URL), l.checkTexts(e.Integrity...))
		for j := 0; err == nil && j < len(e.Requires); j++ {
			err = l.checkTexts(e.Requires[j].Name, e.Requires[j].Range)
		}
		if err != nil {
			return err
		}
	}
	for _, index := range l.Indexes {
		if err := l.checkTexts(index.Path, index.URL); err != nil {
			return err
		}
	}
	for _, c := range l.Contradictions {
		if err := l.checkTexts(c.Text); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lock) checkTexts(texts ...string) error {
	for _, text := range texts {
		if len(text) > maxText {
			return l.tooLong(text)
		}
		if !plainText(text) && (!utf8.ValidString(text) || strings.ContainsFunc(text, odd)) {
			return malformed(l, "%q has characters that no name, version or address has", text)
		}
	}
	return nil
}

func (l *Lock) tooLong(text string) error {
	return malformed(l, "%.40q... has %d bytes, more than any name, version or address", text, len(text))
}

// plainText reports whether a text is of printable ASCII only, as nearly all are.
func plainText(text string) bool {
	const ones = 0x0101010101010101
	for len(text) >= 8 {
		// Eight at once: the highest bit of a byte is set if it was, in a byte below 32 after
		// the subtraction, and in 127 after the addition.
		word := binary.LittleEndian.Uint64([]byte(text[:8]))
		if (word|(word-' '*ones)|(word+ones))&(0x80*ones) != 0 {
			return false
		}
		text = text[8:]
	}
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// maxText is the longest text that is taken from a lock file; real addresses reach
// 2,000 bytes.
const maxText = 8 << 10

// odd are control characters, and those that change how others are shown.
func odd(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
}
