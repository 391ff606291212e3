// Package httpx is the one HTTP client of the tasks.
//
// What it promises:
//   - the proxy, certificates and waiting times are those it is told (by an agent:
//     see [FromAgent]), not what the environment happens to hold;
//   - no request hangs: connecting, the TLS handshake, the wait for the headers and
//     each silence inside a body are bounded;
//   - no answer fills the memory: bodies have a size limit, also when compressed;
//   - what may pass is tried again, if a second request does no harm;
//   - credentials stay with the host they are meant for: a redirect to another host
//     loses them, and a redirect from https to http is refused;
//   - error texts hold the method, the address without its secrets, the status and
//     the first line of the answer, fit for the log.
//
// It does not switch off the check of certificates unless it is told to in so many
// words (Config.SkipVerify), and keeps no cookies.
package httpx

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/retry"
)

const (
	// DefaultTimeout is the longest silence of a server.
	DefaultTimeout = 30 * time.Second

	// DefaultMaxBody is the largest body that Do accepts.
	DefaultMaxBody = 32 << 20

	maxConnect   = 15 * time.Second // a server that is there answers sooner
	maxRedirects = 10
)

// Config says how to reach servers. The zero value works where no proxy and no
// certificates of one's own are needed.
type Config struct {
	// Proxy returns the proxy for a request, nil for none, as in http.Transport.
	Proxy func(*http.Request) (*url.URL, error)
	// RootCAs are the authorities to trust; nil means the system's. See CAPool.
	RootCAs *x509.CertPool
	// ClientCerts are shown to servers that ask.
	ClientCerts []tls.Certificate
	// SkipVerify trusts every server. Only for an administrator who has configured
	// the agent that way, and with a warning in the log.
	SkipVerify bool
	// Timeout bounds each wait for the server; 0 means DefaultTimeout. It does not
	// bound a download that makes progress: that is ctx's.
	Timeout time.Duration
	// MaxBody is the size limit of a body in bytes; 0 means DefaultMaxBody.
	MaxBody int64
	// UserAgent is sent with each request.
	UserAgent string
	// Retry says how often to try; without a Jitter it gets a random one.
	Retry retry.Policy
	// Secrets are hidden in errors; may be nil.
	Secrets *redact.Set
	// ShowQuery names query parameters whose values may stand in errors, besides
	// those that are known to be harmless, such as api-version.
	ShowQuery []string
}

// CAPool returns the system's authorities and those in pem.
func CAPool(pem []byte) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("reading the system's certificates: %w", err)
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("there is no certificate in it (PEM is expected)")
	}
	return pool, nil
}

// Client makes requests. It may be used by several goroutines.
type Client struct {
	config Config
	http   *http.Client
}

// New returns a Client. Make one and use it for everything: it keeps connections.
func New(c Config) *Client {
	if c.Timeout <= 0 {
		c.Timeout = DefaultTimeout
	}
	if c.MaxBody <= 0 {
		c.MaxBody = DefaultMaxBody
	}
	if c.Retry.Jitter == nil {
		c.Retry.Jitter = retry.HalfJitter(rand.Float64)
	}
	connect := min(c.Timeout, maxConnect)
	transport := &http.Transport{
		Proxy:                 c.Proxy,
		DialContext:           (&net.Dialer{Timeout: connect}).DialContext,
		TLSHandshakeTimeout:   connect,
		ResponseHeaderTimeout: c.Timeout,
		ExpectContinueTimeout: time.Second,
		IdleConnTimeout:       90 * time.Second,
		MaxIdleConnsPerHost:   16,
		ForceAttemptHTTP2:     true,
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
			if answer.StatusCode == http.StatusOK {
				return nil
			}
			return &proxyError{answer.StatusCode}
		},
		TLSClientConfig: &tls.Config{
			MinVersion:         tls.VersionTLS12,
			RootCAs:            c.RootCAs,
			Certificates:       c.ClientCerts,
			InsecureSkipVerify: c.SkipVerify, // see Config.SkipVerify
		},
	}
	return &Client{c, &http.Client{Transport: transport, CheckRedirect: checkRedirect}}
}

// HTTP returns an http.Client with this one's proxy, certificates, timeouts and
// redirect rules, for libraries that want one. It has no size limit and does not
// retry.
func (c *Client) HTTP() *http.Client { return c.http }

// Request is a request. Method is GET if empty; Body is sent as it is.
type Request struct {
	Method string
	URL    string
	Header http.Header
	Body   []byte
	// Idempotent says that sending it twice does no harm, for a method (such as
	// POST) that does not say so itself.
	Idempotent bool
}

// Response is an answer with a status below 400 and its whole body.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do makes the request, again if that may help (408, 429, 500, 502, 503, 504,
// broken connections; only if the request is idempotent), and returns the answer.
// A status of 400 or more is a *StatusError.
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	target, err := url.Parse(r.URL)
	if err != nil || target.Host == "" || target.Scheme != "https" && target.Scheme != "http" {
		// The parser's error would quote the address.
		return nil, fmt.Errorf("%s: not the address of a web server", r.Method)
	}
	var answer *Response
	err = retry.Do(ctx, c.config.Retry, func(ctx context.Context) error {
		var err error
		answer, err = c.once(ctx, r, target)
		return c.judge(ctx, r, err)
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// once makes one attempt.
func (c *Client) once(ctx context.Context, r Request, target *url.URL) (*Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, nil)
	if err != nil {
		return nil, c.requestError(r.Method, target, err)
	}
	if len(r.Body) > 0 {
		req.ContentLength = int64(len(r.Body))
		req.GetBody = func() (io.ReadCloser, error) {
			return newPatience(bytes.NewReader(r.Body), c.config.Timeout, cancel), nil
		}
		req.Body, _ = req.GetBody() // no error, see above
	}
	if r.Header != nil {
		req.Header = r.Header.Clone()
	}
	if c.config.UserAgent != "" && req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", c.config.UserAgent)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.requestError(r.Method, target, silence(ctx, err))
	}
	defer func() { _ = resp.Body.Close() }()
	body := newPatience(resp.Body, c.config.Timeout, cancel)
	defer func() { _ = body.Close() }()
	if resp.StatusCode < 200 || resp.StatusCode > 299 { // a redirect that leads nowhere is no answer either
		return nil, c.statusError(r.Method, target, resp, body)
	}
	length := resp.ContentLength
	if r.Method == http.MethodHead {
		length = 0 // that of the body we did not ask for
	}
	data, err := c.read(body, length)
	if err != nil {
		return nil, c.requestError(r.Method, target, silence(ctx, err))
	}
	return &Response{resp.StatusCode, resp.Header, data}, nil
}

// read reads a body up to the limit.
func (c *Client) read(body io.Reader, length int64) ([]byte, error) {
	limit := c.config.MaxBody
	tooLarge := &tooLargeError{limit}
	if length > limit {
		return nil, tooLarge
	}
	// The room is made at once where the server says how much is needed: what it says
	// is within the limit, and net/http reads no more than that.
	var data bytes.Buffer
	if length > 0 {
		data.Grow(int(length) + bytes.MinRead)
	}
	_, err := data.ReadFrom(io.LimitReader(body, limit+1))
	if err == nil && int64(data.Len()) > limit {
		err = tooLarge
	}
	return data.Bytes(), err
}

type tooLargeError struct{ limit int64 }

func (e *tooLargeError) Error() string {
	return fmt.Sprintf("the answer is larger than %d bytes", e.limit)
}
