package ado

import (
	"cmp"
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
	"time"

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
	// Permission is what the job's identity lacks, as the settings of Azure DevOps name
	// it; "" if that is not the reason.
	Permission string
	// Unclear says that it may have been done all the same.
	Unclear bool

	err error
}

// Error is one line.
func (e *Error) Error() string {
	text := e.What + ": " + e.Reason
	if e.Unclear {
		text += "; it may have been done all the same"
	}
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
	what       string     // Error.What
	permission permission // that it needs
	absent     string     // the fix when there is no such thing, if there is a better one than the usual
	stream     bool       // the answer is passed on while it comes
}

type requestKey struct{}

func asking(ctx context.Context, r request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

func asked(ctx context.Context) request {
	r, _ := ctx.Value(requestKey{}).(request)
	return r
}

// permission is a permission as the settings of Azure DevOps name it, and where it is
// given.
type permission struct{ name, where string }

const (
	inPipelines  = "Pipelines > ... > Manage security"
	inRepository = "Project settings > Repositories > (the repository) > Security"
	inLibrary    = "Pipelines > Library > Security, or in the group's own"
	inProject    = "Project settings > Permissions > Contributors > Members"
	inAreas      = "Project settings > Project configuration > Areas > ... > Security"
)

var (
	viewBuilds    = permission{"View builds", inPipelines}
	viewPipeline  = permission{"View build pipeline", inPipelines}
	editPipeline  = permission{"Edit build pipeline", inPipelines}
	stopBuilds    = permission{"Stop builds", inPipelines}
	readCode      = permission{"Read", inRepository}
	contribute    = permission{"Contribute to pull requests", inRepository}
	editWorkItems = permission{"Edit work items in this node", inAreas}
	reader        = permission{"Reader", inLibrary} // a role
	recordImages  = permission{"", inProject}       // nobody says what it is called
)

func (r request) error(status int, reason, fix string) *Error {
	return &Error{What: r.what, Status: status, Reason: reason, Fix: fix}
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
	case status == http.StatusForbidden, strings.HasPrefix(said, noAreaAccess):
		return r.denied(status, said)
	case status == http.StatusNotFound:
		return r.error(status, "Azure DevOps finds no such thing (404)"+quoted(said), cmp.Or(r.absent, absentFix))
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
	absentFix = "the job's token may not see it: check \"Limit job authorization scope to current project\" and the " +
		"build service's access to the project"
	proxyUserFix = "configure the agent with --proxyusername and --proxypassword"
	networkFix   = "run the pipeline again; if it stays so, check the agent's network, proxy (--proxyurl) and firewall"
	wayFix       = "check that the address is that of an organization or collection, and what lies between it and " +
		"the agent, such as a proxy"
)

// noAreaAccess begins what the service says when it may not save a work item; the status
// is not always 403.
const noAreaAccess = "TF237111"

// denied names the permission: the one that the server names, else the one that we
// know to be needed.
func (r request) denied(status int, said string) *Error {
	name := r.permission.name
	if r.permission == reader {
		e := r.error(status, fmt.Sprintf("the job's identity may not read it (%d)%s", status, quoted(said)),
			"give the project's build service the role "+name+": "+r.permission.where)
		e.Permission = name
		return e
	}
	if found := needsPattern.FindStringSubmatch(said); found != nil {
		name = found[1]
	}
	if name == "" {
		return r.error(status, fmt.Sprintf("the job's identity may not do it (%d)%s", status, quoted(said)),
			"let the project's build service contribute to it: "+r.permission.where)
	}
	e := r.error(status, fmt.Sprintf("the job's identity lacks the permission %q (%d)%s", name, status, quoted(said)),
		"give it to the project's build service: "+r.permission.where)
	e.Permission = name
	return e
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

func (t *transport) host() string { return t.server.Host }

// unreachable says why there is no answer, or not all of it.
func (t *transport) unreachable(req *http.Request, err error) error {
	ctx := req.Context()
	if ctx.Err() != nil {
		return unclear(req, explain(ctx, err))
	}
	r := asked(ctx)
	var operation *net.OpError
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	var e *Error
	unsent := false // it is sure that the server has not got the request
	switch text := t.clean(err); {
	case errors.As(err, &certificate):
		e = r.error(0, "the certificate of "+t.host()+" is not trusted",
			"if your organization or proxy has its own authority, configure the agent with --sslcacert")
		e.err = err
		return e
	case errors.As(err, &operation) && operation.Op == "proxyconnect":
		e = r.error(0, "the proxy cannot be reached", "check the agent's proxy (--proxyurl)")
		unsent = true
	case strings.HasPrefix(text, "the proxy "): // httpx says so; its error has no type
		e = r.error(0, text, "let the agent through to "+t.host())
		if reason, _, wantsUser := strings.Cut(text, ": configure "); wantsUser {
			e = r.error(0, reason, proxyUserFix)
		}
		unsent = true
	case errors.As(err, &name):
		e = r.error(0, "the name "+t.host()+" is not known here",
			"check the agent's name servers, or configure its proxy (--proxyurl)")
		unsent = true
	case timedOut(err):
		e = r.error(0, "no answer from "+t.host()+" in time", networkFix)
	default:
		e = r.error(0, "no answer from "+t.host()+": "+text, networkFix)
		unsent = operation != nil && operation.Op == "dial"
	}
	e.err = err
	return again(req, e, 0, unsent)
}

// again marks an error after which trying again may help, unless that could do a thing
// twice: what is made by POST is made again. Undone says that it is sure not to be done.
func again(req *http.Request, e *Error, after time.Duration, undone bool) error {
	if !undone {
		_ = unclear(req, e)
	}
	if req.Method == http.MethodPost && !undone {
		return e
	}
	return retry.Temporary(e, after)
}

// unclear says in an error about a change that it may have been made.
func unclear(req *http.Request, err error) error {
	var e *Error
	if errors.As(err, &e) && req.Method != http.MethodGet && req.Method != http.MethodOptions {
		e.Unclear = true
	}
	return err
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
