package registry

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/reference"
)

// The limits of what is read into memory. A manifest of the specification's largest size has 4 MB.
const (
	maxManifest   = 4 << 20
	maxConfig     = 8 << 20
	maxProvenance = 16 << 20
	maxEntries    = 200  // of an index
	maxLayers     = 1000 // of a manifest; engines stop at 127
)

const (
	ociIndex       = "application/vnd.oci.image.index.v1+json"
	ociManifest    = "application/vnd.oci.image.manifest.v1+json"
	ociConfig      = "application/vnd.oci.image.config.v1+json"
	dockerIndex    = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerConfig   = "application/vnd.docker.container.image.v1+json"
	schema1        = "application/vnd.docker.distribution.manifest.v1+"
	inToto         = "application/vnd.in-toto+json"
)

var manifestTypes = []string{ociIndex, ociManifest, dockerIndex, dockerManifest}

// descriptor points to a manifest or a blob.
type descriptor struct {
	MediaType    string            `json:"mediaType,omitempty"`
	Digest       string            `json:"digest"`
	Size         int64             `json:"size"`
	URLs         []string          `json:"urls,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Platform     *struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
		Variant      string `json:"variant,omitempty"`
	} `json:"platform,omitempty"`
}

func (d descriptor) check() error {
	if err := reference.CheckDigest(d.Digest); err != nil {
		return err
	}
	if d.Size < 0 {
		return fmt.Errorf("the size of %s is negative", d.Digest)
	}
	return nil
}

// manifest is an index or a manifest; which of the two, its media type says.
type manifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType,omitempty"`
	ArtifactType  string            `json:"artifactType,omitempty"`
	Config        *descriptor       `json:"config,omitempty"`
	Layers        []descriptor      `json:"layers,omitempty"`
	Manifests     []descriptor      `json:"manifests,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`

	raw    []byte
	digest string
}

func (m *manifest) isIndex() bool { return m.MediaType == ociIndex || m.MediaType == dockerIndex }

// manifest reads the manifest that ref stands for; its bytes fit ref's digest if that has one.
func (c *Client) manifest(ctx context.Context, ref reference.Reference) (*manifest, error) {
	q := about(ref, "manifests/"+identifier(ref), "reading the manifest")
	q.header.Set("Accept", strings.Join(manifestTypes, ", "))
	raw, header, err := c.read(ctx, q, maxManifest)
	if err != nil {
		return nil, err
	}
	m := &manifest{raw: raw, digest: ref.Digest}
	if m.digest == "" {
		m.digest = digestOf(raw)
	}
	if !fits(raw, m.digest) {
		return nil, q.wrong("the answer does not fit the digest: what it holds is %s", digestOf(raw))
	}
	return m, m.parse(q, header)
}

// identifier is what a reference is asked for with; as everywhere, nothing means latest.
func identifier(ref reference.Reference) string {
	switch {
	case ref.Digest != "":
		return ref.Digest
	case ref.Tag != "":
		return ref.Tag
	}
	return "latest"
}

// parse reads a manifest so that nobody else can read it as something different (CVE-2021-41190).
func (m *manifest) parse(q query, h http.Header) error {
	told, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		told = ""
	}
	err = json.Unmarshal(m.raw, m)
	if strings.HasPrefix(told, schema1) || err == nil && m.SchemaVersion == 1 {
		return &Error{
			Kind: Unsupported, Name: q.name(), Doing: q.doing, Detail: "it is an image of the old form, schema 1",
			Hint: "push the image again with a current version of Docker or BuildKit",
		}
	}
	if err != nil {
		return q.wrong("the manifest cannot be read: it is no JSON of the form that is specified")
	}
	if m.MediaType == "" {
		m.MediaType = told
	}
	return m.judge(q, told)
}

// judge refuses what is no image, or more than one thing at once.
func (m *manifest) judge(q query, told string) error {
	switch {
	case !slices.Contains(manifestTypes, m.MediaType):
		return &Error{
			Kind: Unsupported, Name: q.name(), Doing: q.doing, Hint: "name an image",
			Detail: "it is neither an image nor an index of images, but " + show(m.MediaType),
		}
	case slices.Contains(manifestTypes, told) && told != m.MediaType:
		return q.wrong("the registry says that it is %s, it says of itself that it is %s", told, m.MediaType)
	case m.isIndex() && (m.Config != nil || m.Layers != nil), !m.isIndex() && m.Manifests != nil:
		return q.wrong("it is an index and a manifest at once, which everybody reads in another way")
	}
	if err := m.check(); err != nil {
		return q.wrong("%s", err)
	}
	return nil
}

func (m *manifest) check() error {
	if len(m.Manifests) > maxEntries {
		return fmt.Errorf("the index has %d entries, more than %d", len(m.Manifests), maxEntries)
	}
	if len(m.Layers) > maxLayers {
		return fmt.Errorf("the manifest has %d layers, more than %d", len(m.Layers), maxLayers)
	}
	if !m.isIndex() && m.Config == nil {
		return errors.New("the manifest has no config")
	}
	all := slices.Concat(m.Manifests, m.Layers)
	if m.Config != nil {
		all = append(all, *m.Config)
	}
	for _, d := range all {
		if err := d.check(); err != nil {
			return err
		}
	}
	return nil
}

// entry reads a manifest that an index lists.
func (c *Client) entry(ctx context.Context, ref reference.Reference, d descriptor) (*manifest, error) {
	ref.Tag, ref.Digest = "", d.Digest
	m, err := c.manifest(ctx, ref)
	if err != nil {
		return nil, err
	}
	q := about(ref, "", "reading the manifest")
	switch {
	case int64(len(m.raw)) != d.Size:
		return nil, q.wrong("it has %d bytes, the index says %d", len(m.raw), d.Size)
	case m.isIndex():
		return nil, &Error{
			Kind: Unsupported, Name: q.name(), Doing: q.doing, Hint: "make one index of the images themselves",
			Detail: "it is an index within an index, which few can read",
		}
	}
	return m, nil
}

// blob reads a small blob whole.
func (c *Client) blob(ctx context.Context, ref reference.Reference, d descriptor, what string, limit int64) (
	[]byte, error,
) {
	q := about(ref, "blobs/"+d.Digest, "reading the "+what)
	if d.Size > limit {
		return nil, q.wrong("it has %d bytes, more than %d MB", d.Size, limit>>20)
	}
	data, _, err := c.read(ctx, q, d.Size)
	if err != nil {
		return nil, err
	}
	if int64(len(data)) != d.Size || !fits(data, d.Digest) {
		return nil, q.wrong("the answer does not fit the digest %s", d.Digest)
	}
	return data, nil
}

// hasher is for a digest that has been checked.
func hasher(digest string) hash.Hash {
	if strings.HasPrefix(digest, "sha512:") {
		return sha512.New()
	}
	return sha256.New()
}

func fits(data []byte, digest string) bool {
	h := hasher(digest)
	h.Write(data)
	return strings.HasSuffix(digest, ":"+hex.EncodeToString(h.Sum(nil)))
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}
