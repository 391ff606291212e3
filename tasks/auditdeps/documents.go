package auditdeps

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/shared/pipeline"
	"github.com/guardrails-ci/guardrails/shared/report"
	"github.com/guardrails-ci/guardrails/shared/safepath"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/shared/version"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/document"
)

// documents writes what other programs read, and gives it to Azure Pipelines. Builds alone
// have artifacts; in a release the files are there all the same.
func (a *audit) documents() error {
	l := a.step.env.Log
	build := strings.EqualFold(a.step.env.Var("System.HostType"), "build")
	upload := func(artifact string) func(string) error {
		return func(name string) error {
			if !build {
				l.Printf("%s is not uploaded: only builds have artifacts.", filepath.Base(name))
				return nil
			}
			return l.UploadArtifact(artifact, "", name)
		}
	}
	tests := func(name string) error { return l.PublishTests("AuditDeps", name) }
	var errs []error
	for _, d := range []struct {
		wanted  bool
		ending  string
		output  string
		make    func() ([]byte, error)
		publish func(name string) error
	}{
		{a.step.in.Sarif, ".sarif", OutputSarifFile, a.sarif, upload("CodeAnalysisLogs")},
		{a.step.in.Junit, ".junit.xml", OutputJunitFile, a.junit, tests},
		{a.step.in.Cyclonedx, ".cdx.json", OutputCyclonedxFile, a.cyclonedx, upload("sbom")},
	} {
		name := ""
		if d.wanted {
			var err error
			if name, err = a.write(d.ending, d.make); err == nil {
				err = d.publish(name)
			}
			if err != nil {
				errs = append(errs, &task.UserError{
					Class: task.Environment, Rule: "auditdeps/report", Err: err,
					Msg:  "the report " + d.output + " cannot be written or published",
					Hint: "make room in $(Agent.TempDirectory), and find what has changed the folder guardrails there",
				})
			}
		}
		errs = append(errs, l.SetVariable(d.output, name, pipeline.Var{}))
	}
	return errors.Join(errs...)
}

func (a *audit) write(ending string, make func() ([]byte, error)) (string, error) {
	data, err := make()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(a.step.env.TempDir(), "guardrails")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	name := filepath.Join(dir, "auditdeps-"+a.step.env.Var("System.TaskInstanceId")+ending)
	if err := safepath.WriteFile(name, data, 0o600); err != nil {
		return "", err
	}
	return name, nil
}

// hide takes the job's secrets out of a text for a document: nobody masks those.
func (a *audit) hide(text string) string { return a.step.env.Secrets.String(text) }

// masked is a verdict for a document: why has the policy file's words.
func (a *audit) masked(v verdict) verdict {
	v.why = a.hide(v.why)
	return v
}

func (a *audit) sarif() ([]byte, error) {
	rules := map[string]report.Rule{}
	var results []report.Finding
	for _, v := range a.found {
		if v.verdict.status == excluded {
			continue
		}
		name, line := a.placeOf(v.component)
		rules[v.hit.ID] = report.Rule{
			ID:          v.hit.ID,
			Description: v.hit.Summary,
			Help:        "https://osv.dev/vulnerability/" + v.hit.ID,
		}
		results = append(results, report.Finding{
			Rule: v.hit.ID, Severity: v.verdict.severity(), Path: name, Line: line,
			Message:     fmt.Sprintf("%s %s: %s%s", v.name, v.version, a.describe(v), because(v.verdict.why)),
			Hint:        v.remedy.Text + a.from(v),
			Fingerprint: v.hit.ID + "/" + v.name + "@" + v.version + "/" + v.project.shown,
		})
	}
	for _, d := range a.drifts {
		rules[d.Rule] = report.Rule{ID: d.Rule, Description: "manifest, lock file and disk disagree"}
		results = append(results, report.Finding{
			Rule: d.Rule, Severity: d.verdict.severity(), Path: a.step.show(d.project.place, d.Path), Line: d.Line,
			Message: d.Message + because(d.verdict.why), Hint: d.Fix,
			Fingerprint: d.Rule + "/" + d.Package + "/" + d.project.shown,
		})
	}
	for i, u := range slices.Concat(a.unable, a.skipped) {
		id, severity := ruleUnable, report.Error
		if i >= len(a.unable) {
			id, severity = ruleSkipped, report.Warning
		}
		rules[id] = report.Rule{ID: id, Description: "could not be audited, or was not"}
		results = append(results, report.Finding{
			Rule: id, Severity: severity, Path: u.path, Line: u.line, Message: u.text, Hint: u.fix,
		})
	}
	ids := make([]report.Rule, 0, len(rules))
	for _, rule := range rules {
		ids = append(ids, rule)
	}
	slices.SortFunc(ids, func(x, y report.Rule) int { return strings.Compare(x.ID, y.ID) })
	return report.SARIF("AuditDeps", ids, results, a.step.env.Secrets)
}

// junit has a test for each package, and for what could not be audited.
func (a *audit) junit() ([]byte, error) {
	suite := document.Suite{Name: "AuditDeps"}
	type key struct {
		project       *project
		name, version string
	}
	cases := map[key]*document.Case{}
	for _, p := range a.projects {
		for _, c := range p.components {
			cases[key{p, c.name, c.version}] = &document.Case{
				Group: a.hide(p.shown), Name: a.hide(c.name + "@" + c.version), Outcome: document.Passed,
			}
		}
	}
	for _, v := range a.found { // the worst first
		add(cases[key{v.project, v.name, v.version}], a.masked(v.verdict), a.hide(a.describe(v)),
			a.hide(v.remedy.Text+a.from(v)))
	}
	for _, d := range a.drifts {
		name, number := cutVersion(d.Package)
		k := key{d.project, name, number}
		if cases[k] == nil {
			cases[k] = &document.Case{
				Group:   a.hide(d.project.shown),
				Name:    a.hide(d.Package),
				Outcome: document.Passed,
			}
		}
		add(cases[k], a.masked(d.verdict), a.hide(d.Rule+": "+d.Message), a.hide(d.Fix))
	}
	for _, c := range cases {
		suite.Cases = append(suite.Cases, *c)
	}
	for i, u := range slices.Concat(a.unable, a.skipped) {
		group := u.path
		if group == "" {
			group = "AuditDeps"
		}
		suite.Cases = append(suite.Cases, document.Case{
			Group: a.hide(group), Name: "can be audited", Outcome: document.NotAudited,
			Message: a.hide(u.text), Details: a.hide(u.fix),
		})
		if i >= len(a.unable) {
			suite.Cases[len(suite.Cases)-1].Outcome = document.Suppressed
		}
	}
	return document.JUnit(suite)
}

// add makes a test fail, or be skipped, for a finding.
func add(c *document.Case, v verdict, message, details string) {
	if c == nil {
		return
	}
	text := message + because(v.why) + "\n" + details + "\n"
	switch {
	case v.status == fails:
		if c.Outcome != document.Failed {
			c.Outcome, c.Message = document.Failed, message
		}
	case c.Outcome == document.Passed:
		c.Outcome, c.Message = document.Suppressed, message+because(v.why)
	}
	c.Details += text
}

// cyclonedx is the inventory with its vulnerabilities.
func (a *audit) cyclonedx() ([]byte, error) {
	bom := document.BOM{
		Name: a.hide(a.step.env.Var("Build.Repository.Name")), Version: a.step.env.Var("Build.SourceVersion"),
		Tool: "AuditDeps", ToolVersion: version.Number(), Time: a.step.env.Now(),
	}
	type key struct {
		project       *project
		name, version string
	}
	at := map[key]int{}
	for _, p := range a.projects {
		byEntry := map[int]int{}
		for _, c := range p.components {
			i := len(bom.Components)
			at[key{p, c.name, c.version}] = i
			bom.Components = append(bom.Components, a.inventoried(c))
			for _, e := range c.entries {
				byEntry[e] = i
			}
		}
		for from, e := range p.lock.Entries {
			for _, r := range e.Requires {
				to, ok := byEntry[r.To]
				switch i, isComponent := byEntry[from]; {
				case !ok:
				case isComponent:
					bom.Components[i].Requires = append(bom.Components[i].Requires, to)
				case e.Source == lockfile.Project:
					bom.Roots = append(bom.Roots, to)
				}
			}
		}
	}
	for _, v := range a.found {
		suppressed := ""
		if order[v.verdict.status] >= order[known] {
			suppressed = a.hide(v.verdict.why)
		}
		bom.Vulnerabilities = append(bom.Vulnerabilities, document.Vulnerability{
			ID: v.hit.ID, Aliases: v.hit.Aliases, Severity: string(v.hit.Severity), Vector: v.hit.Vector,
			Summary: a.hide(v.hit.Summary), Fix: a.hide(v.remedy.Text), Published: v.hit.Published,
			Affects: []int{at[key{v.project, v.name, v.version}]}, Suppressed: suppressed,
		})
	}
	return document.CycloneDX(bom)
}

// inventoried is a component for the inventory.
func (a *audit) inventoried(c component) document.Component {
	d := document.Component{
		Ecosystem: c.project.lock.Ecosystem(), Name: a.hide(c.name), Version: a.hide(c.version), Optional: c.dev,
	}
	for _, i := range c.entries {
		e := c.project.lock.Entries[i]
		if d.URL == "" {
			d.URL, d.Integrity = a.hide(e.URL), e.Integrity
		}
		d.Places = append(d.Places, document.Place{Path: a.hide(c.project.shown), Line: e.Line})
	}
	for _, dir := range c.disk {
		d.Places = append(d.Places, document.Place{Path: a.hide(a.step.show(c.project.place, dir))})
	}
	return d
}
