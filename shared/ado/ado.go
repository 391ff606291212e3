// Package ado makes the few calls to Azure DevOps that tasks need: what ran in this run
// and in others, what it logged, where its variables come from; to cancel runs, to disable
// a pipeline; and to make work items and pull requests.
//
// It goes the way of the agent (proxy and certificates of the httpx.Client it is given),
// tries again what may pass and does no harm if it is done twice, bounds what it takes
// in, and passes logs on without holding them. The token goes to the server of [Config]
// and nowhere else. Its errors are one line in its own words and say what to do, which is
// to give a permission by its name in most cases: see [Error]. It takes a sign-in page
// for what it is, and not for a log.
package ado

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/microsoft/azure-devops-go-api/azuredevops/v7"
	"github.com/microsoft/azure-devops-go-api/azuredevops/v7/build"
	"github.com/microsoft/azure-devops-go-api/azuredevops/v7/taskagent"

	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/retry"
)

// Config says where the server is, and who asks.
type Config struct {
	// HTTP says how to reach servers.
	HTTP *httpx.Client
	// Server is the address of the organization or collection (System.CollectionUri).
	Server string
	// Project is the project's name or id (System.TeamProjectId).
	Project string
	// Token is the job's token.
	Token inputs.Secret
	// Retry says how often to try; the zero value means five times within about a
	// minute.
	Retry retry.Policy
	// Silence is the longest wait for more of an answer; 0 means httpx.DefaultTimeout.
	Silence time.Duration
	// Now is the clock that Skew compares the server's with; nil: there is none.
	Now func() time.Time
}

// Client talks to one project of an organization. It may be used by several
// goroutines.
type Client struct {
	server, project string
	sdk             *azuredevops.Client
	builds          *build.ClientImpl
	tasks           *taskagent.ClientImpl
	transport       *transport
}

// New returns a Client. It makes no request.
func New(c Config) (*Client, error) {
	server, err := url.Parse(c.Server)
	switch {
	case err != nil || server.Host == "" || server.Scheme != "https" && server.Scheme != "http":
		return nil, errors.New("the address of the Azure DevOps server is none: run this task in a pipeline job")
	case c.Project == "" || c.Project == "." || c.Project == "..": // they would be parts of an address
		return nil, errors.New("the project of this run is not known: run this task in a pipeline job")
	case c.Token.Reveal() == "":
		return nil, errors.New("the job's token is not known: run this task in a pipeline job")
	}
	if c.Retry.Attempts == 0 {
		c.Retry.Attempts = 5
	}
	if c.Retry.Max == 0 {
		c.Retry.Max = time.Minute
	}
	if c.Retry.Jitter == nil {
		c.Retry.Jitter = retry.HalfJitter(mathrand.Float64)
	}
	if c.Silence <= 0 {
		c.Silence = httpx.DefaultTimeout
	}
	c.Server = server.Scheme + "://" + server.Host + strings.TrimRight(server.EscapedPath(), "/")
	// The SDK's own constructors would make clients that know no proxy, change the
	// address to lower case, and share a cache without a lock. What it learns of a server
	// it keeps for good, by the address: ours is an alias that the transport knows.
	alias := "https://" + rand.Text() + ".invalid" + strings.TrimPrefix(c.Server, server.Scheme+"://"+server.Host)
	way := newTransport(c, server)
	sdk := azuredevops.NewClientWithOptions(
		azuredevops.NewPatConnection(alias, c.Token.Reveal()), alias,
		azuredevops.WithHTTPClient(&http.Client{Transport: way}))
	return &Client{
		c.Server, c.Project, sdk, &build.ClientImpl{Client: *sdk}, &taskagent.ClientImpl{Client: *sdk}, way,
	}, nil
}

// Skew is how far the server's clock is ahead of ours, by its last answer, to about a
// second; below zero if it is behind, and 0 if it has not said the time.
func (c *Client) Skew() time.Duration { return time.Duration(c.transport.skew.Load()) }

// Record is a line of a run's timeline: a stage, a job, a task.
type Record struct {
	ID, ParentID string // GUIDs, lower case
	Type         string // "Stage", "Phase", "Job", "Task", ...
	Name         string
	State        string // "pending", "inProgress", "completed"
	Result       string // "succeeded", "failed", "skipped", ...; "" until completed
	Order        int
	Attempt      int
	LogID        int // 0 if it has no log (yet)
	Started      time.Time
	Finished     time.Time
}

// Timeline returns the records of a run, none if it has not started.
func (c *Client) Timeline(ctx context.Context, buildID int) ([]Record, error) {
	ctx = asking(ctx, request{what: fmt.Sprintf("reading the timeline of run %d", buildID), permission: viewBuilds})
	timeline, err := c.builds.GetBuildTimeline(ctx, build.GetBuildTimelineArgs{Project: &c.project, BuildId: &buildID})
	if err != nil {
		return nil, explain(ctx, err)
	}
	var records []Record
	for _, r := range value(timeline.Records) {
		record := Record{
			Type: value(r.Type), Name: value(r.Name), State: string(value(r.State)), Result: string(value(r.Result)),
			Order: value(r.Order), Attempt: value(r.Attempt), LogID: value(value(r.Log).Id),
			Started: value(r.StartTime).Time, Finished: value(r.FinishTime).Time,
		}
		if r.Id != nil {
			record.ID = r.Id.String()
		}
		if r.ParentId != nil {
			record.ParentID = r.ParentId.String()
		}
		records = append(records, record)
	}
	return records, nil
}

// LogFile is a log of a run, of which Log returns the text. A step that wrote more
// than 8 MB has several, and its record names the last one only (Logging.cs and
// JobServerQueue.cs of the agent); a step that still runs may have some, too.
type LogFile struct {
	ID      int
	Lines   uint64
	Created time.Time
}

// Logs lists all logs that there are of a run at the moment.
func (c *Client) Logs(ctx context.Context, buildID int) ([]LogFile, error) {
	ctx = asking(ctx, request{what: fmt.Sprintf("listing the logs of run %d", buildID), permission: viewBuilds})
	logs, err := c.builds.GetBuildLogs(ctx, build.GetBuildLogsArgs{Project: &c.project, BuildId: &buildID})
	if err != nil {
		return nil, explain(ctx, err)
	}
	var files []LogFile
	for _, l := range value(logs) {
		files = append(files, LogFile{value(l.Id), value(l.LineCount), value(l.CreatedOn).Time})
	}
	return files, nil
}

// Log opens a log of a run. The caller closes it; a log that ends too early is an
// error of Read. The byte order mark that agents write first is left out.
func (c *Client) Log(ctx context.Context, buildID, logID int) (io.ReadCloser, error) {
	ctx = asking(ctx, request{
		what: fmt.Sprintf("reading log %d of run %d", logID, buildID), permission: viewBuilds, stream: true,
	})
	body, err := c.builds.GetBuildLog(ctx, build.GetBuildLogArgs{Project: &c.project, BuildId: &buildID, LogId: &logID})
	if err != nil {
		return nil, explain(ctx, err)
	}
	return &log{ctx: ctx, body: body}, nil
}

// log is the text of a log.
type log struct {
	ctx     context.Context
	body    io.ReadCloser
	started bool
	start   []byte // read to look for the mark, not yet passed on
	err     error
}

const byteOrderMark = "\ufeff"

// Read reads the log.
func (l *log) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if !l.started {
		l.started = true
		start := make([]byte, len(byteOrderMark))
		var n int
		n, l.err = io.ReadFull(l.body, start)
		if errors.Is(l.err, io.ErrUnexpectedEOF) && n > 0 {
			l.err = nil // the end, or what cut it, comes again
		}
		if l.start = start[:n]; string(l.start) == byteOrderMark {
			l.start = nil
		}
	}
	if len(l.start) > 0 {
		n := copy(p, l.start)
		l.start = l.start[n:]
		return n, nil
	}
	n := 0
	if l.err == nil {
		n, l.err = l.body.Read(p)
	}
	if l.err == nil || errors.Is(l.err, io.EOF) {
		return n, l.err
	}
	return n, explain(l.ctx, l.err)
}

// Close ends the request.
func (l *log) Close() error { return l.body.Close() }

// value is what p points to: the SDK has a pointer for each thing that the server
// may leave out.
func value[T any](p *T) T {
	if p == nil {
		var none T
		return none
	}
	return *p
}
