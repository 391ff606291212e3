package breaker_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/tasks/guardedpush/breaker"
)

// naive says by which rule a closed breaker should trip: the rules once more, as plainly
// as they can be written.
func naive(f breaker.Facts, r breaker.Rules) string {
	start, repeatStart := f.Now.Add(-r.Window), f.Now.Add(-r.RepeatWindow)
	runs := map[int]bool{}
	for _, x := range f.Runs {
		isManual, isPR := x.Reason == "manual", x.Reason == "pullRequest"
		if x.ID == f.Self.ID || x.Branch != f.Self.Branch || isManual && !r.Manual || isPR && !r.PullRequests {
			continue
		}
		if x.Queued.After(start) && !x.Queued.Before(f.State.Since) {
			runs[x.ID] = true
		}
	}
	pushed, repeated, stopped := map[string]bool{}, map[string]bool{}, false
	for _, p := range f.Pushes {
		own := p.Pipeline == f.Pipeline && p.Run == strconv.Itoa(f.Self.ID)
		since := !p.When.Before(f.State.Since)
		if !own && since && p.Pipeline == f.Pipeline && p.When.After(start) {
			pushed[p.Run] = true
		}
		if p.Target != f.Target || p.Fingerprint == "" {
			continue
		}
		stopped = stopped || p.Fingerprint != f.Fingerprint
		if !stopped && !own && since && p.When.After(repeatStart) {
			repeated[p.Pipeline+" "+p.Run] = true
		}
	}
	switch {
	case r.MaxRuns > 0 && (f.RunsKnown && len(runs)+1 > r.MaxRuns || f.PushesKnown && len(pushed)+1 > r.MaxRuns):
		return "breaker/rate"
	case r.MaxRepeats > 0 && f.Fingerprint != "" && f.PushesKnown && len(repeated)+1 > r.MaxRepeats:
		return "breaker/repeat"
	}
	return ""
}

type dice struct{ *rand.Rand }

func (d dice) of(choices ...string) string { return choices[d.IntN(len(choices))] }
func (d dice) yes(percent int) bool        { return d.IntN(100) < percent }

// minutes is a time in whole minutes, so that edges are met.
func (d dice) minutes(most int) time.Time { return before(time.Duration(d.IntN(most+4)-3) * minute) }

func (d dice) facts() (breaker.Facts, breaker.Rules) {
	f := breaker.Facts{
		Now: now, Self: run(5, time.Duration(d.IntN(3))*minute), Pipeline: pipeline, RunsKnown: d.yes(80), PushesKnown: true,
		Fingerprint: d.of(version, version, other, ""), Target: target, State: breaker.State{Status: breaker.Closed},
	}
	f.PushesKnown = !f.RunsKnown || d.yes(80)
	if d.yes(30) {
		f.State.Since = before(time.Duration(d.IntN(20)) * minute)
	}
	for range d.IntN(8) {
		f.Runs = append(f.Runs, breaker.Run{
			ID: d.IntN(9) + 1, Queued: d.minutes(12), Branch: d.of(mainRef, mainRef, mainRef, "refs/heads/x"),
			Reason: d.of("individualCI", "schedule", "manual", "pullRequest"),
		})
	}
	for range d.IntN(8) {
		f.Pushes = append(f.Pushes, breaker.Push{
			Run: strconv.Itoa(d.IntN(9) + 1), Pipeline: d.of(pipeline, pipeline, "org/project/8"), When: d.minutes(20),
			Fingerprint: d.of(version, version, version, other, ""), Target: d.of(target, target, "web/test"),
		})
	}
	rules := breaker.Rules{
		MaxRuns: d.IntN(5), Window: time.Duration(d.IntN(12)+1) * minute,
		MaxRepeats: d.IntN(4), RepeatWindow: time.Duration(d.IntN(20)+1) * minute,
		Manual: d.yes(50), PullRequests: d.yes(50),
	}
	return f, rules
}

func TestDecideIsAsTheNaiveModel(t *testing.T) {
	t.Parallel()
	d := dice{rand.New(rand.NewPCG(5, 6))}
	rules := map[string]int{}
	for i := range 50_000 {
		f, r := d.facts()
		got := breaker.Decide(f, r)
		if got.Rule == "breaker/blind" { // its own test
			continue
		}
		want := naive(f, r)
		rules[want]++
		if got.Rule != want || got.Allowed != (want == "") || got.Tripped == got.Allowed {
			t.Fatalf("history %d: Decide = %+v, want the rule %q\n%s", i, got, want, show(f, r))
		}
	}
	for _, rule := range []string{"", "breaker/rate", "breaker/repeat"} {
		if rules[rule] < 2_000 {
			t.Errorf("only %d histories have the outcome %q: too few to mean something", rules[rule], rule)
		}
	}
}

// TestMoreNeverHelps: one more run in the list, or one more deployment of the same
// version, never turns a refusal into a permission.
func TestMoreNeverHelps(t *testing.T) {
	t.Parallel()
	d := dice{rand.New(rand.NewPCG(7, 8))}
	for i := range 20_000 {
		f, r := d.facts()
		if breaker.Decide(f, r).Allowed {
			continue
		}
		more := f
		more.Runs = append([]breaker.Run{run(77, 0)}, f.Runs...)
		more.Pushes = append([]breaker.Push{push("78", 0, f.Fingerprint)}, f.Pushes...)
		if v := breaker.Decide(more, r); v.Allowed {
			t.Fatalf("history %d: with one more run and push Decide = %+v\n%s", i, v, show(f, r))
		}
	}
}

// TestOneProbeAlone: after a reset, within the window, no two runs push, in whatever
// order they come, as long as each keeps the state before it pushes.
func TestOneProbeAlone(t *testing.T) {
	t.Parallel()
	d := dice{rand.New(rand.NewPCG(9, 10))}
	for i := range 2_000 {
		state := breaker.Reset(before(minute), 1, "fixed")
		pushed := map[int]bool{}
		for step := range 8 {
			f, r := d.facts()
			f.Self.ID, f.State, f.Now = d.IntN(4)+1, state, now.Add(time.Duration(step)*time.Second)
			v := breaker.Decide(f, r)
			if v.Rule == "breaker/blind" {
				continue
			}
			if state = v.Next; v.Allowed {
				pushed[f.Self.ID] = true
			}
		}
		if len(pushed) > 1 {
			t.Fatalf("history %d: the runs %v have pushed after one reset", i, pushed)
		}
	}
}

func show(f breaker.Facts, r breaker.Rules) string {
	text := fmt.Sprintf("rules %+v\nself %+v\nfingerprint %q, since %s\n", r, f.Self, f.Fingerprint, f.State.Since)
	for _, x := range f.Runs {
		text += fmt.Sprintf("  %+v\n", x)
	}
	for _, p := range f.Pushes {
		text += fmt.Sprintf("  %+v\n", p)
	}
	return text
}
