package leak

import (
	"cmp"
	"slices"

	"github.com/guardrails-ci/guardrails/shared/inputs"
)

// knownRank is the rank of known secrets: they are better than any rule.
const knownRank = -1

// hit is something found, before it is known whether something better stands at the
// same place.
type hit struct {
	from, to int64 // in the text
	rank     int   // index of the rule; the lower the better
	entry    int   // index of the known secret; -1
	piece    bool  // only a piece of the known secret
	severity Severity
	kind     Kind
	value    string
	place    Place
	decided  bool
}

// better reports whether g makes h, which stands at the same place, superfluous. Two
// different known secrets are both leaked where one is a part of the other.
func (g hit) better(h hit) bool {
	switch {
	case g.rank != h.rank:
		return g.rank < h.rank
	case g.entry != h.entry:
		return false
	case g.to-g.from != h.to-h.from:
		return g.to-g.from > h.to-h.from
	}
	return g.from < h.from
}

// scan is the state of one Scan.
type scan struct {
	e       *Engine
	source  string
	program bool // program text
	pending []hit
	seen    map[findingKey]int // index into found
	found   []Finding
	byRules int // how many of them rules have found
}

// findingKey tells findings apart.
type findingKey struct {
	rank, entry int
	piece       bool
	value       string // "" for a known secret
}

func newScan(e *Engine, source string, text Text) *scan {
	return &scan{e: e, source: source, program: text == Source, seen: make(map[findingKey]int)}
}

// full reports whether rules have found too much. What known secrets may be found, their
// number limits.
func (s *scan) full() bool { return s.byRules > s.e.most }

// judge looks at what is new in the window.
func (s *scan) judge(in *input) {
	old := len(s.pending)
	known := func(m match) { s.pending = append(s.pending, s.knownHit(in, m)) }
	s.e.known.search(in.data, in.judged, in.horizon, known)
	if !in.binary {
		s.e.known.searchWrapped(in.data, in.judged, in.horizon, known)
	}
	if !in.binary && !s.full() {
		s.e.rules.search(in.data, in.judged, in.horizon, func(rank int, f found) {
			if h, ok := s.ruleHit(in, rank, f); ok {
				s.pending = append(s.pending, h)
			}
		})
	}
	s.locate(in, s.pending[old:])
	s.settle(in.base+int64(in.horizon), in.end)
}

func (s *scan) knownHit(in *input, m match) hit {
	h := hit{
		from: in.base + int64(m.from), to: in.base + int64(m.to), rank: knownRank, entry: m.entry, piece: m.piece,
		severity: Critical, kind: s.e.known.entries[m.entry].kind, value: string(in.data[m.from:m.to]),
	}
	if m.weak {
		h.severity = Medium
	}
	return h
}

func (s *scan) ruleHit(in *input, rank int, f found) (hit, bool) {
	r := &s.e.rules.rules[rank]
	h := hit{
		from: in.base + int64(f.from), to: in.base + int64(f.to), rank: rank, entry: -1,
		severity: cmp.Or(f.severity, r.Severity), kind: cmp.Or(f.kind, r.Kind), value: f.value,
	}
	if s.program && r.inPrograms != "" {
		if h.severity = r.inPrograms; h.severity == ignored || f.unquoted {
			return h, false
		}
	}
	if h.value == "" {
		h.value = string(in.data[f.from:f.to])
	}
	return h, true
}

// locate gives the new hits their places.
func (s *scan) locate(in *input, hits []hit) {
	slices.SortFunc(hits, func(a, b hit) int { return cmp.Compare(a.from, b.from) })
	at := in.at
	for i := range hits {
		at.move(in.data[at.offset-in.base : hits[i].from-in.base])
		hits[i].place.Source = s.source
		hits[i].place.Line, hits[i].place.Column = at.place()
	}
}

// settle decides on the hits to which nothing can come any more: everything that
// overlaps them has its anchor before the horizon.
func (s *scan) settle(horizon int64, end bool) {
	slices.SortStableFunc(s.pending, func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to), cmp.Compare(a.rank, b.rank),
			cmp.Compare(a.entry, b.entry))
	})
	s.pending = slices.CompactFunc(s.pending, func(a, b hit) bool {
		return a.from == b.from && a.to == b.to && a.rank == b.rank && a.entry == b.entry
	})
	reach := make([]int64, len(s.pending)) // the furthest end of this hit and those before it
	for i, h := range s.pending {
		reach[i] = h.to
		if i > 0 {
			reach[i] = max(h.to, reach[i-1])
		}
	}
	for i := range s.pending {
		h := &s.pending[i]
		if h.decided || !end && h.to+behind > horizon {
			continue
		}
		h.decided = true
		if s.best(i, reach) {
			s.record(*h)
		}
	}
	s.pending = slices.DeleteFunc(s.pending, func(h hit) bool { return h.to+2*behind+2*ahead < horizon })
}

// best reports whether nothing better overlaps hit i.
func (s *scan) best(i int, reach []int64) bool {
	h := s.pending[i]
	for j := i - 1; j >= 0 && reach[j] > h.from; j-- {
		if s.pending[j].to > h.from && s.pending[j].better(h) {
			return false
		}
	}
	for _, g := range s.pending[i+1:] {
		if g.from >= h.to {
			break
		}
		if g.better(h) {
			return false
		}
	}
	return true
}

// record makes a hit a finding.
func (s *scan) record(h hit) {
	key := findingKey{rank: h.rank, entry: h.entry, piece: h.piece}
	if h.entry < 0 {
		key.value = h.value
	}
	if i, ok := s.seen[key]; ok {
		f := &s.found[i]
		f.Count++
		if before(h.place, f.Place) {
			f.Place = h.place
		}
		return
	}
	if h.entry < 0 {
		if s.full() {
			return
		}
		s.byRules++
	}
	s.seen[key] = len(s.found)
	f := Finding{Kind: h.kind, Severity: h.severity, Place: h.place, Count: 1, Secret: inputs.NewSecret(h.value)}
	whole := h.value
	if h.entry >= 0 {
		known := s.e.known.entries[h.entry]
		f.Rule, f.Known, whole = ruleKnown, known.name, known.value
		if h.piece {
			f.Rule = ruleKnownPiece
		}
	} else {
		f.Rule = s.e.rules.rules[h.rank].ID
	}
	f.Preview, f.Fingerprint = preview(whole), s.e.prints.of(whole)
	s.found = append(s.found, f)
}

func before(a, b Place) bool { return a.Line < b.Line || a.Line == b.Line && a.Column < b.Column }

// findings returns what was found, in the order of the text.
func (s *scan) findings() []Finding {
	slices.SortStableFunc(s.found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Place.Line, b.Place.Line), cmp.Compare(a.Place.Column, b.Place.Column))
	})
	return s.found
}
