// Command leak measures how logs are searched for secrets: shared/leak against grep
// with the words that come to mind first, and against gitleaks as a library, side by
// side on a generated log.
//
//	cd scripts/bench/leak && go run . -mb 200
//
// The log is real output of build tools (collect.go) with the time stamps of Azure
// Pipelines, pieces in random order, and some lines that only look like secrets
// (lookalike.go). Between its lines stand secrets of the kinds that the rules were
// written for (kinds.go), of others (unseen.go), and known ones in many forms
// (known.go): each set is reported alone. All values are made up, from a seed.
//
// Throughput is measured on the log without planted secrets, as that is what logs are
// like: MB of it for each second of CPU time of the engine's process, reading and
// start included, and for each second of the scan alone from memory. Recall: a secret
// counts as found if the engine points at one of its lines. False positives: lines
// that it points at and that are not planted. It is a module of its own so that
// gitleaks does not get near the product.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	root := flag.String("root", "../../..", "the repository")
	work := flag.String("work", "", "where the log is kept; empty for build/out/bench/leak")
	mb := flag.Int("mb", 200, "size of the log")
	each := flag.Int("each", 10, "secrets of each kind")
	seed := flag.Uint64("seed", 1, "what the log is made up from")
	rounds := flag.Int("n", 5, "counted rounds of the throughput; 0 for recall only")
	slow := flag.Int("slow", 1, "counted rounds of gitleaks")
	only := flag.String("engines", "", "a part of the names of the engines to run; empty for all")
	verbose := flag.Bool("v", false, "show each miss and false positive of our engine")
	scan := flag.String("scan", "", "used by the program itself: the engine to run on a file")
	memory := flag.Bool("memory", false, "used by the program itself: read the file first")
	flag.Parse()
	var err error
	if *scan != "" {
		err = scanHere(*scan, flag.Arg(0), *memory, os.Stdout)
	} else {
		err = bench(*root, *work, *only, setup{*mb, *each, *rounds, *slow, *seed, *verbose})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "leak:", err)
		os.Exit(1)
	}
}

type setup struct {
	megabytes, each, rounds, slow int
	seed                          uint64
	verbose                       bool
}

func bench(root, work, only string, s setup) error {
	root, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	if work, err = filepath.Abs(cmp.Or(work, filepath.Join(root, "build/out/bench/leak"))); err != nil {
		return err
	}
	raw, err := collect(root, filepath.Join(work, "raw"))
	if err != nil {
		return err
	}
	c, err := build(work, raw, s.megabytes, s.each, s.seed)
	if err != nil {
		return err
	}
	fmt.Printf("%.1f MB of log, %d lines, from %.1f MB of real output; %d planted secrets.\n\n",
		float64(c.CleanBytes)/1e6, c.Lines, float64(c.DistinctBytes)/1e6, len(c.Plants))
	chosen := slices.DeleteFunc(slices.Clone(engines), func(e engine) bool { return !strings.Contains(e.name, only) })
	if err := recall(c, chosen, s.verbose); err != nil {
		return err
	}
	if s.rounds == 0 {
		return nil
	}
	return throughput(c, chosen, s)
}

// throughput measures the engines in turn on the log without plants.
func throughput(c corpus, chosen []engine, s setup) error {
	whole, inner := make([][]float64, len(chosen)), make([][]float64, len(chosen))
	mb := float64(c.CleanBytes) / 1e6
	for round := range s.rounds + 1 {
		for i, e := range chosen {
			if e.name == "gitleaks" && round >= s.slow {
				continue
			}
			o, err := e.run(c.clean(), false)
			if err != nil {
				return err
			}
			if round > 0 || e.name == "gitleaks" { // the first warms up; it does not matter for what takes minutes
				whole[i] = append(whole[i], mb/o.CPU.Seconds())
			}
			if round == 0 || !strings.HasPrefix(e.name, "guardrails") {
				continue
			}
			if o, err = e.run(c.clean(), true); err != nil {
				return err
			}
			inner[i] = append(inner[i], mb/o.Inner.Seconds())
		}
	}
	fmt.Print("\n| engine | MB a CPU second, as a process | the scan alone, from memory |\n|---|---|---|\n")
	for i, e := range chosen {
		fmt.Printf("| %s | %s | %s |\n", e.name, middle(whole[i]), middle(inner[i]))
	}
	return nil
}

func middle(values []float64) string {
	if len(values) == 0 {
		return ""
	}
	slices.Sort(values)
	v := values[len(values)/2]
	if v < 20 {
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}
