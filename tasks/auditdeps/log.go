package auditdeps

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/guardrails-ci/guardrails/tasks/auditdeps/advisory"
)

// log prints everything that was found.
func (a *audit) log() {
	l := a.step.env.Log
	for _, u := range a.unable {
		l.Print("CANNOT AUDIT  " + u.text)
	}
	for _, u := range a.skipped {
		l.Print("NOT AUDITED   " + u.text)
	}
	for _, v := range a.found {
		name, line := a.placeOf(v.component)
		l.Printf("%-13s %s %s: %s  (%s)%s", strings.ToUpper(string(v.verdict.status)), v.name, v.version,
			a.describe(v), located(name, line), because(v.verdict.why))
		if v.verdict.status == fails || v.verdict.status == warns {
			for _, chain := range v.chains[:min(len(v.chains), 3)] {
				l.Print("              " + strings.Join(chain, " > "))
			}
			l.Print("              " + v.remedy.Text)
		}
	}
	for _, d := range a.drifts {
		l.Printf("%-13s %s: %s  (%s)%s", strings.ToUpper(string(d.verdict.status)), d.Rule, d.Message,
			located(a.step.show(d.project.place, d.Path), d.Line), because(d.verdict.why))
		if d.Fix != "" {
			l.Print("              " + d.Fix)
		}
	}
	l.Print(a.conclusion())
}

func located(name string, line int) string {
	if line > 0 {
		return name + ":" + strconv.Itoa(line)
	}
	return name
}

// conclusion is the audit in one line.
func (a *audit) conclusion() string {
	packages, lockFiles := 0, 0
	for _, p := range a.projects {
		packages += len(p.components)
		lockFiles++
	}
	counts := a.counts()
	text := fmt.Sprintf("Audited %s of %s: %d critical, %d high, %d moderate, %d low, %d of unknown severity; %s.",
		plural(packages, "package"), plural(lockFiles, "lock file"), counts[advisory.Critical], counts[advisory.High],
		counts[advisory.Moderate], counts[advisory.Low], counts[advisory.Unknown],
		plural(a.count(fails), "contradiction"))
	if n := len(a.unable); n > 0 {
		text += fmt.Sprintf(" %s could not be audited.", plural(n, "thing"))
	}
	return text
}
