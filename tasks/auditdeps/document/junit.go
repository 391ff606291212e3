package document

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"slices"
)

// Suite is an audit as tests.
type Suite struct {
	Name  string
	Cases []Case
}

// Case is the audit of one package, or of all that could not be audited.
type Case struct {
	Group   string // the lock file; cases of one become a testsuite
	Name    string // name@version
	Outcome Outcome
	Message string // one line: what was found, why it is accepted, or why it cannot be audited
	Details string
}

// Outcome is what became of a Case.
type Outcome string

// The outcomes. NotAudited is neither good nor bad: nothing is known.
const (
	Passed     Outcome = "passed"
	Failed     Outcome = "failed"
	Suppressed Outcome = "suppressed"
	NotAudited Outcome = "not audited"
)

type junitSuites struct {
	XMLName  xml.Name `xml:"testsuites"`
	Name     string   `xml:"name,attr"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Errors   int      `xml:"errors,attr"`
	Skipped  int      `xml:"skipped,attr"`
	Suites   []*junitSuite
}

type junitSuite struct {
	XMLName  xml.Name `xml:"testsuite"`
	Name     string   `xml:"name,attr"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Errors   int      `xml:"errors,attr"`
	Skipped  int      `xml:"skipped,attr"`
	Cases    []junitCase
}

type junitCase struct {
	XMLName xml.Name     `xml:"testcase"`
	Name    string       `xml:"name,attr"`
	Class   string       `xml:"classname,attr"`
	Failure *junitResult `xml:"failure"`
	Error   *junitResult `xml:"error"`
	Skipped *junitResult `xml:"skipped"`
}

type junitResult struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// JUnit returns the audit as JUnit's XML, as PublishTestResults@2 reads it: a testsuite
// for each group, a testcase for each case. A suppressed one is skipped, and one that
// could not be audited is an error and no failure. An unknown outcome is an error.
func JUnit(suite Suite) ([]byte, error) {
	cases := slices.Clone(suite.Cases)
	slices.SortStableFunc(cases, func(a, b Case) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Name, b.Name),
			cmp.Compare(a.Message, b.Message), cmp.Compare(a.Details, b.Details), cmp.Compare(a.Outcome, b.Outcome))
	})
	all := junitSuites{Name: line(suite.Name)}
	for i, c := range cases {
		if i == 0 || cases[i-1].Group != c.Group {
			all.Suites = append(all.Suites, &junitSuite{Name: line(c.Group)})
		}
		if err := all.Suites[len(all.Suites)-1].add(c); err != nil {
			return nil, err
		}
	}
	for _, s := range all.Suites {
		all.Tests += s.Tests
		all.Failures += s.Failures
		all.Errors += s.Errors
		all.Skipped += s.Skipped
	}
	var out bytes.Buffer
	out.WriteString(xml.Header)
	encoder := xml.NewEncoder(&out)
	encoder.Indent("", "  ")
	if err := encoder.Encode(all); err != nil {
		return nil, fmt.Errorf("document: writing JUnit: %w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

func (s *junitSuite) add(c Case) error {
	out := junitCase{Name: line(c.Name), Class: line(c.Group)}
	result := &junitResult{Message: line(c.Message), Text: clean(c.Details)}
	switch c.Outcome {
	case Passed:
	case Failed:
		out.Failure, result.Type = result, "vulnerable"
		s.Failures++
	case NotAudited:
		out.Error, result.Type = result, "cannot audit"
		s.Errors++
	case Suppressed:
		out.Skipped = result
		s.Skipped++
	default:
		return fmt.Errorf("document: the case %q has the unknown outcome %q", c.Name, c.Outcome)
	}
	s.Tests++
	s.Cases = append(s.Cases, out)
	return nil
}
