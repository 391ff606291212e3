package decode

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"

	"software.sslmate.com/src/go-pkcs12"
)

// toPEM turns a certificate as a vault hands it out - PFX without a password, in base64 - into
// its key and its chain in PEM, the certificate itself first. What is PEM already stays as it is.
func toPEM(text string) (string, error) {
	if strings.Contains(text, "-----BEGIN ") {
		if block, _ := pem.Decode([]byte(text)); block == nil {
			return "", errors.New("it looks like PEM, but its first block is not whole")
		}
		return text, nil
	}
	data, err := fromBase64(text)
	if err != nil {
		return "", errors.New("it is neither PEM nor PFX in base64")
	}
	key, leaf, chain, err := pkcs12.DecodeChain(data, "")
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword):
		return "", errors.New("it is a PFX with a password; import it into the vault as a certificate, " +
			"and the vault hands it out without one")
	case err != nil:
		return "", errors.New("it is not a PFX with one key and its certificates")
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", errors.New("the key of the PFX is of a kind that cannot be written as PEM")
	}
	var out bytes.Buffer
	blocks := []*pem.Block{{Type: "PRIVATE KEY", Bytes: der}, {Type: "CERTIFICATE", Bytes: leaf.Raw}}
	for _, c := range chain {
		blocks = append(blocks, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	}
	for _, block := range blocks {
		if err := pem.Encode(&out, block); err != nil {
			return "", errors.New("the PFX cannot be written as PEM")
		}
	}
	return out.String(), nil
}
