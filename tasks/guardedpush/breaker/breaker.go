// Package breaker decides whether a pipeline is in a loop. It is pure: facts in, verdict out.
package breaker

import "time"

// Run is a run of the pipeline, as the server lists it.
type Run struct {
	ID     int
	Reason string // individualCI, batchedCI, schedule, manual, pullRequest, ...
	Queued time.Time
	Branch string
}

// Push is a commit of ours in the branch's history.
type Push struct {
	Run         string
	Pipeline    string
	Fingerprint string
	Target      string // application and environment
	When        time.Time
}

// Rules are the limits.
type Rules struct {
	MaxRuns              int
	Window               time.Duration
	MaxRepeats           int
	RepeatWindow         time.Duration
	Manual, PullRequests bool // these count, too
}

// Facts is what is known.
type Facts struct {
	Now                 time.Time
	Self                Run
	Pipeline            string
	Runs                []Run // others of the same pipeline; nil and RunsKnown false: could not be read
	RunsKnown           bool
	Pushes              []Push // newest first
	PushesKnown         bool
	Fingerprint, Target string // of what this run would deploy; "" for none
	State               State
}

// Status is the breaker's position.
type Status string

// The positions.
const (
	Closed   Status = "closed"
	Open     Status = "open"
	HalfOpen Status = "halfOpen"
)

// State is what is kept between runs.
type State struct {
	Status   Status    `json:"status"`
	Since    time.Time `json:"since"`
	Run      int       `json:"run"`                // that tripped or reset it
	Reason   string    `json:"reason"`             // in our words
	Disabled bool      `json:"disabled,omitempty"` // the pipeline was disabled by us
	Probe    int       `json:"probe,omitempty"`    // run that used the one push after a reset
	ProbeAt  time.Time `json:"probeAt,omitzero"`
}

// Parse reads a state from the message of its commit; "" is a closed one.
func Parse(message string) (State, error) { panic("skeleton") }

// Format writes it.
func (s State) Format() string { panic("skeleton") }

// Verdict is the decision.
type Verdict struct {
	Allowed bool
	Tripped bool   // by this run: tell the team
	Rule    string // breaker/rate, breaker/repeat, breaker/open, breaker/again, breaker/blind
	Reason  string // one line in our words
	Next    State  // to be kept before anything is pushed; equal to Facts.State if nothing changes
}

// Decide says whether this run may push.
func Decide(f Facts, r Rules) Verdict { panic("skeleton") }
