package versions

import (
	"fmt"
	"testing"
)

// What is answered at once must be what reading the whole range comes to.
func TestQuickNPMIsTheLongWay(t *testing.T) {
	t.Parallel()
	var all []string
	for _, major := range []string{"0", "1", "2", "01", "10", "99999999999999999999"} {
		for _, minor := range []string{"0", "1", "9"} {
			for _, patch := range []string{"0", "3", "10"} {
				all = append(all, major+"."+minor+"."+patch)
			}
		}
	}
	quick := 0
	for _, version := range append(all, "1.2.3-beta", "1.2", "v1.1.3", "1.0.0+build", "") {
		for _, op := range []string{"", "^", "~"} {
			for _, numbers := range append(all, "1", "1.2.x", "1.1.3-0", " 1.1.3", "1.1.3 ", "=1.1.3", "1.1.3.4", "") {
				allowed, known := quickNPM(version, op+numbers)
				if !known {
					continue
				}
				quick++
				if long, err := satisfiesParsed(version, op+numbers); err != nil || long != allowed {
					t.Errorf("quickNPM(%q, %q) = %v, but the long way says %v, %v", version, op+numbers, allowed, long, err)
				}
			}
		}
	}
	if want := len(all) * 3 * len(all); quick != want {
		t.Errorf("quickNPM knew %d answers, want %d: those about plain releases alone", quick, want)
	}
}

func BenchmarkSatisfies(b *testing.B) {
	for _, wanted := range []string{"^4.17.20", "^3.0.0 || ^4.0.0"} {
		b.Run(fmt.Sprintf("%.5s", wanted), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if ok, err := Satisfies("npm", "4.17.21", wanted); !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
	}
}
