package advisory

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func hit(t *testing.T, version string, a Advisory) Hit {
	t.Helper()
	a.Ecosystem, a.Package = "Go", "m"
	h, err := a.Apply(version)
	if err != nil || h == nil {
		t.Fatalf("%s.Apply(%s) = %v, %v, want a hit", a.ID, version, h, err)
	}
	return *h
}

func TestMerge(t *testing.T) {
	t.Parallel()
	day := func(n int) time.Time { return time.Date(2024, 1, n, 0, 0, 0, 0, time.UTC) }
	golang := hit(t, "1.0.0", Advisory{ID: "GO-1", Aliases: []string{"CVE-1"}, Severity: Critical, Vector: "W", Summary: "go's", Published: day(2), Modified: day(9),
		Ranges: []Range{{Fixed: "1.2.0"}, {Introduced: "1.3.0", Fixed: "1.3.5"}}})
	github := hit(t, "1.0.0", Advisory{ID: "GHSA-1", Aliases: []string{"CVE-2", "CVE-1"}, Severity: High, Vector: "V", Published: day(3), Modified: day(4),
		Ranges: []Range{{Fixed: "1.1.0"}, {Introduced: "1.2.5", Fixed: "1.4.0"}}})
	unreviewed := hit(t, "1.0.0", Advisory{ID: "GO-2", Aliases: []string{"CVE-2"}, Severity: Low, Ranges: []Range{{}}})
	other := hit(t, "1.0.0", Advisory{ID: "GO-9", Aliases: []string{"CVE-9"}, Severity: Critical, Ranges: []Range{{}}})

	want := Hit{Fixed: []string{"1.2.0", "1.4.0"}, Advisory: Advisory{ID: "GHSA-1", Aliases: []string{"CVE-1", "CVE-2", "GO-1", "GO-2"},
		Ecosystem: "Go", Package: "m", Summary: "go's", Severity: High, Vector: "V", Published: day(2), Modified: day(9),
		Ranges: append(slices.Clone(github.Ranges), golang.Ranges...)}}
	hits := []Hit{golang, github, unreviewed, other}
	for _, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}, {1, 3, 0, 2}} {
		var in []Hit
		for _, i := range order {
			in = append(in, hits[i])
		}
		if diff := cmp.Diff([]Hit{other, want}, Merge(in)); diff != "" {
			t.Errorf("Merge() in order %v (-want +got):\n%s", order, diff)
		}
	}
	if got := Merge(nil); len(got) > 0 {
		t.Errorf("Merge(nil) = %v", got)
	}
}

// A version that another of the merged advisories is in mends nothing.
func TestMergeAgreesOnFixes(t *testing.T) {
	t.Parallel()
	first := hit(t, "1.0.0", Advisory{ID: "GHSA-1", Ranges: []Range{{Fixed: "1.1.0"}}})
	second := hit(t, "1.0.0", Advisory{ID: "GHSA-2", Aliases: []string{"GHSA-1"}, Ranges: []Range{{LastAffected: "1.5.0"}}})
	if got := Merge([]Hit{first, second}); len(got) != 1 || len(got[0].Fixed) > 0 {
		t.Errorf("Merge() = %+v, want one without a fix: 1.1.0 is affected to the other", got)
	}
}

func TestMergeKeepsPackagesApart(t *testing.T) {
	t.Parallel()
	a := Hit{Advisory: Advisory{ID: "GHSA-1", Ecosystem: "npm", Package: "a"}}
	b := Hit{Advisory: Advisory{ID: "GHSA-1", Ecosystem: "npm", Package: "b"}}
	if got := Merge([]Hit{b, a}); len(got) != 2 || got[0].Package != "a" {
		t.Errorf("Merge() = %+v, want both packages, in order", got)
	}
}

func TestMergeOfKinds(t *testing.T) {
	t.Parallel()
	note := Hit{Advisory: Advisory{ID: "RUSTSEC-1", Severity: Low, Informational: true}}
	bad := Hit{Advisory: Advisory{ID: "MAL-1", Aliases: []string{"RUSTSEC-1"}, Severity: Critical, Malicious: true}}
	got := Merge([]Hit{note, bad})
	if len(got) != 1 || got[0].ID != "MAL-1" || got[0].Informational || !got[0].Malicious || got[0].Severity != Critical {
		t.Errorf("Merge() = %+v, want one malicious hit", got)
	}
	twice := Merge([]Hit{note, note})
	if len(twice) != 1 || !twice[0].Informational || len(twice[0].Aliases) > 0 {
		t.Errorf("Merge() of one note twice = %+v", twice)
	}
}
