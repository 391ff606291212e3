package signature

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/registry"
)

// simple is what a signature of cosign's signs, "simple signing" of containers/image.
type simple struct {
	Critical critical          `json:"critical"`
	Optional map[string]string `json:"optional"`
}

type critical struct {
	Identity struct {
		Reference string `json:"docker-reference"`
	} `json:"identity"`
	Image struct {
		Digest string `json:"docker-manifest-digest"`
	} `json:"image"`
	Type string `json:"type"`
}

const criticalType = "cosign container image signature"

// Sign adds a signature to a, which is what the registry has in the tag sha256-<hex>.sig, and may be empty. Nothing is
// added if the key has signed the image with claims of these names: an image is built once, and who uses it again does
// not become its builder.
func (k *Key) Sign(
	ctx context.Context, im Image, claims map[string]string, a registry.Artifact,
) (registry.Artifact, error) {
	if err := im.check(); err != nil {
		return registry.Artifact{}, err
	}
	names := func(claims map[string]string) []string { return slices.Sorted(maps.Keys(claims)) }
	found, _, _, err := each(im, a, signed, func(l registry.ArtifactLayer) (bool, string) {
		old, _ := k.claims(im, l)
		return old != nil && slices.Equal(names(old), names(claims)), ""
	})
	if found || err != nil {
		return a, err
	}
	body := simple{Optional: claims}
	body.Critical.Identity.Reference, body.Critical.Image.Digest = im.Repository, im.Digest
	body.Critical.Type = criticalType
	payload, err := json.Marshal(body)
	if err != nil {
		return registry.Artifact{}, fmt.Errorf("the claims about %s cannot be written; report this", im)
	}
	if len(payload) > maxClaims {
		return registry.Artifact{}, fmt.Errorf("the claims about %s are larger than %d KB; leave some out",
			im, maxClaims>>10)
	}
	sum, err := k.sign(ctx, payload)
	if err != nil {
		return registry.Artifact{}, err
	}
	return with(im, signed, a, registry.ArtifactLayer{
		MediaType: simpleType, Data: payload,
		Annotations: map[string]string{sumAnnotation: base64.StdEncoding.EncodeToString(sum)},
	})
}

// with is the artifact with one more layer, and does not share memory with it.
func with(im Image, what kind, a registry.Artifact, l registry.ArtifactLayer) (registry.Artifact, error) {
	if len(a.Layers) >= maxLayers {
		return registry.Artifact{}, &Error{
			im, fmt.Sprintf("has %d %s already", len(a.Layers), what.plural),
			"delete the tag that holds them, and " + what.verb + " it again",
		}
	}
	return registry.Artifact{Layers: append(slices.Clone(a.Layers), l)}, nil
}

// Verify returns the claims of the first signature of the image by this key that has any; they are empty if none has.
// No such signature is an error that says what was there instead.
func (k *Key) Verify(im Image, a registry.Artifact) (claims map[string]string, err error) {
	if err := im.check(); err != nil {
		return nil, err
	}
	_, layers, reasons, err := each(im, a, signed, func(l registry.ArtifactLayer) (bool, string) {
		found, reason := k.claims(im, l)
		if found != nil && len(claims) == 0 {
			claims = found
		}
		return len(claims) > 0, reason
	})
	switch {
	case err != nil:
		return nil, err
	case claims == nil:
		return nil, k.refusal(im, signed, layers, reasons)
	}
	return claims, nil
}

// claims are those of a signature of the image by the key; nil if it is none. The reason is empty if it is not by the
// key.
func (k *Key) claims(im Image, l registry.ArtifactLayer) (claims map[string]string, reason string) {
	sum, ok := sumOf(l.Annotations[sumAnnotation])
	if !ok || len(l.Data) > maxClaims || !verifies(k.public, l.Data, sum) {
		return nil, ""
	}
	payload, err := decode(l.Data)
	if err != nil {
		return nil, err.Error()
	}
	critical := payload.object("critical")
	digest := critical.object("image").text("docker-manifest-digest")
	name := critical.object("identity").text("docker-reference")
	switch {
	case critical.text("type") != criticalType:
		return nil, "it is of the type " + quoted(critical.text("type"))
	case digest != im.Digest:
		return nil, "it is for the digest " + quoted(digest)
	case !im.is(name):
		return nil, "it is for the repository " + quoted(name)
	}
	claims = map[string]string{}
	for name, value := range payload.object("optional") {
		if text, ok := value.(string); ok {
			claims[name] = text
		}
	}
	return claims, ""
}

// sumOf reads the text of a signature, which has one form.
func sumOf(text string) ([]byte, bool) {
	if text == "" || len(text) > maxSum || strings.ContainsAny(text, "\r\n") {
		return nil, false
	}
	sum, err := base64.StdEncoding.Strict().DecodeString(text)
	return sum, err == nil
}
