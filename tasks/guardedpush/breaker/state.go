package breaker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Status is the breaker's position.
type Status string

// The positions.
const (
	Closed   Status = "closed"
	Open     Status = "open"
	HalfOpen Status = "halfOpen"
)

// State is what is kept between runs. The zero value is closed.
type State struct {
	Status   Status    `json:"status"`
	Since    time.Time `json:"since,omitzero"`     // what was before does not count, once it is closed again
	Run      int       `json:"run"`                // that tripped, reset or closed it
	Reason   string    `json:"reason,omitempty"`   // in our words
	Disabled bool      `json:"disabled,omitempty"` // the pipeline was disabled by us
	Told     bool      `json:"told,omitempty"`     // the team knows that it is open
	Teller   int       `json:"teller,omitempty"`   // later run that set out to tell, as nobody had
	TellAt   time.Time `json:"tellAt,omitzero"`
	Probe    int       `json:"probe,omitempty"` // run that used the one push after a reset
	ProbeAt  time.Time `json:"probeAt,omitzero"`
}

const (
	stateVersion = 1
	maxState     = 16 << 10 // bytes of a message
	maxReason    = 500      // characters that are kept
)

// document is a state as it is written.
type document struct {
	Version int `json:"version"`
	State
}

// Reset is the state after somebody has reset the breaker, with a reason: one run may push.
func Reset(now time.Time, run int, reason string) State {
	return State{Status: HalfOpen, Since: now.UTC().Round(0), Run: run, Reason: clean(reason, maxReason)}
}

// Parse reads a state from the message of its commit; "" is a closed one. What was not
// written by Format is an error: who cannot read the breaker must not take it for closed.
// The error is the reason alone, in our words; the caller says where the state was.
func Parse(message string) (State, error) {
	if message == "" {
		return State{Status: Closed}, nil
	}
	if len(message) > maxState {
		return State{}, fmt.Errorf("it has %d bytes, more than %d", len(message), maxState)
	}
	_, text, _ := strings.Cut(message, "\n")
	var version struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal([]byte(text), &version); err != nil {
		return State{}, errors.New("there is no JSON object, or more than one, after the first line")
	}
	if version.Version != stateVersion {
		return State{}, fmt.Errorf("it is of version %d, and this task knows version %d", version.Version, stateVersion)
	}
	var d document
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields() // or they would be lost when it is written again
	if err := decoder.Decode(&d); err != nil {
		return State{}, errors.New("a field of it is not as it should be")
	}
	return d.State.checked()
}

func (s State) checked() (State, error) {
	switch {
	case s.Status != Closed && s.Status != Open && s.Status != HalfOpen:
		return State{}, fmt.Errorf("the status %s is not known", strconv.Quote(clean(string(s.Status), 60)))
	case s.Run < 0 || s.Probe < 0 || s.Teller < 0:
		return State{}, errors.New("the number of a run is below zero")
	case s.Status != Closed && s.Since.IsZero():
		return State{}, errors.New("it does not say since when")
	case (s.Probe == 0) != s.ProbeAt.IsZero() || s.Probe != 0 && s.Status != HalfOpen:
		return State{}, errors.New("what it says of the push after a reset is no whole")
	case !s.tellsWhole():
		return State{}, errors.New("what it says of who was told is no whole")
	}
	return s.plain(), nil
}

// tellsWhole reports whether what it says of who was told makes sense.
func (s State) tellsWhole() bool {
	return (s.Teller == 0) == s.TellAt.IsZero() && (s.Status == Open || !s.Told && s.Teller == 0)
}

// plain is the state as it can be compared with ==.
func (s State) plain() State {
	s.Since, s.ProbeAt, s.TellAt = s.Since.UTC(), s.ProbeAt.UTC(), s.TellAt.UTC()
	s.Reason = clean(s.Reason, maxReason)
	return s
}

// Format writes it: a line for people, then JSON.
func (s State) Format() string {
	if s.Status == "" {
		s.Status = Closed
	}
	s = s.plain()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	// The times of a task have a year that fits; nothing else can go wrong.
	_ = encoder.Encode(document{stateVersion, s})
	position := map[Status]string{Closed: "closed", Open: "open", HalfOpen: "half open"}[s.Status]
	return fmt.Sprintf("Circuit breaker: %s, by run %d\n\n%s", position, s.Run, text.String())
}

// openReason says why nothing is pushed.
func (s State) openReason() string {
	text := "the breaker is open"
	if s.Status != Open {
		text = "the position of the breaker is not known"
	}
	if !s.Since.IsZero() {
		text += " since " + s.Since.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	if s.Run > 0 {
		text += ", by run " + number(s.Run)
	}
	if reason := clean(s.Reason, maxReason); reason != "" {
		text += ": " + reason
	}
	return text
}

// clean makes a text one line without control and invisible characters, and not longer
// than most characters: whoever may push could have written it.
func clean(text string, most int) string {
	if len(text) > maxState {
		text = text[:maxState]
	}
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case !strconv.IsPrint(r) || r == '\uFFFD':
			return -1
		}
		return r
	}, text)
	text = strings.TrimSpace(text)
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-3]) + "..."
	}
	return text
}
