package registry

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/platform"
)

func config(os, arch string) object {
	return object{
		"os": os, "architecture": arch, "created": "2026-01-02T03:04:05Z",
		"config": object{
			"Entrypoint": []string{"/app"}, "Cmd": []string{"-v"}, "Env": []string{"A=b"}, "WorkingDir": "/w",
			"Labels": object{"built-by": "test"},
		},
	}
}

func TestResolveOneImage(t *testing.T) {
	t.Parallel()
	r := containertest.NewRegistry(t)
	d := putImage(t, r, "1", config("linux", "arm64"), "layer one", "layer two")
	for _, name := range []string{"1", d.Digest} {
		im, err := clientOf(r).Resolve(t.Context(), at(t, r, name))
		if err != nil {
			t.Fatalf("Resolve(%s): %v", name, err)
		}
		if im.Index || im.Reference.String() != at(t, r, d.Digest).String() || im.Size != d.Size || len(im.Parts) != 1 ||
			im.MediaType != ociManifest || im.Claims["from"] != "test" {
			t.Fatalf("Resolve(%s) = %#v", name, im)
		}
		p := im.Parts[0]
		arm := platform.Platform{OS: "linux", Arch: "arm64"}
		if p.Claimed != arm || p.Config.Platform != arm || p.Labels["built-by"] != "test" || p.Digest != d.Digest ||
			p.Annotations["from"] != "test" || !p.Created.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) {
			t.Errorf("Resolve(%s): the part is %#v", name, p)
		}
		if got := fmt.Sprint(p.Config.Entrypoint, p.Config.Cmd, p.Config.Env, p.Config.WorkingDir); got !=
			"[/app] [-v] [A=b]/w" {
			t.Errorf("Resolve(%s): it starts %s", name, got)
		}
		var texts []string
		for _, l := range p.Layers {
			stream, err := l.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(stream)
			if err != nil || int64(len(text)) != l.Size() {
				t.Errorf("layer %s: %d bytes of %d, %v", l.Digest(), len(text), l.Size(), err)
			}
			_ = stream.Close()
			texts = append(texts, string(text))
		}
		if diff := cmp.Diff([]string{"layer one", "layer two"}, texts); diff != "" {
			t.Errorf("layers (-want +got):\n%s", diff)
		}
	}
}

func TestResolveIndex(t *testing.T) {
	t.Parallel()
	r := containertest.NewRegistry(t)
	on := func(d descriptor, os, arch, variant string) object {
		return object{
			"mediaType": d.MediaType, "digest": d.Digest, "size": d.Size,
			"platform": object{"os": os, "architecture": arch, "variant": variant},
		}
	}
	amd := putImage(t, r, "", config("linux", "amd64"), "amd")
	arm := putImage(t, r, "", config("linux", "amd64"), "a lie") // the config does not agree with the index
	bare := putImage(t, r, "", config("linux", "s390x"), "no platform in the index")
	statement := putBlobIn(t, r, []byte(`{"predicateType":"https://slsa.dev/provenance/v1"}`))
	sbom := putBlobIn(t, r, []byte(`{"predicateType":"https://spdx.dev/Document"}`))
	layer := func(d descriptor, predicate string) object {
		return object{
			"mediaType": inToto, "digest": d.Digest, "size": d.Size, "annotations": object{"in-toto.io/predicate-type": predicate},
		}
	}
	attestation := putManifestIn(t, r, "", ociManifest, object{
		"schemaVersion": 2, "mediaType": ociManifest, "config": object{"mediaType": ociConfig, "digest": sbom.Digest, "size": 1},
		"layers": []object{layer(sbom, "https://spdx.dev/Document"), layer(statement, "https://slsa.dev/provenance/v1")},
	})
	about := func(subject string) object {
		entry := on(attestation, "unknown", "unknown", "")
		entry["annotations"] = object{
			"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": subject,
		}
		return entry
	}
	index := putManifestIn(t, r, "all", ociIndex, object{
		"schemaVersion": 2, "mediaType": ociIndex, "annotations": object{"index": "yes"},
		"manifests": []object{
			on(amd, "linux", "amd64", ""), on(arm, "linux", "arm64", "v8"),
			{"mediaType": bare.MediaType, "digest": bare.Digest, "size": bare.Size},
			about(amd.Digest), about("sha256:" + strings.Repeat("0", 64)),
			on(arm, "unknown", "unknown", ""), // somebody else's artifact
		},
	})
	im, err := clientOf(r).Resolve(t.Context(), at(t, r, "all"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range im.Parts {
		got = append(got, fmt.Sprintf("%s: %s, %s", p.Digest, p.Claimed, p.Config.Platform))
	}
	want := []string{
		amd.Digest + ": linux/amd64, linux/amd64", arm.Digest + ": linux/arm64, linux/amd64",
		bare.Digest + ": linux/s390x, linux/s390x",
	}
	if diff := cmp.Diff(want, got); diff != "" || !im.Index || im.Reference.Digest != index.Digest || im.Claims["index"] != "yes" {
		t.Errorf("Resolve: %#v; digest: claimed, config (-want +got):\n%s", im, diff)
	}
	wantProvenance := map[string][]byte{amd.Digest: []byte(`{"predicateType":"https://slsa.dev/provenance/v1"}`)}
	if diff := cmp.Diff(wantProvenance, im.Provenance); diff != "" {
		t.Errorf("provenance (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]bool{amd.Digest: true}, im.SBOM); diff != "" {
		t.Errorf("SBOM (-want +got):\n%s", diff)
	}
}

// TestResolveRefuses is what a registry may send that would be read in another way by others, or is not what was asked for.
func TestResolveRefuses(t *testing.T) {
	t.Parallel()
	const zero = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	entry := object{"mediaType": ociManifest, "digest": zero, "size": 0}
	image := object{"mediaType": ociConfig, "digest": zero, "size": 0}
	for name, tc := range map[string]struct {
		mediaType string
		manifest  any
		kind      Kind
		words     string
	}{
		"no JSON":           {ociManifest, "text", Wrong, "cannot be read"},
		"schema 1":          {"application/vnd.docker.distribution.manifest.v1+prettyjws", object{}, Unsupported, "schema 1"},
		"schema 1 unsaid":   {"application/json", object{"schemaVersion": 1}, Unsupported, "schema 1"},
		"something else":    {"text/html", object{}, Unsupported, `"text/html"`},
		"artifact":          {"application/vnd.example+json", object{"schemaVersion": 2}, Unsupported, "neither"},
		"two media types":   {ociIndex, object{"mediaType": ociManifest, "config": image}, Wrong, "says of itself"},
		"index with config": {ociIndex, object{"manifests": []object{entry}, "config": image}, Wrong, "at once"},
		"index with layers": {ociIndex, object{"manifests": []object{entry}, "layers": []object{entry}}, Wrong, "at once"},
		"image with images": {ociManifest, object{"manifests": []object{entry}, "config": image}, Wrong, "at once"},
		"no config":         {ociManifest, object{}, Wrong, "no config"},
		"bad digest": {
			ociManifest, object{"config": object{"mediaType": ociConfig, "digest": "sha256:../../../x", "size": 1}}, Wrong, "digest",
		},
		"negative size": {
			ociManifest, object{"config": object{"mediaType": ociConfig, "digest": zero, "size": -1}}, Wrong, "negative",
		},
		"no image":       {ociManifest, object{"config": object{"mediaType": "a/helm", "digest": zero, "size": 0}}, Unsupported, "helm"},
		"config too big": {ociManifest, object{"config": object{"mediaType": ociConfig, "digest": zero, "size": 1 << 40}}, Wrong, "MB"},
		"empty config":   {ociManifest, object{"config": image}, Wrong, "no JSON"},
		"many entries":   {ociIndex, object{"manifests": repeated(entry, 201)}, Wrong, "201 entries"},
		"many layers":    {ociManifest, object{"config": image, "layers": repeated(entry, 1001)}, Wrong, "1001 layers"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := json.Marshal(tc.manifest)
			if err != nil {
				t.Fatal(err)
			}
			n := &network{servers: map[string]http.HandlerFunc{"https://a.io": func(w http.ResponseWriter, q *http.Request) {
				switch {
				case strings.HasSuffix(q.URL.Path, "/manifests/1"):
					answer(200, string(text), "Content-Type", tc.mediaType)(w, q)
				case strings.HasSuffix(q.URL.Path, "/manifests/"+zero):
					answer(200, "", "Content-Type", ociManifest)(w, q)
				default:
					answer(200, "")(w, q)
				}
			}}}
			im, err := n.client().Resolve(t.Context(), parse(t, "a.io/app:1"))
			if err == nil {
				t.Fatalf("Resolve of %s = %#v, want an error", text, im)
			}
			checkKind(t, "Resolve", err, tc.kind, tc.words, "a.io/app")
		})
	}
}

func repeated(o object, n int) (all []object) {
	for range n {
		all = append(all, o)
	}
	return all
}

func TestEverythingReadFitsItsDigest(t *testing.T) {
	t.Parallel()
	r := containertest.NewRegistry(t)
	d := putImage(t, r, "1", config("linux", "amd64"), "the layer")
	for name, tc := range map[string]struct{ path, words string }{
		"manifest": {"/manifests/", "does not fit the digest"},
		"config":   {"/blobs/", "does not fit the digest"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := clientOf(r, func(c *Config) { c.HTTP = &http.Client{Transport: tamper{r.Client().Transport, tc.path}} })
			_, err := c.Resolve(t.Context(), at(t, r, d.Digest))
			checkKind(t, "Resolve", err, Wrong, tc.words)
		})
	}
	im, err := clientOf(r).Resolve(t.Context(), at(t, r, d.Digest))
	if err != nil {
		t.Fatal(err)
	}
	l := im.Parts[0].Layers[0].(*layer)
	l.client = clientOf(r, func(c *Config) { c.HTTP = &http.Client{Transport: tamper{r.Client().Transport, "/blobs/"}} })
	stream, err := l.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(stream)
	checkKind(t, "reading the layer "+string(text), err, Wrong, "does not fit its digest")
}

// tamper changes the first letter of what is read from some paths.
type tamper struct {
	http.RoundTripper
	path string
}

// RoundTrip changes the answer.
func (t tamper) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.RoundTripper.RoundTrip(req)
	if err == nil && req.Method == http.MethodGet && strings.Contains(req.URL.Path, t.path) {
		first := make([]byte, 1)
		if _, err := io.ReadFull(resp.Body, first); err != nil {
			return nil, err
		}
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(strings.NewReader(string(first[0]^1)), resp.Body), resp.Body}
	}
	return resp, err
}

func TestSizesMustAgree(t *testing.T) {
	t.Parallel()
	r := containertest.NewRegistry(t)
	d := putImage(t, r, "", config("linux", "amd64"))
	d.Size++
	putManifestIn(t, r, "1", ociIndex, object{"schemaVersion": 2, "mediaType": ociIndex, "manifests": []descriptor{d}})
	_, err := clientOf(r).Resolve(t.Context(), at(t, r, "1"))
	checkKind(t, "Resolve", err, Wrong, "the index says")
}

func TestNestedIndexIsRefused(t *testing.T) {
	t.Parallel()
	r := containertest.NewRegistry(t)
	inner := putManifestIn(t, r, "", ociIndex, object{"schemaVersion": 2, "mediaType": ociIndex, "manifests": []object{}})
	putManifestIn(t, r, "1", ociIndex, object{"schemaVersion": 2, "mediaType": ociIndex, "manifests": []descriptor{inner}})
	_, err := clientOf(r).Resolve(t.Context(), at(t, r, "1"))
	checkKind(t, "Resolve", err, Unsupported, "index within an index")
}

func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	n := &network{servers: map[string]http.HandlerFunc{
		"https://a.io": answer(200, strings.Repeat(" ", maxManifest+1), "Content-Type", ociManifest),
		"https://b.io": answer(200, "{}", "Content-Type", ociManifest, "Content-Encoding", "gzip"),
	}}
	_, err := n.client().Resolve(t.Context(), parse(t, "a.io/app:1"))
	checkKind(t, "a large manifest", err, Wrong, "larger than 4 MB")
	_, err = n.client().Resolve(t.Context(), parse(t, "b.io/app:1"))
	checkKind(t, "a packed manifest", err, Wrong, "encoded")
}

// FuzzManifest: whatever is accepted is one thing only, and points to what can be asked for and checked.
func FuzzManifest(f *testing.F) {
	f.Add(`{"schemaVersion":2,"config":{"digest":"`+digestOf(nil)+`","size":1},"layers":[]}`, ociManifest)
	f.Add(`{"manifests":[{"digest":"`+digestOf(nil)+`","platform":{"os":"a"}}]}`, dockerIndex+"; charset=utf-8")
	f.Fuzz(func(t *testing.T, text, mediaType string) {
		m := &manifest{raw: []byte(text)}
		if m.parse(query{}, http.Header{"Content-Type": {mediaType}}) != nil {
			return
		}
		if m.isIndex() && len(m.Layers) > 0 || !m.isIndex() && (len(m.Manifests) > 0 || m.Config == nil) {
			t.Errorf("parse(%q, %q) = %+v", text, mediaType, m)
		}
		for _, d := range append(m.Layers, m.Manifests...) {
			if d.check() != nil {
				t.Errorf("parse(%q, %q) accepts %+v", text, mediaType, d)
			}
		}
		sorted(m.Manifests)
	})
}
