// Package registry reads images from an OCI registry, and writes tags and signatures.
package registry

import (
	"context"
	"net/http"
	"time"

	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/content"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/platform"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/reference"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/rootfs"
)

// Credentials returns what to show to a registry's host; empty strings mean nobody. It is asked again when a registry
// no longer accepts what it got.
type Credentials func(ctx context.Context, host string) (user, password string, err error)

// Config is how to reach registries.
type Config struct {
	HTTP        *http.Client
	Credentials Credentials
	Secrets     *redact.Set
	Sleep       func(context.Context, time.Duration) error // between tries; nil is the clock
	Plain       func(host string) bool                     // may be spoken to by plain HTTP; nil: loopback only
}

// Client talks to registries.
type Client struct{}

// New is a client.
func New(c Config) *Client { panic("skeleton") }

// Image is what a name stands for: an index of several platforms, or a single manifest.
type Image struct {
	Reference  reference.Reference // by digest
	MediaType  string
	Size       int64
	Index      bool
	Claims     map[string]string // annotations of the index (or of the single manifest)
	Parts      []Part            // one a platform; attestations are left out
	Provenance map[string][]byte // in-toto statements of BuildKit, by the digest of the part they are about; may be empty
}

// Part is the image for one platform.
type Part struct {
	Digest      string
	Claimed     platform.Platform // by the index; of a single manifest: by its config
	Config      content.Image     // Platform is what the config claims
	Labels      map[string]string
	Annotations map[string]string // of the manifest
	Layers      []rootfs.Layer
	Created     time.Time
}

// Resolve asks what a reference stands for (tag or digest). Everything read is checked against its digest.
func (c *Client) Resolve(ctx context.Context, ref reference.Reference) (Image, error) {
	panic("skeleton")
}

// Digest returns the digest that a tag has now; ok is false if there is none.
func (c *Client) Digest(ctx context.Context, ref reference.Reference) (digest string, ok bool, err error) {
	panic("skeleton")
}

// Tag makes a tag stand for the image with the digest in from, of the same repository.
func (c *Client) Tag(ctx context.Context, from reference.Reference, tag string) error {
	panic("skeleton")
}

// DeleteTag removes a tag and leaves the image; false if the registry cannot do that.
func (c *Client) DeleteTag(ctx context.Context, ref reference.Reference) (bool, error) {
	panic("skeleton")
}

// Artifact is a manifest of one layer, as cosign stores signatures and attestations.
type Artifact struct {
	Layers []ArtifactLayer
}

// ArtifactLayer is one signature or attestation.
type ArtifactLayer struct {
	MediaType   string
	Annotations map[string]string
	Data        []byte
}

// Artifact reads what a tag such as sha256-<hex>.sig holds; ok is false if there is none.
func (c *Client) Artifact(ctx context.Context, ref reference.Reference) (a Artifact, ok bool, err error) {
	panic("skeleton")
}

// PutArtifact writes it. What others have added meanwhile is kept.
func (c *Client) PutArtifact(ctx context.Context, ref reference.Reference, a Artifact) error {
	panic("skeleton")
}
