package seal

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

const (
	makeOne = "make a key pair with `openssl genpkey -algorithm ed25519 -out private.pem` and " +
		"`openssl pkey -in private.pem -pubout`"
	showPublic = "write the line between BEGIN and END that `openssl pkey -in private.pem -pubout` prints"
	rotate     = "whoever saw it can sign, so take this key out of use everywhere and " + makeOne
)

// ParseSigner reads a private key: the PEM that `openssl genpkey -algorithm ed25519`
// writes, also with its line ends turned into spaces or a literal \n, as pipeline
// variables do it; the PEM's body alone; or the base64 of the 32-byte seed. The
// error is one line with the fix and never holds any of the text.
func ParseSigner(text string) (*Signer, error) {
	m := recognise(text)
	switch m.kind {
	case private:
		return &Signer{m.private}, nil
	case raw:
		return &Signer{ed25519.NewKeyFromSeed(m.raw)}, nil
	case public:
		return nil, errors.New("the signing key is a public key, which cannot sign: " +
			"give the private key that belongs to it, from a secret variable")
	case empty:
		return nil, errors.New("the signing key is empty: " +
			"set the secret variable, and let this pipeline read it, or leave the input out")
	case variable:
		return nil, errors.New("the signing key is a variable that is not set: " +
			"check its name, and that this pipeline may read its group")
	case encrypted:
		return nil, errors.New("the signing key is protected by a passphrase: take that off with " +
			"`openssl pkey -in private.pem -out plain.pem`, and keep the result in a secret variable only")
	case unrecognised:
		return nil, errors.New("the signing key is neither the PEM of a private key " +
			"nor the base64 of a 32-byte seed: " + makeOne)
	}
	return nil, fmt.Errorf("the signing key %s", m.trouble())
}

// ParseKeys reads public keys, one or more lines each: the PEM that
// `openssl pkey -pubout` writes, the base64 of its PKIX form (the PEM's body) or
// that of the raw 32 bytes. A key that is there twice counts once. The error holds
// every problem, one line each with the fix, and none of the text: a private key
// may be there by mistake. (A seed cannot be told from a raw public key.)
func ParseKeys(lines []string) ([]Key, error) {
	var keys []Key
	var problems []error
	seen := map[Key]bool{}
	for i, text := range split(lines) {
		found, err := parseKey(text)
		if err != nil {
			problems = append(problems, fmt.Errorf("verify key %d %w", i+1, err))
			continue
		}
		for _, key := range found {
			if !seen[key] {
				seen[key] = true
				keys = append(keys, key)
			}
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return keys, nil
}

// block is a PEM block, or what begins as one.
var block = regexp.MustCompile(`(?s)-----BEGIN .*?-----END [A-Z0-9 ]*-----|-----BEGIN .*`)

// parameters is what openssl ecparam writes before a key.
const parameters = "-----BEGIN EC PARAMETERS-----"

// split cuts lines into the texts of keys: PEM blocks, however many lines they
// have, and the lines between them.
func split(lines []string) []string {
	text := lineEnds(strings.Join(lines, "\n"))
	var texts []string
	add := func(between string) {
		for line := range strings.Lines(between) {
			if line = strings.TrimSpace(line); line != "" {
				texts = append(texts, line)
			}
		}
	}
	rest := 0
	for _, at := range block.FindAllStringIndex(text, -1) {
		add(text[rest:at[0]])
		if found := text[at[0]:at[1]]; !strings.HasPrefix(found, parameters) {
			texts = append(texts, found)
		}
		rest = at[1]
	}
	add(text[rest:])
	return texts
}

// keyID is what [Key.ID] returns, which messages show.
var keyID = regexp.MustCompile(`^\s*[0-9a-fA-F]{16}\s*$`)

// parseKey reads one key, or the several of a line that lost its line ends. The
// error goes on from "verify key 1".
func parseKey(text string) ([]Key, error) {
	if keyID.MatchString(text) {
		return nil, errors.New("is a key ID, not the key: " + showPublic)
	}
	m := recognise(text)
	if m.kind == unrecognised {
		if several := strings.Fields(text); len(several) > 1 {
			return parseEach(several)
		}
	}
	switch m.kind {
	case public, raw:
		key := Key{[ed25519.PublicKeySize]byte(m.raw)}
		if key.weak() {
			return nil, errors.New("is one that anybody can sign for: " + makeOne)
		}
		return []Key{key}, nil
	case private, encrypted:
		return nil, errors.New("is a private key, which does not belong here: " + rotate)
	case variable:
		return nil, errors.New("is a variable that is not set: " +
			"check its name, or write the key itself, which is no secret")
	case unrecognised, empty:
		return nil, errors.New("is neither the PEM nor the base64 of an Ed25519 public key: " + makeOne)
	}
	if m.isPrivate {
		return nil, fmt.Errorf("%s; "+
			"as it is a private key, which does not belong here, take it out of use", m.trouble())
	}
	return nil, errors.New(m.trouble())
}

func parseEach(texts []string) ([]Key, error) {
	var keys []Key
	for _, text := range texts {
		found, err := parseKey(text)
		if err != nil {
			return nil, err
		}
		keys = append(keys, found...)
	}
	return keys, nil
}
