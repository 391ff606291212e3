package ado

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Definition is a pipeline.
type Definition struct {
	ID, Revision int
	Name         string
	QueueStatus  string // "enabled", "paused", "disabled"
}

// Definition reads a pipeline.
func (c *Client) Definition(ctx context.Context, id int) (Definition, error) {
	d, _, err := c.definition(ctx, id)
	return d, err
}

const enabled, disabled = "enabled", "disabled"

// DisableDefinition makes a pipeline queue nothing, and returns whether it did before.
func (c *Client) DisableDefinition(ctx context.Context, id int) (changed bool, err error) {
	return c.setQueueStatus(ctx, id, disabled)
}

// EnableDefinition undoes DisableDefinition, and returns whether there was need.
func (c *Client) EnableDefinition(ctx context.Context, id int) (changed bool, err error) {
	return c.setQueueStatus(ctx, id, enabled)
}

// document is a pipeline with all that the server has of it: what is sent back must not
// lack what we do not know, nor have another form.
type document map[string]json.RawMessage

func (c *Client) definition(ctx context.Context, id int) (Definition, document, error) {
	r := request{what: fmt.Sprintf("reading pipeline %d", id), permission: viewPipeline}
	var raw document
	_, err := c.do(ctx, call{
		request: r, method: http.MethodGet, resource: definitionsID, version: "7.1-preview.7",
		route: map[string]string{"definitionId": strconv.Itoa(id)},
	}, &raw)
	if err != nil {
		return Definition{}, nil, err
	}
	d, ok := raw.definition()
	if !ok || d.ID != id {
		return Definition{}, nil, r.error(http.StatusOK, "the answer is not what Azure DevOps would say", wayFix)
	}
	return d, raw, nil
}

func (d document) definition() (def Definition, ok bool) {
	def.QueueStatus = enabled // which some servers leave out
	for name, field := range map[string]any{
		"id": &def.ID, "revision": &def.Revision, "name": &def.Name, "queueStatus": &def.QueueStatus,
	} {
		if text := d[name]; text != nil && json.Unmarshal(text, field) != nil {
			return def, false
		}
	}
	return def, true
}

// setQueueStatus changes nothing else of a pipeline. The server wants the whole of it
// back, and only if nobody has changed it since it was read.
func (c *Client) setQueueStatus(ctx context.Context, id int, status string) (changed bool, err error) {
	d, raw, err := c.definition(ctx, id)
	for attempt := 1; err == nil; attempt++ {
		if strings.EqualFold(d.QueueStatus, status) {
			return attempt > 1, nil // if not by us, then by somebody at the same time
		}
		raw["queueStatus"], _ = json.Marshal(status)
		problem := c.putDefinition(ctx, id, raw, status)
		if problem == nil {
			return true, nil
		}
		before := d.Revision
		var e *Error
		if !errors.As(problem, &e) || !slices.Contains(conflicts, e.Status) || attempt == maxAttempts {
			return false, problem
		}
		if d, raw, err = c.definition(ctx, id); err == nil && d.Revision == before {
			return false, problem // it was not for the revision
		}
	}
	return false, err
}

// conflicts are the answers to a revision that is not the latest one. 404 is one of them:
// MicrosoftDocs/vsts-rest-api-specs#356.
var conflicts = []int{http.StatusConflict, http.StatusBadRequest, http.StatusNotFound, http.StatusPreconditionFailed}

const maxAttempts = 5

func (c *Client) putDefinition(ctx context.Context, id int, raw document, status string) error {
	verb := map[string]string{enabled: "enabling", disabled: "disabling"}[status]
	r := request{what: fmt.Sprintf("%s pipeline %d", verb, id), permission: editPipeline}
	var answer document
	_, err := c.do(ctx, call{
		request: r, method: http.MethodPut, resource: definitionsID, version: "7.1-preview.7",
		route: map[string]string{"definitionId": strconv.Itoa(id)}, body: raw,
	}, &answer)
	if err != nil {
		return err
	}
	if d, ok := answer.definition(); !ok || !strings.EqualFold(d.QueueStatus, status) {
		return r.error(http.StatusOK, "Azure DevOps says that it is done, but it is not", "do it by hand: Pipelines > "+
			"(the pipeline) > Edit > ... > Settings")
	}
	return nil
}
