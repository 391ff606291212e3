package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/adotest"
)

// controlPath is where the commands are answered that a program can run from within.
const controlPath = "/-/"

var commands = map[string]bool{"queue": true, "wait": true, "state": true}

// command asks the organization that we are run within.
func (w world) command() int {
	environ := map[string]string{}
	for _, variable := range w.environ {
		name, value, _ := strings.Cut(variable, "=")
		environ[name] = value
	}
	text, err := ask(environ["DEVOPS_URL"], environ["DEVOPS_TOKEN"], w.args)
	_, _ = io.WriteString(w.stdout, text)
	if err != nil {
		fmt.Fprintf(w.stderr, "devops: %v\n", err)
		return 1
	}
	return 0
}

func ask(address, token string, args []string) (string, error) {
	if wanted := map[string]int{"queue": 2}[args[0]]; len(args) != max(wanted, 1) {
		return "", fmt.Errorf("%s", usage)
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
	response, err := (&http.Client{Transport: &http.Transport{}}).Do(request) // no proxy
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s", strings.TrimSpace(string(text)))
	}
	return string(text), err
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
