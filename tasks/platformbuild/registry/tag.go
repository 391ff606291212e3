package registry

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/reference"
)

// Digest returns the digest that a tag has now; ok is false if there is none. Only the registry's word is asked for;
// Resolve checks it.
func (c *Client) Digest(ctx context.Context, ref reference.Reference) (digest string, ok bool, err error) {
	q := about(ref, "manifests/"+identifier(ref), "asking for the digest")
	q.method = http.MethodHead
	q.header.Set("Accept", strings.Join(manifestTypes, ", "))
	resp, err := c.do(ctx, q)
	if IsKind(err, NotFound) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	_ = resp.Body.Close() // HEAD has none
	digest = resp.Header.Get("Docker-Content-Digest")
	if reference.CheckDigest(digest) == nil && (ref.Digest == "" || ref.Digest == digest) {
		return digest, true, nil
	}
	m, err := c.manifest(ctx, ref) // some registries do not say, or say it in another way
	if IsKind(err, NotFound) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	return m.digest, true, nil
}

// Tag makes a tag stand for the image with the digest in from, of the same repository. If it does so already, nothing
// is written.
func (c *Client) Tag(ctx context.Context, from reference.Reference, tag string) error {
	if err := errors.Join(reference.CheckDigest(from.Digest), reference.CheckTag(tag)); err != nil {
		return &Error{Kind: Refused, Name: from.Name(), Doing: "tagging", Detail: c.clean(err.Error()), Err: err}
	}
	to := from
	to.Tag, to.Digest = tag, ""
	from.Tag = ""
	if digest, ok, err := c.Digest(ctx, to); err == nil && ok && digest == from.Digest {
		return nil
	}
	m, err := c.manifest(ctx, from)
	if err != nil {
		return err
	}
	return c.putManifest(ctx, to, m, "tagging")
}

// putManifest writes the very bytes of a manifest under a tag.
func (c *Client) putManifest(ctx context.Context, to reference.Reference, m *manifest, doing string) error {
	q := about(to, "manifests/"+identifier(to), doing)
	q.method, q.actions, q.body = http.MethodPut, push, m.raw
	q.header.Set("Content-Type", m.MediaType)
	q.good = []int{http.StatusCreated, http.StatusOK, http.StatusAccepted}
	resp, err := c.do(ctx, q)
	if err != nil {
		return err
	}
	_ = resp.Body.Close() // it says nothing
	got := resp.Header.Get("Docker-Content-Digest")
	if reference.CheckDigest(got) == nil && got != digestOf(m.raw) && got != m.digest {
		return q.wrong("the registry says that the tag stands for %s now, not for %s", got, m.digest)
	}
	return nil
}

// DeleteTag removes a tag and leaves the image; false if the registry cannot do that. A tag that is gone is removed.
func (c *Client) DeleteTag(ctx context.Context, ref reference.Reference) (bool, error) {
	if err := reference.CheckTag(ref.Tag); err != nil || ref.Digest != "" { // by digest, the image would go
		return false, &Error{
			Kind: Refused, Name: ref.String(), Doing: "removing a tag", Detail: "it names no tag", Err: err,
		}
	}
	q := about(ref, "manifests/"+ref.Tag, "removing the tag")
	if isAzure(ref.Registry) {
		// There, the specification's way is for whole images, and tags have one of their own.
		q.path = "/acr/v1/" + ref.Repository + "/_tags/" + ref.Tag
	}
	q.method, q.actions = http.MethodDelete, remove
	q.good = []int{http.StatusAccepted, http.StatusOK, http.StatusNoContent, http.StatusNotFound}
	resp, err := c.do(ctx, q)
	var e *Error
	switch {
	case err == nil:
		_ = resp.Body.Close() // it says nothing
		return true, nil
	case errors.As(err, &e) && (e.Kind == Unsupported || e.Status == http.StatusBadRequest):
		return false, nil
	}
	return false, err
}
