package signature

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/dsse"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/registry"
)

// Build says how an image came about, for a SLSA provenance statement (v1).
type Build struct {
	Builder, Type, Invocation string            // URIs
	Parameters                map[string]any    // that whoever starts the build decides
	Internal                  map[string]any    // that the builder does
	Dependencies              map[string]string // URI -> "sha256:..." or "gitCommit:..."
	Started, Finished         time.Time
}

// What in-toto and SLSA call things (github.com/in-toto/attestation, spec/v1; slsa.dev/spec/v1.0/provenance).
const (
	payloadType    = "application/vnd.in-toto+json"
	statementType  = "https://in-toto.io/Statement/v1"
	statementOld   = "https://in-toto.io/Statement/v0.1" // which cosign attest writes
	provenanceType = "https://slsa.dev/provenance/v1"
)

type statement struct {
	Type          string     `json:"_type"`
	Subject       []subject  `json:"subject"`
	PredicateType string     `json:"predicateType"`
	Predicate     provenance `json:"predicate"`
}

type subject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

type provenance struct {
	Definition struct {
		Type         string         `json:"buildType"`
		Parameters   map[string]any `json:"externalParameters"`
		Internal     map[string]any `json:"internalParameters,omitempty"`
		Dependencies []dependency   `json:"resolvedDependencies,omitempty"`
	} `json:"buildDefinition"`
	Run struct {
		Builder struct {
			ID string `json:"id"`
		} `json:"builder"`
		Metadata struct {
			Invocation string `json:"invocationId,omitempty"`
			Started    string `json:"startedOn,omitempty"`
			Finished   string `json:"finishedOn,omitempty"`
		} `json:"metadata"`
	} `json:"runDetails"`
}

type dependency struct {
	URI    string            `json:"uri"`
	Digest map[string]string `json:"digest,omitempty"`
}

// Attest adds a signed statement of provenance (DSSE, in-toto) to a, which is what the registry has in the tag
// sha256-<hex>.att, and may be empty. Nothing is added if the key has attested a build of this type by this builder.
func (k *Key) Attest(ctx context.Context, im Image, b Build, a registry.Artifact) (registry.Artifact, error) {
	if err := im.check(); err != nil {
		return registry.Artifact{}, err
	}
	found, _, _, err := each(im, a, attested, func(l registry.ArtifactLayer) (bool, string) {
		old, ok, _ := k.build(im, l)
		return ok && old.Builder == b.Builder && old.Type == b.Type, ""
	})
	if found || err != nil {
		return a, err
	}
	payload, err := json.Marshal(statementOf(im, b))
	if err != nil {
		return registry.Artifact{}, fmt.Errorf("the provenance of %s cannot be written; report this", im)
	}
	if len(payload) > maxPayload {
		return registry.Artifact{}, fmt.Errorf("the provenance of %s is larger than %d MB; leave parameters out",
			im, maxPayload>>20)
	}
	e := dsse.Envelope{Type: payloadType, Payload: payload}
	sum, err := k.sign(ctx, e.PAE())
	if err != nil {
		return registry.Artifact{}, err
	}
	// Without an id of the key: cosign would compare it with its own.
	e.Signatures = []dsse.Signature{{Sum: sum}}
	return with(im, attested, a, registry.ArtifactLayer{
		MediaType: envelopeType, Data: e.Text(),
		// The first one is empty, but cosign wants it to be there.
		Annotations: map[string]string{sumAnnotation: "", predicateAnnotation: provenanceType},
	})
}

func statementOf(im Image, b Build) statement {
	s := statement{
		Type: statementType, PredicateType: provenanceType,
		Subject: []subject{{im.Repository, digestOf(im.Digest)}},
	}
	definition, run := &s.Predicate.Definition, &s.Predicate.Run
	definition.Type, definition.Parameters, definition.Internal = b.Type, b.Parameters, b.Internal
	if b.Parameters == nil {
		definition.Parameters = map[string]any{} // it is required
	}
	for _, uri := range slices.Sorted(maps.Keys(b.Dependencies)) {
		definition.Dependencies = append(definition.Dependencies, dependency{uri, digestOf(b.Dependencies[uri])})
	}
	run.Builder.ID, run.Metadata.Invocation = b.Builder, b.Invocation
	run.Metadata.Started, run.Metadata.Finished = timeText(b.Started), timeText(b.Finished)
	return s
}

// digestOf is a digest in the form of in-toto; nil for none.
func digestOf(text string) map[string]string {
	if algorithm, value, ok := strings.Cut(text, ":"); ok {
		return map[string]string{algorithm: value}
	}
	return nil
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// VerifyBuild returns the statement of provenance about the image that this key has signed.
func (k *Key) VerifyBuild(im Image, a registry.Artifact) (Build, error) {
	if err := im.check(); err != nil {
		return Build{}, err
	}
	var b Build
	found, layers, reasons, err := each(im, a, attested, func(l registry.ArtifactLayer) (bool, string) {
		read, ok, reason := k.build(im, l)
		if ok {
			b = read
		}
		return ok, reason
	})
	switch {
	case err != nil:
		return Build{}, err
	case !found:
		return Build{}, k.refusal(im, attested, layers, reasons)
	}
	return b, nil
}

// build reads a statement about the image by the key. The reason is empty if it is not by the key.
func (k *Key) build(im Image, l registry.ArtifactLayer) (b Build, ok bool, reason string) {
	if len(l.Data) > 2*maxPayload {
		return Build{}, false, ""
	}
	e, err := dsse.Parse(l.Data)
	if err != nil {
		return Build{}, false, ""
	}
	text := e.PAE()
	if !slices.ContainsFunc(e.Signatures, func(s dsse.Signature) bool {
		return len(s.Sum) <= maxSum && verifies(k.public, text, s.Sum)
	}) {
		return Build{}, false, ""
	}
	if e.Type != payloadType {
		return Build{}, false, "it is of the type " + quoted(e.Type)
	}
	read, err := decode(e.Payload)
	if err != nil {
		return Build{}, false, err.Error()
	}
	if reason := im.foreign(read); reason != "" {
		return Build{}, false, reason
	}
	return buildOf(read.object("predicate")), true, ""
}

// foreign says why a statement is not the provenance of the image; "" if it is.
func (im Image) foreign(s object) string {
	if kind := s.text("_type"); kind != statementType && kind != statementOld {
		return "it is of the type " + quoted(kind)
	}
	if kind := s.text("predicateType"); kind != provenanceType {
		return "it says something else, " + quoted(kind)
	}
	algorithm, value, _ := strings.Cut(im.Digest, ":")
	names := []string{}
	for _, item := range s.list("subject") {
		one, _ := item.(object)
		switch {
		case one.object("digest").text(algorithm) != value:
		case im.is(one.text("name")):
			return ""
		default:
			names = append(names, one.text("name"))
		}
	}
	if len(names) > 0 {
		return "it is for the repository " + quoted(names[0])
	}
	return "it is for another digest"
}

// buildOf reads a predicate. What it does not have is empty.
func buildOf(predicate object) Build {
	definition, run := predicate.object("buildDefinition"), predicate.object("runDetails")
	metadata := run.object("metadata")
	b := Build{
		Builder: run.object("builder").text("id"), Type: definition.text("buildType"),
		Invocation: metadata.text("invocationId"), Parameters: plain(definition.object("externalParameters")),
		Internal: plain(definition.object("internalParameters")),
		Started:  timeOf(metadata.text("startedOn")), Finished: timeOf(metadata.text("finishedOn")),
	}
	for _, item := range definition.list("resolvedDependencies") {
		one, _ := item.(object)
		if b.Dependencies == nil {
			b.Dependencies = map[string]string{}
		}
		b.Dependencies[one.text("uri")] = bestDigest(one.object("digest"))
	}
	return b
}

// bestDigest is one of the digests of a dependency; "" if there is none.
func bestDigest(digests object) string {
	for _, algorithm := range append([]string{"sha256", "gitCommit"}, slices.Sorted(maps.Keys(digests))...) {
		if value := digests.text(algorithm); value != "" {
			return algorithm + ":" + value
		}
	}
	return ""
}

func timeOf(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// plain is an object without our type.
func plain(o object) map[string]any {
	if len(o) == 0 {
		return nil
	}
	all := map[string]any{}
	for name, value := range o {
		all[name] = plainValue(value)
	}
	return all
}

func plainValue(value any) any {
	switch v := value.(type) {
	case object:
		all := map[string]any{}
		for name, value := range v {
			all[name] = plainValue(value)
		}
		return all
	case []any:
		for i := range v {
			v[i] = plainValue(v[i])
		}
	}
	return value
}
