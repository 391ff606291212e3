package breaker_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/tasks/guardedpush/breaker"
)

const (
	pipeline = "org/project/7"
	mainRef  = "refs/heads/main"
	version  = "aaaaaaaaaaaa"
	other    = "bbbbbbbbbbbb"
	target   = "web/production"
)

var (
	now    = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	limits = limited(3, 2)
)

func limited(runs, repeats int) breaker.Rules {
	return breaker.Rules{MaxRuns: runs, Window: 10 * time.Minute, MaxRepeats: repeats, RepeatWindow: 3 * time.Hour}
}

func before(d time.Duration) time.Time { return now.Add(-d) }

func run(id int, age time.Duration) breaker.Run {
	return breaker.Run{ID: id, Reason: "individualCI", Queued: before(age), Branch: mainRef}
}

func push(id string, age time.Duration, fingerprint string) breaker.Push {
	return breaker.Push{Run: id, Pipeline: pipeline, Fingerprint: fingerprint, Target: target, When: before(age)}
}

// facts are those of run 100, which wants to deploy a version.
func facts(edit func(f *breaker.Facts)) breaker.Facts {
	f := breaker.Facts{
		Now: now, Self: run(100, time.Minute), Pipeline: pipeline, RunsKnown: true, PushesKnown: true,
		Fingerprint: version, Target: target, State: breaker.State{Status: breaker.Closed},
	}
	edit(&f)
	return f
}

func runs(list ...breaker.Run) func(*breaker.Facts) {
	return func(f *breaker.Facts) { f.Runs = list }
}

func pushes(list ...breaker.Push) func(*breaker.Facts) {
	return func(f *breaker.Facts) { f.Pushes = list }
}

func with(r breaker.Run, edit func(*breaker.Run)) breaker.Run {
	edit(&r)
	return r
}

func withPush(p breaker.Push, edit func(*breaker.Push)) breaker.Push {
	edit(&p)
	return p
}

const minute = time.Minute

func TestRate(t *testing.T) {
	t.Parallel()
	three := []breaker.Run{run(99, 2*minute), run(98, 4*minute), run(97, 6*minute)}
	third := func(r breaker.Run) []breaker.Run { return []breaker.Run{three[0], three[1], r} }
	for name, tc := range map[string]struct {
		edit func(*breaker.Facts)
		trip bool
	}{
		"nothing":                  {runs(), false},
		"the third run":            {runs(three[:2]...), false},
		"the fourth run":           {runs(three...), true},
		"at the window's edge":     {runs(third(run(97, 10*minute))...), false},
		"just within the window":   {runs(third(run(97, 10*minute-1))...), true},
		"this instant":             {runs(third(run(97, 0))...), true},
		"queued after this one":    {runs(third(run(101, 0))...), true},
		"a clock ahead":            {runs(third(run(97, -4*minute))...), true},
		"a clock far ahead":        {runs(third(run(97, -24*time.Hour))...), true},
		"no time":                  {runs(third(with(run(97, 0), func(r *breaker.Run) { r.Queued = time.Time{} }))...), true},
		"this one is not another":  {runs(third(run(100, minute))...), false},
		"the same run twice":       {runs(third(three[0])...), false},
		"another branch":           {runs(third(with(three[2], func(r *breaker.Run) { r.Branch = "refs/heads/x" }))...), false},
		"a branch without refs":    {runs(third(with(three[2], func(r *breaker.Run) { r.Branch = "main" }))...), true},
		"a branch that is unknown": {runs(third(with(three[2], func(r *breaker.Run) { r.Branch = "" }))...), true},
		"a tag of that name":       {runs(third(with(three[2], func(r *breaker.Run) { r.Branch = "refs/tags/main" }))...), false},
		"not readable":             {func(f *breaker.Facts) { f.Runs, f.RunsKnown = three, false }, false},
		"pushes, the third":        {pushes(push("99", 2*minute, ""), push("98", 4*minute, "")), false},
		"pushes, the fourth": {
			pushes(push("99", 2*minute, ""), push("98", 4*minute, ""), push("97", 6*minute, "")), true,
		},
		"pushes, the runs not readable": {func(f *breaker.Facts) {
			f.RunsKnown = false
			f.Pushes = []breaker.Push{push("99", 2*minute, ""), push("98", 4*minute, ""), push("97", 6*minute, "")}
		}, true},
		"pushes, not readable": {func(f *breaker.Facts) {
			f.PushesKnown = false
			f.Pushes = []breaker.Push{push("99", 2*minute, ""), push("98", 4*minute, ""), push("97", 6*minute, "")}
		}, false},
		"pushes, at the edge": {
			pushes(push("99", 2*minute, ""), push("98", 4*minute, ""), push("97", 10*minute, "")), false,
		},
		"pushes of one run": {
			pushes(push("99", 2*minute, ""), push("98", 4*minute, ""), push("98", 4*minute, ""), push("98", 6*minute, "")), false,
		},
		"pushes of this run": {
			pushes(push("100", 2*minute, ""), push("99", 4*minute, ""), push("98", 4*minute, "")), false,
		},
		"pushes that do not name their run": {
			pushes(push("", 2*minute, ""), push("", 4*minute, ""), push("", 4*minute, "")), true,
		},
		"pushes of another pipeline": {
			pushes(push("99", 2*minute, ""), push("98", 4*minute, ""), withPush(push("97", 6*minute, ""), func(p *breaker.Push) {
				p.Pipeline = "org/project/8"
			})), false,
		},
		"pushes, another case of the name": {
			pushes(push("99", 2*minute, ""), push("98", 4*minute, ""), withPush(push("97", 6*minute, ""), func(p *breaker.Push) {
				p.Pipeline = "ORG/Project/7"
			})), true,
		},
		"runs and pushes are not added up": {func(f *breaker.Facts) {
			f.Runs = three[:2]
			f.Pushes = []breaker.Push{push("96", 2*minute, ""), push("95", 4*minute, "")}
		}, false},
		"before the reset": {func(f *breaker.Facts) {
			f.Runs = three
			f.State = breaker.State{Status: breaker.Closed, Since: before(5 * minute)}
		}, false},
		"since the reset": {func(f *breaker.Facts) {
			f.Runs = three
			f.State = breaker.State{Status: breaker.Closed, Since: before(6 * minute)}
		}, true},
		"pushes before the reset": {func(f *breaker.Facts) {
			f.Pushes = []breaker.Push{push("99", 2*minute, ""), push("98", 4*minute, ""), push("97", 6*minute, "")}
			f.State = breaker.State{Status: breaker.Closed, Since: before(5 * minute)}
		}, false},
		"a reset in the future is none": {func(f *breaker.Facts) {
			f.Runs = three
			f.State = breaker.State{Status: breaker.Closed, Since: before(-time.Hour)}
		}, true},
		"the zero state": {func(f *breaker.Facts) { f.Runs, f.State = three, breaker.State{} }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := facts(tc.edit)
			got := breaker.Decide(f, limits)
			if got.Tripped != tc.trip || got.Allowed == tc.trip {
				t.Fatalf("Decide = %+v, want it to trip: %v", got, tc.trip)
			}
			want := f.State
			if tc.trip {
				want = breaker.State{Status: breaker.Open, Since: now, Run: 100, Reason: got.Reason}
				if got.Rule != "breaker/rate" || !strings.HasPrefix(got.Reason, "4 runs of this pipeline ") {
					t.Errorf("Decide: rule %q, reason %q", got.Rule, got.Reason)
				}
			} else if got.Rule != "" || got.Reason != "" {
				t.Errorf("Decide: allowed, and rule %q, reason %q", got.Rule, got.Reason)
			}
			if diff := cmp.Diff(want, got.Next); diff != "" {
				t.Errorf("Decide: next state (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhichRunsCount(t *testing.T) {
	t.Parallel()
	all := limited(1, 0)
	all.Manual, all.PullRequests = true, true
	for reason, byDefault := range map[string]bool{
		"individualCI": true, "batchedCI": true, "schedule": true, "scheduleForced": true, "triggered": true,
		"buildCompletion": true, "resourceTrigger": true, "userCreated": true, "": true, "something new": true,
		"manual": false, "Manual": false, "pullRequest": false, "validateShelveset": false, "checkInShelveset": false,
	} {
		f := facts(runs(with(run(99, minute), func(r *breaker.Run) { r.Reason = reason })))
		if got := breaker.Decide(f, limited(1, 0)); got.Tripped != byDefault {
			t.Errorf("a run with the reason %q: Decide = %+v, want it to count: %v", reason, got, byDefault)
		}
		if got := breaker.Decide(f, all); !got.Tripped {
			t.Errorf("a run with the reason %q, all count: Decide = %+v, want it to trip", reason, got)
		}
	}
	f := facts(runs(with(run(99, minute), func(r *breaker.Run) { r.Reason = "manual" })))
	rules := limited(1, 0)
	rules.PullRequests = true
	if got := breaker.Decide(f, rules); got.Tripped {
		t.Errorf("a manual run counts as a pull request's: %+v", got)
	}
}

func TestRepeat(t *testing.T) {
	t.Parallel()
	elsewhere := func(p breaker.Push) breaker.Push {
		p.Target = "web/test"
		return p
	}
	by := func(p breaker.Push, pipeline string) breaker.Push {
		p.Pipeline = pipeline
		return p
	}
	const hour = time.Hour
	for name, tc := range map[string]struct {
		edit func(*breaker.Facts)
		trip bool
	}{
		"the second time":        {pushes(push("9", hour, version)), false},
		"the third time":         {pushes(push("9", hour, version), push("8", 2*hour, version)), true},
		"at the window's edge":   {pushes(push("9", hour, version), push("8", 3*hour, version)), false},
		"just within the window": {pushes(push("9", hour, version), push("8", 3*hour-1, version)), true},
		"another between": {
			pushes(push("9", hour, version), push("8", 80*minute, other), push("7", 2*hour, version)), false,
		},
		"another before": {
			pushes(push("9", hour, version), push("8", 80*minute, version), push("7", 2*hour, other)), true,
		},
		"another between, with an old date": {
			pushes(push("9", hour, version), push("8", 80*hour, other), push("7", 2*hour, version)), false,
		},
		"another elsewhere": {
			pushes(push("9", hour, version), elsewhere(push("8", 80*minute, other)), push("7", 2*hour, version)), true,
		},
		"the same elsewhere":     {pushes(push("9", hour, version), elsewhere(push("8", 2*hour, version))), false},
		"no deployment between":  {pushes(push("9", hour, version), push("8", 80*minute, ""), push("7", 2*hour, version)), true},
		"two commits of one run": {pushes(push("9", hour, version), push("9", hour, version)), false},
		"a commit of this run":   {pushes(push("100", hour, version), push("8", hour, version)), false},
		"another pipeline's":     {pushes(by(push("9", hour, version), "org/x/8"), push("8", hour, version)), true},
		"another pipeline's, the same numbers": {
			pushes(by(push("100", hour, version), "org/x/8"), by(push("100", hour, version), "org/x/9")), true,
		},
		"a clock ahead": {pushes(push("9", -hour, version), push("8", -hour, version)), true},
		"before the reset": {func(f *breaker.Facts) {
			f.Pushes = []breaker.Push{push("9", hour, version), push("8", 2*hour, version)}
			f.State = breaker.State{Status: breaker.Closed, Since: before(hour)}
		}, false},
		"no deployment": {func(f *breaker.Facts) {
			f.Fingerprint = ""
			f.Pushes = []breaker.Push{push("9", hour, ""), push("8", 2*hour, "")}
		}, false},
		"not readable": {func(f *breaker.Facts) {
			f.PushesKnown = false
			f.Pushes = []breaker.Push{push("9", hour, version), push("8", 2*hour, version)}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := breaker.Decide(facts(tc.edit), limits)
			if got.Tripped != tc.trip || got.Allowed == tc.trip {
				t.Fatalf("Decide = %+v, want it to trip: %v", got, tc.trip)
			}
			if tc.trip && (got.Rule != "breaker/repeat" || !strings.Contains(got.Reason, "deployed 2 times within 3 hours")) {
				t.Errorf("Decide: rule %q, reason %q", got.Rule, got.Reason)
			}
		})
	}
}

func TestOpenStaysOpen(t *testing.T) {
	t.Parallel()
	open := breaker.State{Status: breaker.Open, Since: before(100 * time.Hour), Run: 42, Reason: "4 runs\n##x\u202e", Told: true}
	for name, rules := range map[string]breaker.Rules{"limits": limits, "no limits": {}} {
		got := breaker.Decide(facts(func(f *breaker.Facts) { f.State, f.RunsKnown, f.PushesKnown = open, false, false }), rules)
		want := breaker.Verdict{
			Rule: "breaker/open", Next: open,
			Reason: "the breaker is open since 2026-11-18 08:00:00 UTC, by run 42: 4 runs ##x",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: Decide (-want +got):\n%s", name, diff)
		}
	}
	odd := breaker.State{Status: "ajar"}
	if got := breaker.Decide(facts(func(f *breaker.Facts) { f.State = odd }), limits); got.Allowed || got.Tripped {
		t.Errorf("Decide in a state that is not known = %+v, want it refused", got)
	}
}

func TestHalfOpen(t *testing.T) {
	t.Parallel()
	reset := breaker.Reset(before(time.Hour), 90, "fixed")
	probed := func(run int, age time.Duration) breaker.State {
		s := reset
		s.Probe, s.ProbeAt = run, before(age)
		return s
	}
	closed := breaker.State{Status: breaker.Closed, Since: before(10 * minute), Run: 99}
	for name, tc := range map[string]struct {
		state breaker.State
		rule  string
		next  breaker.State
	}{
		"the probe":                 {reset, "", probed(100, 0)},
		"the probe again":           {probed(100, 9*minute), "", probed(100, 9*minute)},
		"another within the window": {probed(99, 10*minute-1), "breaker/again", breaker.State{}},
		"another at once":           {probed(99, 0), "breaker/again", breaker.State{}},
		"a probe in the future":     {probed(99, -time.Hour), "breaker/again", breaker.State{}},
		"a probe without a time": {func() breaker.State {
			s := probed(99, 0)
			s.ProbeAt = time.Time{}
			return s
		}(), "breaker/again", breaker.State{}},
		"another after the window": {probed(99, 10*minute), "", closed},
		"the probe after the window": {
			probed(100, 10*minute), "", breaker.State{Status: breaker.Closed, Since: before(10 * minute), Run: 100},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := breaker.Decide(facts(func(f *breaker.Facts) { f.State = tc.state }), limits)
			if got.Rule != tc.rule || got.Allowed != (tc.rule == "") || got.Tripped == got.Allowed {
				t.Fatalf("Decide = %+v, want the rule %q", got, tc.rule)
			}
			if tc.rule != "" {
				tc.next = breaker.State{Status: breaker.Open, Since: now, Run: 100, Reason: got.Reason}
			}
			if diff := cmp.Diff(tc.next, got.Next); diff != "" {
				t.Errorf("Decide: next state (-want +got):\n%s", diff)
			}
		})
	}
}

// TestCountingBeginsAnewAfterTheProbe: what tripped the breaker does not trip it again,
// and what comes after the probe does.
func TestCountingBeginsAnewAfterTheProbe(t *testing.T) {
	t.Parallel()
	state := breaker.Reset(before(30*minute), 90, "fixed")
	state.Probe, state.ProbeAt = 91, before(10*minute)
	between := push("5", 20*minute, version) // after the reset, and before the probe
	between.Pipeline = "org/project/8"
	old := []breaker.Push{
		push("91", 10*minute, version), between, push("9", 40*minute, version), push("8", 50*minute, version),
	}
	got := breaker.Decide(facts(func(f *breaker.Facts) { f.State, f.Pushes = state, old }), limits)
	if !got.Allowed || got.Next.Status != breaker.Closed {
		t.Errorf("the second time after the reset: Decide = %+v, want it allowed and closed", got)
	}
	again := append([]breaker.Push{push("92", 5*minute, version)}, old...)
	got = breaker.Decide(facts(func(f *breaker.Facts) { f.State, f.Pushes = state, again }), limits)
	if got.Rule != "breaker/repeat" || got.Next.Status != breaker.Open {
		t.Errorf("the third time after the reset: Decide = %+v, want it to trip", got)
	}
}

// TestStatesAreComparable: a state that is kept is read again as it was decided, whatever
// the clock of the task is like.
func TestStatesAreComparable(t *testing.T) {
	t.Parallel()
	local := time.Now().In(time.FixedZone("", 3600)) // with a monotonic reading
	for name, edit := range map[string]func(*breaker.Facts){
		"tripped": func(f *breaker.Facts) {
			f.Runs = []breaker.Run{run(1, 0), run(2, 0), run(3, 0)}
			for i := range f.Runs {
				f.Runs[i].Queued = local
			}
		},
		"probe": func(f *breaker.Facts) { f.State = breaker.Reset(local, 1, "") },
	} {
		got := breaker.Decide(facts(func(f *breaker.Facts) {
			edit(f)
			f.Now = local
		}), limits)
		again, err := breaker.Parse(got.Next.Format())
		if err != nil || again != got.Next || got.Next.Status == breaker.Closed {
			t.Errorf("%s: the state %+v is read again as %+v, %v", name, got.Next, again, err)
		}
	}
}

func TestBlind(t *testing.T) {
	t.Parallel()
	nothing := func(f *breaker.Facts) { f.RunsKnown, f.PushesKnown = false, false }
	for name, tc := range map[string]struct {
		edit  func(*breaker.Facts)
		rules breaker.Rules
		blind bool
	}{
		"nothing is known":           {nothing, limits, true},
		"the runs are":               {func(f *breaker.Facts) { f.PushesKnown = false }, limits, false},
		"the pushes are":             {func(f *breaker.Facts) { f.RunsKnown = false }, limits, false},
		"no rules":                   {nothing, breaker.Rules{}, false},
		"only repetitions":           {nothing, limited(0, 2), true},
		"only repetitions, the runs": {func(f *breaker.Facts) { f.PushesKnown = false }, limited(0, 2), true},
		"only repetitions, no deployment": {func(f *breaker.Facts) {
			nothing(f)
			f.Fingerprint = ""
		}, limited(0, 2), false},
		"half open": {func(f *breaker.Facts) {
			nothing(f)
			f.State = breaker.Reset(now, 1, "")
		}, limits, true},
		"no number": {func(f *breaker.Facts) { f.Self.ID = 0 }, limits, true},
		"no time":   {func(f *breaker.Facts) { f.Now = time.Time{} }, limits, true},
	} {
		got := breaker.Decide(facts(tc.edit), tc.rules)
		if got.Allowed == tc.blind || got.Tripped || (got.Rule == "breaker/blind") != tc.blind {
			t.Errorf("%s: Decide = %+v, want blind: %v, and not tripped", name, got, tc.blind)
		}
	}
}

func TestZeroSwitchesARuleOff(t *testing.T) {
	t.Parallel()
	many := func(f *breaker.Facts) {
		for i := range 50 {
			f.Runs = append(f.Runs, run(i+1, minute))
			f.Pushes = append(f.Pushes, push(strings.Repeat("1", i+1), minute, version))
		}
	}
	for name, tc := range map[string]struct {
		rules breaker.Rules
		rule  string
	}{
		"both":           {limited(3, 2), "breaker/rate"},
		"no rate":        {limited(0, 2), "breaker/repeat"},
		"no repetitions": {limited(3, 0), "breaker/rate"},
		"none":           {breaker.Rules{}, ""},
		"below zero":     {limited(-1, -1), ""},
	} {
		if got := breaker.Decide(facts(many), tc.rules); got.Rule != tc.rule || got.Allowed != (tc.rule == "") {
			t.Errorf("%s: Decide with %+v = %+v, want the rule %q", name, tc.rules, got, tc.rule)
		}
	}
}

func TestWindowsEnd(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		age  time.Duration
		rule string
	}{{10*minute - 1, "breaker/rate"}, {10 * minute, ""}} {
		if got := breaker.Decide(facts(runs(run(9, tc.age))), limited(1, 0)); got.Rule != tc.rule {
			t.Errorf("a run %s ago: Decide = %+v, want the rule %q", tc.age, got, tc.rule)
		}
	}
	for _, tc := range []struct {
		age  time.Duration
		rule string
	}{{3*time.Hour - 1, "breaker/repeat"}, {3 * time.Hour, ""}} {
		f := facts(pushes(push("9", tc.age, version)))
		if got := breaker.Decide(f, limited(0, 1)); got.Rule != tc.rule {
			t.Errorf("a deployment %s ago: Decide = %+v, want the rule %q", tc.age, got, tc.rule)
		}
	}
}

func TestReasonsNameNumbers(t *testing.T) {
	t.Parallel()
	var many []breaker.Run
	for i := range 9 {
		many = append(many, run(90-i, minute))
	}
	got := breaker.Decide(facts(runs(many...)), limits).Reason
	want := "10 runs of this pipeline within 10 minutes, the limit is 3 (this one and runs 90, 89, 88, 87, 86, 4 more)"
	if got != want {
		t.Errorf("Decide: reason %q, want %q", got, want)
	}
	hostile := push("##vso[x]\n\x1b[31m\u202e"+strings.Repeat("9", 1000), minute, version)
	rules := breaker.Rules{MaxRepeats: 1, RepeatWindow: 90 * time.Second}
	got = breaker.Decide(facts(pushes(hostile)), rules).Reason
	want = "one version of " + target + " was deployed once within 1m30s with no other between (run ##vso[x] [31m9999...), the limit is 1"
	if got != want {
		t.Errorf("Decide: reason %q, want %q", got, want)
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	f := facts(runs(run(90, minute), run(89, time.Hour)))
	pushes(push("80", minute, version), push("70", time.Hour, version))(&f)
	if got, want := breaker.Count(f, limits), (breaker.Counts{Runs: 2, Deployments: 3}); got != want {
		t.Errorf("Count = %+v, want %+v", got, want)
	}
	f.Fingerprint = ""
	if got, want := breaker.Count(f, limits), (breaker.Counts{Runs: 2}); got != want {
		t.Errorf("Count without a version = %+v, want %+v", got, want)
	}
}
