// Package peers is what the benchmarks have in common: they measure programs of ours side
// by side with those of others, each run in a process of its own, in turn, so that a slow
// moment of the machine falls on all of them.
//
// It does not judge: that a run has done what it should is for the benchmark to see, as a
// failure is quick, and must not be measured as a success.
package peers

import (
	"fmt"
	"io"
	"os"
	"slices"
)

// Main is the whole main of a benchmark. If [Run] has started this process it measures
// that run, and bench is not called.
func Main(name string, bench func() error) {
	if err := inWhichever(os.Args, os.Stdin, os.Stdout, bench); err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(1)
	}
}

func inWhichever(args []string, in io.Reader, out io.Writer, bench func() error) error {
	if len(args) == 2 && args[1] == workerArg {
		return worker(in, out)
	}
	return bench()
}

// Rounds says how often all run: first those rounds that warm up, whose outcomes are
// forgotten, then those that count.
type Rounds struct{ Warm, Counted int }

// Race makes so many runs in turn each round, and returns what they came to, by contender.
// Rounds are counted from 0, those that warm up included.
func Race[T any](r Rounds, contenders int, once func(round, contender int) (T, error)) ([][]T, error) {
	runs := make([][]T, contenders)
	for round := range r.Warm + r.Counted {
		for i := range runs {
			o, err := once(round, i)
			if err != nil {
				return nil, err
			}
			if round >= r.Warm {
				runs[i] = append(runs[i], o)
			}
		}
	}
	return runs, nil
}

// Of is a number of each run.
func Of[T any](runs []T, what func(T) float64) []float64 {
	values := make([]float64, len(runs))
	for i, r := range runs {
		values[i] = what(r)
	}
	return values
}

// Ratios are each of some values as a multiple of the other's of the same round.
func Ratios(values, others []float64) []float64 {
	ratios := make([]float64, len(values))
	for i := range values {
		ratios[i] = values[i] / others[i]
	}
	return ratios
}

// Middle is the median of a number of each run.
func Middle[T any](runs []T, what func(T) float64) float64 { return Median(Of(runs, what)) }

// Median is the one in the middle; of an even number the one behind it.
func Median(values []float64) float64 {
	return slices.Sorted(slices.Values(values))[len(values)/2]
}
