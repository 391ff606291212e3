package adotest

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// itemTypes are those of the processes Basic, Agile and Scrum.
var itemTypes = []string{
	"Bug", "Epic", "Feature", "Impediment", "Issue", "Product Backlog Item", "Task", "Test Case", "User Story",
}

// postWorkItem makes a work item of a list of fields.
func postWorkItem(c *call) answer {
	kind := c.vars["type"]
	i := slices.IndexFunc(itemTypes, func(t string) bool { return strings.EqualFold(t, kind) })
	if i < 0 {
		return refuse(
			http.StatusNotFound,
			"WorkItemTypeNotFoundException",
			fmt.Sprintf("VS402323: Work item type %s does "+
				"not exist in project %s or you do not have permission to access it.", kind, c.project.Name),
		)
	}
	var patch []struct {
		Op, Path string
		Value    any
	}
	if no, ok := c.read("application/json-patch+json", &patch); !ok {
		return no
	}
	fields := map[string]any{
		"System.WorkItemType": itemTypes[i], "System.TeamProject": c.project.Name, "System.State": "New",
		"System.CreatedDate": timeOrNull(c.config.Now()),
	}
	for _, p := range patch {
		name, ok := strings.CutPrefix(p.Path, "/fields/")
		if !ok || p.Op != "add" || name == "" {
			return refuse(http.StatusBadRequest, "VssPropertyValidationException",
				fmt.Sprintf("You must pass a valid patch document in the body of the request: %q %q.", p.Op, p.Path))
		}
		fields[name] = p.Value
	}
	if title, _ := fields["System.Title"].(string); title == "" || len([]rune(title)) > 255 {
		return refuse(
			http.StatusBadRequest,
			"RuleValidationException",
			"TF401320: Rule Error for field Title. Error code: "+
				"Required, HasValues, InvalidEmpty.",
		)
	}
	c.project.WorkItems = append(c.project.WorkItems, fields)
	id := len(c.project.WorkItems)
	address := c.url(fmt.Sprintf("wit/workItems/%d", id))
	page := strings.Replace(address, "_apis/wit/workItems", "_workitems/edit", 1)
	return reply(map[string]any{
		"id": id, "rev": 1, "fields": maps.Clone(fields), "url": address, "_links": map[string]any{
			"self": map[string]any{"href": address}, "html": map[string]any{"href": page},
		},
	})
}
