// Package registry reads images from an OCI registry, and writes tags and signatures.
//
// It speaks the distribution protocol itself, and promises:
//   - manifests, configs, provenance and signatures are checked against their digests and sizes before they are
//     used, layers while they are read;
//   - no answer fills the memory: each kind has its limit;
//   - credentials go to the registry, and to the server that gives out its tokens if that belongs to it; never
//     anywhere else, never by plain HTTP (but to this machine), never along with a redirect;
//   - what may pass is tried again; credentials that are no longer accepted are asked for anew, once;
//   - every error is an [*Error] of one line, in which what the registry says is cleaned and cut.
//
// A layer of which only the beginning is read cannot be checked: its digest is that of the whole.
package registry

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/retry"
)

// Credentials returns what to show to a registry's host; empty strings mean nobody. It is asked each time that they
// are needed, and with fresh when the registry did not accept what it got before.
type Credentials func(ctx context.Context, host string, fresh bool) (user, password string, err error)

// Config is how to reach registries.
type Config struct {
	HTTP        *http.Client // its transport; redirects are followed by rules of our own
	Credentials Credentials  // nil: nobody
	Secrets     *redact.Set  // hidden in errors; gets the tokens of registries too

	Sleep func(context.Context, time.Duration) error // between tries; nil is the clock
	Plain func(host string) bool                     // may speak plain HTTP; nil: loopback only
}

const (
	tries   = 3
	silence = time.Minute // of a registry, within an answer
)

// Client talks to registries. It may be used by several goroutines.
type Client struct {
	config  Config
	retry   retry.Policy
	api     *http.Client // follows redirects of what is read
	fixed   *http.Client // follows none
	silence time.Duration

	lock    sync.Mutex
	allowed map[scope]authorization
	insure  map[string]bool // hosts that turned out to speak plain HTTP
}

// New is a client.
func New(c Config) *Client {
	if c.Plain == nil {
		c.Plain = isLoopback
	}
	if c.Credentials == nil {
		c.Credentials = func(context.Context, string, bool) (string, string, error) { return "", "", nil }
	}
	var transport http.RoundTripper
	if c.HTTP != nil {
		transport = c.HTTP.Transport
	}
	return &Client{
		config:  c,
		retry:   retry.Policy{Attempts: tries, Sleep: c.Sleep},
		api:     &http.Client{Transport: transport, CheckRedirect: checkRedirect},
		fixed:   &http.Client{Transport: transport, CheckRedirect: noRedirect},
		silence: silence,
		allowed: map[scope]authorization{},
		insure:  map[string]bool{},
	}
}

// isLoopback is for hosts with or without a port.
func isLoopback(host string) bool {
	name := hostname(host)
	ip, err := netip.ParseAddr(name)
	return strings.EqualFold(name, "localhost") || err == nil && ip.Unmap().IsLoopback()
}

// hostname is the host without its port and brackets.
func hostname(host string) string {
	if at := strings.LastIndexByte(host, ':'); at > strings.LastIndexByte(host, ']') {
		host = host[:at]
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}
