// Package blob keeps objects in a container of Azure Blob Storage.
//
// It speaks the service's REST interface itself: five requests, where the official
// library would double the size of the task. What it promises beyond package store:
//
//   - an object is made with If-None-Match: *, a big one by a list of blocks that is
//     committed in the same way, so that of several savers one wins, and nobody sees
//     half of one's object;
//   - a saver that was cut off while it asked learns whether it was itself that made
//     the object: each Put leaves an id of its own in the object's metadata;
//   - an object is read in parallel ranges, all of the same version of it;
//   - what may pass is tried again, as package httpx does;
//   - errors never hold the SAS or the token. A refusal is an [AccessError], which
//     says in words what to change.
//
// Put needs the permissions to create and to write, List to list, Delete to delete:
// the role Storage Blob Data Contributor, or a SAS with rcwdl; for reading alone,
// Storage Blob Data Reader, or rl.
package blob

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/tasks/safecache/store"
)

const (
	partSize    = 8 << 20  // bytes of a block, and of a range
	onePut      = 16 << 20 // what is larger is put in blocks
	maxRequests = 16       // with a body, at the same time
	idHeader    = "X-Ms-Meta-Put"
)

// Container is a container that holds objects. It may be used by several
// goroutines.
type Container struct {
	base   string // URL without a slash at the end
	query  string // the SAS, "" without one
	asker  asker
	http   *httpx.Client
	slots  chan struct{} // taken while a part is on its way
	parts  int64         // partSize
	whole  int           // onePut
	page   int           // objects in one answer to List
	random func() string
}

var _ store.Store = (*Container)(nil)

// Get is Store's.
func (c *Container) Get(ctx context.Context, name string, buf []byte) ([]byte, error) {
	if err := store.CheckName(name); err != nil {
		return buf, err
	}
	full, err := c.get(ctx, name, buf)
	if isCode(err, codeCondition) { // deleted and made again while it was read
		full, err = c.get(ctx, name, buf)
	}
	if err != nil {
		return buf, c.explain("reading", name, err)
	}
	return full, nil
}

func (c *Container) get(ctx context.Context, name string, buf []byte) ([]byte, error) {
	first, err := c.getRange(ctx, name, 0, "")
	if isCode(err, "InvalidRange") { // an empty object has no first byte
		return c.getEmpty(ctx, name, buf)
	}
	if err != nil {
		return nil, err
	}
	size, err := totalSize(first.Header)
	if err != nil {
		return nil, err
	}
	have := len(buf)
	buf = slices.Grow(buf, int(size))[:have+int(size)]
	object := buf[have:]
	if want := min(size, c.parts); int64(len(first.Body)) != want {
		return nil, fmt.Errorf("the service sent %d bytes of the first %d", len(first.Body), want)
	}
	copy(object, first.Body)
	etag := first.Header.Get("Etag")
	if size > c.parts && etag == "" {
		return nil, errors.New("the service did not say which version of the object it sent")
	}
	return buf, c.each(ctx, c.parts, size, func(ctx context.Context, offset int64) error {
		part, err := c.getRange(ctx, name, offset, etag)
		if err != nil {
			return err
		}
		if want := min(size-offset, c.parts); int64(len(part.Body)) != want {
			return fmt.Errorf("the service sent %d bytes at %d, not %d", len(part.Body), offset, want)
		}
		copy(object[offset:], part.Body)
		return nil
	})
}

func (c *Container) getRange(ctx context.Context, name string, offset int64, etag string) (*httpx.Response, error) {
	header := http.Header{"Range": {fmt.Sprintf("bytes=%d-%d", offset, offset+c.parts-1)}}
	if etag != "" {
		header.Set("If-Match", etag)
	}
	answer, err := c.do(ctx, request{method: http.MethodGet, name: name, header: header})
	if err == nil && answer.Status != http.StatusPartialContent {
		return nil, fmt.Errorf("the service answered %d to a request for a part", answer.Status)
	}
	return answer, err
}

func (c *Container) getEmpty(ctx context.Context, name string, buf []byte) ([]byte, error) {
	answer, err := c.do(ctx, request{method: http.MethodGet, name: name})
	if err != nil {
		return nil, err
	}
	return append(buf, answer.Body...), nil
}

// totalSize reads the size of the object from Content-Range: bytes 0-99/12345.
func totalSize(h http.Header) (int64, error) {
	_, total, _ := strings.Cut(h.Get("Content-Range"), "/")
	size, err := strconv.ParseInt(total, 10, 64)
	switch {
	case err != nil || size <= 0:
		return 0, errors.New("the service did not say how large the object is")
	case size > store.MaxObject:
		return 0, fmt.Errorf("it has %d bytes, and %d is the most", size, int64(store.MaxObject))
	}
	return size, nil
}

// each calls do for the parts that begin between start and size, several at the same
// time, and returns the first error, which stops the others.
func (c *Container) each(ctx context.Context, start, size int64, do func(context.Context, int64) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	for offset := start; offset < size && ctx.Err() == nil; offset += c.parts {
		group.Go(func() {
			if err := do(ctx, offset); err != nil {
				cancel(err)
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}

// Put is Store's.
func (c *Container) Put(ctx context.Context, name string, data []byte) error {
	if err := store.CheckName(name); err != nil {
		return err
	}
	if len(data) > store.MaxObject {
		return fmt.Errorf("object %s has %d bytes, and %d is the most", name, len(data), store.MaxObject)
	}
	id, put := c.random(), c.putWhole
	if len(data) > c.whole {
		put = c.putBlocks
	}
	err := put(ctx, name, data, id)
	if isTaken(err) {
		err = c.whose(ctx, name, id, err)
	}
	if err != nil {
		return c.explain("writing", name, err)
	}
	return nil
}

func (c *Container) putWhole(ctx context.Context, name string, data []byte, id string) error {
	header := http.Header{"X-Ms-Blob-Type": {"BlockBlob"}, "If-None-Match": {"*"}, idHeader: {id}}
	header.Set("Content-Type", "application/octet-stream")
	_, err := c.do(ctx, request{method: http.MethodPut, name: name, header: header, body: data})
	return err
}

// putBlocks puts the parts as blocks, which nobody sees, and then makes the object
// of them in one step. Blocks that are never used vanish after a week.
func (c *Container) putBlocks(ctx context.Context, name string, data []byte, id string) error {
	size := int64(len(data))
	err := c.each(ctx, 0, size, func(ctx context.Context, offset int64) error {
		part := data[offset:min(offset+c.parts, size)]
		query := "comp=block&blockid=" + blockQuery.Replace(blockID(id, offset/c.parts))
		_, err := c.do(ctx, request{method: http.MethodPut, name: name, query: query, body: part})
		return err
	})
	if err != nil {
		return err
	}
	var list strings.Builder
	list.WriteString(`<?xml version="1.0" encoding="utf-8"?><BlockList>`)
	for offset := int64(0); offset < size; offset += c.parts {
		list.WriteString("<Uncommitted>" + blockID(id, offset/c.parts) + "</Uncommitted>")
	}
	list.WriteString("</BlockList>")
	header := http.Header{"If-None-Match": {"*"}, idHeader: {id}}
	header.Set("Content-Type", "application/xml")
	header.Set("X-Ms-Blob-Content-Type", "application/octet-stream")
	_, err = c.do(ctx, request{
		method: http.MethodPut, name: name, query: "comp=blocklist", header: header, body: []byte(list.String()),
	})
	return err
}

// blockQuery escapes base64 for a query.
var blockQuery = strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D")

// blockID is unlike that of any other saver, and as long, as the service demands.
func blockID(id string, number int64) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32([]byte(id), uint32(number)))
}

// whose is asked when a Put with this id was refused because there is an object: it
// returns nil if that Put made it, the answer to which was lost, and else fs.ErrExist.
func (c *Container) whose(ctx context.Context, name, id string, refused error) error {
	answer, err := c.do(ctx, request{method: http.MethodHead, name: name})
	switch {
	case err == nil && answer.Header.Get(idHeader) == id:
		return nil
	case ctx.Err() != nil:
		return err
	case isCode(err, codeNoBlob) && isCode(refused, codeNoBlocks):
		return refused // nobody's commit, so the service has lost them
	}
	return fs.ErrExist
}

// Delete is Store's.
func (c *Container) Delete(ctx context.Context, name string) error {
	if err := store.CheckName(name); err != nil {
		return err
	}
	header := http.Header{"X-Ms-Delete-Snapshots": {"include"}}
	_, err := c.do(ctx, request{method: http.MethodDelete, name: name, header: header})
	if err == nil || isCode(err, codeNoBlob) {
		return nil
	}
	return c.explain("deleting", name, err)
}
