package seal

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
)

// Key is the public half of a key pair: it verifies. Keys can be compared with ==.
type Key struct {
	raw [ed25519.PublicKeySize]byte
}

// ID is the key's short name: the first 16 hex digits of the SHA-256 of the raw
// public key.
func (k Key) ID() string {
	sum := sha256.Sum256(k.raw[:])
	return hex.EncodeToString(sum[:8])
}

// String is the key as [ParseKeys] reads it: the base64 of its PKIX form, which is
// the body of openssl's PEM.
func (k Key) String() string {
	der, err := x509.MarshalPKIXPublicKey(ed25519.PublicKey(k.raw[:]))
	if err != nil {
		panic("seal: an Ed25519 key cannot be written: " + err.Error())
	}
	return base64.StdEncoding.EncodeToString(der)
}

// smallOrder are the y-coordinates, little endian, of the points of small order,
// also those written as y + p (as in libsodium's list). Anybody can sign for such a
// "public key"; 32 zero bytes are one of them.
var smallOrder = func() map[string]bool {
	points := map[string]bool{}
	for _, point := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		points[point] = true
	}
	return points
}()

// weak reports whether anybody could sign for the key; also the zero Key is weak.
func (k Key) weak() bool {
	k.raw[31] &= 0x7f // the sign of x
	return smallOrder[hex.EncodeToString(k.raw[:])]
}

// Signer is a private key. Printing it in any way shows only the public key's ID.
type Signer struct {
	private ed25519.PrivateKey
}

// Key is the public half.
func (s *Signer) Key() Key {
	var k Key
	copy(k.raw[:], s.private[ed25519.SeedSize:])
	return k
}

// Format keeps the private key out of whatever is printed.
func (s *Signer) Format(f fmt.State, _ rune) {
	if s == nil {
		_, _ = io.WriteString(f, "no signer")
		return
	}
	_, _ = io.WriteString(f, "signer "+s.Key().ID())
}
