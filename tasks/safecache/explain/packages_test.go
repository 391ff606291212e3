package explain

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDiffPackages(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		then, now []string
		want      packageDiff
		text      string
	}{
		"same": {[]string{"a@1 x"}, []string{"a@1 x"}, packageDiff{},
			"the packages are the same, so other parts of the file changed"},
		"upgrade":   {[]string{"a@1 x"}, []string{"a@2 y"}, packageDiff{upgraded: []string{"a 1 -> 2"}}, "a 1 -> 2"},
		"downgrade": {[]string{"a@10 x"}, []string{"a@9 y"}, packageDiff{upgraded: []string{"a 10 -> 9"}}, "a 10 -> 9"},
		"scoped": {[]string{"@s/a@1.0.0 x", "@s/b"}, []string{"@s/a@1.0.1 y", "@s/c"}, packageDiff{
			upgraded: []string{"@s/a 1.0.0 -> 1.0.1"}, added: []string{"@s/c"}, removed: []string{"@s/b"},
		}, "@s/a 1.0.0 -> 1.0.1, +1 -1 packages"},
		"several versions": {[]string{"a@1.0.0", "a@2.0.0", "a@3.0.0"}, []string{"a@1.0.0", "a@2.0.1", "a@3.0.0"},
			packageDiff{upgraded: []string{"a 2.0.0 -> 2.0.1"}}, "a 2.0.0 -> 2.0.1"},
		"majors stay together": {[]string{"a@1.0.0", "a@2.0.0"}, []string{"a@2.0.1", "a@10.0.0"},
			packageDiff{upgraded: []string{"a 2.0.0 -> 2.0.1", "a 1.0.0 -> 10.0.0"}}, "a 2.0.0 -> 2.0.1, a 1.0.0 -> 10.0.0"},
		"one becomes two": {[]string{"a@1.9.0"}, []string{"a@1.10.0", "a@2.0.0"}, packageDiff{
			upgraded: []string{"a 1.9.0 -> 1.10.0"}, added: []string{"a 2.0.0"},
		}, "a 1.9.0 -> 1.10.0, +1 -0 packages"},
		"two become one": {[]string{"a@1.0.0", "a@2.0.0"}, []string{"a@2.1.0"}, packageDiff{
			upgraded: []string{"a 2.0.0 -> 2.1.0"}, removed: []string{"a 1.0.0"},
		}, "a 2.0.0 -> 2.1.0, +0 -1 packages"},
		"other contents": {[]string{"a@1 x"}, []string{"a@1 y"}, packageDiff{rehashed: []string{"a 1 has another hash"}},
			"a 1 has another hash"},
		"several hashes, in any order": {[]string{"a@1 x y", "b@1 x", "b@1 y"}, []string{"a@1 x y", "b@1 y", "b@1 x"}, packageDiff{},
			"the packages are the same, so other parts of the file changed"},
		"said twice": {[]string{"a@1 x", "a@1 x"}, []string{"a@1 x"}, packageDiff{},
			"the packages are the same, so other parts of the file changed"},
		"go.sum": {[]string{"m@v1.0.0 h1:a", "m@v1.0.0/go.mod h1:b"}, []string{"m@v1.0.1 h1:c", "m@v1.0.1/go.mod h1:d"},
			packageDiff{upgraded: []string{"m v1.0.0 -> v1.0.1"}}, "m v1.0.0 -> v1.0.1"},
		"at most five": {numberedPackages(9, "1"), numberedPackages(9, "2"), packageDiff{upgraded: []string{
			"p0 1 -> 2", "p1 1 -> 2", "p2 1 -> 2", "p3 1 -> 2", "p4 1 -> 2", "p5 1 -> 2", "p6 1 -> 2", "p7 1 -> 2", "p8 1 -> 2",
		}}, "p0 1 -> 2, p1 1 -> 2, p2 1 -> 2, p3 1 -> 2, p4 1 -> 2, +4 more"},
		"from nothing": {nil, []string{"a@1"}, packageDiff{added: []string{"a 1"}}, "+1 -0 packages"},
		"long names": {[]string{strings.Repeat("n", 100) + "@1"}, []string{strings.Repeat("n", 100) + "@2"},
			packageDiff{upgraded: []string{strings.Repeat("n", 60) + "… 1 -> 2"}}, strings.Repeat("n", 60) + "… 1 -> 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := diffPackages(tc.then, tc.now)
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(packageDiff{})); diff != "" {
				t.Errorf("diffPackages(%q, %q) (-want +got):\n%s", tc.then, tc.now, diff)
			}
			if got.String() != tc.text {
				t.Errorf("diffPackages(%q, %q) in words: %q, want %q", tc.then, tc.now, got.String(), tc.text)
			}
		})
	}
}

func numberedPackages(n int, version string) []string {
	var packages []string
	for i := range n {
		packages = append(packages, fmt.Sprintf("p%d@%s h%s", i, version, version))
	}
	return packages
}

func TestCompareVersions(t *testing.T) {
	t.Parallel()
	want := []string{"", "0.9", "1", "1-rc.2", "1-rc.10", "1.2", "1.2.3", "01.10", "1.10", "2", "18446744073709551616", "v1", "v2"}
	got := slices.SortedFunc(slices.Values(want), compareVersions)
	slices.Reverse(got)
	slices.SortFunc(got, compareVersions)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sorted by compareVersions (-want +got):\n%s", diff)
	}
	if a, b := compareVersions("01", "1"), compareVersions("1", "01"); a >= 0 || b <= 0 {
		t.Errorf(`compareVersions("01", "1") and the other way round: %d and %d; no two texts may be equal`, a, b)
	}
}

// However the lists are mixed, each package is told of once, and none is lost.
func FuzzDiffPackages(f *testing.F) {
	f.Add("a@1 x\nb@1 y\nb@2", "a@2\nb@1 z")
	f.Add("@a@1\n@\n \n", "a@1/go.mod\na@v1 x\x00\xff")
	f.Fuzz(func(t *testing.T, then, now string) {
		a, b := strings.Split(then, "\n"), strings.Split(now, "\n")
		old, fresh := hashes(a), hashes(b)
		d := diffPackages(a, b)
		if gone := len(old) - len(d.removed) - len(d.upgraded); gone != len(fresh)-len(d.added)-len(d.upgraded) || gone < len(d.rehashed) {
			t.Fatalf("diffPackages(%q, %q): %d and %d packages: %+v", a, b, len(old), len(fresh), d)
		}
		if again := diffPackages(a, b); !reflect.DeepEqual(d, again) {
			t.Fatalf("diffPackages(%q, %q) differs from call to call", a, b)
		}
		if text := d.String(); strings.ContainsAny(text, "\r\n\x1b") {
			t.Fatalf("diffPackages(%q, %q) in words: %q", a, b, text)
		}
	})
}
