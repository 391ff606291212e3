package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/reference"
)

// The limits of an artifact.
const (
	maxArtifactLayers = 200
	maxArtifactLayer  = 8 << 20
	maxArtifact       = 64 << 20
)

// Artifact is a manifest of some small layers, as cosign stores signatures and attestations.
type Artifact struct {
	Layers []ArtifactLayer
}

// ArtifactLayer is one signature or attestation.
type ArtifactLayer struct {
	MediaType   string
	Annotations map[string]string
	Data        []byte
}

func (l ArtifactLayer) descriptor() descriptor {
	return descriptor{
		MediaType: l.MediaType, Digest: digestOf(l.Data), Size: int64(len(l.Data)), Annotations: l.Annotations,
	}
}

// Artifact reads what a tag such as sha256-<hex>.sig holds; ok is false if there is none.
func (c *Client) Artifact(ctx context.Context, ref reference.Reference) (a Artifact, ok bool, err error) {
	m, err := c.artifact(ctx, ref)
	if err != nil || m == nil {
		return Artifact{}, false, err
	}
	var total int64
	for _, d := range m.Layers {
		if total += d.Size; d.Size > maxArtifactLayer || total > maxArtifact {
			return Artifact{}, false, about(ref, "", "reading the artifact").wrong(
				"its layers are larger than %d MB each, or %d MB together", maxArtifactLayer>>20, maxArtifact>>20)
		}
	}
	a.Layers = make([]ArtifactLayer, len(m.Layers))
	err = together(ctx, len(m.Layers), func(ctx context.Context, i int) error {
		d := m.Layers[i]
		data, err := c.blob(ctx, ref, d, "artifact", maxArtifactLayer)
		a.Layers[i] = ArtifactLayer{MediaType: d.MediaType, Annotations: d.Annotations, Data: data}
		return err
	})
	if err != nil {
		return Artifact{}, false, err
	}
	return a, true, nil
}

// artifact reads the manifest; nil if there is none.
func (c *Client) artifact(ctx context.Context, ref reference.Reference) (*manifest, error) {
	m, err := c.manifest(ctx, ref)
	if IsKind(err, NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	q := about(ref, "", "reading the artifact")
	if m.isIndex() {
		return nil, q.wrong("it is an index, not an artifact")
	}
	if len(m.Layers) > maxArtifactLayers {
		return nil, q.wrong("it has %d layers, more than %d", len(m.Layers), maxArtifactLayers)
	}
	return m, nil
}

// maxRaces is how often another writer may come first.
const maxRaces = 5

// PutArtifact adds the layers of a to what ref's tag holds. Registries cannot compare and swap: what another writer has
// added meanwhile is found before writing, and what another has thrown out of ours afterwards.
func (c *Client) PutArtifact(ctx context.Context, ref reference.Reference, a Artifact) error {
	q := about(ref, "", "writing the artifact")
	if err := reference.CheckTag(ref.Tag); err != nil || ref.Digest != "" {
		return q.wrong("it names no tag")
	}
	for _, l := range a.Layers {
		if err := c.putBlob(ctx, ref, l.Data); err != nil {
			return err
		}
	}
	for range maxRaces {
		old, err := c.artifact(ctx, ref)
		if err != nil {
			return err
		}
		layers, changed := merge(old, a)
		if !changed {
			return nil
		}
		if len(layers) > maxArtifactLayers {
			return q.wrong("it would have %d layers, more than %d", len(layers), maxArtifactLayers)
		}
		if err := c.replaceArtifact(ctx, ref, old, layers); err != nil {
			return err
		}
	}
	return &Error{
		Kind: Refused, Name: ref.String(), Doing: q.doing, Hint: "try again",
		Detail: fmt.Sprintf("others wrote it at the same time, %d times in a row", maxRaces),
	}
}

// merge is what an artifact has to hold, and whether that is more than it holds.
func merge(old *manifest, a Artifact) (layers []descriptor, changed bool) {
	if old != nil {
		layers = slices.Clone(old.Layers)
	}
	for _, l := range a.Layers {
		d := l.descriptor()
		there := slices.ContainsFunc(layers, func(other descriptor) bool {
			return other.Digest == d.Digest && other.MediaType == d.MediaType &&
				maps.Equal(other.Annotations, d.Annotations)
		})
		if !there {
			layers, changed = append(layers, d), true
		}
	}
	return layers, changed
}

// replaceArtifact writes the artifact if the tag still holds what it did.
func (c *Client) replaceArtifact(ctx context.Context, ref reference.Reference, old *manifest, all []descriptor) error {
	config := artifactConfig(all)
	if err := c.putBlob(ctx, ref, config); err != nil {
		return err
	}
	m := &manifest{
		SchemaVersion: 2, MediaType: ociManifest, Layers: all,
		Config: &descriptor{MediaType: ociConfig, Digest: digestOf(config), Size: int64(len(config))},
	}
	if old != nil {
		m.Annotations = old.Annotations
	}
	var err error
	if m.raw, err = json.Marshal(m); err != nil {
		return err
	}
	m.digest = digestOf(m.raw)
	now, ok, err := c.Digest(ctx, ref)
	if err != nil || ok != (old != nil) || ok && now != old.digest {
		return err // nothing is written: the caller looks again
	}
	return c.putManifest(ctx, ref, m, "writing the artifact")
}

// artifactConfig is a config as cosign makes it: of an image that nothing can start.
func artifactConfig(layers []descriptor) []byte {
	digests := make([]string, 0, len(layers))
	for _, d := range layers {
		digests = append(digests, d.Digest)
	}
	text, err := json.Marshal(map[string]any{
		"architecture": "", "os": "", "created": "0001-01-01T00:00:00Z", "config": map[string]any{},
		"rootfs": map[string]any{"type": "layers", "diff_ids": digests},
	})
	if err != nil {
		panic(err) // texts only
	}
	return text
}
