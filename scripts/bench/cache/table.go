package main

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/guardrails-ci/guardrails/scripts/bench/peers"
)

// table measures the contenders in turn and prints what they came to; ratios are to
// the first of them, above 1 is faster.
func table(title, scratch string, rounds int, contenders []contender) error {
	// The first round warms up.
	runs, err := peers.Race(peers.Rounds{Warm: 1, Counted: rounds}, len(contenders), func(_, i int) (result, error) {
		return run(scratch, contenders[i])
	})
	if err != nil {
		return err
	}
	fmt.Printf("\n| %s | wall | CPU | times as fast | MB stored | of the first |\n|---|---|---|---|---|---|\n", title)
	for i, c := range contenders {
		bytes, share := "", ""
		if c.stored != "" {
			bytes = fmt.Sprintf("%.1f", float64(runs[i][0].bytes)/1e6)
			share = fmt.Sprintf("%.1f %%", 100*float64(runs[i][0].bytes)/float64(runs[0][0].bytes))
		}
		fmt.Printf("| %s | %.2f s | %.2f s | %.2f | %s | %s |\n", c.name,
			peers.Middle(runs[i], wallOf), peers.Middle(runs[i], cpuOf),
			peers.Median(peers.Ratios(peers.Of(runs[0], wallOf), peers.Of(runs[i], wallOf))), bytes, share)
	}
	return nil
}

func wallOf(r result) float64 { return r.Wall.Seconds() }
func cpuOf(r result) float64  { return r.CPU.Seconds() }

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
