package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/reference"
)

// parse reads a reference of the test's own.
func parse(t testing.TB, text string) reference.Reference {
	t.Helper()
	r, err := reference.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// at is a reference to something in r's repository app.
func at(t testing.TB, r *containertest.Registry, identifier string) reference.Reference {
	t.Helper()
	separator := ":"
	if strings.Contains(identifier, ":") {
		separator = "@"
	}
	return parse(t, r.Host()+"/app"+separator+identifier)
}

// waits remembers how long was waited between tries.
type waits struct {
	lock sync.Mutex
	all  []time.Duration
}

func (w *waits) sleep(ctx context.Context, d time.Duration) error {
	w.lock.Lock()
	defer w.lock.Unlock()
	w.all = append(w.all, d)
	return ctx.Err()
}

func clientOf(r *containertest.Registry, change ...func(*Config)) *Client {
	c := Config{HTTP: r.Client(), Sleep: (&waits{}).sleep}
	for _, f := range change {
		f(&c)
	}
	return New(c)
}

// putBlobIn stores a blob past everything that guards the registry.
func putBlobIn(t testing.TB, r *containertest.Registry, data []byte) descriptor {
	t.Helper()
	put(t, r, http.MethodPost, "/v2/app/blobs/uploads/?digest="+digestOf(data), "application/octet-stream", data)
	return descriptor{Digest: digestOf(data), Size: int64(len(data))}
}

// putManifestIn stores a manifest under its digest, and a tag if one is named.
func putManifestIn(t testing.TB, r *containertest.Registry, tag, mediaType string, value any) descriptor {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	if tag == "" {
		tag = digestOf(data)
	}
	put(t, r, http.MethodPut, "/v2/app/manifests/"+tag, mediaType, data)
	return descriptor{MediaType: mediaType, Digest: digestOf(data), Size: int64(len(data))}
}

func put(t testing.TB, r *containertest.Registry, method, path, mediaType string, data []byte) {
	t.Helper()
	req := httptest.NewRequest(method, r.URL()+path, bytes.NewReader(data))
	req.Header.Set("Content-Type", mediaType)
	resp, err := r.Inside().RoundTrip(req)
	if err != nil || resp.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %v, %v", method, path, resp, err)
	}
}

type object = map[string]any

// putImage stores an image whose layers hold the texts.
func putImage(t testing.TB, r *containertest.Registry, tag string, config object, layers ...string) descriptor {
	t.Helper()
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	c := putBlobIn(t, r, text)
	c.MediaType = ociConfig
	m := object{"schemaVersion": 2, "mediaType": ociManifest, "config": c, "annotations": object{"from": "test"}}
	var all []descriptor
	for _, l := range layers {
		d := putBlobIn(t, r, []byte(l))
		d.MediaType = "application/vnd.oci.image.layer.v1.tar"
		all = append(all, d)
	}
	m["layers"] = all
	return putManifestIn(t, r, tag, ociManifest, m)
}

// network is servers by scheme and host, such as "https://a.azurecr.io". It remembers who was asked with what.
type network struct {
	servers map[string]http.HandlerFunc
	lock    sync.Mutex
	asked   []string // "GET https://host/path Authorization"
}

// RoundTrip answers in the place of the servers.
func (n *network) RoundTrip(req *http.Request) (*http.Response, error) {
	line := strings.TrimSpace(fmt.Sprintf("%s %s %s", req.Method, req.URL, req.Header.Get("Authorization")))
	n.lock.Lock()
	n.asked = append(n.asked, line)
	n.lock.Unlock()
	handler := n.servers[req.URL.Scheme+"://"+req.URL.Host]
	if handler == nil {
		return nil, fmt.Errorf("no route to %s", req.URL.Host)
	}
	if req.Body == nil {
		req.Body = http.NoBody
	}
	answer := httptest.NewRecorder()
	handler(answer, req)
	resp := answer.Result()
	resp.Request = req
	return resp, nil
}

// client is a client in the network, with credentials.
func (n *network) client() *Client {
	return New(Config{
		HTTP: &http.Client{Transport: n}, Sleep: (&waits{}).sleep,
		Credentials: func(context.Context, string, bool) (string, string, error) { return "user", "hunter2hunter2", nil },
	})
}

// answer is a handler that gives the same to everybody.
func answer(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Add(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// checkKind fails unless err is an Error of the kind, and one line that may stand in the log.
func checkKind(t testing.TB, what string, err error, want Kind, words ...string) {
	t.Helper()
	if !IsKind(err, want) {
		t.Fatalf("%s: %#v (%v), want kind %s", what, err, err, want)
	}
	text := err.Error()
	if strings.ContainsAny(text, "\r\n\x1b") || strings.Contains(text, "##vso[") || len(text) > 500 ||
		strings.Contains(text, "hunter2") {
		t.Errorf("%s: the error is not fit for the log: %q", what, text)
	}
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("%s: %q says nothing of %q", what, text, word)
		}
	}
}
