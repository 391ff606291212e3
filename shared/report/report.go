// Package report collects what a task found and gives it to its three readers:
// issues in the run's log and page, a JSON file for programs, and a Markdown
// summary for the run's Extensions tab. [SARIF] is for viewers of static analysis.
//
// It promises that nothing it writes holds a secret of the set it is given: the
// agent masks the log, but neither attachments nor summaries. The JSON's shape
// is docs/report.md; it has a version and only ever gains fields within one.
package report

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/guardrails-ci/guardrails/shared/pipeline"
	"github.com/guardrails-ci/guardrails/shared/redact"
)

// Schema is the version of the JSON report's shape.
const Schema = 1

// Severity says how bad a finding is.
type Severity string

// The severities of a finding.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Note    Severity = "note"
)

// Finding is one thing a task has to say about the user's pipeline or files.
type Finding struct {
	Rule     string   `json:"rule"` // stable name, such as "cache/installation"
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`
	Hint     string   `json:"hint,omitempty"` // what to do
	Path     string   `json:"path,omitempty"`
	Line     int      `json:"line,omitempty"`
	Column   int      `json:"column,omitempty"`
	// Fingerprint is the same for the same thing found again, "" if there is none.
	Fingerprint string `json:"fingerprint,omitempty"`
}

// Text is the finding in one line, with its hint.
func (f Finding) Text() string {
	if f.Hint == "" {
		return f.Message
	}
	end := "."
	if strings.ContainsAny(f.Message[max(0, len(f.Message)-1):], "?!.") {
		end = ""
	}
	return f.Message + end + " How to fix: " + f.Hint
}

// Header is what the harness knows of the run; Class and Result are set at its end.
type Header struct {
	Schema      int           `json:"schema"`
	Task        string        `json:"task"`
	Version     string        `json:"version"`
	Stage       string        `json:"stage"`
	Enforcement string        `json:"enforcement,omitempty"`
	Class       string        `json:"class"`
	Result      string        `json:"result"`
	Started     time.Time     `json:"started"`
	Duration    time.Duration `json:"durationNs"`
}

// Report is safe for concurrent use; the zero value is ready.
type Report struct {
	mu       sync.Mutex
	findings []Finding
	facts    map[string]any
	summary  []paragraph
}

// paragraph is Markdown of ours with places for text that may be anybody's.
type paragraph struct {
	format string
	texts  []string
}

// Add records a finding.
func (r *Report) Add(f Finding) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.findings = append(r.findings, f)
}

// Findings returns what was added, in order.
func (r *Report) Findings() []Finding {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Finding(nil), r.findings...)
}

// Set records a fact for the JSON report; value must be something
// encoding/json takes. A later value replaces an earlier one.
func (r *Report) Set(key string, value any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.facts == nil {
		r.facts = map[string]any{}
	}
	r.facts[key] = value
}

// Summary appends a paragraph of Markdown to the run's summary. Each %s of format
// is replaced by the text for it, masked and escaped - in this order, as a secret
// with a backslash before its underscore is no longer recognised.
func (r *Report) Summary(format string, texts ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.summary = append(r.summary, paragraph{format, texts})
}

// Log reports the findings as issues of the step; notes are plain lines.
func (r *Report) Log(l *pipeline.Log) {
	for _, f := range r.Findings() {
		issue := pipeline.Issue{Message: f.Text(), Path: f.Path, Line: f.Line, Column: f.Column, Code: f.Rule}
		switch f.Severity {
		case Error:
			l.Error(issue)
		case Warning:
			l.Warning(issue)
		case Note:
			l.Print(f.Text())
		}
	}
}

// JSON returns the report as a JSON document, without the secrets.
func (r *Report) JSON(h Header, secrets *redact.Set) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h.Schema = Schema
	doc := struct {
		Header
		Findings []Finding      `json:"findings"`
		Facts    map[string]any `json:"facts,omitempty"`
	}{h, append([]Finding{}, r.findings...), r.facts}
	raw, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	// Masked string by string, not as text: a secret may look like JSON.
	decoder := json.NewDecoder(strings.NewReader(string(raw)))
	decoder.UseNumber()
	var tree any
	if err := decoder.Decode(&tree); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	out, err := json.MarshalIndent(mask(tree, secrets), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	return append(out, '\n'), nil
}

// SummaryText returns the Markdown summary without the secrets; it is empty when
// there is nothing to say.
func (r *Report) SummaryText(h Header, secrets *redact.Set) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.summary) == 0 && len(r.findings) == 0 {
		return ""
	}
	clean := func(text string) string { return Markdown(secrets.String(text)) }
	var b strings.Builder
	fmt.Fprintf(&b, "### %s: %s\n\n", clean(h.Task), clean(h.outcome()))
	for _, p := range r.summary {
		texts := make([]any, len(p.texts))
		for i := range p.texts {
			texts[i] = clean(p.texts[i])
		}
		b.WriteString(fmt.Sprintf(p.format, texts...) + "\n\n")
	}
	if len(r.findings) > 0 {
		b.WriteString("| severity | rule | finding | what to do |\n|---|---|---|---|\n")
		for _, f := range r.findings {
			fmt.Fprintf(&b, "| %s | %s | %s%s | %s |\n",
				f.Severity, clean(f.Rule), clean(f.Message), clean(f.place()), clean(f.Hint))
		}
	}
	return secrets.String(b.String()) // what our own text may hold
}

// outcome is the class in the words of who reads the summary.
func (h Header) outcome() string {
	switch h.Class {
	case "succeeded":
		if h.Result == string(pipeline.SucceededWithIssues) {
			return "succeeded with issues"
		}
	case "environment":
		return "could not look"
	case "badInput":
		return "wrong inputs"
	case "bug":
		return "a mistake in the task itself"
	}
	return h.Class
}

func (f Finding) place() string {
	switch {
	case f.Path == "":
		return ""
	case f.Line == 0:
		return " (" + f.Path + ")"
	default:
		return fmt.Sprintf(" (%s:%d)", f.Path, f.Line)
	}
}

func mask(tree any, secrets *redact.Set) any {
	switch v := tree.(type) {
	case string:
		return secrets.String(v)
	case []any:
		for i := range v {
			v[i] = mask(v[i], secrets)
		}
	case map[string]any:
		masked := make(map[string]any, len(v))
		for key, value := range v {
			masked[secrets.String(key)] = mask(value, secrets)
		}
		return masked
	}
	return tree
}

var markdownEscaper = strings.NewReplacer(
	"\\", "\\\\", "`", "\\`", "*", "\\*", "_", "\\_", "[", "\\[", "]", "\\]", "#", "\\#", "!", "\\!",
	"|", "\\|", "<", "&lt;", ">", "&gt;", "&", "&amp;", "~", "\\~", "\r\n", " ", "\r", " ", "\n", " ",
)

// Markdown escapes untrusted text for use inside a line of Markdown, table cells
// included: no markup, link, HTML or line break of it takes effect. Mask first:
// an escaped secret is not recognised any more.
func Markdown(text string) string { return markdownEscaper.Replace(text) }
