package registry

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/content"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/platform"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/reference"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/rootfs"
)

// Image is what a name stands for: an index of several platforms, or a single manifest.
type Image struct {
	Reference  reference.Reference // by digest
	MediaType  string
	Size       int64
	Index      bool
	Claims     map[string]string // annotations of the index (or of the single manifest)
	Parts      []Part            // one a platform; attestations are left out
	Provenance map[string][]byte // in-toto statements of BuildKit, by the digest of their part; may be empty
	SBOM       map[string]bool   // whether a part, by its digest, has a list of packages of BuildKit's
}

// Part is the image for one platform.
type Part struct {
	Digest      string
	Claimed     platform.Platform // by the index; of a single manifest: by its config
	Config      content.Image     // Platform is what the config claims
	Labels      map[string]string
	Annotations map[string]string // of the manifest
	Layers      []rootfs.Layer    // the lowest first
	Created     time.Time         // zero if the config does not say

	history []made // what the config says of how it came about
}

// Resolve asks what a reference stands for (digest, tag, or else the tag latest). Everything read is checked against
// its digest.
func (c *Client) Resolve(ctx context.Context, ref reference.Reference) (Image, error) {
	top, err := c.manifest(ctx, ref)
	if err != nil {
		return Image{}, err
	}
	ref.Tag, ref.Digest = "", top.digest
	im := Image{
		Reference: ref, MediaType: top.MediaType, Size: int64(len(top.raw)), Index: top.isIndex(),
		Claims: top.Annotations, Provenance: map[string][]byte{}, SBOM: map[string]bool{},
	}
	if !im.Index {
		part, err := c.part(ctx, ref, top)
		part.Claimed = part.Config.Platform
		im.Parts = []Part{part}
		return im, err
	}
	images, attestations := sorted(top.Manifests)
	im.Parts = make([]Part, len(images))
	err = together(ctx, len(images), func(ctx context.Context, i int) error {
		m, err := c.entry(ctx, ref, images[i])
		if err == nil {
			im.Parts[i], err = c.part(ctx, ref, m)
		}
		im.Parts[i].Claimed = im.Parts[i].Config.Platform // as engines do where the index does not say
		if p := images[i].Platform; p != nil {
			im.Parts[i].Claimed = platform.Of(p.OS, p.Architecture, p.Variant)
		}
		return err
	})
	if err != nil {
		return Image{}, err
	}
	return im, c.statements(ctx, im, attestations)
}

// sorted tells the images of an index from what is said about them.
func sorted(entries []descriptor) (images, attestations []descriptor) {
	for _, d := range entries {
		unknown := d.Platform != nil && d.Platform.OS == "unknown" && d.Platform.Architecture == "unknown"
		switch {
		case d.Annotations["vnd.docker.reference.type"] == "attestation-manifest" && unknown:
			attestations = append(attestations, d)
		case unknown, d.Platform == nil && d.ArtifactType != "":
			// An artifact of somebody else's: no engine starts it.
		default:
			images = append(images, d)
		}
	}
	return images, attestations
}

// imageConfig is the part of an image's config that matters here.
type imageConfig struct {
	OS           string    `json:"os"`
	Architecture string    `json:"architecture"`
	Variant      string    `json:"variant"`
	Created      time.Time `json:"created"`
	History      []made    `json:"history"`
	Config       struct {
		Entrypoint, Cmd, Env []string
		WorkingDir           string
		Labels               map[string]string
	} `json:"config"`
}

// part reads the config that goes with a manifest.
func (c *Client) part(ctx context.Context, ref reference.Reference, m *manifest) (Part, error) {
	ref.Digest = m.digest
	if t := m.Config.MediaType; t != ociConfig && t != dockerConfig {
		return Part{}, &Error{
			Kind: Unsupported, Name: ref.String(), Doing: "reading the config",
			Detail: "it is no container image, but holds " + show(t), Hint: "name an image that can be started",
		}
	}
	data, err := c.blob(ctx, ref, *m.Config, "config", maxConfig)
	if err != nil {
		return Part{}, err
	}
	var config imageConfig
	if err := json.Unmarshal(data, &config); err != nil {
		return Part{}, about(ref, "", "reading the config").wrong("it is no JSON of the form that is specified")
	}
	start := config.Config
	p := Part{
		Digest: m.digest,
		Config: content.Image{
			Platform:   platform.Of(config.OS, config.Architecture, config.Variant),
			Entrypoint: start.Entrypoint, Cmd: start.Cmd, Env: start.Env,
			WorkingDir: start.WorkingDir,
		},
		Labels: start.Labels, Annotations: m.Annotations, Created: config.Created,
		history: config.History[max(0, len(config.History)-maxHistory):],
	}
	for _, d := range m.Layers {
		p.Layers = append(p.Layers, &layer{client: c, ref: ref, descriptor: d})
	}
	return p, nil
}

// statements reads what BuildKit says of how it made the parts, and looks whether it lists what is in them.
func (c *Client) statements(ctx context.Context, im Image, attestations []descriptor) error {
	made, listed := make([][]byte, len(attestations)), make([]bool, len(attestations))
	err := together(ctx, len(attestations), func(ctx context.Context, i int) error {
		m, err := c.entry(ctx, im.Reference, attestations[i])
		if err != nil {
			return err
		}
		for _, d := range m.Layers {
			predicate := d.Annotations["in-toto.io/predicate-type"]
			switch {
			case d.MediaType != inToto:
			case predicate == "https://spdx.dev/Document":
				listed[i] = true
			case strings.HasPrefix(predicate, "https://slsa.dev/provenance/") && made[i] == nil:
				if made[i], err = c.blob(ctx, im.Reference, d, "provenance", maxProvenance); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, d := range attestations {
		subject := d.Annotations["vnd.docker.reference.digest"]
		for _, p := range im.Parts {
			if p.Digest != subject {
				continue
			}
			if im.SBOM[subject] = im.SBOM[subject] || listed[i]; made[i] != nil {
				im.Provenance[subject] = made[i]
			}
		}
	}
	return nil
}
