package auditdeps

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/pipeline"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/advisory"
)

// mostIssues is how many errors and warnings go to the run's page. The agent keeps ten of
// a step (ExecutionContext.cs, _maxIssueCount), and one is the harness's.
const mostIssues = 9

// outcome is the worst that the audit came to.
type outcome string

const (
	clean       outcome = "clean"
	drifted     outcome = "drift"
	findings    outcome = "findings"
	cannotAudit outcome = "cannotAudit"
)

// issue is an error or a warning, before it is known how many there are.
type issue struct {
	warning    bool
	class      task.Class
	rule       string
	text, hint string
	path       string
	line       int
}

// report tells everything: all of it in the log, the worst of it as issues, the numbers as
// output variables. Its error is what fails the step.
func (a *audit) report() error {
	a.log()
	if err := a.announce(); err != nil {
		return err
	}
	a.summary()
	a.facts()
	return a.raise()
}

// outcome is the worst that the audit came to.
func (a *audit) outcome() outcome {
	switch {
	case len(a.unable) > 0:
		return cannotAudit
	case slices.ContainsFunc(a.found, func(v vulnerability) bool { return v.verdict.status == fails }):
		return findings
	case slices.ContainsFunc(a.drifts, func(d contradiction) bool { return d.verdict.status == fails }):
		return drifted
	}
	return clean
}

// raise makes issues of the worst: errors are what it returns, warnings it prints.
func (a *audit) raise() error {
	all := a.issues()
	var errs []error
	for i, one := range all {
		if i == mostIssues-1 && len(all) > mostIssues {
			one = more(all[i:])
		}
		if one.warning {
			a.step.env.Log.Warning(
				pipeline.Issue{Message: withHint(one), Path: one.path, Line: one.line, Code: one.rule})
		} else {
			errs = append(errs, &task.UserError{
				Class: one.class, Rule: one.rule, Msg: one.text, Hint: one.hint, Path: one.path, Line: one.line,
			})
		}
		if i == mostIssues-1 {
			break
		}
	}
	return errors.Join(errs...)
}

func withHint(i issue) string {
	if i.hint == "" {
		return i.text
	}
	return i.text + ". How to fix: " + i.hint
}

// more is one issue for those that are too many. It is an error if any of them is, and of
// the worst class.
func more(rest []issue) issue {
	sum := issue{warning: true, rule: "auditdeps/more", class: task.Refused}
	for _, one := range rest {
		sum.warning = sum.warning && one.warning
		if one.class == task.Environment {
			sum.class = task.Environment
		}
	}
	sum.text = fmt.Sprintf("and %d more; all are in this step's log, in its summary and in the reports", len(rest))
	return sum
}

// issues are all errors and warnings, the worst first: malicious packages and what could
// not be audited, then vulnerabilities by severity, one for each package, then drift.
func (a *audit) issues() []issue {
	var malicious, rest, mild []issue
	for _, group := range a.byPackage() {
		v := group[0]
		one := a.vulnerable(group)
		switch {
		case v.verdict.status == warns:
			mild = append(mild, one)
		case v.hit.Malicious:
			malicious = append(malicious, one)
		default:
			rest = append(rest, one)
		}
	}
	for _, u := range a.unable {
		malicious = append(malicious, issue{
			class: task.Environment, rule: ruleUnable, text: "cannot audit: " + u.text, hint: u.fix,
			path: u.path, line: u.line,
		})
	}
	for _, d := range a.drifts {
		one := issue{
			class: task.Refused, rule: d.Rule, text: d.Message + because(d.verdict.why), hint: d.Fix,
			path: a.step.show(d.project.place, d.Path), line: d.Line,
		}
		switch d.verdict.status {
		case fails:
			rest = append(rest, one)
		case warns:
			one.warning = true
			mild = append(mild, one)
		}
	}
	for _, u := range a.skipped {
		a.step.env.Degrade() // something is not known, and that is not green
		mild = append(mild, issue{warning: true, rule: ruleSkipped, text: u.text, hint: u.fix, path: u.path})
	}
	for _, entry := range a.unused {
		mild = append(mild, issue{
			warning: true, rule: "auditdeps/unused", path: a.step.policyFile, line: entry.Line,
			text: fmt.Sprintf("the policy file accepts %s, which was not found", entry.ID), hint: "remove the entry",
		})
	}
	return slices.Concat(malicious, rest, mild)
}

// byPackage are the vulnerabilities that fail or warn, those of one package version of a
// project together, the worst first.
func (a *audit) byPackage() [][]vulnerability {
	type key struct {
		project       *project
		name, version string
		status        status
	}
	at := map[key]int{}
	var groups [][]vulnerability
	for _, v := range a.found { // sorted
		if v.verdict.status != fails && v.verdict.status != warns {
			continue
		}
		k := key{v.project, v.name, v.version, v.verdict.status}
		i, ok := at[k]
		if !ok {
			i = len(groups)
			at[k] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], v)
	}
	return groups
}

// vulnerable is the issue for the vulnerabilities of one package.
func (a *audit) vulnerable(group []vulnerability) issue {
	v := group[0]
	text := fmt.Sprintf("%s %s: %s", v.name, v.version, a.describe(v))
	if len(group) > 1 {
		text += fmt.Sprintf(", and %d more of it", len(group)-1)
	}
	path, line := a.placeOf(v.component)
	return issue{
		warning: v.verdict.status == warns, class: task.Refused, rule: "auditdeps/vulnerability",
		text: text + because(v.verdict.why), hint: v.remedy.Text + a.from(v), path: path, line: line,
	}
}

// from says how a package came, for an issue.
func (a *audit) from(v vulnerability) string {
	if len(v.chains) == 0 {
		return ""
	}
	text := " (" + strings.Join(v.chains[0], " > ")
	if len(v.chains) > 1 {
		text += fmt.Sprintf(" and %s", plural(len(v.chains)-1, "other way"))
	}
	return text + ")"
}

// describe is a vulnerability in a few words.
func (a *audit) describe(v vulnerability) string {
	what := string(v.hit.Severity)
	switch {
	case v.hit.Malicious:
		what = "malicious"
	case v.hit.Severity == advisory.Unknown:
		what = "severity unknown"
	case v.hit.Informational:
		what = "notice"
	}
	text := what + ", " + v.hit.ID
	if len(v.hit.Aliases) > 0 {
		text += " (" + v.hit.Aliases[0] + ")"
	}
	if v.hit.Summary != "" {
		text += ", " + v.hit.Summary
	}
	return text
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return " [" + why + "]"
}

// placeOf is the line of the lock file that a component stands in; of one that is on the
// disk alone it is its folder.
func (a *audit) placeOf(c component) (name string, line int) {
	if len(c.entries) > 0 {
		return c.project.shown, c.project.lock.Entries[c.entries[0]].Line
	}
	if len(c.disk) > 0 {
		return a.step.show(c.project.place, c.disk[0]), 0
	}
	return c.project.shown, 0
}
