package main

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// table measures the contenders in turn and prints what they came to; ratios are to
// the first of them, above 1 is faster.
func table(title, scratch string, rounds int, contenders []contender) error {
	runs := make([][]result, len(contenders))
	for round := range rounds + 1 {
		for i, c := range contenders {
			r, err := run(scratch, c)
			if err != nil {
				return err
			}
			if round > 0 { // the first warms up
				runs[i] = append(runs[i], r)
			}
		}
	}
	fmt.Printf("\n| %s | wall | CPU | times as fast | MB stored | of the first |\n|---|---|---|---|---|---|\n", title)
	for i, c := range contenders {
		bytes, share := "", ""
		if c.stored != "" {
			bytes = fmt.Sprintf("%.1f", float64(runs[i][0].bytes)/1e6)
			share = fmt.Sprintf("%.1f %%", 100*float64(runs[i][0].bytes)/float64(runs[0][0].bytes))
		}
		fmt.Printf("| %s | %.2f s | %.2f s | %.2f | %s | %s |\n", c.name,
			middle(runs[i], func(r result) time.Duration { return r.wall }).Seconds(),
			middle(runs[i], func(r result) time.Duration { return r.cpu }).Seconds(),
			ratio(runs[0], runs[i]), bytes, share)
	}
	return nil
}

func middle(runs []result, of func(result) time.Duration) time.Duration {
	values := make([]time.Duration, len(runs))
	for i, r := range runs {
		values[i] = of(r)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func ratio(peer, ours []result) float64 {
	values := make([]float64, len(ours))
	for i := range ours {
		values[i] = peer[i].wall.Seconds() / ours[i].wall.Seconds()
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func cutPlus(name string) (string, bool) { return strings.CutPrefix(name, "+") }

// describe says what is being cached.
func describe(scratch string) {
	for _, gen := range []string{"a", "b"} {
		files := 0
		_ = filepath.WalkDir(filepath.Join(scratch, gen), func(_ string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				files++
			}
			return nil // only counted
		})
		bytes := size(filepath.Join(scratch, gen), gen)
		fmt.Printf("npm cache %s: %d files, %.1f MB.\n", gen, files, float64(bytes)/1e6)
	}
}
