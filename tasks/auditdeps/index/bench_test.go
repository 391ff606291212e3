package index

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/guardrails-ci/guardrails/tasks/auditdeps/advisory"
)

// npm's data is of this size: 4,400 vulnerabilities, and more than 210,000 malicious
// packages.
const (
	vulnerabilities = 4_400
	maliciousOnes   = 213_000
)

func size217k(tb testing.TB) *Builder {
	tb.Helper()
	b := NewBuilder("npm")
	add := func(a advisory.Advisory) {
		if err := b.Add(a); err != nil {
			tb.Fatal(err)
		}
	}
	for i := range maliciousOnes {
		a := npm(fmt.Sprintf("MAL-2025-%d", i), fmt.Sprintf("malicious-package-%d", i))
		a.Malicious, a.Severity, a.Summary = true, advisory.Critical, "Malicious code in "+a.Package+" (npm)"
		a.Ranges = []advisory.Range{{}}
		add(a)
	}
	for i := range vulnerabilities {
		a := npm(fmt.Sprintf("GHSA-%04d-abcd-efgh", i), fmt.Sprintf("package-%d", i/3))
		a.Aliases, a.Vector = []string{fmt.Sprintf("CVE-2024-%d", i)}, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
		add(a)
	}
	return b
}

func file217k(tb testing.TB) string {
	path := filepath.Join(tb.TempDir(), "npm.index")
	file, err := size217k(tb).Bytes(Info{Ecosystem: "npm"})
	if err == nil {
		err = os.WriteFile(path, file, 0o644)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

func BenchmarkOpen(b *testing.B) {
	path := file217k(b)
	b.ReportAllocs()
	for b.Loop() {
		x, err := Open(path)
		if err != nil {
			b.Fatal(err)
		}
		_ = x.Close()
	}
}

// Of 20 packages, one has advisories.
func BenchmarkLookup(b *testing.B) {
	path := file217k(b)
	for _, n := range []int{1_400, 10_000} {
		names := make([]string, n)
		for i := range names {
			if names[i] = fmt.Sprintf("harmless-%d", i); i%20 == 0 {
				names[i] = fmt.Sprintf("package-%d", i/20)
			}
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			x := reopen(b, path)
			b.ReportAllocs()
			for b.Loop() {
				for _, name := range names {
					if _, err := x.Lookup(name); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

func BenchmarkBytes(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := size217k(b).Bytes(Info{Ecosystem: "npm"}); err != nil {
			b.Fatal(err)
		}
	}
}
