package ado

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// WorkItem is a work item to be made.
type WorkItem struct {
	Type  string // "Bug", "Issue", ...: one that the project's process has
	Title string // cut to the 255 characters that fit
	HTML  string // the description, in which all that is not ours is escaped
	Tags  []string
}

const (
	maxItemTitle = 255
	maxItemHTML  = 100_000
)

// itemTypePattern is what a type may be called. Its length is looked at apart: a count of
// classes that large takes milliseconds at every start.
var itemTypePattern = regexp.MustCompile(`^[\pL\pN_][\pL\pN _-]*$`)

const maxItemType = 128 // bytes

// operation is a line of a JSON patch.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value string `json:"value"`
}

// CreateWorkItem makes a work item and returns its id and its page.
func (c *Client) CreateWorkItem(ctx context.Context, w WorkItem) (id int, page string, err error) {
	if len(w.Type) > maxItemType || !itemTypePattern.MatchString(w.Type) {
		return 0, "", fmt.Errorf(
			"the work item type %.60q is none: use one of the project's process, such as Bug or Issue", w.Type)
	}
	description := []string{"System.Description"}
	if strings.EqualFold(w.Type, "Bug") {
		// The page of a bug does not show its description.
		description = append(description, "Microsoft.VSTS.TCM.ReproSteps")
	}
	id, err = c.createWorkItem(ctx, w, description)
	var e *Error
	if errors.As(err, &e) && e.Status == http.StatusBadRequest && len(description) > 1 {
		id, err = c.createWorkItem(ctx, w, description[:1]) // a process may have bugs without them
	}
	if err != nil {
		return 0, "", err
	}
	return id, c.page("", "_workitems", "edit", strconv.Itoa(id)), nil
}

func (c *Client) createWorkItem(ctx context.Context, w WorkItem, description []string) (int, error) {
	var patch []operation
	add := func(field, text string) {
		if text != "" {
			patch = append(patch, operation{"add", "/fields/" + field, text})
		}
	}
	add("System.Title", line(w.Title, maxItemTitle))
	for _, field := range description {
		add(field, cut(w.HTML, maxItemHTML))
	}
	var tags []string
	for _, tag := range w.Tags {
		tags = append(tags, line(strings.NewReplacer(";", " ", ",", " ").Replace(tag), 100))
	}
	add("System.Tags", strings.Join(tags, "; "))
	r := request{
		what: fmt.Sprintf("creating a work item of the type %q", w.Type), permission: editWorkItems,
		absent: "use a work item type that the project's process has, such as Bug, Issue or Task",
	}
	var made struct{ ID int }
	_, err := c.do(ctx, call{
		request: r, method: http.MethodPost, resource: workItemsID, version: "7.1-preview.3",
		// The SDK does not escape a part that has something before it, as "$" is here.
		route: map[string]string{"type": url.PathEscape(w.Type)}, kind: jsonPatch, body: patch,
	}, &made)
	return made.ID, err
}
