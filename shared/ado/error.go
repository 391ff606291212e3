package ado

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/microsoft/azure-devops-go-api/azuredevops/v7"

	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/retry"
)

// Error is a call that Azure DevOps did not answer, in our own words: they can be
// shown as they are.
type Error struct {
	What   string // what was being done
	Status int    // of the answer, 0 if there was none
	Reason string // why it did not work
	Fix    string // what to do about it

	err error
}

// Error is one line.
func (e *Error) Error() string {
	text := e.What + ": " + e.Reason
	if e.Fix != "" {
		text += " (" + e.Fix + ")"
	}
	return text
}

// Unwrap returns what is behind it, such as context.Canceled; may be nil.
func (e *Error) Unwrap() error { return e.err }

// request is what we ask for. It travels with the context, because the SDK passes on
// nothing else.
type request struct {
	what       string // format of Error.What: %[1]d is run, %[2]d is part
	run, part  int
	permission string // that it needs
	stream     bool   // the answer is passed on while it comes
}

type requestKey struct{}

func asking(ctx context.Context, r request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

func asked(ctx context.Context) request {
	r, _ := ctx.Value(requestKey{}).(request)
	return r
}

// The permissions, as the settings of Azure DevOps name them.
const (
	viewBuilds   = "View builds"
	viewPipeline = "View build pipeline"
	reader       = "Reader"
)

func (r request) error(status int, reason, fix string) *Error {
	args := []any{r.run, r.part}[:strings.Count(r.what, "%")]
	return &Error{What: fmt.Sprintf(r.what, args...), Status: status, Reason: reason, Fix: fix}
}

// explain makes our Error of what the SDK returned.
func explain(ctx context.Context, err error) error {
	r := asked(ctx)
	var e *Error
	var location *azuredevops.LocationIdNotRegisteredError
	switch {
	case errors.As(err, &e):
	case ctx.Err() != nil:
		e = r.error(0, "it was stopped", "")
	case errors.As(err, &location):
		e = r.error(0, "the server does not have this call", "it needs Azure DevOps Server 2020 or newer")
	case errors.Is(err, errSilent):
		e = r.error(0, errSilent.Error(), networkFix)
	case r.stream:
		e = r.error(0, "it ends before its end: the connection broke", networkFix)
	default:
		e = r.error(0, "the answer is not what Azure DevOps would say", wayFix)
	}
	explained := *e
	if explained.err == nil && explained.Status == 0 {
		explained.err = err
	}
	if ctx.Err() != nil {
		explained.err = context.Cause(ctx)
	}
	return &explained
}

// refusal says what an answer means that is none.
func (t *transport) refusal(r request, resp *http.Response, isPage bool, start []byte) *Error {
	status := resp.StatusCode
	said := t.message(start)
	switch {
	case isPage && (status == http.StatusNonAuthoritativeInfo || isSignIn(resp.Request)):
		return r.error(status, "Azure DevOps answers with its sign-in page: it does not accept the job's token",
			tokenFix)
	case status == http.StatusUnauthorized:
		return r.error(status, "Azure DevOps does not accept the job's token (401)"+quoted(said), tokenFix)
	case status == http.StatusProxyAuthRequired:
		return r.error(status, "the proxy wants a user name and password (407)", proxyUserFix)
	case isPage:
		return r.error(status, fmt.Sprintf("a web page came back (%d), which is not from Azure DevOps's API", status),
			"it is probably from a proxy or firewall: let the agent through to "+t.host())
	case status == http.StatusForbidden:
		return r.denied(said)
	case status == http.StatusNotFound:
		return r.error(status, "Azure DevOps finds no such thing (404)"+quoted(said),
			"the job's token may not see it: check \"Limit job authorization scope to current project\" and the "+
				"build service's access to the project")
	case status == http.StatusTooManyRequests:
		reason := "Azure DevOps limits the requests of this identity (429)"
		if after := httpx.RetryAfter(resp.Header); after > t.config.Retry.Max {
			reason += fmt.Sprintf(", and wants to be left alone for %s", after)
		}
		return r.error(status, reason, "run fewer jobs at once, or try again later")
	case status >= 500:
		return r.error(status, fmt.Sprintf("Azure DevOps has a problem (%d)%s", status, quoted(said)),
			"try again later; see https://status.dev.azure.com")
	}
	return r.error(status, fmt.Sprintf("Azure DevOps says no (%d)%s", status, quoted(said)), "")
}

const (
	tokenFix = "run this task in a pipeline job, and do not replace System.AccessToken; the token ends with the job, " +
		"so a very long post-job stage may outlive it"
	proxyUserFix = "configure the agent with --proxyusername and --proxypassword"
	networkFix   = "run the pipeline again; if it stays so, check the agent's network, proxy (--proxyurl) and firewall"
	wayFix       = "check that the address is that of an organization or collection, and what lies between it and " +
		"the agent, such as a proxy"
)

// denied names the permission: the one that the server names, else the one that we
// know to be needed.
func (r request) denied(said string) *Error {
	permission := r.permission
	if found := needsPattern.FindStringSubmatch(said); found != nil {
		permission = found[1]
	}
	if r.permission == reader {
		return r.error(http.StatusForbidden, "the job's identity may not read it (403)"+quoted(said),
			"give the project's build service the role Reader: Pipelines > Library > Security, or in the group's own")
	}
	return r.error(http.StatusForbidden,
		"the job's identity lacks the permission \""+permission+"\" (403)"+quoted(said),
		"give it to the project's build service: Pipelines > ... > Manage security")
}

// needsPattern is how the service names a permission: "X needs View builds
// permissions for build pipeline 12", "You need the 'View' permission".
var needsPattern = regexp.MustCompile(`needs? (?:the )?['"]?([A-Za-z][A-Za-z ]{2,60}?)['"]? permissions?\b`)

// isSignIn reports whether the last request, after redirects, was for a sign-in page.
func isSignIn(last *http.Request) bool {
	if last == nil || last.URL == nil {
		return false
	}
	host := strings.ToLower(last.URL.Hostname())
	return strings.Contains(last.URL.Path, "/_signin") || strings.HasPrefix(host, "login.") ||
		strings.HasSuffix(host, ".vssps.visualstudio.com")
}

// message is what the service says, fit for a log: one short line without secrets,
// and with nothing in it that an agent or a terminal obeys.
func (t *transport) message(start []byte) string {
	var document struct{ Message string }
	if json.Unmarshal(start, &document) != nil {
		return ""
	}
	text, _, _ := strings.Cut(strings.TrimSpace(t.hide.String(document.Message)), "\n")
	text = strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	const most = 300
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "..."
	}
	return redact.Defuse(strings.TrimRight(text, ". "))
}

func quoted(said string) string {
	if said == "" {
		return ""
	}
	return ": " + said
}

func (t *transport) host() string {
	u, _ := url.Parse(t.config.Server) // New has parsed it
	return u.Host
}

// unreachable says why there is no answer, or not all of it.
func (t *transport) unreachable(req *http.Request, err error) error {
	ctx := req.Context()
	if ctx.Err() != nil {
		return explain(ctx, err)
	}
	r := asked(ctx)
	var operation *net.OpError
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	var e *Error
	final := false
	switch text := t.clean(err); {
	case errors.As(err, &certificate):
		e = r.error(0, "the certificate of "+t.host()+" is not trusted",
			"if your organization or proxy has its own authority, configure the agent with --sslcacert")
		final = true
	case errors.As(err, &operation) && operation.Op == "proxyconnect":
		e = r.error(0, "the proxy cannot be reached", "check the agent's proxy (--proxyurl)")
	case strings.HasPrefix(text, "the proxy "): // httpx says so; its error has no type
		e = r.error(0, text, "let the agent through to "+t.host())
		if reason, _, wantsUser := strings.Cut(text, ": configure "); wantsUser {
			e = r.error(0, reason, proxyUserFix)
		}
	case errors.As(err, &name):
		e = r.error(0, "the name "+t.host()+" is not known here",
			"check the agent's name servers, or configure its proxy (--proxyurl)")
	case timedOut(err):
		e = r.error(0, "no answer from "+t.host()+" in time", networkFix)
	default:
		e = r.error(0, "no answer from "+t.host()+": "+text, networkFix)
	}
	e.err = err
	if final {
		return e
	}
	return retry.Temporary(e, 0)
}

// clean is the text of a network's error without the address that was asked for.
func (t *transport) clean(err error) string {
	var outer *url.Error
	for errors.As(err, &outer) {
		err = outer.Err
	}
	line, _, _ := strings.Cut(t.hide.String(err.Error()), "\n")
	return redact.Defuse(line)
}

func timedOut(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
