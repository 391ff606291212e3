package registry

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strings"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/reference"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/rootfs"
)

// maxResumes is how often a download that broke is gone on with.
const maxResumes = 3

// layer is a layer as it is stored.
type layer struct {
	client     *Client
	ref        reference.Reference
	descriptor descriptor
}

// Digest is that of the bytes that Open gives.
func (l *layer) Digest() string { return l.descriptor.Digest }

// Size is how many those are.
func (l *layer) Size() int64 { return l.descriptor.Size }

// Open returns the layer's bytes. At their end, the reader fails if they don't fit the digest; a connection that
// breaks is taken up again where it was.
func (l *layer) Open(ctx context.Context) (io.ReadCloser, error) {
	r := &download{layer: l, ctx: ctx, hash: hasher(l.descriptor.Digest)}
	if err := r.open(); err != nil {
		return nil, l.elsewhere(err)
	}
	return r, nil
}

// elsewhere explains the layers of Windows that only Microsoft may give out.
func (l *layer) elsewhere(err error) error {
	foreign := strings.Contains(l.descriptor.MediaType, ".foreign.") ||
		strings.Contains(l.descriptor.MediaType, ".nondistributable.")
	var e *Error
	if !foreign || !errors.As(err, &e) || e.Kind != NotFound {
		return err
	}
	return &Error{
		Kind: Unsupported, Name: l.ref.String(), Doing: e.Doing, Err: errors.Join(rootfs.ErrForeign, err),
		Detail: "layer " + l.descriptor.Digest + " is not kept in this registry (it may not be distributed)",
		Hint:   "push the image with its base layers (dockerd: allow-nondistributable-artifacts)",
	}
}

// download is a layer on its way.
type download struct {
	layer   *layer
	ctx     context.Context // of Open: a download may have to ask again
	body    io.ReadCloser
	hash    hash.Hash
	offset  int64
	resumes int
	err     error
}

func (r *download) query() query {
	q := about(r.layer.ref, "blobs/"+r.layer.descriptor.Digest, "reading a layer")
	if r.offset > 0 {
		q.header.Set("Range", fmt.Sprintf("bytes=%d-", r.offset))
		q.good = []int{http.StatusPartialContent, http.StatusOK}
	}
	return q
}

// open begins the download, or goes on with it.
func (r *download) open() error {
	q := r.query()
	resp, err := r.layer.client.do(r.ctx, q)
	if err != nil {
		return err
	}
	r.body = resp.Body
	switch {
	case resp.StatusCode == http.StatusPartialContent:
		if !strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", r.offset)) {
			err = q.wrong("another part of the layer was sent than asked for")
		}
	case r.offset > 0: // the registry knows no ranges
		_, err = io.CopyN(io.Discard, resp.Body, r.offset)
	case resp.ContentLength >= 0 && resp.ContentLength != r.layer.descriptor.Size:
		err = q.wrong("layer %s has %d bytes, the manifest says %d",
			r.layer.Digest(), resp.ContentLength, r.layer.Size())
	}
	if err != nil {
		_ = resp.Body.Close() // it is of no use
	}
	return err
}

func (r *download) Read(b []byte) (int, error) {
	for r.err == nil {
		n, err := r.body.Read(b)
		r.offset += int64(n)
		r.hash.Write(b[:n])
		if r.err = r.judge(err); n > 0 || r.err != nil {
			return n, r.err
		}
	}
	return 0, r.err
}

// judge turns what the connection says into what the layer's reader is told.
func (r *download) judge(err error) error {
	size := r.layer.Size()
	switch {
	case r.offset > size:
		return r.query().wrong("layer %s has more than the %d bytes that the manifest says", r.layer.Digest(), size)
	case err == nil:
		return nil
	case err == io.EOF && r.offset == size:
		if sum := hex.EncodeToString(r.hash.Sum(nil)); !strings.HasSuffix(r.layer.Digest(), ":"+sum) {
			return r.query().wrong("layer %s does not fit its digest", r.layer.Digest())
		}
		return io.EOF
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	}
	if r.ctx.Err() != nil {
		return r.layer.client.unreachable(r.ctx, r.query(), err)
	}
	_ = r.body.Close() // it is broken
	for ; r.resumes < maxResumes; r.resumes++ {
		if again := r.open(); again == nil {
			r.resumes++
			return nil
		} else if e := (*Error)(nil); errors.As(again, &e) {
			return again // tried often enough, or final
		}
	}
	return unmarked(r.layer.client.unreachable(r.ctx, r.query(), err))
}

// unmarked takes away the mark of what may pass: it has been tried.
func unmarked(err error) error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return err
}

func (r *download) Close() error {
	if r.err == nil {
		r.err = errors.New("the layer is closed")
	}
	return r.body.Close()
}
