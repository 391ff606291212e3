// Package leak finds secrets in text that should hold none: logs, files, variables.
//
// An [Engine] looks twice. First for the secrets of this run, whose values it knows,
// in every form in which they usually turn up (package redact) and for their parts
// (package dissect), also when terminal colours or, in base64, the end of a line of 64 or
// 76 columns stand inside them. Then for credentials it has never seen, by rules that
// each start at a literal: formats of providers, connection strings, private keys,
// assignments with a random value.
//
// What it promises: findings do not depend on how the input is cut; memory is
// bounded whatever the input is; text that is masked already and placeholders are
// no finding; no finding but [Finding.Secret] holds a value, and that prints as
// stars.
//
// What it does not do: find a secret that was encrypted or compressed, or a piece of
// one that is shorter than 16 characters or two thirds of it, or base64 that is wrapped at
// another column, crosses more than two line ends or is wrapped in Binary text, or judge
// whether a credential is still valid.
package leak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/guardrails-ci/guardrails/shared/inputs"
)

// Severity says how sure and how bad a finding is.
type Severity string

// The severities, from the worst.
const (
	Critical Severity = "critical" // a secret of this run, or a credential whose format leaves no doubt
	High     Severity = "high"     // very likely a credential
	Medium   Severity = "medium"   // likely one, or half of one
	Low      Severity = "low"      // looks like one, in program text
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
	Place       Place         // where it stands first
	Count       int           // how often it stands in the source
	Known       string        // Known.Name of a known secret; ""
	Preview     string        // the first two characters, stars, and the length; never more
	Fingerprint string        // keyed hash of the value, 16 hex digits; "" beyond the first 1000 values
	Secret      inputs.Secret // the text found, to be masked
}

// Text says how to read something.
type Text int

// The texts.
const (
	Log    Text = iota // a log: never binary
	Config             // settings files, variables
	Source             // program text: passwords written down in it are likely examples, so rules count less
	Binary             // known secrets only, none in wrapped base64
)

// Options is what to look for.
type Options struct {
	// Known are the secrets of this run.
	Known []Known
	// Key is the key of the fingerprints: not secret, but the same in all of an organization, and in no other.
	Key []byte
	// Most is how many different findings rules may have in one source; 0 means 1000. The rest of it is searched for
	// known secrets only, and Scan returns an error.
	Most int
}

// mostFindings is how many different findings rules may have in a source by default. More
// are one finding: that the source is full of secrets.
const mostFindings = 1000

// Engine looks for secrets. It is safe for concurrent use.
type Engine struct {
	known  *knownSet
	rules  *ruleSet
	prints *fingerprints
	most   int
	block  int       // bytes read at once
	inputs sync.Pool // of *input: their windows are large
}

// blockSize is how much is read at once.
const blockSize = 1 << 20

// New returns an Engine. It takes milliseconds for hundreds of known secrets.
func New(o Options) (*Engine, error) {
	if len(o.Key) == 0 {
		return nil, errors.New("the fingerprints need a key")
	}
	e := &Engine{
		rules:  allRules(),
		prints: newFingerprints(o.Key),
		most:   o.Most,
		block:  blockSize,
	}
	if e.most <= 0 {
		e.most = mostFindings
	}
	// What kind of secret a known one is, the rules know best.
	e.known = newKnownSet(o.Known, e.rules.kindOf)
	return e, nil
}

// Scan reads r to its end and returns what it finds, in order. The same value found
// by the same rule is one finding, with the place where it stands first. A file that
// is not a log and has a zero byte near its start is taken for Binary.
//
// An error says why r was not searched to its end, or for known secrets only; what was
// found is returned with it.
func (e *Engine) Scan(ctx context.Context, r io.Reader, source string, text Text) ([]Finding, error) {
	s := newScan(e, source, text)
	in := e.input(r, text)
	defer e.inputs.Put(in)
	for {
		if err := ctx.Err(); err != nil {
			return s.findings(), fmt.Errorf("scanning %s: %w", source, err)
		}
		err := in.fill()
		if err != nil {
			return s.findings(), fmt.Errorf("reading %s: %w", source, err)
		}
		s.judge(in)
		switch {
		case in.end && s.full():
			return s.findings(), fmt.Errorf("%s has more than %d different findings of rules: "+
				"the rest of it was searched for known secrets only", source, e.most)
		case in.end:
			return s.findings(), nil
		}
		in.advance()
	}
}

// String returns what it finds in value, such as a variable's.
func (e *Engine) String(value, source string, text Text) []Finding {
	found, _ := e.Scan(context.Background(), strings.NewReader(value), source, text) // a string can be read
	return found
}

// HoldsKnown returns the name of the first known secret that value holds, in any
// form, or a part of it; false if it holds none.
func (e *Engine) HoldsKnown(value string) (string, bool) {
	first := match{entry: len(e.known.entries)}
	best := func(m match) {
		if m.entry < first.entry {
			first = m
		}
	}
	e.known.search([]byte(value), 0, len(value), best)
	e.known.searchWrapped([]byte(value), 0, len(value), best)
	if first.entry == len(e.known.entries) {
		return "", false
	}
	return e.known.entries[first.entry].name, true
}
