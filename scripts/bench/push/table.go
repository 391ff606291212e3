package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/scripts/bench/peers"
)

// result is a run of a contender.
type result struct {
	peers.Outcome
	requests, bytes int64
}

// race runs all in turn, and prints the table. The first round warms up.
func race(o options, p place) error {
	all := slices.DeleteFunc(p.contenders(), func(c contender) bool { return !strings.Contains(c.name, o.only) })
	runs, err := peers.Race(peers.Rounds{Warm: 1, Counted: o.rounds}, len(all), func(round, i int) (result, error) {
		r, err := once(p, all[i], value(round))
		if err != nil {
			return r, fmt.Errorf("%s: %w", all[i].name, err)
		}
		return r, nil
	})
	if err != nil {
		return err
	}
	fmt.Printf("\nOn %s: medians of %d rounds; times: CPU time, as a multiple of the first row's\n\n", o.on, o.rounds)
	fmt.Println("| | wall | CPU (least) | times | peak memory | requests | kB received |\n" +
		"|---|---|---|---|---|---|---|")
	cpu := func(r result) float64 { return r.CPU.Seconds() * 1000 }
	for i, c := range all {
		times := peers.Of(runs[i], cpu)
		fmt.Printf("| %s | %.0f ms | %.0f ms (%.0f) | %.1f | %.0f MB | %.0f | %.0f |\n", c.name,
			peers.Middle(runs[i], func(r result) float64 { return r.Wall.Seconds() * 1000 }),
			peers.Median(times), slices.Min(times), // what it takes if nobody else wants the processors
			peers.Median(peers.Ratios(times, peers.Of(runs[0], cpu))),
			peers.Middle(runs[i], func(r result) float64 { return r.Peak }),
			peers.Middle(runs[i], func(r result) float64 { return float64(r.requests) }),
			peers.Middle(runs[i], func(r result) float64 { return float64(r.bytes) / 1000 }))
	}
	return nil
}

// once makes one run, and sees that it has pushed.
func once(p place, c contender, value string) (result, error) {
	if err := errors.Join(p.fresh(), p.org.repo.set(c.tip)); err != nil {
		return result{}, err
	}
	requests, bytes := p.org.requests.Load(), p.org.bytes.Load()
	o, said, err := peers.Run(c.job(value))
	if err != nil {
		return result{}, err
	}
	if err := p.org.repo.check(c.tip, value); err != nil {
		return result{}, fmt.Errorf("%w\n%s", err, said)
	}
	return result{o, p.org.requests.Load() - requests, p.org.bytes.Load() - bytes}, nil
}
