package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/retry"
	"github.com/guardrails-ci/guardrails/shared/version"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/reference"
)

// actions are what a request needs a right for, as tokens have them.
type actions string

const (
	pull   actions = "pull"
	push   actions = "pull,push"
	remove actions = "delete"
)

// query is a request to a registry.
type query struct {
	method     string
	host       string // as in the image's name
	repository string
	path       string // below the repository, such as "manifests/latest"
	address    string // instead of the path: where an upload goes on
	shown      string // the image's name for errors; the repository's if empty
	doing      string // for errors
	actions    actions
	header     http.Header
	body       []byte
	good       []int // statuses; 200 if empty
}

// about is a query for an image's manifest or blob.
func about(ref reference.Reference, path, doing string) query {
	return query{
		method: http.MethodGet, host: ref.Registry, repository: ref.Repository, path: path, shown: ref.String(),
		doing: doing, actions: pull, header: http.Header{},
	}
}

func (q query) name() string {
	if q.shown != "" {
		return q.shown
	}
	return q.host + "/" + q.repository
}

func (q query) isGood(status int) bool {
	return status == http.StatusOK && len(q.good) == 0 || slices.Contains(q.good, status)
}

// wrong is the error of an answer that cannot be right.
func (q query) wrong(format string, args ...any) *Error {
	return &Error{Kind: Wrong, Name: q.name(), Doing: q.doing, Detail: fmt.Sprintf(format, args...)}
}

// do makes the request, again if that may help. The answer's body is to be closed.
func (c *Client) do(ctx context.Context, q query) (resp *http.Response, err error) {
	err = retry.Do(ctx, c.retry, func(ctx context.Context) error {
		resp, err = c.once(ctx, q)
		return err
	})
	return resp, err
}

// read makes the request and reads the whole answer, again if that may help: a connection can break in the middle.
func (c *Client) read(ctx context.Context, q query, limit int64) (body []byte, h http.Header, err error) {
	err = retry.Do(ctx, c.retry, func(ctx context.Context) error {
		resp, err := c.once(ctx, q)
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }() // it was only read
		h = resp.Header
		body, err = io.ReadAll(io.LimitReader(resp.Body, limit+1))
		switch {
		case err != nil:
			return c.unreachable(ctx, q, err)
		case int64(len(body)) > limit:
			return q.wrong("the answer is larger than %d MB", limit>>20)
		}
		return nil
	})
	return body, h, err
}

// once makes the request: with what was accepted before, then with what the owner of the credentials remembers, then
// with what is certainly new.
func (c *Client) once(ctx context.Context, q query) (*http.Response, error) {
	key := scope{q.host, q.repository, q.actions}
	a := c.known(key)
	resp, no, err := c.attempt(ctx, q, a)
	for _, fresh := range []bool{false, true} {
		if err != nil || no == nil {
			return resp, err
		}
		user, err := c.user(ctx, q, fresh)
		if err != nil {
			return nil, err
		}
		next, err := c.authorize(ctx, q, no.challenges, user)
		if IsKind(err, Unauthorized) && !fresh && !user.nobody() {
			continue
		}
		if err != nil {
			return nil, err
		}
		c.remember(key, next)
		a = next
		if resp, no, err = c.attempt(ctx, q, a); err != nil {
			return nil, err
		}
	}
	if no == nil {
		return resp, nil
	}
	return nil, no.explain(q, a)
}

// denial is an answer 401.
type denial struct {
	*Error
	challenges []challenge
}

// explain says why even fresh credentials were not enough.
func (n *denial) explain(q query, a authorization) *Error {
	switch {
	case a.nobody:
		n.Kind, n.Hint = Unauthorized, "the registry wants to know who asks, or has no such repository: use a service "+
			"connection for it"
	case a.token: // its own server has accepted the credentials
		n.Kind, n.Hint = Denied, rightHint(q)
	}
	return n.Error
}

// attempt makes the request once. It returns a good answer, or that the credentials are not enough, or an error.
func (c *Client) attempt(ctx context.Context, q query, a authorization) (*http.Response, *denial, error) {
	resp, err := c.send(ctx, q, a.header)
	if err != nil || q.isGood(resp.StatusCode) {
		return resp, nil, err
	}
	defer func() { _ = resp.Body.Close() }() // there is nothing in it any more
	refusal := c.refusal(q, resp)
	// What another host says, after a redirect, is nothing to answer with the registry's credentials.
	if refusal.Status != http.StatusUnauthorized || resp.Request.URL.Host != apiHost(q.host) {
		return nil, nil, temporary(refusal, resp.Header)
	}
	return nil, &denial{refusal, challenges(resp.Header)}, nil
}

// send makes one request with one answer.
func (c *Client) send(ctx context.Context, q query, authorization string) (*http.Response, error) {
	resp, err := c.sendTo(ctx, q, c.scheme(q.host), authorization)
	if errors.Is(err, http.ErrSchemeMismatch) && c.config.Plain(q.host) {
		c.lock.Lock()
		c.insure[q.host] = true
		c.lock.Unlock()
		resp, err = c.sendTo(ctx, q, "http", authorization)
	}
	if err != nil {
		return nil, c.unreachable(ctx, q, err)
	}
	if coding := resp.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		_ = resp.Body.Close() // it is of no use
		return nil, q.wrong("the answer is encoded although that was not asked for")
	}
	return resp, nil
}

func (c *Client) sendTo(ctx context.Context, q query, scheme, authorization string) (*http.Response, error) {
	target := &url.URL{Scheme: scheme, Host: apiHost(q.host), Path: "/v2/" + q.repository + "/" + q.path}
	if strings.HasPrefix(q.path, "/") {
		target.Path = q.path
	}
	if q.address != "" {
		var err error
		if target, err = url.Parse(q.address); err != nil {
			return nil, q.wrong("the address to go on at cannot be read")
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	req, err := http.NewRequestWithContext(ctx, q.method, target.String(), bytes.NewReader(q.body))
	if err != nil {
		cancel(nil)
		return nil, err
	}
	for name, values := range q.header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", "guardrails/"+version.Number())
	// Without this, net/http asks for gzip and unpacks it, and nothing fits its digest.
	req.Header.Set("Accept-Encoding", "identity")
	if authorization != "" && target.Host == apiHost(q.host) && target.Scheme == scheme {
		req.Header.Set("Authorization", authorization)
	}
	client := c.fixed
	if q.method == http.MethodGet || q.method == http.MethodHead {
		client = c.api
	}
	resp, err := client.Do(req)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	resp.Body = newPatience(resp.Body, c.silence, ctx, cancel)
	return resp, nil
}

// scheme is https, but for a host that may and does speak plain HTTP.
func (c *Client) scheme(host string) string {
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.insure[host] {
		return "http"
	}
	return "https"
}

// apiHost is where the registry of that name answers.
func apiHost(host string) string {
	if host == "docker.io" {
		return "registry-1.docker.io"
	}
	return host
}

const maxRedirects = 5

// harmless may follow a redirect to another host.
var harmless = []string{"Accept", "Accept-Encoding", "Range", "User-Agent"}

// checkRedirect decides about following a redirect of something that is read: blobs are often kept elsewhere.
func checkRedirect(req *http.Request, via []*http.Request) error {
	first, last := via[0], via[len(via)-1]
	refused := func(why string) error { return &Error{Kind: Refused, Detail: why} }
	if len(via) > maxRedirects {
		return refused(fmt.Sprintf("it was redirected more than %d times", maxRedirects))
	}
	if last.URL.Scheme == "https" && req.URL.Scheme != "https" {
		return refused("it was redirected from https to an unprotected address, which is refused")
	}
	// Once away, always away: another host must not choose what is asked of the registry with our credentials.
	away := func(r *http.Request) bool { return r.URL.Host != first.URL.Host }
	if !away(req) && !slices.ContainsFunc(via, away) {
		return nil
	}
	if isInside(req.URL.Host) && !isInside(first.URL.Host) {
		return refused("it was redirected to this machine or the machine's own services, which is refused")
	}
	for name := range req.Header {
		if !slices.Contains(harmless, name) {
			req.Header.Del(name)
		}
	}
	return nil
}

// isInside reports whether only this machine can reach the host, such as the metadata service of a cloud's machine:
// a registry must not send us there.
func isInside(host string) bool {
	ip, err := netip.ParseAddr(hostname(host))
	return isLoopback(host) || err == nil && (ip.Unmap().IsLinkLocalUnicast() || ip.Unmap().IsUnspecified())
}

// noRedirect leaves the redirect to the caller, for whom it is no good answer.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

var errSilent = errors.New("it stopped answering")

// patience passes a body on and gives up when the registry is silent for too long.
type patience struct {
	io.ReadCloser
	limit  time.Duration
	timer  *time.Timer
	ctx    context.Context // of the request, to say why it ended
	cancel context.CancelCauseFunc
}

func newPatience(r io.ReadCloser, limit time.Duration, ctx context.Context, cancel context.CancelCauseFunc) *patience {
	timer := time.AfterFunc(limit, func() { cancel(errSilent) })
	timer.Stop() // runs while something is waited for
	return &patience{r, limit, timer, ctx, cancel}
}

func (p *patience) Read(b []byte) (int, error) {
	p.timer.Reset(p.limit)
	n, err := p.ReadCloser.Read(b)
	p.timer.Stop()
	if err != nil && err != io.EOF && errors.Is(context.Cause(p.ctx), errSilent) {
		err = errSilent
	}
	return n, err
}

func (p *patience) Close() error {
	p.timer.Stop()
	defer p.cancel(nil)
	return p.ReadCloser.Close()
}
