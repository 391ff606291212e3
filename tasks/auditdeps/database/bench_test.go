package database

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/tasks/auditdeps/osvtest"
)

// bucketOf has as many records as npm has: nearly all are about malicious packages.
func bucketOf(malicious, others int) *osvtest.Server {
	s := osvtest.New()
	for i := range malicious {
		id := fmt.Sprintf("MAL-2025-%d", i)
		s.Set("npm", id, osv(id, fmt.Sprintf("malicious-package-%d", i), "9999.0.0", aDay))
	}
	for i := range others {
		id := fmt.Sprintf("GHSA-%04d-abcd-efgh", i)
		s.Set("npm", id, osv(id, fmt.Sprintf("package-%d", i/3), "1.2.6", aDay))
	}
	return s
}

// BenchmarkBuild makes an index of a zip, which an agent does when it has none.
func BenchmarkBuild(b *testing.B) {
	source := put(b, bucketOf(213_000, 4_400).Zip("npm"), b.TempDir(), "all.zip")
	b.ReportAllocs()
	for b.Loop() {
		t := newTally("npm", today)
		if err := t.zipFile(context.Background(), source); err != nil {
			b.Fatal(err)
		}
		if _, err := t.builder.Bytes(t.info(source, today)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAudit opens what is kept, and looks up as many packages as projects have.
func BenchmarkAudit(b *testing.B) {
	source := put(b, bucketOf(213_000, 4_400).Zip("npm"), b.TempDir(), "all.zip")
	c := Config{Source: source, Dir: b.TempDir(), Temp: b.TempDir(), Now: func() time.Time { return today }}
	db, err := Open(context.Background(), c, []string{"npm"})
	if err != nil {
		b.Fatal(err)
	}
	_ = db.Close()
	for _, n := range []int{1_400, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				db, err := Open(context.Background(), c, []string{"npm"})
				if err != nil {
					b.Fatal(err)
				}
				for i := range n {
					name := fmt.Sprintf("harmless-%d", i)
					if i%20 == 0 {
						name = fmt.Sprintf("package-%d", i/20)
					}
					if _, err := db.Lookup("npm", name); err != nil {
						b.Fatal(err)
					}
				}
				_ = db.Close()
			}
		})
	}
}
