package auditdeps

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/report"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/advisory"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/drift"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/policy"
)

// policyName is the policy file that is read if the input names none.
const policyName = "auditdeps.yml"

// readPolicy reads the policy file, if there is one.
func (s *step) readPolicy() error {
	name := string(s.in.PolicyFile)
	if name == "" {
		name = filepath.Join(s.sources, policyName)
	}
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) && s.in.PolicyFile == "" {
		return nil
	}
	var data []byte
	if err == nil && info.Mode().IsRegular() && info.Size() <= maxManifest {
		data, err = os.ReadFile(name)
	} else if err == nil {
		err = fs.ErrInvalid
	}
	if err != nil {
		return badInput("policyFile", "the file cannot be read", "name a file that exists when this step runs")
	}
	s.policyFile = s.show(place{root: filepath.Dir(name)}, filepath.Base(name))
	s.policy, err = policy.Parse(s.policyFile, data, s.env.Now())
	var wrong *policy.Error
	if !errors.As(err, &wrong) {
		return err
	}
	var errs []error
	for _, p := range wrong.Problems {
		e := badInput("policyFile", p.Text, p.Fix)
		errs = append(errs, at(e, s.policyFile, p.Line))
	}
	return errors.Join(errs...)
}

// judge decides what counts.
func (a *audit) judge() {
	var verdicts []policy.Verdict
	now := a.step.env.Now()
	for _, p := range a.projects {
		if p.unread == nil {
			verdicts = append(verdicts, a.contradictions(p, now)...)
		}
	}
	for i := range a.found {
		v := &a.found[i]
		a.explain(v)
		p := a.step.policy.Judge(policy.Subject{
			IDs: append([]string{v.hit.ID}, v.hit.Aliases...), Package: v.name, Paths: joined(v.chains),
		}, now)
		verdicts = append(verdicts, p)
		v.verdict = a.weigh(v, p)
	}
	slices.SortStableFunc(a.found, func(x, y vulnerability) int {
		return cmp.Or(
			cmp.Compare(order[x.verdict.status], order[y.verdict.status]),
			cmp.Compare(rank(y), rank(x)), cmp.Compare(x.project.shown, y.project.shown),
			cmp.Compare(x.name, y.name), cmp.Compare(x.version, y.version), cmp.Compare(x.hit.ID, y.hit.ID))
	})
	slices.SortStableFunc(a.drifts, func(x, y contradiction) int {
		return cmp.Compare(order[x.verdict.status], order[y.verdict.status])
	})
	a.unused = a.step.policy.Unused(verdicts)
}

var order = map[status]int{fails: 0, warns: 1, known: 2, accepted: 3, excluded: 4}

// rank orders vulnerabilities by severity; a malicious package is above all.
func rank(v vulnerability) int {
	if v.hit.Malicious {
		return advisory.Critical.Rank() + 1
	}
	return v.hit.Severity.Rank()
}

func joined(chains [][]string) []string {
	all := make([]string, len(chains))
	for i, chain := range chains {
		all[i] = strings.Join(chain, " > ")
	}
	return all
}

// explain finds out how a vulnerable package came, and what mends it.
func (a *audit) explain(v *vulnerability) {
	if len(v.entries) == 0 {
		v.remedy.Text = a.diskRemedy(v) + a.origin(v.component)
		v.chains = [][]string{{"on the disk alone", v.name}}
		return
	}
	for _, entry := range v.entries {
		chains, more := v.project.graph.Chains(entry)
		if more { // an exception for some paths does not cover those that nobody has counted
			chains = append(chains, []string{"...", v.name})
		}
		v.chains = append(v.chains, chains...)
	}
	for i, entry := range v.entries { // one that cannot be mended so easily speaks for all
		if r := v.project.graph.Of(entry, v.hit.Fixed); i == 0 || v.remedy.Stale && !r.Stale {
			v.remedy = r
		}
	}
	v.remedy.Text += a.origin(v.component)
}

// origin says which cache the installed packages came from, for the text of a finding.
func (a *audit) origin(c component) string {
	if a.restored == "" || len(c.disk) == 0 {
		return ""
	}
	return "; what is there was restored from the cache " + a.restored
}

// diskRemedy is what to do about a package that the lock file does not have in this version.
func (a *audit) diskRemedy(v *vulnerability) string {
	if slices.ContainsFunc(a.drifts, func(d contradiction) bool {
		name, _ := cutVersion(d.Package)
		return d.project == v.project && d.Rule == "lint/address" && name == v.name
	}) {
		return "the lock file has another version and the address of this one: see lint/address, and renew its entry"
	}
	text := "the lock file does not have this version: install again, from the lock file alone"
	if command := cleanInstall(v.project.lock); command != nil {
		text += " (`" + strings.Join(command, " ") + "`)"
	}
	return text
}

// weigh decides about one vulnerability.
func (a *audit) weigh(v *vulnerability, p policy.Verdict) verdict {
	switch {
	case p.Allowed != nil:
		return verdict{accepted, fmt.Sprintf("accepted until %s: %s", lastDay(p.Allowed), p.Allowed.Reason)}
	case !v.hit.Malicious && v.verdict.status == known:
		return v.verdict
	case !v.hit.Malicious && v.dev && a.step.in.DevDependencies == DevDependenciesExclude:
		return verdict{excluded, "for development only"}
	}
	if mild := a.step.mild(v); mild != "" && !v.hit.Malicious {
		return verdict{warns, mild}
	}
	switch {
	case p.Expired != nil:
		return verdict{fails, fmt.Sprintf("it was accepted until %s, which is over", lastDay(p.Expired))}
	case len(p.Open) > 0:
		return verdict{fails, "it is accepted for other paths, but not for " + p.Open[0]}
	}
	return verdict{status: fails}
}

// mild is why a vulnerability is only warned about, by the inputs; "" if it fails.
func (s *step) mild(v *vulnerability) string {
	held := time.Duration(s.in.MinFixAgeDays) * 24 * time.Hour
	switch {
	case v.hit.Informational:
		return "no vulnerability, but worth knowing"
	case v.hit.Severity == advisory.Unknown && !s.fails(v.hit.Severity):
		return "unknownSeverity: warn"
	case !s.fails(v.hit.Severity):
		return fmt.Sprintf("below failOn: %s", s.in.FailOn)
	case v.dev && s.in.DevDependencies == DevDependenciesWarn:
		return "for development only"
	case s.in.OnlyFixable && len(v.hit.Fixed) == 0:
		return "no version mends it yet"
	case held > 0 && !v.hit.Published.IsZero() && s.env.Now().Sub(v.hit.Published) < held:
		return "held until " + v.hit.Published.Add(held).UTC().Format(time.DateOnly) + " by minFixAgeDays"
	}
	return ""
}

func lastDay(a *policy.Allow) string {
	return a.Expires.Add(-time.Nanosecond).UTC().Format(time.DateOnly)
}

// contradictions finds where lock file, manifest and disk disagree.
func (a *audit) contradictions(p *project, now time.Time) []policy.Verdict {
	var verdicts []policy.Verdict
	for _, f := range drift.Find(drift.Facts{
		Lock: p.lock, Stale: p.stale, Trees: p.trees, Hidden: p.hidden, Overrides: p.overrides,
		Registries: a.step.in.AllowedRegistries,
	}) {
		if !a.step.checks[string(f.Check)] {
			continue
		}
		name, _ := cutVersion(f.Package)
		judged := a.step.policy.Judge(policy.Subject{IDs: []string{f.Rule}, Package: name}, now)
		verdicts = append(verdicts, judged)
		d := contradiction{Finding: f, project: p, verdict: verdict{status: fails}}
		switch {
		case judged.Allowed != nil:
			d.verdict = verdict{
				accepted,
				fmt.Sprintf("accepted until %s: %s", lastDay(judged.Allowed), judged.Allowed.Reason),
			}
		case f.Severity != drift.Fail:
			d.verdict.status = warns
		case judged.Expired != nil:
			d.verdict.why = fmt.Sprintf("it was accepted until %s, which is over", lastDay(judged.Expired))
		}
		a.drifts = append(a.drifts, d)
	}
	return verdicts
}

// cutVersion cuts name@version; the name may begin with an @.
func cutVersion(text string) (name, version string) {
	if i := strings.LastIndex(text, "@"); i > 0 {
		return text[:i], text[i+1:]
	}
	return text, ""
}

// severity is how a verdict shows in reports.
func (v verdict) severity() report.Severity {
	switch v.status {
	case fails:
		return report.Error
	case warns:
		return report.Warning
	}
	return report.Note
}
