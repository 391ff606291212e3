package main

import (
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/guardrails-ci/guardrails/shared/adotest"
	"github.com/guardrails-ci/guardrails/shared/gittest"
)

const (
	token      = "the-jobs-own-token-1234567890"
	projectID  = "4c1d0304-a209-464e-b614-7a0f593fe799"
	repoID     = "5d2e1415-b31a-4750-8725-8b1f604ff8aa"
	definition = 12
	runID      = 100
)

// organization answers what git and the task ask.
type organization struct {
	repo repository
	rest *adotest.Server
	url  string // of the organization
	web  *http.Server

	requests, bytes atomic.Int64 // answered, and how much was sent
}

// openOrganization starts it.
func openOrganization(work string) (*organization, error) {
	dir, err := filepath.Abs(filepath.Join(work, "server"))
	if err == nil {
		err = makeDirs(dir)
	}
	if err != nil {
		return nil, err
	}
	server, err := gittest.New(gittest.Config{Dir: dir, Token: token})
	if err != nil {
		return nil, err
	}
	o := &organization{rest: adotest.New(adotest.Config{Token: token, Project: adotest.Project{
		ID: projectID, Name: "Shop", Definitions: []adotest.Definition{{ID: definition, Revision: 1, Name: "deploy"}},
		Runs: []adotest.Run{{
			ID: runID, Definition: definition, Number: "20260102.4", Branch: "refs/heads/main", Queued: time.Now(),
		}},
		Repositories: map[string]string{repoID: "config"},
	}})}
	if o.repo, err = makeRepository(server, dir); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	o.url = "http://" + listener.Addr().String() + "/local/"
	o.web = &http.Server{Handler: o, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = o.web.Serve(listener) }()
	return o, nil
}

// address is that of the repository.
func (o *organization) address() string {
	return o.url + strings.TrimPrefix(repoName, "local/")
}

// ServeHTTP hands a request to whom it is for.
func (o *organization) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.requests.Add(1)
	w = &counter{w, &o.bytes}
	if strings.Contains(r.URL.Path, "/_git/") {
		o.repo.server.ServeHTTP(w, r)
		return
	}
	o.rest.ServeHTTP(w, r)
}

// counter counts what is sent.
type counter struct {
	http.ResponseWriter
	bytes *atomic.Int64
}

// Write counts.
func (c *counter) Write(p []byte) (int, error) {
	c.bytes.Add(int64(len(p)))
	return c.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (c *counter) Unwrap() http.ResponseWriter { return c.ResponseWriter }
