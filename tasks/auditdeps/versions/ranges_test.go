package versions

import (
	"errors"
	"strings"
	"testing"
)

// rangeCase says which versions a range means, with spaces between them.
type rangeCase struct{ wanted, taken, refused string }

var rangeCases = map[string][]rangeCase{
	"npm": { // https://github.com/npm/node-semver#advanced-range-syntax
		{"", "1.2.3 0.0.0", "1.2.3-beta"},
		{"*", "1.2.3", "1.2.3-beta"},
		{"^1.2.3", "1.2.3 1.9.0", "1.2.2 2.0.0 2.0.0-alpha 1.3.0-alpha"},
		{"^0.2.3", "0.2.3 0.2.9", "0.3.0 0.2.2"},
		{"^0.0.3", "0.0.3", "0.0.4"},
		{"^1.2.3-beta.2", "1.2.3-beta.2 1.2.3-beta.4 1.2.3 1.4.0", "1.2.3-beta.1 1.2.4-beta.2"},
		{"^0.0", "0.0.9", "0.1.0"},
		{"~1.2", "1.2.0 1.2.9", "1.3.0 1.1.9"},
		{"~1", "1.9.9", "2.0.0"},
		{"1.2.x", "1.2.9", "1.3.0"},
		{">1.2", "1.3.0", "1.2.9"},
		{"<=1.2", "1.2.9", "1.3.0"},
		{">= 1.2.3 < 2 || >3", "1.2.3 4.0.0", "2.0.0 3.9.9"},
		{"> =1.2.3", "1.2.3", "1.2.2"},
		{"1.2.3 - 2.3", "1.2.3 2.3.9", "2.4.0"},
		{"1.2.3 - 2.3.4", "2.3.4", "2.3.5"},
		{"npm:other@^1", "1.5.0", "2.0.0"},
		{"npm:@scope/other@~1.2", "1.2.5", "1.3.0"},
		{"npm:^1.0.0", "1.5.0", "2.0.0"},
		{"=1.2.3", "1.2.3 v1.2.3 1.2.3+build", "1.2.4"},
	},
	"crates.io": { // https://doc.rust-lang.org/cargo/reference/specifying-dependencies.html
		{"1.2.3", "1.2.3 1.9.0", "2.0.0 1.2.2 1.3.0-alpha"},
		{"0.2", "0.2.0 0.2.9", "0.3.0"},
		{"0.0", "0.0.9", "0.1.0"},
		{"0", "0.9.0", "1.0.0"},
		{"~1.2.3", "1.2.9", "1.3.0"},
		{"~1", "1.9.0", "2.0.0"},
		{"*", "9.9.9", "1.0.0-alpha"},
		{"1.*", "1.9.0", "2.0.0"},
		{">=1.2, <1.5", "1.4.9", "1.5.0 1.5.0-alpha"},
		{"=1.2.3", "1.2.3 1.2.3+meta", "1.2.4"},
		{"= 1.2", "1.2.9", "1.3.0"},
		{"1.0.0-alpha.1", "1.0.0-alpha.2 1.0.0 1.4.0", "1.0.0-alpha.0 1.1.0-alpha.1"},
	},
	"Go": {{"v1.2.3", "v1.2.3 1.3.0 v2.0.0+incompatible", "v1.2.3-0.20200101000000-abcdefabcdef 1.2.2"}},
	"NuGet": { // https://learn.microsoft.com/nuget/concepts/package-versioning#version-ranges
		{"1.0", "1.0.0 2.0.0 1.0.1-beta", "0.9.0 1.0.0-beta"},
		{"(1.0,)", "1.0.1", "1.0.0"},
		{"[1.0]", "1.0.0", "1.0.1"},
		{"(,1.0]", "0.1 1.0", "1.0.1"},
		{"(,1.0)", "0.9", "1.0"},
		{"[1.0.0, 2.0.0)", "1.5.0 2.0.0-beta", "2.0.0"},
		{"6.*", "6.0.0 6.9", "5.9.9 6.0.0-beta"},
		{"[6.*, 7)", "6.5", "7.0"},
		{"1.0.0-*", "1.0.0-alpha 1.0.0", "0.9.9"},
		{"*-*", "0.0.1-a", ""},
		{"1.2.3-beta*", "1.2.3-beta", "1.2.3-alpha"},
	},
	"Maven": { // https://maven.apache.org/pom.html#dependency-version-requirement-specification
		{"1.0", "0.1 1.0 9", ""},
		{"[1.0]", "1.0 1.0.0", "1.0.1"},
		{"(,1.0]", "1.0-beta 1.0", "1.1"},
		{"[1.2,1.3]", "1.2 1.3", "1.3.1 1.2-rc1"},
		{"[1.0,2.0)", "1.9", "2.0"},
		{"[1.5,)", "1.5 99", "1.4"},
		{"(,1.0],[1.2,)", "1.0 1.2", "1.1"},
		{"(,1.1),(1.1,)", "1.0 1.2", "1.1"},
	},
	"PyPI": { // the specification, and https://python-poetry.org/docs/dependency-specification/
		{"", "1.0 1.0a1", ""},
		{"~=2.2", "2.2 2.9 2.2.post3", "2.1 3.0"},
		{"~=1.4.5", "1.4.5 1.4.9", "1.5.0"},
		{"~=2.2.post3", "2.2.post3 2.9", "2.2 3.0"},
		{"==1.1", "1.1 1.1.0 1.1+local", "1.1.post1 1.1a1"},
		{"==1.1.*", "1.1.post1 1.1a1 1.1.9", "1.2 1.10"},
		{"==1.1+local", "1.1+local", "1.1 1.1+other"},
		{"!=1.1.*", "1.2", "1.1.1"},
		{">=1.0,<2.0", "1.0 1.9.9 1.0+cpu", "2.0 2.0rc1 0.9"},
		{">1.7", "1.7.1", "1.7.0.post1 1.7+local"},
		{">1.7.post2", "1.7.post3", "1.7.post2"},
		{"<1.7.post2", "1.7.post1", "1.7.post2"},
		{"===1.0+Downstream1", "1.0+downstream1", "1.0"},
		{"(>=1.0, <2)", "1.5", "2.0"},
		{">=1.0,", "1.5", "0.5"},
		{"^1.2.3", "1.2.3 1.9", "2.0 1.2.2"},
		{"^0.2", "0.2.9", "0.3"},
		{"^0.0", "0.0.9", "0.1"},
		{"~1.2", "1.2.9", "1.3"},
		{"~1", "1.9", "2.0"},
		{">=1,<2 || >=3", "1.5 3.1", "2.5"},
		{"1.2.3", "1.2.3", "1.2.4"},
		{"1.2.*", "1.2.4", "1.3"},
		{"*", "1.0", ""},
	},
}

func TestSatisfies(t *testing.T) {
	t.Parallel()
	for ecosystem, cases := range rangeCases {
		for _, tc := range cases {
			for versions, want := range map[string]bool{tc.taken: true, tc.refused: false} {
				for version := range strings.FieldsSeq(versions) {
					if got, err := Satisfies(ecosystem, version, tc.wanted); err != nil || got != want {
						t.Errorf("Satisfies(%s, %q, %q) = %v, %v, want %v", ecosystem, version, tc.wanted, got, err, want)
					}
				}
			}
		}
	}
}

func TestWhatIsNoRangeIsAnError(t *testing.T) {
	t.Parallel()
	for ecosystem, ranges := range map[string][]string{
		"npm": {"latest", "next || ^1", "^1.0.0 beta", "file:../x", "workspace:^1.0.0",
			"git+https://host/x.git#semver:^1", "https://host/x.tgz",
			"user/repo", "^", "1.x.3", "1 - 2 - 3", "npm:other", "npm:@scope/other", "link:x", "patch:x@1",
			">>1", "1.2.3.4", "||a"},
		"crates.io": {"", "latest", "1.0 2.0", "~>1.0", "v1", ">*", "1.0,", "==1"},
		"Go":        {"", "latest", ">=v1.0.0", "master"},
		"NuGet":     {"", "[]", "(1.0)", "[1.0", "(,)", "[1,2,3]", "latest", "$(Version)"},
		"Maven":     {"", "${x}", "[1.0", "[1.0,2.0) 3.0", "(1.0)", "[]", "[${x},)", "1.0]"},
		"PyPI": {"latest", ">=", "~=1", "^", "==1.0.dev1.*", ">=1.*", ">=1.0+local",
			"1.0; python_version<'3'", "@ https://host/x.whl",
			"=>1", ",", ">=1,,<2", "==", "===", "==1.0+a.*"},
	} {
		for _, wanted := range append(ranges, "1.0.0 "+strings.Repeat(" ", maxRangeLength)) {
			if got, err := Satisfies(ecosystem, "1.0.0", wanted); !errors.Is(err, ErrNoRange) {
				t.Errorf("Satisfies(%s, 1.0.0, %q) = %v, %v, want ErrNoRange", ecosystem, cut(wanted), got, err)
			}
		}
	}
	if _, err := Satisfies("Debian", "1", "1"); err == nil || errors.Is(err, ErrNoRange) {
		t.Errorf("Satisfies(Debian, 1, 1) = %v, want an error about the ecosystem", err)
	}
}
