package agent

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/build/localagent/command"
)

const (
	jobStatusVariable = "agent.jobstatus"
	lookupVariable    = "VSTS_PROCESS_LOOKUP_ID"
	// agentVersion is the release of the agent that is imitated.
	agentVersion = "5.278.0"
	localGUID    = "00000000-0000-0000-0000-000000000001"
)

// checkout is what is known about the sources.
type checkout struct {
	name, uri, branch, version, message, author string
}

// readCheckout asks git about dir. Where dir is no repository, or there is no
// git, the facts are those of an empty one.
func readCheckout(dir string, environ []string) checkout {
	c := checkout{name: "local", branch: "refs/heads/main", version: strings.Repeat("0", 40)}
	if dir == "" {
		return c
	}
	if abs, err := filepath.Abs(dir); err == nil {
		c.name, c.uri = filepath.Base(abs), (&url.URL{Scheme: "file", Path: filepath.ToSlash(abs)}).String()
	}
	git := func(args ...string) string {
		cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
		cmd.Env = environ
		out, err := cmd.Output()
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(out))
	}
	if version := git("rev-parse", "--verify", "--quiet", "HEAD"); version != "" {
		c.version = version
	}
	if branch := git("symbolic-ref", "--quiet", "HEAD"); branch != "" {
		c.branch = branch
	}
	if remote := git("remote", "get-url", "origin"); remote != "" {
		c.uri = withoutUser(remote)
		c.name = strings.TrimSuffix(path.Base(strings.TrimSuffix(c.uri, "/")), ".git")
	}
	c.message, c.author = git("log", "-1", "--format=%s"), git("log", "-1", "--format=%an <%ae>")
	return c
}

// withoutUser drops the name and password from a URL.
func withoutUser(remote string) string {
	u, err := url.Parse(remote)
	if err != nil || u.User == nil {
		return remote
	}
	u.User = nil
	return u.String()
}

// jobVariables are the variables that the server and the agent give every job.
func jobVariables(o *Options, l *layout, c checkout, now time.Time) []pair {
	server := systemEndpoint(o.Endpoints).URL
	buildNumber := now.Format("20060102") + ".1"
	host, _ := os.Hostname()
	home := filepath.Dir(l.work)
	definition := strings.TrimSuffix(filepath.Base(o.File), filepath.Ext(o.File))
	who := userName()
	return append(agentVariables(l, host, home), []pair{
		{"System.HostType", "build"}, {"System.Culture", "en-US"}, {"System.ServerType", "Hosted"},
		{"System.WorkFolder", l.work}, {"System.DefaultWorkingDirectory", l.sources},
		{"System.ArtifactsDirectory", l.artifacts},
		{"System.IsAzureVM", "0"}, {"System.IsDockerContainer", "0"},
		{"System.CollectionId", localGUID}, {"System.CollectionUri", server},
		{"System.TeamFoundationCollectionUri", server}, {"System.TeamFoundationServerUri", server},
		{"System.TaskDefinitionsUri", server},
		{"System.TeamProject", "local"}, {"System.TeamProjectId", localGUID},
		{"System.DefinitionId", "1"}, {"System.DefinitionName", command.Deactivate(definition)},
		{"System.PlanId", localGUID}, {"System.TimelineId", localGUID}, {"System.JobId", localGUID},
		{"System.JobName", "Job"}, {"System.JobDisplayName", "Job"}, {"System.JobIdentifier", "Job"},
		{"System.JobAttempt", "1"}, {"System.PhaseName", "Job"}, {"System.PhaseDisplayName", "Job"},
		{"System.PhaseAttempt", "1"}, {"System.StageName", "__default"}, {"System.StageDisplayName", "__default"},
		{"System.StageAttempt", "1"},
		{"System.OidcRequestUri", strings.TrimSuffix(server, "/") + "/" + localGUID +
			"/_apis/distributedtask/hubs/build/plans/" + localGUID + "/jobs/" + localGUID + "/oidctoken"},
		{"Pipeline.Workspace", l.workspace}, {"Common.TestResultsDirectory", l.results},
		{"Build.SourcesDirectory", l.sources}, {"Build.StagingDirectory", l.artifacts},
		{"Build.ArtifactStagingDirectory", l.artifacts}, {"Build.BinariesDirectory", l.binaries},
		{"Build.Repository.LocalPath", l.sources}, {"Build.Repository.Name", c.name},
		{"Build.Repository.ID", localGUID}, {"Build.Repository.Provider", "Git"}, {"Build.Repository.Uri", c.uri},
		{"Build.Repository.Clean", "False"}, {"Build.Repository.Git.SubmoduleCheckout", "False"},
		{"Build.SourceBranch", c.branch}, {"Build.SourceBranchName", path.Base(c.branch)},
		{"Build.SourceVersion", c.version}, {"Build.SourceVersionMessage", command.Deactivate(c.message)},
		{"Build.SourceVersionAuthor", command.Deactivate(c.author)},
		{"Build.BuildId", strconv.Itoa(buildID)}, {"Build.BuildNumber", buildNumber},
		{"Build.BuildUri", "vstfs:///Build/Build/" + strconv.Itoa(buildID)},
		{"Build.ContainerId", "1"}, {"Build.DefinitionName", command.Deactivate(definition)},
		{"Build.DefinitionVersion", "1"},
		{"Build.Reason", "Manual"}, {"Build.QueuedBy", who}, {"Build.RequestedFor", who},
		{"GIT_TERMINAL_PROMPT", "0"},
	}...)
}

func agentVariables(l *layout, host, home string) []pair {
	return []pair{
		{"Agent.Id", "1"}, {"Agent.HomeDirectory", home}, {"Agent.JobName", "Job"}, {"Agent.CloudId", ""},
		{"Agent.IsSelfHosted", "1"}, {"Agent.MachineName", host}, {"Agent.Name", "localagent"},
		{"Agent.OS", operatingSystem(runtime.GOOS)}, {"Agent.OSArchitecture", architecture(runtime.GOARCH)},
		{"Agent.RootDirectory", l.work}, {"Agent.WorkFolder", l.work}, {"Agent.BuildDirectory", l.workspace},
		{"Agent.ToolsDirectory", l.tools}, {"Agent.TempDirectory", l.temp}, {"Agent.Version", agentVersion},
		{"Agent.ReadOnlyVariables", "false"},
	}
}

func userName() string {
	if u, err := user.Current(); err == nil {
		return command.Deactivate(u.Username)
	}
	return "unknown"
}

// operatingSystem is the agent's word (VarUtil.cs).
func operatingSystem(goos string) string {
	switch goos {
	case "windows":
		return "Windows_NT"
	case "darwin":
		return "Darwin"
	default:
		return "Linux"
	}
}

func architecture(goarch string) string {
	if name, ok := map[string]string{"386": "X86", "amd64": "X64", "arm": "ARM", "arm64": "ARM64"}[goarch]; ok {
		return name
	}
	return fmt.Sprintf("unknown (%s)", goarch)
}
