package auditdeps

import (
	"errors"
	"strconv"

	"github.com/guardrails-ci/guardrails/shared/pipeline"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/advisory"
)

// counts are the vulnerabilities by severity, without those that are accepted.
func (a *audit) counts() map[advisory.Severity]int {
	counts := map[advisory.Severity]int{}
	for _, v := range a.found {
		if v.verdict.status == fails || v.verdict.status == warns {
			counts[v.hit.Severity]++
		}
	}
	return counts
}

// count is how many contradictions have a status.
func (a *audit) count(s status) int {
	n := 0
	for _, d := range a.drifts {
		if d.verdict.status == s {
			n++
		}
	}
	return n
}

// announce sets the output variables.
func (a *audit) announce() error {
	counts := a.counts()
	tolerated := a.count(accepted)
	for _, v := range a.found {
		if v.verdict.status == accepted || v.verdict.status == known {
			tolerated++
		}
	}
	var errs []error
	for name, value := range map[string]string{
		OutputResult:   string(a.outcome()),
		OutputCritical: strconv.Itoa(counts[advisory.Critical]), OutputHigh: strconv.Itoa(counts[advisory.High]),
		OutputModerate: strconv.Itoa(counts[advisory.Moderate]), OutputLow: strconv.Itoa(counts[advisory.Low]),
		OutputUnknown: strconv.Itoa(counts[advisory.Unknown]), OutputDrift: strconv.Itoa(a.count(fails)),
		OutputAccepted: strconv.Itoa(tolerated),
	} {
		errs = append(errs, a.step.env.Log.SetVariable(name, value, pipeline.Var{}))
	}
	return errors.Join(errs...)
}
