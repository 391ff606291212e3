package httpx

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/retry"
)

const (
	maxDetail     = 200     // characters of an answer in an error
	maxErrorBody  = 4 << 10 // bytes of an answer read for that
	maxQueryValue = 60      // a longer query value is not shown, known or not
)

// StatusError is an answer that says no.
type StatusError struct {
	Method string
	URL    string // without secrets
	Status int
	Detail string // first line of the body, cut and fit for the log
	Header http.Header

	after time.Duration
}

// Error names the request, the status and what the server said.
func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s %s: %d %s", e.Method, e.URL, e.Status, http.StatusText(e.Status))
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

func (c *Client) statusError(method string, target *url.URL, resp *http.Response, body io.Reader) error {
	start, _ := io.ReadAll(io.LimitReader(body, maxErrorBody)) // what there is of it
	e := &StatusError{Method: method, URL: c.RedactURL(target), Status: resp.StatusCode, Header: resp.Header}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
		e.Detail = "(a web page)" // the first line of which says nothing
	} else {
		e.Detail = c.clean(string(firstLine(start)))
	}
	e.after = RetryAfter(resp.Header)
	return e
}

// Addresses within a text, as in net/http's complaint about a Location header,
// lose what may be secret in them, whether they can be parsed or not.
var (
	addressQuery = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://[^\s"'?]*)\?[^\s"']*`)
	addressUser  = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^\s"'/]*@`)
)

func firstLine(b []byte) []byte {
	b = bytes.TrimSpace(b)
	if end := bytes.IndexAny(b, "\r\n"); end >= 0 {
		b = b[:end]
	}
	return b
}

// clean makes text from outside fit for an error: short, one line, no secret, no
// command to the agent, nothing that a terminal obeys.
func (c *Client) clean(text string) string {
	text = c.config.Secrets.String(text)
	text = addressUser.ReplaceAllString(addressQuery.ReplaceAllString(text, "$1?"+redact.Mask), "$1"+redact.Mask+"@")
	text = strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r == '\r' {
			return ' '
		}
		if !strconv.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > maxDetail {
		text = string(runes[:maxDetail]) + "..."
	}
	return redact.Defuse(text)
}

// proxyError is a proxy that does not let us through to an https server.
type proxyError struct{ status int }

func (e *proxyError) Error() string {
	if e.status == http.StatusProxyAuthRequired {
		return "the proxy wants a user name and password: configure the agent with --proxyusername and --proxypassword"
	}
	return fmt.Sprintf("the proxy refuses the connection: %d %s", e.status, http.StatusText(e.status))
}

// final reports whether the proxy means it.
func (e *proxyError) final() bool { return e.status < 500 }

// requestError is a request without an answer. Its text is made here, because
// that of url.Error holds the whole address.
type requestError struct {
	text string
	err  error
}

func (e *requestError) Error() string { return e.text }
func (e *requestError) Unwrap() error { return e.err }

func (c *Client) requestError(method string, target *url.URL, err error) error {
	var outer *url.Error
	for errors.As(err, &outer) {
		err = outer.Err
	}
	return &requestError{fmt.Sprintf("%s %s: %s", method, c.RedactURL(target), c.clean(explain(err))), err}
}

// explain adds the way out where there is one.
func explain(err error) string {
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &unknown):
		return err.Error() + " (if your organization has its own authority, configure the agent with --sslcacert)"
	case errors.Is(err, context.DeadlineExceeded) || isTimeout(err):
		return "no answer in time (" + err.Error() + ")"
	}
	return err.Error()
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// judge decides whether err may pass and the request may be sent again.
func (c *Client) judge(ctx context.Context, r Request, err error) error {
	if err == nil || ctx.Err() != nil || !r.Idempotent && !idempotent(r.Method) {
		return err
	}
	var status *StatusError
	if errors.As(err, &status) {
		if slices.Contains([]int{408, 429, 500, 502, 503, 504}, status.Status) {
			return retry.Temporary(err, status.after)
		}
		return err
	}
	if isFinal(err) {
		return err
	}
	return retry.Temporary(err, 0)
}

func idempotent(method string) bool {
	return slices.Contains([]string{
		http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete,
	}, method)
}

// isFinal reports whether a request without an answer would have none the next
// time either: it is our fault, our refusal or a matter of trust.
func isFinal(err error) bool {
	var large *tooLargeError
	var certificate *tls.CertificateVerificationError
	var proxy *proxyError
	if errors.As(err, &proxy) {
		return proxy.final()
	}
	return isRefused(err) || errors.As(err, &large) || errors.As(err, &certificate) ||
		errors.Is(err, http.ErrSchemeMismatch)
}

// RetryAfter is how long the server wants to be left alone; 0 if it does not say.
// A date is compared with the server's own clock, not ours.
func RetryAfter(h http.Header) time.Duration {
	for _, name := range []string{"Retry-After-Ms", "X-Ms-Retry-After-Ms"} {
		if ms, err := strconv.ParseUint(h.Get(name), 10, 31); err == nil {
			return time.Duration(ms) * time.Millisecond
		}
	}
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return max(0, until.Sub(now))
}

// publicQuery are query parameters that say what is asked for and not who asks.
var publicQuery = []string{
	"api-version", "comp", "restype", "$top", "$skip", "$expand", "maxresults", "page", "per_page", "version", "format",
}

// RedactURL returns u for an error or a log: without user information and
// fragment, with the values of query parameters hidden unless they are known to be
// public, and without secrets.
func (c *Client) RedactURL(u *url.URL) string {
	shown := *u
	if shown.User != nil {
		shown.User = url.User("hidden")
	}
	shown.Fragment, shown.RawFragment, shown.RawQuery = "", "", ""
	text := strings.Replace(shown.String(), "//hidden@", "//"+redact.Mask+"@", 1)
	if query := c.redactQuery(u.RawQuery); query != "" {
		text += "?" + query
	}
	return redact.Defuse(c.config.Secrets.String(text))
}

func (c *Client) redactQuery(raw string) string {
	if raw == "" {
		return ""
	}
	parts := strings.Split(raw, "&")
	for i, part := range parts {
		name, value, ok := strings.Cut(part, "=")
		plain, err := url.QueryUnescape(name)
		switch {
		case !ok || err != nil: // may be a secret without a name
			parts[i] = redact.Mask
		case value != "" && !c.mayShow(plain, value):
			parts[i] = url.QueryEscape(plain) + "=" + redact.Mask
		}
	}
	return strings.Join(parts, "&")
}

func (c *Client) mayShow(name, value string) bool {
	known := func(public string) bool { return strings.EqualFold(public, name) }
	return len(value) <= maxQueryValue &&
		(slices.ContainsFunc(publicQuery, known) || slices.ContainsFunc(c.config.ShowQuery, known))
}
