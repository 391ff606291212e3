package ado

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/retry"
)

const (
	maxDocument = 64 << 20 // the timeline of a run with 10 000 steps has about 10 MB
	maxRefusal  = 64 << 10 // of an answer that says no
)

// transport stands between the SDK and the network. It sends a request through the
// client of the agent, again if that may help, and hands the SDK only answers that
// it can read: all others become an *Error here, where their status, headers and
// body are known.
type transport struct {
	config Config
	server *url.URL
	client *http.Client
	hide   redact.Set
	skew   atomic.Int64 // see Client.Skew
}

func newTransport(c Config, server *url.URL) *transport {
	t := &transport{config: c, server: server, client: c.HTTP.HTTP()}
	t.hide.Add(c.Token.Reveal())
	return t
}

// RoundTrip makes a request of the SDK.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	var resp *http.Response
	err := retry.Do(req.Context(), t.config.Retry, func(context.Context) error {
		var err error
		resp, err = t.once(req)
		return err
	})
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// once makes one attempt.
func (t *transport) once(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	copied := req.Clone(ctx)
	// Whatever the SDK was told, it all goes to our server.
	copied.URL.Scheme, copied.URL.Host, copied.Host = t.server.Scheme, t.server.Host, t.server.Host
	if req.GetBody != nil { // the SDK sends bytes, which can be had again
		copied.Body, _ = req.GetBody()
	}
	resp, err := t.client.Do(copied)
	if err != nil {
		cancel(nil)
		return nil, t.unreachable(req, err)
	}
	silence := t.config.Silence
	timer := time.AfterFunc(silence, func() { cancel(errSilent) })
	body := &body{resp.Body, timer, silence, ctx, cancel}
	resp.Body = body
	if err := t.check(req, resp); err != nil {
		_ = body.Close()
		return nil, err
	}
	t.compareClocks(resp.Header)
	if asked(req.Context()).stream && req.Method == http.MethodGet {
		body.timer.Stop() // it is the reader's turn
		return resp, nil
	}
	defer func() { _ = body.Close() }()
	if err := t.load(req, resp); err != nil {
		return nil, err
	}
	return resp, nil
}

// compareClocks notes what time the server has.
func (t *transport) compareClocks(answer http.Header) {
	if t.config.Now == nil {
		return
	}
	if theirs, err := http.ParseTime(answer.Get("Date")); err == nil {
		t.skew.Store(int64(theirs.Sub(t.config.Now())))
	}
}

// check tells answers from everything else that comes back.
func (t *transport) check(req *http.Request, resp *http.Response) error {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	isPage := kind == "text/html"
	switch {
	case isPage || resp.StatusCode < 200 || resp.StatusCode >= 300:
	case resp.Request.Method != req.Method: // what was to be changed is not
		return asked(req.Context()).error(resp.StatusCode, "the server answers with a redirection", wayFix)
	default:
		return nil
	}
	start, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusal)) // what there is of it
	err := t.refusal(asked(req.Context()), resp, isPage, start)
	if slices.Contains([]int{408, 429, 500, 502, 503, 504}, resp.StatusCode) {
		undone := resp.StatusCode == http.StatusTooManyRequests
		return again(req, err, httpx.RetryAfter(resp.Header), undone)
	}
	return err
}

// load reads a document, as a whole and up to a limit, and makes it one that the SDK
// survives.
func (t *transport) load(req *http.Request, resp *http.Response) error {
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument+1))
	if err != nil {
		return t.unreachable(req, err)
	}
	data = bytes.TrimPrefix(data, []byte(byteOrderMark))
	r := asked(req.Context())
	switch {
	case len(data) > maxDocument:
		return r.error(resp.StatusCode, "the answer is larger than 64 MB", "report this as a bug of this extension")
	case len(bytes.TrimSpace(data)) == 0: // 204: there is none yet
		data = []byte("{}")
	case !json.Valid(data):
		return again(req, r.error(resp.StatusCode, "the answer is not the JSON that was expected", wayFix), 0, false)
	}
	if req.Method == http.MethodOptions {
		if data = complete(data); data == nil {
			return r.error(resp.StatusCode, "the server does not say where its resources are",
				"check that the address is that of an Azure DevOps organization or collection")
		}
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(data)), int64(len(data))
	return nil
}

// location is where a resource is, with all that the SDK uses without looking.
type location struct {
	ID              string `json:"id"`
	Area            string `json:"area"`
	ResourceName    string `json:"resourceName"`
	RouteTemplate   string `json:"routeTemplate"`
	ResourceVersion int    `json:"resourceVersion"`
	MinVersion      string `json:"minVersion"`
	MaxVersion      string `json:"maxVersion"`
	ReleasedVersion string `json:"releasedVersion"`
}

// The resources that are called by their ids.
const (
	buildsID       = "0cd358e1-9217-4d94-8269-1c1ee6f93dcf"
	definitionsID  = "dbeaf647-6167-421a-bda9-c9327b25e2e6"
	pullRequestsID = "9946fd70-0d40-406e-b686-b4744cbbcc37"
	workItemsID    = "62d3d110-0047-428c-ad3c-4fe872c91c74" // by type
)

// ours are the resources that are used here.
var ours = []string{
	"8baac422-4c6e-4de5-8532-db96d92acffa", // timeline
	"35a80daf-7f30-45fc-86e8-6b813d9c90df", // logs
	"f5b09dd5-9d54-45a1-8b5a-1c8287d634cc", // variable groups
	buildsID, definitionsID, pullRequestsID, workItemsID,
}

// complete leaves only those of our resources in the list that lack nothing, because
// the SDK would follow a pointer that is nil. The result is nil if there is none.
func complete(data []byte) []byte {
	var list, kept struct {
		Value []location `json:"value"`
	}
	if json.Unmarshal(data, &list) != nil {
		return nil
	}
	for _, l := range list.Value {
		l.ID = strings.ToLower(l.ID)
		if !slices.Contains(ours, l.ID) || l.RouteTemplate == "" {
			continue
		}
		if isVersion(l.MinVersion) && isVersion(l.MaxVersion) && isVersion(l.ReleasedVersion) {
			kept.Value = append(kept.Value, l)
		}
	}
	if len(kept.Value) == 0 {
		return nil
	}
	data, _ = json.Marshal(kept) // texts and numbers only
	return data
}

// isVersion reports whether text is a version as the SDK reads it, such as 7.1.
func isVersion(text string) bool {
	major, minor, ok := strings.Cut(text, ".")
	_, errMajor := strconv.ParseUint(major, 10, 16)
	_, errMinor := strconv.ParseUint(minor, 10, 16)
	return ok && errMajor == nil && errMinor == nil
}

var errSilent = errors.New("the server stopped answering")

// body passes an answer on and gives up when the server is silent for too long:
// net/http waits for ever.
type body struct {
	io.ReadCloser
	timer  *time.Timer
	limit  time.Duration
	ctx    context.Context
	cancel context.CancelCauseFunc
}

// Read starts the clock anew.
func (b *body) Read(p []byte) (int, error) {
	b.timer.Reset(b.limit)
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	if err != nil && b.ctx.Err() != nil {
		// What we ended ourselves can look like the proper end, with HTTP/2.
		err = context.Cause(b.ctx)
	}
	return n, err
}

// Close ends the request.
func (b *body) Close() error {
	b.timer.Stop()
	b.cancel(nil)
	return b.ReadCloser.Close()
}
