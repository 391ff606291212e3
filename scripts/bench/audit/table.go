package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/guardrails-ci/guardrails/scripts/bench/peers"
)

const (
	allChecks  = "advisories, drift, installed, lint, edges"
	lockChecks = "advisories, drift, lint"
)

// compare prints the table of a project. Runs are interleaved, the first warms up.
func compare(o options, t programs, d dataset, p project) error {
	our := []contender{
		ours(t, d, "AuditDeps' program, lock file", step{p.bare, lockChecks, false}),
		ours(t, d, "AuditDeps' program, lock file and disk", step{p.installed, allChecks, false}),
		ours(t, d, "AuditDeps, lock file", step{p.bare, lockChecks, true}),
		ours(t, d, "AuditDeps, lock file and disk", step{p.installed, allChecks, true}),
	}
	runs, hits, err := race(our, peers.Rounds{Warm: 1, Counted: o.rounds})
	if err != nil {
		return err
	}
	if o.peerRuns > 0 {
		rounds := peers.Rounds{Warm: 1, Counted: o.peerRuns}
		if p.large {
			rounds = peers.Rounds{Counted: 1}
		}
		others := []contender{npmAudit(t, p), osvScanner(t, d, p)}
		more, found, err := race(others, rounds)
		if err != nil {
			return err
		}
		our, runs, hits = append(our, others...), append(runs, more...), append(hits, found...)
	}
	fmt.Printf("\n%s: %d packages\n\n", p.name, len(p.packages))
	fmt.Println("| | wall (least) | user CPU | CPU | peak memory | hits | wall, user CPU to the first |\n" +
		"|---|---|---|---|---|---|---|")
	wall, user := peers.Middle(runs[0], wallOf), peers.Middle(runs[0], userOf)
	for i, c := range our {
		fmt.Printf("| %s | %s (%s) | %s | %s | %.0f MB | %d | %.1f, %.1f |\n", c.name,
			ms(peers.Middle(runs[i], wallOf)), ms(least(runs[i], wallOf)), ms(peers.Middle(runs[i], userOf)),
			ms(peers.Middle(runs[i], cpuOf)), peers.Middle(runs[i], peakOf), len(hits[i]),
			peers.Middle(runs[i], wallOf)/wall, peers.Middle(runs[i], userOf)/user)
	}
	for i, c := range our {
		if text := difference(hits[0], hits[i]); text != "" {
			fmt.Printf("\n%s found others: %s\n", c.name, text)
		}
	}
	return nil
}

// race runs contenders in turn.
func race(all []contender, rounds peers.Rounds) (runs [][]peers.Outcome, hits []map[string]bool, err error) {
	hits = make([]map[string]bool, len(all))
	runs, err = peers.Race(rounds, len(all), func(_, i int) (o peers.Outcome, err error) {
		if all[i].before != nil {
			if err := all[i].before(); err != nil {
				return o, err
			}
		}
		if o, _, err = peers.Run(all[i].job); err != nil {
			return o, err
		}
		// A failure is quick: it must not be measured as a success.
		if hits[i], err = all[i].hits(); err != nil {
			return o, fmt.Errorf("%s: %w", all[i].name, err)
		}
		return o, nil
	})
	return runs, hits, err
}

// indexing measures a step that finds no index, and so makes one of the zip file.
func indexing(o options, t programs, d dataset, p project) error {
	c := ours(t, d, "", step{p.bare, lockChecks, false})
	tools := filepath.Join(filepath.Dir(t.bare), "agent", "tools")
	warm := c.before
	c.before = func() error {
		if err := os.RemoveAll(tools); err != nil {
			return err
		}
		return warm()
	}
	runs, _, err := race([]contender{c}, peers.Rounds{Counted: max(1, o.peerRuns)})
	if err != nil {
		return err
	}
	kept, err := filepath.Glob(filepath.Join(tools, "guardrails", "advisories", "*.index"))
	if err != nil || len(kept) != 1 {
		return fmt.Errorf("there are %d indexes, not one: %w", len(kept), err)
	}
	info, err := os.Stat(kept[0])
	if err != nil {
		return err
	}
	fmt.Printf("The first step on an agent makes the index: %d records, a zip file of %.0f MB, an index of %.0f MB; "+
		"wall %s, user CPU %s, CPU %s, peak memory %.0f MB.\n", vulnerabilities+malicious, float64(d.size)/1e6,
		float64(info.Size())/1e6, ms(peers.Middle(runs[0], wallOf)), ms(peers.Middle(runs[0], userOf)),
		ms(peers.Middle(runs[0], cpuOf)), peers.Middle(runs[0], peakOf))
	return nil
}

func wallOf(o peers.Outcome) float64 { return o.Wall.Seconds() }
func userOf(o peers.Outcome) float64 { return o.User.Seconds() }
func cpuOf(o peers.Outcome) float64  { return o.CPU.Seconds() }
func peakOf(o peers.Outcome) float64 { return o.Peak }

func ms(seconds float64) string { return fmt.Sprintf("%.0f ms", seconds*1000) }

// least is what it takes if nobody else wants the processors.
func least(runs []peers.Outcome, of func(peers.Outcome) float64) float64 {
	return slices.Min(peers.Of(runs, of))
}
