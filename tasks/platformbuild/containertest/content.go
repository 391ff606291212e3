package containertest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// blobs keeps contents by repository, as registries do: what one has is not in the other.
type blobs struct {
	lock sync.RWMutex
	data map[string][]byte
}

func newBlobs() *blobs { return &blobs{data: map[string][]byte{}} }

// blobKey knows that the library calls a repository that is uploaded to <name>/blobs.
func blobKey(repository string, h v1.Hash) string {
	return strings.TrimSuffix(repository, "/blobs") + "@" + h.String()
}

func (b *blobs) get(repository string, h v1.Hash) ([]byte, error) {
	b.lock.RLock()
	defer b.lock.RUnlock()
	data, ok := b.data[blobKey(repository, h)]
	if !ok {
		return nil, registry.ErrNotFound
	}
	return data, nil
}

// Stat is of registry.BlobStatHandler.
func (b *blobs) Stat(_ context.Context, repository string, h v1.Hash) (int64, error) {
	data, err := b.get(repository, h)
	return int64(len(data)), err
}

// Get is of registry.BlobHandler.
func (b *blobs) Get(_ context.Context, repository string, h v1.Hash) (io.ReadCloser, error) {
	data, err := b.get(repository, h)
	return readerAt{bytes.NewReader(data)}, err
}

// readerAt lets parts of a content be read.
type readerAt struct{ *bytes.Reader }

// Close is of io.Closer.
func (readerAt) Close() error { return nil }

// Put is of registry.BlobPutHandler.
func (b *blobs) Put(_ context.Context, repository string, h v1.Hash, content io.ReadCloser) error {
	data, err := io.ReadAll(content) // it checks the digest
	if err != nil {
		return err
	}
	b.lock.Lock()
	defer b.lock.Unlock()
	b.data[blobKey(repository, h)] = data
	return nil
}

// Delete is of registry.BlobDeleteHandler.
func (b *blobs) Delete(_ context.Context, repository string, h v1.Hash) error {
	b.lock.Lock()
	defer b.lock.Unlock()
	delete(b.data, blobKey(repository, h))
	return nil
}

// mount takes a content from another repository,
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#mounting-a-blob-from-another-repository.
func (r *Registry) mount(w http.ResponseWriter, q *http.Request, seen Request) {
	digest, from := q.URL.Query().Get("mount"), q.URL.Query().Get("from")
	h, err := v1.NewHash(digest)
	if err == nil {
		if data, err := r.blobs.get(from, h); err == nil {
			_ = r.blobs.Put(q.Context(), seen.Repository, h, readerAt{bytes.NewReader(data)}) // memory does not fail
			w.Header().Set("Location", "/v2/"+seen.Repository+"/blobs/"+digest)
			w.Header().Set("Docker-Content-Digest", digest)
			w.WriteHeader(http.StatusCreated)
			return
		}
	}
	q.URL.RawQuery = "" // an upload begins
	r.handler.ServeHTTP(w, q)
}

// closeRange completes a range without an end, which the library does not know.
func (r *Registry) closeRange(q *http.Request) {
	start, open := strings.CutSuffix(q.Header.Get("Range"), "-")
	_, repository := classify(q.Method, q.URL.Path)
	h, err := v1.NewHash(q.URL.Path[strings.LastIndex(q.URL.Path, "/")+1:])
	if !open || err != nil {
		return
	}
	if data, err := r.blobs.get(repository, h); err == nil {
		q.Header.Set("Range", fmt.Sprintf("%s-%d", start, len(data)-1))
	}
}

// deleteManifest deletes a tag, or by digest a manifest and all tags of it,
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#content-management.
func (r *Registry) deleteManifest(w http.ResponseWriter, q *http.Request, seen Request) {
	reference := q.URL.Path[strings.LastIndex(q.URL.Path, "/")+1:]
	if !strings.Contains(reference, ":") {
		if r.config.NoDeleteTag {
			refuse(w, http.StatusMethodNotAllowed, "UNSUPPORTED", "the operation is unsupported")
			return
		}
	} else if r.Digest(seen.Repository, reference) != "" {
		for _, tag := range r.Tags(seen.Repository) {
			if r.Digest(seen.Repository, tag) == reference {
				r.inside(http.MethodDelete, "/v2/"+seen.Repository+"/manifests/"+tag, nil, nil)
			}
		}
	}
	r.handler.ServeHTTP(w, q)
}

// acrTag is ACR's own interface to tags, https://learn.microsoft.com/rest/api/containerregistry/tag.
func (r *Registry) acrTag(w http.ResponseWriter, q *http.Request, seen Request) {
	tag := q.URL.Path[strings.LastIndex(q.URL.Path, "/")+1:]
	digest := r.Digest(seen.Repository, tag)
	switch {
	case r.config.ACR == nil:
		http.NotFound(w, q)
	case digest == "" || strings.Contains(tag, ":"):
		refuse(w, http.StatusNotFound, "TAG_UNKNOWN", "the specified tag does not exist")
	case q.Method == http.MethodGet:
		give(w, map[string]any{"registry": r.Host(), "imageName": seen.Repository, "tag": map[string]any{
			"name": tag, "digest": digest,
		}})
	case q.Method == http.MethodDelete && !r.config.NoDelete:
		r.inside(http.MethodDelete, "/v2/"+seen.Repository+"/manifests/"+tag, nil, nil)
		w.WriteHeader(http.StatusAccepted)
	default:
		refuse(w, http.StatusMethodNotAllowed, "UNSUPPORTED", "the operation is unsupported")
	}
}
