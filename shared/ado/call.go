package ado

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode"
)

// call is a call that the SDK has no form of, or one that takes in more than is needed
// and fails when any of it is odd. The SDK still finds the resource and the version.
type call struct {
	request
	method, resource string
	path             string            // instead of resource, for what the service does not list
	version          string            // that the shape of the answer is of
	route            map[string]string // besides the project
	query            url.Values
	kind             string // of body; "" means JSON
	body             any    // nil: none
}

const jsonPatch = "application/json-patch+json"

// do makes the call and reads the answer into answer; nil: it does not matter.
func (c *Client) do(ctx context.Context, call call, answer any) (http.Header, error) {
	ctx = asking(ctx, call.request)
	route := map[string]string{"project": c.project}
	for name, value := range call.route {
		route[name] = value
	}
	var body io.Reader
	kind := ""
	if call.body != nil {
		data, err := json.Marshal(call.body)
		if err != nil {
			return nil, explain(ctx, err)
		}
		body, kind = bytes.NewReader(data), "application/json"
		if call.kind != "" {
			kind = call.kind
		}
	}
	resp, err := c.send(ctx, call, route, body, kind)
	if err != nil {
		return nil, explain(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if answer != nil {
		if err := json.NewDecoder(resp.Body).Decode(answer); err != nil {
			return nil, unclear(resp.Request, explain(ctx, err))
		}
	}
	return resp.Header, nil
}

// send lets the SDK make the request.
func (c *Client) send(
	ctx context.Context, call call, route map[string]string, body io.Reader, kind string,
) (*http.Response, error) {
	const accept = "application/json"
	if call.path == "" {
		id := guid(call.resource)
		return c.sdk.Send(ctx, call.method, id, call.version, route, call.query, body, kind, accept, nil)
	}
	address := c.page("") + "/_apis/" + call.path + "?api-version=" + call.version
	req, err := c.sdk.CreateRequestMessage(ctx, call.method, address, "", body, kind, accept, nil)
	if err != nil {
		return nil, err
	}
	return c.sdk.SendRequest(req)
}

// list makes a call for a list. An answer without one is an error: to take it for an empty
// one would say that there is nothing, and nobody has said that.
func list[T any](ctx context.Context, c *Client, call call) ([]T, http.Header, error) {
	var page struct{ Value []T }
	header, err := c.do(ctx, call, &page)
	if err == nil && page.Value == nil {
		err = call.error(http.StatusOK, "there is no list in the answer", wayFix)
	}
	return page.Value, header, err
}

// guid reads one of our own constants.
func guid(text string) [16]byte {
	data, _ := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	return [16]byte(data)
}

// cut leaves out what is not fit for a document of the service, such as what its XML
// cannot hold, and ends a text that is too long with an ellipsis.
func cut(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) || r == '\ufffe' || r == '\uffff' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(strings.ReplaceAll(text, "\r\n", "\n"), "\ufffd"))
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

// middle is cut, but leaves out the middle of a text that is too long: the end are trailers,
// and what keeps pipelines from starting.
func middle(text string, most int) string {
	const gap = "\n\n…\n\n"
	runes := []rune(cut(text, len(text)+1))
	if len(runes) <= most {
		return string(runes)
	}
	head := most / 4
	tail := len(runes) - (most - head - len([]rune(gap)))
	return string(runes[:head]) + gap + string(runes[tail:])
}

// line is a text on one line.
func line(text string, most int) string { return cut(strings.Join(strings.Fields(text), " "), most) }

// page is the address of a page of the project, for people.
func (c *Client) page(project string, parts ...string) string {
	if project == "" {
		project = c.project
	}
	address := c.server + "/" + url.PathEscape(project)
	for _, part := range parts {
		address += "/" + url.PathEscape(part)
	}
	return address
}
