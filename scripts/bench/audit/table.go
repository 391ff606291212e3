package main

import (
	"archive/zip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
	runs, hits, err := race(our, o.rounds, 1)
	if err != nil {
		return err
	}
	if o.peerRuns > 0 {
		rounds, warm := o.peerRuns, 1
		if p.large {
			rounds, warm = 1, 0
		}
		peers := []contender{npmAudit(t, p), osvScanner(t, d, p)}
		more, found, err := race(peers, rounds, warm)
		if err != nil {
			return err
		}
		our, runs, hits = append(our, peers...), append(runs, more...), append(hits, found...)
	}
	fmt.Printf("\n%s: %d packages\n\n", p.name, len(p.packages))
	fmt.Println("| | wall (least) | user CPU | CPU | peak memory | hits | wall, user CPU to the first |\n" +
		"|---|---|---|---|---|---|---|")
	wall, user := middle(runs[0], wallOf), middle(runs[0], userOf)
	for i, c := range our {
		fmt.Printf("| %s | %s (%s) | %s | %s | %.0f MB | %d | %.1f, %.1f |\n", c.name,
			ms(middle(runs[i], wallOf)), ms(least(runs[i], wallOf)), ms(middle(runs[i], userOf)),
			ms(middle(runs[i], cpuOf)), middle(runs[i], peakOf), len(hits[i]),
			middle(runs[i], wallOf)/wall, middle(runs[i], userOf)/user)
	}
	for i, c := range our {
		if text := difference(hits[0], hits[i]); text != "" {
			fmt.Printf("\n%s found others: %s\n", c.name, text)
		}
	}
	return nil
}

// race runs contenders in turn.
func race(all []contender, rounds, warm int) (runs [][]outcome, hits []map[string]bool, err error) {
	runs, hits = make([][]outcome, len(all)), make([]map[string]bool, len(all))
	for round := range rounds + warm {
		for i, c := range all {
			if c.before != nil {
				if err := c.before(); err != nil {
					return nil, nil, err
				}
			}
			o, err := run(c.job)
			if err != nil {
				return nil, nil, err
			}
			// A failure is quick: it must not be measured as a success.
			if hits[i], err = c.hits(); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", c.name, err)
			}
			if round >= warm {
				runs[i] = append(runs[i], o)
			}
		}
	}
	return runs, hits, nil
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
	runs, _, err := race([]contender{c}, max(1, o.peerRuns), 0)
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
		float64(info.Size())/1e6, ms(middle(runs[0], wallOf)), ms(middle(runs[0], userOf)), ms(middle(runs[0], cpuOf)),
		middle(runs[0], peakOf))
	return nil
}

func wallOf(o outcome) float64 { return o.Wall.Seconds() }
func userOf(o outcome) float64 { return o.User.Seconds() }
func cpuOf(o outcome) float64  { return o.CPU.Seconds() }
func peakOf(o outcome) float64 { return o.Peak }

func ms(seconds float64) string { return fmt.Sprintf("%.0f ms", seconds*1000) }

// least is what it takes if nobody else wants the processors.
func least(runs []outcome, of func(outcome) float64) float64 {
	value := of(runs[0])
	for _, r := range runs {
		value = min(value, of(r))
	}
	return value
}

func middle(runs []outcome, of func(outcome) float64) float64 {
	values := make([]float64, len(runs))
	for i, r := range runs {
		values[i] = of(r)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// unpack takes AuditDeps' folder out of the package as the agent would: 0644.
func unpack(pkg, dir string) error {
	archive, err := zip.OpenReader(pkg)
	if err != nil {
		return fmt.Errorf("%s: %w (make demo builds it)", pkg, err)
	}
	defer archive.Close()
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	for _, f := range archive.File {
		name, ok := strings.CutPrefix(f.Name, "AuditDeps/AuditDepsV1/")
		if !ok || !filepath.IsLocal(name) {
			continue
		}
		if err := unpackFile(f, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

func unpackFile(f *zip.File, target string) error {
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	data, err := f.Open()
	if err != nil {
		return err
	}
	content, err := io.ReadAll(data)
	if err != nil {
		return err
	}
	return os.WriteFile(target, content, 0o644)
}
