package keyvaultenv

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/build/localagent/command"
	"github.com/guardrails-ci/guardrails/build/localagent/mask"
	"github.com/guardrails-ci/guardrails/shared/adotest"
	"github.com/guardrails-ci/guardrails/shared/azuretest"
	"github.com/guardrails-ci/guardrails/shared/task"
)

const (
	connectionID = "1e2d3c4b-0000-4111-8222-abcdefabcdef"
	projectID    = "5f0b7a11-2222-4333-8444-555566667777"
	jobID        = "12f1170f-54f2-53f3-20dd-22fc7dff55f9"
	jobToken     = "eyJhbGciOiJub25lIn0.job-token-of-the-test.c2ln"
	vaultName    = "contoso-kv"
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
	log    string            // of the last stage, as it was written
	secret map[string]string // the secret variables that are set
	public map[string]string // the others
}

func newJob(t *testing.T) *job {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	j := &job{
		t: t, root: root, stop: t.Context(), now: time.Now().UTC().Truncate(time.Second), masker: &mask.Masker{},
		secret: map[string]string{}, public: map[string]string{},
	}
	j.server = adotest.New(adotest.Config{Organization: "contoso", Token: jobToken, Project: adotest.Project{
		ID: projectID, Name: "shop", Runs: []adotest.Run{{ID: 100, Definition: 7}},
		Definitions: []adotest.Definition{{ID: 7, Name: "shop-ci"}},
	}})
	j.cloud = azuretest.NewCloud(t, func(c *azuretest.Config) { c.DevOps = j.server })
	j.vault = j.cloud.Vault(vaultName)
	j.env = map[string]string{
		"AGENT_TEMPDIRECTORY": j.path("work/_temp"), "PIPELINE_WORKSPACE": j.path("work/1"),
		"BUILD_SOURCESDIRECTORY": j.path("work/1/s"), "SYSTEM_DEFAULTWORKINGDIRECTORY": j.path("work/1/s"),
		"BUILD_ARTIFACTSTAGINGDIRECTORY": j.path("work/1/a"), "SYSTEM_HOSTTYPE": "build",
		"SYSTEM_COLLECTIONURI": "https://dev.azure.com/contoso/", "SYSTEM_TEAMPROJECTID": projectID,
		"SYSTEM_COLLECTIONID": "c0", "SYSTEM_JOBID": jobID, "SYSTEM_TASKINSTANCEID": "1f", "BUILD_BUILDID": "100",
		"TASK_DISPLAYNAME": "Secrets", "HOME": j.path("home"), "USERPROFILE": j.path("home"), "PATH": os.Getenv("PATH"),
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

		"INPUT_CONNECTEDSERVICENAME": connectionID, "INPUT_KEYVAULTNAME": vaultName, "INPUT_SCAN": "logs, paths, artifacts",
	}
	for _, entry := range j.cloud.AgentEnv() {
		name, value, _ := strings.Cut(entry, "=")
		j.env[name] = value
	}
	for _, dir := range []string{"work/_temp", "work/1/s", "work/1/a", "home"} {
		j.must(os.MkdirAll(j.path(dir), 0o755))
	}
	return j
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

// input sets an input of the step.
func (j *job) input(name, value string) *job {
	j.env["INPUT_"+strings.ToUpper(name)] = value
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
	j.server.Update(func(p *adotest.Project) {
		run := &p.Runs[0]
		id := len(run.Logs) + 1
		var masked []string
		for line := range strings.Lines(text) {
			masked = append(masked, "2026-03-01T12:00:00.1234567Z "+j.masker.Mask(strings.TrimSuffix(line, "\n"))+"\n")
		}
		run.Logs = append(run.Logs, adotest.Log{ID: id, Text: strings.Join(masked, "")})
		if len(run.Records) == 0 {
			run.Records = append(run.Records, adotest.Record{ID: jobID, Type: "Job", Name: "Build", State: "inProgress"})
		}
		run.Records = append(run.Records, adotest.Record{
			ID: "00000000-0000-0000-0000-" + strings.Repeat("0", 11) + string(rune('0'+id)), ParentID: jobID, Type: "Task",
			Name: step, State: "completed", Result: "succeeded", LogID: id, Order: id,
		})
	})
	return j
}

// run runs one stage and returns its result as the agent is told.
func (j *job) run(stage string) string {
	j.t.Helper()
	var environ []string
	for name, value := range j.env {
		environ = append(environ, name+"="+value)
	}
	var out strings.Builder
	clock := j.now
	status := task.Exec(task.World{
		Args: []string{stage}, Environ: environ, Stdout: &out, Stop: j.stop, Grace: 10 * time.Second,
		Now: func() time.Time { clock = clock.Add(time.Millisecond); return clock },
	}, Task)
	j.log = out.String()
	j.obey()
	result := regexp.MustCompile(`##vso\[task\.complete result=(\w+)`).FindStringSubmatch(j.log)
	if status != 0 || result == nil {
		j.t.Fatalf("%s ended with status %d and log\n%s", stage, status, j.log)
	}
	return result[1]
}

// obey does what the log commands.
func (j *job) obey() {
	for line := range strings.Lines(j.log) {
		c, ok := command.Parse(strings.TrimSuffix(line, "\n"), true)
		if !ok || c.Area != "task" {
			continue
		}
		name, _ := c.Properties.Get("variable")
		switch c.Event {
		case "setsecret":
			j.masker.Add(c.Data)
		case "settaskvariable":
			j.env["VSTS_TASKVARIABLE_"+strings.ToUpper(strings.ReplaceAll(name, ".", "_"))] = c.Data
		case "setvariable":
			if secret, _ := c.Properties.Get("issecret"); secret == "true" {
				j.masker.Add(c.Data)
				j.secret[name] = c.Data
				continue
			}
			j.public[name] = c.Data
			j.env[strings.ToUpper(strings.ReplaceAll(name, ".", "_"))] = c.Data
		}
	}
}

// debugLine is one that only shows if the pipeline is debugged, and command one that
// nobody sees.
var unseen = regexp.MustCompile(`(?m)^##vso\[task\.(debug|setsecret|setvariable|settaskvariable)[^\]]*\].*\n`)

// expect runs a stage and checks its result and what stands in its log, commands aside;
// texts that begin with ! must not stand there.
func (j *job) expect(stage, result string, texts ...string) *job {
	j.t.Helper()
	if got := j.run(stage); got != result {
		j.t.Errorf("%s ended as %s, want %s; log:\n%s", stage, got, result, j.log)
	}
	shown := unseen.ReplaceAllString(j.log, "")
	for _, text := range texts {
		unwanted, not := strings.CutPrefix(text, "!")
		if strings.Contains(shown, unwanted) == not {
			j.t.Errorf("%s: in the log, %q: %v, want %v; log:\n%s", stage, unwanted, not, !not, j.log)
		}
	}
	return j
}

// nothingSet checks that no variable is set but the task's own.
func (j *job) nothingSet() {
	j.t.Helper()
	if len(j.secret) > 0 {
		j.t.Errorf("secret variables are set: %q", slices.Sorted(maps.Keys(j.secret)))
	}
	for name := range j.public {
		if name != maskedForms {
			j.t.Errorf("the variable %s is set", name)
		}
	}
}

func TestVariables(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	j.vault.Set("orders-db", "postgres://app:p%40ss-word1@db.contoso.com/orders")
	j.vault.Set("pem", "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----\n")
	j.input("secrets", "DATABASE_URL=orders-db\nKEY=pem").
		expect("main", "Succeeded", "Fetching 2 secrets", "Masked: 2 secrets", "!p%40ss", "!MIIEvQ")
	if got, want := j.secret["DATABASE_URL"], "postgres://app:p%40ss-word1@db.contoso.com/orders"; got != want {
		t.Errorf("DATABASE_URL = %q, want %q", got, want)
	}
	if got := j.public["SYSTEM_UNSAFEALLOWMULTILINESECRET"]; got != "false" {
		t.Errorf("the switch for secrets of several lines is left %q, want false", got)
	}
	const line = "login app p@ss-word1 at db.contoso.com/orders: MIIEvQIBADANBgkq"
	if got, want := j.masker.Mask(line), "login app *** at db.contoso.com/orders: ***"; got != want {
		t.Errorf("the agent shows %q, want %q", got, want)
	}
	j.printed("Test", line+"\n").expect("post", "Succeeded", "No secret found")
}

func TestLeaks(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	j.vault.Set("orders-db", "postgres://app:p%40ss-word1@db.contoso.com/orders")
	j.input("secrets", "DATABASE_URL=orders-db").expect("main", "Succeeded")
	j.printed("Test", "login p@ss-\x1b[31mword1\n")
	j.write("work/1/a/out.txt", "password=p@ss-word1\n")
	j.expect("post", "Failed", "log of Build / Test, line 1", "out.txt, line 1", "Rotate:", "!p@ss", "!word1")
}

func TestPlainVariable(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	j.vault.Set("orders-db", "Server=db;Password=Autumn-2025/reset;User ID=app")
	j.variable("DB_PASSWORD", "Autumn-2025/reset").input("secrets", "DATABASE_URL=orders-db").
		expect("main", "Failed", "the plain variable DB_PASSWORD holds the value of the secret orders-db", "!Autumn")
	j.nothingSet()
}
