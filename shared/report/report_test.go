package report_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/pipeline"
	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/report"
)

const secret = `hunter2"and:more_than*that`

func filled() (*report.Report, *redact.Set) {
	secrets := new(redact.Set)
	secrets.Add(secret)
	r := new(report.Report)
	r.Add(report.Finding{
		Rule: "cache/x", Severity: report.Error, Message: "refusing " + secret + " | <b>", Hint: "do *that*",
		Path: "a/b.json", Line: 3,
	})
	r.Add(report.Finding{Rule: "cache/y", Severity: report.Warning, Message: "two\nlines"})
	r.Add(report.Finding{Rule: "cache/z", Severity: report.Note, Message: "by the way"})
	r.Set("files", 12345678901234567)
	r.Set("names", []string{"x" + secret, secret})
	r.Set(secret, "a key")
	r.Summary("Restored **%s** files of `%s`.", "3", "a_b "+secret)
	return r, secrets
}

var header = report.Header{
	Task: "SafeCache", Version: "1.0.0", Stage: "main", Class: "refused", Result: "Failed",
	Started: time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC), Duration: time.Second,
}

func TestJSON(t *testing.T) {
	t.Parallel()
	r, secrets := filled()
	doc, err := r.JSON(header, secrets)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(doc), "hunter2") {
		t.Errorf("the secret is in the report:\n%s", doc)
	}
	var got struct {
		report.Header
		Findings []report.Finding
		Facts    struct {
			Files json.Number
			Names []string
		}
	}
	if err := json.Unmarshal(doc, &got); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, doc)
	}
	want := header
	want.Schema = report.Schema
	if diff := cmp.Diff(want, got.Header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	if got.Facts.Files != "12345678901234567" {
		t.Errorf("facts.files = %s: a number must stay exact", got.Facts.Files)
	}
	if diff := cmp.Diff([]string{"x***", "***"}, got.Facts.Names); diff != "" {
		t.Errorf("facts.names (-want +got):\n%s", diff)
	}
	if len(got.Findings) != 3 || got.Findings[0].Message != "refusing *** | <b>" {
		t.Errorf("findings = %+v", got.Findings)
	}
}

func TestSummaryText(t *testing.T) {
	t.Parallel()
	r, secrets := filled()
	if strings.Contains(r.SummaryText(header, secrets), "hunter2") {
		t.Errorf("the secret is in the summary:\n%s", r.SummaryText(header, secrets))
	}
	want := `### SafeCache: refused

Restored **3** files of ` + "`a\\_b \\*\\*\\*`" + `.

| severity | rule | finding | what to do |
|---|---|---|---|
| error | cache/x | refusing \*\*\* \| &lt;b&gt; (a/b.json:3) | do \*that\* |
| warning | cache/y | two lines |  |
| note | cache/z | by the way |  |
`
	if diff := cmp.Diff(want, r.SummaryText(header, secrets)); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	if got := new(report.Report).SummaryText(header, secrets); got != "" {
		t.Errorf("summary of an empty report = %q, want nothing", got)
	}
}

func TestSummaryHasTheOutcomeInWords(t *testing.T) {
	t.Parallel()
	r, secrets := filled()
	for want, h := range map[string]report.Header{
		"succeeded":                    {Class: "succeeded", Result: "Succeeded"},
		"succeeded with issues":        {Class: "succeeded", Result: "SucceededWithIssues"},
		"could not look":               {Class: "environment", Result: "Failed"},
		"wrong inputs":                 {Class: "badInput", Result: "Failed"},
		"cancelled":                    {Class: "cancelled", Result: "Failed"},
		"a mistake in the task itself": {Class: "bug", Result: "Failed"},
	} {
		h.Task = "SafeCache"
		if got, _, _ := strings.Cut(r.SummaryText(h, secrets), "\n"); got != "### SafeCache: "+want {
			t.Errorf("the summary of %+v begins %q, want %q", h, got, want)
		}
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	r, secrets := filled()
	var out strings.Builder
	r.Log(pipeline.New(&out, secrets))
	want := `##vso[task.logissue type=error;sourcepath=a/b.json;linenumber=3;code=cache/x;]refusing *** | <b>. How to fix: do *that*
##vso[task.logissue type=warning;code=cache/y;]two%0Alines
by the way
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func TestTextHasOneEndOfItsSentence(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]string{
		"no file":      "no file. How to fix: x",
		"did you mean": "did you mean. How to fix: x",
		"mean b?":      "mean b? How to fix: x",
		"no!":          "no! How to fix: x",
		"it ends.":     "it ends. How to fix: x",
		"":             ". How to fix: x",
	} {
		if got := (report.Finding{Message: message, Hint: "x"}).Text(); got != want {
			t.Errorf("Text of %q is %q, want %q", message, got, want)
		}
	}
}

func TestMarkdownEscapes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain":                "plain",
		"[x](http://e)":        `\[x\](http://e)`,
		"a|b\r\nc\rd\ne":       `a\|b c d e`,
		"<img src=x>&amp;":     "&lt;img src=x&gt;&amp;amp;",
		"`code` *b* _i_ ~s~ #": "\\`code\\` \\*b\\* \\_i\\_ \\~s\\~ \\#",
	} {
		if got := report.Markdown(text); got != want {
			t.Errorf("Markdown(%q) = %q, want %q", text, got, want)
		}
	}
}
