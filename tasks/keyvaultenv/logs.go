package keyvaultenv

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/ado"
	"github.com/guardrails-ci/guardrails/shared/endpoint"
	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/leak"
)

// The server shows the log of a step one to three seconds after its end: the agent
// creates it, fills it and only then names it in the timeline (JobServerQueue.cs).
const (
	logWait = 15 * time.Second
	logPoll = time.Second
)

// server is Azure DevOps, with the job's own token.
func (s *step) server() (*ado.Client, error) {
	config, err := s.http()
	if err != nil {
		return nil, err
	}
	e := endpoint.New(s.env.Environ())
	address, err := e.SystemURL()
	if err != nil {
		return nil, err
	}
	token, err := e.SystemToken()
	if err != nil {
		return nil, err
	}
	return ado.New(ado.Config{
		HTTP: httpx.New(config), Server: address, Project: s.env.Var("System.TeamProjectId"), Token: token,
	})
}

// jobToken is the job's own token, "" if there is none.
func (s *step) jobToken() string {
	token, err := endpoint.New(s.env.Environ()).SystemToken()
	if err != nil {
		return ""
	}
	return token.Reveal()
}

// logs scans the logs of all finished steps of the run.
func (sc *scanner) logs(ctx context.Context) error {
	env := sc.step.env
	client, err := sc.step.server()
	if err != nil {
		return err
	}
	build, err := strconv.Atoi(env.Var("Build.BuildId"))
	if err != nil {
		return errors.New("the agent has not said which run this is (Build.BuildId)")
	}
	records, err := sc.timeline(ctx, client, build)
	if err != nil {
		return err
	}
	var readable []ado.Record
	for _, r := range records {
		if r.State == stateCompleted && r.LogID > 0 && !isParent(r, records) {
			readable = append(readable, r)
		}
	}
	for _, r := range missing(records, strings.ToLower(env.Var("System.JobId"))) {
		sc.cannot(logName(r, records), errors.New("the server does not have it "+logWait.String()+" after the step's end"))
	}
	each(ctx, readable, func(r ado.Record) { sc.log(ctx, client, build, r, logName(r, records)) })
	sc.lookedAt("the logs of %s", plural(len(readable), "step"))
	sc.sayNotSeen(records)
	return nil
}

const stateCompleted = "completed"

// timeline waits until every finished step of this job has its log.
func (sc *scanner) timeline(ctx context.Context, client *ado.Client, build int) ([]ado.Record, error) {
	job := strings.ToLower(sc.step.env.Var("System.JobId"))
	deadline := sc.step.env.Now().Add(logWait)
	for {
		records, err := client.Timeline(ctx, build)
		if err != nil {
			return nil, err
		}
		if len(missing(records, job)) == 0 || !sc.step.env.Now().Before(deadline) {
			return records, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(logPoll):
		}
	}
}

// missing are the finished steps of a job whose logs are not there yet. A step that was
// skipped has none.
func missing(records []ado.Record, job string) []ado.Record {
	var none []ado.Record
	for _, r := range records {
		if r.Type == "Task" && r.State == stateCompleted && r.LogID == 0 && r.Result != "skipped" &&
			strings.EqualFold(r.ParentID, job) {
			none = append(none, r)
		}
	}
	return none
}

// isParent reports whether a record is that of a job or stage, whose log repeats those of
// its steps.
func isParent(r ado.Record, records []ado.Record) bool {
	for _, other := range records {
		if other.ParentID == r.ID && other.LogID > 0 {
			return true
		}
	}
	return false
}

// log scans one log.
func (sc *scanner) log(ctx context.Context, client *ado.Client, build int, r ado.Record, name string) {
	body, err := client.Log(ctx, build, r.LogID)
	if err != nil {
		sc.cannot(name, err)
		return
	}
	defer body.Close()
	found, err := sc.engine.Scan(ctx, counted{body, sc}, name, leak.Log)
	sc.found(found)
	if err != nil {
		sc.cannot(name, err)
	}
}

// counted counts what is read.
type counted struct {
	io.Reader
	to *scanner
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.to.sized(int64(n))
	return n, err
}

// logName is how messages call the log of a record: by its job and step.
func logName(r ado.Record, records []ado.Record) string {
	for _, parent := range records {
		if parent.ID == r.ParentID && parent.Type == "Job" {
			return "log of " + parent.Name + " / " + r.Name
		}
	}
	return "log of " + r.Name
}

// sayNotSeen tells of steps of this job that are not finished: nobody can read their
// logs now.
func (sc *scanner) sayNotSeen(records []ado.Record) {
	env := sc.step.env
	job := strings.ToLower(env.Var("System.JobId"))
	var later []string
	for _, r := range records {
		if r.Type == "Task" && r.State == "pending" && strings.EqualFold(r.ParentID, job) && !isAgents(r) {
			later = append(later, r.Name)
		}
	}
	if len(later) > 0 {
		sc.step.warn("keyvault/order", "these steps come after this scan, which does not see what they print: "+
			strings.Join(later, ", ")+". How to fix: put this step first in the job, then its scan comes last")
	}
	env.Report.Set("stepsAfterTheScan", later)
}

// isAgents reports whether a record is a step of the agent itself.
func isAgents(r ado.Record) bool {
	return r.Name == "Finalize Job" || r.Name == "Initialize job" || strings.HasPrefix(r.Name, "Stop Containers")
}
