package leak

import (
	"math/bits"
	"slices"
	"strings"
	"sync"
)

// Rule is something that the engine knows to look for.
type Rule struct {
	ID          string   // stable: "leak/github-token"
	Kind        Kind     // of most of its findings
	Severity    Severity // of most of its findings
	Description string   // one line: "a token of GitHub"
}

// Rules returns all rules, the most precise first.
func Rules() []Rule {
	out := []Rule{
		{ruleKnown, VaultSecret, Critical,
			"a secret of this run, or a secret part of one, as it is or in another form"},
		{ruleKnownPiece, VaultSecret, Critical,
			"the first or last characters of a secret of this run, cut off or wrapped"},
	}
	for _, r := range allRules().rules {
		out = append(out, r.Rule)
	}
	return out
}

// rule is how a Rule is looked for.
type rule struct {
	Rule
	// anchors are literals; one of them stands in, or just before, all that the rule
	// finds. Lower-case letters stand for upper-case ones, too, unless exact.
	anchors []string
	exact   bool
	// find looks around the anchor text[at:].
	find finder
	// run judges runs of an alphabet, instead; see findRuns.
	run runRule
	// inPrograms is the severity in program text; "" if it is the same.
	inPrograms Severity
}

// ignored is the severity of what is not even worth a Low.
const ignored Severity = "ignored"

// finder looks for a secret around the anchor at text[at:]. It looks at text only,
// which ends where no rule may look any further.
type finder func(text []byte, at int) (found, bool)

// found is what a finder found.
type found struct {
	from, to int
	value    string   // "" for what stands there
	severity Severity // "" for the rule's
	kind     Kind     // "" for the rule's
	unquoted bool     // in program text an expression, no value
}

// ruleSet is a table of rules, and the filter that finds their anchors.
//
// The filter holds one group of three bytes of each anchor, the rarest. A bitmap says
// for nearly all positions of a text that none begins there.
type ruleSet struct {
	rules  []rule
	bitmap [1 << 13]byte
	slots  [1 << 16]uint16 // by hash: index+1 into all
	all    []anchor
	runs   []int // the rules for runs
}

// anchor is a literal of a rule.
type anchor struct {
	text   string
	exact  bool
	rule   int
	offset int // of the group in text
	next   uint16
}

const (
	foldMask  = 0x202020
	groupMask = 0xffffff
)

var allRules = sync.OnceValue(func() *ruleSet {
	return newRuleSet(slices.Concat(
		azureRules(), runRules(), providerRules(), headerRules(), connectionRules(), genericRules()))
})

func newRuleSet(rules []rule) *ruleSet {
	s := &ruleSet{rules: rules}
	for i, r := range rules {
		if r.run != nil {
			s.runs = append(s.runs, i)
		}
		for _, text := range r.anchors {
			a := anchor{text: text, exact: r.exact, rule: i, offset: rarestGroup(text)}
			h := groupHash(group(a.text[a.offset:]))
			a.next = s.slots[h]
			s.all = append(s.all, a)
			s.slots[h] = uint16(len(s.all))
			s.bitmap[h>>3] |= 1 << (h & 7)
		}
	}
	return s
}

// group is the first three bytes of text, with capitals and small letters alike.
func group(text string) uint32 {
	return (uint32(text[0]) | uint32(text[1])<<8 | uint32(text[2])<<16) | foldMask
}

func groupHash(group uint32) uint32 { return group * 0x9E3779B1 >> 16 }

// common are the characters of words and paths, the most frequent first.
const common = "etaoinsrlhdcu/.-=mpgfb :1023_49867\"5ywvk"

// rarestGroup returns where in text the three characters stand that a log has least.
func rarestGroup(text string) int {
	best, at := -1, 0
	for i := 0; i+3 <= len(text); i++ {
		score := 0
		for j := i; j < i+3; j++ {
			frequency := strings.IndexByte(common, lower(text[j]))
			if frequency < 0 {
				frequency = len(common)
			}
			score += frequency
		}
		if score > best {
			best, at = score, i
		}
	}
	return at
}

// search calls emit for all that rules find by the anchors whose group begins in
// data[from:to], and by the runs that begin there.
func (s *ruleSet) search(data []byte, from, to int, emit func(rank int, f found)) {
	i := from
	for ; i+8 <= len(data) && i < to; i += 6 {
		v := load64(data, i) | foldMask | foldMask<<24 | foldMask<<40
		some := s.bit(v) | s.bit(v>>8)<<1 | s.bit(v>>16)<<2 | s.bit(v>>24)<<3 | s.bit(v>>32)<<4 | s.bit(v>>40)<<5
		for ; some != 0; some &= some - 1 {
			if j := i + bits.TrailingZeros8(some); j < to {
				s.verify(data, j, emit)
			}
		}
	}
	for ; i < min(to, len(data)-2); i++ {
		s.verify(data, i, emit)
	}
	s.findRuns(data, from, to, emit)
}

func load64(data []byte, i int) uint64 {
	b := data[i : i+8 : i+8]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

// bit is 1 if an anchor may have the group that v begins with.
func (s *ruleSet) bit(v uint64) byte {
	h := groupHash(uint32(v) & groupMask)
	return s.bitmap[h>>3&(1<<13-1)] >> (h & 7) & 1
}

// verify runs the rules of the anchors whose group stands at i.
func (s *ruleSet) verify(data []byte, i int, emit func(rank int, f found)) {
	g := (uint32(data[i]) | uint32(data[i+1])<<8 | uint32(data[i+2])<<16) | foldMask
	for next := s.slots[groupHash(g)]; next != 0; {
		a := &s.all[next-1]
		next = a.next
		start := i - a.offset
		if start < 0 || !a.stands(data, start) {
			continue
		}
		base := max(0, i-behind)
		text := data[base:min(len(data), i+ahead)]
		if f, ok := s.rules[a.rule].find(text, start-base); ok {
			f.from, f.to = f.from+base, f.to+base
			emit(a.rule, f)
		}
	}
}

// stands reports whether the anchor stands at data[i:].
func (a *anchor) stands(data []byte, i int) bool {
	if a.exact {
		return len(data)-i >= len(a.text) && string(data[i:i+len(a.text)]) == a.text
	}
	return foldedPrefix(data[i:], a.text)
}

// kindOf returns the kind of the most precise rule that finds something in value;
// VaultSecret if none does.
func (s *ruleSet) kindOf(value string) Kind {
	rank, kind := len(s.rules), VaultSecret
	s.search([]byte(value), 0, len(value), func(r int, f found) {
		if r < rank {
			rank, kind = r, s.rules[r].Kind
			if f.kind != "" {
				kind = f.kind
			}
		}
	})
	return kind
}
