package guardedpush

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/adotest"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/message"
)

// What the tests need of the lab besides a step that runs.

// another is another run of the pipeline, on an agent of its own, with the same servers.
func (j *job) another(id int) *job {
	j.t.Helper()
	root, err := filepath.EvalSymlinks(j.t.TempDir())
	j.must(err)
	other := *j
	other.root, other.log, other.waits, other.env = root, "", nil, maps.Clone(j.env)
	for name, value := range j.env {
		other.env[name] = strings.ReplaceAll(value, j.root, root)
	}
	for _, dir := range []string{"work/_temp", "work/1/s", "home"} {
		j.must(os.MkdirAll(other.path(dir), 0o755))
	}
	return other.set("BUILD_BUILDID", strconv.Itoa(id), "BUILD_BUILDNUMBER", "20261123."+strconv.Itoa(id))
}

// fresh is a job whose repository has one file, which an edit changes.
func fresh(t *testing.T) *job {
	t.Helper()
	return newJob(t, map[string]string{"v.yaml": "a: 1\n"}).input("edits", "v.yaml: a = 2")
}

// plant puts a commit onto a ref of the server, with the files of main.
func (j *job) plant(ref, text string, when time.Time) string {
	j.t.Helper()
	refs, err := j.git.Refs(configRepo)
	j.must(err)
	parent := ""
	if old := refs[ref]; old != "" {
		parent = "parent " + old + "\n"
	}
	who := " Somebody Else <somebody@example.com> " + strconv.FormatInt(when.Unix(), 10) + " +0000\n"
	path := filepath.Join(j.t.TempDir(), "commit")
	j.must(os.WriteFile(path, []byte("tree "+j.remote("rev-parse", "main^{tree}")+"\n"+parent+"author"+who+
		"committer"+who+"\n"+text), 0o600))
	id := j.remote("hash-object", "-w", "-t", "commit", path)
	j.remote("update-ref", ref, id)
	return id
}

// stamped puts a commit of the task's onto main, as a run of this pipeline has made it.
func (j *job) stamped(run int, when time.Time, change func(*message.Stamp)) string {
	j.t.Helper()
	st := message.Stamp{Pipeline: "local/Shop/12", Run: strconv.Itoa(run), Kind: "other"}
	if change != nil {
		change(&st)
	}
	text, err := message.Compose("Update something", st, message.SkipNone)
	j.must(err)
	return j.plant("refs/heads/main", text, when)
}

// theirs is a push of somebody else's to main.
func (j *job) theirs(files map[string]string) string {
	j.t.Helper()
	id, err := j.git.Commit(configRepo, "main", "theirs", files)
	j.must(err)
	return id
}

// lacks takes a permission from the build service.
func (j *job) lacks(permissions ...string) *job {
	j.devops.Update(func(p *adotest.Project) { p.Denied = permissions })
	return j
}

// ran adds runs to the server's list.
func (j *job) ran(runs ...adotest.Run) *job {
	j.devops.Update(func(p *adotest.Project) {
		for _, r := range runs {
			if r.Definition == 0 {
				r.Definition = definition
			}
			p.Runs = append(p.Runs, r)
		}
	})
	return j
}

// scratches are the folders that steps work in.
func (j *job) scratches() []string {
	j.t.Helper()
	left, err := filepath.Glob(j.path("work/_temp/guardedpush-*"))
	j.must(err)
	return left
}

// told is how many alerts have arrived.
func (j *job) told() int {
	j.hooks.mu.Lock()
	defer j.hooks.mu.Unlock()
	return len(j.hooks.bodies)
}

// tells makes the step tell the lab's receiver.
func (j *job) tells() *job {
	return j.input("alertWebhook", strings.TrimSuffix(j.url, "local/")+"hooks/generic", "alertFormat", "generic")
}

// silent fails the test if the log has a text, but where the agent is told that it is
// secret.
func (j *job) silent(texts ...string) {
	j.t.Helper()
	for line := range strings.Lines(j.log) {
		for _, text := range texts {
			if strings.Contains(line, text) && !strings.HasPrefix(line, "##vso[task.setsecret]") {
				j.t.Errorf("the log says %q: %s", text, line)
			}
		}
	}
}

// errors are the lines of the log that the agent shows as errors.
func (j *job) errors() []string { return j.issues("error") }

// warnings are those that it shows as warnings.
func (j *job) warnings() []string { return j.issues("warning") }

func (j *job) issues(kind string) []string {
	var found []string
	for line := range strings.SplitSeq(j.log, "\n") {
		if strings.HasPrefix(line, "##vso[task.logissue type="+kind+";") {
			found = append(found, line)
		}
	}
	return found
}

// oneError fails the test if the step does not end with one error, which says all that.
func (j *job) oneError(says ...string) {
	j.t.Helper()
	found := j.errors()
	if len(found) != 1 {
		j.t.Errorf("%d error lines, want 1: %q\n%s", len(found), found, j.log)
		return
	}
	for _, text := range says {
		if !strings.Contains(found[0], text) {
			j.t.Errorf("the error does not say %q: %s", text, found[0])
		}
	}
}

// newest is the message of the newest commit of a branch on the server.
func (j *job) newest(branch string) string {
	j.t.Helper()
	return j.remote("log", "-1", "--format=%B", branch)
}

// understood calls do with the step as it is before it does anything.
func (j *job) understood(do func(s *step)) {
	j.t.Helper()
	environ := make([]string, 0, len(j.env))
	for name, value := range j.env {
		environ = append(environ, name+"="+value)
	}
	j.log = ""
	task.Exec(task.World{
		Args: []string{"main"}, Environ: environ, Stdout: j, Now: func() time.Time { return j.now }, Stop: j.stop,
	}, task.Task[Inputs]{Name: "GuardedPush", Main: func(_ context.Context, env *task.Env, in Inputs) error {
		s, err := understand(env, in)
		if err != nil {
			return err
		}
		do(s)
		return nil
	}})
	if found := j.errors(); len(found) > 0 {
		j.t.Errorf("errors: %q", found)
	}
}

// newBareJob is a job for tests that do not get as far as the repository.
func newBareJob(t *testing.T) *job {
	t.Helper()
	return newJob(t, nil)
}

func writeFile(name, text string) error { return os.WriteFile(name, []byte(text), 0o600) }

// serve returns the address of a handler.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

// same fails the test if two values differ.
func same[T any](t *testing.T, what string, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
