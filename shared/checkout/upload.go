package checkout

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/retry"
)

// Server is where the contents of large files go: beside the repository, by the protocol
// of Git LFS (github.com/git-lfs/git-lfs, docs/api). Git LFS itself is not needed: it would
// want the token in a place of its own, and not every agent has it.
type Server struct {
	HTTP          *httpx.Client
	URL           string // the repository
	Authorization inputs.Secret
	Ref           string // the branch, whole
	// Store is Changes.Store.
	Store string
	Retry retry.Policy
}

// maxBatch is how many files one request names; servers take at least that many.
const maxBatch = 100

// Upload brings the contents of those of files that have some in Git LFS to the server,
// and returns how many it did not have yet. It comes before the pointers are pushed:
// nobody may find a pointer to what is not there. The token is shown to the host of the
// repository alone.
func Upload(ctx context.Context, s Server, files []File) (int, error) {
	var large []object
	seen := map[string]bool{}
	for _, f := range files {
		oid, size, ok := parsePointer(f.Data)
		if ok && f.Large != "" && !seen[oid] {
			seen[oid] = true
			large = append(large, object{Oid: oid, Size: size, path: f.Path, file: f.Large})
		}
	}
	if len(large) == 0 {
		return 0, nil
	}
	store, err := s.store()
	if err != nil {
		return 0, err
	}
	sent := 0
	for part := range slices.Chunk(large, maxBatch) {
		n, err := s.batch(ctx, store, part)
		sent += n
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// Content opens what Upload would bring to the server of a file with Large. Reading it ends
// with an error if it is not what the pointer names.
func (f File) Content() (io.ReadCloser, error) {
	oid, size, ok := parsePointer(f.Data)
	if !ok || f.Large == "" {
		return nil, fmt.Errorf("reading %s: it has no content in Git LFS", show(f.Path))
	}
	file, err := os.Open(f.Large)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", show(f.Path), err)
	}
	return &content{file: file, oid: oid, left: size, sum: sha256.New()}, nil
}

// content is a file that must have a certain content.
type content struct {
	file *os.File
	oid  string
	left int64
	sum  hash.Hash
}

func (c *content) Read(p []byte) (int, error) {
	n, err := c.file.Read(p)
	c.sum.Write(p[:n])
	c.left -= int64(n)
	if c.left < 0 || errors.Is(err, io.EOF) && hex.EncodeToString(c.sum.Sum(nil)) != c.oid {
		return n, errRestless
	}
	return n, err
}

func (c *content) Close() error { return c.file.Close() }

// object is a large file.
type object struct {
	Oid  string `json:"oid"`
	Size int64  `json:"size"`
	path string
	file string
}

// store is the address of the protocol: a server is asked where git-lfs would ask it.
func (s Server) store() (*url.URL, error) {
	remote, err := url.Parse(s.URL)
	if err != nil {
		return nil, errors.New("uploading large files: the repository has no address that can be read")
	}
	if s.Store == "" {
		own := *remote
		own.Path = strings.TrimSuffix(strings.TrimSuffix(own.Path, "/"), ".git") + ".git/info/lfs"
		own.RawPath = ""
		return &own, nil
	}
	other, err := url.Parse(s.Store)
	if err != nil || !below(other, remote) {
		return nil, fmt.Errorf("the large files of this repository are kept elsewhere (%.100q), for which there are "+
			"no credentials here; push them in an earlier step (git lfs push), or leave them out", withoutUser(s.Store))
	}
	other.User = nil
	return other, nil
}

// below reports whether an address is one of the repository's own: who may change a file
// of it (.lfsconfig) may not send its token to somebody else on the same host.
func below(other, remote *url.URL) bool {
	own := strings.TrimSuffix(strings.TrimSuffix(remote.Path, "/"), ".git")
	rest, inside := strings.CutPrefix(other.Path, own)
	return inside && other.Scheme == remote.Scheme && strings.EqualFold(other.Host, remote.Host) &&
		(rest == "" || strings.HasPrefix(rest, "/") || strings.HasPrefix(rest, ".git/")) &&
		!strings.Contains(other.Path, `\`) && !slices.ContainsFunc(strings.Split(other.Path, "/"),
		func(part string) bool { return part == "." || part == ".." })
}

// answer is what a server says of objects.
type answer struct {
	Objects []struct {
		Oid     string            `json:"oid"`
		Actions map[string]action `json:"actions"`
		Error   *struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	} `json:"objects"`
	Transfer string `json:"transfer"`
}

// action is a request that the server wants.
type action struct {
	Href   string            `json:"href"`
	Header map[string]string `json:"header"`
}

const mediaType = "application/vnd.git-lfs+json"

func (s Server) batch(ctx context.Context, store *url.URL, objects []object) (int, error) {
	var got answer
	err := s.post(ctx, action{Href: store.JoinPath("objects", "batch").String()}, map[string]any{
		"operation": "upload", "transfers": []string{"basic"}, "hash_algo": "sha256", "objects": objects,
		"ref": map[string]string{"name": s.Ref},
	}, &got)
	var status *httpx.StatusError
	if errors.As(err, &status) && status.Status == http.StatusNotFound {
		return 0, fmt.Errorf("the server takes no large files here, or not with these credentials: %w", err)
	}
	if err != nil {
		return 0, fmt.Errorf("asking the server about large files: %w", err)
	}
	if got.Transfer != "" && got.Transfer != "basic" {
		return 0, fmt.Errorf("the server takes large files by %.40q alone, which is not supported; "+
			"push them in an earlier step (git lfs push)", got.Transfer)
	}
	sent := 0
	for _, o := range objects {
		done, err := s.object(ctx, o, got)
		if err != nil {
			return sent, fmt.Errorf("uploading %s: %w", show(o.path), err)
		}
		if done {
			sent++
		}
	}
	return sent, nil
}

// object uploads one file if the server asks for it.
func (s Server) object(ctx context.Context, o object, got answer) (bool, error) {
	for _, said := range got.Objects {
		if said.Oid != o.Oid {
			continue
		}
		if said.Error != nil {
			return false, fmt.Errorf("the server refuses it: %d %.100q", said.Error.Code, said.Error.Message)
		}
		upload, wanted := said.Actions["upload"]
		if !wanted {
			return false, nil // it is there
		}
		if err := s.put(ctx, upload, o); err != nil {
			return false, err
		}
		if verify, asked := said.Actions["verify"]; asked {
			return true, s.post(ctx, verify, o, nil)
		}
		return true, nil
	}
	return false, errors.New("the server has not answered about it")
}

// header is that of a request. The token goes to the repository's host alone, and only
// where the server has given no other: storage elsewhere has its own.
func (s Server) header(a action) (http.Header, error) {
	u, err := url.Parse(a.Href)
	remote, remoteErr := url.Parse(s.URL)
	if err != nil || remoteErr != nil || u.Host == "" {
		return nil, errors.New("the server has named no address for it")
	}
	own := u.Scheme == remote.Scheme && strings.EqualFold(u.Host, remote.Host)
	if !own && u.Scheme != "https" {
		return nil, errors.New("the server wants it sent to an unprotected address, which is refused")
	}
	header := http.Header{}
	for name, value := range a.Header {
		header.Set(name, value)
	}
	if own && header.Get("Authorization") == "" && !s.Authorization.IsZero() {
		header.Set("Authorization", s.Authorization.Reveal())
	}
	return header, nil
}

// post sends JSON, and reads it into v, which may be nil.
func (s Server) post(ctx context.Context, a action, body, v any) error {
	header, err := s.header(a)
	if err != nil {
		return err
	}
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	header.Set("Accept", mediaType)
	header.Set("Content-Type", mediaType)
	got, err := s.HTTP.Do(ctx, httpx.Request{
		Method: http.MethodPost, URL: a.Href, Header: header, Body: data, Idempotent: true,
	})
	if err != nil || v == nil {
		return err
	}
	if err := json.Unmarshal(got.Body, v); err != nil {
		return errors.New("the answer is not the expected JSON; are the credentials accepted there")
	}
	return nil
}

// put sends a file, again if that may help.
func (s Server) put(ctx context.Context, a action, o object) error {
	header, err := s.header(a)
	if err != nil {
		return err
	}
	if header.Get("Content-Type") == "" {
		header.Set("Content-Type", "application/octet-stream")
	}
	return retry.Do(ctx, s.Retry, func(ctx context.Context) error { return s.putOnce(ctx, a, o, header) })
}

func (s Server) putOnce(ctx context.Context, a action, o object, header http.Header) error {
	f, err := os.Open(o.file)
	if err != nil {
		return err
	}
	defer f.Close()
	// Some servers keep whatever they get under the name that was agreed on.
	if _, oid, err := digest(o.file, o.Size); err != nil || oid != o.Oid {
		return errors.Join(errRestless, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, a.Href, io.LimitReader(f, o.Size))
	if err != nil {
		return errors.New("the server has named no address for it")
	}
	req.Header, req.ContentLength = header, o.Size
	if o.Size == 0 {
		req.Body = http.NoBody
	}
	resp, err := s.HTTP.HTTP().Do(req)
	if err != nil {
		var outer *url.Error // whose text has the whole address in it
		for errors.As(err, &outer) {
			err = outer.Err
		}
		if ctx.Err() != nil {
			return err
		}
		return retry.Temporary(fmt.Errorf("sending it to %s: %w", s.HTTP.RedactURL(req.URL), err), 0)
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if resp.StatusCode >= 200 && resp.StatusCode <= 299 {
		return nil
	}
	said, _, _ = bytes.Cut(bytes.TrimSpace(said), []byte("\n"))
	err = fmt.Errorf("sending it to %s: %d %.100q", s.HTTP.RedactURL(req.URL), resp.StatusCode, said)
	if slices.Contains([]int{408, 429, 500, 502, 503, 504}, resp.StatusCode) {
		return retry.Temporary(err, httpx.RetryAfter(resp.Header))
	}
	return err
}
