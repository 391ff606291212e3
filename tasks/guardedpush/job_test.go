package guardedpush

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/adotest"
	"github.com/guardrails-ci/guardrails/shared/gittest"
	"github.com/guardrails-ci/guardrails/shared/task"
)

const (
	jobToken   = "the-jobs-own-token-1234567890"
	shopID     = "4c1d0304-a209-464e-b614-7a0f593fe799"
	configID   = "5d2e1415-b31a-4750-8725-8b1f604ff8aa"
	configRepo = "local/Shop/_git/config"
	thisID     = 100 // of the run
	definition = 12
)

// startOfTests is when every step starts, unless a test says otherwise.
var startOfTests = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// job is an agent with one step of the task, in this process, and the servers that it
// talks to: Azure DevOps with a repository "config".
type job struct {
	t      *testing.T
	root   string // the agent's folder
	env    map[string]string
	git    *gittest.Server
	lfs    *gittest.LFS // before git
	devops *adotest.Server
	hooks  *hooks
	url    string // of the collection
	stop   context.Context
	now    time.Time
	// served is what the server says the time is; nil: it does not.
	served *atomic.Pointer[time.Time]
	log    string // as it was written
	result string
	waits  []time.Duration // before something was tried again
}

// sleep waits in no time.
func (j *job) sleep(ctx context.Context, wait time.Duration) error {
	j.waits = append(j.waits, wait)
	return ctx.Err()
}

// hooks takes alerts.
type hooks struct {
	mu     sync.Mutex
	bodies []string
	status int
}

func (h *hooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body strings.Builder
	_ = r.Write(&body)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bodies = append(h.bodies, body.String())
	w.WriteHeader(max(h.status, http.StatusOK))
}

// Write takes the log.
func (j *job) Write(p []byte) (int, error) {
	j.log += string(p)
	return len(p), nil
}

// newJob is a job, started by a person, in a pipeline whose repository has the files.
func newJob(t *testing.T, files map[string]string) *job {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	j := &job{t: t, root: root, stop: t.Context(), now: startOfTests, hooks: &hooks{}, served: new(atomic.Pointer[time.Time])}
	j.git, err = gittest.New(gittest.Config{Token: jobToken})
	j.must(err)
	t.Cleanup(func() { _ = j.git.Close() })
	j.must(j.git.CreateRepo(configRepo, files))
	j.lfs = gittest.NewLFS(j.git)
	j.devops = adotest.New(adotest.Config{Token: jobToken, Project: adotest.Project{
		ID: shopID, Name: "Shop", Definitions: []adotest.Definition{{ID: definition, Revision: 1, Name: "deploy"}},
		Runs: []adotest.Run{{
			ID: thisID, Definition: definition, Number: "20261123.4", Branch: "refs/heads/main", Queued: j.now.Add(-time.Minute),
		}},
		Repositories: map[string]string{configID: "config"},
	}})
	mux := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Date"] = nil // that of this machine
		if now := j.served.Load(); now != nil {
			w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
		}
		switch {
		case strings.Contains(r.URL.Path, "/_git/"):
			j.lfs.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, "/hooks/"):
			j.hooks.ServeHTTP(w, r)
		default:
			j.devops.ServeHTTP(w, r)
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	j.url = server.URL + "/local/"
	j.env = map[string]string{
		"AGENT_TEMPDIRECTORY": j.path("work/_temp"), "BUILD_SOURCESDIRECTORY": j.path("work/1/s"),
		"SYSTEM_DEFAULTWORKINGDIRECTORY": j.path("work/1/s"), "SYSTEM_HOSTTYPE": "build", "SYSTEM_SERVERTYPE": "Hosted",
		"SYSTEM_COLLECTIONURI": j.url, "SYSTEM_TEAMPROJECT": "Shop", "SYSTEM_TEAMPROJECTID": shopID,
		"SYSTEM_DEFINITIONID": strconv.Itoa(definition), "BUILD_DEFINITIONNAME": "deploy",
		"BUILD_BUILDID": strconv.Itoa(thisID), "BUILD_BUILDNUMBER": "20261123.4", "BUILD_REASON": "Manual",
		"BUILD_SOURCEBRANCH": "refs/heads/main", "SYSTEM_TASKINSTANCEID": "1f",
		"ENDPOINT_URL_SYSTEMVSSCONNECTION":  j.url,
		"ENDPOINT_AUTH_SYSTEMVSSCONNECTION": `{"scheme":"OAuth","parameters":{"AccessToken":"` + jobToken + `"}}`,
		"HOME":                              j.path("home"), "USERPROFILE": j.path("home"),
		"PATH": os.Getenv("PATH"), "SYSTEMROOT": os.Getenv("SYSTEMROOT"),
	}
	for _, dir := range []string{"work/_temp", "work/1/s", "home"} {
		j.must(os.MkdirAll(j.path(dir), 0o755))
	}
	return j.input("repository", j.repo(), "branch", "main")
}

func (j *job) path(name string) string { return filepath.Join(j.root, filepath.FromSlash(name)) }

// repo is the address of the repository.
func (j *job) repo() string { return j.url + strings.TrimPrefix(configRepo, "local/") }

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

// checkout makes the sources folder a checkout of the repository's main, as an agent
// leaves it: shallow and detached.
func (j *job) checkout() *job {
	j.t.Helper()
	dir := j.path("work/1/s")
	j.shell(dir, "git", "init", "-q")
	j.shell(dir, "git", "remote", "add", "origin", j.repo())
	j.shell(dir, "git", "-c", "http.extraheader=Authorization: bearer "+jobToken, "fetch", "-q", "--depth=1",
		"origin", "+refs/heads/main:refs/remotes/origin/main")
	j.shell(dir, "git", "checkout", "-q", "--force", "refs/remotes/origin/main")
	j.set("BUILD_SOURCEVERSION", strings.TrimSpace(j.shell(dir, "git", "rev-parse", "HEAD")),
		"BUILD_REPOSITORY_LOCALPATH", dir)
	return j.input("repository", "")
}

// shell runs a program for the test itself.
func (j *job) shell(dir string, args ...string) string {
	j.t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + j.root, "GIT_CONFIG_NOSYSTEM=1"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		j.t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return string(out)
}

// write writes a file of the sources.
func (j *job) write(name, text string) *job {
	j.t.Helper()
	path := j.path("work/1/s/" + name)
	j.must(os.MkdirAll(filepath.Dir(path), 0o755))
	j.must(os.WriteFile(path, []byte(text), 0o600))
	return j
}

// run runs the step and returns its result as the agent is told.
func (j *job) run() string {
	j.t.Helper()
	environ := make([]string, 0, len(j.env))
	for name, value := range j.env {
		environ = append(environ, name+"="+value)
	}
	before := j.scratches() // of a step that was killed
	j.log = ""
	if status := task.Exec(task.World{
		Args: []string{"main"}, Environ: environ, Stdout: j, Now: func() time.Time { return j.now }, Stop: j.stop, Grace: time.Minute,
	}, waiting(j.sleep)); status != 0 {
		j.t.Fatalf("the program ended with %d:\n%s", status, j.log)
	}
	match := regexp.MustCompile(`(?m)^##vso\[task\.complete result=(\w+);`).FindStringSubmatch(j.log)
	if match == nil {
		j.t.Fatalf("no result:\n%s", j.log)
	}
	j.silent(jobToken)
	if wrong := append(j.git.Wrong(), j.lfs.Wrong()...); len(wrong) > 0 {
		j.t.Errorf("the git server complains: %q", wrong)
	}
	if left := j.scratches(); len(left) > len(before) {
		j.t.Errorf("left behind: %q", left)
	}
	j.result = match[1]
	return match[1]
}

// want runs the step and compares its result and its outputs "reason" and "pushed".
func (j *job) want(result, reason string) {
	j.t.Helper()
	got := j.run()
	if diff := cmp.Diff([]string{result, reason}, []string{got, j.output("reason")}); diff != "" {
		j.t.Fatalf("result and reason (-want +got):\n%s%s", diff, j.log)
	}
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
	match := regexp.MustCompile(`(?i)##vso\[task\.setvariable variable=` + name + `;[^\]]*\]([^\n]*)`).
		FindStringSubmatch(j.log)
	if match == nil {
		return ""
	}
	return match[1]
}

// remote runs git in the server's repository.
func (j *job) remote(args ...string) string {
	j.t.Helper()
	out, err := j.git.Git(configRepo, args...)
	if err != nil {
		j.t.Fatal(err)
	}
	return out
}

// file is a file of main on the server.
func (j *job) file(name string) string {
	j.t.Helper()
	return j.remote("show", "main:"+name)
}

// history is the subjects of main on the server, newest first.
func (j *job) history() []string {
	j.t.Helper()
	return strings.Split(j.remote("log", "--format=%s", "main"), "\n")
}

// untouched fails the test if anything of the server's repository moves while do runs.
func (j *job) untouched(do func()) {
	j.t.Helper()
	before, err := j.git.Refs(configRepo)
	j.must(err)
	do()
	after, err := j.git.Refs(configRepo)
	j.must(err)
	if !maps.Equal(before, after) {
		j.t.Errorf("refs (-before +after):\n%s%s", cmp.Diff(before, after), j.log)
	}
}
