package inputs

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Lines is a multi-line input: its lines, trimmed, without the blank ones.
type Lines []string

// EnvDecode splits val at LF, CRLF or CR (the classic editor writes CRLF).
func (l *Lines) EnvDecode(val string) error {
	*l = nil
	for line := range strings.FieldsFuncSeq(val, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if line = strings.TrimSpace(line); line != "" {
			*l = append(*l, line)
		}
	}
	return nil
}

// Secret is an input's value that must not be printed. Every way of printing it
// (any verb, JSON, text, slog) gives three stars; [Secret.Reveal] gives the value.
//
// The value lies behind a pointer: fmt does not call the methods of a value in an
// unexported field, but prints what it sees there, which is an address.
type Secret struct{ value *string }

const stars = "***"

// NewSecret returns a Secret of value.
func NewSecret(value string) Secret { return Secret{&value} }

// EnvDecode takes val as it is.
func (s *Secret) EnvDecode(val string) error {
	s.value = &val
	return nil
}

// Reveal returns the value. Mask it (pipeline.Log.SetSecret) before anything
// that knows it can print.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero reports whether there is no value.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// Format prints stars for every verb and flag.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, stars) }

// String returns stars.
func (s Secret) String() string { return stars }

// GoString returns stars.
func (s Secret) GoString() string { return stars }

// MarshalJSON returns stars as a JSON string.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(stars) }

// MarshalText returns stars.
func (s Secret) MarshalText() ([]byte, error) { return []byte(stars), nil }

// LogValue returns stars.
func (s Secret) LogValue() slog.Value { return slog.StringValue(stars) }

// Enforcement says what a refusal does to the step.
type Enforcement string

// The values of the input "enforcement", which every task has.
const (
	Enforce Enforcement = "enforce" // a refusal fails the step
	Warn    Enforcement = "warn"    // everything is reported, the step succeeds with issues
)

// Valid reports whether e is one of the options.
func (e Enforcement) Valid() bool { return e == Enforce || e == Warn }

// Common are the inputs that every task has.
type Common struct {
	// Enforcement is what a refusal does: fail the step, or only report.
	Enforcement Enforcement `input:"enforcement" label:"When something is refused" env:"INPUT_ENFORCEMENT,default=enforce" options:"enforce,warn"`
}
