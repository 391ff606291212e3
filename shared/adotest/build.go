package adotest

import (
	"cmp"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const noTime = "0001-01-01T00:00:00" // what the service sends for none, without a zone

// number reads a part of the path; what is none leads nowhere.
func (c *call) number(name string) int {
	n, err := strconv.Atoi(c.vars[name])
	if err != nil {
		return -1
	}
	return n
}

// theRun finds the run that the path names.
func (c *call) theRun() (*Run, answer, bool) {
	if run, ok := c.project.run(c.number("buildId")); ok {
		return run, answer{}, true
	}
	return nil, refuse(http.StatusNotFound, "BuildNotFoundException",
		fmt.Sprintf("The requested build %s could not be found.", c.vars["buildId"])), false
}

func (c *call) url(path string) string {
	scheme := "http"
	if c.r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + c.r.Host + "/" + c.config.Organization + "/" + c.project.ID + "/_apis/" + path
}

func getTimeline(c *call) answer {
	run, no, ok := c.theRun()
	if !ok {
		return no
	}
	if run.Records == nil {
		return answer{status: http.StatusNoContent}
	}
	hidden := c.r.Context().Value(late{}) != nil
	records := []any{}
	for i, r := range run.Records {
		record := map[string]any{
			"previousAttempts": []any{}, "id": r.ID, "parentId": orNull(r.ParentID), "type": r.Type, "name": r.Name,
			"startTime": timeOrNull(r.Started), "finishTime": timeOrNull(r.Finished), "currentOperation": nil,
			"percentComplete": nil, "state": r.State, "result": orNull(r.Result), "resultCode": nil, "changeId": i + 1,
			"lastModified": noTime, "workerName": nil, "details": nil, "errorCount": 0, "warningCount": 0, "url": nil,
			"log": nil, "task": nil, "attempt": cmp.Or(r.Attempt, 1), "identifier": nil,
		}
		if r.Order > 0 {
			record["order"] = r.Order
		}
		if r.LogID > 0 && !hidden {
			record["log"] = map[string]any{"id": r.LogID, "type": "Container", "url": c.logURL(run, r.LogID)}
		}
		records = append(records, record)
	}
	return reply(map[string]any{
		"records": records, "lastChangedBy": "00000002-0000-8888-8000-000000000000", "lastChangedOn": noTime,
		"id": orNull(c.project.Plan), "changeId": len(records),
		"url": c.url(fmt.Sprintf("build/Builds/%d/Timeline", run.ID)),
	})
}

func (c *call) logURL(run *Run, id int) string {
	return c.url(fmt.Sprintf("build/builds/%d/logs/%d", run.ID, id))
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func timeOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.9999999Z")
}

// getLogs lists the logs, or answers one: as text for those who want that, else as a
// list of lines.
func getLogs(c *call) answer {
	run, no, ok := c.theRun()
	if !ok {
		return no
	}
	if c.vars["logId"] == "" {
		list := []any{}
		for _, l := range run.Logs {
			list = append(list, map[string]any{
				"createdOn": timeOrNull(l.Created), "lastChangedOn": timeOrNull(l.Created),
				"lineCount": len(lines(l.Text)), "id": l.ID, "type": "Container", "url": c.logURL(run, l.ID),
			})
		}
		return collection(list)
	}
	i := slices.IndexFunc(run.Logs, func(l Log) bool { return l.ID == c.number("logId") })
	if i < 0 {
		return refuse(http.StatusNotFound, "BuildLogNotFoundException",
			fmt.Sprintf("The log %s of build %d could not be found.", c.vars["logId"], run.ID))
	}
	text := run.Logs[i].Text
	if c.query.Has("startLine") || c.query.Has("endLine") {
		text = between(text, c.query.Get("startLine"), c.query.Get("endLine"))
	}
	if kind, _, err := mime.ParseMediaType(c.r.Header.Get("Accept")); err != nil || kind != "text/plain" {
		list := []any{}
		for _, line := range lines(text) {
			list = append(list, strings.TrimRight(line, "\r\n"))
		}
		return collection(list)
	}
	return answer{status: http.StatusOK, kind: "text/plain; charset=utf-8", text: text}
}

func lines(text string) []string { return slices.Collect(strings.Lines(text)) }

// between returns the lines from start to end, both included; the first has number 0.
func between(text, start, end string) string {
	all := lines(text)
	first, last := 0, len(all)
	if n, err := strconv.Atoi(start); err == nil {
		first = min(max(0, n), len(all))
	}
	if n, err := strconv.Atoi(end); err == nil {
		last = min(max(first, n+1), len(all))
	}
	return strings.Join(all[first:last], "")
}

// variables leaves out the values of secrets and, as the service does, isSecret of
// what is none.
func variables(all []Variable) map[string]any {
	document := map[string]any{}
	for _, v := range all {
		document[v.Name] = map[string]any{"value": v.Value}
		if v.Secret {
			document[v.Name] = map[string]any{"value": nil, "isSecret": true}
		}
	}
	return document
}

// getGroups answers one group or all, in pages: what follows a group is asked for by
// its id.
func getGroups(c *call) answer {
	groups := slices.Clone(c.project.Groups)
	if c.vars["groupId"] != "" {
		i := slices.IndexFunc(groups, func(g Group) bool { return g.ID == c.number("groupId") })
		if i < 0 {
			return refuse(http.StatusNotFound, "VariableGroupNotFoundException",
				"Variable group with ID "+c.vars["groupId"]+" could not be found.")
		}
		return reply(group(groups[i]))
	}
	ascending := strings.EqualFold(c.query.Get("queryOrder"), "idAscending")
	slices.SortFunc(groups, func(a, b Group) int {
		if ascending {
			return cmp.Compare(a.ID, b.ID)
		}
		return cmp.Compare(b.ID, a.ID)
	})
	after, afterErr := strconv.Atoi(c.query.Get("continuationToken"))
	top, topErr := strconv.Atoi(c.query.Get("$top"))
	list := []any{}
	for _, g := range groups {
		if afterErr == nil && (ascending && g.ID <= after || !ascending && g.ID >= after) {
			continue
		}
		if topErr == nil && len(list) == top {
			break
		}
		list = append(list, group(g))
	}
	return collection(list)
}

func group(g Group) map[string]any {
	kind := "Vsts"
	if g.KeyVault {
		kind = "AzureKeyVault"
	}
	document := map[string]any{
		"id": g.ID, "name": g.Name, "type": kind, "variables": variables(g.Variables), "isShared": false,
		"createdOn": noTime, "variableGroupProjectReferences": nil,
	}
	if g.KeyVault { // names only, and each is secret
		names := map[string]any{}
		for name := range maps.Keys(variables(g.Variables)) {
			names[name] = map[string]any{"value": nil, "isSecret": true, "enabled": true, "contentType": ""}
		}
		document["variables"] = names
	}
	return document
}
