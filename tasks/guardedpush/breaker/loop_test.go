package breaker_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/tasks/guardedpush/breaker"
)

// loop plays a pipeline whose push starts it again, every so often, until the breaker
// trips or it has run most times. It returns how often it has pushed, and the rule.
func loop(every time.Duration, most int, rules breaker.Rules, edit func(*breaker.Facts)) (pushed int, rule string) {
	f := breaker.Facts{Pipeline: pipeline, RunsKnown: true, PushesKnown: true, Fingerprint: version, Target: target}
	for i := range most {
		f.Now = now.Add(time.Duration(i) * every)
		f.Self = breaker.Run{ID: i + 1, Reason: "individualCI", Queued: f.Now, Branch: mainRef}
		f.Runs = append([]breaker.Run{f.Self}, f.Runs...)
		asked := f
		if edit != nil {
			edit(&asked)
		}
		v := breaker.Decide(asked, rules)
		if !v.Allowed {
			return pushed, v.Rule
		}
		f.State = v.Next
		pushed++
		p := breaker.Push{Run: strconv.Itoa(f.Self.ID), Pipeline: pipeline, Fingerprint: asked.Fingerprint, Target: target, When: f.Now}
		f.Pushes = append([]breaker.Push{p}, f.Pushes...)
	}
	return pushed, ""
}

// TestThePostMortemsLoop: 47 deployments of one version in three hours are one in 230
// seconds. No window of ten minutes has more than three of them, so the limit of runs
// alone would have let all pass; the limit of repetitions ends it at the third.
func TestThePostMortemsLoop(t *testing.T) {
	t.Parallel()
	const runs = 47
	every := 3 * time.Hour / runs
	changing := func(f *breaker.Facts) { f.Fingerprint = strconv.Itoa(f.Self.ID) }
	none := func(f *breaker.Facts) { f.Fingerprint = "" }
	for name, tc := range map[string]struct {
		every  time.Duration
		rules  breaker.Rules
		edit   func(*breaker.Facts)
		pushed int
		rule   string
	}{
		"as it was, without limits":          {every, breaker.Rules{}, nil, runs, ""},
		"as it was, the limit of runs alone": {every, limited(3, 0), nil, runs, ""},
		"as it was, repetitions alone":       {every, limited(0, 2), nil, 2, "breaker/repeat"},
		"as it was, both":                    {every, limits, nil, 2, "breaker/repeat"},
		"a longer window":                    {every, breaker.Rules{MaxRuns: 3, Window: 15 * time.Minute}, nil, 3, "breaker/rate"},
		"a run a minute, the runs": {minute, limits, func(f *breaker.Facts) {
			changing(f)
			f.PushesKnown = false
		}, 3, "breaker/rate"},
		"a run a minute, the pushes": {minute, limits, func(f *breaker.Facts) {
			changing(f)
			f.RunsKnown = false
		}, 3, "breaker/rate"},
		"a run a minute, no deployment":           {minute, limits, none, 3, "breaker/rate"},
		"a run a minute, other versions":          {minute, limits, changing, 3, "breaker/rate"},
		"slow, and other versions: no loop to us": {every, limits, changing, runs, ""},
	} {
		pushed, rule := loop(tc.every, runs, tc.rules, tc.edit)
		if pushed != tc.pushed || rule != tc.rule {
			t.Errorf("%s: pushed %d times, then %q, want %d and %q", name, pushed, rule, tc.pushed, tc.rule)
		}
	}
}
