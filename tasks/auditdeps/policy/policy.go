// Package policy is auditdeps.yml: which findings are accepted, why, and until when.
//
// It promises that a file which is not understood in every word is an error: an
// exception that was misspelled must not look like one that works. And that a path
// accepts what comes by that path only: the same package by another way is a finding.
package policy

import (
	"slices"
	"strings"
	"time"
)

// Policy is a file that was read. Its zero value accepts nothing.
type Policy struct {
	Allow []Allow
}

// Allow is one accepted finding.
type Allow struct {
	ID      string    // of the advisory or one of its aliases, or a rule such as "installed/extra"
	Package string    // name, "" for all
	Path    string    // glob of root > ... > package, "" for all
	Reason  string    // why, in one line
	Expires time.Time // the first moment in which it does not hold any more
	Owner   string    // who answers for it, may be ""
	Line    int       // in the file
}

// Subject is what may be accepted.
type Subject struct {
	IDs     []string // id and aliases, or the rule
	Package string
	// Paths are all chains by which the package is there, each as "root > a > b". An entry
	// with a path accepts nothing of a Subject without any.
	Paths []string
}

// Verdict is what a Policy says of a Subject.
type Verdict struct {
	// Allowed is the entry that accepts it, the first one if several do together, each for
	// some of the paths; nil if it is not accepted.
	Allowed *Allow
	// Expired is an entry that would accept it, or a part of it, if it still held; it is
	// there only if Allowed is nil.
	Expired *Allow
	// Open are the paths that nothing accepts, if something accepts others of them.
	Open []string
	// Matched are all entries that have to do with it, expired ones too.
	Matched []*Allow
}

// Judge says whether a finding is accepted at a time. Entries for several paths add up;
// the finding is accepted only if they cover each path.
func (p Policy) Judge(s Subject, now time.Time) Verdict {
	var v Verdict
	var holding []*Allow
	open := s.Paths
	for i := range p.Allow {
		a := &p.Allow[i]
		if !a.names(s) {
			continue
		}
		covers := a.coverer()
		if a.Path != "" && !slices.ContainsFunc(s.Paths, covers) {
			continue
		}
		v.Matched = append(v.Matched, a)
		if !now.Before(a.Expires) {
			continue
		}
		holding = append(holding, a)
		open = slices.DeleteFunc(slices.Clone(open), covers)
	}
	if len(holding) > 0 && len(open) == 0 {
		v.Allowed = holding[0]
		return v
	}
	if len(holding) > 0 {
		v.Open = open
	}
	for _, a := range v.Matched {
		expired := !now.Before(a.Expires)
		if expired && (a.Path == "" || slices.ContainsFunc(open, a.coverer())) {
			v.Expired = a
			break
		}
	}
	return v
}

// Unused returns the entries that none of the verdicts had to do with. They accept what
// is not there any more, or are not written as their author thought.
func (p Policy) Unused(all []Verdict) []Allow {
	used := make(map[*Allow]bool)
	for _, v := range all {
		for _, a := range v.Matched {
			used[a] = true
		}
	}
	var unused []Allow
	for i := range p.Allow {
		if !used[&p.Allow[i]] {
			unused = append(unused, p.Allow[i])
		}
	}
	return unused
}

// names reports whether the entry is about the subject, paths aside.
func (a *Allow) names(s Subject) bool {
	return (a.Package == "" || a.Package == s.Package) &&
		slices.ContainsFunc(s.IDs, func(id string) bool { return strings.EqualFold(id, a.ID) })
}

// coverer returns a function that reports whether the entry is about a path.
func (a *Allow) coverer() func(path string) bool {
	if a.Path == "" {
		return func(string) bool { return true }
	}
	pattern := segments(a.Path)
	return func(path string) bool { return matchPath(pattern, segments(path)) }
}
