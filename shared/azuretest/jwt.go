package azuretest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// token is a JSON Web Token (RFC 7519), taken apart.
type token struct {
	header, claims map[string]any
	signed         string // what the signature is of
	signature      []byte
}

func parseToken(text string) (token, error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return token{}, fmt.Errorf("it has %d parts, not 3", len(parts))
	}
	t := token{signed: parts[0] + "." + parts[1]}
	for i, into := range []*map[string]any{&t.header, &t.claims} {
		data, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return token{}, fmt.Errorf("part %d is not base64url", i+1)
		}
		if err := json.Unmarshal(data, into); err != nil {
			return token{}, fmt.Errorf("part %d is not JSON", i+1)
		}
	}
	var err error
	if t.signature, err = base64.RawURLEncoding.DecodeString(parts[2]); err != nil {
		return token{}, errors.New("part 3 is not base64url")
	}
	return t, nil
}

// text returns a claim that is a text, else "".
func (t token) text(name string) string {
	text, _ := t.claims[name].(string)
	return text
}

// time returns a claim that is a time, else the zero time.
func (t token) time(name string) time.Time {
	seconds, ok := t.claims[name].(float64)
	if !ok {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0)
}

// verify checks the signature by its algorithm, one of those that Entra and its
// clients use.
func (t token) verify(key *rsa.PublicKey) error {
	sum := sha256.Sum256([]byte(t.signed))
	switch alg := t.header["alg"]; alg {
	case "RS256":
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], t.signature)
	case "PS256":
		return rsa.VerifyPSS(key, crypto.SHA256, sum[:], t.signature, nil)
	default:
		return fmt.Errorf("algorithm %v is not taken", alg)
	}
}

// signToken makes a token with RS256.
func signToken(key *rsa.PrivateKey, header, claims map[string]any) string {
	encode := func(v any) string {
		data, err := json.Marshal(v)
		if err != nil {
			panic(err) // ours
		}
		return base64.RawURLEncoding.EncodeToString(data)
	}
	header["alg"], header["typ"] = "RS256", "JWT"
	signed := encode(header) + "." + encode(claims)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err) // ours
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}
