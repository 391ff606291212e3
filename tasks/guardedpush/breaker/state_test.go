package breaker_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/tasks/guardedpush/breaker"
)

func TestStateIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	probed := breaker.Reset(now, 7, "the loop is gone")
	probed.Probe, probed.ProbeAt = 8, now.Add(time.Nanosecond)
	for name, state := range map[string]breaker.State{
		"closed":         {Status: breaker.Closed},
		"closed again":   {Status: breaker.Closed, Since: now, Run: 3},
		"open":           {Status: breaker.Open, Since: now, Run: 3, Reason: "4 runs <&> of ü", Disabled: true},
		"half open":      breaker.Reset(now, 7, "the loop is gone"),
		"after the push": probed,
	} {
		text := state.Format()
		got, err := breaker.Parse(text)
		if err != nil {
			t.Errorf("%s: Parse(%q): %v", name, text, err)
			continue
		}
		if diff := cmp.Diff(state, got); diff != "" {
			t.Errorf("%s: Parse(%q) (-want +got):\n%s", name, text, diff)
		}
		if got != state {
			t.Errorf("%s: a state that was read cannot be compared with ==", name)
		}
	}
}

func TestStateAsItIsWritten(t *testing.T) {
	t.Parallel()
	berlin := time.FixedZone("", 3600)
	state := breaker.State{Status: breaker.Open, Since: now.In(berlin), Run: 104, Reason: "a\nb", Disabled: true}
	want := `Circuit breaker: open, by run 104

{
  "version": 1,
  "status": "open",
  "since": "2026-11-22T12:00:00Z",
  "run": 104,
  "reason": "a b",
  "disabled": true
}
`
	if diff := cmp.Diff(want, state.Format()); diff != "" {
		t.Errorf("Format (-want +got):\n%s", diff)
	}
	if got, err := breaker.Parse(breaker.State{}.Format()); err != nil || got.Status != breaker.Closed {
		t.Errorf("the zero state is read as %+v, %v, want it closed", got, err)
	}
}

func TestNoMessageIsAClosedBreaker(t *testing.T) {
	t.Parallel()
	if got, err := breaker.Parse(""); err != nil || got != (breaker.State{Status: breaker.Closed}) {
		t.Errorf("Parse of no message = %+v, %v, want a closed breaker", got, err)
	}
}

func TestParseRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	const closed = `{"version":1,"status":"closed","run":0}`
	for name, tc := range map[string]struct{ message, want string }{
		"blank":          {" \n", "no JSON"},
		"one line":       {closed, "no JSON"},
		"words":          {"a\n\nclosed", "no JSON"},
		"a list":         {"a\n\n[]", "no JSON"},
		"null":           {"a\n\nnull", "version 0"},
		"no version":     {"a\n\n" + `{"status":"closed","run":0}`, "version 0"},
		"later version":  {"a\n\n" + `{"version":2,"status":"closed","run":0}`, "version 2"},
		"cut":            {"a\n\n" + closed[:len(closed)-1], "no JSON"},
		"two":            {"a\n\n" + closed + closed, "no JSON"},
		"something else": {"a\n\n" + closed + "\nx", "no JSON"},
		"unknown field":  {"a\n\n" + `{"version":1,"status":"closed","run":0,"x":1}`, "a field"},
		"wrong kind":     {"a\n\n" + `{"version":1,"status":1,"run":0}`, "a field"},
		"no time":        {"a\n\n" + `{"version":1,"status":"open","since":"hunter2","run":0}`, "a field"},
		"no status":      {"a\n\n" + `{"version":1,"run":0}`, `the status ""`},
		"unknown status": {"a\n\n" + `{"version":1,"status":"ajar\u001b\n","run":0}`, `the status "ajar"`},
		"long status": {
			"a\n\n" + `{"version":1,"status":"` + strings.Repeat("x", 999) + `","run":0}`, `the status "` + strings.Repeat("x", 57) + `..."`,
		},
		"open, since when":      {"a\n\n" + `{"version":1,"status":"open","run":0}`, "since when"},
		"half open, since when": {"a\n\n" + `{"version":1,"status":"halfOpen","run":0}`, "since when"},
		"run below zero":        {"a\n\n" + `{"version":1,"status":"closed","run":-1}`, "below zero"},
		"probe below zero": {
			"a\n\n" + `{"version":1,"status":"halfOpen","since":"2026-11-22T12:00:00Z","run":1,"probe":-1,` +
				`"probeAt":"2026-11-22T12:00:00Z"}`, "below zero",
		},
		"probe without its time": {
			"a\n\n" + `{"version":1,"status":"halfOpen","since":"2026-11-22T12:00:00Z","run":1,"probe":1}`, "no whole",
		},
		"time without its probe": {
			"a\n\n" + `{"version":1,"status":"halfOpen","since":"2026-11-22T12:00:00Z","run":1,` +
				`"probeAt":"2026-11-22T12:00:00Z"}`, "no whole",
		},
		"closed with a probe": {
			"a\n\n" + `{"version":1,"status":"closed","run":1,"probe":1,"probeAt":"2026-11-22T12:00:00Z"}`, "no whole",
		},
		"huge": {"a\n\n" + closed + strings.Repeat(" ", 16<<10), "more than 16384"},
		"deep": {"a\n\n" + `{"version":1,"x":` + strings.Repeat("[", 15_000), "no JSON"},
	} {
		got, err := breaker.Parse(tc.message)
		if err == nil || got != (breaker.State{}) || !strings.Contains(err.Error(), tc.want) ||
			strings.ContainsAny(err.Error(), "\n\x1b") ||
			strings.Contains(err.Error(), "hunter2") || len(err.Error()) > 300 {
			t.Errorf("%s: Parse(%.200q) = %+v, %v, want a short error with %q", name, tc.message, got, err, tc.want)
		}
	}
}

func TestReasonsAreCleaned(t *testing.T) {
	t.Parallel()
	long := "a\r\nb\x00\u202e\u200b" + strings.Repeat("ü", 1000)
	want := "a  b" + strings.Repeat("ü", 493) + "..."
	if got := breaker.Reset(now, 1, long).Reason; got != want {
		t.Errorf("Reset: reason %q, want %q", got, want)
	}
	state := breaker.State{Status: breaker.Open, Since: now, Reason: long}
	got, err := breaker.Parse(state.Format())
	if err != nil || got.Reason != want {
		t.Errorf("Parse: reason %q, %v, want %q", got.Reason, err, want)
	}
	raw := "a\n\n" + `{"version":1,"status":"open","since":"2026-11-22T12:00:00Z","run":1,"reason":"x\n\u202ey"}`
	if got, err := breaker.Parse(raw); err != nil || got.Reason != "x y" {
		t.Errorf("Parse(%q): reason %q, %v, want it clean", raw, got.Reason, err)
	}
}

func FuzzParse(f *testing.F) {
	probed := breaker.Reset(now, 7, "the loop is gone")
	probed.Probe, probed.ProbeAt = 8, now
	for _, s := range []breaker.State{{}, probed, {Status: breaker.Open, Since: now, Run: 3, Reason: "r", Disabled: true}} {
		f.Add(s.Format())
	}
	f.Add("")
	f.Add("a\n\n{\"version\":1,\"status\":\"closed\",\"run\":1}x")
	f.Fuzz(func(t *testing.T, message string) {
		state, err := breaker.Parse(message)
		if err != nil {
			if state != (breaker.State{}) || strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("Parse(%q) = %+v, %v: a state beside an error, or two lines", message, state, err)
			}
			return
		}
		again, err := breaker.Parse(state.Format())
		if err != nil || again != state {
			t.Errorf("Parse(%q) = %+v; written and read again: %+v, %v", message, state, again, err)
		}
		facts := breaker.Facts{Now: now, Self: breaker.Run{ID: 1}, RunsKnown: true, State: state}
		if v := breaker.Decide(facts, limits); state.Status == breaker.Open && (v.Allowed || v.Untold != (v.Next != state)) {
			t.Errorf("Decide in the open state %+v = %+v", state, v)
		}
	})
}
