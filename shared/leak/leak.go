// Package leak finds secrets in text that should hold none: logs, files, variables.
package leak

import (
	"context"
	"io"

	"github.com/guardrails-ci/guardrails/shared/inputs"
)

// Severity says how sure and how bad a finding is.
type Severity string

// The severities, from the worst.
const (
	Critical Severity = "critical" // a secret of this run, or a credential whose format leaves no doubt
	High     Severity = "high"
	Medium   Severity = "medium"
	Low      Severity = "low"
)

// Known is a secret that is looked for in all its derived forms, and in its parts'.
type Known struct {
	Name  string // what reports call it, such as "secret db-password of the vault kv1"
	Value inputs.Secret
}

// Place is where something was found.
type Place struct {
	Source string // a file, "log of Job / npm test", "variable DB_URL"
	Line   int    // from 1
	Column int    // in bytes, from 1
}

// Finding is a secret that stands where it must not.
type Finding struct {
	Rule        string // stable, such as "leak/known" or "leak/azure-storage-key"
	Kind        Kind   // what to rotate
	Severity    Severity
	Place       Place
	Known       string        // Known.Name of a known secret; ""
	Preview     string        // the first two characters, stars, and the length; never more
	Fingerprint string        // keyed hash of the value, 16 hex digits
	Secret      inputs.Secret // the value, to be masked
}

// Text says how to read something.
type Text int

// The texts.
const (
	Log    Text = iota // terminal colours and time stamps are looked through; generic rules count fully
	Config             // settings files, variables
	Source             // program text: generic rules count less
	Binary             // known secrets only
)

// Config is what to look for.
type Config_ struct{}

// Engine looks for secrets. It is safe for concurrent use.
type Engine struct{}

// Scan reads r to its end and returns what it finds, in order.
func (e *Engine) Scan(ctx context.Context, r io.Reader, source string, text Text) ([]Finding, error) {
	return nil, nil
}
