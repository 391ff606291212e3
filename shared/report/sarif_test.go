package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/report"
)

// schemaFile is the standard's own schema, as Microsoft's matchers for SARIF ship it.
const schemaFile = "../../build/npm/node_modules/@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json"

// TestSARIFFitsTheStandardsSchema also shows that the schema says no.
func TestSARIFFitsTheStandardsSchema(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.FromSlash(schemaFile))
	if err != nil {
		t.Fatalf("the schema is not installed, run `make oracles`: %v", err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("https://example.org/sarif.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("https://example.org/sarif.json")
	if err != nil {
		t.Fatal(err)
	}
	check := func(log []byte) error {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(log))
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(value)
	}
	for name, findings := range sarifCases() {
		log := sarif(t, findings)
		if err := check(log); err != nil {
			t.Errorf("%s: %v\n%s", name, err, log)
		}
	}
	log := string(sarif(t, sarifCases()["usual"]))
	for _, change := range [][2]string{
		{`"ruleId"`, `"ruleName"`}, {`"level": "error"`, `"level": "critical"`}, {`"startLine": 3`, `"startLine": 0`},
		{`"version": "2.1.0"`, `"version": "2.2"`}, {`"uri": "a/b%20c.json"`, `"uri": "a/b c%.json"`},
	} {
		if !strings.Contains(log, change[0]) {
			t.Fatalf("no %s in\n%s", change[0], log)
		}
		if err := check([]byte(strings.Replace(log, change[0], change[1], 1))); err == nil {
			t.Errorf("the schema has nothing against %s", change[1])
		}
	}
}

var sarifRules = []report.Rule{
	{ID: "leak/known", Description: "a secret of this run", Help: "rotate it"}, {ID: "leak/azure-sas", Description: "a SAS"},
}

func sarif(t *testing.T, findings []report.Finding) []byte {
	t.Helper()
	secrets := new(redact.Set)
	secrets.Add(secret)
	log, err := report.SARIF("KeyVaultEnv", sarifRules, findings, secrets)
	if err != nil {
		t.Fatalf("SARIF(%+v): %v", findings, err)
	}
	return log
}

// hostile are texts that somebody else has written.
var hostile = []string{
	secret, "x " + secret + "/y", "{0} {1}", "[click](https://evil.example/)", `\[x](y)`, "two\nlines\r\n", "\x1b[2J\x07",
	"\xff\xfe", "\u202egnp.exe", "\u2028\u2029\u0085", "<script>alert(1)</script>", "\x00", `"},"level":"none"`, "日本語",
	strings.Repeat("x", 1<<16), "%41%", "##vso[task.complete result=Succeeded;]", "../../etc/passwd", "javascript:alert(1)",
	"http://evil.example/x", "//evil.example/x", "file:///etc/passwd", `\\evil\share\x`, `C:\a b\c#d?e`, "a:b", "a%2Fb", "#", "?", ".",
}

func sarifCases() map[string][]report.Finding {
	cases := map[string][]report.Finding{
		"nothing": nil,
		"usual": {
			{
				Rule: "leak/known", Severity: report.Error, Message: "db-url stands in it", Hint: "rotate it",
				Path: "a/b c.json", Line: 3, Column: 7, Fingerprint: "00ff00ff00ff00ff",
			},
			{Rule: "leak/azure-sas", Severity: report.Warning, Message: "x", Path: "log of Job / npm: test", Line: 1},
			{Rule: "other/rule", Severity: report.Note, Message: "y"},
			{Rule: "other/rule", Severity: "critical", Message: "z", Path: "b", Line: -1},
		},
	}
	for i, text := range hostile {
		cases[fmt.Sprintf("hostile %d", i)] = []report.Finding{{
			Rule: text, Severity: report.Severity(text), Message: text, Hint: text, Path: text, Line: 1 << 40, Fingerprint: text,
		}}
	}
	return cases
}

func TestSARIF(t *testing.T) {
	t.Parallel()
	got := decode(t, sarif(t, sarifCases()["usual"]))
	if got.Version != "2.1.0" || !strings.HasSuffix(got.Schema, "/sarif-schema-2.1.0.json") || len(got.Runs) != 1 {
		t.Errorf("the log is version %q of %q with %d runs", got.Version, got.Schema, len(got.Runs))
	}
	driver := got.Runs[0].Tool.Driver
	if driver.Name != "KeyVaultEnv" || driver.Version == "" {
		t.Errorf("the tool is %q, version %q", driver.Name, driver.Version)
	}
	var rules []string
	for _, r := range driver.Rules {
		rules = append(rules, r.ID+": "+r.ShortDescription.Text+": "+r.Help.Text)
	}
	want := []string{"leak/known: a secret of this run: rotate it", "leak/azure-sas: a SAS: ", "other/rule: : "}
	if diff := cmp.Diff(want, rules); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	var results []string
	for _, r := range got.Runs[0].Results {
		line := fmt.Sprintf("%s %d %s: %s", r.RuleID, r.RuleIndex, r.Level, r.Message.Text)
		for _, at := range r.Locations {
			line += fmt.Sprintf(" at %s:%d", at.PhysicalLocation.ArtifactLocation.URI, at.PhysicalLocation.Region.StartLine)
		}
		results = append(results, line+" "+r.PartialFingerprints["guardrails/v1"])
	}
	want = []string{
		"leak/known 0 error: db-url stands in it. How to fix: rotate it at a/b%20c.json:3 00ff00ff00ff00ff",
		"leak/azure-sas 1 warning: x at log%20of%20Job%20/%20npm%3A%20test:1 ",
		"other/rule 2 note: y ",
		"other/rule 2 warning: z at b:0 ",
	}
	if diff := cmp.Diff(want, results); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}

// log is as much of SARIF as is written: anything else is an error.
type log struct {
	Schema  string `json:"$schema"`
	Version string
	Runs    []struct {
		Tool struct {
			Driver struct {
				Name, Version, Organization, InformationURI string
				Rules                                       []struct {
					ID                     string
					ShortDescription, Help struct{ Text string }
					Properties             struct{ Tags []string }
				}
			}
		}
		ColumnKind string
		Results    []struct {
			RuleID    string
			RuleIndex int
			Level     string
			Message   struct{ Text string }
			Locations []struct {
				PhysicalLocation struct {
					ArtifactLocation struct{ URI string }
					Region           struct{ StartLine int }
				}
			}
			PartialFingerprints map[string]string
		}
	}
}

func decode(t *testing.T, text []byte) log {
	t.Helper()
	var l log
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return l
}

func TestSARIFOfNothingSaysThatItLooked(t *testing.T) {
	t.Parallel()
	log := string(sarif(t, nil))
	if !strings.Contains(log, `"results": []`) {
		t.Errorf("without a finding the results must be empty and not absent:\n%s", log)
	}
}

func TestSARIFOfHostileTexts(t *testing.T) {
	t.Parallel()
	for _, text := range hostile {
		findings := []report.Finding{{
			Rule: text, Severity: report.Severity(text), Message: text, Hint: text, Path: text, Line: 7, Fingerprint: text,
		}}
		secrets := new(redact.Set)
		secrets.Add(secret)
		out, err := report.SARIF(text, []report.Rule{{ID: text, Description: text, Help: text}}, findings, secrets)
		if err != nil {
			t.Errorf("SARIF(%q): %v", text, err)
			continue
		}
		if strings.Contains(string(out), "hunter2") {
			t.Errorf("SARIF(%q): the secret is in it:\n%s", text, out)
		}
		for _, c := range string(out) {
			if c != '\n' && unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) {
				t.Errorf("SARIF(%q) holds %U", text, c)
			}
		}
		l := decode(t, out)
		r := l.Runs[0].Results[0]
		if len(l.Runs[0].Results) != 1 || r.Level != "warning" || r.RuleIndex != 0 || r.RuleID != l.Runs[0].Tool.Driver.Rules[0].ID {
			t.Errorf("SARIF(%q) is another result than was given: %+v", text, l)
		}
		for _, message := range []string{r.Message.Text, l.Runs[0].Tool.Driver.Rules[0].ShortDescription.Text, l.Runs[0].Tool.Driver.Name} {
			checkMessage(t, text, message)
		}
		uri, err := url.Parse(r.Locations[0].PhysicalLocation.ArtifactLocation.URI)
		if err != nil || uri.Scheme != "" && uri.Scheme != "file" || uri.Scheme == "" && uri.Host != "" || uri.RawQuery+uri.Fragment != "" {
			t.Errorf("SARIF(%q): the URI %q (%v) is not of a file", text, r.Locations[0].PhysicalLocation.ArtifactLocation.URI, err)
		}
	}
}

// checkMessage reads message as a viewer does: nothing in it is a placeholder or a link.
func checkMessage(t *testing.T, text, message string) {
	t.Helper()
	unescaped := strings.NewReplacer(`\\`, "", `\[`, "", `\]`, "", "{{", "", "}}", "").Replace(message)
	if strings.ContainsAny(unescaped, `[]{}\`) {
		t.Errorf("SARIF(%q): a viewer reads a meaning into %q", text, message)
	}
}

func TestSARIFPaths(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"a/b.go":               "a/b.go",
		"/home/x y/.npmrc":     "file:///home/x%20y/.npmrc",
		`C:\Users\x y\.npmrc`:  "file:///C:/Users/x%20y/.npmrc",
		"d:/a/b":               "file:///d:/a/b",
		`\\server\share\a b`:   "file://server/share/a%20b",
		"variable DB_URL":      "variable%20DB_URL",
		"javascript:alert(1)":  "javascript%3Aalert%281%29",
		"//evil.example/x":     "file:////evil.example/x",
		"a#b?c%d":              "a%23b%3Fc%25d",
		"a/" + secret + "/b":   "a/%2A%2A%2A/b",
		`back\slash of a Unix`: "back%5Cslash%20of%20a%20Unix",
	} {
		got := decode(t, sarif(t, []report.Finding{{Rule: "r", Message: "m", Path: path}}))
		if uri := got.Runs[0].Results[0].Locations[0].PhysicalLocation.ArtifactLocation.URI; uri != want {
			t.Errorf("the path %q is the URI %q, want %q", path, uri, want)
		}
	}
}
