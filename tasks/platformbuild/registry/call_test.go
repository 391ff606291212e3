package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/rootfs"
)

func TestWhatMayPassIsTriedAgain(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault containertest.Fault
		kind  Kind // "" for none
		waits []time.Duration
	}{
		"busy":          {containertest.Fault{Status: 503, Times: 2}, "", []time.Duration{time.Second, 2 * time.Second}},
		"down":          {containertest.Fault{Status: 503}, Failing, []time.Duration{time.Second, 2 * time.Second}},
		"throttled":     {containertest.Fault{Status: 429, RetryAfter: "7", Times: 1}, "", []time.Duration{7 * time.Second}},
		"throttled all": {containertest.Fault{Status: 429, RetryAfter: "3600"}, Throttled, nil},
		"timeout":       {containertest.Fault{Status: 408, Times: 1}, "", []time.Duration{time.Second}},
		"reset":         {containertest.Fault{Reset: true, Times: 2}, "", []time.Duration{time.Second, 2 * time.Second}},
		"gone":          {containertest.Fault{Reset: true}, Unreachable, []time.Duration{time.Second, 2 * time.Second}},
		"cut":           {containertest.Fault{Cut: 5, Operation: "manifest.get", Times: 1}, "", []time.Duration{time.Second}},
		"config cut":    {containertest.Fault{Cut: 5, Operation: "blob.get", Times: 2}, "", []time.Duration{time.Second, 2 * time.Second}},
		"forbidden":     {containertest.Fault{Status: 403}, Denied, nil},
		"missing":       {containertest.Fault{Status: 404}, NotFound, nil},
		"not allowed":   {containertest.Fault{Status: 405}, Unsupported, nil},
		"not supported": {containertest.Fault{Status: 501}, Failing, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := containertest.NewRegistry(t)
			putImage(t, r, "1", config("linux", "amd64"))
			w := &waits{}
			c := clientOf(r, func(c *Config) {
				c.Sleep = w.sleep
				c.HTTP = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			})
			if _, err := c.Resolve(t.Context(), at(t, r, "1")); err != nil { // finds out that it speaks plain HTTP
				t.Fatal(err)
			}
			r.Fail(tc.fault)
			_, err := c.Resolve(t.Context(), at(t, r, "1"))
			if tc.kind != "" {
				checkKind(t, "Resolve", err, tc.kind, r.Host())
			} else if err != nil {
				t.Errorf("Resolve with %s: %v", tc.fault, err)
			}
			if diff := cmp.Diff(tc.waits, w.all); diff != "" {
				t.Errorf("Resolve with %s: waits (-want +got):\n%s", tc.fault, diff)
			}
		})
	}
}

func TestErrorsAreCleanedAndCut(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"list":  `{"errors":[{"code":"DENIED\u001b","message":"##vso[task.complete]\r\nhunter2hunter2` + strings.Repeat("x", 999) + `"}]}`,
		"one":   `{"code":"X","message":"##vso[task.complete]` + strings.Repeat("\\n", 999) + `"}`,
		"text":  "##vso[task.complete]\x1b\rhunter2hunter2" + strings.Repeat("x", 1<<20),
		"page":  "<html>##vso[task.complete]",
		"empty": "",
	} {
		n := &network{servers: map[string]http.HandlerFunc{"https://a.io": answer(409, body)}}
		c := n.client()
		c.config.Secrets = &redact.Set{}
		c.config.Secrets.Add("hunter2hunter2")
		_, err := c.Resolve(t.Context(), parse(t, "a.io/app:1"))
		checkKind(t, name, err, Refused, "409 Conflict")
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		location string
		kind     Kind // "" for none
	}{
		"to storage":           {"https://storage.example/blob?sig=1", ""},
		"within the registry":  {"https://a.io/elsewhere", ""},
		"to the open":          {"http://storage.example/blob", Refused},
		"to the own, open":     {"http://a.io/elsewhere", Refused},
		"to this machine":      {"https://127.0.0.1/blob", Refused},
		"to localhost":         {"https://localhost:8443/blob", Refused},
		"to the metadata":      {"https://169.254.169.254/metadata", Refused},
		"to metadata, v6":      {"https://[fe80::1]/metadata", Refused},
		"to metadata, v4 in 6": {"https://[::ffff:169.254.169.254]/", Refused},
		"round and round":      {"https://loop.example/", Refused},
		"there and back":       {"https://back.example/", ""},
		// net/http lets credentials go along to these.
		"to a subdomain":     {"https://storage.a.io/blob", ""},
		"subdomain and back": {"https://back.a.io/", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			served := answer(200, "the layer")
			n := &network{servers: map[string]http.HandlerFunc{
				"https://storage.example": served, "http://storage.example": served, "http://a.io": served,
				"https://loop.example": answer(307, "", "Location", "https://loop.example/"),
				"https://back.example": answer(307, "", "Location", "https://a.io/elsewhere"),
				"https://storage.a.io": served, "https://back.a.io": answer(307, "", "Location", "https://a.io/elsewhere"),
				"https://127.0.0.1": served, "https://localhost:8443": served, "https://169.254.169.254": served,
			}}
			n.servers["https://a.io"] = func(w http.ResponseWriter, q *http.Request) {
				switch {
				case q.URL.Path == "/elsewhere":
					served(w, q)
				case q.Header.Get("Authorization") == "":
					answer(401, "", "Www-Authenticate", `Basic realm="a"`)(w, q)
				default:
					answer(307, "", "Location", tc.location)(w, q)
				}
			}
			l := &layer{client: n.client(), ref: parse(t, "a.io/app:1")}
			l.descriptor = descriptor{Digest: digestOf([]byte("the layer")), Size: 9}
			text, err := readLayer(t.Context(), l)
			if tc.kind != "" {
				checkKind(t, "reading", err, tc.kind, "redirected")
			} else if err != nil || text != "the layer" {
				t.Errorf("reading: %q, %v", text, err)
			}
			for _, line := range n.asked {
				away := !strings.Contains(line, "https://a.io/") ||
					strings.Contains(line, "elsewhere") && strings.HasSuffix(name, "and back")
				if away && strings.Contains(line, "Basic ") {
					t.Errorf("credentials went along: %s", line)
				}
			}
		})
	}
}

func readLayer(ctx context.Context, l rootfs.Layer) (string, error) {
	stream, err := l.Open(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = stream.Close() }()
	text, err := io.ReadAll(stream)
	return string(text), err
}

// TestWritesAreNotRedirected: what is written goes to the registry, or nowhere.
func TestWritesAreNotRedirected(t *testing.T) {
	t.Parallel()
	n := &network{servers: map[string]http.HandlerFunc{"https://evil.com": answer(201, "")}}
	text := []byte(`{"mediaType":"` + ociManifest + `","config":{"digest":"` + digestOf(nil) + `"}}`)
	n.servers["https://a.io"] = func(w http.ResponseWriter, q *http.Request) {
		switch q.Method {
		case http.MethodHead:
			answer(404, "")(w, q)
		case http.MethodGet:
			answer(200, string(text), "Content-Type", ociManifest)(w, q)
		default:
			answer(307, "", "Location", "https://evil.com/")(w, q)
		}
	}
	ref := parse(t, "a.io/app@"+digestOf(text))
	checkKind(t, "Tag", n.client().Tag(t.Context(), ref, "1"), Refused, "307")
	for _, line := range n.asked {
		if strings.Contains(line, "evil") {
			t.Errorf("the redirect was followed: %s", line)
		}
	}
}

func TestSilentRegistry(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "the beginning")
		_ = http.NewResponseController(w).Flush()
		<-done
	}))
	defer s.Close()
	defer close(done)
	c := New(Config{HTTP: s.Client(), Sleep: (&waits{}).sleep})
	c.silence = 20 * time.Millisecond
	_, err := c.Resolve(t.Context(), parse(t, strings.TrimPrefix(s.URL, "http://")+"/app:1"))
	checkKind(t, "Resolve", err, Unreachable, "stopped answering")
}

func TestCancel(t *testing.T) {
	t.Parallel()
	r := containertest.NewRegistry(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("the job was cancelled")
	cancel(cause)
	_, err := clientOf(r).Resolve(ctx, at(t, r, "1"))
	checkKind(t, "Resolve", err, Unreachable, "the job was cancelled")
	if !errors.Is(err, cause) {
		t.Errorf("%v does not wrap the cause", err)
	}
}

// TestLayersAreTakenUpAgain: a download that breaks goes on where it was, also where the registry knows no ranges.
func TestLayersAreTakenUpAgain(t *testing.T) {
	t.Parallel()
	data := strings.Repeat("0123456789", 100_000)
	for name, ranges := range map[string]bool{"ranges": true, "no ranges": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := containertest.NewRegistry(t)
			c := clientOf(r, func(c *Config) {
				c.HTTP = &http.Client{Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
					if !ranges {
						req.Header.Del("Range")
					}
					return r.Client().Transport.RoundTrip(req)
				})}
			})
			d := putImage(t, r, "1", config("linux", "amd64"), data)
			im, err := c.Resolve(t.Context(), at(t, r, d.Digest))
			if err != nil {
				t.Fatal(err)
			}
			for _, cut := range []int64{300_000, 100, 500_000} {
				r.Fail(containertest.Fault{Operation: "blob.get", Cut: cut, Times: 1})
			}
			r.Forget()
			got, err := readLayer(t.Context(), im.Parts[0].Layers[0])
			if err != nil || got != data {
				t.Errorf("read %d of %d bytes: %v\n%s", len(got), len(data), err, r.Log())
			}
			if last := r.Requests()[len(r.Requests())-1]; ranges && last.Range == "" {
				t.Errorf("no range was asked for:\n%s", r.Log())
			}
		})
	}
}

func TestLayersThatStayBroken(t *testing.T) {
	t.Parallel()
	const text = "the layer"
	for name, tc := range map[string]struct {
		body   string
		header []string
		kind   Kind
		words  string
	}{
		"longer":       {text + "!", nil, Wrong, "more than the 9 bytes"},
		"longer, said": {text + "!", []string{"Content-Length", "10"}, Wrong, "has 10 bytes"},
		"shorter":      {text[:8], nil, Unreachable, "unexpected EOF"},
		"another":      {"thE layer", nil, Wrong, "does not fit its digest"},
		"other range":  {text, []string{"Content-Range", "bytes 5-9/10"}, Wrong, "another part"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := &network{servers: map[string]http.HandlerFunc{"https://a.io": func(w http.ResponseWriter, q *http.Request) {
				status := 200
				if q.Header.Get("Range") != "" && tc.kind == Wrong {
					status = 206
				}
				body := tc.body
				if name == "other range" && status == 200 {
					body = text[:4]
				}
				answer(status, body, tc.header...)(w, q)
			}}}
			l := &layer{client: n.client(), ref: parse(t, "a.io/app:1")}
			l.descriptor = descriptor{Digest: digestOf([]byte(text)), Size: int64(len(text))}
			got, err := readLayer(t.Context(), l)
			checkKind(t, fmt.Sprintf("reading %q", got), err, tc.kind, tc.words)
			if len(n.asked) > 1+maxResumes {
				t.Errorf("asked %d times", len(n.asked))
			}
		})
	}
}

func TestForeignLayers(t *testing.T) {
	t.Parallel()
	n := &network{servers: map[string]http.HandlerFunc{"https://a.io": answer(404, "")}}
	l := &layer{client: n.client(), ref: parse(t, "a.io/app:1"), descriptor: descriptor{
		MediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", Digest: digestOf(nil), URLs: []string{"https://evil.com"},
	}}
	_, err := l.Open(t.Context())
	checkKind(t, "Open", err, Unsupported, "not kept in this registry")
	if len(n.asked) != 1 {
		t.Errorf("asked: %v", n.asked)
	}
	l.descriptor.MediaType = "application/vnd.oci.image.layer.v1.tar+gzip"
	_, err = l.Open(t.Context())
	checkKind(t, "Open of a layer that is missing", err, NotFound)
}

// TestClosedLayer: who has seen enough stops the download.
func TestClosedLayer(t *testing.T) {
	t.Parallel()
	r := containertest.NewRegistry(t)
	d := putImage(t, r, "1", config("linux", "amd64"), string(bytes.Repeat([]byte("x"), 16<<20)))
	im, err := clientOf(r).Resolve(t.Context(), at(t, r, d.Digest))
	if err != nil {
		t.Fatal(err)
	}
	stream, err := im.Parts[0].Layers[0].Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(stream, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	_ = stream.Close()
	if n, err := stream.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("Read after Close = %d, %v", n, err)
	}
}
