package adotest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	inProgress = "inProgress"
	completed  = "completed"
)

func (r *Run) status() string { return cmp.Or(r.Status, inProgress) }
func (r *Run) reason() string { return cmp.Or(r.Reason, "manual") }

// document is what the API says of a run.
func (c *call) document(run *Run) map[string]any {
	definition := map[string]any{"id": run.Definition, "revision": run.Revision, "type": "build", "path": `\`}
	if d, ok := c.project.definition(run.Definition, 0); ok {
		definition["name"], definition["queueStatus"] = d.Name, d.queueStatus()
	}
	queued := any(noTime)
	if !run.Queued.IsZero() {
		queued = timeOrNull(run.Queued)
	}
	build := map[string]any{
		"id": run.ID, "buildNumber": run.Number, "status": run.status(), "queueTime": queued, "reason": run.reason(),
		"tags": list(
			run.Tags), "definition": definition, "properties": map[string]any{}, "triggerInfo": map[string]any{},
		"project": map[string]any{"id": c.project.ID, "name": c.project.Name, "state": "wellFormed"},
		"uri":     fmt.Sprintf("vstfs:///Build/Build/%d", run.ID), "priority": "normal",
		"url": c.url(fmt.Sprintf("build/Builds/%d", run.ID)),
		// Whoever pushed is requestedFor; what noticed it is requestedBy.
		"requestedFor": map[string]any{"displayName": run.RequestedFor, "uniqueName": run.RequestedFor},
		"requestedBy":  map[string]any{"displayName": "Microsoft.VisualStudio.Services.TFS"},
	}
	for name, text := range map[string]string{
		"result": run.Result, "sourceBranch": run.Branch, "sourceVersion": run.Version,
	} {
		if text != "" {
			build[name] = text
		}
	}
	if len(run.Parameters) > 0 {
		text, _ := json.Marshal(run.Parameters) // texts only
		build["parameters"] = string(text)      // a document within the document
	}
	return build
}

func list[T any](all []T) []any {
	some := []any{}
	for _, one := range all {
		some = append(some, one)
	}
	return some
}

// getBuilds answers one run or all that the query asks for, in pages.
func getBuilds(c *call) answer {
	if c.vars["buildId"] != "" {
		run, no, ok := c.theRun()
		if !ok {
			return no
		}
		return reply(c.document(run))
	}
	q, err := readQuery(c)
	if err != nil {
		return refuse(http.StatusBadRequest, "VssPropertyValidationException", err.Error())
	}
	var found []*Run
	for i := range c.project.Runs {
		if run := &c.project.Runs[i]; q.wants(run) {
			found = append(found, run)
		}
	}
	slices.SortStableFunc(found, q.compare)
	if i := slices.IndexFunc(found, func(r *Run) bool { return strconv.Itoa(r.ID) == q.token }); i >= 0 {
		found = found[i:]
	} else if q.token != "" {
		found = nil
	}
	next := http.Header{}
	if len(found) > q.top {
		next.Set("X-MS-ContinuationToken", strconv.Itoa(found[q.top].ID))
		found = found[:q.top]
	}
	builds := []any{}
	for _, run := range found {
		builds = append(builds, c.document(run))
	}
	a := collection(builds)
	a.header = next
	return a
}

// buildQuery is the query of a list of runs.
type buildQuery struct {
	definitions, statuses, reasons, results, tags []string
	branch, order, token                          string
	oldest                                        time.Time
	top                                           int
}

// readQuery refuses, too, what the service overlooks: a name that it does not know.
func readQuery(c *call) (q buildQuery, err error) {
	q.top = 1000
	lists := map[string]*[]string{
		"definitions": &q.definitions, "statusFilter": &q.statuses, "reasonFilter": &q.reasons,
		"resultFilter": &q.results, "tagFilters": &q.tags,
	}
	texts := map[string]*string{
		"branchName": &q.branch, "queryOrder": &q.order, "continuationToken": &q.token, "api-version": new(string),
	}
	for name := range c.query {
		text := c.query.Get(name)
		switch {
		case lists[name] != nil:
			*lists[name] = strings.Split(text, ",")
		case texts[name] != nil:
			*texts[name] = text
		case name == "minTime":
			q.oldest, err = time.Parse(time.RFC3339Nano, text)
		case name == "$top":
			q.top, err = strconv.Atoi(text)
		default:
			err = fmt.Errorf("this double does not know the parameter %q", name)
		}
		if err != nil {
			return q, err
		}
	}
	for _, id := range q.definitions {
		if _, err := strconv.Atoi(id); err != nil {
			return q, fmt.Errorf("the value %q is not valid for definitions", id)
		}
	}
	orders := []string{"", "finishTimeDescending", "queueTimeAscending", "queueTimeDescending"}
	if !slices.Contains(orders, q.order) {
		return q, fmt.Errorf("the value %q is not valid for queryOrder", q.order)
	}
	if q.top < 1 || q.top > 5000 {
		return q, fmt.Errorf("the value %d is not valid for $top", q.top)
	}
	return q, nil
}

// wants reports whether the query asks for a run. The oldest time is that which the runs
// are in the order of: without one it is when they ended, and what has not ended is not
// found at all.
func (q *buildQuery) wants(run *Run) bool {
	among := func(some []string, one string) bool {
		return len(some) == 0 || slices.ContainsFunc(some, func(s string) bool { return strings.EqualFold(s, one) })
	}
	for _, tag := range q.tags {
		if !among(run.Tags, tag) || len(run.Tags) == 0 {
			return false
		}
	}
	byQueue := strings.HasPrefix(q.order, "queueTime")
	return among(q.definitions, strconv.Itoa(run.Definition)) && among(q.statuses, run.status()) &&
		among(q.reasons,
			run.reason()) && among(q.results, run.Result) && (q.branch == "" || q.branch == run.Branch) &&
		(q.oldest.IsZero() || !run.Queued.Before(q.oldest) && (byQueue || run.status() == completed))
}

func (q *buildQuery) compare(a, b *Run) int {
	n := cmp.Or(a.Queued.Compare(b.Queued), cmp.Compare(a.ID, b.ID))
	if q.order == "queueTimeAscending" {
		return n
	}
	return -n
}

// patchBuild cancels a run. It is up to who uses the double to end it then.
func patchBuild(c *call) answer {
	run, no, ok := c.theRun()
	if !ok {
		return no
	}
	var body map[string]any
	if no, ok := c.read("application/json", &body); !ok {
		return no
	}
	if status, _ := body["status"].(string); !strings.EqualFold(status, "cancelling") || len(body) != 1 {
		return refuse(http.StatusBadRequest, "VssPropertyValidationException", "this double can only cancel a run")
	}
	if run.status() == completed {
		return refuse(http.StatusBadRequest, "BuildStatusInvalidChangeException",
			fmt.Sprintf("Build %d has completed: its status cannot be changed.", run.ID))
	}
	run.Status = "cancelling"
	return reply(c.document(run))
}

func getTags(c *call) answer {
	run, no, ok := c.theRun()
	if !ok {
		return no
	}
	return collection(list(run.Tags))
}

func putTag(c *call) answer {
	run, no, ok := c.theRun()
	if !ok {
		return no
	}
	tag := c.vars["tag"]
	if tag == "" {
		return refuse(http.StatusBadRequest, "ArgumentException", "tag must not be empty.")
	}
	if !slices.ContainsFunc(run.Tags, func(t string) bool { return strings.EqualFold(t, tag) }) {
		run.Tags = append(run.Tags, tag)
	}
	return collection(list(run.Tags))
}
