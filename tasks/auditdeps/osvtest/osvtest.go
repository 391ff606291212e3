// Package osvtest is OSV's bucket and API, as an http.Handler with the data of its user,
// for tests. It can fail in the ways that the real ones and what lies before them do.
//
// It checks what it gets as the real API does, and more: a request that nobody should
// send is refused, and remembered in Problems. See https://google.github.io/osv.dev/api/
// and https://google.github.io/osv.dev/data/.
package osvtest

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Server is a bucket (/npm/all.zip, ...) and an API (/v1/querybatch, ...) in one. It may
// be used by several goroutines.
type Server struct {
	// Fault says how a request fails; nil, or the zero Fault: not at all. It is set before
	// the first request.
	Fault func(*http.Request) Fault
	// PageSize is how many records an answer of the API has for a query, 0 for 1000. With
	// EmptyPages there is, before each page, one with nothing but a token.
	PageSize   int
	EmptyPages bool

	mu       sync.Mutex
	records  map[string]map[string]record // by ecosystem and id
	zips     map[string][]byte            // in the place of those that are made
	requests []string
	problems []string
}

// Fault is a way to fail.
type Fault struct {
	Status     int    // instead of 200; with a short text
	RetryAfter string // header
	Truncate   bool   // the connection breaks in the middle of the body
	Stall      bool   // there is no more after the middle, until the client goes
	Page       bool   // a login page of some proxy, with status 200
	NotChanged bool   // 304, whatever was asked for
}

type record struct {
	json     []byte
	modified time.Time
}

// New returns a Server with these OSV records, which are in the bucket under all
// ecosystems that they are about. It panics if one is no JSON with an id; see Set for
// such.
func New(records ...string) *Server {
	s := &Server{records: map[string]map[string]record{}, zips: map[string][]byte{}}
	for _, text := range records {
		r := decode([]byte(text))
		if r.ID == "" {
			panic("osvtest.New: not an OSV record: " + text)
		}
		for _, a := range r.Affected {
			ecosystem, _, _ := strings.Cut(a.Package.Ecosystem, ":")
			s.Set(ecosystem, r.ID, text)
		}
	}
	return s
}

// facts is what the server needs of a record.
type facts struct {
	ID        string    `json:"id"`
	Modified  time.Time `json:"modified"`
	Withdrawn string    `json:"withdrawn"`
	Affected  []struct {
		Package struct {
			Name      string `json:"name"`
			Ecosystem string `json:"ecosystem"`
		} `json:"package"`
	} `json:"affected"`
}

func decode(text []byte) facts {
	var r facts
	_ = json.Unmarshal(text, &r) // a record may be broken on purpose
	return r
}

// Set puts a record in the bucket, or changes it. The text may be anything.
func (s *Server) Set(ecosystem, id, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.records[ecosystem] == nil {
		s.records[ecosystem] = map[string]record{}
	}
	s.records[ecosystem][id] = record{[]byte(text), decode([]byte(text)).Modified}
}

// Remove takes a record out of the bucket.
func (s *Server) Remove(ecosystem, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.records[ecosystem], id)
}

// SetZip makes an ecosystem's all.zip something else than its records; nil makes it them
// again.
func (s *Server) SetZip(ecosystem string, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.zips[ecosystem] = data; data == nil {
		delete(s.zips, ecosystem)
	}
}

// Zip returns the all.zip of an ecosystem.
func (s *Server) Zip(ecosystem string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.zip(ecosystem)
}

func (s *Server) zip(ecosystem string) []byte {
	if data, ok := s.zips[ecosystem]; ok {
		return data
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, id := range slices.Sorted(maps.Keys(s.records[ecosystem])) {
		f, err := w.Create(id + ".json")
		if err == nil {
			_, err = f.Write(s.records[ecosystem][id].json)
		}
		if err != nil {
			panic(err) // of a buffer
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// changes is modified_id.csv: of an ecosystem, or of all for "".
func (s *Server) changes(ecosystem string) []byte {
	type line struct {
		at time.Time
		id string
	}
	var lines []line
	for name, records := range s.records {
		for id, r := range records {
			switch {
			case ecosystem == "":
				lines = append(lines, line{r.modified, name + "/" + id})
			case ecosystem == name:
				lines = append(lines, line{r.modified, id})
			}
		}
	}
	slices.SortFunc(lines, func(a, b line) int {
		return cmp.Or(b.at.Compare(a.at), cmp.Compare(a.id, b.id))
	})
	var b bytes.Buffer
	for _, l := range lines {
		fmt.Fprintf(&b, "%s,%s\n", l.at.UTC().Format(time.RFC3339Nano), l.id)
	}
	return b.Bytes()
}

// Requests returns what was asked, as "GET /npm/all.zip", in the order of arrival.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Forget empties Requests.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

// Problems returns what was wrong with requests: a test wants none.
func (s *Server) Problems() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.problems)
}
