package versions

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	modsemver "golang.org/x/mod/semver"
)

// ascending are lists of versions, each later than the one before it.
var ascending = map[string][][]string{
	// https://semver.org/#spec-item-11, and what its numbers leave open.
	"npm": {
		{"1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11",
			"1.0.0-rc.1", "1.0.0"},
		{"0.0.0-0", "0.0.0", "0.9.9", "0.10.0", "1.2.9", "1.2.10", "1.10.0", "10.0.0"},
		{"1.0.0-9", "1.0.0-10", "1.0.0--", "1.0.0-1a", "1.0.0-A", "1.0.0-a", "1.0.0beta"},
		{"1.0.0-99999999999999999999", "1.0.0-100000000000000000000", "1.0.99999999999999999999",
			"1.0.100000000000000000000"},
	},
	"crates.io": {{"0.0.0-0", "0.1.0-alpha.2", "0.1.0", "0.1.1", "1.0.0-rc.9", "1.0.0-rc.10", "1.0.0"}},
	"Go": {
		{"v0.0.0-20190101000000-abcdefabcdef", "v0.0.0-20200101000000-abcdefabcdef", "0.0.1", "v1.0.0",
			"1.0.1-0.20200101000000-abcdefabcdef",
			"v1.0.1", "v2.0.0+incompatible", "v2.0.1"},
		{"go1.20", "1.21.0-0", "go1.21beta1", "go1.21rc2", "1.21.0-rc.3", "go1.21", "1.21.1", "go1.22"},
	},
	"NuGet": {{"1.0.0-2147483647", "1.0.0-100000000000", "1.0.0-99999999999", "1.0.0-alpha", "1.0.0-Beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-RC", "1.0",
		"1.0.0.1", "1.0.1", "1.0.10", "2"}},
	// https://github.com/pypa/packaging/blob/main/tests/test_version.py
	"PyPI": {{
		"1.dev0", "1.0.dev456", "1.0a1", "1.0a2.dev456", "1.0a12.dev456", "1.0a12", "1.0b1.dev456", "1.0b2",
		"1.0b2.post345.dev456",
		"1.0b2.post345", "1.0b2-346", "1.0c1.dev456", "1.0c1", "1.0rc2", "1.0c3", "1.0",
		"1.0.post456.dev34", "1.0.post456",
		"1.1.dev1", "1.2+123abc", "1.2+123abc456", "1.2+abc", "1.2+abc123", "1.2+abc123def", "1.2+1234.abc",
		"1.2+123456",
		"1.2.r32+123456", "1.2.rev33+123456", "1!1.0.dev456", "1!1.0a1", "1!1.0a2.dev456",
		"1!1.0b2.post345", "1!1.0", "1!1.2.rev33+123456",
		"256!1.0", "20240101000000000000000!1",
	}},
	// Maven's own ComparableVersionTest, and https://maven.apache.org/pom.html.
	"Maven": {
		{"1-alpha2snapshot", "1-alpha2", "1-alpha-123", "1-beta-2", "1-beta123", "1-m2", "1-m11", "1-rc",
			"1-cr2", "1-rc123", "1-SNAPSHOT",
			"1", "1-sp", "1-sp2", "1-sp123", "1-abc", "1-def", "1-pom-1", "1-1-snapshot", "1-1", "1-2", "1-123"},
		{"2.0", "2.0.a", "2-1", "2.0.2", "2.0.123", "2.1.0", "2.1-a", "2.1b", "2.1-c", "2.1-1", "2.1.0.1",
			"2.2", "2.123", "11.a2", "11.a11",
			"11.b2", "11.b11", "11.m2", "11.m11", "11", "11.a", "11b", "11c", "11m"},
		{"1.0-alpha-1-SNAPSHOT", "1.0-alpha-1", "1.0-alpha-2", "1.0-beta-1", "1.0-SNAPSHOT", "1.0", "1.0-1",
			"1.0-2", "1.0.1", "1.1"},
		{"1.0", "1.0-ga2", "1.0-sp"}, {"6.1.0rc3", "6.1.0", "6.1H.5-beta"}, {"1-0.alpha", "1-0.beta", "1"}, {"é", "1"},
		{"20190126.230843", "1234567890.12345", "123456789012345.1H.5-beta", "12345678901234567890.1H.5-beta"},
		{"4.1.0.Alpha1", "4.1.0.Beta2", "4.1.0.CR1", "4.1.0.Final", "4.1.0.Final-redhat-1", "4.1.1.Final"},
		{"2.0.0-M1", "2.0.0.RC1", "2.0.0.Final", "2.0.0.SP1", "2.0.0-jre", "2.0.1"},
	},
}

func TestCompareOrders(t *testing.T) {
	t.Parallel()
	for ecosystem, lists := range ascending {
		for _, list := range lists {
			for i, a := range list {
				for j, b := range list {
					want := max(-1, min(1, i-j))
					if got, err := Compare(ecosystem, a, b); err != nil || got != want {
						t.Errorf("Compare(%s, %q, %q) = %d, %v, want %d", ecosystem, a, b, got, err, want)
					}
				}
			}
		}
	}
}

func TestCompareKnowsTheSame(t *testing.T) {
	t.Parallel()
	for ecosystem, pairs := range map[string][][2]string{
		"npm": {{"1.2.3", "v1.2.3"}, {"1.2.3", " =1.2.3+build"}, {"1.2", "1.2.0"}, {"6.0",
			"6"}, {"1.2.3-beta", "1.2.3beta"}, {"01.2.3", "1.2.03"}},
		"crates.io": {{"1.0.0+a", "1.0.0+b"}},
		"Go": {{"v1.2.3", "1.2.3"}, {"v2.0.0+incompatible", "2.0.0"}, {"go1.21",
			"1.21.0"}, {"go1.21rc2", "1.21.0-rc.2"}},
		"NuGet": {{"1.0", "1.0.0.0"}, {"1.0.0-RC", "1.0.0-rc"}, {"1.01.1", "1.1.1"}, {"1.0.0+x", "1"}},
		"PyPI": {
			{"1.0", "1"}, {"1.0alpha1", "1.0-a.1"}, {"1.0c", "1.0rc0"}, {"1.0-pre1", "1.0rc1"}, {"1.0-1",
				"1.0.post1"}, {"1.0-r4", "1.0.rev4"},
			{"V1.0", " 1.0 "}, {"0!1.0", "1.0"}, {"1.0+ubuntu-1", "1.0+ubuntu.01"}, {"1.0.DEV",
				"1.0dev0"}, {"1.00000000000000000000", "1"},
		},
		"Maven": {
			{"1", "1.0.0"}, {"1", "1-0"}, {"1a", "1.0-a"}, {"1cr", "1rc"}, {"1a1", "1-alpha-1"}, {"1b2",
				"1-beta-2"}, {"1m3", "1-MILESTONE-3"},
			{"1ga", "1"}, {"1.FINAL", "1"}, {"1-Release", "1"}, {"0000000000000000001", "1"}, {"1.0.RC2",
				"1.0-rc2"},
		},
	} {
		for _, p := range pairs {
			for _, q := range [][2]string{p, {p[1], p[0]}} {
				if got, err := Compare(ecosystem, q[0], q[1]); err != nil || got != 0 {
					t.Errorf("Compare(%s, %q, %q) = %d, %v, want 0", ecosystem, q[0], q[1], got, err)
				}
			}
		}
	}
}

// What is not understood must not look like an answer, on either side.
func TestWhatIsNoVersionIsAnError(t *testing.T) {
	t.Parallel()
	long := "1." + strings.Repeat("0", maxLength)
	for ecosystem, texts := range map[string][]string{
		"npm": {"", "latest", "1.2.3.4", "1.2.x", "1..2", "1.2.", "^1.2.3", "git+ssh://x",
			"1.2.3-a..b", "1.2.3+", "1.2.3 beta", long},
		"crates.io": {"", "*", "a.b.c", "1.0.0.0"},
		"Go": {"", "(devel)", "latest", "v1.2-beta", "vv1.2.3", "go1.21.3rc1", "1.21rc", "master",
			"v1.2.3.4"},
		"NuGet": {"", "1.*", "1.2.3.4.5", "[1.0]", "1.0.0-"},
		"PyPI": {"", "2004d", "1.0.x", "1.0-", "1..0", "french toast", "1.0+", "1.0+_a", "1.0+a_",
			"1.0+a..b", "!1", "1.0.*", long},
		"Maven":  {"", "${project.version}", "[1.0,2.0)", "1.0 beta", "*", long},
		"Debian": {"1.0"},
	} {
		for _, text := range texts {
			for _, pair := range [][2]string{{text, "1.0.0"}, {"1.0.0", text}, {text, text}} {
				if got, err := Compare(ecosystem, pair[0], pair[1]); err == nil {
					t.Errorf("Compare(%s, %q, %q) = %d, want an error", ecosystem, pair[0], pair[1], got)
				}
			}
			if got, err := Satisfies(ecosystem, text, "1.0.0"); err == nil || errors.Is(err, ErrNoRange) {
				t.Errorf("Satisfies(%s, %q, 1.0.0) = %v, %v, want an error about the version", ecosystem, text, got, err)
			}
		}
	}
}

func TestGoOrderIsModSemvers(t *testing.T) {
	t.Parallel()
	m := newMaker()
	version := func() string {
		for {
			if v := "v" + strings.TrimLeft(m.version(), " v="); modsemver.IsValid(v) {
				return v
			}
		}
	}
	for range 20_000 {
		a, b := version(), version()
		if got, err := Compare("Go", a, strings.TrimPrefix(b, "v")); err != nil || got != modsemver.Compare(a, b) {
			t.Errorf("Compare(Go, %q, %q) = %d, %v, x/mod/semver says %d", a, b, got, err, modsemver.Compare(a, b))
		}
	}
}

func TestPythonIsAsPackaging(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/packaging.txt")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for line := range strings.Lines(string(data)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 4 {
			continue
		}
		seen[f[0]]++
		if f[0] == "cmp" {
			if got, err := Compare("PyPI", f[1], f[2]); err != nil || strconv.Itoa(got) != f[3] {
				t.Errorf("Compare(PyPI, %q, %q) = %d, %v, packaging says %s", f[1], f[2], got, err, f[3])
			}
			continue
		}
		if got, err := Satisfies("PyPI", f[1], f[2]); err != nil || strconv.FormatBool(got) != f[3] {
			t.Errorf("Satisfies(PyPI, %q, %q) = %v, %v, packaging says %s", f[1], f[2], got, err, f[3])
		}
	}
	if seen["cmp"] < 400 || seen["sat"] < 400 {
		t.Errorf("the file has only %v", seen)
	}
}

func TestPlainVersionsCostNothing(t *testing.T) {
	for ecosystem := range systems {
		if n := testing.AllocsPerRun(100, func() { _, _ = Compare(ecosystem, "4.17.20", "4.17.21") }); n > 0 {
			t.Errorf("Compare(%s) of plain versions allocates %v times", ecosystem, n)
		}
	}
}

func BenchmarkCompare(b *testing.B) {
	for ecosystem, list := range ascending {
		for name, pair := range map[string][2]string{"plain": {"4.17.20",
			"4.17.21"}, "other": {list[0][1], list[0][2]}} {
			b.Run(ecosystem+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					_, _ = Compare(ecosystem, pair[0], pair[1])
				}
			})
		}
	}
}
