package agent

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/guardrails-ci/guardrails/shared/adotest"
)

// server stands for Azure DevOps while a job runs: its tasks can read the timeline
// and the logs of their own run, get tokens for the service connections that the job
// uses, and download its secure files. It listens on this machine only and wants the
// job's token. A nil server is one that somebody else runs, who hears nothing.
type server struct {
	url   string
	close func()
	ado   *adotest.Server
	delay time.Duration // see Timing.Queue
	job   *record

	mu    sync.Mutex
	queue []update
	logs  int // how many there are
}

// update is something that is on its way to the server.
type update struct {
	at     time.Time
	change func(*adotest.Project)
}

// buildID is the number of the only run there is (Build.BuildId).
const buildID = 1

func (j *job) serve(plan []run, token string) (*server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{url: "http://" + listener.Addr().String() + "/local/", delay: j.Timing.Queue}
	s.ado = adotest.New(adotest.Config{Organization: "local", Token: token, Project: j.project(plan), Now: j.Now})
	stage := s.add(record{id: stageGUID, kind: "Stage", name: "__default", order: 1})
	phase := s.add(record{id: phaseGUID, parent: stage.id, kind: "Phase", name: "Job", order: 1})
	s.job = s.add(record{id: localGUID, parent: phase.id, kind: "Job", name: "Job", order: 1})
	for _, r := range []*record{stage, phase, s.job} {
		r.start(j.Now())
	}
	s.deliver(time.Now().Add(time.Hour))
	web := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = web.Serve(listener) }()
	s.close = func() { _ = web.Close() }
	return s, nil
}

// project is what the server knows before the job starts.
func (j *job) project(plan []run) adotest.Project {
	definition := strings.TrimSuffix(j.result.Name, ".yml")
	p := adotest.Project{
		ID: localGUID, Name: "local", Hub: "build", Plan: localGUID, Job: localGUID,
		Definitions: []adotest.Definition{{ID: 1, Revision: 1, Name: definition}},
		Connections: map[string]string{},
	}
	given := map[string]string{}
	for _, v := range j.Variables {
		if !v.Secret {
			given[v.Name] = v.Value
		}
	}
	p.Runs = []adotest.Run{{
		ID: buildID, Number: j.Now().Format("20060102") + ".1", Definition: 1, Revision: 1, Parameters: given,
	}}
	for _, r := range plan {
		if r.task == nil {
			continue
		}
		// A job may use what its steps name, and nothing else of the project.
		for _, id := range referenced(r.task.Inputs, r.inputs, isConnection) {
			if e, ok := findEndpoint(j.Endpoints, id); ok {
				p.Connections[e.ID] = e.Name
			}
		}
	}
	for _, f := range j.SecureFiles {
		p.Files = append(p.Files, adotest.SecureFile{
			ID: f.ID, Name: f.Name, Ticket: f.Ticket, Open: func() (io.ReadCloser, error) { return openFile(f) },
		})
	}
	return p
}

func openFile(f SecureFile) (io.ReadCloser, error) {
	file, err := os.Open(f.Path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name, cause(err))
	}
	return file, nil
}

// ServeHTTP answers a request with what has arrived.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.deliver(time.Now())
	s.ado.ServeHTTP(w, r)
}

// send lets the server know of a change after a delay, as the queues of the agent do.
func (s *server) send(delay time.Duration, change func(*adotest.Project)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = append(s.queue, update{time.Now().Add(delay), change})
}

// deliver makes the changes that are due.
func (s *server) deliver(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.SortStableFunc(s.queue, func(a, b update) int { return a.at.Compare(b.at) })
	for len(s.queue) > 0 && !s.queue[0].at.After(now) {
		s.ado.Update(s.queue[0].change)
		s.queue = s.queue[1:]
	}
}
