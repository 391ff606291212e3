package keyvaultenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/build/localagent/mask"
	"github.com/guardrails-ci/guardrails/shared/adotest"
	"github.com/guardrails-ci/guardrails/shared/azuretest"
)

const (
	connectionID = "1e2d3c4b-0000-4111-8222-abcdefabcdef"
	projectID    = "5f0b7a11-2222-4333-8444-555566667777"
	jobID        = "12f1170f-54f2-53f3-20dd-22fc7dff55f9"
	stepID       = "00000000-0000-0000-0000-0000000000ff"
	// It looks like one, and is none.
	jobToken = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJuYW1laWQiOiJqb2IiLCJzY3AiOiJhcHBfdG9rZW4ifQ." +
		"S1THk3Qm9vX2lzX25vX3NpZ25hdHVyZV9hdF9hbGxfYnV0X2xvbmdfZW5vdWdo"
	testVault = "contoso-kv"
)

// job is an agent with one step of the task, in this process: it has a job's folders, a
// cloud and an organization, carries variables from stage to stage, and masks as an
// agent does.
type job struct {
	t      *testing.T
	root   string
	env    map[string]string
	cloud  *azuretest.Cloud
	vault  *azuretest.Vault
	server *adotest.Server
	masker *mask.Masker
	stop   context.Context
	now    time.Time
	tick   time.Duration     // how long each look at the clock takes
	log    string            // of the last stage, as it was written
	secret map[string]string // the secret variables that are set
	public map[string]string // the others
	// watch is told what is printed, as it is.
	watch func(text string)
}

// Write takes the log of a stage.
func (j *job) Write(p []byte) (int, error) {
	j.log += string(p)
	if j.watch != nil {
		j.watch(string(p))
	}
	return len(p), nil
}

func newJob(t *testing.T, change ...func(*azuretest.Config)) *job {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	j := &job{
		t: t, root: root, stop: t.Context(), now: time.Now().UTC().Truncate(time.Second), tick: time.Millisecond,
		masker: &mask.Masker{}, secret: map[string]string{}, public: map[string]string{},
	}
	j.server = adotest.New(adotest.Config{Organization: "contoso", Token: jobToken, Project: adotest.Project{
		ID: projectID, Name: "shop", Runs: []adotest.Run{{ID: 100, Definition: 7, Revision: 1, Records: []adotest.Record{
			{ID: jobID, Type: "Job", Name: "Build", State: "inProgress"},
			{
				ID: recordID(900), ParentID: jobID, Type: "Task", Name: "Initialize job", State: "completed",
				Result: "succeeded", LogID: 900,
			},
			{
				ID: recordID(901), ParentID: jobID, Type: "Task", Name: "Post-job: Secrets", State: "inProgress",
				Order: postOrder,
			},
		}, Logs: []adotest.Log{{ID: 900, Text: "Agent name: test\n"}}}},
		Definitions: []adotest.Definition{{ID: 7, Revision: 1, Name: "shop-ci"}},
	}})
	devOps := func(c *azuretest.Config) { c.DevOps = j.server }
	j.cloud = azuretest.NewCloud(t, append(change, devOps)...)
	j.vault = j.cloud.Vault(testVault)
	j.env = j.environment()
	for _, entry := range j.cloud.AgentEnv() {
		name, value, _ := strings.Cut(entry, "=")
		j.env[name] = value
	}
	for _, dir := range []string{"work/_temp", "work/1/s", "work/1/a", "home"} {
		j.must(os.MkdirAll(j.path(dir), 0o755))
	}
	return j
}

// environment is what an agent tells a step, and the service connection.
func (j *job) environment() map[string]string {
	return map[string]string{
		"AGENT_TEMPDIRECTORY": j.path("work/_temp"), "PIPELINE_WORKSPACE": j.path("work/1"),
		"BUILD_SOURCESDIRECTORY": j.path("work/1/s"), "SYSTEM_DEFAULTWORKINGDIRECTORY": j.path("work/1/s"),
		"BUILD_ARTIFACTSTAGINGDIRECTORY": j.path("work/1/a"), "SYSTEM_HOSTTYPE": "build",
		"SYSTEM_COLLECTIONURI": "https://dev.azure.com/contoso/", "SYSTEM_TEAMPROJECTID": projectID,
		"SYSTEM_COLLECTIONID": "c0", "SYSTEM_JOBID": jobID, "SYSTEM_TASKINSTANCEID": stepID, "BUILD_BUILDID": "100",
		"TASK_DISPLAYNAME": "Secrets", "HOME": j.path("home"), "USERPROFILE": j.path("home"),
		"PATH": os.Getenv("PATH"), "SYSTEMROOT": os.Getenv("SYSTEMROOT"),
		"VSTS_PUBLIC_VARIABLES": `["Build.BuildId"]`, "BUILD_REQUESTEDFOR": "Jo Doe",

		"ENDPOINT_URL_SYSTEMVSSCONNECTION":                        "https://dev.azure.com/contoso/",
		"ENDPOINT_AUTH_SYSTEMVSSCONNECTION":                       `{"parameters":{"AccessToken":"` + jobToken + `"},"scheme":"OAuth"}`,
		"ENDPOINT_AUTH_SCHEME_SYSTEMVSSCONNECTION":                "OAuth",
		"ENDPOINT_AUTH_PARAMETER_SYSTEMVSSCONNECTION_ACCESSTOKEN": jobToken,

		"ENDPOINT_URL_" + connectionID:                                     "https://management.azure.com/",
		"ENDPOINT_AUTH_SCHEME_" + connectionID:                             "ServicePrincipal",
		"ENDPOINT_AUTH_PARAMETER_" + connectionID + "_TENANTID":            j.cloud.Tenant(),
		"ENDPOINT_AUTH_PARAMETER_" + connectionID + "_SERVICEPRINCIPALID":  j.cloud.App().ID,
		"ENDPOINT_AUTH_PARAMETER_" + connectionID + "_SERVICEPRINCIPALKEY": j.cloud.App().Secret,

		"INPUT_CONNECTEDSERVICENAME": connectionID, "INPUT_KEYVAULTNAME": testVault,
		"INPUT_SCAN": "logs, paths, artifacts",
	}
}

func (j *job) path(name string) string { return filepath.Join(j.root, filepath.FromSlash(name)) }

func (j *job) must(err error) {
	j.t.Helper()
	if err != nil {
		j.t.Fatal(err)
	}
}

func (j *job) write(name, content string) {
	j.t.Helper()
	j.must(errors.Join(os.MkdirAll(filepath.Dir(j.path(name)), 0o755), os.WriteFile(j.path(name), []byte(content), 0o600)))
}

func (j *job) read(name string) string {
	j.t.Helper()
	data, err := os.ReadFile(j.path(name))
	j.must(err)
	return string(data)
}

// files are the files below a folder, by their paths from there; links are none.
func (j *job) files(name string) []string {
	j.t.Helper()
	var all []string
	j.must(filepath.WalkDir(j.path(name), func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			rel, _ := filepath.Rel(j.path(name), path)
			all = append(all, filepath.ToSlash(rel))
		}
		return err
	}))
	return all
}

// sealed are the files that the step has kept for its post stage.
func (j *job) sealed() []string {
	j.t.Helper()
	found, err := filepath.Glob(j.path("work/_temp/guardrails/*.sealed"))
	j.must(err)
	return found
}

// input sets an input of the step.
func (j *job) input(name, value string) *job {
	j.env["INPUT_"+strings.ToUpper(name)] = value
	return j
}

// inputs sets several: name, value, name, value, ...
func (j *job) inputs(pairs ...string) *job {
	for i := 0; i < len(pairs); i += 2 {
		j.input(pairs[i], pairs[i+1])
	}
	return j
}

// variable sets a public variable of the job.
func (j *job) variable(name, value string) *job {
	j.env[strings.ToUpper(strings.ReplaceAll(name, ".", "_"))] = value
	j.env["VSTS_PUBLIC_VARIABLES"] = strings.Replace(j.env["VSTS_PUBLIC_VARIABLES"], "]", `,"`+name+`"]`, 1)
	return j
}

// printed adds a finished step to the run, with what it has printed, masked as the
// agent masks it.
func (j *job) printed(step, text string) *job {
	var masked []string
	for line := range strings.Lines(text) {
		masked = append(masked, "2026-03-01T12:00:00.1234567Z "+j.masker.Mask(strings.TrimSuffix(line, "\n"))+"\n")
	}
	return j.logged(step, strings.Join(masked, ""))
}

// postOrder is the place of our post stage among the steps.
const postOrder = 1000

// logged adds a finished step to the run, with its log as it is.
func (j *job) logged(step, text string) *job {
	j.server.Update(func(p *adotest.Project) {
		run := &p.Runs[0]
		id := len(run.Logs)
		run.Logs = append(run.Logs, adotest.Log{ID: id, Text: text})
		run.Records = append(run.Records, adotest.Record{
			ID: recordID(id), ParentID: jobID, Type: "Task", Name: step, State: "completed", Result: "succeeded",
			LogID: id, Order: id,
		})
	})
	return j
}

// record adds a line to the timeline of the run.
func (j *job) record(r adotest.Record) *job {
	j.server.Update(func(p *adotest.Project) {
		run := &p.Runs[0]
		if r.ID == "" {
			r.ID = recordID(100 + len(run.Records))
		}
		if r.State == "pending" && r.Order == 0 {
			r.Order = postOrder + 1 // steps that have not begun come after the scan
		}
		run.Records = append(run.Records, r)
	})
	return j
}

// recordOf is a record of the run, below our job if it is of a step.
func recordOf(kind, name, state string) adotest.Record {
	r := adotest.Record{Type: kind, Name: name, State: state, ParentID: jobID}
	if kind == "Job" {
		r.ParentID = recordID(999)
	}
	return r
}

func recordID(n int) string { return fmt.Sprintf("00000000-0000-0000-0000-%012d", n) }
