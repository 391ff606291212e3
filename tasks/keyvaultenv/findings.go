package keyvaultenv

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/leak"
	"github.com/guardrails-ci/guardrails/shared/redact"
)

// leaked is one secret, and all places where it was found.
type leaked struct {
	leak.Finding
	places []leak.Place
	owner  string
}

// mostPlaces is how many places of one secret a message names; the report has all.
const mostPlaces = 3

// gather brings the findings of one secret together, the worst first, and leaves out
// what the baseline accepts.
func (sc *scanner) gather(baseline leak.Baseline) (all []leaked, accepted int) {
	owners := map[string]string{}
	for _, k := range sc.memory.Known {
		owners[k.Name] = k.Owner
	}
	byID := map[string]*leaked{}
	for _, f := range sc.findings {
		if baseline.Has(f, sc.step.env.Now()) {
			accepted++
			continue
		}
		f = sc.step.lessen(f)
		id := f.Rule + "\x00" + f.Known + "\x00" + f.Secret.Reveal()
		if f.Known != "" {
			id = f.Known
		}
		if byID[id] == nil {
			byID[id] = &leaked{Finding: f, owner: owners[f.Known]}
		}
		if l := byID[id]; rank[f.Severity] < rank[l.Severity] {
			l.Severity = f.Severity // one place that is bad enough is enough
		}
		byID[id].places = append(byID[id].places, f.Place)
	}
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		l := byID[id]
		slices.SortFunc(l.places, func(a, b leak.Place) int {
			return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		l.places = slices.Compact(l.places)
		all = append(all, *l)
	}
	slices.SortStableFunc(all, func(a, b leaked) int { return cmp.Compare(rank[a.Severity], rank[b.Severity]) })
	return all, accepted
}

var rank = map[leak.Severity]int{leak.Critical: 0, leak.High: 1, leak.Medium: 2, leak.Low: 3}

// sure reports whether it is a secret, and not only something that looks like one.
func (l leaked) sure() bool { return rank[l.Severity] <= rank[leak.High] }

// lessen makes a warning of what is only called a password, because tests and tables are
// full of such words, and less than that of the job's own token in .git/config: checkout
// keeps it there if persistCredentials is set, and it ends with the job.
func (s *step) lessen(f leak.Finding) leak.Finding {
	if strings.HasPrefix(f.Rule, "leak/generic-") && rank[f.Severity] < rank[leak.Medium] {
		f.Severity = leak.Medium
	}
	if f.Known == "" && strings.HasSuffix(f.Place.Source, ".git/config") {
		var token redact.Set
		token.Add(s.jobToken())
		if value := f.Secret.Reveal(); token.String(value) != value {
			f.Severity = leak.Low
		}
	}
	return f
}

// text says in one line what leaked, and where.
func (l leaked) text() string {
	what := "something that looks like a secret (" + l.Rule + ", " + l.Preview + ")"
	if l.Known != "" {
		what = l.Known
	}
	var where []string
	for _, p := range l.places[:min(len(l.places), mostPlaces)] {
		where = append(where, placeText(p))
	}
	text := what + " stands in " + strings.Join(where, ", ")
	if more := len(l.places) - mostPlaces; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	var more []string
	if l.owner != "" {
		more = append(more, "owner "+l.owner)
	}
	if l.Fingerprint != "" && l.Known == "" {
		more = append(more, "fingerprint "+l.Fingerprint)
	}
	if len(more) > 0 {
		text += " (" + strings.Join(more, ", ") + ")"
	}
	return text
}

func placeText(p leak.Place) string {
	if p.Line == 0 {
		return p.Source
	}
	return fmt.Sprintf("%s, line %d", p.Source, p.Line)
}

// facts are the findings for programs. No value is among them.
func facts(all []leaked) []map[string]any {
	out := []map[string]any{}
	for _, l := range all {
		var places []string
		for _, p := range l.places {
			places = append(places, fmt.Sprintf("%s:%d:%d", p.Source, p.Line, p.Column))
		}
		recipe := leak.Rotation(l.Kind)
		owner := cmp.Or(l.owner, recipe.Owner)
		out = append(out, map[string]any{
			"rule": l.Rule, "kind": string(l.Kind), "severity": string(l.Severity),
			"secret": l.Known, "preview": l.Preview, "fingerprint": l.Fingerprint,
			"owner": owner, "places": places, "rotation": recipe.Steps,
		})
	}
	return out
}
