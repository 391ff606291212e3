// Package breaker decides whether a pipeline is in a loop. It is pure: facts in, verdict out.
//
// Two sources that do not know each other are asked: the runs that the server lists, and
// the pushes that our own commits in the branch's history tell of. Either trips the
// breaker; what is in doubt (a time that is missing or in the future, a branch that is
// not named) counts.
//
// An open breaker stays open until somebody resets it (see [Reset]). Then one run may push,
// the probe; if another one wants to within the window, it trips again, and if none does,
// it closes, and counting begins with the probe.
package breaker

import (
	"strings"
	"time"
)

// Run is a run of the pipeline, as the server lists it.
type Run struct {
	ID     int
	Reason string // individualCI, batchedCI, schedule, manual, pullRequest, ...
	Queued time.Time
	Branch string
}

// Push is a commit of ours in the branch's history.
type Push struct {
	Run         string
	Pipeline    string
	Fingerprint string
	Target      string // application and environment
	When        time.Time
}

// Rules are the limits.
type Rules struct {
	// MaxRuns is how many runs may be queued within Window, this one included: with 3 the
	// fourth trips. 0 or less switches the rule off.
	MaxRuns int
	Window  time.Duration
	// MaxRepeats is how many times the same version may be deployed within RepeatWindow
	// without another one between: with 2 the third time trips. 0 or less switches the
	// rule off. It finds the slow loops: one run in four minutes is never four in ten.
	MaxRepeats   int
	RepeatWindow time.Duration
	// Manual and PullRequests make runs that people start and runs that check a change
	// before it is merged count, too. Pushes always count, whoever started their run: one
	// that is queued through the API looks as if a person had done it.
	Manual, PullRequests bool
}

// maxSkew is how far clocks may be apart.
const maxSkew = 5 * time.Minute

// Facts is what is known.
type Facts struct {
	Now                 time.Time
	Self                Run
	Pipeline            string
	Runs                []Run  // of the same pipeline; this one may be among them
	RunsKnown           bool   // false: they could not be read
	Pushes              []Push // newest first
	PushesKnown         bool
	Fingerprint, Target string // of what this run would deploy; "" for none
	State               State
}

// Verdict is the decision.
type Verdict struct {
	Allowed bool
	Tripped bool   // by this run: tell the team
	Untold  bool   // it is open, and nobody was told: keep Next, and tell the team
	Rule    string // breaker/rate, breaker/repeat, breaker/open, breaker/again, breaker/blind; "" if allowed
	Reason  string // one line in our words; "" if allowed
	Next    State  // to be kept before anything is pushed; equal to Facts.State if nothing changes
}

// Decide says whether this run may push.
func Decide(f Facts, r Rules) Verdict {
	f.Now = f.Now.UTC().Round(0) // as it is read back
	switch {
	case f.State.Status != Closed && f.State.Status != HalfOpen && f.State.Status != "":
		next, untold := f.State.untold(f.Now, f.Self.ID)
		return Verdict{Rule: "breaker/open", Reason: f.State.openReason(), Next: next, Untold: untold}
	case f.Self.ID <= 0 || f.Now.IsZero():
		return f.blind("the number of this run or the time is not known")
	case f.isBlind(r):
		return f.blind("neither the list of runs nor the history of the branch could be read")
	}
	next := f.State
	if next.Status == HalfOpen {
		var done bool
		var v Verdict
		if next, v, done = f.halfOpen(r); done {
			return v
		}
		f.State = next
	}
	if reason := f.tooFast(r); reason != "" {
		return f.trip("breaker/rate", reason)
	}
	if reason := f.tooOften(r); reason != "" {
		return f.trip("breaker/repeat", reason)
	}
	return Verdict{Allowed: true, Next: next}
}

// isBlind reports whether there are rules for this run and nothing to judge them by.
func (f Facts) isBlind(r Rules) bool {
	rate, repeat := r.MaxRuns > 0, r.MaxRepeats > 0 && f.Fingerprint != ""
	canRate, canRepeat := f.RunsKnown || f.PushesKnown, f.PushesKnown
	return (rate || repeat) && !(rate && canRate) && !(repeat && canRepeat)
}

func (f Facts) blind(reason string) Verdict {
	return Verdict{Rule: "breaker/blind", Reason: reason, Next: f.State}
}

func (f Facts) trip(rule, reason string) Verdict {
	next := State{Status: Open, Since: f.Now, Run: f.Self.ID, Reason: reason}
	return Verdict{Tripped: true, Rule: rule, Reason: reason, Next: next}
}

// halfOpen judges by the one push that a reset allows. If it was long enough ago, the
// breaker is closed, and the rules for that apply: then done is false.
func (f Facts) halfOpen(r Rules) (next State, v Verdict, done bool) {
	next = f.State
	switch {
	case next.Probe == 0:
		next.Probe, next.ProbeAt = f.Self.ID, f.Now
		return next, Verdict{Allowed: true, Next: next}, true
	case !within(f.Now, next.ProbeAt, r.Window):
		closed := State{Status: Closed, Since: next.ProbeAt, Run: next.Probe}
		return closed, Verdict{}, false
	case next.Probe == f.Self.ID:
		return next, Verdict{Allowed: true, Next: next}, true
	}
	reason := "run " + number(next.Probe) + " has used the one push after the reset, " + ago(f.Now, next.ProbeAt) +
		"; another one is allowed " + words(r.Window) + " after it"
	return next, f.trip("breaker/again", reason), true
}

// within reports whether a time lies in the window that ends now. The window's beginning
// is not part of it. What lies in the future does, and what is not known.
func within(now, t time.Time, window time.Duration) bool {
	return t.IsZero() || t.After(now.Add(-window))
}

// afterReset reports whether something at a time is to be counted: not if people have
// accepted it by a reset. A state from the future was not written by us.
func (f Facts) afterReset(t time.Time) bool {
	since := f.State.Since
	return t.IsZero() || since.IsZero() || since.After(f.Now.Add(maxSkew)) || !t.Before(since)
}

// sameBranch reports whether two names may be of the same branch.
func sameBranch(a, b string) bool {
	const heads = "refs/heads/"
	return a == "" || b == "" || strings.TrimPrefix(a, heads) == strings.TrimPrefix(b, heads)
}
