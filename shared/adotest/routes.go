package adotest

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// route is one resource: where it is, which versions it has, how it answers.
type route struct {
	method         string
	id, area, name string // of the location; id is "" for what has none
	template       string
	version        int    // of the resource
	min, released  string // released is "0.0" for what was never more than a preview
	needs          string // the permission
	handle         func(*call) answer
}

// resource is what faults call it.
func (r *route) resource() string { return strings.ToLower(r.name) }

// newest is the newest api-version that the server knows.
const newest = "7.2"

var (
	unknown = &route{name: "unknown"}
	signIn  = &route{name: "signin", method: http.MethodGet, template: "_signin"}
)

// table lists all that there is.
func table() []*route {
	return slices.Concat([]*route{
		signIn,
		{method: http.MethodOptions, name: "locations", template: "_apis", handle: locations},
		{method: http.MethodOptions, name: "locations", template: "_apis/{ofArea}", handle: locations},
		{
			id: "e81700f7-3be2-46de-8624-2eb35882fcaa", area: "Location", name: "ResourceAreas",
			method: http.MethodGet, template: "_apis/{resource}/{areaId}",
			version: 1, min: "3.2", released: "0.0", handle: resourceAreas,
		},
	}, buildTable(), taskTable(), gitTable(), boardTable(), deploymentTable())
}

// with is the same resource with another method.
func (r route) with(method, needs string, handle func(*call) answer) *route {
	r.method, r.needs, r.handle = method, needs, handle
	return &r
}

func buildTable() []*route {
	const view, edit = "View builds", "View build pipeline"
	builds := route{
		id: "0cd358e1-9217-4d94-8269-1c1ee6f93dcf", area: "Build", name: "Builds",
		template: "{project}/_apis/build/{resource}/{buildId}", version: 7, min: "1.0", released: "7.1",
	}
	definitions := route{
		id: "dbeaf647-6167-421a-bda9-c9327b25e2e6", area: "Build", name: "Definitions",
		template: "{project}/_apis/build/{resource}/{definitionId}", version: 7, min: "1.0", released: "7.1",
	}
	tags := route{
		id: "6e6114b2-8161-44c8-8f6c-c5505782427f", area: "build", name: "tags",
		template: "{project}/_apis/{area}/builds/{buildId}/{resource}/{*tag}", version: 3, min: "2.0", released: "7.1",
	}
	timeline := route{
		id: "8baac422-4c6e-4de5-8532-db96d92acffa", area: "Build", name: "Timeline", version: 2, min: "2.0",
		template: "{project}/_apis/{area}/builds/{buildId}/{resource}/{timelineId}", released: "7.1",
	}
	logs := route{
		id: "35a80daf-7f30-45fc-86e8-6b813d9c90df", area: "Build", name: "logs", version: 2, min: "2.0",
		template: "{project}/_apis/{area}/builds/{buildId}/{resource}/{logId}", released: "7.1",
	}
	return []*route{
		builds.with(http.MethodGet, view, getBuilds),
		builds.with(http.MethodPatch, "Stop builds", patchBuild),
		definitions.with(http.MethodGet, edit, getDefinition),
		definitions.with(http.MethodPut, "Edit build pipeline", putDefinition),
		tags.with(http.MethodGet, view, getTags),
		tags.with(http.MethodPut, "Update build information", putTag),
		timeline.with(http.MethodGet, view, getTimeline),
		logs.with(http.MethodGet, view, getLogs),
	}
}

func taskTable() []*route {
	const tasks = "distributedtask"
	return []*route{
		{
			id: "f5b09dd5-9d54-45a1-8b5a-1c8287d634cc", area: tasks, name: "variablegroups",
			method: http.MethodGet, template: "{project}/_apis/{area}/{resource}/{groupId}",
			version: 2, min: "3.1", released: "7.1", handle: getGroups,
		},
		{
			id: "adcfd8bc-b184-43ba-bd84-7c8c6a2ff421", area: tasks, name: "securefiles",
			method: http.MethodGet, template: "{project}/_apis/{area}/{resource}/{secureFileId}",
			version: 1, min: "3.2", released: "0.0", handle: getFile,
		},
		{
			id: "69a319f4-28c1-4bfd-93e6-ea0ff5c6f1a2", area: tasks, name: "oidctoken", method: http.MethodPost,
			template: "{scopeIdentifier}/_apis/{area}/hubs/{hubName}/plans/{planId}/jobs/{jobId}/{resource}",
			version:  1, min: "7.1", released: "7.1", handle: postToken,
		},
	}
}

func gitTable() []*route {
	requests := route{
		id: "9946fd70-0d40-406e-b686-b4744cbbcc37", area: "git", name: "pullRequests",
		template: "{project}/_apis/{area}/repositories/{repositoryId}/{resource}/{pullRequestId}",
		version:  2, min: "1.0", released: "7.1",
	}
	return []*route{
		{
			id: "225f7195-f9c7-4d14-ab28-a83f7ff77e1f", area: "git", name: "repositories",
			method: http.MethodGet, template: "{project}/_apis/{area}/{resource}/{repositoryId}",
			version: 1, min: "1.0", released: "7.1", needs: readRepository, handle: getRepositories,
		},
		requests.with(http.MethodGet, readRepository, getPullRequests),
		requests.with(http.MethodPost, contribute, postPullRequest),
		requests.with(http.MethodPatch, contribute, patchPullRequest),
	}
}

func boardTable() []*route {
	return []*route{{
		id: "62d3d110-0047-428c-ad3c-4fe872c91c74", area: "wit", name: "workItems", method: http.MethodPost,
		template: "{project}/_apis/{area}/{resource}/${type}", version: 3, min: "1.0", released: "7.1",
		needs: editItems, handle: postWorkItem,
	}}
}

// deploymentTable is of an area whose locations nobody has written down.
func deploymentTable() []*route {
	return []*route{{
		area: "deployment", name: "imagedetails",
		method: http.MethodPost, template: "{project}/_apis/{area}/{resource}",
		version: 1, min: "5.0", released: "0.0", needs: addImages, handle: postImageDetails,
	}}
}

// match finds the route for a path, whose last part may be absent. Azure DevOps does
// not mind the case of a path.
func (s *Server) match(method, path string) (*route, map[string]string) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
next:
	for _, r := range s.routes {
		template := strings.Split(strings.NewReplacer("{area}", r.area, "{resource}", r.name).Replace(r.template), "/")
		if r.method != method || len(parts) > len(template) || len(parts) < len(template)-1 {
			continue
		}
		vars := map[string]string{}
		for i, want := range template {
			part := ""
			if i < len(parts) {
				part = parts[i]
			}
			name, isVar := variable(want)
			switch {
			case isVar && part != "":
				vars[name] = strings.TrimPrefix(part, strings.TrimSuffix(want, "{"+name+"}"))
			case !isVar && !strings.EqualFold(want, part):
				continue next
			}
		}
		return r, vars
	}
	return unknown, nil
}

// variable is the name of a variable part of a template: {name}, {*name} or ${name}.
func variable(part string) (name string, ok bool) {
	_, name, ok = strings.Cut(strings.TrimSuffix(part, "}"), "{")
	return strings.TrimPrefix(name, "*"), ok
}

// checkVersion refuses what the service refuses: no version for a call that changes
// something, an unknown one, a preview that is not asked for as one.
func (r *route) checkVersion(req *http.Request) (answer, bool) {
	version, given := requestedVersion(req)
	if r.version == 0 {
		return answer{}, true
	}
	if !given {
		if req.Method == http.MethodGet {
			return answer{}, true // the newest one
		}
		return refuse(http.StatusBadRequest, "VssVersionNotSpecifiedException", fmt.Sprintf(
			"No api-version was supplied for the %q request. The version must be supplied either as part of the "+
				"Accept header (e.g. \"application/json; api-version=1.0\") or as a query parameter (e.g. "+
				"\"?api-version=1.0\").", req.Method)), false
	}
	number, preview, isPreview := strings.Cut(version, "-preview")
	wanted, err := strconv.ParseFloat(number, 64)
	switch {
	case err != nil:
		return refuse(http.StatusBadRequest, "VssInvalidApiResourceVersionException",
			"The api-version "+version+" is not valid."), false
	case wanted > atof(newest), wanted < atof(r.min):
		return refuse(http.StatusBadRequest, "VssVersionOutOfRangeException", fmt.Sprintf(
			"The requested REST API version of %s is out of range for this server. The latest REST API version "+
				"this server supports is %s.", number, newest)), false
	case !isPreview && wanted > atof(r.released):
		return refuse(http.StatusBadRequest, "VssInvalidPreviewVersionException", fmt.Sprintf(
			"The requested version %q of the resource is under preview. The -preview flag must be supplied in the "+
				"api-version for such requests. For example: \"%s-preview\"", number, number)), false
	}
	if n, err := strconv.Atoi(strings.TrimPrefix(preview, ".")); err == nil && n > r.version {
		return refuse(http.StatusBadRequest, "VssVersionOutOfRangeException", fmt.Sprintf(
			"The requested resource version %d is out of range. The latest version of the resource is %d.",
			n, r.version)), false
	}
	return answer{}, true
}

func atof(text string) float64 {
	f, _ := strconv.ParseFloat(text, 64) // ours
	return f
}

func requestedVersion(r *http.Request) (string, bool) {
	if query := r.URL.Query(); query.Has("api-version") {
		return query.Get("api-version"), true
	}
	for _, accept := range r.Header.Values("Accept") {
		if _, params, err := mime.ParseMediaType(accept); err == nil && params["api-version"] != "" {
			return params["api-version"], true
		}
	}
	return "", false
}

func locations(c *call) answer {
	list := []any{}
	listed := map[string]bool{}
	for _, r := range c.routes {
		if r.id == "" || listed[r.id] || c.vars["ofArea"] != "" && !strings.EqualFold(r.area, c.vars["ofArea"]) {
			continue
		}
		listed[r.id] = true
		list = append(list, map[string]any{
			"id": r.id, "area": r.area, "resourceName": r.name, "routeTemplate": r.template,
			"resourceVersion": r.version, "minVersion": r.min, "maxVersion": newest, "releasedVersion": r.released,
		})
	}
	return collection(list)
}

// resourceAreas answers that all areas are here, as Azure DevOps Server does: a client
// that was told of dev.azure.com would go there.
func resourceAreas(*call) answer { return reply(map[string]any{"count": 0, "value": nil}) }

func reply(v any) answer {
	text, err := json.Marshal(v)
	if err != nil {
		return refuse(http.StatusInternalServerError, "VssServiceException", err.Error())
	}
	return answer{
		status: http.StatusOK, kind: "application/json; charset=utf-8; api-version=" + newest, text: string(text),
	}
}

func collection(list []any) answer { return reply(map[string]any{"count": len(list), "value": list}) }

// refuse is how the service says no.
func refuse(status int, key, message string) answer {
	a := reply(map[string]any{
		"$id": "1", "innerException": nil, "message": message, "typeKey": key,
		"typeName":  "Microsoft.VisualStudio.Services.Common." + key + ", Microsoft.VisualStudio.Services.Common",
		"errorCode": 0, "eventId": 3000,
	})
	a.status = status
	return a
}
