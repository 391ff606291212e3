package keyvaultenv

import (
	"context"
	"errors"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/shared/adotest"
)

// TestUnread: what the scan cannot read is a failure, or with enforcement: warn said.
func TestUnread(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*job)
		says   string
	}{
		"timeline, 403": {func(j *job) { j.server.Fail("timeline", -1, adotest.Answer(403, "no")) }, `the job's identity lacks the permission "View builds"`},
		"list, 403":     {func(j *job) { j.server.Fail("logs", -1, adotest.Answer(403, "no")) }, "the job's identity lacks the permission"},
		"log, 404":      {func(j *job) { j.server.Fail("logs", -1, ofLogs(adotest.Answer(404, "gone"))) }, "log of Build / Test: reading log 1 of run 100: Azure DevOps finds no such thing (404)"},
		"log, cut":      {func(j *job) { j.server.Fail("logs", -1, ofLogs(adotest.Cut(10))) }, "it ends before its end"},
		"log, a page":   {func(j *job) { j.server.Fail("logs", -1, ofLogs(adotest.Page(http.StatusOK))) }, "a web page came back"},
		"sign-in page":  {func(j *job) { j.server.Fail("", -1, adotest.Page(http.StatusNonAuthoritativeInfo)) }, "does not accept the job's token"},
		"no run":        {func(j *job) { j.again("BUILD_BUILDID") }, "Build.BuildId"},
		"no server": {func(j *job) {
			delete(j.env, "ENDPOINT_AUTH_PARAMETER_SYSTEMVSSCONNECTION_ACCESSTOKEN")
			delete(j.env, "ENDPOINT_AUTH_SYSTEMVSSCONNECTION")
		}, "the logs: "},
		"no folder":      {func(j *job) { j.again("BUILD_ARTIFACTSTAGINGDIRECTORY") }, "Build.ArtifactStagingDirectory"},
		"no workspace":   {func(j *job) { j.again("PIPELINE_WORKSPACE") }, "Pipeline.Workspace"},
		"file":           {func(j *job) { j.write("work/1/s/secret.bin", "x"); j.unreadable("work/1/s/secret.bin") }, "cannot be"},
		"no logs":        {func(j *job) { j.server.Update(func(p *adotest.Project) { p.Runs[0].Logs = nil }) }, "the server has no log of this run"},
		"no such path":   {func(j *job) { j.input("scanPaths", "none.txt").again("") }, "scanPaths: s/none.txt: there is no such file or folder"},
		"no baseline":    {func(j *job) { j.must(os.Remove(j.path("baseline.json"))) }, "there is no such file"},
		"bad baseline":   {func(j *job) { j.write("baseline.json", `{"schema":2}`) }, "has schema 2"},
		"state, removed": {func(j *job) { j.must(os.Remove(j.sealed()[0])) }, "the sealed file"},
		"state, emptied": {func(j *job) { j.must(os.WriteFile(j.sealed()[0], nil, 0o600)) }, "the sealed file"},
		"state, changed": {func(j *job) {
			data, err := os.ReadFile(j.sealed()[0])
			j.must(err)
			data[len(data)/2] ^= 1
			j.must(os.WriteFile(j.sealed()[0], data, 0o600))
		}, "the sealed file"},
		"key, another's": {func(j *job) { j.env[sealedVariable] = strings.Repeat("A", 43) + "= " + j.sealed()[0] }, "the sealed file"},
		"key, cut":       {func(j *job) { j.env[sealedVariable] = "AAAA " + j.sealed()[0] }, "the sealed file"},
	} {
		for _, enforcement := range []string{"enforce", "warn"} {
			t.Run(name+" "+enforcement, func(t *testing.T) {
				t.Parallel()
				j := newJob(t)
				j.write("baseline.json", `{"schema":1,"accepted":[]}`)
				j.vault.Set("a", leakedValue)
				j.inputs("secrets", "A=a", "baseline", j.path("baseline.json"), "enforcement", enforcement).
					expect("main", "Succeeded")
				j.printed("Test", "all is well\n")
				tc.change(j)
				want := map[string]string{"enforce": "Failed", "warn": "SucceededWithIssues"}[enforcement]
				wrongInput := strings.Contains(name, "baseline")
				if wrongInput {
					want = "Failed"
				}
				j.expect("post", want, tc.says, "!"+leakedValue)
				if !wrongInput && strings.Contains(j.shown(), "No secret found") {
					t.Errorf("the log says that all is well:\n%s", j.shown())
				}
			})
		}
	}
}

// sealedVariable is the task variable with the key and the name of the sealed file.
const sealedVariable = "VSTS_TASKVARIABLE_GUARDRAILS_SEALED_SECRET"

// again runs the main stage once more, without a variable: the scan goes by what there was
// when it ran.
func (j *job) again(without string) {
	j.t.Helper()
	delete(j.env, without)
	j.expect("main", "Succeeded")
}

// ofLogs lets the list of logs pass, and not a log.
func ofLogs(f adotest.Fault) adotest.Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.HasSuffix(r.URL.Path, "/logs") {
			next.ServeHTTP(w, r)
			return
		}
		f(w, r, next)
	}
}

// unreadable makes a file that nobody can read.
func (j *job) unreadable(name string) {
	j.t.Helper()
	switch {
	case runtime.GOOS == "windows":
		j.t.Skip("an access list would be needed there")
	case os.Getuid() != 0:
		j.must(os.Chmod(j.path(name), 0))
	case runtime.GOOS != "linux":
		j.t.Skip("root can read everything")
	default: // root can read everything but this: nothing is mapped at its beginning
		j.env["NPM_CONFIG_USERCONFIG"] = "/proc/self/mem"
	}
}

// TestLeaksAreToldBesideWhatCannotBeRead: one does not hide the other.
func TestLeaksAreToldBesideWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	j := ran(t)
	j.server.Fail("timeline", -1, adotest.Answer(403, "no"))
	j.write("work/1/a/x", leakedValue)
	j.expect("post", "Failed", "a/x, line 1", "1 place could not be scanned", "Not scanned: the logs")
	if got := j.issues("error"); len(got) != 2 {
		t.Errorf("the errors are %q, want the leak and what could not be read", got)
	}
}

// TestLateLog: the server shows a log some seconds after the step's end.
func TestLateLog(t *testing.T) {
	t.Parallel()
	j := ran(t)
	j.server.Fail("timeline", 1, adotest.Late)
	j.logged("Test", leakedValue+"\n").expect("post", "Failed", "log of Build / Test, line 1", "!could not be scanned")
}

// TestLongLog: an agent cuts a log into files of 8 MB, of which the record names the last
// one alone. A log that nobody names is read, too; that of the job repeats the others.
func TestLongLog(t *testing.T) {
	t.Parallel()
	j := ran(t)
	j.logged("Test", "the last page\n")
	j.server.Update(func(p *adotest.Project) {
		run := &p.Runs[0]
		run.Logs = append(run.Logs, adotest.Log{ID: 50, Text: "first page: " + leakedValue + "\n"})
	})
	j.expect("post", "Failed", "log 50 of the run, line 1")
}

// TestSkippedStepsHaveNoLog: nobody waits for one.
func TestSkippedStepsHaveNoLog(t *testing.T) {
	t.Parallel()
	j := ran(t)
	r := recordOf("Task", "Not needed", "completed")
	r.Result = "skipped"
	j.record(r).expect("post", "Succeeded")
}

// TestLaterSteps: those whose output the scan does not see are named; the agent's own and
// this one are none of them.
func TestLaterSteps(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		step  string
		later []string
		want  string // "" for no warning
	}{
		"none":         {"Secrets", []string{"Finalize Job"}, ""},
		"two":          {"Secrets", []string{"Post-job: Node", "Post-job: Docker", "Finalize Job", "Post-job: Checkout shop@main to s"}, "which does not see what they print: Post-job: Node, Post-job: Docker. "},
		"like ours":    {"Secrets", []string{"Post-job: Publish Secrets"}, "which does not see what they print: Post-job: Publish Secrets. "},
		"ours unnamed": {"", []string{"Post-job: Docker"}, "which does not see what they print: Post-job: Docker. "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t)
			j.vault.Set("a", leakedValue)
			j.env["TASK_DISPLAYNAME"] = tc.step
			j.input("secrets", "A=a").expect("main", "Succeeded")
			for _, step := range tc.later {
				j.record(recordOf("Task", step, "pending"))
			}
			j.expect("post", "Succeeded")
			got := strings.Join(j.issues("warning"), "\n")
			if tc.want == "" && got != "" || !strings.Contains(got, tc.want) || tc.want != "" && !strings.Contains(got, "put this step first in the job") {
				t.Errorf("the warnings are %q, want %q", got, tc.want)
			}
		})
	}
}

// TestPostCancelled: a scan that is stopped says so, and does not say that all is well.
func TestPostCancelled(t *testing.T) {
	t.Parallel()
	j := ran(t)
	j.logged("Test", leakedValue)
	stop, cancel := context.WithCancelCause(t.Context())
	j.stop = stop
	j.server.Fail("logs", -1, func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		cancel(errors.New("the job was cancelled"))
		<-r.Context().Done()
	})
	j.expect("post", "Failed", "cancelled: the job was cancelled", "!No secret found")
}

// TestMainCancelled: nothing is set, and the post stage has nothing to look for but what
// the rules find.
func TestMainCancelled(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"Fetching 2 secrets", "Masked: ", "Plain variables: "} {
		j := two(t)
		stop, cancel := context.WithCancelCause(t.Context())
		j.stop = stop
		j.watch = func(printed string) {
			if strings.Contains(printed, text) {
				cancel(errors.New("the job was cancelled"))
			}
		}
		result := j.run("main")
		if text == "Fetching 2 secrets" && (result != "Failed" || !strings.Contains(j.shown(), "cancelled: ")) {
			t.Errorf("cancelled at %q, main ended as %s:\n%s", text, result, j.shown())
		}
		if result == "Failed" {
			j.nothingSet()
		}
		j.stop, j.watch = t.Context(), nil
		j.expect("post", "Succeeded")
		if left := j.sealed(); len(left) > 0 {
			t.Errorf("cancelled at %q: the post stage has left %q", text, left)
		}
	}
}
