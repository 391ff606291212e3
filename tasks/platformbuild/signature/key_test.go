package signature

import (
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/registry"
)

// opensslKey was made with `openssl ecparam -name prime256v1 -genkey` and `openssl ec -pubout`.
const opensslKey = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEjeVqMybQ2wNW74rgjpBGdOdhBEZW
fNjfuDMuwQgO+gXR1sqMiDfZbkC2U9mDDPhKPZZjudqM0MLithqdRifTzw==
-----END PUBLIC KEY-----
`

func block(t testing.TB, kind string, der []byte) string {
	t.Helper()
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func TestParseKey(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	der := func(public any) []byte {
		data, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	ed, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := string(k.PEM())
	for name, tc := range map[string]struct{ text, want string }{
		"nothing":      {"", "is not a PEM block"},
		"an address":   {address, "is not a PEM block"},
		"private":      {block(t, "EC PRIVATE KEY", []byte("hunter2")), "is a private one"},
		"encrypted":    {block(t, "ENCRYPTED SIGSTORE PRIVATE KEY", []byte("hunter2")), "is a private one"},
		"certificate":  {block(t, "CERTIFICATE", []byte("x")), "of another kind"},
		"damaged":      {block(t, "PUBLIC KEY", []byte("x")), "holds no public key"},
		"two":          {good + good, "something behind"},
		"P-384":        {block(t, "PUBLIC KEY", der(curve(t, elliptic.P384()).Public())), "is of the curve P-384, not P-256"},
		"Ed25519":      {block(t, "PUBLIC KEY", der(ed)), "is neither of the curve P-256 nor of RSA"},
		"RSA, small":   {block(t, "PUBLIC KEY", der(rsaKey(t, 1024).Public())), "is an RSA key of 1024 bits, not of 2048 to 8192"},
		"without ends": {strings.ReplaceAll(good, "\n", " "), "is not a PEM block"},
	} {
		got, err := ParseKey([]byte(tc.text))
		if got != nil {
			t.Errorf("%s: ParseKey = %s", name, got)
		}
		wantError(t, name, err, tc.want)
	}
	got, err := ParseKey([]byte("\n" + good + "\r\n"))
	if err != nil {
		t.Fatalf("ParseKey(%s): %v", good, err)
	}
	if diff := cmp.Diff(k.Public(), got.Public()); diff != "" || string(got.PEM()) != good {
		t.Errorf("ParseKey(%s) (-want +got):\n%s", good, diff)
	}
	a := signedBy(t, k, image, claims, registry.Artifact{})
	if _, err := got.Verify(image, a); err != nil {
		t.Errorf("Verify by the public half: %v", err)
	}
	wantError(t, "CanSign", got.CanSign(time.Now()), "can only verify; to sign, name a key of a key vault")
	if _, err := got.Sign(t.Context(), image, claims, a); err != nil {
		t.Errorf("Sign of what is signed: %v", err)
	}
}

// The name is what `openssl pkey -pubin -outform der | sha256sum` begins with.
func TestNameOfAPublicKey(t *testing.T) {
	t.Parallel()
	k, err := ParseKey([]byte(opensslKey))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := k.String(), "the public key sha256:7716709f172df386"; got != want {
		t.Errorf("the key is %s, want %s", got, want)
	}
}
