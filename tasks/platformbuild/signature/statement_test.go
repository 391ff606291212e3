package signature

import (
	"context"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	oracle "github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/guardrails-ci/guardrails/shared/dsse"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/registry"
)

var built = Build{
	Builder: "https://dev.azure.com/contoso/_apis/build/agents", Type: "https://guardrails-ci.example/build/v1",
	Invocation: "https://dev.azure.com/contoso/app/_build/results?buildId=42",
	Parameters: map[string]any{"platforms": []any{"linux/amd64"}, "target": "final", "nested": map[string]any{"a": true}},
	Internal:   map[string]any{"reason": "Manual"},
	Dependencies: map[string]string{
		"git+https://dev.azure.com/contoso/app/_git/app": "gitCommit:0123456789abcdef0123456789abcdef01234567",
		"pkg:docker/alpine@3.22":                         "sha256:" + hexes, "pkg:docker/scratch": "",
	},
	Started: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), Finished: time.Date(2026, 11, 23, 12, 1, 0, 0, time.UTC),
}

func attestedBy(t testing.TB, k *Key, im Image, b Build, a registry.Artifact) registry.Artifact {
	t.Helper()
	a, err := k.Attest(t.Context(), im, b, a)
	if err != nil {
		t.Fatalf("Attest(%s): %v", im, err)
	}
	return a
}

func TestAttest(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	a := attestedBy(t, k, image, built, registry.Artifact{})
	l := a.Layers[0]
	want := map[string]string{"dev.cosignproject.cosign/signature": "", "predicateType": "https://slsa.dev/provenance/v1"}
	if diff := cmp.Diff(want, l.Annotations); diff != "" || l.MediaType != "application/vnd.dsse.envelope.v1+json" {
		t.Errorf("Attest made a layer of %s with the annotations (-want +got):\n%s", l.MediaType, diff)
	}
	e, err := dsse.Parse(l.Data)
	if err != nil {
		t.Fatal(err)
	}
	text := `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"prodacr.azurecr.io/team/app","digest":{"sha256":"` + hexes +
		`"}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{"buildDefinition":{` +
		`"buildType":"https://guardrails-ci.example/build/v1",` +
		`"externalParameters":{"nested":{"a":true},"platforms":["linux/amd64"],"target":"final"},"internalParameters":{"reason":"Manual"},"resolvedDependencies":[` +
		`{"uri":"git+https://dev.azure.com/contoso/app/_git/app","digest":{"gitCommit":"0123456789abcdef0123456789abcdef01234567"}},` +
		`{"uri":"pkg:docker/alpine@3.22","digest":{"sha256":"` + hexes + `"}},{"uri":"pkg:docker/scratch"}]},` +
		`"runDetails":{"builder":{"id":"https://dev.azure.com/contoso/_apis/build/agents"},"metadata":{` +
		`"invocationId":"https://dev.azure.com/contoso/app/_build/results?buildId=42",` +
		`"startedOn":"2026-11-23T12:00:00Z","finishedOn":"2026-11-23T12:01:00Z"}}}}`
	if diff := cmp.Diff(text, string(e.Payload)); diff != "" || e.Type != "application/vnd.in-toto+json" {
		t.Errorf("Attest wrote a %s (-want +got):\n%s", e.Type, diff)
	}
	got, err := k.VerifyBuild(image, a)
	if diff := cmp.Diff(built, got); err != nil || diff != "" {
		t.Errorf("VerifyBuild: %v (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff(a, attestedBy(t, k, image, built, a)); diff != "" {
		t.Errorf("attesting again (-first +second):\n%s", diff)
	}
	another := built
	another.Builder = "https://dev.azure.com/other"
	if both := attestedBy(t, k, image, another, a); len(both.Layers) != 2 {
		t.Errorf("%d layers after another builder, want 2", len(both.Layers))
	}
}

func TestAttestLittle(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	a := attestedBy(t, k, image, Build{Builder: "b", Type: "t"}, registry.Artifact{})
	got, err := k.VerifyBuild(image, a)
	if diff := cmp.Diff(Build{Builder: "b", Type: "t"}, got); err != nil || diff != "" {
		t.Errorf("VerifyBuild: %v (-want +got):\n%s", err, diff)
	}
	e, err := dsse.Parse(a.Layers[0].Data)
	if err != nil || !strings.Contains(string(e.Payload), `"externalParameters":{}`) {
		t.Errorf("the statement %s lacks externalParameters, which SLSA requires (%v)", e.Payload, err)
	}
}

// ecdsaVerifier is what the reference implementation of DSSE wants.
type ecdsaVerifier struct{ key *Key }

func (v ecdsaVerifier) KeyID() (string, error)   { return "", nil }
func (v ecdsaVerifier) Public() crypto.PublicKey { return v.key.public }
func (v ecdsaVerifier) Verify(_ context.Context, data, sum []byte) error {
	if !verifies(v.key.public, data, sum) {
		return errForm
	}
	return nil
}

func TestTheReferenceImplementationAcceptsAttestations(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	var e oracle.Envelope
	if err := json.Unmarshal(attestedBy(t, k, image, built, registry.Artifact{}).Layers[0].Data, &e); err != nil {
		t.Fatal(err)
	}
	verifier, err := oracle.NewEnvelopeVerifier(ecdsaVerifier{k})
	if err != nil {
		t.Fatal(err)
	}
	if accepted, err := verifier.Verify(t.Context(), &e); err != nil || len(accepted) != 1 {
		t.Errorf("Verify = %v, %v, want one key", accepted, err)
	}
}

// rawAttestation is an attestation with any payload.
func rawAttestation(t testing.TB, k *Key, payloadType, payload string) registry.Artifact {
	t.Helper()
	e := dsse.Envelope{Type: payloadType, Payload: []byte(payload)}
	sum, err := k.sign(t.Context(), e.PAE())
	if err != nil {
		t.Fatal(err)
	}
	e.Signatures = []dsse.Signature{{Sum: sum}}
	return registry.Artifact{Layers: []registry.ArtifactLayer{{MediaType: envelopeType, Data: e.Text()}}}
}

func TestVerifyBuildRefuses(t *testing.T) {
	t.Parallel()
	k, another := newKey(t), newKey(t)
	good := attestedBy(t, k, image, built, registry.Artifact{})
	e, err := dsse.Parse(good.Layers[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	text := string(e.Payload)
	raw := func(old, new string) registry.Artifact {
		t.Helper()
		if !strings.Contains(text, old) {
			t.Fatalf("%q is not in %s", old, text)
		}
		return rawAttestation(t, k, payloadType, strings.Replace(text, old, new, 1))
	}
	data := func(change func(string) string) registry.Artifact {
		return changed(good, func(l *registry.ArtifactLayer) { l.Data = []byte(change(string(l.Data))) })
	}
	var many registry.Artifact
	for range maxLayers + 1 {
		many.Layers = append(many.Layers, good.Layers[0])
	}
	const none = "has an attestation, which is not by https://contoso-kv"
	for name, tc := range map[string]struct {
		a    registry.Artifact
		want string
	}{
		"nothing":               {registry.Artifact{}, "has no attestation of how it was built"},
		"a signature":           {signedBy(t, k, image, claims, registry.Artifact{}), "has no attestation"},
		"another key":           {attestedBy(t, another, image, built, registry.Artifact{}), none},
		"another image's":       {attestedBy(t, k, other, built, registry.Artifact{}), "not for it: it is for another digest"},
		"another repository's":  {attestedBy(t, k, moved, built, registry.Artifact{}), `for the repository "prodacr.azurecr.io/team/other"`},
		"too many":              {many, "has 101 attestations, more than 100"},
		"garbage":               {data(func(string) string { return "\x00garbage" }), none},
		"unsigned":              {data(func(string) string { return string(dsse.Envelope{Type: payloadType, Payload: []byte(text)}.Text()) }), none},
		"fields twice":          {data(func(s string) string { return strings.Replace(s, `{`, `{"payload":"",`, 1) }), none},
		"huge":                  {data(func(s string) string { return s + strings.Repeat(" ", 2*maxPayload) }), none},
		"another payload":       {data(func(s string) string { return strings.Replace(s, `"payload":"ey`, `"payload":"ez`, 1) }), none},
		"another payload type":  {rawAttestation(t, k, "application/vnd.other+json", text), `of the type "application/vnd.other+json"`},
		"another statement":     {raw("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v2"), `of the type "https://in-toto.io/Statement/v2"`},
		"an SBOM":               {raw(`"predicateType":"https://slsa.dev/provenance/v1"`, `"predicateType":"https://spdx.dev/Document"`), "it says something else"},
		"old provenance":        {raw(`"predicateType":"https://slsa.dev/provenance/v1"`, `"predicateType":"https://slsa.dev/provenance/v0.2"`), "it says something else"},
		"names twice":           {raw(`"builder":{`, `"builder":{"id":"evil",`), "read in one way only"},
		"another case":          {raw(`"subject"`, `"Subject"`), "for another digest"},
		"both cases":            {raw(`"subject":[`, `"SUBJECT":[],"subject":[`), "for another digest"},
		"no subject":            {raw(`{"name":"prodacr.azurecr.io/team/app"`, `null,{"name":""`), `for the repository ""`},
		"digest of a text":      {raw(`"digest":{"sha256":"`+hexes+`"}`, `"digest":"`+hexes+`"`), "for another digest"},
		"another algorithm's":   {raw(`"digest":{"sha256":`, `"digest":{"sha512":`), "for another digest"},
		"hostile":               {raw(`"name":"prodacr.azurecr.io/team/app"`, `"name":"\u001b[31m##vso[x]\r\n"`), "for the repository"},
		"a simple signature's":  {rawAttestation(t, k, payloadType, string(signedBy(t, k, image, claims, registry.Artifact{}).Layers[0].Data)), `of the type ""`},
		"signed in another way": {registry.Artifact{Layers: []registry.ArtifactLayer{plainEnvelope(t, k, text)}}, none},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := k.VerifyBuild(image, tc.a)
			if diff := cmp.Diff(Build{}, got); diff != "" {
				t.Errorf("VerifyBuild = %+v, want nothing", got)
			}
			wantError(t, name, err, tc.want)
		})
	}
	if _, err := k.VerifyBuild(image, raw("Statement/v1", "Statement/v0.1")); err != nil {
		t.Errorf("VerifyBuild of what cosign attest writes: %v", err)
	}
	mixed := registry.Artifact{Layers: append(attestedBy(t, another, image, built, registry.Artifact{}).Layers, good.Layers...)}
	if got, err := k.VerifyBuild(image, mixed); err != nil || got.Builder != built.Builder {
		t.Errorf("VerifyBuild behind another's = %+v, %v", got, err)
	}
}

// plainEnvelope is signed without the encoding of DSSE: a signature of one kind is none of the other.
func plainEnvelope(t testing.TB, k *Key, text string) registry.ArtifactLayer {
	t.Helper()
	sum, err := base64.StdEncoding.DecodeString(rawSignature(t, k, text).Annotations[sumAnnotation])
	if err != nil {
		t.Fatal(err)
	}
	e := dsse.Envelope{Type: payloadType, Payload: []byte(text), Signatures: []dsse.Signature{{Sum: sum}}}
	return registry.ArtifactLayer{MediaType: envelopeType, Data: e.Text()}
}

func TestAttestRefuses(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	for name, tc := range map[string]struct {
		key   *Key
		image Image
		build Build
		want  string
	}{
		"a public key": {&Key{public: k.public, name: "the public key x"}, image, built, "can only verify"},
		"no digest":    {k, Image{"a/b", ""}, built, "no digest"},
		"no JSON":      {k, image, Build{Parameters: map[string]any{"a": func() {}}}, "cannot be written"},
		"too much":     {k, image, Build{Builder: strings.Repeat("x", maxPayload)}, "larger than 1 MB"},
	} {
		_, err := tc.key.Attest(t.Context(), tc.image, tc.build, registry.Artifact{})
		wantError(t, name, err, tc.want)
	}
}

// FuzzVerifyBuild: what the key has signed counts only if another reader finds the digest and the name in it.
func FuzzVerifyBuild(f *testing.F) {
	k := newKey(f)
	e, err := dsse.Parse(attestedBy(f, k, image, built, registry.Artifact{}).Layers[0].Data)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(e.Payload))
	f.Add(`{"_type":"https://in-toto.io/Statement/v1","subject":[1,{"name":2}],"predicate":[]}`)
	f.Fuzz(func(t *testing.T, payload string) {
		_, err := k.VerifyBuild(image, rawAttestation(t, k, payloadType, payload))
		if err != nil {
			return
		}
		var other struct {
			Subject []json.RawMessage
		}
		if err := json.Unmarshal([]byte(payload), &other); err != nil {
			t.Fatalf("VerifyBuild of %q, which is no JSON: %v", payload, err)
		}
		for _, text := range other.Subject {
			var s subject
			_ = json.Unmarshal(text, &s) // those that are none do not count
			if s.Name == image.Repository && s.Digest["sha256"] == hexes {
				return
			}
		}
		t.Errorf("VerifyBuild of %q, in which another reader finds %s", payload, other.Subject)
	})
}
