package main

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// result is a run of a contender.
type result struct {
	outcome
	requests, bytes int64
}

// race runs all in turn, and prints the table. The first round warms up.
func race(o options, p place) error {
	all := slices.DeleteFunc(p.contenders(), func(c contender) bool { return !strings.Contains(c.name, o.only) })
	runs := make([][]result, len(all))
	for round := range o.rounds + 1 {
		for i, c := range all {
			r, err := once(p, c, value(round))
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			if round > 0 {
				runs[i] = append(runs[i], r)
			}
		}
	}
	fmt.Printf("\nOn %s: medians of %d rounds; times: CPU time, as a multiple of the first row's\n\n", o.on, o.rounds)
	fmt.Println("| | wall | CPU (least) | times | peak memory | requests | kB received |\n" +
		"|---|---|---|---|---|---|---|")
	for i, c := range all {
		cpu := func(r result) float64 { return r.CPU.Seconds() }
		times := make([]float64, len(runs[i]))
		for n := range times {
			times[n] = cpu(runs[i][n]) / cpu(runs[0][n])
		}
		fmt.Printf("| %s | %.0f ms | %.0f ms (%.0f) | %.1f | %.0f MB | %.0f | %.0f |\n", c.name,
			of(runs[i], func(r result) float64 { return r.Wall.Seconds() * 1000 }),
			of(runs[i], cpu)*1000, least(runs[i])*1000,
			middle(times), of(runs[i], func(r result) float64 { return r.Peak }),
			of(runs[i], func(r result) float64 { return float64(r.requests) }),
			of(runs[i], func(r result) float64 { return float64(r.bytes) / 1000 }))
	}
	return nil
}

// once makes one run, and sees that it has pushed: a failure is quick, and must not be
// measured as a success.
func once(p place, c contender, value string) (result, error) {
	if err := errors.Join(p.fresh(), p.org.repo.set(c.tip)); err != nil {
		return result{}, err
	}
	requests, bytes := p.org.requests.Load(), p.org.bytes.Load()
	o, err := run(c.job(value))
	if err != nil {
		return result{}, err
	}
	if err := p.org.repo.check(c.tip, value); err != nil {
		said, _ := os.ReadFile(p.path("out.txt"))
		return result{}, fmt.Errorf("%w\n%s", err, said)
	}
	return result{o, p.org.requests.Load() - requests, p.org.bytes.Load() - bytes}, nil
}

// least is what it takes if nobody else wants the processors.
func least(runs []result) float64 {
	value := runs[0].CPU
	for _, r := range runs {
		value = min(value, r.CPU)
	}
	return value.Seconds()
}

func of(runs []result, what func(result) float64) float64 {
	values := make([]float64, len(runs))
	for i, r := range runs {
		values[i] = what(r)
	}
	return middle(values)
}

func middle(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// unpack takes GuardedPush's folder out of the package as the agent would: 0644.
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
		name, ok := strings.CutPrefix(f.Name, "GuardedPush/GuardedPushV1/")
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
	defer data.Close()
	content, err := io.ReadAll(data)
	if err != nil {
		return err
	}
	return os.WriteFile(target, content, 0o644)
}
