package containertest

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// pushed puts an image there, and returns it.
func pushed(t *testing.T, r *Registry, repository string, tags ...string) v1.Image {
	t.Helper()
	image, err := random.Image(1000, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range tags {
		if _, err := r.push(repository, tag, []mutate.IndexAddendum{{Add: image}}); err != nil {
			t.Fatalf("push(%s:%s): %v", repository, tag, err)
		}
	}
	return image
}

func digest(t *testing.T, image v1.Image) string {
	t.Helper()
	h, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return h.String()
}

// send sends a request of which nothing but the answer is of interest.
func send(t *testing.T, r *Registry, method, path string, header ...string) (*http.Response, string) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), method, r.URL()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		q.Header.Set(header[i], header[i+1])
	}
	answer, err := r.Client().Do(q)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer, string(body)
}

func TestDelete(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change   func(*Config)
		byDigest bool
		status   int
		left     []string
	}{
		"tag":           {func(*Config) {}, false, http.StatusAccepted, []string{"b"}},
		"digest":        {func(*Config) {}, true, http.StatusAccepted, nil},
		"old registry":  {func(c *Config) { c.NoDeleteTag = true }, false, http.StatusMethodNotAllowed, []string{"a", "b"}},
		"not at all":    {func(c *Config) { c.NoDelete = true }, true, http.StatusMethodNotAllowed, []string{"a", "b"}},
		"old, a digest": {func(c *Config) { c.NoDeleteTag = true }, true, http.StatusAccepted, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := NewRegistry(t, tc.change)
			image := pushed(t, r, "team/app", "a", "b")
			reference := "a"
			if tc.byDigest {
				reference = digest(t, image)
			}
			answer, body := send(t, r, http.MethodDelete, "/v2/team/app/manifests/"+reference)
			if answer.StatusCode != tc.status {
				t.Errorf("DELETE %s: %d %s, want %d", reference, answer.StatusCode, body, tc.status)
			}
			if diff := cmp.Diff(tc.left, r.Tags("team/app")); diff != "" {
				t.Errorf("tags after DELETE %s (-want +got):\n%s", reference, diff)
			}
		})
	}
}

func TestContentsAreOfTheirRepository(t *testing.T) {
	t.Parallel()
	r := NewRegistry(t)
	image := pushed(t, r, "one", "1")
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	h, err := layers[0].Digest()
	if err != nil {
		t.Fatal(err)
	}
	if answer, _ := send(t, r, http.MethodHead, "/v2/two/blobs/"+h.String()); answer.StatusCode != http.StatusNotFound {
		t.Errorf("HEAD of one's content in two: %d, want 404", answer.StatusCode)
	}
	mount := "/v2/two/blobs/uploads/?from=one&mount=" + h.String()
	if answer, body := send(t, r, http.MethodPost, mount); answer.StatusCode != http.StatusCreated {
		t.Errorf("POST %s: %d %s, want 201", mount, answer.StatusCode, body)
	}
	answer, body := send(t, r, http.MethodGet, "/v2/two/blobs/"+h.String(), "Range", "bytes=1-")
	if size, err := layers[0].Size(); err != nil || answer.StatusCode != http.StatusPartialContent || int64(len(body)) != size-1 {
		t.Errorf("GET from the second byte on: %d with %d bytes, want 206 with all of %d (%v) but one",
			answer.StatusCode, len(body), size, err)
	}
	last := r.Requests()[len(r.Requests())-1]
	want := Request{
		Operation: "blob.get", Method: "GET", Path: "/v2/two/blobs/" + h.String(), Repository: "two", Range: "bytes=1-",
		Status: 206, Sent: int64(len(body)),
	}
	if diff := cmp.Diff(want, last); diff != "" {
		t.Errorf("the last request (-want +got):\n%s", diff)
	}
}

func TestFaultsMeetTheRequestsThatTheyName(t *testing.T) {
	t.Parallel()
	r := NewRegistry(t)
	pushed(t, r, "app", "1")
	r.Fail(Fault{Operation: "manifest", After: 1, Times: 2, Status: 429, RetryAfter: "7"})
	var got []int
	for range 4 {
		answer, body := send(t, r, http.MethodGet, "/v2/app/manifests/1")
		got = append(got, answer.StatusCode)
		if answer.StatusCode != http.StatusTooManyRequests {
			continue
		}
		if answer.Header.Get("Retry-After") != "7" || !strings.Contains(body, `"code":"TOOMANYREQUESTS"`) {
			t.Errorf("the fault's answer: %v %s, want Retry-After 7 and TOOMANYREQUESTS", answer.Header, body)
		}
	}
	if diff := cmp.Diff([]int{200, 429, 429, 200}, got); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	r.Fail(Fault{Operation: "tags", Status: 503})
	if answer, _ := send(t, r, http.MethodGet, "/v2/app/tags/list"); answer.StatusCode != 503 {
		t.Errorf("tags: %d, want 503", answer.StatusCode)
	}
	r.Heal()
	if answer, _ := send(t, r, http.MethodGet, "/v2/app/tags/list"); answer.StatusCode != 200 {
		t.Errorf("tags after Heal: %d, want 200", answer.StatusCode)
	}
}

func TestFaultsEndConnections(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]Fault{
		"cut": {Operation: "blob.get", Cut: 100}, "reset": {Operation: "blob.get", Reset: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := NewRegistry(t)
			image := pushed(t, r, "app", "1")
			r.Fail(f)
			ref, err := tagOf(r, "app", "1")
			if err != nil {
				t.Fatal(err)
			}
			far, err := remote.Image(ref, remote.WithTransport(r.Client().Transport), remote.WithRetryBackoff(remote.Backoff{Steps: 1}))
			if err != nil {
				t.Fatal(err)
			}
			layers, err := far.Layers()
			if err == nil {
				var content io.ReadCloser
				if content, err = layers[0].Compressed(); err == nil {
					_, err = io.Copy(io.Discard, content)
				}
			}
			if err == nil {
				t.Errorf("reading a layer of %s through %v: no error", digest(t, image), f)
			}
			for _, q := range r.Requests() {
				if q.Operation == "blob.get" && (!q.Failed || q.Sent > f.Cut) {
					t.Errorf("%v through %v: failed %v, %d bytes", q, f, q.Failed, q.Sent)
				}
			}
		})
	}
}

func tagOf(r *Registry, repository, tag string) (name.Tag, error) {
	return name.NewTag(r.Host()+"/"+repository+":"+tag, name.Insecure)
}

func TestFaultTakesItsTime(t *testing.T) {
	t.Parallel()
	r := NewRegistry(t)
	r.Fail(Fault{Operation: "ping", Delay: 50 * time.Millisecond})
	start := time.Now()
	if answer, _ := send(t, r, http.MethodGet, "/v2/"); answer.StatusCode != 200 || time.Since(start) < 50*time.Millisecond {
		t.Errorf("GET /v2/ through a delay: %d after %v, want 200 after 50ms or more", answer.StatusCode, time.Since(start))
	}
}

func TestBasicAndBearer(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		bearer    bool
		challenge string
	}{
		"basic":  {false, `Basic realm="Registry Realm"`},
		"bearer": {true, `Bearer realm="URL/token",service="HOST",scope="repository:app:pull"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := NewRegistry(t, func(c *Config) { c.User, c.Password, c.Bearer = "ann", "secret", tc.bearer })
			pushed(t, r, "app", "1")
			answer, _ := send(t, r, http.MethodGet, "/v2/app/manifests/1")
			want := strings.NewReplacer("URL", r.URL(), "HOST", r.Host()).Replace(tc.challenge)
			if got := answer.Header.Get("WWW-Authenticate"); answer.StatusCode != 401 || got != want {
				t.Errorf("without credentials: %d, %q; want 401, %q", answer.StatusCode, got, want)
			}
			for password, ok := range map[string]bool{"secret": true, "other": false} {
				ref, err := tagOf(r, "app", "1")
				if err != nil {
					t.Fatal(err)
				}
				_, err = remote.Head(ref, remote.WithAuth(basic{"ann", password}), remote.WithTransport(r.Client().Transport))
				if (err == nil) != ok {
					t.Errorf("with the password %s: %v", password, err)
				}
			}
		})
	}
}
