package ado

import "context"

// Repository is a repository of Azure Repos.
type Repository struct {
	ID, Name      string
	DefaultBranch string // "refs/heads/main", ...; "" if it is empty
	URL           string // to clone it
}

// Repository finds a repository of the project by its name or id.
func (c *Client) Repository(ctx context.Context, nameOrID string) (Repository, error) {
	return Repository{}, nil
}

// PullRequest is an active pull request of Azure Repos.
type PullRequest struct {
	ID                 int
	Title, Description string
	Source, Target     string // full refs
	Draft              bool
	Page               string // for people
}

// PullRequests lists the active pull requests of a repository from a branch, to a branch
// (full refs); an empty one stands for any.
func (c *Client) PullRequests(ctx context.Context, repository, source, target string) ([]PullRequest, error) {
	return nil, nil
}

// CreatePullRequest makes a pull request (of p's Title, Description, Source, Target and
// Draft). If there is an active one from the same branch to the same branch, that one is
// returned as it is.
func (c *Client) CreatePullRequest(ctx context.Context, repository string, p PullRequest) (PullRequest, error) {
	return PullRequest{}, nil
}

// UpdatePullRequest gives the pull request p.ID the Title and Description of p.
func (c *Client) UpdatePullRequest(ctx context.Context, repository string, p PullRequest) (PullRequest, error) {
	return PullRequest{}, nil
}
