//go:build unix

package leak

import (
	"bytes"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/shared/inputs"
)

// measure runs work, which looks at size bytes, and reports megabytes a second of CPU
// time: other programs on the machine do not count.
func measure(b *testing.B, size int, work func()) {
	b.Helper()
	start := cpuTime(b)
	for b.Loop() {
		work()
	}
	b.ReportMetric(float64(size)*float64(b.N)/1e6/(cpuTime(b)-start).Seconds(), "MB/cpu-s")
}

func cpuTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkKnown is the first pass alone.
func BenchmarkKnown(b *testing.B) {
	text := buildLog(32 << 20)
	for _, c := range []struct{ secrets, shortest int }{{1, 12}, {32, 12}, {32, 8}, {32, 6}, {400, 12}, {400, 6}} {
		b.Run(fmt.Sprintf("%d secrets of %d characters or more", c.secrets, c.shortest), func(b *testing.B) {
			secrets := manySecrets(c.secrets)
			secrets[0].Value = inputs.NewSecret("aZ3#kQ9!xW7&"[:c.shortest])
			k := newKnownSet(secrets, func(string) Kind { return Password })
			measure(b, len(text), func() {
				k.search(text, 0, len(text), func(m match) { b.Fatalf("found %v", m) })
			})
			b.ReportMetric(float64(len(k.forms)), "forms")
		})
	}
}

// BenchmarkRules is the second pass alone.
func BenchmarkRules(b *testing.B) {
	text := buildLog(32 << 20)
	measure(b, len(text), func() {
		allRules().search(text, 0, len(text), func(rank int, f found) {
			b.Fatalf("%s found %q", allRules().rules[rank].ID, text[f.from:f.to])
		})
	})
}

// BenchmarkScan is everything, with 32 known secrets.
func BenchmarkScan(b *testing.B) {
	text := buildLog(32 << 20)
	e, err := New(Options{Key: []byte("k"), Known: manySecrets(32)})
	if err != nil {
		b.Fatal(err)
	}
	measure(b, len(text), func() {
		found, err := e.Scan(b.Context(), bytes.NewReader(text), "log", Log)
		if err != nil || len(found) > 0 {
			b.Fatal(found, err)
		}
	})
}

// BenchmarkNew is the set-up.
func BenchmarkNew(b *testing.B) {
	secrets := manySecrets(32)
	for b.Loop() {
		if _, err := New(Options{Key: []byte("k"), Known: secrets}); err != nil {
			b.Fatal(err)
		}
	}
}
