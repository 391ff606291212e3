package signature

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Key signs or verifies. It may be used by several goroutines.
type Key struct {
	public crypto.PublicKey // an *ecdsa.PublicKey of P-256, or an *rsa.PublicKey
	name   string
	signer signer // nil if it verifies only
}

// signer is who has the private key.
type signer interface {
	// sign signs a SHA-256: for an elliptic curve as ASN.1 has it, for RSA by PKCS #1 v1.5.
	sign(ctx context.Context, digest []byte) ([]byte, error)
	// ready says why it cannot sign at this time; nil may still be wrong about permissions.
	ready(now time.Time) error
}

// The sizes of RSA keys: smaller ones can be broken, larger ones take long.
const (
	minBits = 2048
	maxBits = 8192
)

// ParseKey is a public key in PEM (SPKI), which verifies only.
func ParseKey(text []byte) (*Key, error) {
	const fix = "; give the public key that `cosign public-key` or `az keyvault key download --encoding PEM` writes"
	block, rest := pem.Decode(text)
	switch {
	case block == nil:
		return nil, errors.New("the key is not a PEM block" + fix)
	case bytes.Contains([]byte(block.Type), []byte("PRIVATE KEY")):
		return nil, errors.New("the key is a private one, which does not belong here: take it out of use" + fix)
	case block.Type != "PUBLIC KEY":
		return nil, errors.New("the key's PEM block is of another kind than PUBLIC KEY" + fix)
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, errors.New("the key has something behind its PEM block" + fix)
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, errors.New("the key's PEM block holds no public key" + fix)
	}
	if reason := unfit(public); reason != "" {
		return nil, errors.New("the key " + reason + "; use one of the curve P-256")
	}
	k := &Key{public: public}
	k.name = "the public key " + k.fingerprint()
	return k, nil
}

// unfit says why a public key is of no use here; "" if it is not.
//
// Only what every verifier of cosign's signatures agrees on is taken, which hash a key of another kind signs is for
// some of them another one (github.com/sigstore/cosign/issues/5018).
func unfit(public crypto.PublicKey) string {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() {
			return "is of the curve " + key.Curve.Params().Name + ", not P-256"
		}
		return ""
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < minBits || bits > maxBits {
			return fmt.Sprintf("is an RSA key of %d bits, not of %d to %d", bits, minBits, maxBits)
		}
		return ""
	}
	return "is neither of the curve P-256 nor of RSA"
}

// Public is the public half.
func (k *Key) Public() crypto.PublicKey { return k.public }

// PEM is the public half as [ParseKey] and cosign read it.
func (k *Key) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: k.spki()})
}

// String names the key for people, with its version.
func (k *Key) String() string { return k.name }

func (k *Key) spki() []byte {
	der, err := x509.MarshalPKIXPublicKey(k.public)
	if err != nil {
		panic("signature: a public key cannot be written: " + err.Error())
	}
	return der
}

// fingerprint is short, and what `openssl pkey -pubin -outform der | sha256sum` begins with.
func (k *Key) fingerprint() string {
	sum := sha256.Sum256(k.spki())
	return "sha256:" + hex.EncodeToString(sum[:8])
}

// CanSign says why the key cannot sign at this time. That it may is only known when it does.
func (k *Key) CanSign(now time.Time) error {
	if k.signer == nil {
		return errors.New(k.name + " can only verify; to sign, name a key of a key vault")
	}
	return k.signer.ready(now)
}

// sign returns a signature of the bytes that verifies.
func (k *Key) sign(ctx context.Context, text []byte) ([]byte, error) {
	if k.signer == nil {
		return nil, k.CanSign(time.Time{})
	}
	digest := sha256.Sum256(text)
	return k.signer.sign(ctx, slices.Clone(digest[:]))
}

// verifies reports whether the key has signed the bytes. How is said by the key, and by nothing that comes with the
// signature.
func verifies(public crypto.PublicKey, text, sum []byte) bool {
	digest := sha256.Sum256(text)
	return verifiesDigest(public, digest[:], sum)
}

func verifiesDigest(public crypto.PublicKey, digest, sum []byte) bool {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(key, digest, sum)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest, sum) == nil
	}
	return false
}
