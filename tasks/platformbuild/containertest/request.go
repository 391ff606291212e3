package containertest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
)

// Request is what a registry was asked.
type Request struct {
	// Operation is what was asked for: ping, catalog, tags, referrers, manifest.head, .get, .put, .delete;
	// blob.head, .get, .delete; upload.post, .patch, .put, .get, .delete; token and exchange of the
	// authorization; tag.delete and tag.get of ACR's own interface; other.
	Operation   string
	Method      string
	Path, Query string
	Repository  string
	User        string // whom the credentials are of; empty for nobody
	Range       string // the header
	Status      int    // of the answer; 0 if there was none
	Received    int64  // bytes of the request's body
	Sent        int64  // bytes of the answer's body
	Failed      bool   // it met a fault
}

// String is one line for messages.
func (q Request) String() string {
	path := q.Path
	if q.Query != "" {
		path += "?" + q.Query
	}
	return fmt.Sprintf("%-4s %d %s (%s, %d bytes in, %d out)",
		q.Method, q.Status, path, q.Operation, q.Received, q.Sent)
}

// classify says what a request is for.
func classify(method, path string) (operation, repository string) {
	method = strings.ToLower(method)
	switch path {
	case "/v2", "/v2/":
		return "ping", ""
	case "/v2/_catalog":
		return "catalog", ""
	case "/token", "/oauth2/token":
		return "token", ""
	case "/oauth2/exchange":
		return "exchange", ""
	}
	for _, k := range kinds {
		if m := k.path.FindStringSubmatch(path); m != nil {
			operation, wants := strings.CutSuffix(k.operation, ".")
			if wants {
				operation += "." + method
			}
			return operation, m[1]
		}
	}
	return "other", ""
}

// kinds are the paths of a repository. A dot at the end of an operation wants the method.
var kinds = []struct {
	operation string
	path      *regexp.Regexp
}{
	{"tags", regexp.MustCompile(`^/v2/(.+)/tags/list$`)},
	{"referrers", regexp.MustCompile(`^/v2/(.+)/referrers/[^/]+$`)},
	{"manifest.", regexp.MustCompile(`^/v2/(.+)/manifests/[^/]+$`)},
	{"upload.", regexp.MustCompile(`^/v2/(.+)/blobs/uploads(?:/[^/]*)?$`)},
	{"blob.", regexp.MustCompile(`^/v2/(.+)/blobs/[^/]+$`)},
	{"tag.", regexp.MustCompile(`^/acr/v1/(.+)/_tags/[^/]+$`)},
}

// counter counts a request's body.
type counter struct {
	io.ReadCloser
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.n += int64(n)
	return n, err
}

// recorder notes the answer, and ends the connection where a fault says so.
type recorder struct {
	http.ResponseWriter
	status int
	sent   int64
	left   int64 // bytes until the connection ends; negative for never
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	cut := w.left >= 0 && int64(len(p)) > w.left
	if cut {
		p = p[:w.left]
	}
	n, err := w.ResponseWriter.Write(p)
	w.sent += int64(n)
	if w.left >= 0 {
		w.left -= int64(n)
	}
	if cut {
		_ = http.NewResponseController(w.ResponseWriter).Flush() // what is left goes out before the end
		panic(http.ErrAbortHandler)
	}
	return n, err
}

// Flush lets what was written go out.
func (w *recorder) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

// serve answers a request and remembers it.
func (r *Registry) serve(w http.ResponseWriter, q *http.Request) {
	body := &counter{ReadCloser: q.Body}
	q.Body = body
	operation, repository := classify(q.Method, q.URL.Path)
	seen := Request{
		Operation: operation, Repository: repository, Method: q.Method, Path: q.URL.Path, Query: q.URL.RawQuery,
		Range: q.Header.Get("Range"),
	}
	record := &recorder{ResponseWriter: w, left: -1}
	defer func() {
		seen.Status, seen.Sent, seen.Received = record.status, record.sent, body.n
		r.lock.Lock()
		r.requests = append(r.requests, seen)
		r.lock.Unlock()
	}()
	fault := r.take(seen)
	seen.Failed = fault != nil
	if fault != nil && r.fail(fault, record, q) {
		return
	}
	user, ok := r.admit(record, q, seen)
	seen.User = user
	if ok {
		r.answer(record, q, seen)
	}
}

// answer answers a request that is allowed.
func (r *Registry) answer(w http.ResponseWriter, q *http.Request, seen Request) {
	switch {
	case seen.Operation == "token" || seen.Operation == "exchange":
		r.issue(w, q, seen)
	case strings.HasPrefix(seen.Operation, "tag."):
		r.acrTag(w, q, seen)
	case strings.HasSuffix(seen.Operation, ".delete") && r.config.NoDelete:
		refuse(w, http.StatusMethodNotAllowed, "UNSUPPORTED", "the operation is unsupported")
	case seen.Operation == "manifest.delete":
		r.deleteManifest(w, q, seen)
	case seen.Operation == "upload.post" && q.URL.Query().Get("mount") != "":
		r.mount(w, q, seen)
	default:
		r.closeRange(q)
		r.handler.ServeHTTP(w, q)
	}
}

// inside asks the registry itself, past credentials, faults and the list of requests. It returns the header of a
// good answer, and an empty one otherwise.
func (r *Registry) inside(method, path string, body io.Reader, into any) http.Header {
	answer := httptest.NewRecorder()
	q := httptest.NewRequest(method, path, body)
	r.handler.ServeHTTP(answer, q)
	if answer.Code/100 != 2 {
		return http.Header{}
	}
	if into != nil {
		if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
			return http.Header{}
		}
	}
	return answer.Header()
}

// refuse answers with an error as registries write them,
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes.
func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	type one struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Detail  any    `json:"detail"`
	}
	said := map[string][]one{"errors": {{Code: code, Message: message}}}
	_ = json.NewEncoder(w).Encode(said) // the client may be gone
}
