package signature

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/registry"
)

func TestSign(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	a := signedBy(t, k, image, claims, registry.Artifact{})
	if len(a.Layers) != 1 {
		t.Fatalf("Sign made %d layers, want 1", len(a.Layers))
	}
	l := a.Layers[0]
	want := `{"critical":{"identity":{"docker-reference":"prodacr.azurecr.io/team/app"},` +
		`"image":{"docker-manifest-digest":"sha256:` + hexes + `"},"type":"cosign container image signature"},` +
		`"optional":{"build-id":"42","pipeline":"app \u003cci\u003e"}}`
	if diff := cmp.Diff(want, string(l.Data)); diff != "" || l.MediaType != "application/vnd.dev.cosign.simplesigning.v1+json" {
		t.Errorf("Sign made a layer of %s (-want +got):\n%s", l.MediaType, diff)
	}
	sum, err := base64.StdEncoding.DecodeString(l.Annotations["dev.cosignproject.cosign/signature"])
	if err != nil || len(l.Annotations) != 1 || !verifies(k.public, l.Data, sum) {
		t.Errorf("the annotations %v hold no signature of the payload (%v)", l.Annotations, err)
	}
	got, err := k.Verify(image, a)
	if diff := cmp.Diff(claims, got); err != nil || diff != "" {
		t.Errorf("Verify: %v (-want +got):\n%s", err, diff)
	}
}

func TestSignTwiceLeavesOne(t *testing.T) {
	t.Parallel()
	k, another := newKey(t), newKey(t)
	once := signedBy(t, k, image, claims, registry.Artifact{})
	later := map[string]string{"build-id": "43", "pipeline": "again"}
	if diff := cmp.Diff(once, signedBy(t, k, image, later, once)); diff != "" {
		t.Errorf("signing again (-first +second):\n%s", diff)
	}
	both := signedBy(t, another, image, claims, once)
	if len(both.Layers) != 2 || len(once.Layers) != 1 {
		t.Fatalf("%d layers after another key has signed, and %d before, want 2 and 1", len(both.Layers), len(once.Layers))
	}
	for _, key := range []*Key{k, another} {
		if _, err := key.Verify(image, both); err != nil {
			t.Errorf("Verify by one of two keys: %v", err)
		}
	}
	// Signatures that others forged are in nobody's way.
	forged := changed(once, func(l *registry.ArtifactLayer) { l.Data[0] = ' ' })
	if again := signedBy(t, k, image, claims, forged); len(again.Layers) != 2 {
		t.Errorf("%d layers beside a forged signature, want 2", len(again.Layers))
	}
}

// cosign itself has signed without claims first.
func TestVerifyPrefersClaims(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	plain := signedBy(t, k, image, nil, registry.Artifact{})
	got, err := k.Verify(image, plain)
	if err != nil || got == nil || len(got) != 0 {
		t.Errorf("Verify of a signature without claims = %v, %v, want none", got, err)
	}
	got, err = k.Verify(image, signedBy(t, k, image, claims, plain))
	if diff := cmp.Diff(claims, got); err != nil || diff != "" {
		t.Errorf("Verify with one with claims behind it: %v (-want +got):\n%s", err, diff)
	}
}

func TestSignRefuses(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	var many registry.Artifact
	for range maxLayers {
		many.Layers = append(many.Layers, registry.ArtifactLayer{MediaType: "text/plain"})
	}
	public := &Key{public: k.public, name: "the public key x"}
	for name, tc := range map[string]struct {
		key    *Key
		image  Image
		claims map[string]string
		a      registry.Artifact
		want   string
	}{
		"a public key":     {public, image, nil, registry.Artifact{}, "can only verify"},
		"no digest":        {k, Image{"a/b", ""}, nil, registry.Artifact{}, "no digest"},
		"half a digest":    {k, Image{"a/b", "sha256:\x1b[31m##vso[x]"}, nil, registry.Artifact{}, "no digest"},
		"no name":          {k, Image{"", image.Digest}, nil, registry.Artifact{}, "without a name"},
		"large claims":     {k, image, map[string]string{"a": strings.Repeat("x", maxClaims)}, registry.Artifact{}, "larger than 64 KB"},
		"full":             {k, image, nil, many, "has 100 signatures already"},
		"more than enough": {k, image, nil, registry.Artifact{Layers: append(many.Layers, many.Layers[0])}, "more than 100"},
	} {
		_, err := tc.key.Sign(t.Context(), tc.image, tc.claims, tc.a)
		wantError(t, name, err, tc.want)
	}
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	k, another := newKey(t), newKey(t)
	good := signedBy(t, k, image, claims, registry.Artifact{})
	text := string(good.Layers[0].Data)
	raw := func(old, new string) registry.Artifact {
		t.Helper()
		if !strings.Contains(text, old) {
			t.Fatalf("%q is not in %s", old, text)
		}
		return registry.Artifact{Layers: []registry.ArtifactLayer{rawSignature(t, k, strings.Replace(text, old, new, 1))}}
	}
	sum := func(change func(string) string) registry.Artifact {
		return changed(good, func(l *registry.ArtifactLayer) { l.Annotations[sumAnnotation] = change(l.Annotations[sumAnnotation]) })
	}
	var many registry.Artifact
	for range maxLayers + 1 {
		many.Layers = append(many.Layers, good.Layers[0])
	}
	const none = "has a signature, which is not by https://contoso-kv"
	for name, tc := range map[string]struct {
		a    registry.Artifact
		want string
	}{
		"nothing":              {registry.Artifact{}, "has no signature"},
		"only other things":    {changed(good, func(l *registry.ArtifactLayer) { l.MediaType = "application/json" }), "has no signature"},
		"another key":          {signedBy(t, another, image, claims, registry.Artifact{}), none},
		"two others":           {signedBy(t, newKey(t), image, claims, signedBy(t, another, image, claims, registry.Artifact{})), "has 2 signatures, none of them by"},
		"another image's":      {signedBy(t, k, other, claims, registry.Artifact{}), `that is not for it: it is for the digest "sha256:00000`},
		"another repository's": {signedBy(t, k, moved, claims, registry.Artifact{}), `for the repository "prodacr.azurecr.io/team/other"`},
		"too many":             {many, "has 101 signatures, more than 100"},
		"no signature":         {changed(good, func(l *registry.ArtifactLayer) { delete(l.Annotations, sumAnnotation) }), none},
		"in hex":               {sum(func(s string) string { return fmt.Sprintf("%x", s) }), none},
		"with a line end":      {sum(func(s string) string { return s + "\n" }), none},
		"unpadded":             {sum(func(s string) string { return strings.TrimRight(s, "=") + "!" }), none},
		"huge":                 {sum(func(s string) string { return strings.Repeat("A", 1<<20) }), none},
		"another payload":      {changed(good, func(l *registry.ArtifactLayer) { l.Data = append(l.Data, ' ') }), none},
		"large":                {raw(`"42"`, `"`+strings.Repeat("4", maxClaims)+`"`), none},
		"names twice":          {raw(`"image":{`, `"image":{"docker-manifest-digest":"`+other.Digest+`",`), "read in one way only"},
		"critical twice":       {raw(`{"critical":`, `{"critical":{},"critical":`), "read in one way only"},
		"twice, escaped":       {raw(`{"critical":`, `{"cr\u0069tical":{},"critical":`), "read in one way only"},
		"claims twice":         {raw(`"build-id":"42"`, `"build-id":"42","build-id":"1"`), "read in one way only"},
		"another case":         {raw(`"critical"`, `"Critical"`), `of the type ""`},
		"digest's case":        {raw(`"docker-manifest-digest"`, `"Docker-Manifest-Digest"`), `digest ""`},
		"both cases":           {raw(`"image":{`, `"Image":{"docker-manifest-digest":"sha256:1"},"image":{`), `digest ""`},
		"another type":         {raw("cosign container image signature", "atomic container signature"), `of the type "atomic`},
		"not UTF-8":            {raw(`app`, "\xff"), "read in one way only"},
		"more behind it":       {raw(`}}`, `}}}`), "read in one way only"},
		"a list":               {raw(text, "["+text+"]"), "read in one way only"},
		"nothing in it":        {raw(text, ""), "read in one way only"},
		"deep":                 {raw(text, strings.Repeat(`{"a":`, maxDepth+1)+"1"+strings.Repeat("}", maxDepth+1)), "read in one way only"},
		"a look-alike":         {raw("prodacr.azurecr.io/team/app", "prodacr.azurecr.io.evil.com/team/app"), "for the repository"},
		"hostile words":        {raw("prodacr.azurecr.io/team/app", `##vso[task.complete]\u001b[31m\r\n`+strings.Repeat("x", 1000)), "for the repository"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := k.Verify(image, tc.a)
			if got != nil {
				t.Errorf("Verify = %v, want nothing", got)
			}
			wantError(t, name, err, tc.want)
		})
	}
	if _, err := k.Verify(Image{"a", "b"}, good); err == nil {
		t.Error("Verify of an image without a digest has no error")
	}
	// One that is good among others is enough, wherever it is.
	mixed := registry.Artifact{Layers: append(signedBy(t, another, image, claims, signedBy(t, k, other, nil, registry.Artifact{})).Layers, good.Layers...)}
	if got, err := k.Verify(image, mixed); err != nil || len(got) != 2 {
		t.Errorf("Verify of a good signature behind others = %v, %v", got, err)
	}
}

// Every bit of the payload and of the signature counts.
func TestChangedSignatures(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	good := signedBy(t, k, image, nil, registry.Artifact{})
	for i := range 8 * len(good.Layers[0].Data) {
		bad := changed(good, func(l *registry.ArtifactLayer) { l.Data[i/8] ^= 1 << (i % 8) })
		if _, err := k.Verify(image, bad); err == nil {
			t.Errorf("Verify with bit %d of the payload changed has no error", i)
		}
	}
	sum, err := base64.StdEncoding.DecodeString(good.Layers[0].Annotations[sumAnnotation])
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 * len(sum) {
		sum[i/8] ^= 1 << (i % 8)
		bad := changed(good, func(l *registry.ArtifactLayer) {
			l.Annotations[sumAnnotation] = base64.StdEncoding.EncodeToString(sum)
		})
		if _, err := k.Verify(image, bad); err == nil {
			t.Errorf("Verify with bit %d of the signature changed has no error", i)
		}
		sum[i/8] ^= 1 << (i % 8)
	}
}

func TestNamesOfDockerHub(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	hub := func(host string) Image { return Image{host + "/library/nginx", image.Digest} }
	for signed, asked := range map[string]string{"index.docker.io": "docker.io", "docker.io": "index.docker.io"} {
		a := signedBy(t, k, hub(signed), claims, registry.Artifact{})
		if _, err := k.Verify(hub(asked), a); err != nil {
			t.Errorf("Verify of %s signed as %s: %v", asked, signed, err)
		}
	}
	a := signedBy(t, k, hub("index.docker.io.evil.com"), claims, registry.Artifact{})
	if _, err := k.Verify(hub("docker.io"), a); err == nil {
		t.Error("Verify of a look-alike of Docker Hub has no error")
	}
}

func TestOtherKinds(t *testing.T) {
	t.Parallel()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	k := keyOf(private)
	long := Image{image.Repository, "sha512:" + hexes + hexes}
	for _, im := range []Image{image, long} {
		a := signedBy(t, k, im, claims, registry.Artifact{})
		public, err := ParseKey(k.PEM())
		if err != nil {
			t.Fatalf("ParseKey: %v", err)
		}
		if got, err := public.Verify(im, a); err != nil || len(got) != 2 {
			t.Errorf("Verify(%s) by RSA = %v, %v", im, got, err)
		}
	}
}

func TestTag(t *testing.T) {
	t.Parallel()
	for _, suffix := range []string{"sig", ".sig"} {
		if got, want := Tag(image.Digest, suffix), "sha256-"+hexes+".sig"; got != want {
			t.Errorf("Tag(%s, %s) = %s, want %s", image.Digest, suffix, got, want)
		}
	}
}

// FuzzVerify: whatever the key has signed counts only if another reader finds the same digest and name in it.
func FuzzVerify(f *testing.F) {
	k := newKey(f)
	f.Add(string(signedBy(f, k, image, claims, registry.Artifact{}).Layers[0].Data))
	f.Add(`{"critical":{"image":{"docker-manifest-digest":"x"},"Image":{}},"optional":{"a":1}}`)
	f.Add(`[[[[`)
	f.Fuzz(func(t *testing.T, payload string) {
		got, err := k.Verify(image, registry.Artifact{Layers: []registry.ArtifactLayer{rawSignature(t, k, payload)}})
		if (err == nil) != (got != nil) {
			t.Fatalf("Verify of %q = %v, %v", payload, got, err)
		}
		if err != nil {
			return
		}
		var other simple
		// What is no text is no claim, but stands in the way of this reader.
		if err := json.Unmarshal([]byte(payload), &other); err != nil && !strings.Contains(err.Error(), "optional") {
			t.Fatalf("Verify of %q, which is no JSON: %v", payload, err)
		}
		if other.Critical.Image.Digest != image.Digest || other.Critical.Identity.Reference != image.Repository {
			t.Errorf("Verify of %q, in which another reader finds %+v", payload, other)
		}
	})
}
