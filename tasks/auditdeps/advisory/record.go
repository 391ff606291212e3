package advisory

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/guardrails-ci/guardrails/tasks/auditdeps/versions"
)

// record is what is needed of the OSV schema, version 1.7.
type record struct {
	ID        string     `json:"id"`
	Modified  time.Time  `json:"modified"`
	Published time.Time  `json:"published"`
	Withdrawn *time.Time `json:"withdrawn"`
	Aliases   []string   `json:"aliases"`
	Summary   string     `json:"summary"`
	Details   string     `json:"details"`
	Severity  []score    `json:"severity"`
	Affected  []affected `json:"affected"`
	Database  loose      `json:"database_specific"`
}

type affected struct {
	Package struct {
		Ecosystem string `json:"ecosystem"`
		Name      string `json:"name"`
	} `json:"package"`
	Severity []score       `json:"severity"`
	Ranges   []recordRange `json:"ranges"`
	Versions []string      `json:"versions"`
	Database loose         `json:"database_specific"`
}

// score is a CVSS vector, or what some databases have instead of one.
type score struct {
	Type  string `json:"type"`
	Score string `json:"score"`
}

// loose is what databases add in their own forms: GitHub's severity, RustSec's
// informational. Another type than the one expected is as if it was not there.
type loose struct{ Severity, Informational string }

func (l *loose) UnmarshalJSON(data []byte) error {
	var fields struct{ Severity, Informational any }
	if json.Unmarshal(data, &fields) == nil {
		l.Severity, _ = fields.Severity.(string)
		l.Informational, _ = fields.Informational.(string)
	}
	return nil
}

// ecosystems are the ones whose versions can be compared.
var ecosystems = []string{"npm", "PyPI", "Go", "crates.io", "NuGet", "Maven"}

const (
	maxName    = 512
	maxVersion = 256
	maxSummary = 300
)

// Parse reads one OSV record (JSON), and returns an advisory for each package it is
// about; none if it is withdrawn or about no package of a known ecosystem. An error names
// the record: nothing of it can be relied upon then.
func Parse(text []byte) ([]Advisory, error) {
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("advisory %s is no OSV record: %w", nameFor(r.ID), err)
	}
	if !isID(r.ID) {
		return nil, fmt.Errorf("an OSV record has no usable id: %s", nameFor(r.ID))
	}
	if r.Withdrawn != nil {
		return nil, nil
	}
	found := reading{record: r, at: map[[2]string]int{}, about: Advisory{
		ID: r.ID, Aliases: sortIDs(r.ID, r.Aliases),
		Summary:   summarize(cmp.Or(r.Summary, r.Details)),
		Malicious: strings.HasPrefix(r.ID, "MAL-"),
		Published: r.Published, Modified: r.Modified,
	}}
	_, found.vector = worst(r.Severity)
	for _, a := range r.Affected {
		if err := found.add(a); err != nil {
			return nil, fmt.Errorf("advisory %s: %w", r.ID, err)
		}
	}
	for i := range found.all {
		if err := found.all[i].settle(); err != nil {
			return nil, fmt.Errorf("advisory %s: %w", r.ID, err)
		}
	}
	return found.all, nil
}

// reading is a record while its parts are put together by package.
type reading struct {
	record
	about  Advisory // what is said of each package
	vector string   // the worst one of the whole record
	all    []Advisory
	at     map[[2]string]int // by ecosystem and name
}

// add puts what is said of a package to what was said of it before.
func (r *reading) add(a affected) error {
	ecosystem, _, _ := strings.Cut(a.Package.Ecosystem, ":") // "Maven:https://..." is Maven's
	if !slices.Contains(ecosystems, ecosystem) {
		return nil
	}
	name := a.Package.Name
	if name == "" || len(name) > maxName || !isClean(name) {
		return fmt.Errorf("it has no usable name of a package: %q", shorten(name, 80))
	}
	ranges, err := readRanges(ecosystem, a.Ranges)
	if err != nil {
		return fmt.Errorf("package %q: %w", shorten(name, 80), err)
	}
	for _, v := range a.Versions {
		if len(v) > maxVersion || !isClean(v) {
			return fmt.Errorf("package %q: version %q cannot be meant", shorten(name, 80), shorten(v, 80))
		}
	}
	known := r.of(ecosystem, Normalize(ecosystem, name))
	known.Ranges = append(known.Ranges, ranges...)
	known.Versions = append(known.Versions, a.Versions...)
	r.rate(known, a)
	return nil
}

// of finds or makes the advisory of a package.
func (r *reading) of(ecosystem, name string) *Advisory {
	key := [2]string{ecosystem, name}
	i, known := r.at[key]
	if !known {
		i = len(r.all)
		r.at[key] = i
		one := r.about
		one.Ecosystem, one.Package = ecosystem, name
		one.Severity, one.Informational = Low, true // until a part says otherwise
		r.all = append(r.all, one)
	}
	return &r.all[i]
}

// maxDoubles is how many comparisons it may take to find what is said twice.
const maxDoubles = 1 << 20

// settle removes what is said twice. If nothing is left the advisory would never apply,
// and that would look like "not affected".
func (a *Advisory) settle() error {
	slices.Sort(a.Versions)
	a.Versions = slices.Compact(a.Versions)
	var ranges []Range
	seen := map[Range]bool{}
	for _, r := range a.Ranges {
		if !seen[r] {
			seen[r] = true
			ranges = append(ranges, r)
		}
	}
	a.Ranges = ranges
	if len(a.Versions)*len(a.Ranges) <= maxDoubles {
		a.Versions = slices.DeleteFunc(a.Versions, func(v string) bool {
			in, err := a.inRanges(v)
			return err == nil && in
		})
	}
	if len(a.Versions) == 0 {
		a.Versions = nil
	}
	if len(a.Ranges) == 0 && len(a.Versions) == 0 {
		return fmt.Errorf("it names no version of package %q as affected", shorten(a.Package, 80))
	}
	return nil
}

// sortIDs returns the names that are not the record's own, CVE numbers first. What is no
// id could be compared with none, and is left out.
func sortIDs(own string, ids []string) []string {
	var kept []string
	for _, id := range ids {
		if id != own && isID(id) {
			kept = append(kept, id)
		}
	}
	slices.SortFunc(kept, func(a, b string) int {
		return cmp.Or(-cmpBool(isCVE(a), isCVE(b)), strings.Compare(a, b))
	})
	return slices.Compact(kept)
}

func isCVE(id string) bool { return strings.HasPrefix(id, "CVE-") }

func cmpBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// isID reports whether id is the name of a record: "GHSA-xvch-5gv4-984h".
func isID(id string) bool {
	for i := range len(id) {
		c := id[i]
		word := c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
		if !word && (i == 0 || strings.IndexByte("-_.:", c) < 0) {
			return false
		}
	}
	return id != "" && len(id) <= 128
}

// nameFor is what a message calls a record whose id may be anything.
func nameFor(id string) string {
	if id == "" {
		return "without an id"
	}
	return fmt.Sprintf("%q", shorten(id, 80))
}

func isClean(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

// summarize makes one short line of a text: no control characters, nor such that change
// the direction or cannot be seen.
func summarize(text string) string {
	if len(text) > 4*maxSummary { // the rest cannot come in
		text = text[:4*maxSummary]
	}
	var b strings.Builder
	for word := range strings.FieldsFuncSeq(strings.ToValidUTF8(text, " "), isBlank) {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(word)
	}
	return shorten(b.String(), maxSummary)
}

func isBlank(r rune) bool { return unicode.IsSpace(r) || !unicode.IsGraphic(r) }

// shorten cuts a text to at most so many bytes, at the end of a letter.
func shorten(text string, limit int) string {
	const dots = "..."
	if len(text) <= limit {
		return text
	}
	cut := limit - len(dots)
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + dots
}

// compare orders versions of the advisory's ecosystem.
func (a *Advisory) compare(v, w string) (int, error) {
	return versions.Compare(a.Ecosystem, v, w)
}
