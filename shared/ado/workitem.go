package ado

import "context"

// WorkItem is a work item to be made.
type WorkItem struct {
	Type  string // "Bug", "Issue", ...: one that the project's process has
	Title string // cut to the 255 characters that fit
	HTML  string // the description, in which all that is not ours is escaped
	Tags  []string
}

// CreateWorkItem makes a work item and returns its id and its page.
func (c *Client) CreateWorkItem(ctx context.Context, w WorkItem) (id int, page string, err error) {
	return 0, "", nil
}
