// Package signature signs images with a key in Azure Key Vault, and checks such signatures, in the format of
// cosign: so whatever admits images by cosign's signatures (Kyverno, policy-controller, Ratify) admits ours.
//
// What it promises:
//   - the private key stays in the vault, and what the vault returns is checked with the public one;
//   - a signature counts only for the digest and the repository that it was made for, and only by the
//     algorithm of the key, whatever stands beside it;
//   - what is signed is read in one way only: JSON with names that repeat is refused;
//   - to sign again what the key has signed adds nothing.
//
// It asks nobody but the vault: no transparency log, no certificates. It does not read or write registries either.
package signature

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/keyvault"
	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/registry"
)

// What cosign calls things (github.com/sigstore/cosign, specs/SIGNATURE_SPEC.md).
const (
	sumAnnotation       = "dev.cosignproject.cosign/signature"
	predicateAnnotation = "predicateType"
	simpleType          = "application/vnd.dev.cosign.simplesigning.v1+json"
	envelopeType        = "application/vnd.dsse.envelope.v1+json"
)

// The limits: what else is there may be anybody's who may push.
const (
	maxLayers  = 100
	maxClaims  = 64 << 10
	maxPayload = 1 << 20
	maxSum     = 2 << 10 // of the text of a signature
)

// Image is what is signed: the digest, and the name it was pushed under.
type Image struct {
	Repository string // registry/repository
	Digest     string
}

// String is the image's name by digest.
func (im Image) String() string { return im.Repository + "@" + im.Digest }

var digestForm = regexp.MustCompile(`^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$`)

func (im Image) check() error {
	switch {
	case im.Repository == "":
		return fmt.Errorf("an image without a name cannot be signed or verified; report this")
	case !digestForm.MatchString(im.Digest):
		return fmt.Errorf("the image %s has no digest that can be signed; report this", redact.Line(im.String()))
	}
	return nil
}

// is reports whether a name in something signed is the image's. Docker Hub has two.
func (im Image) is(name string) bool {
	hub := func(name string) string {
		if rest, ok := strings.CutPrefix(name, "index.docker.io/"); ok {
			return "docker.io/" + rest
		}
		return name
	}
	return hub(name) == hub(im.Repository)
}

// Tag is where cosign keeps what belongs to a digest: "sha256-<hex>.sig" or ".att".
func Tag(digest, suffix string) string {
	return strings.Replace(digest, ":", "-", 1) + "." + strings.TrimPrefix(suffix, ".")
}

// Error says why an image is not taken for signed, or attested.
type Error struct {
	Image  Image
	Reason string // what is wrong, to be read behind the image's name
	Fix    string // what to do
}

// Error is one line: the image, what is wrong, and the way out.
func (e *Error) Error() string { return e.message() + "; " + e.Fix }

func (e *Error) message() string {
	return "the image " + redact.Line(e.Image.String()) + " " + e.Reason
}

// Explain takes an error of this package apart: what is wrong, and the way out, which is empty if there is none. Both
// are our own words, and may be shown as they are.
func Explain(err error) (message, fix string) {
	var own *Error
	var vault *keyvault.Error
	switch {
	case errors.As(err, &own):
		return own.message(), own.Fix
	case errors.As(err, &vault):
		return vault.Message(), vault.Fix
	}
	message, fix, _ = strings.Cut(err.Error(), "; ")
	return message, fix
}

// kind is what a layer can be: a signature or an attestation.
type kind struct{ noun, plural, verb, none, mediaType string }

var (
	signed = kind{
		"signature", "signatures", "sign", "has no signature", simpleType,
	}
	attested = kind{
		"attestation", "attestations", "attest", "has no attestation of how it was built", envelopeType,
	}
)

// refusal is an error for an image of which no layer was good, with the reasons for those by the key: what others
// have signed is not worth a word.
func (k *Key) refusal(im Image, what kind, layers int, reasons []string) error {
	switch {
	case layers == 0:
		return &Error{
			im, what.none, "build it in its pipeline, which has to " + what.verb + " it (signingKey)",
		}
	case len(reasons) > 0:
		return &Error{
			im, fmt.Sprintf("has %s by %s that is not for it: %s", article(what.noun), k, redact.Lines(reasons)),
			"somebody has copied it from another image: find out who, and build the image in its pipeline",
		}
	}
	counted := fmt.Sprintf("%d %s, none of them", layers, what.plural)
	if layers == 1 {
		counted = article(what.noun) + ", which is not"
	}
	return &Error{
		im, fmt.Sprintf("has %s by %s", counted, k),
		"check which key its pipeline signs with; if the key has a new version, name the one that has signed",
	}
}

func article(noun string) string {
	if strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an " + noun
	}
	return "a " + noun
}

// each calls look for each layer of a kind until it returns true, and collects its reasons; it returns how many
// there were.
func each(im Image, a registry.Artifact, what kind, look func(registry.ArtifactLayer) (ok bool, reason string)) (
	found bool, layers int, reasons []string, err error,
) {
	if len(a.Layers) > maxLayers {
		return false, 0, nil, &Error{
			im, fmt.Sprintf("has %d %s, more than %d", len(a.Layers), what.plural, maxLayers),
			"delete the tag that holds them, and " + what.verb + " it again",
		}
	}
	for _, l := range a.Layers {
		if l.MediaType != what.mediaType {
			continue
		}
		layers++
		ok, reason := look(l)
		if ok {
			return true, layers, nil, nil
		}
		if reason != "" {
			reasons = append(reasons, reason)
		}
	}
	return false, layers, reasons, nil
}

// quoted is somebody else's text in a reason.
func quoted(text string) string { return fmt.Sprintf("%.100q", text) }
