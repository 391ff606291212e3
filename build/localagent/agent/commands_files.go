package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/build/localagent/command"
	"github.com/guardrails-ci/guardrails/build/localagent/ordinal"
	"github.com/guardrails-ci/guardrails/build/localagent/variables"
)

const summaryType = "DistributedTask.Core.Summary"

// hostPath is a path as the agent resolves it: relative to its own folder, not
// to the step's, so that a relative path is hardly ever found.
func (x *execution) hostPath(data string) string {
	if data == "" || filepath.IsAbs(data) {
		return data
	}
	return filepath.Join(filepath.Dir(x.layout.work), data)
}

func (x *execution) attach(kind, name, file string) error {
	switch {
	case kind == "":
		return agentErrorf("Can't add task attachment, attachment type is not provided.")
	case name == "":
		return agentErrorf("Can't add task attachment, attachment name is not provided.")
	case strings.ContainsAny(kind, invalidFileNameChars):
		return agentErrorf("Type contains invalid characters.")
	case strings.ContainsAny(name, invalidFileNameChars):
		return agentErrorf("Name contains invalid characters.")
	}
	file = x.hostPath(file)
	if file == "" || !isFile(file) {
		return agentErrorf("Cannot upload task attachment file, attachment file location is not specified " +
			"or attachment file does not exist on disk.")
	}
	x.job.result.Attachments = append(x.job.result.Attachments,
		Attachment{Step: x.record.DisplayName, Type: kind, Name: name, Path: file, label: x.label()})
	return nil
}

func (x *execution) addAttachment(c command.Command) error {
	kind, _ := c.Properties.Get("type")
	name, _ := c.Properties.Get("name")
	return x.attach(kind, name, c.Data)
}

func (x *execution) uploadSummary(c command.Command) error {
	if c.Data == "" {
		return agentErrorf("Cannot upload summary file, summary file location is not specified.")
	}
	return x.attach(summaryType, filepath.Base(c.Data), c.Data)
}

func (x *execution) uploadFile(c command.Command) error {
	if c.Data == "" {
		return agentErrorf("Cannot upload file because file location is not specified.")
	}
	return x.attach("DistributedTask.Core.FileAttachment", filepath.Base(c.Data), c.Data)
}

func (x *execution) uploadLog(c command.Command) error {
	if file := x.hostPath(c.Data); file == "" || !isFile(file) {
		return agentErrorf("Log file path is not provided or file doesn't exist: '%s'", c.Data)
	}
	return x.attach("DistributedTask.Core.Log", "CustomToolLog", c.Data)
}

func (x *execution) uploadArtifact(c command.Command) error {
	name, _ := c.Properties.Get("artifactname")
	folder, _ := c.Properties.Get("containerfolder")
	if name == "" {
		return agentErrorf("Artifact Name is required.")
	}
	if folder == "" {
		folder = name
	}
	file := x.hostPath(c.Data)
	if file == "" {
		return agentErrorf("Artifact location is required.")
	}
	info, err := os.Stat(file)
	if err != nil {
		return agentErrorf("Path does not exist: %s", c.Data)
	}
	if info.IsDir() && !hasFile(file) {
		x.warning(fmt.Sprintf("Directory '%s' is empty. Nothing will be added to build artifact '%s'.", file, name))
		return nil
	}
	x.job.result.Artifacts = append(x.job.result.Artifacts,
		Artifact{Step: x.record.DisplayName, Name: name, Folder: folder, Type: "container", Path: file})
	return nil
}

func hasFile(dir string) bool {
	found := errors.New("found")
	return errors.Is(filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			return found
		}
		return err
	}), found)
}

func (x *execution) associateArtifact(c command.Command) error {
	name, _ := c.Properties.Get("artifactname")
	kind, given := c.Properties.Get("artifacttype")
	if name == "" {
		return agentErrorf("Artifact Name is required.")
	}
	if !given {
		if kind = inferArtifact(c.Data); kind == "" {
			return agentErrorf("Can't infer artifact type from artifact location: %s.", c.Data)
		}
	}
	needsData := slices.ContainsFunc([]string{"container", "filepath", "versioncontrol"}, func(k string) bool {
		return ordinal.Equal(k, kind)
	})
	if needsData && c.Data == "" {
		return agentErrorf("Artifact location is required.")
	}
	x.job.result.Artifacts = append(x.job.result.Artifacts,
		Artifact{Step: x.record.DisplayName, Name: name, Type: strings.ToLower(kind), Path: c.Data})
	return nil
}

// inferArtifact knows shares, server paths and containers by their first letters.
func inferArtifact(location string) string {
	switch {
	case strings.HasPrefix(location, `\\`):
		return "filepath"
	case strings.HasPrefix(location, "$/"), strings.HasPrefix(location, `$\`):
		return "versioncontrol"
	case strings.HasPrefix(location, "#"):
		return "container"
	default:
		return ""
	}
}

func (x *execution) updateBuildNumber(c command.Command) error {
	if c.Data == "" {
		return agentErrorf("Build number is required.")
	}
	x.vars.Set("Build.BuildNumber", c.Data, variables.Options{})
	return nil
}

func (x *execution) addBuildTag(c command.Command) error {
	tag := strings.TrimSpace(c.Data)
	if tag == "" {
		return agentErrorf("Build tag is required.")
	}
	if !slices.Contains(x.job.result.Tags, tag) {
		x.job.result.Tags = append(x.job.result.Tags, tag)
	}
	return nil
}

// setEndpoint changes a connection for the steps to come.
func (x *execution) setEndpoint(c command.Command) error {
	field, _ := c.Properties.Get("field")
	id, _ := c.Properties.Get("id")
	key, _ := c.Properties.Get("key")
	switch {
	case c.Data == "":
		return agentErrorf("Enter a valid value for setendpoint.")
	case field == "":
		return agentErrorf("Required field 'field' is missing in ##vso[task.setendpoint] command.")
	}
	auth := ordinal.Equal(field, "authParameter")
	if auth {
		x.maskSecret(fmt.Sprintf("the parameter %q of the endpoint %s", key, id), c.Data)
	}
	id = strings.ToLower(id)
	if !guidPattern.MatchString(id) {
		return agentErrorf("Required field 'id' is missing in ##vso[task.setendpoint] command, " +
			"or is an invalid endpoint id.")
	}
	if id == emptyGUID {
		x.warning("Modification of system endpoint '" + systemConnection + "' is not allowed via setendpoint command.")
		return nil
	}
	i := slices.IndexFunc(x.Endpoints, func(e Endpoint) bool { return e.ID == id })
	switch {
	case i < 0:
		return agentErrorf("Service connection with id '%s' is not declared in the pipeline job "+
			"and therefore can't be referenced in task.setendpoint commands.", id)
	case ordinal.Equal(field, "url"):
		if u, err := url.Parse(c.Data); err != nil || !u.IsAbs() {
			return agentErrorf("Invalid endpoint Url.")
		}
		x.Endpoints[i].URL = c.Data
	case key == "":
		return agentErrorf("Required field 'key' is missing in ##vso[task.setendpoint] command.")
	case auth:
		put(&x.Endpoints[i].Auth.Parameters, key, c.Data)
	case ordinal.Equal(field, "dataParameter"):
		put(&x.Endpoints[i].Data, key, c.Data)
	default:
		return agentErrorf("Invalid endpoint field. Valid values are url, dataParameter and authParameter")
	}
	return nil
}

func put(m *map[string]string, key, value string) {
	if *m == nil {
		*m = map[string]string{}
	}
	(*m)[key] = value
}

// repositoryPath makes a path inside the sources relative to them.
func (x *execution) repositoryPath(file string) string {
	if rel, ok := strings.CutPrefix(file, x.layout.sources+string(filepath.Separator)); ok {
		return filepath.ToSlash(rel)
	}
	return file
}
