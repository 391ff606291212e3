// Package alert tells people that a breaker has tripped, was overridden or reset.
package alert

import (
	"context"
	"time"

	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/inputs"
)

// Kind is what happened.
type Kind string

// The kinds.
const (
	Tripped    Kind = "tripped"
	Overridden Kind = "overridden"
	Reset      Kind = "reset"
)

// Event is what is told. No text of it is trusted.
type Event struct {
	Kind       Kind
	Time       time.Time
	Key        string // of the incident: organization/project/definition
	Pipeline   string // its name
	Run        string // number
	RunURL     string
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
	Teams     Format = "teams"
	Slack     Format = "slack"
	PagerDuty Format = "pagerduty"
	Generic   Format = "generic"
)

// Payload is the document for a receiver.
func Payload(f Format, e Event, routingKey string) ([]byte, error) { panic("skeleton") }

// Target is a receiver.
type Target struct {
	Format Format
	// Address is the webhook. For PagerDuty it is the integration's key, with the address of a region before it and a space, if it is not the first.
	Address inputs.Secret
}

// Check refuses a target that cannot be one.
func (t Target) Check() error { panic("skeleton") }

// Send tells a receiver: ten seconds a try, three tries.
func Send(ctx context.Context, client *httpx.Client, t Target, e Event) error { panic("skeleton") }
