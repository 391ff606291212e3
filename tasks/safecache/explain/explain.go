// Package explain says in words why there is no entry for a key: which segment of
// it changed since which run, down to the packages, or what else keeps an entry
// from being used, and whether the cache is worth its time.
//
// It promises single lines without control characters, in which every name is cut
// short, as names of packages, files and branches are anybody's. It does not escape
// Markdown nor mask secrets: see [Explanation.Table]. It decides nothing: what it is
// given has been decided by others.
package explain

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// File is a file that is part of a key.
type File struct {
	Path   string
	SHA256 string // hex
}

// Segment is a part of a resolved key.
type Segment struct {
	Source string // as the user wrote it
	Kind   string // "string" if Value is the text itself; else Value stands for Files
	Value  string // segments match if this is equal
	Files  []File
}

// Wanted is what a step looks for.
type Wanted struct {
	Segments []Segment
	Packages []string // "name@version integrity", what the lock files name
	Path     string   // the step's input path; "" is like any
	Now      time.Time
}

// Entry is an entry that exists somewhere.
type Entry struct {
	Segments []Segment
	Packages []string
	Path     string
	Producer string // such as "build 4711"
	Branch   string // whose it is
	Created  time.Time
	Expires  time.Time // zero: never
	Limit    string    // what sets Expires, such as "maxAge is 7 days"
	// Unreadable says why this run must not read it, such as "only runs of that
	// branch read it"; empty if it may.
	Unreadable string
	// Rejected says why it was refused, in our words; empty if it was not. Signature
	// tells that the reason is its signature.
	Rejected  string
	Signature bool
}

// Cause is why there is no exact hit.
type Cause string

// The causes.
const (
	NoEntry        Cause = "no entry"        // there is none, or none that is like this key
	SegmentChanged Cause = "segment changed" // the key has another value now
	FileMoved      Cause = "file moved"      // same contents, but at another path
	SegmentCount   Cause = "segment count"   // the key has more or fewer segments now
	Expired        Cause = "expired"         // the entry is too old
	OtherScope     Cause = "other scope"     // only others may read the entry
	BadSignature   Cause = "signature"       // the entry is not signed by a known key
	Refused        Cause = "rejected"        // the entry is damaged, or not what the lock files say
	OtherPath      Cause = "path"            // the entry is for another folder
	Appeared       Cause = "appeared"        // the entry was saved meanwhile
)

// Explanation is why there is no exact hit, in words.
type Explanation struct {
	Cause Cause
	Lines []string // for the log: "MISS: ...", and "Nearest: ..." if there is one
	rows  []row
}

type row struct{ what, value string }

func (e *Explanation) add(what, value string) {
	if value != "" {
		e.rows = append(e.rows, row{what, value})
	}
}

// Miss explains why none of the entries is an exact hit.
func Miss(w Wanted, entries []Entry) Explanation {
	var e Explanation
	exact := best(entries, func(entry Entry) (int, bool) {
		return w.obstacle(entry), sameValues(w.Segments, entry.Segments)
	})
	like := best(entries, func(entry Entry) (int, bool) {
		return w.distance(entry), !sameValues(w.Segments, entry.Segments) && w.alike(entry)
	})
	why := ""
	switch {
	case exact >= 0:
		e.Cause, why = w.whyNot(entries[exact])
	case like >= 0:
		e.Cause, why = w.whatChanged(&e, entries[like])
	default:
		e.Cause, why = NoEntry, noEntry(len(entries))
	}
	e.Lines = []string{"MISS: " + why}
	e.rows = slices.Insert(e.rows, 0, row{"cache", "miss: " + string(e.Cause)}, row{"why", why})
	if like >= 0 && w.usable(entries[like]) {
		e.nearest(w, entries[like])
	}
	return e
}

func noEntry(others int) string {
	if others == 0 {
		return "there is no entry at all: this is the first run of this pipeline with this cache, " +
			"or its entries expired and were deleted"
	}
	return "there is no entry of this key yet; the pipeline has entries of other caches, whose keys begin " +
		"otherwise: this is the first run with this cache, or the first segment of its key was rewritten"
}

// best returns the index of the entry with the lowest rank, of equal ones the
// newest; -1 if none counts.
func best(entries []Entry, rank func(Entry) (rank int, counts bool)) int {
	found, lowest := -1, 0
	for i, entry := range entries {
		r, counts := rank(entry)
		if counts && (found < 0 || r < lowest || r == lowest && entry.Created.After(entries[found].Created)) {
			found, lowest = i, r
		}
	}
	return found
}

func sameValues(a, b []Segment) bool {
	return slices.EqualFunc(a, b, func(a, b Segment) bool { return a.Value == b.Value })
}

func (w Wanted) expired(entry Entry) bool {
	return !entry.Expires.IsZero() && !entry.Expires.After(w.Now)
}

func (w Wanted) usable(entry Entry) bool {
	return len(w.burden(entry)) == 0
}

// burden is what would keep the entry from being used, were its key the right one.
func (w Wanted) burden(entry Entry) []string {
	var burden []string
	if entry.Unreadable != "" {
		burden = append(burden, "for "+name(entry.Branch)+" only")
	}
	if w.expired(entry) {
		burden = append(burden, "expired")
	}
	if entry.Rejected != "" {
		burden = append(burden, "rejected")
	}
	if w.elsewhere(entry) {
		burden = append(burden, "for the path "+name(entry.Path))
	}
	return burden
}

func (w Wanted) elsewhere(entry Entry) bool {
	return w.Path != "" && entry.Path != "" && w.Path != entry.Path
}

// obstacle ranks entries of exactly this key by how near they are to a hit.
func (w Wanted) obstacle(entry Entry) int {
	switch {
	case entry.Unreadable != "":
		return 4
	case w.expired(entry):
		return 3
	case entry.Rejected != "":
		return 2
	case w.elsewhere(entry):
		return 1
	}
	return 0
}

// distance ranks entries of other keys: usable ones first, then by how many
// segments differ.
func (w Wanted) distance(entry Entry) int {
	n := max(len(w.Segments), len(entry.Segments))
	for i := range min(len(w.Segments), len(entry.Segments)) {
		if w.Segments[i].Value == entry.Segments[i].Value {
			n--
		}
	}
	if !w.usable(entry) {
		n += 1 << 20
	}
	return n
}

// alike reports whether the entry's key can be compared with this one, as it is
// likely of the same cache: it begins with the same text or file, or each has only
// one segment.
func (w Wanted) alike(entry Entry) bool {
	now, then := unsalted(w.Segments), unsalted(entry.Segments)
	if len(now) == 0 || len(then) == 0 {
		return false
	}
	return len(now) == 1 && len(then) == 1 || now[0].Value == then[0].Value || now[0].Source == then[0].Source
}

// unsalted leaves out what the variable AZP_CACHING_SALT puts before the key of
// every cache of a pipeline.
func unsalted(segments []Segment) []Segment {
	if len(segments) > 0 && strings.HasPrefix(segments[0].Source, "AZP_CACHING_SALT=") {
		return segments[1:]
	}
	return segments
}

// whyNot says what keeps an entry of exactly this key from being used.
func (w Wanted) whyNot(entry Entry) (Cause, string) {
	of := "the entry of " + w.by(entry)
	switch w.obstacle(entry) {
	case 0:
		return Appeared, of + " appeared while this step was looking: another run saved it"
	case 1:
		return OtherPath, fmt.Sprintf("%s is for the path %s, and this step's path is %s",
			of, name(entry.Path), name(w.Path))
	case 2:
		if entry.Signature {
			return BadSignature, of + " has no signature that counts: " + sentence(entry.Rejected)
		}
		return Refused, of + " was rejected: " + sentence(entry.Rejected)
	case 3:
		limit := ""
		if entry.Limit != "" {
			limit = ", as " + sentence(entry.Limit)
		}
		return Expired, fmt.Sprintf("%s expired %s, at %s%s",
			of, ago(w.Now, entry.Expires), entry.Expires.UTC().Format("2006-01-02 15:04 UTC"), limit)
	}
	return OtherScope, fmt.Sprintf("%s exists only for %s, and this run may not read it: %s",
		of, name(entry.Branch), sentence(entry.Unreadable))
}

// by is who saved an entry, and when, and what else there is to say of it.
func (w Wanted) by(entry Entry, more ...string) string {
	producer := "another run"
	if entry.Producer != "" {
		producer = name(entry.Producer)
	}
	return producer + " (" + strings.Join(append([]string{ago(w.Now, entry.Created)}, more...), ", ") + ")"
}

// nearest adds what of the entries can be used instead.
func (e *Explanation) nearest(w Wanted, entry Entry) {
	text := "the entry of " + w.by(entry)
	if entry.Branch != "" {
		text += " on " + name(entry.Branch)
	}
	if percent, ok := reusable(entry.Packages, w.Packages); ok {
		text += fmt.Sprintf(": %.1f %% of its packages are reusable", percent)
	}
	e.Lines = append(e.Lines, "Nearest: "+text)
	e.add("nearest", text)
}

// Table is a Markdown table of what there is to know, for a summary: a format of
// our own words, in which each %s stands for one of the texts. The texts are
// anybody's: who puts them in masks secrets first and escapes Markdown then.
func (e Explanation) Table() (format string, texts []string) {
	var b strings.Builder
	b.WriteString("| what | value |\n|---|---|")
	for _, row := range e.rows {
		b.WriteString("\n| " + row.what + " | %s |")
		texts = append(texts, row.value)
	}
	return b.String(), texts
}
