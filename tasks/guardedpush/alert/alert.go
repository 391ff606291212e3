// Package alert tells people that a breaker has tripped, was overridden or reset.
//
// What it promises: no text of an event, whoever has written it, becomes a link, a
// mention, a picture or a format; each document keeps within the limits of its receiver;
// and the address of a receiver, which is as good as a password, is in no error.
package alert

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Kind is what happened.
type Kind string

// The kinds.
const (
	Tripped    Kind = "tripped"
	Overridden Kind = "overridden"
	Reset      Kind = "reset"
)

// Event is what is told. No text of it is trusted. What is empty is left out, but for
// Kind and Key.
type Event struct {
	Kind       Kind
	Time       time.Time
	Key        string // of the incident: organization/project/definition
	Pipeline   string // its name
	Run        string // number
	RunURL     string // left out if it is none of a web server
	Repository string
	Branch     string
	Reason     string
	Actions    []string // what was done, and what could not be, a line each
	Fix        string
}

// Format is the receiver's.
type Format string

// The formats.
const (
	// Teams is a message with an Adaptive Card, as Workflows in Microsoft Teams take it.
	Teams Format = "teams"
	// Slack is a message with blocks, as an incoming webhook takes it.
	Slack Format = "slack"
	// PagerDuty is an event of the Events API v2: trigger, or resolve for a reset.
	PagerDuty Format = "pagerduty"
	// Generic is a document of our own, for anything else:
	//
	//	{
	//	  "version": 1,
	//	  "kind": "tripped",                    or overridden, reset
	//	  "key": "contoso/shop/7",              the same for all events of a pipeline
	//	  "title": "Circuit breaker tripped: shop-deploy",
	//	  "time": "2026-11-22T12:00:00Z",       this and all that follows may be missing
	//	  "pipeline": "shop-deploy", "run": "20261122.4",
	//	  "runUrl": "https://dev.azure.com/contoso/shop/_build/results?buildId=104",
	//	  "repository": "https://dev.azure.com/contoso/shop/_git/config", "branch": "refs/heads/main",
	//	  "reason": "4 runs of this pipeline within 10 minutes, the limit is 3",
	//	  "actions": ["run 103 was cancelled"], "fix": "..."
	//	}
	Generic Format = "generic"
)

// Payload is the document for a receiver. The routingKey is for PagerDuty.
func Payload(f Format, e Event, routingKey string) ([]byte, error) {
	title, ok := map[Kind]string{
		Tripped: "Circuit breaker tripped", Overridden: "Circuit breaker overridden", Reset: "Circuit breaker reset",
	}[e.Kind]
	if !ok {
		return nil, fmt.Errorf("the kind of event %.40q is not known", e.Kind)
	}
	if e.Key = shortKey(e.Key); e.Key == "" {
		return nil, errors.New("the event has no key")
	}
	n := news{e, title}
	if name := plain(e.Pipeline, 100); name != "" {
		n.title += ": " + name
	}
	switch f {
	case Teams:
		return encode(n.teams())
	case Slack:
		return encode(n.slack())
	case PagerDuty:
		return encode(n.pagerDuty(routingKey))
	case Generic:
		return encode(n.generic())
	}
	return nil, fmt.Errorf("the format %.40q is not known; choose teams, slack, pagerduty or generic", f)
}

// encode leaves < and > as they are: each of them would be six bytes, and nobody puts
// these documents into a web page as they are.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// news is an event and how it is called.
type news struct {
	Event
	title string
}

// fact is a short text and what it is.
type fact struct{ name, value string }

// facts are the short texts that there are.
func (n news) facts() []fact {
	var all []fact
	for _, f := range []fact{
		{"Run", n.Run}, {"Repository", n.Repository}, {"Branch", n.Branch}, {"Time", n.when()}, {"Incident", n.Key},
	} {
		if f.value = plain(f.value, maxFact); f.value != "" {
			all = append(all, f)
		}
	}
	return all
}

func (n news) when() string {
	if n.Time.IsZero() {
		return ""
	}
	return n.Time.UTC().Format(time.RFC3339)
}

// generic is the document of Generic.
func (n news) generic() any {
	return struct {
		Version    int      `json:"version"`
		Kind       Kind     `json:"kind"`
		Key        string   `json:"key"`
		Title      string   `json:"title"`
		Time       string   `json:"time,omitempty"`
		Pipeline   string   `json:"pipeline,omitempty"`
		Run        string   `json:"run,omitempty"`
		RunURL     string   `json:"runUrl,omitempty"`
		Repository string   `json:"repository,omitempty"`
		Branch     string   `json:"branch,omitempty"`
		Reason     string   `json:"reason,omitempty"`
		Actions    []string `json:"actions,omitempty"`
		Fix        string   `json:"fix,omitempty"`
	}{
		1, n.Kind, n.Key, n.title, n.when(), plain(n.Pipeline, maxFact), plain(n.Run, maxFact), webAddress(n.RunURL),
		plain(n.Repository, maxFact), plain(n.Branch, maxFact), plain(n.Reason, maxReason), n.actions(),
		plain(n.Fix, maxReason),
	}
}
