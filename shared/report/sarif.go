package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/version"
)

// Rule is what a finding is found by, for viewers that explain it.
type Rule struct {
	ID          string // as in Finding.Rule
	Description string // one line
	Help        string // what to do, "" for nothing in general
}

// SARIF returns the findings in the format of viewers of static analysis: SARIF
// 2.1.0, the OASIS standard, errata 01 (section numbers are of that:
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/). None of the secrets
// is in it, wherever a text comes from.
//
// A Finding.Path becomes a URI: an absolute one, of Unix or Windows, of a file; any
// other a relative one, also if it is no file, such as "log of Job / npm test". A
// Finding.Column is left out, as it counts bytes, and SARIF's columns count UTF-16
// code units or code points (3.14.17).
func SARIF(tool string, rules []Rule, findings []Finding, secrets *redact.Set) ([]byte, error) {
	s := sarif{secrets: secrets, index: map[string]int{}}
	for _, r := range rules {
		s.rule(r)
	}
	results := make([]sarifResult, 0, len(findings)) // null would mean that nothing was looked for (3.14.23)
	for _, f := range findings {
		results = append(results, s.result(f))
	}
	log := sarifLog{
		Schema:  "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
		Version: "2.1.0",
		Runs: []sarifRun{{
			Tool: sarifTool{sarifDriver{
				Name: s.text(tool), Version: version.String(), Organization: "Guardrails",
				InformationURI: "https://github.com/guardrails-ci/guardrails", Rules: s.rules,
			}},
			ColumnKind: "utf16CodeUnits",
			Results:    results,
		}},
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(log); err != nil {
		return nil, fmt.Errorf("report: writing SARIF: %w", err)
	}
	return out.Bytes(), nil
}

// sarif is a run in the making.
type sarif struct {
	secrets *redact.Set
	rules   []sarifRule
	index   map[string]int // of a rule, by its ID
}

// rule returns the rule's place, and enters it if it is new.
func (s *sarif) rule(r Rule) (id string, index int) {
	id = s.plain(r.ID)
	if at, known := s.index[id]; known {
		return id, at
	}
	s.index[id] = len(s.rules)
	s.rules = append(s.rules, sarifRule{
		ID: id, ShortDescription: s.message(r.Description), Help: s.message(r.Help),
		Properties: sarifTags{Tags: []string{"security"}},
	})
	return id, s.index[id]
}

func (s *sarif) result(f Finding) sarifResult {
	id, index := s.rule(Rule{ID: f.Rule})
	r := sarifResult{RuleID: id, RuleIndex: index, Level: level(f.Severity), Message: sarifText{s.text(f.Text())}}
	if f.Path != "" {
		at := sarifPhysical{Artifact: sarifArtifact{fileURI(s.secrets.String(f.Path))}}
		if f.Line > 0 {
			at.Region = &sarifRegion{f.Line}
		}
		r.Locations = []sarifLocation{{at}}
	}
	if f.Fingerprint != "" {
		r.Fingerprints = map[string]string{"guardrails/v1": s.plain(f.Fingerprint)}
	}
	return r
}

func level(s Severity) string {
	if slices.Contains([]Severity{Error, Warning, Note}, s) {
		return string(s)
	}
	return string(Warning) // the level of a result that has none (3.27.10)
}

func (s *sarif) message(text string) *sarifText {
	if text == "" {
		return nil
	}
	return &sarifText{s.text(text)}
}

// plain is text that nothing reads a meaning into: masked, one line, nothing that
// moves a terminal's cursor or turns the direction of writing.
func (s *sarif) plain(text string) string {
	masked := strings.ToValidUTF8(s.secrets.String(text), "\ufffd")
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\n' || c == '\r' || c == '\t' || c == '\u2028' || c == '\u2029':
			return ' '
		case unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c):
			return '\ufffd'
		}
		return c
	}, masked)
}

// Placeholders ("{0}", 3.11.5) and links ("[text](uri)", 3.11.6) have a meaning in
// every message of SARIF, and so in text that is somebody's.
var sarifEscaper = strings.NewReplacer(`\`, `\\`, `[`, `\[`, `]`, `\]`, `{`, `{{`, `}`, `}}`)

func (s *sarif) text(text string) string { return sarifEscaper.Replace(s.plain(text)) }

var (
	windowsDrive = regexp.MustCompile(`^[A-Za-z]:[\\/]`)
	windowsShare = regexp.MustCompile(`^\\\\[^\\/]+[\\/]`)
)

// fileURI is a path as a URI reference (RFC 3986, RFC 8089).
func fileURI(path string) string {
	switch {
	case windowsDrive.MatchString(path):
		return "file:///" + path[:2] + escapePath(strings.ReplaceAll(path[2:], `\`, "/"))
	case windowsShare.MatchString(path):
		return "file:" + escapePath(strings.ReplaceAll(path, `\`, "/"))
	case strings.HasPrefix(path, "/"):
		return "file://" + escapePath(path)
	}
	return escapePath(path)
}

// escapePath keeps the slashes. A colon in the first part of a relative path would
// end a scheme.
func escapePath(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		parts[i] = strings.ReplaceAll(url.PathEscape(part), ":", "%3A")
	}
	return strings.Join(parts, "/")
}

// What follows is the part of SARIF that is written here.

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool       sarifTool     `json:"tool"`
	ColumnKind string        `json:"columnKind"`
	Results    []sarifResult `json:"results"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name           string      `json:"name"`
	Version        string      `json:"version"`
	Organization   string      `json:"organization"`
	InformationURI string      `json:"informationUri"`
	Rules          []sarifRule `json:"rules,omitempty"`
}

type sarifRule struct {
	ID               string     `json:"id"`
	ShortDescription *sarifText `json:"shortDescription,omitempty"`
	Help             *sarifText `json:"help,omitempty"`
	Properties       sarifTags  `json:"properties"`
}

type sarifTags struct {
	Tags []string `json:"tags"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifResult struct {
	RuleID       string            `json:"ruleId"`
	RuleIndex    int               `json:"ruleIndex"`
	Level        string            `json:"level"`
	Message      sarifText         `json:"message"`
	Locations    []sarifLocation   `json:"locations,omitempty"`
	Fingerprints map[string]string `json:"partialFingerprints,omitempty"`
}

type sarifLocation struct {
	Physical sarifPhysical `json:"physicalLocation"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   *sarifRegion  `json:"region,omitempty"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

type sarifRegion struct {
	StartLine int `json:"startLine"`
}
