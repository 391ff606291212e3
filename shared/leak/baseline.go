package leak

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Baseline is a list of findings that have been accepted. The zero value is empty.
type Baseline struct {
	accepted map[acceptedKey]time.Time // until when; zero: for ever
}

type acceptedKey struct{ rule, fingerprint string }

const (
	baselineSchema  = 1
	largestBaseline = 4 << 20
)

// ReadBaseline reads a baseline:
//
//	{"schema": 1, "accepted": [
//	  {"fingerprint": "0123456789abcdef", "rule": "leak/jwt", "reason": "a test's", "expires": "2027-01-31"}
//	]}
//
// Every entry needs a reason. What is unknown or malformed is an error: an entry with
// a typing mistake must not accept anything else than it says.
func ReadBaseline(r io.Reader) (Baseline, error) {
	var file struct {
		Schema   int `json:"schema"`
		Accepted []struct {
			Fingerprint string `json:"fingerprint"`
			Rule        string `json:"rule"`
			Reason      string `json:"reason"`
			Expires     string `json:"expires"`
		} `json:"accepted"`
	}
	decoder := json.NewDecoder(io.LimitReader(r, largestBaseline))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		return Baseline{}, fmt.Errorf("the baseline is not what it should be: %w", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return Baseline{}, errors.New("the baseline has more than one JSON value")
	}
	if file.Schema != baselineSchema {
		return Baseline{}, fmt.Errorf("the baseline has schema %d, this version reads %d", file.Schema, baselineSchema)
	}
	b := Baseline{accepted: make(map[acceptedKey]time.Time)}
	var problems []error
	for i, a := range file.Accepted {
		expires, err := acceptable(a.Fingerprint, a.Rule, a.Reason, a.Expires)
		if err != nil {
			problems = append(problems, fmt.Errorf("accepted[%d]: %w", i, err))
			continue
		}
		b.accepted[acceptedKey{a.Rule, a.Fingerprint}] = expires
	}
	return b, errors.Join(problems...)
}

// acceptable checks an entry and returns when it ends.
func acceptable(fingerprint, rule, reason, expires string) (time.Time, error) {
	known := false
	for _, r := range Rules() {
		known = known || r.ID == rule
	}
	switch {
	case len(fingerprint) != 16 || !lowHex.all([]byte(fingerprint)):
		return time.Time{}, errors.New("the fingerprint must have 16 hexadecimal digits")
	case !known:
		return time.Time{}, fmt.Errorf("there is no rule %.60q", rule)
	case rule == ruleKnown || rule == ruleKnownPiece:
		return time.Time{}, fmt.Errorf("%s cannot be accepted: it is a secret of the run", rule)
	case reason == "":
		return time.Time{}, errors.New("the reason is missing")
	case expires == "":
		return time.Time{}, nil
	}
	day, err := time.Parse(time.DateOnly, expires)
	if err != nil {
		return time.Time{}, fmt.Errorf("expires is %.40q, not a day such as 2027-01-31", expires)
	}
	return day.AddDate(0, 0, 1), nil
}

// Has reports whether f has been accepted and still is at the time now. A known
// secret never is.
func (b Baseline) Has(f Finding, now time.Time) bool {
	if f.Known != "" || f.Fingerprint == "" {
		return false
	}
	until, ok := b.accepted[acceptedKey{f.Rule, f.Fingerprint}]
	return ok && (until.IsZero() || now.Before(until))
}
