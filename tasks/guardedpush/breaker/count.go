package breaker

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tooFast says how many runs there were, if there were too many.
func (f Facts) tooFast(r Rules) string {
	if r.MaxRuns <= 0 {
		return ""
	}
	if f.RunsKnown {
		if others := f.otherRuns(r); len(others) >= r.MaxRuns {
			return fmt.Sprintf("%d runs of this pipeline within %s, the limit is %d (this one and %s)",
				len(others)+1, words(r.Window), r.MaxRuns, list("run", others))
		}
	}
	if f.PushesKnown {
		if others := f.otherPushes(r); len(others) >= r.MaxRuns {
			return fmt.Sprintf("%d runs of this pipeline have pushed or want to within %s, the limit is %d "+
				"(this one and %s)", len(others)+1, words(r.Window), r.MaxRuns, list("run", others))
		}
	}
	return ""
}

// otherRuns returns the numbers of the runs that count, each once: pages overlap when runs
// are queued while they are read.
func (f Facts) otherRuns(r Rules) []string {
	seen := map[int]bool{f.Self.ID: true}
	var others []string
	for _, run := range f.Runs {
		if seen[run.ID] || !r.counts(run.Reason) || !sameBranch(run.Branch, f.Self.Branch) ||
			!within(f.Now, run.Queued, r.Window) || !f.afterReset(run.Queued) {
			continue
		}
		seen[run.ID] = true
		others = append(others, number(run.ID))
	}
	return others
}

// counts reports whether runs with this reason count.
func (r Rules) counts(reason string) bool {
	switch strings.ToLower(reason) {
	case "manual":
		return r.Manual
	case "pullrequest", "validateshelveset", "checkinshelveset":
		return r.PullRequests
	}
	return true
}

// otherPushes returns the runs of this pipeline that have pushed in the window.
func (f Facts) otherPushes(r Rules) []string {
	return f.runsOf(r.Window, func(p Push) verdictOnPush {
		if strings.EqualFold(p.Pipeline, f.Pipeline) {
			return counted
		}
		return passed
	})
}

// tooOften says how many times this version was deployed, if it was too often.
func (f Facts) tooOften(r Rules) string {
	if r.MaxRepeats <= 0 || f.Fingerprint == "" || !f.PushesKnown {
		return ""
	}
	before := f.sameVersion(r)
	if len(before) < r.MaxRepeats {
		return ""
	}
	return fmt.Sprintf("one version of %s was deployed %s within %s with no other between (%s), the limit is %d",
		clean(f.Target, 100), times(len(before)), words(r.RepeatWindow), list("run", before), r.MaxRepeats)
}

// sameVersion returns the runs that have deployed the same version, with no other after
// them.
func (f Facts) sameVersion(r Rules) []string {
	return f.runsOf(r.RepeatWindow, func(p Push) verdictOnPush {
		switch {
		case p.Fingerprint == "" || p.Target != f.Target:
			return passed
		case p.Fingerprint != f.Fingerprint:
			return stop // another version: what was before it was no repetition
		}
		return counted
	})
}

type verdictOnPush int

const (
	passed verdictOnPush = iota
	counted
	stop
)

// runsOf returns the other runs that pushes in a window are of. A run that makes several
// commits is one. A commit that does not name its run is taken for one of its own.
func (f Facts) runsOf(window time.Duration, judge func(Push) verdictOnPush) []string {
	type key struct{ pipeline, run string }
	self := key{strings.ToLower(f.Pipeline), number(f.Self.ID)}
	seen := map[key]bool{self: true}
	var runs []string
	for _, p := range f.Pushes {
		what := judge(p)
		if what == stop {
			break
		}
		k := key{strings.ToLower(p.Pipeline), p.Run}
		if what == passed || p.Run != "" && seen[k] || !within(f.Now, p.When, window) || !f.afterReset(p.When) {
			continue
		}
		seen[k] = true
		runs = append(runs, clean(p.Run, 20))
	}
	return runs
}

func number(n int) string { return strconv.Itoa(n) }

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return number(n) + " times"
}

// list names some of many.
func list(what string, names []string) string {
	const most = 5
	shown := slices.Clone(names[:min(len(names), most)])
	if more := len(names) - len(shown); more > 0 {
		shown = append(shown, fmt.Sprintf("%d more", more))
	}
	if len(names) > 1 {
		what += "s"
	}
	return what + " " + strings.Join(shown, ", ")
}

// words is a duration as people say it.
func words(d time.Duration) string {
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{time.Hour, "hour"}, {time.Minute, "minute"}} {
		if d%unit.length == 0 && d > 0 {
			n := int(d / unit.length)
			if n == 1 {
				return "1 " + unit.name
			}
			return number(n) + " " + unit.name + "s"
		}
	}
	return d.String()
}

// ago is how long something has been.
func ago(now, t time.Time) string {
	if d := now.Sub(t).Round(time.Second); d > 0 {
		return d.String() + " ago"
	}
	return "just now"
}
