// Package decode makes of a vault's text what a step wants: one value of a JSON secret, the
// bytes behind base64, or the PEM form of a certificate that a vault keeps as PFX.
//
// What it promises: a value comes out as it was put in, or not at all - numbers of a JSON
// document with all their digits, nothing repaired or guessed - and no error holds any of it.
package decode

import (
	"encoding/base64"
	"errors"
	"strings"

	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/mapping"
)

// ErrNoValue says that a JSON secret has nothing at the path.
var ErrNoValue = errors.New("the secret has no value at the path")

// Value returns what path finds in a secret ("" is all of it), decoded. The result of base64
// may be any bytes. Errors have one line, and are about "the secret" or "the value at the path".
func Value(secret string, d mapping.Decode, path string) (string, error) {
	text := secret
	if path != "" {
		found, err := find(secret, path)
		if err != nil {
			return "", err
		}
		text = found
	}
	switch d {
	case mapping.None, "":
		return text, nil
	case mapping.Base64:
		decoded, err := fromBase64(text)
		return string(decoded), err
	case mapping.PFX2PEM:
		return toPEM(text)
	}
	return "", errors.New("the decoding is not one of none, base64 and pfx2pem")
}

// fromBase64 decodes the usual and the URL alphabet, with padding or without, in one line or
// several. Each result has one text only: what is left over at the end must be zero.
func fromBase64(text string) ([]byte, error) {
	encoding := base64.RawStdEncoding
	text = strings.TrimSpace(text)
	if strings.ContainsAny(text, "-_") {
		encoding = base64.RawURLEncoding
	}
	bare := strings.TrimRight(text, "=\r\n")
	if padding := strings.Count(text[len(bare):], "="); padding > 0 {
		lines := strings.Count(bare, "\r") + strings.Count(bare, "\n")
		if (len(bare)-lines+padding)%4 != 0 || padding > 2 {
			return nil, errors.New("it is not base64: its end is cut or not its own")
		}
	}
	decoded, err := encoding.Strict().DecodeString(bare)
	if err != nil {
		return nil, errors.New("it is not base64: a character is none of its alphabet, or its end is cut")
	}
	return decoded, nil
}
