// Package alerttest checks alerts as their receivers would: Microsoft Teams, Slack,
// PagerDuty, and one that goes by what package alert says of its own format. It knows the
// rules of their documentation, and nothing of how the documents are made; it is stricter
// than they are: what it does not know is an error.
package alerttest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// Limits of whole documents, in bytes.
const (
	maxTeams     = 28 << 10
	maxSlack     = 64 << 10
	maxPagerDuty = 512 << 10
)

// Validate says why a receiver of a format (teams, slack, pagerduty, generic) would not
// take a document.
func Validate(format string, body []byte) error {
	receiver, ok := map[string]struct {
		most int
		rule rule
	}{
		"teams": {maxTeams, teams()}, "slack": {maxSlack, slack()}, "pagerduty": {maxPagerDuty, pagerDuty},
		"generic": {maxSlack, generic()},
	}[format]
	if !ok {
		return fmt.Errorf("there is no receiver of the format %q", format)
	}
	if len(body) > receiver.most {
		return fmt.Errorf("%d bytes, more than %d", len(body), receiver.most)
	}
	if !utf8.Valid(body) {
		return errors.New("it is not UTF-8")
	}
	var v any
	decoder := json.NewDecoder(bytes.NewReader(body))
	if err := decoder.Decode(&v); err != nil {
		return fmt.Errorf("it is no JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something after the document")
	}
	return receiver.rule("$", v)
}

// generic is the format that package alert documents.
func generic() rule {
	short, long := text(1, 250), text(1, 1000)
	return object(
		fields{
			"version": number(1), "kind": one("tripped", "overridden", "reset"), "key": text(1, 255), "title": short,
		},
		fields{
			"time": timestamp, "pipeline": short, "run": short, "runUrl": address(1000), "repository": short,
			"branch": short, "reason": long, "actions": list(1, 1000, text(1, 300)), "fix": long,
		})
}

// pagerDuty is the Events API v2: a resolve needs its key alone.
func pagerDuty(path string, v any) error {
	routing, dedup := text(32, 32), text(1, 255)
	details := func(path string, v any) error {
		if _, ok := v.(map[string]any); !ok {
			return fmt.Errorf("%s is not an object", path)
		}
		return nil
	}
	payload := object(
		fields{
			"summary": text(1, 1024), "source": text(1, 255),
			"severity": one("critical", "error", "warning", "info"),
		},
		fields{
			"timestamp": timestamp, "component": text(1, 255), "group": text(1, 255), "class": text(1, 255),
			"custom_details": details,
		})
	link := object(fields{"href": address(2000), "text": text(1, 255)}, nil)
	event := object(
		fields{"routing_key": routing, "event_action": one("trigger"), "payload": payload},
		fields{
			"dedup_key": dedup, "client": text(1, 255), "client_url": address(2000), "links": list(0, 10, link),
		})
	follow := object(
		fields{"routing_key": routing, "event_action": one("acknowledge", "resolve"), "dedup_key": dedup}, nil)
	if o, ok := v.(map[string]any); ok && o["event_action"] != "trigger" {
		return follow(path, v)
	}
	return event(path, v)
}
