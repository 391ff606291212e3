package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
)

func TestDigest(t *testing.T) {
	t.Parallel()
	r := containertest.NewRegistry(t)
	d := putImage(t, r, "1", config("linux", "amd64"))
	quiet := clientOf(r, func(c *Config) {
		c.HTTP = &http.Client{Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
			resp, err := r.Client().Transport.RoundTrip(req)
			if err == nil {
				resp.Header.Del("Docker-Content-Digest")
			}
			return resp, err
		})}
	})
	for name, c := range map[string]*Client{"said": clientOf(r), "unsaid": quiet} {
		for text, want := range map[string]string{"1": d.Digest, d.Digest: d.Digest, "2": ""} {
			got, ok, err := c.Digest(t.Context(), at(t, r, text))
			if got != want || ok != (want != "") || err != nil {
				t.Errorf("%s: Digest(%s) = %q, %v, %v, want %q", name, text, got, ok, err, want)
			}
		}
	}
	r.Fail(containertest.Fault{Status: 403})
	_, ok, err := clientOf(r).Digest(t.Context(), at(t, r, "1"))
	checkKind(t, fmt.Sprint("Digest without the right: ", ok), err, Denied)
}

func TestTag(t *testing.T) {
	t.Parallel()
	r := containertest.NewRegistry(t)
	// Spaces and an unknown field: only the very bytes have the digest.
	config := putBlobIn(t, r, []byte("{}"))
	text := []byte(fmt.Sprintf(`{ "schemaVersion":2, "new": 1,
		"config":{"mediaType":%q,"digest":%q,"size":2},"layers":[]}`, ociConfig, config.Digest))
	put(t, r, http.MethodPut, "/v2/app/manifests/"+digestOf(text), ociManifest, text)
	from := at(t, r, digestOf(text))
	c := clientOf(r)
	for range 2 {
		if err := c.Tag(t.Context(), from, "v1"); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.Digest("app", "v1"); got != digestOf(text) {
		t.Errorf("v1 is %s, want %s", got, digestOf(text))
	}
	if n := r.Count("manifest.put"); n != 1 {
		t.Errorf("the tag was written %d times, want once", n)
	}
	checkKind(t, "Tag of nothing", c.Tag(t.Context(), at(t, r, digestOf([]byte("none"))), "v2"), NotFound)
	checkKind(t, "Tag without a digest", c.Tag(t.Context(), at(t, r, "v1"), "v2"), Refused)
	checkKind(t, "Tag with a path", c.Tag(t.Context(), from, "../../other/manifests/v1"), Refused)
	r.Fail(containertest.Fault{Operation: "manifest.put", Status: 409, Code: "TAG_INVALID", Message: "tag is immutable"})
	err := c.Tag(t.Context(), from, "v3")
	checkKind(t, "Tag that is locked", err, Refused, "tag is immutable")
	var e *Error
	if errors.As(err, &e); !strings.Contains(e.Hint, "locked") {
		t.Errorf("the hint is %q", e.Hint)
	}
}

func TestDeleteTag(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*containertest.Config)
		fault  *containertest.Fault
		want   bool
		kind   Kind
	}{
		"can":      {func(*containertest.Config) {}, nil, true, ""},
		"cannot":   {func(c *containertest.Config) { c.NoDelete = true }, nil, false, ""},
		"not tags": {func(c *containertest.Config) { c.NoDeleteTag = true }, nil, false, ""},
		"may not":  {func(*containertest.Config) {}, &containertest.Fault{Operation: "manifest.delete", Status: 403}, false, Denied},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := containertest.NewRegistry(t, tc.change)
			d := putImage(t, r, "candidate", config("linux", "amd64"))
			putImage(t, r, d.Digest, config("linux", "amd64"))
			if tc.fault != nil {
				r.Fail(*tc.fault)
			}
			ok, err := clientOf(r).DeleteTag(t.Context(), at(t, r, "candidate"))
			if tc.kind != "" {
				checkKind(t, "DeleteTag", err, tc.kind)
			} else if err != nil {
				t.Errorf("DeleteTag: %v", err)
			}
			if ok != tc.want || (r.Digest("app", "candidate") == "") != tc.want || r.Digest("app", d.Digest) == "" {
				t.Errorf("DeleteTag = %v, want %v; afterwards %q\n%s", ok, tc.want, r.Tags("app"), r.Log())
			}
		})
	}
	r := containertest.NewRegistry(t)
	if ok, err := clientOf(r).DeleteTag(t.Context(), at(t, r, "none")); !ok || err != nil {
		t.Errorf("DeleteTag of no tag = %v, %v", ok, err)
	}
	_, err := clientOf(r).DeleteTag(t.Context(), at(t, r, digestOf(nil)))
	checkKind(t, "DeleteTag of a digest", err, Refused)
	both := at(t, r, digestOf(nil))
	both.Tag = "1"
	_, err = clientOf(r).DeleteTag(t.Context(), both)
	checkKind(t, "DeleteTag of a tag and a digest", err, Refused)
}

// TestDeleteTagOfAzure: there, tags have an interface of their own.
func TestDeleteTagOfAzure(t *testing.T) {
	t.Parallel()
	n := &network{servers: map[string]http.HandlerFunc{"https://a.azurecr.io": answer(202, "")}}
	ok, err := n.client().DeleteTag(t.Context(), parse(t, "a.azurecr.io/team/app:candidate"))
	want := []string{"DELETE https://a.azurecr.io/acr/v1/team/app/_tags/candidate"}
	if diff := cmp.Diff(want, n.asked); diff != "" || !ok || err != nil {
		t.Errorf("DeleteTag: %v, %v (-want +got):\n%s", ok, err, diff)
	}
}

func layersOf(texts ...string) (a Artifact) {
	for _, text := range texts {
		a.Layers = append(a.Layers, ArtifactLayer{
			MediaType: "application/vnd.dev.cosign.simplesigning.v1+json", Data: []byte(text),
			Annotations: map[string]string{"dev.cosignproject.cosign/signature": "of " + text},
		})
	}
	return a
}

func TestArtifacts(t *testing.T) {
	t.Parallel()
	r := containertest.NewRegistry(t, func(c *containertest.Config) { c.User, c.Password, c.Bearer = "ann", "password", true })
	c := clientOf(r, as("ann", "password"))
	ref := at(t, r, "sha256-abc.sig")
	if a, ok, err := c.Artifact(t.Context(), ref); ok || err != nil {
		t.Fatalf("Artifact before = %v, %v, %v", a, ok, err)
	}
	for _, step := range []struct{ put, want []string }{
		{[]string{"one"}, []string{"one"}},
		{[]string{"one"}, []string{"one"}},
		{[]string{"two", "one"}, []string{"one", "two"}},
	} {
		if err := c.PutArtifact(t.Context(), ref, layersOf(step.put...)); err != nil {
			t.Fatalf("PutArtifact(%q): %v\n%s", step.put, err, r.Log())
		}
		got, ok, err := c.Artifact(t.Context(), ref)
		if diff := cmp.Diff(layersOf(step.want...), got); diff != "" || !ok || err != nil {
			t.Errorf("after PutArtifact(%q): %v, %v (-want +got):\n%s", step.put, ok, err, diff)
		}
	}
	if n := r.Count("manifest.put"); n != 2 {
		t.Errorf("it was written %d times, want twice: once nothing changed", n)
	}
}

// TestArtifactsOfMany: who signs at the same time keeps each other's signatures, as well as a registry allows.
func TestArtifactsOfMany(t *testing.T) {
	t.Parallel()
	r := containertest.NewRegistry(t)
	ref := at(t, r, "sha256-abc.sig")
	if err := clientOf(r).PutArtifact(t.Context(), ref, layersOf("first")); err != nil {
		t.Fatal(err)
	}
	// Another writer comes in between reading and writing, and once more right after we have written.
	var meanwhile sync.Once
	overwritten := false
	other := clientOf(r)
	c := clientOf(r, func(c *Config) {
		c.HTTP = &http.Client{Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodHead && strings.Contains(req.URL.Path, "/manifests/") {
				meanwhile.Do(func() {
					if err := other.PutArtifact(req.Context(), ref, layersOf("other")); err != nil {
						t.Error(err)
					}
				})
			}
			resp, err := r.Client().Transport.RoundTrip(req)
			if req.Method == http.MethodPut && strings.Contains(req.URL.Path, "/manifests/") && !overwritten {
				overwritten = true
				old, _, err := other.Artifact(req.Context(), ref)
				if err != nil {
					t.Error(err)
				}
				old.Layers = append(old.Layers[:2:2], layersOf("late").Layers...) // it had read before we wrote
				replace(t, other, r, ref.Tag, old)
			}
			return resp, err
		})}
	})
	if err := c.PutArtifact(t.Context(), ref, layersOf("ours")); err != nil {
		t.Fatal(err)
	}
	got, _, err := c.Artifact(t.Context(), ref)
	if diff := cmp.Diff(layersOf("first", "other", "late", "ours"), got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// replace writes an artifact over what is there, as others do.
func replace(t *testing.T, c *Client, r *containertest.Registry, tag string, a Artifact) {
	t.Helper()
	var all []descriptor
	for _, l := range a.Layers {
		putBlobIn(t, r, l.Data)
		all = append(all, l.descriptor())
	}
	old, err := c.artifact(context.WithoutCancel(t.Context()), at(t, r, tag))
	if err == nil {
		err = c.replaceArtifact(t.Context(), at(t, r, tag), old, all)
	}
	if err != nil {
		t.Error(err)
	}
}

func TestArtifactsAreBounded(t *testing.T) {
	t.Parallel()
	r := containertest.NewRegistry(t)
	blob := putBlobIn(t, r, []byte("{}"))
	for name, tc := range map[string]struct {
		layers []descriptor
		words  string
	}{
		"many":   {make([]descriptor, 201), "201 layers"},
		"large":  {[]descriptor{{Digest: blob.Digest, Size: 9 << 20}}, "larger than 8 MB"},
		"all":    {make([]descriptor, 20), "64 MB together"},
		"a lie":  {[]descriptor{{Digest: blob.Digest, Size: 3}}, "does not fit"},
		"longer": {[]descriptor{{Digest: blob.Digest, Size: 1}}, "larger"},
	} {
		for i := range tc.layers {
			if tc.layers[i].Digest == "" {
				tc.layers[i] = descriptor{Digest: blob.Digest, Size: 4 << 20}
			}
		}
		tag := strings.ReplaceAll(name, " ", "")
		putManifestIn(t, r, tag, ociManifest, object{
			"schemaVersion": 2, "mediaType": ociManifest, "config": blob, "layers": tc.layers,
		})
		_, _, err := clientOf(r).Artifact(t.Context(), at(t, r, tag))
		checkKind(t, name, err, Wrong, tc.words)
	}
	putManifestIn(t, r, "index", ociIndex, object{"schemaVersion": 2, "mediaType": ociIndex, "manifests": []object{}})
	_, _, err := clientOf(r).Artifact(t.Context(), at(t, r, "index"))
	checkKind(t, "an index", err, Wrong, "index")
	err = clientOf(r).PutArtifact(t.Context(), at(t, r, digestOf(nil)), layersOf("a"))
	checkKind(t, "PutArtifact by digest", err, Wrong, "names no tag")
}

// TestWhereUploadsGo: the registry says where an upload goes on.
func TestWhereUploadsGo(t *testing.T) {
	t.Parallel()
	for location, want := range map[string]string{
		"/v2/app/blobs/uploads/1?state=a%2Fb": "https://a.io/v2/app/blobs/uploads/1?digest=DIGEST&state=a%2Fb Basic",
		"https://a.io/u":                      "https://a.io/u?digest=DIGEST Basic",
		"http://a.io/u":                       "https://a.io/u?digest=DIGEST Basic", // behind a proxy it may not know better
		"https://storage.example/u":           "https://storage.example/u?digest=DIGEST",
		"http://storage.example/u":            "",
		"https://127.0.0.1/u":                 "",
		"https://169.254.169.254/u":           "",
		"https://user:pw@a.io/u":              "",
		"":                                    "",
	} {
		n := &network{servers: map[string]http.HandlerFunc{"https://storage.example": answer(201, "")}}
		n.servers["https://a.io"] = func(w http.ResponseWriter, q *http.Request) {
			switch {
			case q.Header.Get("Authorization") == "":
				answer(401, "", "Www-Authenticate", `Basic realm="a"`)(w, q)
			case q.Method == http.MethodHead:
				answer(404, "")(w, q)
			case q.Method == http.MethodPost && location != "":
				answer(202, "", "Location", location)(w, q)
			case q.Method == http.MethodPost:
				answer(202, "")(w, q)
			default:
				answer(201, "")(w, q)
			}
		}
		err := n.client().putBlob(t.Context(), parse(t, "a.io/app:1"), []byte("data"))
		last := n.asked[len(n.asked)-1]
		if want == "" {
			checkKind(t, location, err, Wrong)
			if strings.HasPrefix(last, "PUT") {
				t.Errorf("upload to %q: %s", location, last)
			}
			continue
		}
		want = "PUT " + strings.ReplaceAll(want, "DIGEST", strings.ReplaceAll(digestOf([]byte("data")), ":", "%3A"))
		if before, _, _ := strings.Cut(last, " dXNl"); before != want || err != nil {
			t.Errorf("upload to %q: %q, %v, want %q", location, before, err, want)
		}
	}
}

func TestUploadsAreTriedAgain(t *testing.T) {
	t.Parallel()
	r := containertest.NewRegistry(t)
	r.Fail(containertest.Fault{Operation: "upload.put", Status: 500, Times: 1})
	r.Fail(containertest.Fault{Operation: "upload.post", Status: 429, Times: 1})
	if err := clientOf(r).PutArtifact(t.Context(), at(t, r, "a.sig"), layersOf("one")); err != nil {
		t.Errorf("PutArtifact: %v\n%s", err, r.Log())
	}
}
