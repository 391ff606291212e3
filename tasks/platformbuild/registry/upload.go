package registry

import (
	"context"
	"net/http"
	"net/url"

	"github.com/guardrails-ci/guardrails/shared/retry"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/reference"
)

// putBlob stores a small blob, if it is not there yet.
func (c *Client) putBlob(ctx context.Context, ref reference.Reference, data []byte) error {
	digest := digestOf(data)
	q := about(ref, "blobs/"+digest, "writing a blob")
	q.method = http.MethodHead
	if resp, err := c.do(ctx, q); err == nil {
		return resp.Body.Close()
	} else if !IsKind(err, NotFound) {
		return err
	}
	return retry.Do(ctx, c.retry, func(ctx context.Context) error {
		q := about(ref, "blobs/uploads/", "writing a blob")
		q.method, q.actions, q.good = http.MethodPost, push, []int{http.StatusAccepted}
		resp, err := c.once(ctx, q)
		if err != nil {
			return err
		}
		_ = resp.Body.Close() // what matters is in the header
		if q.address, err = c.uploadAddress(q, resp, digest); err != nil {
			return err
		}
		q.method, q.body = http.MethodPut, data
		q.good = []int{http.StatusCreated, http.StatusNoContent, http.StatusOK}
		q.header.Set("Content-Type", "application/octet-stream")
		if resp, err = c.once(ctx, q); err != nil {
			return err
		}
		return resp.Body.Close()
	})
}

// uploadAddress is where an upload goes on.
func (c *Client) uploadAddress(q query, resp *http.Response, digest string) (string, error) {
	target, err := resp.Location()
	if err != nil || target.Host == "" || target.User != nil {
		return "", q.wrong("it does not say where the upload goes on")
	}
	switch own := target.Host == apiHost(q.host); {
	case own:
		target.Scheme = c.scheme(q.host) // a registry behind a proxy may not know its own
	case target.Scheme != "https" || isInside(target.Host) && !isInside(q.host):
		return "", q.wrong("the upload would go on at %s, which is refused", c.clean(target.Host))
	}
	values, err := url.ParseQuery(target.RawQuery)
	if err != nil {
		return "", q.wrong("it does not say where the upload goes on")
	}
	values.Set("digest", digest)
	target.RawQuery = values.Encode()
	return target.String(), nil
}
