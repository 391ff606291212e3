package versions

import (
	"errors"
	"maps"
	"slices"
	"testing"
)

// FuzzCompare checks that the order is one: the same from both sides, and, but for Maven,
// whose own order is not, without circles.
func FuzzCompare(f *testing.F) {
	names := slices.Sorted(maps.Keys(systems))
	for i, ecosystem := range names {
		for _, list := range ascending[ecosystem] {
			f.Add(uint8(i), list[0], list[1], list[len(list)-1])
		}
	}
	f.Add(uint8(0), "1.0.0-", "1.0.0--", "")
	f.Fuzz(func(t *testing.T, which uint8, a, b, c string) {
		ecosystem := names[int(which)%len(names)]
		order := func(x, y string) (int, bool) {
			got, err := Compare(ecosystem, x, y)
			if err == nil && (got < -1 || got > 1) {
				t.Fatalf("Compare(%s, %q, %q) = %d", ecosystem, x, y, got)
			}
			return got, err == nil
		}
		ab, ok1 := order(a, b)
		ba, ok2 := order(b, a)
		if ok1 != ok2 || ab != -ba {
			t.Errorf("Compare(%s) of %q and %q is %d, %v and the other way round %d, %v", ecosystem, a, b, ab, ok1, ba, ok2)
		}
		if aa, ok := order(a, a); aa != 0 || ok1 && !ok {
			t.Errorf("Compare(%s) of %q with itself is %d, %v", ecosystem, a, aa, ok)
		}
		bc, ok2 := order(b, c)
		ac, ok3 := order(a, c)
		if !ok1 || !ok2 || !ok3 || ecosystem == "Maven" {
			return
		}
		if ab <= 0 && bc <= 0 && (ac > 0 || ac == 0 && ab+bc < 0) || ab >= 0 && bc >= 0 && (ac < 0 || ac == 0 && ab+bc > 0) {
			t.Errorf("Compare(%s) goes in a circle: %q, %q %d, %q %d, and first with last %d", ecosystem, a, b, ab, c, bc, ac)
		}
	})
}

// FuzzSatisfies checks that nothing panics, and that it is the range or the version that
// is at fault.
func FuzzSatisfies(f *testing.F) {
	names := slices.Sorted(maps.Keys(systems))
	for i, ecosystem := range names {
		for _, tc := range rangeCases[ecosystem] {
			f.Add(uint8(i), "1.2.3", tc.wanted)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, version, wanted string) {
		ecosystem := names[int(which)%len(names)]
		got, err := Satisfies(ecosystem, version, wanted)
		if err != nil && got {
			t.Errorf("Satisfies(%s, %q, %q) = true, %v", ecosystem, version, wanted, err)
		}
		if _, bad := Compare(ecosystem, version, version); bad != nil && (err == nil || errors.Is(err, ErrNoRange)) &&
			len(wanted) <= maxRangeLength {
			t.Errorf("Satisfies(%s, %q, %q) = %v, %v, but the version is none", ecosystem, version, wanted, got, err)
		}
	})
}
