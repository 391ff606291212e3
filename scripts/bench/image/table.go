package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

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
	runs := make([][]outcome, len(all))
	before := load()
	for round := range rounds + 1 {
		for i, c := range all {
			o, err := l.once(c, round)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			if round > 0 {
				runs[i] = append(runs[i], o)
			}
		}
	}
	fmt.Printf("\n%s; medians of %d rounds, in brackets least and most; load %s before and %s after\n\n", title, rounds,
		before, load())
	fmt.Println("| | wall | ratio | CPU | ratio | MB from the registry | MB to it | requests |\n" +
		"|---|---|---|---|---|---|---|---|")
	for i, c := range all {
		wall := func(o outcome) float64 { return o.Wall.Seconds() * 1000 }
		cpu := func(o outcome) float64 { return o.CPU.Seconds() * 1000 }
		fmt.Printf("| %s | %s ms | %s | %s ms | %s | %s | %s | %.0f |\n", c.name,
			spread(values(runs[i], wall), "%.0f"), ratio(runs[i], runs[c.against], wall),
			spread(values(runs[i], cpu), "%.0f"), ratio(runs[i], runs[c.against], cpu),
			megabytes(runs[i], func(o outcome) float64 { return float64(o.sent) }),
			megabytes(runs[i], func(o outcome) float64 { return float64(o.received) }),
			middle(values(runs[i], func(o outcome) float64 { return float64(o.requests) })))
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
	o, said, err := run(c.job(round))
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

func values(runs []outcome, what func(outcome) float64) []float64 {
	all := make([]float64, len(runs))
	for i, o := range runs {
		all[i] = what(o)
	}
	return all
}

func middle(values []float64) float64 { return slices.Sorted(slices.Values(values))[len(values)/2] }

// spread is the median, and in brackets the least and the most.
func spread(values []float64, format string) string {
	f := strings.NewReplacer("X", format).Replace("X (X-X)")
	return fmt.Sprintf(f, middle(values), slices.Min(values), slices.Max(values))
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
	return fmt.Sprintf("%.3f", middle(values(runs, what))/1e6)
}

// seconds is for messages.
func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
