package database

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/retry"
)

// silence is how long a server may send nothing in the middle of an answer.
const silence = time.Minute

var errSilent = errors.New("the server stopped answering")

// body is one that does not wait for ever.
type body struct {
	io.ReadCloser
	timer *time.Timer
	limit time.Duration
	stop  context.CancelCauseFunc
	ctx   context.Context // the request's, which ends with the body
}

func (b *body) Read(p []byte) (int, error) {
	b.timer.Reset(b.limit)
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	if err != nil && !errors.Is(err, io.EOF) && errors.Is(context.Cause(b.ctx), errSilent) {
		err = errSilent
	}
	return n, err
}

func (b *body) Close() error {
	b.timer.Stop()
	err := b.ReadCloser.Close()
	b.stop(nil)
	return err
}

// stream asks once. An answer other than 200, 206 and 304 is an *httpx.StatusError. The
// body, which has to be closed, has no limit but the silence in it.
func (c Config) stream(ctx context.Context, address string, header http.Header) (*http.Response, io.ReadCloser, error) {
	ctx, stop := context.WithCancelCause(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		stop(nil)
		return nil, nil, errors.New("GET: not the address of a web server")
	}
	req.Header = header.Clone()
	req.Header.Set("Accept-Encoding", "identity") // sizes are those that are announced
	answer, err := c.HTTP.HTTP().Do(req)
	if err != nil {
		stop(nil)
		var outer *url.Error
		if errors.As(err, &outer) {
			err = outer.Err // whose text has the address, with keys in it
		}
		return nil, nil, fmt.Errorf("GET %s: %w", c.HTTP.RedactURL(req.URL), err)
	}
	timer := time.AfterFunc(c.silence, func() { stop(errSilent) })
	timer.Stop()
	b := &body{answer.Body, timer, c.silence, stop, ctx}
	switch answer.StatusCode {
	case http.StatusOK, http.StatusPartialContent, http.StatusNotModified:
		return answer, b, nil
	}
	_ = b.Close()
	return nil, nil, &httpx.StatusError{Method: http.MethodGet, URL: c.HTTP.RedactURL(req.URL),
		Status: answer.StatusCode, Header: answer.Header}
}

// download gets a whole file, again if that may help.
func (c Config) download(ctx context.Context, address string, header http.Header, to *os.File) (
	size int64, answer *http.Response, err error) {
	err = retry.Do(ctx, c.Retry, func(ctx context.Context) error {
		var err error
		size, answer, err = c.downloadOnce(ctx, address, header, to)
		return judge(ctx, err)
	})
	return size, answer, err
}

var errTooLarge = errors.New("the file is too large")

func (c Config) downloadOnce(ctx context.Context, address string, header http.Header, to *os.File) (
	int64, *http.Response, error) {
	if _, err := to.Seek(0, io.SeekStart); err != nil {
		return 0, nil, errors.Join(errDisk, err)
	}
	if err := to.Truncate(0); err != nil {
		return 0, nil, errors.Join(errDisk, err)
	}
	answer, body, err := c.stream(ctx, address, header)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = body.Close() }()
	switch {
	case answer.StatusCode == http.StatusPartialContent:
		return 0, nil, errors.New("the server sent a part of the file, which nobody asked for")
	case answer.StatusCode == http.StatusNotModified && header.Get("If-None-Match") == "":
		return 0, nil, errors.New("the server says that a file which it never sent has not changed")
	case answer.ContentLength > c.largest:
		return 0, nil, errTooLarge
	}
	size, err := io.Copy(diskWriter{to}, io.LimitReader(body, c.largest+1))
	if err == nil && size > c.largest {
		err = errTooLarge
	}
	if err != nil {
		return 0, nil, fmt.Errorf("GET %s: after %d bytes: %w", c.HTTP.RedactURL(answer.Request.URL), size, err)
	}
	return size, answer, nil
}

// errDisk is trouble on our side.
var errDisk = errors.New("writing the download")

type diskWriter struct{ f *os.File }

func (d diskWriter) Write(p []byte) (int, error) {
	n, err := d.f.Write(p)
	if err != nil {
		err = errors.Join(errDisk, err)
	}
	return n, err
}

// judge decides about trying again, as httpx does.
func judge(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil || errors.Is(err, errTooLarge) || errors.Is(err, errDisk) {
		return err
	}
	var status *httpx.StatusError
	if errors.As(err, &status) {
		if slices.Contains([]int{408, 429, 500, 502, 503, 504}, status.Status) {
			return retry.Temporary(err, httpx.RetryAfter(status.Header))
		}
		return err
	}
	return retry.Temporary(err, 0)
}
