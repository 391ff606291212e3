package keyvault

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/httpx"
)

// maxBody is room for a page of 25 names with all the tags that they can have.
const maxBody = 4 << 20

var (
	errDeadline  = errors.New("the time for all of it is over")
	errHost      = errors.New("a request to another server than the vault")
	errChallenge = errors.New("a challenge that is not one of a key vault")
	errScope     = errors.New("a token for something else is asked for")
	errLarge     = errors.New("an answer that is too large")
)

// exchange is what one request has seen, which may be made several times. The SDK turns much
// of it into text.
type exchange struct {
	attempts int

	status int // of the last answer; 0 if there was none
	header http.Header
	body   []byte
	after  time.Duration // how long the vault wants to be left alone
	err    error         // why there was no answer
}

type exchangeKey struct{}

// transport is what the SDK sends requests with.
type transport struct {
	client   *http.Client
	host     string
	patience time.Duration
}

// proxyRefusal is a proxy that gives no connection to the vault.
type proxyRefusal struct {
	status int
	err    error
}

func (p *proxyRefusal) Error() string { return p.err.Error() }
func (p *proxyRefusal) Unwrap() error { return p.err }

// newTransport uses the proxy and the certificates of a client. It follows no redirect: no
// vault makes any, but the page of a proxy where one has to sign in.
func newTransport(client *http.Client, host string, patience time.Duration) *transport {
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if t, ok := client.Transport.(*http.Transport); ok {
		t = t.Clone()
		check := t.OnProxyConnectResponse
		t.OnProxyConnectResponse = func(ctx context.Context, u *url.URL, req *http.Request, resp *http.Response) error {
			if check == nil {
				return nil
			}
			if err := check(ctx, u, req, resp); err != nil {
				return &proxyRefusal{resp.StatusCode, err}
			}
			return nil
		}
		own.Transport = t
	}
	return &transport{&own, host, patience}
}

// Do makes a request, and reads the whole answer.
func (t *transport) Do(req *http.Request) (*http.Response, error) {
	seen, ok := req.Context().Value(exchangeKey{}).(*exchange)
	if !ok {
		seen = &exchange{}
	}
	*seen = exchange{attempts: seen.attempts}
	resp, err := t.send(req, seen)
	if err != nil {
		seen.err = err
		return nil, err
	}
	return resp, nil
}

func (t *transport) send(req *http.Request, seen *exchange) (*http.Response, error) {
	// A list tells where it goes on: not with our token to somewhere else.
	if port := req.URL.Port(); req.URL.Scheme != "https" || !strings.EqualFold(req.URL.Hostname(), t.host) ||
		port != "" && port != "443" {
		return nil, errHost
	}
	ctx, cancel := context.WithTimeout(req.Context(), t.patience)
	defer cancel()
	resp, err := t.client.Do(req.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxBody {
		return nil, errLarge
	}
	seen.status, seen.header, seen.body, seen.after = resp.StatusCode, resp.Header, body, httpx.RetryAfter(resp.Header)
	resp.Body = io.NopCloser(bytes.NewReader(body))
	if resp.StatusCode == http.StatusUnauthorized && !isChallenge(resp.Header.Get("WWW-Authenticate")) {
		return nil, errChallenge
	}
	return resp, nil
}

// isChallenge reports whether a WWW-Authenticate header is one that the SDK can read: its
// parser ends the program with an address of fewer than three slashes
// (azure-sdk-for-go@sdk/security/keyvault/internal/challenge_policy.go, parseTenant). It is
// read here as it is there.
func isChallenge(header string) bool {
	found := map[string]string{}
	for part := range strings.SplitSeq(strings.ReplaceAll(header, "Bearer ", ""), " ") {
		if pair := strings.Split(part, "="); len(pair) == 2 {
			found[pair[0]] = strings.TrimSuffix(strings.ReplaceAll(pair[1], `"`, ""), ",")
		}
	}
	tenant := strings.Split(found["authorization"], "/")
	return len(tenant) > 3 && tenant[0] == "https:" && strings.Trim(tenant[3], ",") != "" &&
		(found["resource"] != "" || found["scope"] != "")
}
