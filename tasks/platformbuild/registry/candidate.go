package registry

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/reference"
)

// CanPush asks whether an image may be pushed to the repository: it begins an upload, which
// registries forget if nobody goes on with it. To give it up would need the right to delete.
func (c *Client) CanPush(ctx context.Context, ref reference.Reference) error {
	q := about(ref, "blobs/uploads/", "asking whether it may be pushed to")
	q.method, q.actions, q.good = http.MethodPost, push, []int{http.StatusAccepted}
	resp, err := c.do(ctx, q)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// nothing is the media type of what a tag stands for that was taken from an image.
const nothing = "application/vnd.guardrails.nothing.v1"

// emptyConfig is the config of a manifest that has none (OCI image specification, "Guidance for an empty descriptor").
const emptyConfig = "application/vnd.oci.empty.v1+json"

// Empty makes a tag stand for nothing that can be run, where it cannot be deleted: whoever may push may do that.
func (c *Client) Empty(ctx context.Context, ref reference.Reference) error {
	config := []byte("{}")
	if err := c.putBlob(ctx, ref, config); err != nil {
		return err
	}
	empty := descriptor{MediaType: emptyConfig, Digest: digestOf(config), Size: int64(len(config))}
	raw, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": ociManifest, "artifactType": nothing, "config": empty,
		"layers": []descriptor{empty},
	})
	if err != nil {
		return err
	}
	m := &manifest{SchemaVersion: 2, MediaType: ociManifest, raw: raw, digest: digestOf(raw)}
	return c.putManifest(ctx, ref, m, "emptying the tag")
}
