package registry

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/retry"
)

// Kind is what sort of thing went wrong.
type Kind string

// The kinds.
const (
	NotFound     Kind = "notFound"     // there is no such image, tag or repository
	Unauthorized Kind = "unauthorized" // the credentials are not accepted
	Denied       Kind = "denied"       // they are, but the right is missing
	Throttled    Kind = "throttled"    // too many requests, also after waiting
	Unreachable  Kind = "unreachable"  // no connection, or no answer
	Certificate  Kind = "certificate"  // the server's certificate is not trusted
	Failing      Kind = "failing"      // the registry's own errors (5xx)
	Refused      Kind = "refused"      // any other no: a locked tag, a manifest it does not like
	Unsupported  Kind = "unsupported"  // an image of a form that is not read, or something a registry cannot do
	Wrong        Kind = "wrong"        // an answer that does not fit its digest, or breaks the protocol
)

// Error is what a registry, or the way to it, has against a request.
type Error struct {
	Kind   Kind
	Name   string // of the image, or the host
	Doing  string // such as "reading the manifest"
	Status int    // of the answer; 0 without one
	Detail string // what was said, cleaned and cut
	Hint   string // what to do; may be empty
	Err    error  // may be nil
}

// Error is one line.
func (e *Error) Error() string {
	text := e.Name + ": " + e.Doing + ": " + e.Detail
	if e.Status != 0 {
		text = fmt.Sprintf("%s: %s: %d %s", e.Name, e.Doing, e.Status, http.StatusText(e.Status))
		if e.Detail != "" {
			text += " (" + e.Detail + ")"
		}
	}
	return text
}

// Unwrap returns what caused it.
func (e *Error) Unwrap() error { return e.Err }

// IsKind reports whether err is an Error of that kind.
func IsKind(err error, k Kind) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == k
}

const (
	maxErrorBody = 16 << 10
	maxDetail    = 120
)

// clean makes text from outside fit for an error.
func (c *Client) clean(text string) string {
	text = c.config.Secrets.String(text)
	if runes := []rune(text); len(runes) > maxDetail {
		text = string(runes[:maxDetail]) + "..."
	}
	return redact.Line(text)
}

// refusal is the error of an answer that says no.
func (c *Client) refusal(q query, resp *http.Response) *Error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)) // what there is of it
	code, detail := said(body)
	e := &Error{Name: q.name(), Doing: q.doing, Status: resp.StatusCode, Detail: c.clean(detail), Kind: Refused}
	switch status := resp.StatusCode; {
	case status == http.StatusNotFound:
		e.Kind = NotFound
		e.Hint = "check the names of registry, repository and tag; some registries also hide what may not be read"
	case status == http.StatusUnauthorized:
		e.Kind, e.Hint = Unauthorized, "check the service connection of containerRegistry: its secret may have expired"
	case status == http.StatusForbidden:
		e.Kind, e.Hint = Denied, rightHint(q)
	case status == http.StatusTooManyRequests:
		e.Kind, e.Hint = Throttled, "try again later, or ask the registry's owner for a higher limit"
	case status >= 500 || status == http.StatusRequestTimeout:
		e.Kind, e.Hint = Failing, "try again later"
	case status == http.StatusMethodNotAllowed || code == "UNSUPPORTED":
		e.Kind = Unsupported
	case status == http.StatusConflict || code == "TAG_INVALID":
		e.Hint = "the tag may be locked, or the repository's tags immutable"
	}
	return e
}

// rightHint names the right that is missing.
func rightHint(q query) string {
	right, action := "read", "AcrPull"
	switch q.actions {
	case push:
		right, action = "write", "AcrPush"
	case remove:
		right, action = "delete", "AcrDelete"
	}
	hint := "check that the repository exists, and that the service connection's identity may " + right + " it"
	if isAzure(q.host) {
		hint += " (role " + action + " on the registry; a firewall of the registry says the same)"
	}
	return hint
}

// said reads the body of an error: the first of a list, as the specification has it, or a line of text.
func said(body []byte) (code, text string) {
	var list struct {
		Errors []struct {
			Code, Message string
		}
		Code, Message, Details, Error string
	}
	if json.Unmarshal(body, &list) == nil {
		code, text = list.Code, list.Message
		if len(list.Errors) > 0 {
			code, text = list.Errors[0].Code, list.Errors[0].Message
		}
		if text == "" {
			text = list.Details + list.Error
		}
		if code != "" && text != "" {
			text = strings.ToLower(code) + ": " + text
		}
		return code, text
	}
	body = bytes.TrimSpace(body)
	if bytes.HasPrefix(body, []byte("<")) {
		return "", "a web page"
	}
	line, _, _ := bytes.Cut(body, []byte("\n"))
	return "", string(bytes.TrimSpace(line))
}

// unreachable is the error of a request without an answer.
func (c *Client) unreachable(ctx context.Context, q query, err error) error {
	e := &Error{Kind: Unreachable, Name: q.name(), Doing: q.doing, Err: err}
	var own *Error
	var dns *net.DNSError
	switch {
	case errors.As(err, &own): // of a redirect
		e.Kind, e.Detail, e.Hint = own.Kind, own.Detail, own.Hint
		return e
	case ctx.Err() != nil && !errors.Is(context.Cause(ctx), errSilent):
		e.Detail = "stopped: " + c.clean(context.Cause(ctx).Error())
		e.Err = context.Cause(ctx)
		return e
	case isCertificate(err):
		e.Kind, e.Detail = Certificate, "its certificate is not trusted: "+c.clean(innermost(err).Error())
		e.Hint = "configure the agent with the certificate of the authority (--sslcacert)"
		return e
	case errors.Is(err, http.ErrSchemeMismatch):
		e.Detail, e.Hint = "it speaks plain HTTP, which is refused", "give the registry a certificate"
		return e
	case errors.As(err, &dns) && dns.IsNotFound:
		e.Detail, e.Hint = "there is no host of that name", "check the registry's name, and the agent's DNS"
		return e
	}
	e.Detail = "no answer: " + c.clean(innermost(err).Error())
	e.Hint = "check that the agent may reach the registry: proxy, firewall, private endpoint"
	return retry.Temporary(e, 0)
}

func isCertificate(err error) bool {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &host) ||
		errors.As(err, &invalid)
}

// innermost leaves out the addresses that net/http wraps around an error; there may be secrets in them.
func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

// temporary marks what may pass by itself.
func temporary(e *Error, h http.Header) error {
	switch e.Status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return retry.Temporary(e, httpx.RetryAfter(h))
	}
	return e
}
