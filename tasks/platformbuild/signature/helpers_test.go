package signature

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/registry"
)

// local signs with a key in memory.
type local struct{ private crypto.Signer }

func (l local) sign(_ context.Context, digest []byte) ([]byte, error) {
	return l.private.Sign(rand.Reader, digest, crypto.SHA256)
}

func (l local) ready(time.Time) error { return nil }

func keyOf(private crypto.Signer) *Key {
	return &Key{public: private.Public(), name: "https://contoso-kv.vault.azure.net/keys/images/0", signer: local{private}}
}

func newKey(t testing.TB) *Key {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return keyOf(private)
}

const hexes = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

var (
	image  = Image{"prodacr.azurecr.io/team/app", "sha256:" + hexes}
	other  = Image{"prodacr.azurecr.io/team/app", "sha256:" + strings.Repeat("0", 64)}
	moved  = Image{"prodacr.azurecr.io/team/other", "sha256:" + hexes}
	claims = map[string]string{"build-id": "42", "pipeline": "app <ci>"}
)

func signedBy(t testing.TB, k *Key, im Image, claims map[string]string, a registry.Artifact) registry.Artifact {
	t.Helper()
	a, err := k.Sign(t.Context(), im, claims, a)
	if err != nil {
		t.Fatalf("Sign(%s): %v", im, err)
	}
	return a
}

// rawSignature is a signature of any payload.
func rawSignature(t testing.TB, k *Key, payload string) registry.ArtifactLayer {
	t.Helper()
	sum, err := k.sign(t.Context(), []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return registry.ArtifactLayer{
		MediaType: simpleType, Data: []byte(payload),
		Annotations: map[string]string{sumAnnotation: base64.StdEncoding.EncodeToString(sum)},
	}
}

// changed is an artifact whose only layer is changed.
func changed(a registry.Artifact, change func(*registry.ArtifactLayer)) registry.Artifact {
	l := a.Layers[0]
	l.Data = append([]byte{}, l.Data...)
	annotations := map[string]string{}
	for name, value := range l.Annotations {
		annotations[name] = value
	}
	l.Annotations = annotations
	change(&l)
	return registry.Artifact{Layers: []registry.ArtifactLayer{l}}
}

func wantError(t *testing.T, what string, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: error %v, want one with %q", what, err, want)
		return
	}
	if text := err.Error(); strings.ContainsAny(text, "\r\n\x1b") || strings.Contains(text, "##vso[") || len(text) > 900 || strings.HasSuffix(text, ".") {
		t.Errorf("%s: error %q is not one clean line", what, text)
	}
}
