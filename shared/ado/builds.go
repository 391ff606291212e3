package ado

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/microsoft/azure-devops-go-api/azuredevops/v7"
)

// Build is a run of a pipeline, which the API calls a build.
type Build struct {
	ID         int
	Number     string
	Definition int    // id of the pipeline
	Reason     string // "individualCI", "batchedCI", "manual", "pullRequest", "schedule", ...
	Status     string // "notStarted", "inProgress", "cancelling", "completed", ...
	Result     string // "succeeded", "failed", "canceled", ...; "" until completed
	Branch     string // "refs/heads/main", ...
	Version    string // the commit
	Queued     time.Time
	// RequestedFor is the display name of whoever pushed, or started it.
	RequestedFor string
}

// BuildQuery says which runs are asked for.
type BuildQuery struct {
	Definition int       // id of the pipeline
	Since      time.Time // queued then or later; zero: at any time
	Branch     string    // a full ref; empty: any
	Unfinished bool      // only those that are queued or running
}

const (
	buildsPerPage = 100
	maxBuilds     = 1000
)

// buildDocument is a run as the server writes it.
type buildDocument struct {
	ID            int
	BuildNumber   string
	Definition    struct{ ID int }
	Reason        string
	Status        string
	Result        string
	SourceBranch  string
	SourceVersion string
	QueueTime     azuredevops.Time
	RequestedFor  struct{ DisplayName string }
}

func (d *buildDocument) build() Build {
	return Build{
		ID: d.ID, Number: d.BuildNumber, Definition: d.Definition.ID, Reason: d.Reason,
		Status: d.Status, Result: d.Result,
		Branch: d.SourceBranch, Version: d.SourceVersion, Queued: d.QueueTime.Time,
		RequestedFor: d.RequestedFor.DisplayName,
	}
}

// Builds lists runs of a pipeline, the last queued first: those that wait or run count,
// too. More than 1,000 are not read: it returns the newest then.
func (c *Client) Builds(ctx context.Context, q BuildQuery) ([]Build, error) {
	query := url.Values{
		"definitions": {strconv.Itoa(q.Definition)}, "$top": {strconv.Itoa(buildsPerPage)},
		// Without this order the server takes minTime for when a run ended, and leaves
		// out those that have not.
		"queryOrder": {"queueTimeDescending"},
	}
	if !q.Since.IsZero() {
		query.Set("minTime", q.Since.UTC().Format(time.RFC3339Nano))
	}
	if q.Branch != "" {
		query.Set("branchName", q.Branch)
	}
	if q.Unfinished {
		query.Set("statusFilter", "inProgress,notStarted")
	}
	r := request{what: fmt.Sprintf("listing the runs of pipeline %d", q.Definition), permission: viewBuilds}
	var all []Build
	seen := map[int]bool{}
	for {
		page, header, err := list[buildDocument](ctx, c, call{
			request: r, method: http.MethodGet, resource: buildsID, version: "7.1-preview.7", query: query,
		})
		if err != nil {
			return nil, err
		}
		before := len(all)
		for i := range page {
			b := page[i].build()
			if seen[b.ID] || !b.Queued.IsZero() && b.Queued.Before(q.Since) {
				continue // of a server that knows no pages, or no times
			}
			seen[b.ID] = true
			all = append(all, b)
		}
		token := header.Get(azuredevops.HeaderKeyContinuationToken)
		if token == "" || len(all) == before || len(all) >= maxBuilds {
			return all[:min(len(all), maxBuilds)], nil
		}
		query.Set("continuationToken", token)
	}
}

// CancelBuild cancels a run; one that has ended stays as it is.
func (c *Client) CancelBuild(ctx context.Context, buildID int) error {
	_, err := c.do(ctx, call{
		request: request{what: fmt.Sprintf("cancelling run %d", buildID), permission: stopBuilds},
		method:  http.MethodPatch, resource: buildsID, version: "7.1-preview.7",
		route: map[string]string{"buildId": strconv.Itoa(buildID)}, body: map[string]string{"status": "cancelling"},
	}, nil)
	var e *Error
	if errors.As(err, &e) && (e.Status == http.StatusBadRequest || e.Status == http.StatusConflict) {
		if run, errRun := c.run(ctx, buildID); errRun == nil && value(run.Status) == "completed" {
			return nil // it ended meanwhile
		}
	}
	return err
}
