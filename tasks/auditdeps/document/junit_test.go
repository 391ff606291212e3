package document

import (
	"encoding/xml"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// hostile has what ends attributes and elements, steers terminals and the agent, and is
// no UTF-8.
const hostile = "a\"'<b>&]]></failure><testcase name='x'/>\x00\x1b[2J\u202e\ufffe\xff\r\n##vso[task.complete result=Succeeded;]"

var suite = Suite{Name: "AuditDeps", Cases: []Case{
	{Group: "web/package-lock.json", Name: "ms@2.1.3", Outcome: Passed},
	{Group: "web/package-lock.json", Name: "minimist@1.2.5", Outcome: Failed,
		Message: "GHSA-xvch-5gv4-984h (critical)", Details: "root > mkdirp > minimist\nnpm update minimist"},
	{Group: "api/go.sum", Name: "stdlib@1.22.0", Outcome: Suppressed, Message: "only in tests, until 2026-12-31"},
	{Group: "api/go.sum", Name: "Go", Outcome: NotAudited, Message: "the data is 9 days old"},
}}

const junitWant = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="AuditDeps" tests="4" failures="1" errors="1" skipped="1">
  <testsuite name="api/go.sum" tests="2" failures="0" errors="1" skipped="1">
    <testcase name="Go" classname="api/go.sum">
      <error message="the data is 9 days old" type="cannot audit"></error>
    </testcase>
    <testcase name="stdlib@1.22.0" classname="api/go.sum">
      <skipped message="only in tests, until 2026-12-31"></skipped>
    </testcase>
  </testsuite>
  <testsuite name="web/package-lock.json" tests="2" failures="1" errors="0" skipped="0">
    <testcase name="minimist@1.2.5" classname="web/package-lock.json">
      <failure message="GHSA-xvch-5gv4-984h (critical)" type="vulnerable">root &gt; mkdirp &gt; minimist&#xA;npm update minimist</failure>
    </testcase>
    <testcase name="ms@2.1.3" classname="web/package-lock.json"></testcase>
  </testsuite>
</testsuites>
`

func TestJUnit(t *testing.T) {
	t.Parallel()
	for range 5 {
		shuffled := Suite{Name: suite.Name, Cases: append([]Case(nil), suite.Cases...)}
		rand.Shuffle(len(shuffled.Cases), func(i, j int) {
			shuffled.Cases[i], shuffled.Cases[j] = shuffled.Cases[j], shuffled.Cases[i]
		})
		got, err := JUnit(shuffled)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(junitWant, string(got)); diff != "" {
			t.Fatalf("JUnit (-want +got):\n%s", diff)
		}
	}
	if got, err := JUnit(Suite{Cases: []Case{{Name: "x", Outcome: "odd"}}}); err == nil {
		t.Errorf("JUnit with an unknown outcome = %s, want an error", got)
	}
	if got, err := JUnit(Suite{}); err != nil || !strings.Contains(string(got), `tests="0"`) {
		t.Errorf("JUnit of nothing = %s, %v", got, err)
	}
}

// readBack decodes a document as a reader of JUnit would, and checks its form.
func readBack(t *testing.T, text []byte) []Case {
	t.Helper()
	if !utf8.Valid(text) {
		t.Fatalf("the document is no UTF-8: %q", text)
	}
	var doc struct {
		Tests  int `xml:"tests,attr"`
		Suites []struct {
			Name  string `xml:"name,attr"`
			Cases []struct {
				Name    string       `xml:"name,attr"`
				Failure *junitResult `xml:"failure"`
				Error   *junitResult `xml:"error"`
				Skipped *junitResult `xml:"skipped"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(text, &doc); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	var all []Case
	for _, s := range doc.Suites {
		for _, c := range s.Cases {
			out := Case{Group: s.Name, Name: c.Name, Outcome: Passed}
			for outcome, result := range map[Outcome]*junitResult{Failed: c.Failure, NotAudited: c.Error, Suppressed: c.Skipped} {
				if result != nil {
					out.Outcome, out.Message, out.Details = outcome, result.Message, result.Text
				}
			}
			all = append(all, out)
		}
	}
	if doc.Tests != len(all) {
		t.Fatalf("%d tests are announced, %d there: %s", doc.Tests, len(all), text)
	}
	return all
}

func TestJUnitHostile(t *testing.T) {
	t.Parallel()
	text, err := JUnit(Suite{Name: hostile, Cases: []Case{
		{Group: hostile, Name: hostile, Message: hostile, Details: hostile, Outcome: Failed}}})
	if err != nil {
		t.Fatal(err)
	}
	const clean = "a\"'<b>&]]></failure><testcase name='x'/>\ufffd\ufffd[2J\ufffd\ufffd\ufffd"
	oneLine := clean + " ##vso[task.complete result=Succeeded;]"
	want := []Case{{Group: oneLine, Name: oneLine, Message: oneLine, Outcome: Failed,
		Details: clean + "\n##vso[task.complete result=Succeeded;]"}}
	if diff := cmp.Diff(want, readBack(t, text)); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

func FuzzJUnit(f *testing.F) {
	f.Add("web", "a@1", "message", hostile)
	f.Fuzz(func(t *testing.T, group, name, message, details string) {
		text, err := JUnit(Suite{Cases: []Case{
			{Group: group, Name: name, Message: message, Details: details, Outcome: Failed},
			{Group: group, Name: details, Message: name, Outcome: Suppressed},
			{Group: details, Name: message, Outcome: Passed}}})
		if err != nil {
			t.Fatal(err)
		}
		if n := len(readBack(t, text)); n != 3 {
			t.Errorf("%d cases, want 3: %s", n, text)
		}
	})
}
