package auditdeps

import (
	"encoding/json"
	"encoding/xml"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// published is what is given to Azure Pipelines: an artifact's name, or a kind of tests.
var published = regexp.MustCompile(`(?m)^##vso\[(?:artifact\.upload|results\.publish) [^\]]*(?:artifactname|type)=(\w+);\]`)

// Which documents are written, published and named as output variables.
func TestDocuments(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		inputs          []string
		release         bool
		written, upload []string
	}{
		"by default": {nil, false, []string{".sarif"}, []string{"CodeAnalysisLogs"}},
		"none":       {[]string{"sarif", "false"}, false, nil, nil},
		"all": {
			[]string{"junit", "true", "cyclonedx", "true"}, false, []string{".cdx.json", ".junit.xml", ".sarif"},
			[]string{"CodeAnalysisLogs", "JUnit", "sbom"},
		},
		"all in a release": {
			[]string{"junit", "true", "cyclonedx", "true"}, true, []string{".cdx.json", ".junit.xml", ".sarif"},
			[]string{"JUnit"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, bad().String()).victim().input(tc.inputs...)
			if tc.release {
				j.env["SYSTEM_HOSTTYPE"] = "release"
			}
			j.expect("Failed")
			var written []string
			for _, ending := range []string{".cdx.json", ".junit.xml", ".sarif"} {
				output := strings.Trim(strings.TrimSuffix(strings.TrimSuffix(ending, ".json"), ".xml"), ".") + "File"
				output = strings.Replace(output, "cdx", "cyclonedx", 1)
				file := j.path("work/_temp/guardrails/auditdeps-1f" + ending)
				if len(j.glob("work/_temp/guardrails/*"+ending)) == 0 {
					file = ""
				} else {
					written = append(written, ending)
				}
				j.outputs(output + "=" + file)
			}
			var upload []string
			for _, m := range published.FindAllStringSubmatch(j.log, -1) {
				upload = append(upload, m[1])
			}
			if diff := cmp.Diff(tc.written, written); diff != "" {
				t.Errorf("written (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.upload, upload); diff != "" {
				t.Errorf("published (-want +got):\n%s\n%s", diff, j.log)
			}
		})
	}
}

// mixed is a job with everything that documents tell apart.
func mixed(t *testing.T) *job {
	t.Helper()
	j := newJob(t, bad().String(), about("npm", "mild", "GHSA-2222-2222-2222").severity("LOW").String(),
		about("npm", "okay", "GHSA-3333-3333-3333").String(), about("npm", "build", "GHSA-4444-4444-4444").String())
	j.npm(".", "victim@^1.0.0 mild@1.0.0 okay@1.0.0 good@1.0.0 dev build@1.0.0", pkg{"victim@1.0.0", "good@^1.0.0"},
		pkg{"mild@1.0.0", ""}, pkg{"okay@1.0.0", ""}, pkg{"good@1.0.0", ""}, pkg{"dev:build@1.0.0", ""})
	j.install(".", "good@1.0.1", "").write("py/requirements.txt", "left==1.0\n")
	j.write("auditdeps.yml", allow("id: GHSA-3333-3333-3333", "reason: fine by us", "expires: 2026-06-30"))
	j.input("junit", "true", "cyclonedx", "true", "devDependencies", "exclude", "checks", "advisories, drift, installed")
	return j.expect("Failed")
}

func TestSARIF(t *testing.T) {
	t.Parallel()
	var doc struct {
		Runs []struct {
			Results []struct {
				RuleID  string `json:"ruleId"`
				Level   string `json:"level"`
				Message struct{ Text string }
			}
		}
	}
	if err := json.Unmarshal([]byte(mixed(t).written(".sarif")), &doc); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range doc.Runs[0].Results {
		got = append(got, r.Level+" "+r.RuleID)
	}
	slices.Sort(got)
	want := []string{
		"error GHSA-1111-1111-1111", "error auditdeps/cannot-audit", "error installed/version",
		"note GHSA-3333-3333-3333", "warning GHSA-2222-2222-2222", "warning auditdeps/not-audited",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}

func TestJUnit(t *testing.T) {
	t.Parallel()
	var doc struct {
		Suites []struct {
			Name  string `xml:"name,attr"`
			Cases []struct {
				Name    string    `xml:"name,attr"`
				Failure *struct{} `xml:"failure"`
				Error   *struct{} `xml:"error"`
				Skipped *struct{} `xml:"skipped"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal([]byte(mixed(t).written(".junit.xml")), &doc); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range doc.Suites {
		for _, c := range s.Cases {
			is := "passed"
			switch {
			case c.Failure != nil:
				is = "failed"
			case c.Error != nil:
				is = "error"
			case c.Skipped != nil:
				is = "skipped"
			}
			got = append(got, s.Name+" "+c.Name+" "+is)
		}
	}
	slices.Sort(got)
	want := []string{
		"AuditDeps can be audited error", "package-lock.json build@1.0.0 skipped", "package-lock.json good@1.0.0 failed",
		"package-lock.json good@1.0.1 passed", "package-lock.json mild@1.0.0 skipped",
		"package-lock.json okay@1.0.0 skipped", "package-lock.json victim@1.0.0 failed",
		"py/requirements.txt can be audited skipped", "py/requirements.txt left@1.0 passed",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tests (-want +got):\n%s", diff)
	}
}

func TestCycloneDX(t *testing.T) {
	t.Parallel()
	var doc struct {
		BOMFormat  string `json:"bomFormat"`
		Components []struct {
			PURL string `json:"purl"`
		}
		Vulnerabilities []struct {
			ID       string
			Analysis *struct{ Detail string }
		}
	}
	if err := json.Unmarshal([]byte(mixed(t).written(".cdx.json")), &doc); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range doc.Components {
		got = append(got, c.PURL)
	}
	for _, v := range doc.Vulnerabilities {
		text := v.ID
		if v.Analysis != nil {
			text += ": " + v.Analysis.Detail
		}
		got = append(got, text)
	}
	slices.Sort(got)
	want := []string{
		"GHSA-1111-1111-1111", "GHSA-2222-2222-2222", "GHSA-3333-3333-3333: accepted until 2026-06-30: fine by us",
		"GHSA-4444-4444-4444: for development only", "pkg:npm/build@1.0.0", "pkg:npm/good@1.0.0", "pkg:npm/good@1.0.1",
		"pkg:npm/mild@1.0.0", "pkg:npm/okay@1.0.0", "pkg:npm/victim@1.0.0", "pkg:pypi/left@1.0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("inventory (-want +got):\n%s", diff)
	}
}

// The JSON report has everything as facts.
func TestFacts(t *testing.T) {
	t.Parallel()
	j := mixed(t)
	var doc struct {
		Result string
		Facts  struct {
			Result          string
			Vulnerabilities []vulnerabilityFact
			Drift           []driftFact
			CannotAudit     []string
			NotAudited      []string
			Advisories      []struct {
				Ecosystem, Source, AsOf string
				Records                 int
			}
		}
	}
	if err := json.Unmarshal([]byte(j.written("-main.json")), &doc); err != nil {
		t.Fatal(err)
	}
	f := doc.Facts
	var statuses []string
	for _, v := range f.Vulnerabilities {
		statuses = append(statuses, v.Package+" "+v.Status)
	}
	want := []string{"victim fails", "mild warns", "okay accepted", "build excluded"}
	if diff := cmp.Diff(want, statuses); diff != "" || f.Result != "cannotAudit" || len(f.Drift) == 0 || len(f.CannotAudit) != 1 || len(f.NotAudited) != 1 ||
		len(f.Advisories) != 1 || f.Advisories[0].Ecosystem != "npm" || f.Advisories[0].AsOf != "2026-03-01T12:00:00Z" {
		t.Errorf("facts (-want +got):\n%s\n%+v", diff, f)
	}
	v := f.Vulnerabilities[0]
	if v.Line == 0 || v.Path != "package-lock.json" || v.Stale || !slices.Equal(v.Fixed, []string{"2.0.0"}) ||
		cmp.Diff([][]string{{"root", "victim"}}, v.Chains) != "" {
		t.Errorf("the first vulnerability is %+v", v)
	}
}
