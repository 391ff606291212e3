package platformbuild

import (
	"context"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/shared/adotest"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
)

const (
	jobToken     = "the-jobs-own-token-1234567890"
	pusher       = "pipeline"
	password     = "registry-password-1234567890"
	connectionID = "2b7d4a10-93f5-4c7e-8a51-0d6e5c1b9f42"
	shopID       = "4c1d0304-a209-464e-b614-7a0f593fe799"
)

// job is an agent with one step of the task, in this process: a checkout, a registry with
// its service connection, and Azure DevOps.
type job struct {
	t        *testing.T
	root     string // the agent's folder
	env      map[string]string
	registry *containertest.Registry
	devops   *adotest.Server
	stop     context.Context
	log      string // as it was written
	result   string
	waits    []time.Duration // before something was tried again
	waited   func()          // is told of a wait; may be nil
	wrote    func(string)    // is told what is written; may be nil
}

// newJob is a job with the files in a checkout, all committed. The registry wants a password.
func newJob(t *testing.T, files map[string]string) *job {
	t.Helper()
	return newJobWith(t, files, containertest.NewRegistry(t, func(c *containertest.Config) {
		c.User, c.Password = pusher, password
	}))
}

func newJobWith(t *testing.T, files map[string]string, registry *containertest.Registry) *job {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	j := &job{t: t, root: root, registry: registry, stop: t.Context()}
	j.devops = adotest.New(adotest.Config{Token: jobToken, Project: adotest.Project{ID: shopID, Name: "Shop"}})
	server := httptest.NewServer(j.devops)
	t.Cleanup(server.Close)
	url := server.URL + "/local/"
	j.env = map[string]string{
		"AGENT_TEMPDIRECTORY": j.path("work/_temp"), "BUILD_SOURCESDIRECTORY": j.path("work/1/s"),
		"SYSTEM_DEFAULTWORKINGDIRECTORY": j.path("work/1/s"), "BUILD_REPOSITORY_LOCALPATH": j.path("work/1/s"),
		"BUILD_REPOSITORY_URI": "https://dev.azure.com/contoso/shop/_git/web", "TF_BUILD": "True",
		"SYSTEM_HOSTTYPE": "build", "SYSTEM_SERVERTYPE": "Hosted", "SYSTEM_COLLECTIONURI": url,
		"SYSTEM_TEAMPROJECT": "Shop", "SYSTEM_TEAMPROJECTID": shopID, "SYSTEM_DEFINITIONID": "12",
		"BUILD_DEFINITIONNAME": "web", "BUILD_BUILDID": "100", "BUILD_BUILDNUMBER": "20261123.4",
		"BUILD_SOURCEBRANCH": "refs/heads/main", "BUILD_SOURCEBRANCHNAME": "main", "SYSTEM_TASKINSTANCEID": "1f",
		"SYSTEM_JOBNAME": "build", "SYSTEM_JOBID": "7a",
		"ENDPOINT_URL_SYSTEMVSSCONNECTION":  url,
		"ENDPOINT_AUTH_SYSTEMVSSCONNECTION": `{"scheme":"OAuth","parameters":{"AccessToken":"` + jobToken + `"}}`,
		"HOME":                              j.path("home"), "USERPROFILE": j.path("home"),
		"PATH": os.Getenv("PATH"), "SYSTEMROOT": os.Getenv("SYSTEMROOT"),
	}
	for _, dir := range []string{"work/_temp", "work/1/s", "home"} {
		j.must(os.MkdirAll(j.path(dir), 0o755))
	}
	j.connect(registry.URL(), pusher, password)
	j.shell("git", "init", "-q", "-b", "main")
	j.write(files).commit()
	return j.input("containerRegistry", connectionID, "repository", "shop/web", "tags", "100")
}

// connect sets the service connection of the registry.
func (j *job) connect(url, user, password string) {
	j.set(
		"ENDPOINT_URL_"+connectionID,
		url,
		"ENDPOINT_AUTH_"+connectionID,
		`{"scheme":"UsernamePassword","parameters":{"registry":"`+url+`","username":"`+user+
			`","password":"`+password+`"}}`,
		"ENDPOINT_AUTH_SCHEME_"+connectionID,
		"UsernamePassword",
		"ENDPOINT_AUTH_PARAMETER_"+connectionID+"_REGISTRY",
		url,
		"ENDPOINT_AUTH_PARAMETER_"+connectionID+"_USERNAME",
		user,
		"ENDPOINT_AUTH_PARAMETER_"+connectionID+"_PASSWORD",
		password,
		"ENDPOINT_DATA_"+connectionID,
		`{"registrytype":"Others"}`,
		"ENDPOINT_DATA_"+connectionID+"_REGISTRYTYPE",
		"Others",
	)
}

// with lets the step find Docker, and daemons that trust the registry.
func (j *job) with(s containertest.Settings) *job {
	j.t.Helper()
	s.Registries = append(s.Registries, j.registry)
	return j.under(containertest.Start(j.t, s))
}

// under lets the step find Docker and daemons that are there.
func (j *job) under(d *containertest.Daemons) *job {
	for _, entry := range d.Env {
		name, value, _ := strings.Cut(entry, "=")
		j.set(name, value)
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

// input sets inputs of the step: name, value, name, value, ...
func (j *job) input(pairs ...string) *job {
	for i := 0; i < len(pairs); i += 2 {
		j.env["INPUT_"+strings.ToUpper(pairs[i])] = pairs[i+1]
	}
	return j
}

// set sets variables of the job, such as BUILD_REASON.
func (j *job) set(pairs ...string) *job {
	for i := 0; i < len(pairs); i += 2 {
		j.env[pairs[i]] = pairs[i+1]
	}
	return j
}

// write writes files of the sources.
func (j *job) write(files map[string]string) *job {
	j.t.Helper()
	for name, text := range files {
		path := j.path("work/1/s/" + name)
		j.must(os.MkdirAll(filepath.Dir(path), 0o755))
		j.must(os.WriteFile(path, []byte(text), 0o755))
	}
	return j
}

// commit commits all files of the sources, and makes that the commit of the run.
func (j *job) commit() *job {
	j.t.Helper()
	j.shell("git", "add", "-A")
	j.shell("git", "-c", "user.name=a", "-c", "user.email=a@b.invalid", "commit", "-q", "--allow-empty", "-m", "work")
	return j.set("BUILD_SOURCEVERSION", j.head())
}

func (j *job) head() string { return strings.TrimSpace(j.shell("git", "rev-parse", "HEAD")) }

// shell runs a program in the sources, for the test itself.
func (j *job) shell(args ...string) string {
	j.t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = j.path("work/1/s")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + j.root, "GIT_CONFIG_NOSYSTEM=1"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		j.t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return string(out)
}

// Write takes the log.
func (j *job) Write(p []byte) (int, error) {
	j.log += string(p)
	if j.wrote != nil {
		j.wrote(string(p))
	}
	return len(p), nil
}

// sleep waits in no time.
func (j *job) sleep(ctx context.Context, wait time.Duration) error {
	j.waits = append(j.waits, wait)
	if j.waited != nil {
		j.waited()
	}
	return ctx.Err()
}

// run runs the step and returns its result as the agent is told.
func (j *job) run() string {
	j.t.Helper()
	var environ []string
	for _, name := range slices.Sorted(maps.Keys(j.env)) {
		environ = append(environ, name+"="+j.env[name])
	}
	j.log = ""
	if status := task.Exec(task.World{
		Args: []string{"main"}, Environ: environ, Stdout: j, Now: time.Now,
		Stop: j.stop, Grace: time.Minute,
	}, waiting(j.sleep)); status != 0 {
		j.t.Fatalf("the program ended with %d:\n%s", status, j.log)
	}
	match := regexp.MustCompile(`(?m)^##vso\[task\.complete result=(\w+);`).FindStringSubmatch(j.log)
	if match == nil {
		j.t.Fatalf("no result:\n%s", j.log)
	}
	for _, secret := range []string{jobToken, password} {
		if strings.Contains(j.printed(), secret) {
			j.t.Errorf("the log has a secret in it:\n%s", j.log)
		}
	}
	left, err := filepath.Glob(j.path("work/_temp/platformbuild-*"))
	j.must(err)
	left = slices.DeleteFunc(left, func(name string) bool { return strings.HasSuffix(name, "-metadata.json") })
	if len(left) > 0 {
		j.t.Errorf("left behind: %q", left)
	}
	j.result = match[1]
	return match[1]
}

// printed is the log as people read it: what is to be masked is not printed.
func (j *job) printed() string {
	return regexp.MustCompile(`(?m)^##vso\[task\.setsecret\].*\n`).ReplaceAllString(j.log, "")
}

// want runs the step and compares its result.
func (j *job) want(result string) {
	j.t.Helper()
	if got := j.run(); got != result {
		j.t.Fatalf("the step ended as %s, want %s:\n%s", got, result, j.log)
	}
}

// refuses runs the step, which must fail by a rule, and must not have given the image a tag.
func (j *job) refuses(rule, says string) {
	j.t.Helper()
	before := j.tags()
	j.want("Failed")
	if !strings.Contains(j.log, rule) {
		j.t.Errorf("the log does not name the rule %q:\n%s", rule, j.log)
	}
	j.says(says)
	if after := j.tags(); !slices.Equal(before, after) {
		j.t.Errorf("tags after a refusal: %q, before %q", after, before)
	}
}

// tags are the tags by which the image can be run.
func (j *job) tags() []string {
	return slices.DeleteFunc(j.registry.Tags("shop/web"), func(tag string) bool {
		return strings.HasPrefix(tag, "buildcache-")
	})
}

// says fails the test if the log does not have a text.
func (j *job) says(texts ...string) {
	j.t.Helper()
	for _, text := range texts {
		if !strings.Contains(j.log, text) {
			j.t.Errorf("the log does not say %q:\n%s", text, j.log)
		}
	}
}

// output is an output variable.
func (j *job) output(name string) string {
	match := regexp.MustCompile(`(?i)##vso\[task\.setvariable variable=` + name + `[;\]][^\n]*`).FindString(j.log)
	_, value, _ := strings.Cut(match, "]")
	return value
}
