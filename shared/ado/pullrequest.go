package ado

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

const repositoryFix = "check its name; the job's token may not see it: name it in the pipeline's resources, and " +
	"check \"Limit job authorization scope\" and the build service's access to the repository"

func (c *Client) inRepository(r request, method, nameOrID string) (call, error) {
	if nameOrID == "" || nameOrID == "." || nameOrID == ".." { // they would be parts of an address
		return call{}, fmt.Errorf("the repository %q is none: give its name or id", nameOrID)
	}
	r.absent = repositoryFix
	return call{
		request: r, method: method, resource: pullRequestsID, version: "7.1-preview.1",
		route: map[string]string{"repositoryId": nameOrID},
	}, nil
}

// PullRequest is an active pull request of Azure Repos.
type PullRequest struct {
	ID int
	// Title and Description are cut to the 400 and 4,000 characters that fit; a description
	// in its middle, as its end is that of the message of the commit that merges it.
	Title, Description string
	Source, Target     string // full refs
	Draft              bool
	Page               string // for people
}

const (
	pullRequestsPerPage  = 100
	maxPullRequests      = 1000
	maxPullRequestTitle  = 400
	maxPullRequestDetail = 4000
)

// pullRequestDocument is a pull request as the server writes it.
type pullRequestDocument struct {
	PullRequestID                int
	Title, Description           string
	SourceRefName, TargetRefName string
	IsDraft                      bool
	ForkSource                   *struct{}
	Repository                   struct {
		Name    string
		Project struct{ Name string }
	}
}

func (c *Client) pullRequest(d *pullRequestDocument, repository string) PullRequest {
	if d.Repository.Name != "" {
		repository = d.Repository.Name
	}
	return PullRequest{
		ID: d.PullRequestID, Title: d.Title, Description: d.Description,
		Source: d.SourceRefName, Target: d.TargetRefName,
		Draft: d.IsDraft,
		Page:  c.page(d.Repository.Project.Name, "_git", repository, "pullrequest", strconv.Itoa(d.PullRequestID)),
	}
}

// PullRequests lists the active pull requests of a repository (by name or id) from a
// branch of it, to a branch (full refs); an empty one stands for any. Those from forks
// are left out.
func (c *Client) PullRequests(ctx context.Context, repository, source, target string) ([]PullRequest, error) {
	r := request{what: fmt.Sprintf("listing the pull requests of %.100q", repository), permission: readCode}
	call, err := c.inRepository(r, http.MethodGet, repository)
	if err != nil {
		return nil, err
	}
	const criteria = "searchCriteria."
	call.query = url.Values{criteria + "status": {"active"}, "$top": {strconv.Itoa(pullRequestsPerPage)}}
	if source != "" {
		call.query.Set(criteria+"sourceRefName", source)
	}
	if target != "" {
		call.query.Set(criteria+"targetRefName", target)
	}
	var all []PullRequest
	for skip := 0; skip < maxPullRequests; skip += pullRequestsPerPage {
		call.query.Set("$skip", strconv.Itoa(skip))
		page, _, err := list[pullRequestDocument](ctx, c, call)
		if err != nil {
			return nil, err
		}
		for i := range page {
			p := c.pullRequest(&page[i], repository)
			ours := page[i].ForkSource == nil // a fork may have a branch of the same name
			if ours && (source == "" || p.Source == source) && (target == "" || p.Target == target) {
				all = append(all, p)
			}
		}
		if len(page) < pullRequestsPerPage {
			break
		}
	}
	return all, nil
}

// CreatePullRequest makes a pull request (of p's Title, Description, Source, Target and
// Draft) in a repository (by name or id). If there is an active one from the same branch
// to the same branch, that one is returned as it is.
func (c *Client) CreatePullRequest(ctx context.Context, repository string, p PullRequest) (PullRequest, error) {
	r := request{what: fmt.Sprintf("creating a pull request in %.100q", repository), permission: contribute}
	call, err := c.inRepository(r, http.MethodPost, repository)
	if err != nil {
		return PullRequest{}, err
	}
	call.body = map[string]any{
		"title": line(p.Title, maxPullRequestTitle), "description": middle(p.Description, maxPullRequestDetail),
		"sourceRefName": p.Source, "targetRefName": p.Target, "isDraft": p.Draft,
	}
	var made pullRequestDocument
	_, err = c.do(ctx, call, &made)
	var e *Error
	if errors.As(err, &e) && (e.Status == http.StatusConflict || e.Unclear) && ctx.Err() == nil {
		// Somebody was faster, or it was us and the answer was lost.
		if found, errFind := c.PullRequests(ctx, repository, p.Source, p.Target); errFind == nil && len(found) > 0 {
			return found[0], nil
		}
	}
	if err != nil {
		return PullRequest{}, err
	}
	return c.pullRequest(&made, repository), nil
}

// UpdatePullRequest gives the pull request p.ID the Title and Description of p.
func (c *Client) UpdatePullRequest(ctx context.Context, repository string, p PullRequest) (PullRequest, error) {
	r := request{what: fmt.Sprintf("updating pull request %d", p.ID), permission: contribute}
	call, err := c.inRepository(r, http.MethodPatch, repository)
	if err != nil {
		return PullRequest{}, err
	}
	call.route["pullRequestId"] = strconv.Itoa(p.ID)
	call.body = map[string]string{
		"title": line(p.Title, maxPullRequestTitle), "description": middle(p.Description, maxPullRequestDetail),
	}
	var changed pullRequestDocument
	if _, err := c.do(ctx, call, &changed); err != nil {
		return PullRequest{}, err
	}
	return c.pullRequest(&changed, repository), nil
}
