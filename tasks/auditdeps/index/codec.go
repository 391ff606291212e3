package index

import (
	"encoding/binary"
	"time"

	"github.com/guardrails-ci/guardrails/tasks/auditdeps/advisory"
)

// What an advisory begins with: its severity, and then these.
const (
	malicious = 1 << iota
	joined    // the severity is that of the same vulnerability under another name
	informational
)

// severities are the numbers that stand for them in a file. Only ever add at the end.
var severities = []advisory.Severity{
	advisory.Unknown, advisory.Low, advisory.Moderate, advisory.High, advisory.Critical,
}

func codeOf(s advisory.Severity) (byte, bool) {
	for i, known := range severities {
		if s == known {
			return byte(i), true
		}
	}
	return 0, s == ""
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendTexts(b []byte, list []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, s := range list {
		b = appendText(b, s)
	}
	return b
}

// appendTime writes seconds and nanoseconds, the seconds one up: 0 is no time.
func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, 0)
	}
	b = append(b, 1)
	b = binary.AppendVarint(b, t.Unix())
	return binary.AppendUvarint(b, uint64(t.Nanosecond()))
}

// appendAdvisory writes all of an advisory but its package and ecosystem.
func appendAdvisory(b []byte, a advisory.Advisory, severity byte) []byte {
	flags := byte(0)
	if a.Malicious {
		flags |= malicious
	}
	if a.Informational {
		flags |= informational
	}
	b = append(b, severity, flags)
	b = appendText(b, a.ID)
	b = appendTexts(b, a.Aliases)
	b = appendText(b, a.Summary)
	b = appendText(b, a.Vector)
	b = appendTime(b, a.Published)
	b = appendTime(b, a.Modified)
	b = binary.AppendUvarint(b, uint64(len(a.Ranges)))
	for _, r := range a.Ranges {
		b = appendText(appendText(appendText(b, r.Introduced), r.Fixed), r.LastAffected)
	}
	return appendTexts(b, a.Versions)
}

// reader reads what was written. After a failure it gives nothing more.
type reader struct {
	rest      string
	ecosystem string
	own       bool // the records' own severities
	failed    bool
}

func (r *reader) fail() {
	r.failed, r.rest = true, ""
}

func (r *reader) byte() byte {
	if r.rest == "" {
		r.fail()
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *reader) number() uint64 {
	var n uint64
	for shift := 0; shift < 64; shift += 7 {
		b := r.byte()
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
	r.fail()
	return 0
}

// count reads how many of something follow, each of which takes a byte at least.
func (r *reader) count() int {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *reader) text() string {
	n := r.count()
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *reader) texts() []string {
	n := r.count()
	if n == 0 {
		return nil
	}
	list := make([]string, 0, n)
	for range n {
		list = append(list, r.text())
	}
	return list
}

func (r *reader) time() time.Time {
	if r.byte() == 0 {
		return time.Time{}
	}
	n := r.number()
	seconds := int64(n>>1) ^ -int64(n&1)
	nanoseconds := r.number()
	if nanoseconds >= uint64(time.Second) {
		r.fail()
		return time.Time{}
	}
	return time.Unix(seconds, int64(nanoseconds)).UTC()
}

func (r *reader) ranges() []advisory.Range {
	n := r.count()
	if n == 0 {
		return nil
	}
	list := make([]advisory.Range, 0, n)
	for range n {
		list = append(list, advisory.Range{Introduced: r.text(), Fixed: r.text(), LastAffected: r.text()})
	}
	return list
}

// advisories reads those of one package, to the end.
func (r *reader) advisories(name string) []advisory.Advisory {
	n := r.count()
	list := make([]advisory.Advisory, 0, min(n, len(r.rest)/minAdvisory))
	for range n {
		if list = append(list, r.advisory(name)); r.failed {
			return nil
		}
	}
	if r.rest != "" {
		r.fail()
	}
	if r.failed {
		return nil
	}
	return list
}

// minAdvisory is what the shortest advisory takes: a byte for each of its fields.
const minAdvisory = 10

func (r *reader) advisory(name string) advisory.Advisory {
	severity, flags := r.byte(), r.byte()
	if int(severity) >= len(severities) {
		r.fail()
		return advisory.Advisory{}
	}
	if r.own && flags&joined != 0 {
		severity = 0
	}
	return advisory.Advisory{
		Ecosystem:     r.ecosystem,
		Package:       name,
		Severity:      severities[severity],
		Malicious:     flags&malicious != 0,
		Informational: flags&informational != 0,
		ID:            r.text(),
		Aliases:       r.texts(),
		Summary:       r.text(),
		Vector:        r.text(),
		Published:     r.time(),
		Modified:      r.time(),
		Ranges:        r.ranges(),
		Versions:      r.texts(),
	}
}
