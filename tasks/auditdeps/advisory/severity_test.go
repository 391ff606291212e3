package advisory

import "testing"

const (
	v2      = `{"type": "CVSS_V2", "score": "AV:N/AC:L/Au:N/C:C/I:C/A:C"}`                                      // 10
	v3      = `{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"}`                    // 7.5
	v30     = `{"type": "CVSS_V3", "score": "CVSS:3.0/AV:N/AC:H/PR:L/UI:R/S:U/C:L/I:N/A:N"}`                    // 2.6
	v4      = `{"type": "CVSS_V4", "score": "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"}` // 9.3
	v4low   = `{"type": "CVSS_V4", "score": "CVSS:4.0/AV:L/AC:L/AT:N/PR:L/UI:N/VC:N/VI:N/VA:N/SC:L/SI:N/SA:N"}` // 2.0
	none    = `{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N"}`                    // 0
	badVec  = `{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N"}`                        // no A
	ubuntu  = `{"type": "Ubuntu", "score": "high"}`
	rustsec = `"database_specific": {"categories": [], "cvss": null, "informational": "unmaintained"}`
)

func TestSeverity(t *testing.T) {
	t.Parallel()
	part := func(fields string) string { return about("npm", "a", someRange+fields) }
	for name, tc := range map[string]struct {
		id, fields, parts string
		want              Severity
		vector            string
	}{
		"label":              {"GHSA-1", `"severity": [` + v4 + `], "database_specific": {"severity": "MODERATE"},`, part(""), Moderate, "CVSS:4.0/AV:N"},
		"label in any case":  {"GHSA-1", `"database_specific": {"severity": "Medium"},`, part(""), Moderate, ""},
		"foreign label":      {"GHSA-1", `"severity": [` + v3 + `], "database_specific": {"severity": "IMPORTANT"},`, part(""), High, "CVSS:3.1/AV:N"},
		"no text as label":   {"GHSA-1", `"severity": [` + v3 + `], "database_specific": {"severity": 9},`, part(""), High, "CVSS:3.1"},
		"no object":          {"GHSA-1", `"severity": [` + v3 + `], "database_specific": "x",`, part(""), High, "CVSS:3.1"},
		"vectors":            {"GO-1", `"severity": [` + v30 + `, ` + v3 + `, ` + v4low + `],`, part(""), High, "CVSS:3.1/AV:N"},
		"version 4":          {"GO-1", `"severity": [` + v3 + `, ` + v4 + `],`, part(""), Critical, "CVSS:4.0"},
		"low":                {"GO-1", `"severity": [` + v30 + `],`, part(""), Low, "CVSS:3.0"},
		"none is low":        {"GO-1", `"severity": [` + none + `],`, part(""), Low, "CVSS:3.1"},
		"version 2 alone":    {"GO-1", `"severity": [` + v2 + `],`, part(""), Critical, "AV:N/AC:L/Au:N"},
		"version 2 besides":  {"GO-1", `"severity": [` + v2 + `, ` + v30 + `],`, part(""), Low, "CVSS:3.0"},
		"bad vector":         {"GO-1", `"severity": [` + badVec + `, ` + ubuntu + `, null],`, part(""), Unknown, ""},
		"bad and good":       {"GO-1", `"severity": [` + badVec + `, ` + v30 + `],`, part(""), Low, "CVSS:3.0"},
		"nothing":            {"GO-1", ``, part(""), Unknown, ""},
		"of the part":        {"GO-1", `"severity": [` + v30 + `],`, part(`, "severity": [` + v3 + `]`), High, "CVSS:3.1"},
		"label of the part":  {"GO-1", `"severity": [` + v30 + `],`, part(`, "database_specific": {"severity": "CRITICAL"}`), Critical, "CVSS:3.0"},
		"worst of the parts": {"GO-1", ``, part(`, "severity": [`+v3+`]`) + `,` + part(`, "severity": [`+v30+`]`) + `,` + part(``), High, "CVSS:3.1"},
		"malicious":          {"MAL-2024-1", `"severity": [` + v30 + `],`, part(""), Critical, ""},
	} {
		text := []byte(`{"id": "` + tc.id + `", ` + tc.fields + `"affected": [` + tc.parts + `]}`)
		got, err := Parse(text)
		if err != nil || len(got) != 1 {
			t.Errorf("%s: Parse(%s) = %v, %v", name, text, got, err)
			continue
		}
		if a := got[0]; a.Severity != tc.want || a.Vector[:min(len(a.Vector), len(tc.vector))] != tc.vector ||
			a.Malicious != (tc.want == Critical && tc.id[0] == 'M') || a.Informational {
			t.Errorf("%s: Parse(%s) has severity %s, vector %q, malicious %v, want %s %q", name, text, a.Severity, a.Vector, a.Malicious, tc.want, tc.vector)
		}
	}
}

// RustSec's notes about a crate are no vulnerabilities; one real part makes it one.
func TestInformational(t *testing.T) {
	t.Parallel()
	note := about("crates.io", "a", someRange+", "+rustsec)
	real := about("crates.io", "a", someRange)
	for name, tc := range map[string]struct {
		parts         string
		informational bool
		want          Severity
	}{
		"note":          {note, true, Low},
		"note and real": {note + "," + real, false, Unknown},
		"real and note": {real + "," + note, false, Unknown},
		"real":          {about("crates.io", "a", someRange+`, "database_specific": {"informational": null}`), false, Unknown},
	} {
		got, err := Parse(osv(`"affected": [` + tc.parts + `]`))
		if err != nil || len(got) != 1 || got[0].Informational != tc.informational || got[0].Severity != tc.want {
			t.Errorf("%s: Parse() = %+v, %v, want informational %v, severity %s", name, got, err, tc.informational, tc.want)
		}
	}
}

func TestRank(t *testing.T) {
	t.Parallel()
	for want, s := range []Severity{Unknown, Low, Moderate, High, Critical} {
		if got := s.Rank(); got != want {
			t.Errorf("%s.Rank() = %d, want %d", s, got, want)
		}
	}
	if got := Severity("").Rank(); got != 0 {
		t.Errorf(`Severity("").Rank() = %d, want 0`, got)
	}
}
