package keyvaultenv

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/ado"
	"github.com/guardrails-ci/guardrails/shared/leak"
)

// The server shows the log of a step one to three seconds after its end: the agent
// creates it, fills it and only then names it in the timeline (JobServerQueue.cs).
const (
	logWait = 15 * time.Second
	logPoll = time.Second
)

// logs scans the logs of all finished steps of the run.
func (sc *scanner) logs(ctx context.Context) error {
	client, err := sc.step.server()
	if err != nil {
		return err
	}
	build, err := strconv.Atoi(sc.step.variable("Build.BuildId"))
	if err != nil {
		return errors.New("the agent has not said which run this is (Build.BuildId)")
	}
	t, err := sc.timeline(ctx, client, build)
	if err != nil {
		return err
	}
	files, err := client.Logs(ctx, build)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return errors.New("the server has no log of this run")
	}
	for _, name := range t.waiting() {
		sc.cannot(name, errors.New("the server does not have it "+logWait.String()+" after the step's end"))
	}
	readable := t.readable(files)
	each(ctx, readable, func(l logFile) { sc.log(ctx, client, build, l) })
	sc.lookedAt("%s of the run", plural(len(readable), "log"))
	later := t.later()
	if len(later) > 0 {
		sc.step.warn("keyvault/order", "these steps come after this scan, which does not see what they print: "+
			strings.Join(later, ", ")+". How to fix: put this step first in the job, then its scan comes last")
	}
	sc.step.env.Report.Set("stepsAfterTheScan", later)
	return nil
}

// timeline waits until every finished step of this job has its log.
func (sc *scanner) timeline(ctx context.Context, client *ado.Client, build int) (timeline, error) {
	t := timeline{job: strings.ToLower(sc.step.variable("System.JobId")), step: sc.step.variable("Task.DisplayName")}
	for waited := time.Duration(0); ; waited += logPoll {
		var err error
		if t.records, err = client.Timeline(ctx, build); err != nil {
			return t, err
		}
		if len(t.waiting()) == 0 || waited >= logWait {
			return t, nil
		}
		select {
		case <-ctx.Done():
			return t, context.Cause(ctx)
		case <-time.After(logPoll):
		}
	}
}

// log scans one log.
func (sc *scanner) log(ctx context.Context, client *ado.Client, build int, l logFile) {
	body, err := client.Log(ctx, build, l.id)
	if err != nil {
		sc.cannot(l.name, err)
		return
	}
	defer body.Close()
	found, err := sc.engine.Scan(ctx, counted{body, sc}, l.name, leak.Log)
	sc.found(found)
	if err != nil {
		sc.cannot(l.name, err)
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
