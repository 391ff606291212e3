// Package signature signs images with a key in Azure Key Vault, and checks such signatures, in the format of
// cosign: so whatever admits images by cosign's signatures (Kyverno, policy-controller, Ratify) admits ours.
package signature

import (
	"context"
	"crypto"
	"time"

	"github.com/guardrails-ci/guardrails/shared/azure"
	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/registry"
)

// Key signs or verifies.
type Key struct{}

// OpenKey is a key of Key Vault, by its address https://<vault>/keys/<name>[/<version>]; a version is pinned at the first use.
func OpenKey(ctx context.Context, id string, c *azure.Credential, client *httpx.Client) (*Key, error) {
	panic("skeleton")
}

// ParseKey is a public key in PEM (SPKI), which verifies only.
func ParseKey(pem []byte) (*Key, error) { panic("skeleton") }

// Public is the public half.
func (k *Key) Public() crypto.PublicKey { panic("skeleton") }

// String names the key for people, with its version.
func (k *Key) String() string { panic("skeleton") }

// Image is what is signed: the digest, and the name it was pushed under.
type Image struct {
	Repository string // registry/repository
	Digest     string
}

// Sign adds a signature: to a, which may be empty, as it was in the registry (tag sha256-<hex>.sig).
func (k *Key) Sign(ctx context.Context, im Image, claims map[string]string, a registry.Artifact) (registry.Artifact, error) {
	panic("skeleton")
}

// Verify returns the claims of the first signature of the image by this key. No such signature is an error that says
// what was there instead.
func (k *Key) Verify(im Image, a registry.Artifact) (claims map[string]string, err error) {
	panic("skeleton")
}

// Build says how an image came about, for a SLSA provenance statement (v1).
type Build struct {
	Builder, Type, Invocation string // URIs
	Parameters                map[string]any
	Dependencies              map[string]string // URI -> "sha256:..." or "gitCommit:..."
	Started, Finished         time.Time
}

// Attest adds a signed statement of provenance (DSSE, in-toto) to a (tag sha256-<hex>.att).
func (k *Key) Attest(ctx context.Context, im Image, b Build, a registry.Artifact) (registry.Artifact, error) {
	panic("skeleton")
}

// VerifyBuild returns the statement of provenance about the image that this key has signed.
func (k *Key) VerifyBuild(im Image, a registry.Artifact) (Build, error) { panic("skeleton") }

// Tag is where cosign keeps what belongs to a digest: "sha256-<hex>.sig" or ".att".
func Tag(digest, suffix string) string { panic("skeleton") }
