package agent

import (
	"slices"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/adotest"
)

// Ids of the records above the job's.
const (
	stageGUID = "00000000-0000-0000-0000-000000000002"
	phaseGUID = "00000000-0000-0000-0000-000000000003"
)

// record is a line of the run's timeline with its log (ExecutionContext.cs). All
// methods do nothing with a nil one.
type record struct {
	id, parent, kind, name string
	order                  int
	server                 *server
	log                    pages
}

// add puts a record into the timeline, as one that has not started.
func (s *server) add(r record) *record {
	r.server = s
	r.log.full = r.upload
	s.send(0, func(p *adotest.Project) {
		p.Runs[0].Records = append(p.Runs[0].Records, adotest.Record{
			ID: r.id, ParentID: r.parent, Type: r.kind, Name: r.name, Order: r.order, State: "pending",
		})
	})
	return &r
}

// addTask puts a record for a stage of a step, or for what the agent itself does,
// under the job.
func (s *server) addTask(id, name string, order int) *record {
	if s == nil {
		return nil
	}
	return s.add(record{id: id, parent: s.job.id, kind: "Task", name: name, order: order})
}

// update changes the record on the server, after a delay.
func (r *record) update(delay time.Duration, change func(*adotest.Record)) {
	r.server.send(delay, func(p *adotest.Project) {
		all := p.Runs[0].Records
		if i := slices.IndexFunc(all, func(other adotest.Record) bool { return other.ID == r.id }); i >= 0 {
			change(&all[i])
		}
	})
}

func (r *record) start(at time.Time) {
	if r == nil {
		return
	}
	r.update(r.server.delay, func(a *adotest.Record) { a.State, a.Started = "inProgress", at })
}

// complete ends the record. Its state is known to the server before its log is.
func (r *record) complete(at time.Time, result Status) {
	if r == nil {
		return
	}
	text := string(result.orSucceeded())
	r.update(r.server.delay, func(a *adotest.Record) {
		a.State, a.Finished, a.Result = "completed", at, strings.ToLower(text[:1])+text[1:]
	})
	r.log.end()
}

// write adds a message, which may have several lines, to the log of the record and to
// that of the whole job.
func (r *record) write(at time.Time, message string) {
	if r == nil {
		return
	}
	r.log.write(at, message)
	r.server.job.log.write(at, message)
}

// upload sends a page of the log: the file first, which takes the agent up to a second
// (JobServerQueue.cs, ProcessFilesUploadQueueAsync), then the record that names it.
func (r *record) upload(text string) {
	s, at := r.server, time.Now().UTC()
	id := 0
	s.send(2*s.delay, func(p *adotest.Project) {
		s.logs++
		id = s.logs
		p.Runs[0].Logs = append(p.Runs[0].Logs, adotest.Log{ID: id, Text: text, Created: at})
	})
	r.update(3*s.delay, func(a *adotest.Record) { a.LogID = id })
}

const (
	pageSize      = 8 << 20
	byteOrderMark = "\ufeff"                       // .NET's UTF8 encoding begins a file with it
	stampFormat   = "2006-01-02T15:04:05.0000000Z" // .NET's "O" for a time in UTC
)

// pages is a log as an agent keeps it: in files of 8 MB, each of which becomes a log
// of its own on the server; the record names the last (Logging.cs). A record that
// wrote nothing has none.
type pages struct {
	full func(text string)

	text strings.Builder
	size int
	open bool
}

// write adds a message: a stamp, then the text as it is, lines and all.
func (p *pages) write(at time.Time, message string) {
	if !p.open {
		p.begin()
	}
	line := at.UTC().Format(stampFormat) + " " + message
	p.text.WriteString(line + "\n")
	if p.size += len(line); p.size >= pageSize {
		p.end()
		p.begin() // the agent opens the next page before there is anything to write
	}
}

func (p *pages) begin() {
	p.text.WriteString(byteOrderMark)
	p.open, p.size = true, 0
}

func (p *pages) end() {
	if !p.open {
		return
	}
	p.full(p.text.String())
	p.text.Reset()
	p.open = false
}
