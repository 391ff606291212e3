// Package seal signs what is kept in a store that anybody may write to, and opens
// it again: Ed25519 keys as openssl writes them, and DSSE envelopes
// (https://github.com/secure-systems-lab/dsse/blob/master/protocol.md).
//
// It promises that the payload of an [Opened] with a KeyID is, byte for byte, what
// the holder of that key sealed under that payload type, and that an envelope is
// read in one way only: unknown, repeated or differently spelled fields, text after
// the end and non-canonical base64 are refused. Errors never hold key material.
//
// It does not say what a signature is worth: the payload itself must tell what it
// was made for (key, scope, expiry), and the caller must compare that with what was
// asked for, or a genuine envelope could be replayed elsewhere. It does not bound
// the size of an envelope either; the caller does, before reading it.
package seal

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"regexp"

	"github.com/guardrails-ci/guardrails/shared/dsse"
)

// Opened is an envelope that was read.
type Opened struct {
	Payload []byte
	// KeyID is the ID of the known key that signed the payload; empty if none did.
	KeyID string
	// Signed reports whether there are signatures at all, whoever made them.
	Signed bool
	// UnknownKeys are the key IDs that the signatures name, if KeyID is empty. They
	// are claims that nothing proves, for messages only.
	UnknownKeys []string
}

// FormatError is an envelope that is malformed or holds something else.
type FormatError struct {
	Reason string // in our own words
}

// Error says what is wrong with the envelope.
func (e *FormatError) Error() string { return "not an envelope of SafeCache: " + e.Reason }

// SignatureError is an envelope whose signature names a known key, but was not
// made with it for this payload: somebody changed the payload, or forged the name.
type SignatureError struct {
	KeyID  string
	Reason string // in our own words
}

// Error names the key and says what is wrong with its signature.
func (e *SignatureError) Error() string {
	return fmt.Sprintf("the signature of key %s is wrong: %s", e.KeyID, e.Reason)
}

// Seal makes the envelope of a payload. Without a signer it has no signatures.
func Seal(payloadType string, payload []byte, s *Signer) []byte {
	e := dsse.Envelope{Type: payloadType, Payload: payload}
	if s != nil {
		e.Signatures = []dsse.Signature{{KeyID: s.Key().ID(), Sum: ed25519.Sign(s.private, e.PAE())}}
	}
	return e.Text()
}

// Open reads an envelope of the payload type and looks for a signature by one of
// the keys; the first that is valid suffices, so keys can be rotated. Signatures by
// keys that are not known are no error: see [Opened]. The error is a [*FormatError]
// or a [*SignatureError].
func Open(text []byte, payloadType string, keys []Key) (Opened, error) {
	e, err := dsse.Parse(text)
	var malformed *dsse.FormatError
	switch {
	case errors.As(err, &malformed):
		return Opened{}, &FormatError{malformed.Reason}
	case err != nil:
		return Opened{}, err
	case e.Type != payloadType:
		return Opened{}, &FormatError{"its payload type is not " + payloadType}
	}
	opened := Opened{Payload: e.Payload, Signed: len(e.Signatures) > 0}
	signed := e.PAE()
	for _, s := range e.Signatures {
		if key, ok := signedBy(keys, signed, s.Sum); ok {
			opened.KeyID = key.ID()
			return opened, nil
		}
	}
	opened.UnknownKeys, err = unknown(e.Signatures, keys)
	if err != nil {
		return Opened{}, err
	}
	return opened, nil
}

// signedBy tries every key: the key ID in an envelope is not signed, so it is only
// a hint, and nothing is decided by it (protocol.md, "keyid").
func signedBy(keys []Key, signed, sum []byte) (Key, bool) {
	for _, key := range keys {
		if !key.weak() && ed25519.Verify(key.raw[:], signed, sum) {
			return key, true
		}
	}
	return Key{}, false
}

var keyIDForm = regexp.MustCompile(`^[0-9a-f]{16}$`)

// unknown collects the names of unknown keys, when no signature is valid. It is an
// error if a signature names a known one.
func unknown(signatures []dsse.Signature, keys []Key) ([]string, error) {
	var names []string
	for _, s := range signatures {
		for _, key := range keys {
			if s.KeyID == key.ID() {
				return nil, &SignatureError{s.KeyID, "the payload is not what that key signed"}
			}
		}
		if keyIDForm.MatchString(s.KeyID) { // it goes into messages
			names = append(names, s.KeyID)
		}
	}
	return names, nil
}
