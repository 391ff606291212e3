package keyvaultenv

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/leak"
	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/report"
	"github.com/guardrails-ci/guardrails/shared/safepath"
	"github.com/guardrails-ci/guardrails/shared/task"
)

// leaked is one secret, and all places where it was found.
type leaked struct {
	leak.Finding
	places []leak.Place
	owner  string
}

// mostMasked is how many findings the agent is told to hide: only its own last lines are
// still to come.
const mostMasked = 100

// mostPlaces is how many places of one secret a message names; the report has all.
const mostPlaces = 3

// report tells what was found, what could not be looked at, and what to do.
func (sc *scanner) report(baseline leak.Baseline) error {
	env := sc.step.env
	for _, f := range sc.findings[:min(len(sc.findings), mostMasked)] {
		env.Log.SetSecret(f.Secret.Reveal())
	}
	all, accepted := sc.gather(baseline)
	env.Report.Set("scanned", map[string]any{"what": sc.looked, "bytes": sc.bytes})
	env.Report.Set("couldNotBeRead", sc.unread)
	env.Report.Set("acceptedByBaseline", accepted)
	env.Report.Set("leaks", facts(all))
	if accepted > 0 {
		env.Log.Printf("%s accepted by the baseline.", plural(accepted, "finding"))
	}
	var errs []error
	sure := 0
	for _, l := range all {
		if l.Severity == leak.Critical || l.Severity == leak.High {
			sure++
			errs = append(errs, sc.leakError(l))
			continue
		}
		sc.step.warn(l.Rule, l.text()+"; it may be one, look at it")
	}
	var found []leak.Finding
	for _, l := range all {
		found = append(found, l.Finding)
	}
	sc.step.checklist(found)
	switch {
	case len(all) == 0 && len(sc.unread) == 0:
		env.Log.Printf("No secret found: %s against %s and %d rules.",
			strings.Join(sc.looked, ", "), plural(len(sc.memory.Known), "known secret"), len(leak.Rules()))
	case sure > 0:
		env.Log.Printf("%s exposed. Exposed means rotated: see the checklist.", plural(sure, "secret"))
	}
	return errors.Join(append(errs, sc.unreadError(), sc.writeSARIF(all))...)
}

// leakError is the error for a secret that has leaked; nil if onLeak is warn.
func (sc *scanner) leakError(l leaked) error {
	hint := "rotate it; the checklist is in this step's log and in the run's summary"
	if sc.step.in.OnLeak == OnLeakWarn {
		sc.step.env.Degrade()
		sc.step.warn(l.Rule, l.text()+". How to fix: "+hint)
		return nil
	}
	return &task.UserError{Rule: l.Rule, Msg: l.text(), Hint: hint}
}

// unreadError is what it means that something could not be read.
func (sc *scanner) unreadError() error {
	if len(sc.unread) == 0 {
		return nil
	}
	for _, what := range sc.unread {
		sc.step.env.Log.Print("Not scanned: " + what)
	}
	return &task.UserError{
		Class: task.Environment, Rule: "keyvault/not-scanned",
		Msg: fmt.Sprintf("%s could not be scanned, so nobody knows whether a secret is there; the first is %s",
			plural(len(sc.unread), "place"), sc.unread[0]),
		Hint: "correct what is named above, or leave it out of the input scan",
	}
}

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

// lessen takes the job's own token in .git/config for what it is: a credential that ends
// with the job, and that checkout keeps there if persistCredentials is set.
func (s *step) lessen(f leak.Finding) leak.Finding {
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
	if l.owner != "" {
		text += " (owner: " + l.owner + ")"
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

// checklist prints how to rotate what was found, once for each kind, and puts it into
// the run's summary.
func (s *step) checklist(findings []leak.Finding) {
	names := map[leak.Kind][]string{}
	for _, f := range findings {
		name := cmp.Or(f.Known, f.Rule+" "+f.Preview)
		if !slices.Contains(names[f.Kind], name) {
			names[f.Kind] = append(names[f.Kind], name)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(names)) {
		recipe := leak.Rotation(kind)
		title := fmt.Sprintf("Rotate: %s (%s)", strings.Join(names[kind], ", "), recipe.Title)
		s.env.Log.Group(title)
		s.env.Log.Print("Who: " + recipe.Owner)
		s.env.Report.Summary("#### %s", title)
		s.env.Report.Summary("Who: %s", recipe.Owner)
		for i, line := range recipe.Steps {
			s.env.Log.Printf("%d. %s", i+1, line)
			s.env.Report.Summary("- [ ] %s", line)
		}
		s.env.Log.EndGroup()
	}
}

// writeSARIF leaves the findings for viewers of static analysis, and adds them to what
// "download logs" gives.
func (sc *scanner) writeSARIF(all []leaked) error {
	env := sc.step.env
	var rules []report.Rule
	for _, r := range leak.Rules() {
		rules = append(rules, report.Rule{ID: r.ID, Description: r.Description})
	}
	var results []report.Finding
	for _, l := range all {
		for _, p := range l.places {
			results = append(results, report.Finding{
				Rule: l.Rule, Severity: sarifLevel[l.Severity], Message: l.text(),
				Path: p.Source, Line: p.Line, Column: p.Column, Fingerprint: l.Fingerprint,
			})
		}
	}
	data, err := report.SARIF("KeyVaultEnv", rules, results, env.Secrets)
	dir := filepath.Join(env.TempDir(), "guardrails")
	path := filepath.Join(dir, "keyvaultenv-"+env.Var("System.TaskInstanceId")+".sarif")
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err == nil {
		err = safepath.WriteFile(path, data, 0o600)
	}
	if err == nil {
		err = env.Log.UploadFile(path)
	}
	if err == nil {
		return nil
	}
	return &task.UserError{
		Class: task.Environment, Rule: "keyvault/report", Msg: "the findings cannot be written as SARIF", Err: err,
		Hint: "make room in $(Agent.TempDirectory), and find what has changed the folder guardrails there",
	}
}

var sarifLevel = map[leak.Severity]report.Severity{
	leak.Critical: report.Error, leak.High: report.Error, leak.Medium: report.Warning, leak.Low: report.Note,
}
