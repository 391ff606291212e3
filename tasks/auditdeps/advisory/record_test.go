package advisory

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// osv is a record with these fields, besides its id and date.
func osv(fields string) []byte {
	return []byte(`{"id": "GHSA-test", "modified": "2024-05-01T00:00:00Z", ` + fields + `}`)
}

// about is an affected block of one package.
func about(ecosystem, name, fields string) string {
	return fmt.Sprintf(`{"package": {"ecosystem": %q, "name": %q}, %s}`, ecosystem, name, fields)
}

const (
	gitRange  = `{"type": "GIT", "repo": "https://host/r", "events": [{"introduced": "0"}, {"fixed": "8d3b1cc2ba1ec14f9a1bf4b4f3a3ee3e3eb8ccd2"}]}`
	someRange = `"ranges": [{"type": "SEMVER", "events": [{"introduced": "1.0.0"}, {"fixed": "1.2.6"}]}]`
)

func TestParse(t *testing.T) {
	t.Parallel()
	got, err := Parse([]byte(`{
		"schema_version": "1.7.0", "id": "GHSA-xvch-5gv4-984h",
		"modified": "2024-05-01T01:02:03.456789Z", "published": "2022-03-18T00:01:09Z", "withdrawn": null,
		"aliases": ["SNYK-JS-1", "CVE-2021-44906", "GHSA-xvch-5gv4-984h", "CVE-2021-44906", "no id"], "related": ["CVE-1"],
		"summary": "Prototype\n\tPollution\u202e in \u0007minimist", "details": "...",
		"severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
		"affected": [
			{"package": {"ecosystem": "npm", "name": "minimist", "purl": "pkg:npm/minimist"},
				"ranges": [{"type": "SEMVER", "events": [{"introduced": "1.0.0"}, {"fixed": "1.2.6"}]}], "versions": ["1.1.0", "0.5.0"]},
			{"package": {"ecosystem": "npm", "name": "minimist"},
				"ranges": [` + gitRange + `, {"type": "SEMVER", "events": [{"fixed": "0.2.4"}, {"introduced": "0"}]}], "versions": ["0.6.0"]},
			` + about("PyPI", "Mini_Mist..X", `"ranges": [`+gitRange+`, {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "0.5"}]}], "versions": ["2004d", "1.0", "0.4"]`) + `,
			` + about("Maven:https://repo.example.org", "g:a", `"ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"last_affected": "1.0-rc"}]}]`) + `,
			` + about("Debian:12", "minimist", someRange) + `,
			{"ranges": [` + gitRange + `]}],
		"references": [{"type": "WEB", "url": "https://host"}], "credits": null,
		"database_specific": {"severity": "CRITICAL", "cwe_ids": ["CWE-1321"], "github_reviewed": true}}`))
	if err != nil {
		t.Fatal(err)
	}
	common := Advisory{
		ID: "GHSA-xvch-5gv4-984h", Aliases: []string{"CVE-2021-44906", "SNYK-JS-1"}, Summary: "Prototype Pollution in minimist",
		Severity: Critical, Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
		Published: time.Date(2022, 3, 18, 0, 1, 9, 0, time.UTC), Modified: time.Date(2024, 5, 1, 1, 2, 3, 456789000, time.UTC),
	}
	npm, pypi, maven := common, common, common
	npm.Ecosystem, npm.Package, npm.Versions = "npm", "minimist", []string{"0.5.0", "0.6.0"}
	npm.Ranges = []Range{{Introduced: "1.0.0", Fixed: "1.2.6"}, {Fixed: "0.2.4"}}
	pypi.Ecosystem, pypi.Package, pypi.Versions = "PyPI", "mini-mist-x", []string{"1.0", "2004d"}
	pypi.Ranges = []Range{{Fixed: "0.5"}}
	maven.Ecosystem, maven.Package, maven.Ranges = "Maven", "g:a", []Range{{LastAffected: "1.0-rc"}}
	if diff := cmp.Diff([]Advisory{npm, pypi, maven}, got); diff != "" {
		t.Errorf("Parse() (-want +got):\n%s", diff)
	}
}

func TestParseFindsNothing(t *testing.T) {
	t.Parallel()
	for name, fields := range map[string]string{
		"withdrawn":      `"withdrawn": "2024-01-01T00:00:00Z", "affected": [` + about("npm", "a", someRange) + `]`,
		"other registry": `"affected": [` + about("Packagist", "a", someRange) + `, ` + about("Debian:12", "a", `"ranges": []`) + `]`,
		"commits only":   `"affected": [{"ranges": [` + gitRange + `]}]`,
		"nothing":        `"affected": null`,
	} {
		if got, err := Parse(osv(fields)); err != nil || len(got) > 0 {
			t.Errorf("%s: Parse(%s) = %v, %v, want none", name, fields, got, err)
		}
	}
}

// A record that is half understood would look like "not affected" for the other half.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	events := func(list string) string {
		return `"affected": [` + about("npm", "a", `"ranges": [{"type": "SEMVER", "events": [`+list+`]}]`) + `]`
	}
	for name, fields := range map[string]string{
		"commits only, of a package": `"affected": [` + about("npm", "a", `"ranges": [`+gitRange+`]`) + `]`,
		"no versions":                `"affected": [` + about("npm", "a", `"versions": []`) + `]`,
		"nothing affected":           events(`{"introduced": "1.0.0"}, {"fixed": "1.0.0"}`),
		"no begin":                   events(`{"fixed": "1.0.0"}`),
		"no events":                  events(``),
		"unknown event":              events(`{"introduced": "0"}, {"removed": "1.0.0"}`),
		"no version":                 events(`{"introduced": "0"}, {"fixed": "soon"}`),
		"no limit":                   events(`{"introduced": "0"}, {"limit": "soon"}`),
		"unknown range":              `"affected": [` + about("npm", "a", `"ranges": [{"type": "OTHER", "events": [{"introduced": "0"}]}]`) + `]`,
		"no name":                    `"affected": [` + about("npm", "", someRange) + `]`,
		"control characters":         `"affected": [{"package": {"ecosystem": "npm", "name": "a\u001b[2J"}, ` + someRange + `}]`,
		"bad version":                `"affected": [` + about("npm", "a", `"versions": ["1\u0000"]`) + `]`,
		"bad date":                   `"withdrawn": "yesterday"`,
		"no object":                  `"affected": ["a"]`,
		"one of two":                 `"affected": [` + about("npm", "a", someRange) + `, ` + about("npm", "b", `"versions": []`) + `]`,
	} {
		got, err := Parse(osv(fields))
		if err == nil || len(got) > 0 {
			t.Errorf("%s: Parse(%s) = %v, %v, want an error", name, fields, got, err)
		} else if !strings.Contains(err.Error(), "GHSA-test") {
			t.Errorf("%s: Parse(): %v, want an error that names the record", name, err)
		}
	}
	for _, text := range []string{``, `{`, `null`, `[]`, `{"id": ""}`, `{"id": "a\nb"}`, `{"id": 1}`, `{"id": "a"} {`, strings.Repeat("[", 20_000),
		`{"id": "` + strings.Repeat("A", 200) + `"}`, `<html>`} {
		if got, err := Parse([]byte(text)); err == nil {
			t.Errorf("Parse(%.40q) = %v, want an error", text, got)
		}
	}
}

// Records of real databases have their events in any order, ranges of commits first, and
// several ranges in one list of events.
func TestRanges(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		events string
		want   []Range
	}{
		"from the first":        {`{"introduced": "0"}`, []Range{{}}},
		"unsorted":              {`{"fixed": "1.0"}, {"fixed": "2.5"}, {"introduced": "2.0"}, {"introduced": "0"}`, []Range{{Fixed: "1.0"}, {Introduced: "2.0", Fixed: "2.5"}}},
		"sorted by number":      {`{"introduced": "9.0"}, {"introduced": "1.0"}, {"fixed": "10.0"}, {"fixed": "2.0"}`, []Range{{Introduced: "1.0", Fixed: "2.0"}, {Introduced: "9.0", Fixed: "10.0"}}},
		"open end":              {`{"introduced": "0"}, {"fixed": "1.0"}, {"introduced": "2.0"}`, []Range{{Fixed: "1.0"}, {Introduced: "2.0"}}},
		"one event":             {`{"introduced": "1.0", "fixed": "2.0"}`, []Range{{Introduced: "1.0", Fixed: "2.0"}}},
		"last affected":         {`{"last_affected": "1.5"}, {"introduced": "1.0"}`, []Range{{Introduced: "1.0", LastAffected: "1.5"}}},
		"one version":           {`{"introduced": "1.0"}, {"last_affected": "1.0"}`, []Range{{Introduced: "1.0", LastAffected: "1.0"}}},
		"fixed and again":       {`{"introduced": "0"}, {"fixed": "2.0"}, {"introduced": "2.0"}, {"fixed": "3.0"}`, []Range{{Fixed: "3.0"}}},
		"last and again":        {`{"introduced": "0"}, {"last_affected": "2.0"}, {"introduced": "2.0"}, {"last_affected": "3.0"}`, []Range{{LastAffected: "3.0"}}},
		"fixed before it began": {`{"fixed": "2.0"}, {"introduced": "2.0"}`, []Range{{Introduced: "2.0"}}},
		"introduced twice":      {`{"introduced": "0"}, {"introduced": "1.0"}, {"fixed": "2.0"}`, []Range{{Fixed: "2.0"}}},
		"fixed twice":           {`{"introduced": "0"}, {"fixed": "1.0"}, {"fixed": "2.0"}`, []Range{{Fixed: "1.0"}}},
		"equal spellings":       {`{"introduced": "0"}, {"fixed": "2.0"}, {"introduced": "2.0.0"}`, []Range{{}}},
		"limit":                 {`{"introduced": "1.0"}, {"limit": "2.0"}`, []Range{{Introduced: "1.0", Fixed: "2.0"}}},
		"limits":                {`{"introduced": "0"}, {"fixed": "1.0"}, {"introduced": "2.5"}, {"fixed": "4.0"}, {"introduced": "5.0"}, {"limit": "2.0"}, {"limit": "3.0"}, {"limit": "1.5"}`, []Range{{Fixed: "1.0"}, {Introduced: "2.5", Fixed: "3.0"}}},
		"limit behind fix":      {`{"introduced": "0"}, {"limit": "2.0"}, {"fixed": "1.0"}`, []Range{{Fixed: "1.0"}}},
		"limit before last":     {`{"introduced": "0"}, {"limit": "2.0"}, {"last_affected": "2.0"}`, []Range{{Fixed: "2.0"}}},
		"no limit":              {`{"introduced": "0"}, {"limit": "2.0"}, {"limit": "*"}`, []Range{{}}},
	} {
		for _, before := range []string{"", gitRange + ", "} {
			fields := `"affected": [` + about("PyPI", "a", `"ranges": [`+before+`{"type": "ECOSYSTEM", "events": [`+tc.events+`]}]`) + `]`
			got, err := Parse(osv(fields))
			if err != nil || len(got) != 1 {
				t.Errorf("%s: Parse(%s) = %v, %v", name, fields, got, err)
				continue
			}
			if diff := cmp.Diff(tc.want, got[0].Ranges, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: ranges of %s (-want +got):\n%s", name, fields, diff)
			}
		}
	}
}

func TestSummaryIsShortAndPlain(t *testing.T) {
	t.Parallel()
	for details, want := range map[string]string{
		"":                              "",
		"##vso[task.complete]\r\nnext":  "##vso[task.complete] next",
		"a\x00b\u2028c\u200b\u202ed\tе": "a b c d е",
		strings.Repeat("é", 1000):       strings.Repeat("é", 148) + "...",
	} {
		if got := summarize(details); got != want || len(got) > maxSummary {
			t.Errorf("summarize(%.60q) = %q, want %q", details, got, want)
		}
	}
	got, err := Parse(osv(`"details": "only\ndetails", "affected": [` + about("npm", "a", someRange) + `]`))
	if err != nil || len(got) != 1 || got[0].Summary != "only details" {
		t.Errorf("Parse() of a record without a summary = %v, %v, want its details", got, err)
	}
}

func TestNormalize(t *testing.T) {
	t.Parallel()
	for in, want := range map[[2]string]string{
		{"PyPI", "Zope.Interface__x-.y"}:     "zope-interface-x-y",
		{"PyPI", "requests"}:                 "requests",
		{"PyPI", "a--b"}:                     "a-b",
		{"NuGet", "Newtonsoft.Json"}:         "newtonsoft.json",
		{"npm", "JSONStream"}:                "JSONStream",
		{"Go", "github.com/BurntSushi/toml"}: "github.com/BurntSushi/toml",
	} {
		if got := Normalize(in[0], in[1]); got != want {
			t.Errorf("Normalize(%q, %q) = %q, want %q", in[0], in[1], got, want)
		}
	}
}
