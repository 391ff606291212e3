package auditdeps

import (
	"fmt"
	"strings"
	"time"
)

// mostRows is how long a table of the summary may be.
const mostRows = 50

// summary writes the Markdown for the run's page.
func (a *audit) summary() {
	r := a.step.env.Report
	r.Summary("%s", a.conclusion())
	for _, u := range a.unable[:min(len(a.unable), mostRows)] {
		r.Summary("**Cannot audit:** %s. How to fix: %s", u.text, u.fix)
	}
	for _, u := range a.skipped[:min(len(a.skipped), mostRows)] {
		r.Summary("**Not audited:** %s. How to fix: %s", u.text, u.fix)
	}
	var rows strings.Builder
	var texts []string
	row := func(cells ...string) {
		rows.WriteString("\n|" + strings.Repeat(" %s |", len(cells)))
		texts = append(texts, cells...)
	}
	for i, v := range a.found {
		if i == mostRows {
			row("", "", "", fmt.Sprintf("and %d more", len(a.found)-i), "")
			break
		}
		name, line := a.placeOf(v.component)
		row(string(v.verdict.status), v.name+" "+v.version, a.describe(v), v.remedy.Text+because(v.verdict.why),
			located(name, line))
	}
	for i, d := range a.drifts {
		if i == mostRows {
			row("", "", "", fmt.Sprintf("and %d more", len(a.drifts)-i), "")
			break
		}
		row(string(d.verdict.status), d.Package, d.Message, d.Fix+because(d.verdict.why),
			located(a.step.show(d.project.place, d.Path), d.Line))
	}
	if len(texts) > 0 {
		r.Summary("| | Package | What | What to do | Where |\n|---|---|---|---|---|"+rows.String(), texts...)
	}
}

// vulnerabilityFact is a vulnerability in the JSON report.
type vulnerabilityFact struct {
	Package  string     `json:"package"`
	Version  string     `json:"version"`
	ID       string     `json:"id"`
	Aliases  []string   `json:"aliases,omitempty"`
	Severity string     `json:"severity"`
	Status   string     `json:"status"`
	Why      string     `json:"why,omitempty"`
	Fixed    []string   `json:"fixed,omitempty"`
	Fix      string     `json:"fix"`
	Stale    bool       `json:"staleLock"`
	Dev      bool       `json:"dev"`
	Path     string     `json:"path"`
	Line     int        `json:"line,omitempty"`
	Chains   [][]string `json:"chains,omitempty"`
}

// driftFact is a contradiction in the JSON report.
type driftFact struct {
	Rule    string `json:"rule"`
	Package string `json:"package,omitempty"`
	Message string `json:"message"`
	Status  string `json:"status"`
	Why     string `json:"why,omitempty"`
	Fix     string `json:"fix,omitempty"`
	Path    string `json:"path"`
	Line    int    `json:"line,omitempty"`
}

// mostChains is how many ways to a package the JSON report has.
const mostChains = 5

// facts are for the JSON report.
func (a *audit) facts() {
	list := make([]vulnerabilityFact, 0, len(a.found))
	for _, v := range a.found {
		name, line := a.placeOf(v.component)
		list = append(list, vulnerabilityFact{
			Package: v.name, Version: v.version, ID: v.hit.ID, Aliases: v.hit.Aliases,
			Severity: string(v.hit.Severity), Status: string(v.verdict.status), Why: v.verdict.why,
			Fixed: v.hit.Fixed, Fix: v.remedy.Text, Stale: v.remedy.Stale, Dev: v.dev,
			Path: name, Line: line, Chains: v.chains[:min(len(v.chains), mostChains)],
		})
	}
	drifts := make([]driftFact, 0, len(a.drifts))
	for _, d := range a.drifts {
		drifts = append(drifts, driftFact{
			Rule: d.Rule, Package: d.Package, Message: d.Message, Status: string(d.verdict.status), Why: d.verdict.why,
			Fix: d.Fix, Path: a.step.show(d.project.place, d.Path), Line: d.Line,
		})
	}
	r := a.step.env.Report
	r.Set("result", string(a.outcome()))
	r.Set("vulnerabilities", list)
	r.Set("drift", drifts)
	r.Set("cannotAudit", textsOf(a.unable))
	r.Set("notAudited", textsOf(a.skipped))
	r.Set("advisories", databaseFacts(a))
	if a.restored != "" {
		r.Set("restoredFrom", a.restored)
	}
}

func textsOf(list []unable) []string {
	texts := make([]string, 0, len(list))
	for _, u := range list {
		texts = append(texts, u.text)
	}
	return texts
}

func databaseFacts(a *audit) []map[string]any {
	list := make([]map[string]any, 0, len(a.databases))
	for _, info := range a.databases {
		list = append(list, map[string]any{
			"ecosystem": info.Ecosystem, "source": info.Source, "asOf": info.AsOf.UTC().Format(time.RFC3339),
			"records": info.Records, "bad": info.Bad,
		})
	}
	return list
}
