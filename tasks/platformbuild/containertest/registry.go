// Package containertest gives tests the real things that images are built with and kept in: a registry in this
// process, which may want to see credentials as Azure Container Registry does and may go wrong at any request,
// and BuildKit and the Docker engine as programs of their own, with everything that they write in a private
// folder and nothing of them left on the machine. scripts/containers.sh gets the programs;
// scripts/services/registry makes a program of this package.
package containertest

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

// Config is what a [Registry] is made of. The zero value speaks plain HTTP, lets everybody do everything, and
// knows referrers.
type Config struct {
	// TLS makes it speak HTTPS, with a certificate for 127.0.0.1 of an authority of its own, see
	// [Registry.CAFile].
	TLS bool
	// User and Password are wanted with every request, if not empty.
	User, Password string
	// Bearer sends who has no token to /token, which wants User and Password.
	Bearer bool
	// ACR makes it speak as Azure Container Registry: tokens for a token of Entra.
	ACR *ACR
	// NoReferrers leaves the referrers API out, as older registries do.
	NoReferrers bool
	// NoDelete refuses to delete; NoDeleteTag only by tag, as registries did before OCI's specification 1.1.
	NoDelete, NoDeleteTag bool
	// Address is where it listens; a port of 127.0.0.1 that is free if empty.
	Address string
	// Now is its clock; time.Now if nil.
	Now func() time.Time
}

// Registry is a registry in this process. It is safe for concurrent use.
type Registry struct {
	config  Config
	server  *httptest.Server
	handler http.Handler // the images, without anything around
	blobs   *blobs
	issuer  *issuer
	dir     string
	closing sync.Once

	lock      sync.Mutex
	faults    []*Fault
	requests  []Request
	listeners []net.Listener // in the networks of daemons
}

// NewRegistry starts a registry that ends with the test.
func NewRegistry(t testing.TB, change ...func(*Config)) *Registry {
	t.Helper()
	var c Config
	for _, f := range change {
		f(&c)
	}
	r, err := StartRegistry(c)
	if err != nil {
		t.Fatalf("containertest.StartRegistry(%+v): %v", c, err)
	}
	t.Cleanup(r.Close)
	return r
}

// StartRegistry starts a registry, which is to be closed.
func StartRegistry(c Config) (*Registry, error) {
	if c.Bearer && c.User == "" {
		return nil, errors.New("tokens need a user to give them to")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Address == "" {
		c.Address = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", c.Address)
	if err != nil {
		return nil, err
	}
	r := &Registry{config: c, blobs: newBlobs()}
	r.handler = registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithBlobHandler(r.blobs),
		registry.WithReferrersSupport(!c.NoReferrers))
	r.server = &httptest.Server{Listener: listener, Config: &http.Server{
		Handler: http.HandlerFunc(r.serve), ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute,
	}}
	if c.ACR != nil || c.Bearer {
		r.issuer = newIssuer(r.config, r.Host())
	}
	if !c.TLS {
		r.server.Start()
		return r, nil
	}
	r.server.StartTLS()
	return r, r.writeCA()
}

// Close ends it. It may be called twice.
func (r *Registry) Close() {
	r.closing.Do(func() {
		r.lock.Lock()
		for _, l := range r.listeners {
			_ = l.Close() // it only ends
		}
		r.lock.Unlock()
		r.server.CloseClientConnections()
		r.server.Close()
		if r.dir != "" {
			_ = os.RemoveAll(r.dir) // a temporary folder
		}
	})
}

// Host is host and port, as in the names of images.
func (r *Registry) Host() string { return r.server.Listener.Addr().String() }

// URL is http:// or https:// and the host, without a slash at the end.
func (r *Registry) URL() string { return r.server.URL }

// CA is the authority of its certificate; nil without TLS.
func (r *Registry) CA() *x509.CertPool {
	if !r.config.TLS {
		return nil
	}
	pool := x509.NewCertPool()
	pool.AddCert(r.server.Certificate())
	return pool
}

// CAFile is a PEM file with that authority; empty without TLS.
func (r *Registry) CAFile() string {
	if r.dir == "" {
		return ""
	}
	return filepath.Join(r.dir, "ca.pem")
}

func (r *Registry) writeCA() (err error) {
	if r.dir, err = os.MkdirTemp("", "guardrails-registry-"); err != nil {
		return err
	}
	block := &pem.Block{Type: "CERTIFICATE", Bytes: r.server.Certificate().Raw}
	return os.WriteFile(r.CAFile(), pem.EncodeToMemory(block), 0o600)
}

// Client is an HTTP client that trusts the certificate. It shows no credentials.
func (r *Registry) Client() *http.Client { return r.server.Client() }

// Tags are the tags of a repository, sorted; none if there is no such repository.
func (r *Registry) Tags(repository string) []string {
	var list struct{ Tags []string }
	r.inside(http.MethodGet, "/v2/"+repository+"/tags/list", nil, &list)
	return list.Tags
}

// Digest is the digest of a tag, or of a digest itself; empty if the repository does not have it.
func (r *Registry) Digest(repository, reference string) string {
	return r.inside(http.MethodHead, "/v2/"+repository+"/manifests/"+reference, nil, nil).Get("Docker-Content-Digest")
}

// Manifest reads a manifest into a value, as JSON.
func (r *Registry) Manifest(repository, reference string, into any) error {
	header := r.inside(http.MethodGet, "/v2/"+repository+"/manifests/"+reference, nil, into)
	if header.Get("Docker-Content-Digest") == "" {
		return fmt.Errorf("the registry has no %s in %s", reference, repository)
	}
	return nil
}

// serveIn lets the registry be reached in another network by the same address.
func (r *Registry) serveIn(l net.Listener) {
	r.lock.Lock()
	r.listeners = append(r.listeners, l)
	r.lock.Unlock()
	if r.config.TLS {
		l = tls.NewListener(l, r.server.TLS.Clone())
	}
	go func() { _ = r.server.Config.Serve(l) }() // until it is closed
}

// Requests are those that were answered, or not, until now.
func (r *Registry) Requests() []Request {
	r.lock.Lock()
	defer r.lock.Unlock()
	return slices.Clone(r.requests)
}

// Forget forgets the requests until now.
func (r *Registry) Forget() {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.requests = nil
}

// Count says how many requests of an operation (see [Request]) were answered with one of the statuses, or with
// any if none is named.
func (r *Registry) Count(operation string, statuses ...int) (n int) {
	for _, q := range r.Requests() {
		if q.Operation == operation && (len(statuses) == 0 || slices.Contains(statuses, q.Status)) {
			n++
		}
	}
	return n
}

// Log is a line for each request, for messages.
func (r *Registry) Log() string {
	var b strings.Builder
	for _, q := range r.Requests() {
		fmt.Fprintln(&b, q)
	}
	return b.String()
}
