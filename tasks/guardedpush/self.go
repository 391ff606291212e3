package guardedpush

import (
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/task"
)

// pipelineRun is the run that this step belongs to.
type pipelineRun struct {
	organization, project string
	definition            int    // 0 if not known
	name                  string // of the pipeline
	id                    int    // of the run
	number                string
	reason                string // individualCI, manual, ...: as Build.Reason has it
	branch                string
	release               bool // a classic release: the list of builds has nothing of it
	url                   string
}

func thisRun(env *task.Env) pipelineRun {
	collection := strings.TrimSuffix(env.Var("System.CollectionUri"), "/")
	r := pipelineRun{
		organization: organization(collection), project: env.Var("System.TeamProject"),
		name: env.Var("Build.DefinitionName"), number: env.Var("Build.BuildNumber"),
		reason: env.Var("Build.Reason"), branch: env.Var("Build.SourceBranch"),
		definition: number(env.Var("System.DefinitionId")), id: number(env.Var("Build.BuildId")),
	}
	if strings.EqualFold(env.Var("System.HostType"), "release") {
		r.release = true
		r.name, r.number = env.Var("Release.DefinitionName"), env.Var("Release.ReleaseName")
		r.definition, r.id = number(env.Var("Release.DefinitionId")), number(env.Var("Release.ReleaseId"))
		r.url = env.Var("Release.ReleaseWebURL")
		return r
	}
	if collection != "" && r.project != "" {
		r.url = collection + "/" + url.PathEscape(r.project) + "/_build/results?buildId=" + strconv.Itoa(r.id)
	}
	return r
}

// organization is the name in https://dev.azure.com/name, https://name.visualstudio.com
// or https://server/tfs/name.
func organization(collection string) string {
	u, err := url.Parse(collection)
	if err != nil {
		return ""
	}
	if name := path.Base(u.Path); name != "." && name != "/" {
		return name
	}
	name, _, _ := strings.Cut(u.Hostname(), ".")
	return name
}

// number is 0 for what is none.
func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// pipeline names the pipeline, the same in all its runs and unlike any other's.
func (r pipelineRun) pipeline() string {
	return r.organization + "/" + r.project + "/" + r.key()
}

// key names the pipeline within the organization.
func (r pipelineRun) key() string {
	if r.release {
		return "release-" + strconv.Itoa(r.definition)
	}
	return strconv.Itoa(r.definition)
}
