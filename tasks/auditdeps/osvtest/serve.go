package osvtest

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/tasks/auditdeps/advisory"
)

const maxQueries = 1000

// ServeHTTP answers as the bucket and the API do.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests = append(s.requests, r.Method+" "+r.URL.EscapedPath())
	s.mu.Unlock()
	if s.Fault != nil {
		if f := s.Fault(r); f != (Fault{}) {
			s.fail(w, r, f)
			return
		}
	}
	s.answer(w, r)
}

// fail answers as it should not be.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, f Fault) {
	switch {
	case f.Status != 0:
		if f.RetryAfter != "" {
			w.Header().Set("Retry-After", f.RetryAfter)
		}
		http.Error(w, "this fails on purpose", f.Status)
	case f.NotChanged:
		w.WriteHeader(http.StatusNotModified)
	case f.Page:
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><title>Sign in</title><p>Please sign in.")
	default:
		half := &firstHalf{header: http.Header{}}
		s.answer(half, r)
		w.Header().Set("Content-Length", strconv.Itoa(half.body.Len()))
		w.WriteHeader(max(half.status, http.StatusOK))
		_, _ = w.Write(half.body.Bytes()[:half.body.Len()/2])
		_ = http.NewResponseController(w).Flush()
		if f.Stall {
			<-r.Context().Done()
		}
		panic(http.ErrAbortHandler)
	}
}

// firstHalf keeps an answer.
type firstHalf struct {
	header http.Header
	body   bytes.Buffer
	status int
}

func (h *firstHalf) Header() http.Header         { return h.header }
func (h *firstHalf) Write(p []byte) (int, error) { return h.body.Write(p) }
func (h *firstHalf) WriteHeader(status int)      { h.status = status }

func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path, isAPI := strings.CutPrefix(r.URL.Path, "/v1/")
	id, isRecord := strings.CutPrefix(path, "vulns/")
	switch {
	case isAPI && path == "querybatch" && r.Method == http.MethodPost:
		s.query(w, r)
	case isAPI && isRecord && r.Method == http.MethodGet:
		s.vulnerability(w, id)
	case !isAPI && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		s.object(w, r)
	default:
		s.refuse(w, http.StatusMethodNotAllowed, "%s %s", r.Method, r.URL.Path)
	}
}

// refuse answers a request that nobody should send.
func (s *Server) refuse(w http.ResponseWriter, status int, format string, a ...any) {
	text := fmt.Sprintf(format, a...)
	s.problems = append(s.problems, text)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"code": 3, "message": text})
}

// object answers for the bucket.
func (s *Server) object(w http.ResponseWriter, r *http.Request) {
	folder, name, nested := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	records, known := s.records[folder]
	var data []byte
	switch {
	case !nested && folder == "modified_id.csv":
		data = s.changes("")
	case !known:
	case name == "modified_id.csv":
		data = s.changes(folder)
	case name == "all.zip":
		data = s.zip(folder)
	default:
		data = records[strings.TrimSuffix(name, ".json")].json
	}
	if data == nil {
		http.Error(w, "<Code>NoSuchKey</Code>", http.StatusNotFound)
		return
	}
	w.Header().Set("ETag", fmt.Sprintf(`"%x"`, md5.Sum(data)))
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

func (s *Server) vulnerability(w http.ResponseWriter, id string) {
	for _, records := range s.records {
		if r, ok := records[id]; ok {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(r.json)
			return
		}
	}
	w.WriteHeader(http.StatusNotFound)
	_, _ = io.WriteString(w, `{"code":5,"message":"Bug not found."}`)
}

type query struct {
	Package struct {
		Name      string `json:"name"`
		Ecosystem string `json:"ecosystem"`
		PURL      string `json:"purl"`
	} `json:"package"`
	Version   string `json:"version"`
	Commit    string `json:"commit"`
	PageToken string `json:"page_token"`
}

type vulnerability struct {
	ID       string    `json:"id"`
	Modified time.Time `json:"modified"`
}

type result struct {
	Vulns         []vulnerability `json:"vulns,omitempty"`
	NextPageToken string          `json:"next_page_token,omitempty"`
}

func (s *Server) query(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Queries []query `json:"queries"`
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<20))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil {
		s.refuse(w, http.StatusBadRequest, "the request is not understood: %v", err)
		return
	}
	if n := len(request.Queries); n == 0 || n > maxQueries {
		s.refuse(w, http.StatusBadRequest, "too many queries, or none: %d", n)
		return
	}
	results := make([]result, len(request.Queries))
	for i, q := range request.Queries {
		err := q.check()
		if err == nil {
			results[i], err = s.page(q)
		}
		if err != nil {
			s.refuse(w, http.StatusBadRequest, "query %d: %v", i, err)
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string][]result{"results": results})
}

func (q query) check() error {
	switch p := q.Package; {
	case p.PURL != "" && (p.Name != "" || p.Ecosystem != "" || q.Version != "" && strings.Contains(p.PURL, "@")):
		return errors.New("a purl with a name or a version besides")
	case p.PURL != "" || q.Commit != "":
		return errors.New("purl and commit are not known to this server")
	case p.Name == "" || p.Ecosystem == "":
		return errors.New("no package")
	}
	return nil
}

// page answers one query, from where its token says.
func (s *Server) page(q query) (result, error) {
	from, empty := 0, s.EmptyPages
	if q.PageToken != "" {
		var of query
		text, err := base64.URLEncoding.DecodeString(q.PageToken)
		if err != nil || json.Unmarshal(text, &of) != nil || of.Package != q.Package || of.Version != q.Version {
			return result{}, fmt.Errorf("page token %q is not of this query", q.PageToken)
		}
		if from, err = strconv.Atoi(strings.TrimSuffix(of.PageToken, "+")); err != nil || from < 0 {
			return result{}, fmt.Errorf("page token %q is none", q.PageToken)
		}
		empty = empty && !strings.HasSuffix(of.PageToken, "+")
	}
	token := func(at string) string {
		of := q
		of.PageToken = at
		text, _ := json.Marshal(of) // of plain fields
		return base64.URLEncoding.EncodeToString(text)
	}
	all := s.affecting(q)
	if empty && len(all) > 0 {
		return result{NextPageToken: token(strconv.Itoa(from) + "+")}, nil
	}
	size := s.PageSize
	if size <= 0 {
		size = maxQueries
	}
	found := result{Vulns: all[min(from, len(all)):min(from+size, len(all))]}
	if from+size < len(all) {
		found.NextPageToken = token(strconv.Itoa(from + size))
	}
	return found, nil
}

// affecting returns the records for a package's version, by id.
func (s *Server) affecting(q query) []vulnerability {
	var found []vulnerability
	name := advisory.Normalize(q.Package.Ecosystem, q.Package.Name)
	for id, r := range s.records[q.Package.Ecosystem] {
		if affects(r.json, q.Package.Ecosystem, name, q.Version) {
			found = append(found, vulnerability{id, r.modified})
		}
	}
	slices.SortFunc(found, func(a, b vulnerability) int { return strings.Compare(a.ID, b.ID) })
	return found
}

// affects judges a version. A record that we cannot judge by may be one that the real
// server can, and so it affects all versions.
func affects(text []byte, ecosystem, name, version string) bool {
	f := decode(text)
	if f.Withdrawn != "" {
		return false
	}
	list, err := advisory.Parse(text)
	for _, a := range list {
		if a.Ecosystem == ecosystem && a.Package == name {
			hit, err := a.Apply(version)
			return version == "" || err != nil || hit != nil
		}
	}
	if err == nil {
		return false
	}
	for _, a := range f.Affected {
		if a.Package.Ecosystem == ecosystem && advisory.Normalize(ecosystem, a.Package.Name) == name {
			return true
		}
	}
	return false
}
