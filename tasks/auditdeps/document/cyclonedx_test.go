package document

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

const sha512Hex = "3a1f0b" + "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"

var bom = BOM{
	Name: "shop", Version: "1.0.0", Tool: "AuditDeps", ToolVersion: "1.0.0", Time: time.Date(2026, 10, 5, 12, 0, 0, 0, time.UTC),
	Roots: []int{1},
	Components: []Component{
		{Ecosystem: "npm", Name: "minimist", Version: "1.2.5", URL: "https://u:p@registry.example/minimist/-/minimist-1.2.5.tgz",
			Integrity: []string{"sha512-Oh8LAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==?o=1"},
			Places:    []Place{{Path: "web/package-lock.json", Line: 27}, {Path: "web/node_modules/minimist"}}},
		{Ecosystem: "npm", Name: "@babel/core", Version: "7.0.0", Optional: true, Requires: []int{0, 2, 0, -1, 99}},
		{Ecosystem: "npm", Name: "minimist", Version: "1.2.5", Places: []Place{{Path: "web/node_modules/x/node_modules/minimist"}}},
		{Ecosystem: "Go", Name: "github.com/Azure/go-x/v2", Version: "v2.0.0+incompatible", Integrity: []string{"h1:abc="}},
		{Name: "local", Version: ""},
	},
	Vulnerabilities: []Vulnerability{
		{ID: "GO-2024-0001", Summary: "bad", Affects: []int{3}, Suppressed: "until 2026-12-31: not called"},
		{ID: "GHSA-xvch-5gv4-984h", Aliases: []string{"CVE-2021-44906", "GHSA-xvch-5gv4-984h"}, Severity: "moderate",
			Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Summary: "prototype pollution", Fix: "npm update minimist",
			Published: time.Date(2022, 3, 18, 0, 0, 0, 0, time.UTC), Affects: []int{0, 2}},
	},
}

// decode reads with CycloneDX's own library.
func decode(t *testing.T, text []byte) *cdx.BOM {
	t.Helper()
	var got cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(text), cdx.BOMFileFormatJSON).Decode(&got); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return &got
}

func TestCycloneDX(t *testing.T) {
	t.Parallel()
	text, err := CycloneDX(bom)
	if err != nil {
		t.Fatal(err)
	}
	got := decode(t, text)
	var refs []string
	for _, c := range *got.Components {
		refs = append(refs, c.BOMRef)
	}
	const minimist, second = "pkg:npm/minimist@1.2.5", "pkg:npm/minimist@1.2.5#2"
	babel, azure := "pkg:npm/%40babel/core@7.0.0", "pkg:golang/github.com/azure/go-x/v2@v2.0.0%2Bincompatible"
	if diff := cmp.Diff([]string{"component:local@", azure, babel, minimist, second}, refs); diff != "" {
		t.Fatalf("references (-want +got):\n%s\n%s", diff, text)
	}
	first := (*got.Components)[4] // the one with a URL
	line := 27
	want := cdx.Component{
		Type: cdx.ComponentTypeLibrary, BOMRef: second, Name: "minimist", Version: "1.2.5", Scope: cdx.ScopeRequired,
		PackageURL: minimist, Hashes: &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA512, Value: sha512Hex}},
		ExternalReferences: &[]cdx.ExternalReference{
			{Type: cdx.ERTypeDistribution, URL: "https://registry.example/minimist/-/minimist-1.2.5.tgz"}},
		Evidence: &cdx.Evidence{Occurrences: &[]cdx.EvidenceOccurrence{
			{Location: "web/node_modules/minimist"}, {Location: "web/package-lock.json", Line: &line}}},
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("component (-want +got):\n%s", diff)
	}
	edges := map[string][]string{}
	for _, d := range *got.Dependencies {
		if d.Dependencies != nil {
			edges[d.Ref] = *d.Dependencies
		}
	}
	if diff := cmp.Diff(map[string][]string{"root": {babel}, babel: {minimist, second}}, edges); diff != "" {
		t.Errorf("dependencies (-want +got):\n%s", diff)
	}
	if got.Metadata.Timestamp != "2026-10-05T12:00:00Z" || got.Metadata.Component.Name != "shop" || got.SpecVersion != cdx.SpecVersion1_6 {
		t.Errorf("metadata %+v, version %v", got.Metadata, got.SpecVersion)
	}
	if props := (*got.Components)[1].Properties; props == nil || (*props)[0].Value != "h1:abc=" {
		t.Errorf("a hash that is none of the archive is not kept as a property: %+v", props)
	}
}

func TestCycloneDXVulnerabilities(t *testing.T) {
	t.Parallel()
	text, err := CycloneDX(bom)
	if err != nil {
		t.Fatal(err)
	}
	want := []cdx.Vulnerability{
		{ID: "GHSA-xvch-5gv4-984h", Source: &cdx.Source{Name: "GitHub", URL: "https://github.com/advisories/GHSA-xvch-5gv4-984h"},
			References: &[]cdx.VulnerabilityReference{{ID: "CVE-2021-44906",
				Source: &cdx.Source{Name: "NVD", URL: "https://nvd.nist.gov/vuln/detail/CVE-2021-44906"}}},
			Ratings: &[]cdx.VulnerabilityRating{{Severity: cdx.SeverityMedium, Method: cdx.ScoringMethodCVSSv31,
				Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}},
			Description: "prototype pollution", Recommendation: "npm update minimist", Published: "2022-03-18T00:00:00Z",
			Affects: &[]cdx.Affects{{Ref: "pkg:npm/minimist@1.2.5"}, {Ref: "pkg:npm/minimist@1.2.5#2"}}},
		{ID: "GO-2024-0001", Source: &cdx.Source{Name: "OSV", URL: "https://osv.dev/vulnerability/GO-2024-0001"},
			Ratings: &[]cdx.VulnerabilityRating{{Severity: cdx.SeverityUnknown}}, Description: "bad",
			Analysis: &cdx.VulnerabilityAnalysis{Response: &[]cdx.ImpactAnalysisResponse{cdx.IARWillNotFix},
				Detail: "until 2026-12-31: not called"},
			Affects: &[]cdx.Affects{{Ref: "pkg:golang/github.com/azure/go-x/v2@v2.0.0%2Bincompatible"}}},
	}
	if diff := cmp.Diff(&want, decode(t, text).Vulnerabilities); diff != "" {
		t.Errorf("vulnerabilities (-want +got):\n%s", diff)
	}
}

// TestCycloneDXDeterministic turns everything round.
func TestCycloneDXDeterministic(t *testing.T) {
	t.Parallel()
	want, err := CycloneDX(bom)
	if err != nil {
		t.Fatal(err)
	}
	n := len(bom.Components)
	turned := bom
	turn := func(indexes []int) []int {
		out := slices.Clone(indexes)
		for i := range out {
			out[i] = n - 1 - out[i]
		}
		slices.Reverse(out)
		return out
	}
	turned.Roots = turn(bom.Roots)
	turned.Components, turned.Vulnerabilities = nil, nil
	for _, c := range slices.Backward(bom.Components) {
		c.Requires, c.Places = turn(c.Requires), slices.Clone(c.Places)
		slices.Reverse(c.Places)
		turned.Components = append(turned.Components, c)
	}
	for _, v := range slices.Backward(bom.Vulnerabilities) {
		v.Affects = turn(v.Affects)
		turned.Vulnerabilities = append(turned.Vulnerabilities, v)
	}
	got, err := CycloneDX(turned)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("the same facts in another order (-want +got):\n%s", diff)
	}
	changed := bom
	changed.Name = noSerial
	other, err := CycloneDX(changed)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := decode(t, want), decode(t, other); a.SerialNumber == b.SerialNumber || b.Metadata.Component.Name != noSerial {
		t.Errorf("another inventory has the serial number %s, too, or another name: %s", a.SerialNumber, b.Metadata.Component.Name)
	}
}

// schema is the specification's own, from the library's module.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	compiler := jsonschema.NewCompiler()
	for name, file := range map[string]string{
		"bom": "bom-1.6.schema.json", "spdx": "spdx.schema.json", "jsf": "jsf-0.82.schemax.json",
	} {
		data, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "schema", file))
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		address := "http://cyclonedx.org/schema/" + map[string]string{
			"bom": "bom-1.6.schema.json", "spdx": "spdx.schema.json", "jsf": "jsf-0.82.schema.json"}[name]
		if err := compiler.AddResource(address, doc); err != nil {
			t.Fatal(err)
		}
	}
	compiler.AssertFormat()
	s, err := compiler.Compile("http://cyclonedx.org/schema/bom-1.6.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCycloneDXIsValid(t *testing.T) {
	t.Parallel()
	s := schema(t)
	for name, b := range map[string]BOM{
		"whole": bom, "empty": {},
		"hostile": {Name: hostile, Version: hostile, Tool: hostile, Components: []Component{
			{Ecosystem: "npm", Name: hostile, Version: hostile, URL: "https://h/%zz" + hostile, Integrity: []string{hostile, "sha512-AAAA", ""},
				Places: []Place{{Path: hostile, Line: -3}, {}}},
			{Ecosystem: "npm"}, {Ecosystem: "npm", Name: "@"}, {Ecosystem: "Maven", Name: ":"}, {},
			{Ecosystem: "npm", Name: "a", URL: "https://h/a b\"<>\\^`{|}"}},
			Vulnerabilities: []Vulnerability{{ID: hostile, Aliases: []string{hostile, "", "x y"}, Severity: hostile, Vector: hostile,
				Summary: hostile, Fix: hostile, Affects: []int{0, 77}, Suppressed: hostile}, {}}},
	} {
		text, err := CycloneDX(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := s.Validate(doc); err != nil {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
		if i := bytes.IndexAny(text, "\x00\x1b\r\u202e"); i >= 0 || !utf8.Valid(text) {
			t.Errorf("%s: a control character at %d of %q", name, i, text)
		}
		for _, c := range *decode(t, text).Components {
			if strings.ContainsAny(c.Name+c.Version, "\x00\x1b\r\n\u202e\ufffe") {
				t.Errorf("%s: component %q@%q", name, c.Name, c.Version)
			}
		}
	}
	var wrong any = map[string]any{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []any{map[string]any{"name": "x"}}}
	if s.Validate(wrong) == nil {
		t.Error("the schema accepts a component without a type: this test shows nothing")
	}
}

func TestPackageURL(t *testing.T) {
	t.Parallel()
	for want, p := range map[string][3]string{
		"pkg:npm/foobar@12.3.1":                        {"npm", "foobar", "12.3.1"},
		"pkg:npm/%40angular/animation@12.3.1":          {"npm", "@angular/animation", "12.3.1"},
		"pkg:pypi/django-package@1.11.1":               {"PyPI", "Django_package", "1.11.1"},
		"pkg:pypi/zope.interface@1.0%2Blocal":          {"PyPI", "zope.interface", "1.0+local"},
		"pkg:golang/google.golang.org/genproto@v0.1.0": {"Go", "google.golang.org/genproto", "v0.1.0"},
		"pkg:golang/stdlib@1.22.0":                     {"Go", "stdlib", "1.22.0"},
		"pkg:golang/github.com/azure/x@v1.0.0":         {"Go", "github.com/Azure/x", "v1.0.0"},
		"pkg:cargo/rand@0.7.2":                         {"crates.io", "rand", "0.7.2"},
		"pkg:nuget/EnterpriseLibrary.Common@6.0.1304":  {"NuGet", "EnterpriseLibrary.Common", "6.0.1304"},
		"pkg:maven/org.apache.xmlgraphics/batik@1.9.1": {"Maven", "org.apache.xmlgraphics:batik", "1.9.1"},
		"pkg:npm/a%2Fb%3F%23%40c%20%C3%A9":             {"npm", "a/b?#@c é", ""},
		"pkg:npm/a@1%2F2%402":                          {"npm", "a", "1/2@2"},
		"":                                             {"Debian", "x", "1"},
	} {
		if got := packageURL(p[0], p[1], p[2]); got != want {
			t.Errorf("packageURL(%q) = %q, want %q", p, got, want)
		}
	}
}

func TestHash(t *testing.T) {
	t.Parallel()
	for integrity, want := range map[string]cdxHash{
		"sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA=":   {"SHA-1", strings.Repeat("0", 40)},
		"sha256:" + strings.Repeat("aB", 32):  {"SHA-256", strings.Repeat("ab", 32)},
		strings.Repeat("0", 32):               {"MD5", strings.Repeat("0", 32)},
		strings.Repeat("0", 96):               {"SHA-384", strings.Repeat("0", 96)},
		strings.Repeat("0", 34):               {},
		"sha512-AAAAAAAAAAAAAAAAAAAAAAAAAAA=": {},
		"h1:" + strings.Repeat("00", 32):      {},
		"10c0/" + strings.Repeat("0", 128):    {},
	} {
		if got, ok := hash(integrity); got != want || ok != (want.Content != "") {
			t.Errorf("hash(%q) = %v, %v, want %v", integrity, got, ok, want)
		}
	}
}

func FuzzCycloneDX(f *testing.F) {
	f.Add("npm", "minimist", "1.2.5", hostile)
	f.Fuzz(func(t *testing.T, ecosystem, name, version, text string) {
		out, err := CycloneDX(BOM{Name: text, Components: []Component{
			{Ecosystem: ecosystem, Name: name, Version: version, URL: text, Integrity: []string{text}, Places: []Place{{Path: text}}},
			{Ecosystem: ecosystem, Name: name, Version: version, Requires: []int{0}}},
			Vulnerabilities: []Vulnerability{{ID: text, Aliases: []string{name}, Vector: text, Affects: []int{0, 1}}}})
		if err != nil || !json.Valid(out) {
			t.Fatalf("%v: %s", err, out)
		}
		got := decode(t, out)
		known := map[string]bool{"root": true}
		for _, c := range *got.Components {
			known[c.BOMRef] = true
		}
		if len(known) != 3 || len(*(*got.Vulnerabilities)[0].Affects) != 2 || !known[(*(*got.Vulnerabilities)[0].Affects)[1].Ref] {
			t.Errorf("references are not one to one: %v in %s", known, out)
		}
	})
}
