package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/scripts/bench/peers"
)

// job is one run of a program.
type job = peers.Job

// outcome is what a run took.
type outcome struct {
	peers.Outcome
	sent, received int64 // bytes, by the registry
	requests       int
}

// contender is a row of a table.
type contender struct {
	name    string
	against int                                // the row that it is compared with
	before  func() error                       // is not measured; nil for nothing
	job     func(round int) job                // what is run
	check   func(round int, said string) error // that it did what it should; nil for nothing to check
	// read is how many bytes it has read, if it says so itself: what the registry has sent can still be on the way
	// when a client has seen enough. nil for what was sent.
	read func(said string) int64
}

// race runs all in turn, and prints a table of it. The first round warms up.
func race(l *lab, title string, rounds int, all []contender) error {
	before := load()
	runs, err := peers.Race(peers.Rounds{Warm: 1, Counted: rounds}, len(all), func(round, i int) (outcome, error) {
		o, err := l.once(all[i], round)
		if err != nil {
			return o, fmt.Errorf("%s: %w", all[i].name, err)
		}
		return o, nil
	})
	if err != nil {
		return err
	}
	fmt.Printf("\n%s; medians of %d rounds, in brackets least and most; load %s before and %s after\n\n", title, rounds,
		before, load())
	fmt.Println("| | wall | ratio | CPU | ratio | MB from the registry | MB to it | requests |\n" +
		"|---|---|---|---|---|---|---|---|")
	for i, c := range all {
		wall := func(o outcome) float64 { return o.Wall.Seconds() * 1000 }
		cpu := func(o outcome) float64 { return o.CPU.Seconds() * 1000 }
		fmt.Printf("| %s | %s ms | %s | %s ms | %s | %s | %s | %.0f |\n", c.name,
			spread(peers.Of(runs[i], wall), "%.0f"), ratio(runs[i], runs[c.against], wall),
			spread(peers.Of(runs[i], cpu), "%.0f"), ratio(runs[i], runs[c.against], cpu),
			megabytes(runs[i], func(o outcome) float64 { return float64(o.sent) }),
			megabytes(runs[i], func(o outcome) float64 { return float64(o.received) }),
			peers.Middle(runs[i], func(o outcome) float64 { return float64(o.requests) }))
	}
	return nil
}

// once makes one run, and sees that it did what it should: a failure is quick, and must not
// be measured as a success.
func (l *lab) once(c contender, round int) (outcome, error) {
	if err := l.fresh(); err != nil {
		return outcome{}, err
	}
	if c.before != nil {
		if err := c.before(); err != nil {
			return outcome{}, err
		}
	}
	l.registry.Forget()
	daemons := l.daemonTime()
	took, said, err := peers.Run(c.job(round))
	o := outcome{Outcome: took}
	if err != nil {
		return o, err
	}
	o.CPU += l.daemonTime() - daemons
	for _, q := range l.registry.Requests() {
		o.requests++
		o.sent += q.Sent
		o.received += q.Received
	}
	if c.read != nil {
		o.sent = c.read(said)
	}
	if c.check == nil {
		return o, nil
	}
	if err := c.check(round, said); err != nil {
		return o, fmt.Errorf("%w\n%s", err, said)
	}
	return o, nil
}

// says is a check: that a text was printed.
func says(text string) func(int, string) error {
	return func(_ int, said string) error {
		if !strings.Contains(said, text) {
			return fmt.Errorf("it does not say %q", text)
		}
		return nil
	}
}

// spread is the median, and in brackets the least and the most.
func spread(values []float64, format string) string {
	f := strings.NewReplacer("X", format).Replace("X (X-X)")
	return fmt.Sprintf(f, peers.Median(values), slices.Min(values), slices.Max(values))
}

// ratio is what one takes in each round as a multiple of what another takes in it.
func ratio(runs, base []outcome, what func(outcome) float64) string {
	if &runs[0] == &base[0] {
		return "1"
	}
	all := make([]float64, len(runs))
	for i := range runs {
		all[i] = what(runs[i]) / max(what(base[i]), 1)
	}
	return spread(all, "%.2f")
}

func megabytes(runs []outcome, what func(outcome) float64) string {
	return fmt.Sprintf("%.3f", peers.Middle(runs, what)/1e6)
}

// seconds is for messages.
func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
