package adotest

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
)

func (d *Definition) queueStatus() string { return cmp.Or(d.QueueStatus, "enabled") }

func getDefinition(c *call) answer {
	revision := 0
	if text := c.query.Get("revision"); text != "" {
		if revision, _ = strconv.Atoi(text); revision == 0 {
			revision = -1
		}
	}
	d, ok := c.project.definition(c.number("definitionId"), revision)
	if !ok {
		return refuse(http.StatusNotFound, "DefinitionNotFoundException", fmt.Sprintf(
			"The requested build definition %s could not be found.", c.vars["definitionId"]))
	}
	return reply(c.definition(d))
}

// definition is what the API says of a pipeline.
func (c *call) definition(d *Definition) map[string]any {
	definition := map[string]any{
		"path": `\`, "type": "build", "createdDate": noTime,
		"process": map[string]any{"yamlFilename": "azure-pipelines.yml", "type": 2},
	}
	maps.Copy(definition, d.Raw)
	maps.Copy(definition, map[string]any{
		"id": d.ID, "name": d.Name, "revision": d.Revision, "queueStatus": d.queueStatus(),
		"project": map[string]any{"id": c.project.ID, "name": c.project.Name, "state": "wellFormed"},
		"uri":     fmt.Sprintf("vstfs:///Build/Definition/%d", d.ID),
		"url":     c.url(fmt.Sprintf("build/Definitions/%d?revision=%d", d.ID, d.Revision)),
	})
	if len(d.Variables) > 0 {
		definition["variables"] = variables(d.Variables)
	}
	groups := []any{}
	for _, g := range c.project.Groups {
		if slices.Contains(d.Groups, g.ID) {
			groups = append(groups, map[string]any{"id": g.ID, "name": g.Name, "variables": variables(g.Variables)})
		}
	}
	if len(groups) > 0 {
		definition["variableGroups"] = groups
	}
	return definition
}

// putDefinition takes a whole pipeline, as the next revision: what is not in the body is
// gone then, but for the values of secrets.
func putDefinition(c *call) answer {
	var body map[string]any
	if no, ok := c.read("application/json", &body); !ok {
		return no
	}
	id := c.number("definitionId")
	d, ok := c.project.definition(id, 0)
	revision, _ := body["revision"].(float64)
	switch given, _ := body["id"].(float64); {
	case ok && int(given) != id:
		return refuse(http.StatusBadRequest, "InvalidDefinitionException", fmt.Sprintf(
			"The request specifies pipeline ID %d but the supplied pipeline has ID %d.", id, int(given)))
	case !ok || int(revision) > d.Revision:
		// Such a revision is not found: MicrosoftDocs/vsts-rest-api-specs#356.
		return refuse(http.StatusNotFound, "DefinitionNotFoundException",
			fmt.Sprintf("Build pipeline %d was not found.", id))
	case int(revision) < d.Revision:
		return refuse(http.StatusConflict, "DefinitionVersionConflictException", fmt.Sprintf(
			"The build pipeline %d was changed by someone else: revision %d is not the latest one.", id,
			int(revision)))
	}
	if _, ok := body["process"]; !ok || body["name"] == "" || body["name"] == nil {
		return refuse(http.StatusBadRequest, "InvalidDefinitionException",
			"The pipeline needs a name and a process.")
	}
	c.project.Definitions = append(c.project.Definitions, *d) // the old one stays there to be asked for
	d, _ = c.project.definition(id, 0)                        // it may have moved
	d.take(body)
	return reply(c.definition(d))
}

// take makes the body of a request the next revision.
func (d *Definition) take(body map[string]any) {
	was := d.Variables
	d.Revision++
	d.Name, _ = body["name"].(string)
	d.QueueStatus, _ = body["queueStatus"].(string)
	d.Variables = nil
	given, _ := body["variables"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		v := Variable{Name: name}
		fields, _ := given[name].(map[string]any)
		v.Value, _ = fields["value"].(string)
		v.Secret, _ = fields["isSecret"].(bool)
		if i := slices.IndexFunc(was, func(o Variable) bool { return o.Name == name }); i >= 0 && v.Secret &&
			v.Value == "" {
			v.Value = was[i].Value
		}
		d.Variables = append(d.Variables, v)
	}
	d.Raw = maps.Clone(body)
	for _, ours := range []string{
		"id", "name", "revision", "queueStatus", "variables", "variableGroups", "project", "uri", "url",
	} {
		delete(d.Raw, ours)
	}
}
