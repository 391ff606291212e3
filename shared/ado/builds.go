package ado

import (
	"context"
	"time"
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
	Tags         []string
}

// BuildQuery says which runs are asked for.
type BuildQuery struct {
	Definition int       // id of the pipeline
	Since      time.Time // queued then or later; zero: at any time
	Branch     string    // a full ref; empty: any
	Unfinished bool      // only those that are queued or running
}

// Builds lists runs of a pipeline, the last queued first: those that wait or run count,
// too. More than 1,000 are not read: it returns the newest then.
func (c *Client) Builds(ctx context.Context, q BuildQuery) ([]Build, error) {
	return nil, nil
}

// TagBuild adds a tag (letters, digits, blanks and "._-") to a run.
func (c *Client) TagBuild(ctx context.Context, buildID int, tag string) error { return nil }

// CancelBuild cancels a run; one that has ended stays as it is.
func (c *Client) CancelBuild(ctx context.Context, buildID int) error { return nil }
