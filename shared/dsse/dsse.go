// Package dsse reads and writes envelopes of signed payloads
// (https://github.com/secure-systems-lab/dsse/blob/master/protocol.md).
//
// It promises that an envelope is read in one way only: unknown, repeated or differently
// spelled fields, text after the end and non-canonical base64 are refused.
//
// It knows no keys: who signed is for the caller to find out, over what [Envelope.PAE] returns and
// with each of the signatures. It does not bound the size of an envelope either; the caller
// does, before reading it.
package dsse

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
)

// Envelope is a payload with its signatures.
type Envelope struct {
	Type       string // of the payload
	Payload    []byte
	Signatures []Signature
}

// Signature is one of an envelope's. The key's id is not signed: it is a hint.
type Signature struct {
	KeyID string
	Sum   []byte
}

// FormatError is an envelope that is malformed.
type FormatError struct {
	Reason string // in our own words
}

// Error says what is wrong with the envelope.
func (e *FormatError) Error() string { return "not a DSSE envelope: " + e.Reason }

// Parse reads an envelope. Its error is a [*FormatError].
func Parse(text []byte) (Envelope, error) {
	written, err := read(text)
	if err != nil {
		return Envelope{}, err
	}
	e := Envelope{Type: written.PayloadType}
	if e.Payload, err = decodeBase64(written.Payload); err != nil {
		return Envelope{}, &FormatError{"its payload " + err.Error()}
	}
	for _, s := range written.Signatures {
		sum, err := decodeBase64(s.Sum)
		if err != nil {
			return Envelope{}, &FormatError{"a signature " + err.Error()}
		}
		e.Signatures = append(e.Signatures, Signature{s.KeyID, sum})
	}
	return e, nil
}

// Text is the envelope as [Parse] reads it.
func (e Envelope) Text() []byte {
	written := envelope{base64.StdEncoding.EncodeToString(e.Payload), e.Type, []signature{}}
	for _, s := range e.Signatures {
		written.Signatures = append(written.Signatures, signature{s.KeyID, base64.StdEncoding.EncodeToString(s.Sum)})
	}
	text, err := json.Marshal(written)
	if err != nil {
		panic("dsse: an envelope of strings cannot be written: " + err.Error())
	}
	return text
}

// PAE is the pre-authentication encoding of the payload and its type: what is signed. The
// lengths make it impossible to move bytes between the two.
func (e Envelope) PAE() []byte {
	text := make([]byte, 0, len(e.Type)+len(e.Payload)+50)
	text = append(text, "DSSEv1 "...)
	text = strconv.AppendInt(text, int64(len(e.Type)), 10)
	text = append(text, ' ')
	text = append(text, e.Type...)
	text = append(text, ' ')
	text = strconv.AppendInt(text, int64(len(e.Payload)), 10)
	text = append(text, ' ')
	return append(text, e.Payload...)
}
