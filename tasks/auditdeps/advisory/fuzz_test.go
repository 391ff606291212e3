package advisory

import (
	"cmp"
	"slices"
	"testing"
)

// FuzzParse checks what the others rely upon, whatever a record says.
func FuzzParse(f *testing.F) {
	f.Add(osv(`"affected": [`+about("npm", "a", someRange)+`]`), "1.0.0")
	f.Add(osv(`"aliases": ["CVE-1"], "severity": [`+v4+`, `+v3+`, `+v2+`], "affected": [`+
		about("PyPI", "A.b", `"versions": ["1.0+x", "y"], "ranges": [`+gitRange+`]`)+`]`), "1.0")
	f.Add(osv(`"affected": [`+about("Maven:x", "g:a", `"ranges": [{"type": "ECOSYSTEM", "events": [{"fixed": "1.0-rc"},
		{"introduced": "0"}, {"limit": "2"}, {"introduced": "1.a"}, {"last_affected": "3"}]}]`)+`]`), "1.0-rc")
	f.Add([]byte(`{"id": "MAL-1", "withdrawn": null, "affected": [{"package": {"ecosystem": "Go", "name": "stdlib"},
		"database_specific": {"informational": "x"}, "ranges": [{"type": "SEMVER", "events": [{"introduced": "1.21.0-0"}]}]}]}`), "go1.21rc1")
	f.Fuzz(func(t *testing.T, record []byte, version string) {
		all, err := Parse(record)
		if err != nil && len(all) > 0 {
			t.Errorf("Parse(%q) = %v, %v, want one of them", record, all, err)
		}
		var hits []Hit
		for _, a := range all {
			if !isID(a.ID) || !slices.Contains(ecosystems, a.Ecosystem) || a.Package == "" || !isClean(a.Package) || !isClean(a.Summary) ||
				len(a.Summary) > maxSummary || a.Severity == "" || len(a.Ranges)+len(a.Versions) == 0 {
				t.Errorf("Parse(%q) = %+v", record, a)
			}
			for _, r := range a.Ranges {
				if r.Fixed != "" && r.LastAffected != "" {
					t.Errorf("Parse(%q) has a range of two ends: %v", record, r)
				}
				if r.Introduced != "" && a.Ecosystem != "Maven" { // its order has circles
					if h, err := a.Apply(r.Introduced); h == nil || err != nil {
						t.Errorf("Parse(%q): %s begins a range and is not affected: %v", record, r.Introduced, err)
					}
				}
			}
			for _, v := range a.Versions {
				if h, err := a.Apply(v); h == nil || err != nil {
					t.Errorf("Parse(%q): %q is listed and not affected: %v", record, v, err)
				}
			}
			if h, err := a.Apply(version); h != nil && err == nil {
				hits = append(hits, *h)
			}
		}
		for _, h := range Merge(hits) {
			for _, fixed := range h.Fixed {
				if again, err := h.Apply(fixed); again != nil || err != nil {
					t.Errorf("Parse(%q): %q mends it and is affected: %v", record, fixed, err)
				}
			}
		}
	})
}

// FuzzRanges checks that nothing which the schema's own algorithm calls affected is left
// out (https://ossf.github.io/osv-schema/#evaluation). Each byte is an event.
func FuzzRanges(f *testing.F) {
	f.Add([]byte{0, 17, 34, 51})
	f.Add([]byte("\x00\x12\x10\x23"))
	f.Add([]byte("\x03\x00\x01\x10\x11\x12\x20\x22"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var events []event
		for _, b := range data[:min(len(data), 20)] {
			v := string('0'+rune(b>>4&7)) + ".0.0"
			events = append(events, []event{{Introduced: v}, {Fixed: v}, {LastAffected: v}, {Introduced: "0"}}[b&3])
		}
		ranges, err := readEvents("npm", events)
		if err != nil {
			return
		}
		a := Advisory{Ecosystem: "npm", Ranges: ranges}
		for _, v := range []string{"0.0.0-0", "0.0.0", "0.5.0", "1.0.0", "1.5.0", "2.0.0", "3.0.0-0", "4.1.0", "6.0.0", "7.0.0", "8.0.0"} {
			got, err := a.inRanges(v)
			if err != nil || schemaSays(events, v) && !got {
				t.Errorf("%v: %s is affected to the schema, but %v, %v in %v", events, v, got, err, ranges)
			}
		}
	})
}

func schemaSays(events []event, v string) bool {
	at := func(e event) string {
		if e.Introduced == "0" {
			return ""
		}
		return e.Introduced + e.Fixed + e.LastAffected
	}
	sorted := slices.Clone(events)
	slices.SortStableFunc(sorted, func(a, b event) int { // what ends behind a version comes last
		return cmp.Or(order("npm", at(a), at(b)), cmpBool(a.LastAffected != "", b.LastAffected != ""))
	})
	vulnerable := false
	for _, e := range sorted {
		switch c := order("npm", v, at(e)); {
		case e.Introduced != "" && c >= 0:
			vulnerable = true
		case e.Fixed != "" && c >= 0, e.LastAffected != "" && c > 0:
			vulnerable = false
		}
	}
	return vulnerable
}

func BenchmarkParse(b *testing.B) {
	text := osv(`"aliases": ["CVE-1"], "severity": [` + v3 + `], "summary": "s", "details": "` +
		`some text", "affected": [` + about("npm", "a", someRange) + `], "database_specific": {"severity": "HIGH"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkApply(b *testing.B) {
	a := Advisory{Ecosystem: "npm", Package: "a", Ranges: []Range{{Introduced: "1.0.0", Fixed: "1.2.6"}, {Fixed: "0.2.4"}}}
	b.ReportAllocs()
	for b.Loop() {
		if h, err := a.Apply("4.17.21"); h != nil || err != nil {
			b.Fatal(h, err)
		}
	}
}
