package breaker_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/tasks/guardedpush/breaker"
)

// The team is told late if who opened the breaker has not, and by one run at a time.
func TestUntold(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		told   bool
		since  time.Time
		tellAt time.Time
		want   bool
	}{
		"just opened":           {false, now, time.Time{}, false},
		"at the edge":           {false, before(2 * time.Minute), time.Time{}, false},
		"late":                  {false, before(2*time.Minute + 1), time.Time{}, true},
		"told":                  {true, before(time.Hour), time.Time{}, false},
		"another is at it":      {false, before(time.Hour), before(2 * time.Minute), false},
		"another was at it":     {false, before(time.Hour), before(2*time.Minute + 1), true},
		"a little ahead":        {false, before(-5 * time.Minute), time.Time{}, false},
		"from the future":       {false, before(-24 * time.Hour), time.Time{}, true},
		"at it from the future": {false, before(time.Hour), before(-24 * time.Hour), true},
	} {
		open := breaker.State{Status: breaker.Open, Since: tc.since, Run: 3, Reason: "r", Told: tc.told, TellAt: tc.tellAt}
		if !tc.tellAt.IsZero() {
			open.Teller = 4
		}
		got := breaker.Decide(facts(func(f *breaker.Facts) { f.State = open }), limits)
		want := breaker.Verdict{Rule: "breaker/open", Reason: got.Reason, Next: open, Untold: tc.want}
		if tc.want {
			want.Next.Teller, want.Next.TellAt = 100, now
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: Decide of %+v (-want +got):\n%s", name, open, diff)
		}
		read, err := breaker.Parse(got.Next.Format())
		if err != nil || read != got.Next {
			t.Errorf("%s: %+v is read as %+v, %v", name, got.Next, read, err)
		}
	}
}

func TestToldIsOfAnOpenBreaker(t *testing.T) {
	t.Parallel()
	for _, state := range []breaker.State{
		{Status: breaker.Closed, Told: true}, {Status: breaker.HalfOpen, Since: now, Teller: 4, TellAt: now},
		{Status: breaker.Open, Since: now, Teller: 4}, {Status: breaker.Open, Since: now, TellAt: now},
		{Status: breaker.Open, Since: now, Teller: -1, TellAt: now},
	} {
		if got, err := breaker.Parse(state.Format()); err == nil {
			t.Errorf("Parse of %+v = %+v, want an error", state, got)
		}
	}
}

// The probe goes back to where it came from, and only by the run that has it.
func TestGiveBack(t *testing.T) {
	t.Parallel()
	fresh := breaker.Reset(before(time.Minute), 7, "mended")
	taken := breaker.Decide(facts(func(f *breaker.Facts) { f.State = fresh }), limits).Next
	if got, ok := taken.GiveBack(taken.Probe); !ok || got != fresh {
		t.Errorf("GiveBack: got %+v, %v, want %+v", got, ok, fresh)
	}
	open := breaker.State{Status: breaker.Open, Since: now, Run: 3}
	for name, tc := range map[string]struct {
		state breaker.State
		run   int
	}{
		"another run's": {taken, taken.Probe + 1}, "nobody's": {fresh, 8}, "no run": {fresh, 0}, "open": {open, 3},
		"closed": {breaker.State{Status: breaker.Closed}, 0},
	} {
		if got, ok := tc.state.GiveBack(tc.run); ok || got != tc.state {
			t.Errorf("%s: GiveBack(%d) = %+v, %v, want nothing changed", name, tc.run, got, ok)
		}
	}
}
