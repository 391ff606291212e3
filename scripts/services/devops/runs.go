package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/guardrails-ci/guardrails/shared/adotest"
	"github.com/guardrails-ci/guardrails/shared/gittest"
)

// run is a run of a pipeline.
type run struct {
	id       int
	number   string
	reason   string // as the REST calls have it
	version  string
	message  string // its first line
	who      string
	pipeline pipeline
}

func (r *run) String() string {
	return fmt.Sprintf("run %d of %s (%s, %.7s %q)", r.id, r.pipeline.Name, r.reason, r.version, r.message)
}

// queue holds the runs that wait. One is made at a time.
type queue struct {
	mu      sync.Mutex
	changed *sync.Cond
	waiting []*run
	busy    bool
	queued  int // since the start
	last    int // id
}

// firstRun is no id that the local agent gives a run by itself.
const firstRun = 101

func (q *queue) init(o *organization) {
	q.changed = sync.NewCond(&q.mu)
	q.last = firstRun - 1
	for _, r := range o.config.Runs {
		q.last = max(q.last, r.ID)
	}
}

// next waits for a run; there is none when the context has ended.
func (q *queue) next(ctx context.Context) (*run, bool) {
	defer context.AfterFunc(ctx, q.wake)()
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		if ctx.Err() != nil {
			q.waiting = nil
			q.changed.Broadcast()
			return nil, false
		}
		if len(q.waiting) > 0 {
			r := q.waiting[0]
			q.waiting, q.busy = q.waiting[1:], true
			return r, true
		}
		q.changed.Wait()
	}
}

func (q *queue) wake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.changed.Broadcast()
}

func (q *queue) done() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.busy = false
	q.changed.Broadcast()
}

// idle waits until no run is left.
func (o *organization) idle(ctx context.Context) {
	q := &o.runs
	defer context.AfterFunc(ctx, q.wake)()
	q.mu.Lock()
	defer q.mu.Unlock()
	for ctx.Err() == nil && (q.busy || len(q.waiting) > 0) {
		q.changed.Wait()
	}
}

// pushed queues a run of each pipeline that a push starts.
func (o *organization) pushed(u gittest.Update) {
	for _, p := range o.config.Pipelines {
		if p.NoTrigger || o.path(p.Repository) != u.Repo || "refs/heads/"+p.Branch != u.Ref || u.New == "" {
			continue
		}
		if err := o.startBy(u, p); err != nil {
			o.say("push of %.7s to %s: no run of %s: %v", u.New, p.Branch, p.Name, err)
		}
	}
}

// startBy queues a run of a pipeline if the push is one that starts it.
func (o *organization) startBy(u gittest.Update, p pipeline) error {
	changed, err := o.changes(u, p.Paths)
	if err != nil || !changed {
		return err
	}
	messages, err := o.messages(u)
	if err != nil {
		return err
	}
	if token, skip := skips(messages); skip {
		return errors.New("it says " + token)
	}
	_, err = o.enqueue(p, "individualCI", u.New)
	return err
}

// emptyTree is what git calls a folder without files.
const emptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

// changes reports whether a push changes one of the paths, or, without any, anything.
func (o *organization) changes(u gittest.Update, paths []string) (bool, error) {
	if paths == nil {
		return true, nil
	}
	names, err := o.git.Git(u.Repo, "diff", "--name-only", "-z", cmp.Or(u.Old, emptyTree), u.New)
	for name := range strings.SplitSeq(names, "\x00") {
		for _, path := range paths {
			if name == path || strings.HasPrefix(name, path+"/") {
				return true, err
			}
		}
	}
	return false, err
}

// messages are those of the commits that a push brings.
func (o *organization) messages(u gittest.Update) (string, error) {
	if u.Old == "" {
		return o.git.Git(u.Repo, "log", "-1", "--format=%B", u.New)
	}
	return o.git.Git(u.Repo, "log", "--format=%B", u.Old+".."+u.New)
}

// enqueue queues a run, if the pipeline is enabled.
func (o *organization) enqueue(p pipeline, reason, version string) (*run, error) {
	about, err := o.git.Git(o.path(p.Repository), "log", "-1", "--format=%s%n%an", version)
	if err != nil {
		return nil, err
	}
	r := &run{reason: reason, version: version, pipeline: p}
	r.message, r.who, _ = strings.Cut(about, "\n")
	o.runs.mu.Lock()
	defer o.runs.mu.Unlock()
	if o.runs.queued == o.config.MaxRuns {
		return nil, fmt.Errorf("there were %d runs, and no more are made here", o.runs.queued)
	}
	if status := o.queueStatus(p.ID); status != "enabled" {
		return nil, errors.New("the pipeline is " + status)
	}
	o.runs.queued++
	o.runs.last++
	r.id = o.runs.last
	now := time.Now()
	r.number = now.Format("20060102") + "." + strconv.Itoa(o.runs.queued)
	o.rest.Update(func(project *adotest.Project) {
		project.Runs = append(project.Runs, adotest.Run{
			ID: r.id, Number: r.number, Definition: p.ID, Revision: 1, Reason: reason, Status: "notStarted",
			Branch: "refs/heads/" + p.Branch, Version: version, Queued: now, RequestedFor: r.who,
		})
	})
	o.runs.waiting = append(o.runs.waiting, r)
	o.runs.changed.Broadcast()
	return r, nil
}

// queueStatus is enabled, paused or disabled.
func (o *organization) queueStatus(id int) (status string) {
	o.rest.Update(func(project *adotest.Project) {
		revision := -1
		for _, d := range project.Definitions {
			if d.ID == id && d.Revision > revision {
				status, revision = d.QueueStatus, d.Revision
			}
		}
	})
	if status == "" {
		return "enabled"
	}
	return status
}

// onServer looks at a run, or changes it, where the REST calls see it.
func (o *organization) onServer(id int, do func(*adotest.Run)) {
	o.rest.Update(func(project *adotest.Project) {
		for i := range project.Runs {
			if project.Runs[i].ID == id {
				do(&project.Runs[i])
			}
		}
	})
}

// work makes runs until the context ends.
func (o *organization) work(ctx context.Context) {
	for {
		r, ok := o.runs.next(ctx)
		if !ok {
			return
		}
		result := o.make(ctx, r)
		o.onServer(r.id, func(known *adotest.Run) { known.Status, known.Result = "completed", result })
		o.say("%s: %s", r, result)
		o.runs.done()
	}
}

// make makes a run and returns its result.
func (o *organization) make(ctx context.Context, r *run) (result string) {
	cancelled := false
	o.onServer(r.id, func(known *adotest.Run) {
		if cancelled = known.Status != "notStarted"; !cancelled {
			known.Status = "inProgress"
		}
	})
	if cancelled {
		return "canceled"
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go o.watch(ctx, r.id, cancel)
	err := o.trigger(ctx, r)
	switch exit := (*exec.ExitError)(nil); {
	case err == nil:
		return "succeeded"
	case ctx.Err() != nil:
		return "canceled"
	case !errors.As(err, &exit):
		o.say("%s: %v", r, err)
	}
	return "failed"
}

// watch cancels a run that a REST call wants cancelled.
func (o *organization) watch(ctx context.Context, id int, cancel func()) {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			o.onServer(id, func(known *adotest.Run) {
				if known.Status == "cancelling" {
					cancel()
				}
			})
		}
	}
}

// trigger runs the pipeline's program.
func (o *organization) trigger(ctx context.Context, r *run) (err error) {
	dir := o.file("run-" + strconv.Itoa(r.id))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	log, err := o.output(r)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	sources := filepath.Join(dir, "s")
	if err := o.checkout(ctx, r, sources); err != nil {
		return err
	}
	environ := append(o.environ(), o.facts(r, sources)...)
	args, err := expand(r.pipeline.Trigger, environ, o.flags(r))
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, environ, log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second // then it is killed
	return cmd.Run()
}

// output is where a run writes to.
func (o *organization) output(r *run) (io.WriteCloser, error) {
	if o.logs != "" {
		return os.OpenFile(filepath.Join(o.logs, strconv.Itoa(r.id)+".log"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	}
	o.say("%s", r)
	return shared{o.world.Stdout}, nil
}

// shared is an output that is not only a run's.
type shared struct{ io.Writer }

// Close leaves it open.
func (shared) Close() error { return nil }

func (o *organization) say(format string, args ...any) {
	fmt.Fprintf(o.world.Stdout, "devops: "+format+"\n", args...)
}
