package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"sort"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/leak"
)

// score is what an engine did on the log with plants.
type score struct {
	found             map[set]map[string]int // by kind
	missed            []plant
	onReal, onSimilar map[int]string // false positives: line and rule
}

// judge compares hits with what was planted.
func judge(c corpus, hits []hit) score {
	s := score{map[set]map[string]int{}, nil, map[int]string{}, map[int]string{}}
	lines := make([]int, 0, len(hits))
	for _, h := range hits {
		lines = append(lines, h.Line)
	}
	slices.Sort(lines)
	for _, p := range c.Plants {
		if s.found[p.Set] == nil {
			s.found[p.Set] = map[string]int{}
		}
		if at, _ := slices.BinarySearch(lines, p.First); at < len(lines) && lines[at] <= p.Last {
			s.found[p.Set][p.Kind]++
		} else {
			s.missed = append(s.missed, p)
		}
	}
	for _, h := range hits {
		at := sort.Search(len(c.Plants), func(i int) bool { return c.Plants[i].Last >= h.Line })
		if at < len(c.Plants) && c.Plants[at].First <= h.Line {
			continue
		}
		at = sort.Search(len(c.LookAlikes), func(i int) bool { return c.LookAlikes[i][1] >= h.Line })
		if at < len(c.LookAlikes) && c.LookAlikes[at][0] <= h.Line {
			s.onSimilar[h.Line] = h.Rule
		} else {
			s.onReal[h.Line] = h.Rule
		}
	}
	return s
}

func (s score) sum(of set) int {
	n := 0
	for _, found := range s.found[of] {
		n += found
	}
	return n
}

// recall prints what the engines find, and what they should not.
func recall(c corpus, chosen []engine, verbose bool) error {
	planted := map[set]map[string]int{}
	for _, p := range c.Plants {
		if planted[p.Set] == nil {
			planted[p.Set] = map[string]int{}
		}
		planted[p.Set][p.Kind]++
	}
	scores := make([]score, len(chosen))
	for i, e := range chosen {
		o, err := e.run(c.planted(), false)
		if err != nil {
			return err
		}
		if strings.Contains(e.name, "known") || strings.Contains(e.name, "both") {
			if o.Hits, err = addKnown(c, o.Hits, e.name); err != nil {
				return err
			}
		}
		scores[i] = judge(c, o.Hits)
		if verbose && strings.HasPrefix(e.name, "guardrails") {
			if err := explain(c, e, scores[i]); err != nil {
				return err
			}
		}
	}
	head := "| | planted |"
	for _, e := range chosen {
		head += " " + e.name + " |"
	}
	fmt.Println(head + "\n|---|---|" + strings.Repeat("---|", len(chosen)))
	for _, of := range []set{incident, tuned, unseen, known} {
		n := 0
		for _, k := range planted[of] {
			n += k
		}
		row := fmt.Sprintf("| %s | %d |", of, n)
		for _, s := range scores {
			row += fmt.Sprintf(" %.0f %% |", 100*float64(s.sum(of))/float64(n))
		}
		fmt.Println(row)
	}
	for _, part := range []struct {
		name string
		of   func(score) int
	}{
		{"wrong lines, real log", func(s score) int { return len(s.onReal) }},
		{"wrong lines, look-alikes", func(s score) int { return len(s.onSimilar) }},
	} {
		row := "| " + part.name + " | |"
		for _, s := range scores {
			row += fmt.Sprintf(" %d |", part.of(s))
		}
		fmt.Println(row)
	}
	for _, of := range []set{incident, tuned, unseen, known} {
		kindTable(of, planted[of], chosen, scores)
	}
	return nil
}

func kindTable(of set, planted map[string]int, chosen []engine, scores []score) {
	fmt.Printf("\n%s, by kind:\n\n", of)
	for _, kind := range sortedKeys(planted) {
		row := fmt.Sprintf("%-44s %3d ", kind, planted[kind])
		for i := range chosen {
			row += fmt.Sprintf(" %6d", scores[i].found[of][kind])
		}
		fmt.Println(row)
	}
}

func sortedKeys(m map[string]int) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// addKnown looks for the known secrets once more, each plant for itself: our engine
// reports a value once for each log, at its first place. One across the end of a
// block is looked for in its block and the next.
func addKnown(c corpus, hits []hit, name string) ([]hit, error) {
	e, err := newEngine(true)
	if err != nil {
		return nil, err
	}
	text := leak.Log
	if strings.Contains(name, "known") {
		text = leak.Binary
	}
	log, err := os.ReadFile(c.planted())
	if err != nil {
		return nil, err
	}
	starts := []int{0}
	for i, b := range log {
		if b == '\n' {
			starts = append(starts, i+1)
		}
	}
	hits = slices.DeleteFunc(hits, func(h hit) bool {
		return slices.ContainsFunc(c.Plants,
			func(p plant) bool { return p.Set == known && p.First <= h.Line && h.Line <= p.Last })
	})
	for _, p := range c.Plants {
		if p.Set != known {
			continue
		}
		from, to := starts[p.First-1], starts[p.Last]
		section := log[from:to]
		if p.Border && from/border != (to-1)/border {
			// What stands before it is blanked, or an earlier plant could be found instead.
			section = bytes.Repeat([]byte(" "), to-from/border*border)
			copy(section[from%border:], log[from:to])
		}
		found, err := e.Scan(context.Background(), bytes.NewReader(section), "log", text)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			if f.Known != "" && strings.HasSuffix(" "+f.Known, " "+p.Context) {
				hits = append(hits, hit{p.First, f.Rule})
			}
		}
	}
	return hits, nil
}

// explain prints the misses and the false positives of an engine.
func explain(c corpus, e engine, s score) error {
	fmt.Printf("%s misses:\n", e.name)
	for _, p := range s.missed {
		if p.Set == known == strings.Contains(e.name, "known") || strings.Contains(e.name, "both") {
			fmt.Printf("  [%s] %s, %s, border %v: %.300q\n", p.Set, p.Kind, p.Context, p.Border, p.Text)
		}
	}
	wrong := map[int]string{}
	for line, rule := range s.onReal {
		wrong[line] = "real " + rule
	}
	for line, rule := range s.onSimilar {
		wrong[line] = "look-alike " + rule
	}
	f, err := os.Open(c.planted())
	if err != nil {
		return err
	}
	defer f.Close()
	log, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	fmt.Printf("%s is wrong about:\n", e.name)
	n := 0
	for line := range bytes.Lines(log) {
		n++
		if rule, ok := wrong[n]; ok {
			fmt.Printf("  %d %s: %.400q\n", n, rule, line)
		}
	}
	return nil
}
