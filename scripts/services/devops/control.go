package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/guardrails-ci/guardrails/scripts/services/beside"
	"github.com/guardrails-ci/guardrails/shared/adotest"
)

// controlPath is where the commands are answered that a program can run from within.
const controlPath = "/-/"

var commands = map[string]bool{"queue": true, "wait": true, "state": true}

// within asks the organization that we are run beside.
func within(w beside.World) (status int, err error) {
	text, err := ask(w.Lookup("DEVOPS_URL"), w.Lookup("DEVOPS_TOKEN"), w.Args)
	if err != nil {
		return 1, err
	}
	_, err = io.WriteString(w.Stdout, text)
	return 0, err
}

func ask(address, token string, args []string) (string, error) {
	if wanted := map[string]int{"queue": 2}[args[0]]; len(args) != max(wanted, 1) {
		return "", errors.New(usage)
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("there is no DEVOPS_URL: %s works only in a program that devops runs", args[0])
	}
	u.Path, u.RawQuery = controlPath+args[0], url.Values{"pipeline": args[1:]}.Encode()
	request, err := http.NewRequest(http.MethodPost, u.String(), nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	return beside.Ask(request)
}

// control answers a command.
func (o *organization) control(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+o.token {
		http.Error(w, "it has another DEVOPS_TOKEN", http.StatusUnauthorized)
		return
	}
	switch strings.TrimPrefix(r.URL.Path, controlPath) {
	case "wait":
		o.idle(r.Context())
	case "state":
		_, _ = io.WriteString(w, o.state())
	case "queue":
		text, err := o.byHand(r.URL.Query().Get("pipeline"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		_, _ = io.WriteString(w, text+"\n")
	default:
		http.NotFound(w, r)
	}
}

// byHand queues a run as somebody does who clicks on Run.
func (o *organization) byHand(pipeline string) (string, error) {
	id, err := strconv.Atoi(pipeline)
	if err != nil {
		return "", fmt.Errorf("%q is no id of a pipeline", pipeline)
	}
	for _, p := range o.config.Pipelines {
		if p.ID != id {
			continue
		}
		tip, err := o.git.Git(o.path(p.Repository), "rev-parse", "refs/heads/"+p.Branch)
		if err != nil {
			return "", err
		}
		r, err := o.enqueue(p, "manual", tip)
		if err != nil {
			return "", err
		}
		return r.String() + " is queued", nil
	}
	return "", fmt.Errorf("there is no pipeline %d", id)
}

// state tells of pipelines, runs and alerts.
func (o *organization) state() string {
	var lines []string
	for _, p := range o.config.Pipelines {
		lines = append(lines, fmt.Sprintf("pipeline %d %s: %s", p.ID, p.Name, o.queueStatus(p.ID)))
	}
	o.rest.Update(func(project *adotest.Project) {
		for _, r := range project.Runs {
			lines = append(lines, strings.TrimRight(fmt.Sprintf("run %d of %d: %s %s %s %.7s %s",
				r.ID, r.Definition, r.Reason, r.Status, r.Result, r.Version, strings.Join(r.Tags, " ")), " "))
		}
		for i, item := range project.WorkItems {
			lines = append(lines, fmt.Sprintf("work item %d: %v", i+1, item["System.Title"]))
		}
		for _, p := range project.PullRequests {
			lines = append(lines, fmt.Sprintf("pull request %d: %s to %s: %s", p.ID, p.Source, p.Target, p.Title))
		}
	})
	return strings.Join(slices.Concat(lines, o.hooks.lines()), "\n") + "\n"
}
