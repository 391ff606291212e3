package keyvaultenv

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/leak"
	"github.com/guardrails-ci/guardrails/shared/report"
	"github.com/guardrails-ci/guardrails/shared/safepath"
	"github.com/guardrails-ci/guardrails/shared/task"
)

// mostMasked is how many findings the agent is told to hide: only its own last lines are
// still to come.
const mostMasked = 100

// mostIssues is how many findings become errors or warnings.
const mostIssues = 50

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
	unsure := slices.IndexFunc(all, func(l leaked) bool { return !l.sure() })
	if unsure < 0 {
		unsure = len(all)
	}
	errs := sc.leakErrors(all[:unsure])
	for _, l := range all[unsure:min(len(all), unsure+mostIssues)] {
		sc.step.warn(l.Rule, l.text()+"; it may be one, look at it")
	}
	var found []leak.Finding
	for _, l := range all[:unsure] {
		found = append(found, l.Finding)
	}
	sc.step.checklist(found)
	switch {
	case len(all) == 0 && len(sc.unread) == 0:
		env.Log.Printf("No secret found: %s against %s and %d rules.",
			strings.Join(sc.looked, ", "), plural(len(sc.memory.Known), "known secret"), len(leak.Rules()))
	case unsure > 0:
		env.Log.Printf("%s exposed. Exposed means rotated: see the checklist.", plural(unsure, "secret"))
	}
	return errors.Join(append(errs, sc.unreadError(), sc.writeSARIF(all))...)
}

// leakErrors are the errors for secrets that have leaked; none if onLeak is warn.
func (sc *scanner) leakErrors(all []leaked) []error {
	const hint = "rotate it; the checklist is in this step's log and in the run's summary"
	warn := sc.step.in.OnLeak == OnLeakWarn
	var errs []error
	for i, l := range all {
		text := l.text()
		if i == mostIssues {
			text = fmt.Sprintf("%s more; the JSON report and the SARIF file have all", plural(len(all)-i, "secret"))
		}
		if warn {
			sc.step.env.Degrade()
			sc.step.warn(l.Rule, text+". How to fix: "+hint)
		} else {
			errs = append(errs, &task.UserError{Rule: l.Rule, Msg: text, Hint: hint})
		}
		if i == mostIssues {
			break
		}
	}
	return errs
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
